"""CommerceML 2, the exchange format of 1C: orders (Документ with ХозОперация "Заказ товара").

In: the root element КоммерческаяИнформация. Out: a `Reading` of strength 3. Standard: CommerceML
2.0-2.10. A catalogue (import.xml, offers.xml) has no documents and gives an empty reading.

Limits: several orders in one file are a problem; the first one's lines are given.
"""

from lxml import etree

from postroom.order import Buyer, Delivery, OrderKind, OrderLine

from .currency import code_of_word
from .lines import checked_gtin
from .nodes import attribute, child, children, day, number, text
from .reading import Reading
from .structured import exact_line

_ORDERS = ("заказ", "order")
_INVOICES = ("счет", "счёт", "отпуск", "реализация")


def read_commerceml(root: etree._Element, filename: str) -> Reading:
    """The first order of a CommerceML file; an empty reading for a catalogue."""
    documents = [one for one in children(root, "Документ") if child(one, "Товары") is not None]
    documents += [
        one for one in children(root, "Контейнер/Документ") if child(one, "Товары") is not None
    ]
    if not documents:
        return Reading(
            kind=OrderKind.NONE, problems=("no-order-document",), strength=3, source=filename
        )
    document = documents[0]
    operation = text(document, "ХозОперация").lower()
    invoice = any(word in operation for word in _INVOICES) and not any(
        word in operation for word in _ORDERS
    )
    problems = ["several-orders"] if len(documents) > 1 else []
    if _is_cancelled(document):
        problems.append("cancellation")
    kind = (
        OrderKind.INVOICE
        if invoice
        else OrderKind.ORDER_CHANGE
        if "cancellation" in problems
        else OrderKind.ORDER
    )
    total = number(text(document, "Сумма"))
    return Reading(
        kind=kind,
        lines=tuple(
            _line(item, place, filename)
            for place, item in enumerate(children(document, "Товары/Товар"), start=1)
        ),
        number=text(document, "Номер", "Ид"),
        date=day(text(document, "Дата")),
        currency=code_of_word(text(document, "Валюта")) or text(document, "Валюта")[:3].upper(),
        buyer=_buyer(document),
        delivery=Delivery(
            address=text(
                document,
                "АдресДоставки/Представление",
                "Контрагенты/Контрагент/Адрес/Представление",
            )
        ),
        totals=() if total is None else (total,),
        problems=tuple(problems),
        strength=3,
        source=filename,
    )


def _is_cancelled(document: etree._Element) -> bool:
    for value in children(document, "ЗначенияРеквизитов/ЗначениеРеквизита"):
        if (
            text(value, "Наименование").lower() in ("отменен", "отменён", "пометка удаления")
            and text(value, "Значение").lower() == "true"
        ):
            return True
    return False


def _line(item: etree._Element, place: int, filename: str) -> OrderLine:
    unit = child(item, "БазоваяЕдиница")
    if unit is None:
        unit = child(item, "Единица")
    code = attribute(unit, "Код")
    named = (
        ((unit.text or "").strip() if unit is not None else "")
        or text(unit, "НаименованиеКраткое")
        or attribute(unit, "НаименованиеПолное")
    )
    gtin, _ = checked_gtin(text(item, "Штрихкод"))
    return exact_line(
        number=place,
        source=f"{filename}:Товар {place}",
        sku=text(item, "Артикул", "Ид"),
        gtin=gtin,
        description=text(item, "Наименование"),
        quantity=number(text(item, "Количество")),
        unit=named or code,
        price=number(text(item, "ЦенаЗаЕдиницу", "Цена")),
        total=number(text(item, "Сумма")),
        discounted=child(item, "Скидки") is not None,
    )


def _buyer(document: etree._Element) -> Buyer:
    for party in children(document, "Контрагенты/Контрагент"):
        if text(party, "Роль").lower() in ("покупатель", "плательщик", ""):
            return Buyer(
                name=text(party, "ОфициальноеНаименование", "ПолноеНаименование", "Наименование"),
                email=_mail(party),
                tax_id=text(party, "ИНН"),
            )
    return Buyer()


def _mail(party: etree._Element) -> str:
    for contact in children(party, "Контакты/Контакт"):
        if "почта" in text(contact, "Тип").lower() or "@" in text(contact, "Значение"):
            return text(contact, "Значение")
    return ""
