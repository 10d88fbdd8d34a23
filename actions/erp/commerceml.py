"""Orders as CommerceML 2, the way 1C takes them from a web shop ("обмен с сайтом"). Pure.

In: bodies of contract section 4. Out: the XML that answers `type=sale&mode=query`: one Документ
with ХозОперация "Заказ товара" per order, each made alone, so that one that cannot be made costs
the others nothing. Ид is our key, so that 1C, which remembers it, takes an order once however
often it is offered; Номер is the customer's number, or the key's first part.

Standard: CommerceML 2.10 as 1C's configurations read it (Управление торговлей, УНФ, БП).

Limits: no delivery charges and no discounts; units keep the customer's word.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from lxml import etree

from .mapping import amount

_VERSION = "2.10"
Record = dict[str, Any]


def orders_xml(documents: Iterable[etree._Element], now: datetime) -> bytes:
    """The whole file of these `order_document`s, UTF-8."""
    root = etree.Element("КоммерческаяИнформация")
    root.set("ВерсияСхемы", _VERSION)
    root.set("ДатаФормирования", now.strftime("%Y-%m-%dT%H:%M:%S"))
    root.extend(documents)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def order_number(body: Record) -> str:
    """The number under which people find the order in 1C."""
    return str(body["order_number"] or body["external_ref"][:8])


def order_document(body: Record) -> etree._Element:
    """One order. Raises ValueError for a text that XML cannot hold."""
    document = etree.Element("Документ")
    customer = body["customer"]
    ordered = str(body["ordered_at"])
    _texts(
        document,
        Ид=body["external_ref"],
        Номер=order_number(body),
        Дата=ordered[:10],
        ХозОперация="Заказ товара",
        Роль="Продавец",
        Валюта=body["currency"],
        Курс="1",
        Сумма=f"{amount(*body['lines']):f}",
    )
    party = etree.SubElement(etree.SubElement(document, "Контрагенты"), "Контрагент")
    name = customer["company"] or customer["name"] or customer["email"]
    _texts(
        party,
        Ид=customer["email"],
        Наименование=name,
        Роль="Покупатель",
        ПолноеНаименование=name,
        ИНН=customer["tax_id"],
    )
    contact = etree.SubElement(etree.SubElement(party, "Контакты"), "Контакт")
    _texts(contact, Тип="Почта", Значение=customer["email"])
    _texts(document, Время=ordered[11:19] or "00:00:00", Комментарий=body["note"])
    goods = etree.SubElement(document, "Товары")
    for line in body["lines"]:
        _line(etree.SubElement(goods, "Товар"), line)
    delivery = body["delivery"]
    values = etree.SubElement(document, "ЗначенияРеквизитов")
    for label, value in (
        ("Номер по данным клиента", body["order_number"]),
        ("Адрес доставки", delivery["address"]),
        ("Дата отгрузки", delivery["date"]),
    ):
        if value:
            requisite = etree.SubElement(values, "ЗначениеРеквизита")
            _texts(requisite, Наименование=label, Значение=value)
    return document


def _line(good: Any, line: Record) -> None:
    name = line["description"] or line["sku"] or line["gtin"]
    _texts(good, Ид=line["sku"], Штрихкод=line["gtin"], Артикул=line["sku"], Наименование=name)
    _texts(good, БазоваяЕдиница=line["unit"] or "шт")
    _texts(
        good,
        ЦенаЗаЕдиницу=line["unit_price"] or "0",
        Количество=line["quantity"] or "0",
        Сумма=f"{amount(line):f}",
    )


def _texts(parent: Any, **texts: str) -> None:
    for name, value in texts.items():
        if value:
            etree.SubElement(parent, name).text = value
