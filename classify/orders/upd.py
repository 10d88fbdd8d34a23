"""УПД and its kin (ON_NSCHFDOPPR, ON_SCHET, ON_ORDER...): the formats of Russian e-documents.

In: the root element Файл. Out: a `Reading` of strength 3. Standards: orders ММВ-7-15/820@ (5.01)
and ЕД-7-26/970@ (5.03) of the ФНС. Both are invoices of a seller; the buyer's name goes to nobody.

Limits: corrective documents (УКД) are invoices without lines here.
"""

from lxml import etree

from postroom.order import Buyer, OrderKind, OrderLine

from .nodes import attribute, child, children, day, number
from .reading import Reading
from .structured import exact_line

_CURRENCIES = {
    "643": "RUB",
    "810": "RUB",
    "840": "USD",
    "978": "EUR",
    "156": "CNY",
    "933": "BYN",
    "398": "KZT",
}


def read_upd(root: etree._Element, filename: str) -> Reading:
    """The invoice in a УПД."""
    document = child(root, "Документ")
    invoice = child(document, "СвСчФакт")
    table = child(document, "ТаблСчФакт")
    lines = tuple(
        _line(item, place, filename)
        for place, item in enumerate(children(table, "СведТов"), start=1)
    )
    total = number(attribute(child(table, "ВсегоОпл"), "СтТовУчНалВсего"))
    currency = attribute(invoice, "КодОКВ") or attribute(child(invoice, "ДенИзм"), "КодОКВ")
    return Reading(
        kind=OrderKind.INVOICE if lines or invoice is not None else OrderKind.NONE,
        lines=lines,
        number=attribute(invoice, "НомерСчФ", "НомерДок"),
        date=day(attribute(invoice, "ДатаСчФ", "ДатаДок")),
        currency=_CURRENCIES.get(currency, ""),
        buyer=_seller(invoice),
        totals=() if total is None else (total,),
        strength=3,
        source=filename,
    )


def _line(item: etree._Element, place: int, filename: str) -> OrderLine:
    extra = child(item, "ДопСведТов")
    net = number(attribute(item, "СтТовБезНДС"))
    gross = number(attribute(item, "СтТовУчНал"))
    return exact_line(
        number=place,
        source=f"{filename}:СведТов {attribute(item, 'НомСтр') or place}",
        sku=attribute(extra, "АртикулТов", "КодТов"),
        gtin=attribute(extra, "ГТИН"),
        description=attribute(item, "НаимТов"),
        quantity=number(attribute(item, "КолТов")),
        unit=attribute(extra, "НаимЕдИзм")
        or attribute(item, "НаимЕдИзм")
        or attribute(item, "ОКЕИ_Тов"),
        price=number(attribute(item, "ЦенаТов")),
        total=net if net is not None else gross,
    )


def _seller(invoice: etree._Element | None) -> Buyer:
    identity = child(invoice, "СвПрод/ИдСв")
    company = child(identity, "СвЮЛУч")
    if company is not None:
        return Buyer(name=attribute(company, "НаимОрг"), tax_id=attribute(company, "ИННЮЛ"))
    person = child(identity, "СвИП")
    name = child(person, "ФИО")
    said = " ".join(
        part
        for part in (
            attribute(name, "Фамилия"),
            attribute(name, "Имя"),
            attribute(name, "Отчество"),
        )
        if part
    )
    return Buyer(name=said, tax_id=attribute(person, "ИННФЛ"))
