"""Whole messages: kind, sources compared, completeness."""

import io
from email.message import EmailMessage

import openpyxl
import pytest

from postroom.classify.orders import extract, extract_document
from postroom.classify.orders.kind import kind_of_mail
from postroom.order import Order, OrderKind
from postroom.reading.reader import read


def workbook(*rows: list[object]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def order_in(
    body: str, subject: str = "", files: dict[str, bytes] | None = None, html: str = ""
) -> Order:
    message = EmailMessage()
    message["From"] = "Buyer <buyer@kunde.test>"
    message["To"] = "info@firma.test"
    message["Subject"] = subject
    message["Date"] = "Mon, 03 Jun 2024 10:00:00 +0300"
    message.set_content(body)
    if html:
        message.add_alternative(html, subtype="html")
    for name, content in (files or {}).items():
        message.add_attachment(
            content, maintype="application", subtype="octet-stream", filename=name
        )
    return extract(read(message.as_bytes()))


SHEET = workbook(
    ["Заявка № 7 от 01.06.2024"],
    ["Артикул", "Наименование", "Кол-во", "Ед."],
    ["A-1", "Болт М8", 200, "шт"],
    ["A-2", "Гайка М8", 100, "шт"],
)


def test_a_sheet_is_an_order_with_its_number_and_date() -> None:
    order = order_in("Добрый день, заявка во вложении.", "Заявка", {"z.xlsx": SHEET})
    assert order.kind is OrderKind.ORDER
    assert order.number == "7"
    assert str(order.date) == "2024-06-01"
    assert order.complete
    assert order.buyer.email == "buyer@kunde.test"
    assert [line.sku for line in order.lines] == ["A-1", "A-2"]
    assert order.lines[0].source == "z.xlsx:Sheet!A3"


def test_body_and_sheet_that_agree_confirm_each_other() -> None:
    body = "Заявка, копия во вложении:\nБолт М8 - 200 шт\nГайка М8 - 100 шт\n"
    order = order_in(body, "Заявка", {"z.xlsx": SHEET})
    assert order.complete
    assert len(order.lines) == 2


def test_body_and_sheet_that_differ_are_a_problem() -> None:
    body = "Заявка, копия во вложении:\nБолт М8 - 250 шт\nГайка М8 - 100 шт\n"
    order = order_in(body, "Заявка", {"z.xlsx": SHEET})
    assert not order.complete
    assert "sources-differ:body" in order.problems
    assert order.lines[0].quantity == 200


def test_an_unreadable_attachment_is_a_problem() -> None:
    order = order_in("Заказ:\nБолт М8 - 200 шт", "Заказ", {"scan.bin": b"\x00\x01\x02" * 99})
    assert not order.complete
    assert "attachment-unreadable:scan.bin" in order.problems


def test_an_announced_attachment_that_is_missing_is_a_problem() -> None:
    order = order_in("Заказ во вложении", "Заказ 12")
    assert "attachment-missing" in order.problems
    assert not order.complete


def test_a_table_of_the_html_part_is_read() -> None:
    html = (
        "<table><tr><th>SKU</th><th>Product</th><th>Qty</th><th>Price</th></tr>"
        "<tr><td>M-1</td><td>Mug white</td><td>36</td><td>4.25</td></tr>"
        "<tr><td>P-2</td><td>Plate blue</td><td>24</td><td>6.10</td></tr></table>"
    )
    body = "Please send us this order\n\nSKU\nProduct\nQty\nPrice\nM-1\nMug white\n36\n4.25\n"
    order = order_in(body + "P-2\nPlate blue\n24\n6.10\n", "Order 5512", html=html)
    assert [(line.sku, str(line.quantity), str(line.unit_price)) for line in order.lines] == [
        ("M-1", "36", "4.25"),
        ("P-2", "24", "6.10"),
    ]


def test_quoted_text_is_read_when_the_writer_only_confirms_and_never_surely() -> None:
    body = (
        "Да, всё верно, оформляйте заказ.\n\n"
        "03.06.2024 11:02, Менеджер <sales@firma.test> пишет:\n"
        "> Обои арт. 7713-02 — 14 рул. по 1 890 руб.\n"
        "> Клей 300 г — 5 шт. по 410 руб.\n"
    )
    order = order_in(body, "Re: предложение")
    assert [line.quantity for line in order.lines] == [14, 5]
    assert all(line.confidence < 0.85 for line in order.lines)
    assert "from-quoted-text" in order.problems
    assert not order.complete


def test_totals_that_do_not_agree_are_a_problem() -> None:
    body = "Заказ:\nБолт - 10 шт по 5 руб\nГайка - 10 шт по 3 руб\nИтого: 90 руб\n"
    order = order_in(body, "Заказ")
    assert "total-mismatch" in order.problems
    assert not order.complete


def test_totals_with_vat_on_top_agree() -> None:
    body = "Заказ:\nБолт - 10 шт по 5 руб\nГайка - 10 шт по 3 руб\nИтого с НДС: 96 руб\n"
    order = order_in(body, "Заказ")
    assert order.complete
    assert order.total == 96


@pytest.mark.parametrize(
    ("subject", "text", "kind"),
    [
        ("заявка", "Просим отгрузить болты", OrderKind.ORDER),
        ("", "Bitte liefern Sie 5 Stück", OrderKind.ORDER),
        ("PO 55", "see attached", OrderKind.ORDER),
        ("Отмена заказа", "Просим аннулировать заказ 5", OrderKind.ORDER_CHANGE),
        ("Storno", "hiermit storniere ich den Auftrag", OrderKind.ORDER_CHANGE),
        ("order 8817", "Please cancel it", OrderKind.ORDER_CHANGE),
        ("", "добавьте в заказ 55 ещё 20 шт", OrderKind.ORDER_CHANGE),
        ("", "Wir ändern unsere Bestellung 600", OrderKind.ORDER_CHANGE),
        ("Счёт № 554", "Направляем счёт № 554 на оплату", OrderKind.INVOICE),
        ("Rechnung 2024-1", "anbei unsere Rechnung 2024-1", OrderKind.INVOICE),
        ("", "Выставите счёт на 5 лицензий", OrderKind.ORDER),
        ("RFQ 5", "Please quote 100 off brackets", OrderKind.NONE),
        ("", "Сколько стоит кофе?", OrderKind.NONE),
        ("", "Bitte um ein Angebot für Teppich", OrderKind.NONE),
        ("Order confirmation 5", "Thank you for your order", OrderKind.NONE),
        ("", "Ваш заказ № 5 принят", OrderKind.NONE),
        ("Re: Запрос ТКП", "Размещаем заказ на задвижки", OrderKind.ORDER),
    ],
)
def test_the_kind_is_told_by_what_is_asked(subject: str, text: str, kind: OrderKind) -> None:
    assert kind_of_mail(subject, text).kind is kind


def test_the_same_as_last_time_is_never_complete() -> None:
    order = order_in("Same as last time please but 30 instead of 20.", "oil")
    assert not order.complete


def test_a_bare_document_is_an_order_by_its_title() -> None:
    order = extract_document("x.xlsx", SHEET)
    assert order.kind is OrderKind.ORDER
    assert order.complete


def test_the_empty_message_is_no_order() -> None:
    order = order_in("", "")
    assert order.kind is OrderKind.NONE
    assert order.lines == ()


def test_a_wrong_tax_number_is_named_and_stops_nothing() -> None:
    order = order_in("Заказ:\nБолт М8 - 200 шт\n\nИНН 7700000001\n", "Заказ")
    assert order.buyer.tax_id == ""
    assert "tax-id-invalid" in order.problems
    assert order.complete


def test_an_invoice_in_the_text_is_no_order_though_it_names_one() -> None:
    order = order_in(
        "please find below our invoice for goods dispatched against your order 7731.\n\n"
        "Invoice number: CS-60914\nDue date: 14 December 2026\n\n"
        "Steel angle 40x40x4, 6 m     24 pcs   18.50    444.00\n"
        "Net      444.00\nVAT 20%   88.80\nTotal due: GBP 532.80\n",
        "Invoice CS-60914 for your order 7731",
    )
    assert order.kind is OrderKind.INVOICE
    assert order.number == "CS-60914"
    assert str(order.total) == "532.80"
    assert not order.complete


def test_a_question_needs_a_person_but_a_polite_order_is_none() -> None:
    asks = order_in("Please send 8 bags of malt. Prices as in the list of May, right?", "Order")
    assert "asks-back" in asks.problems
    orders = order_in("Could you send us 5 boxes of copy paper and 2 rolls of tape?", "Order")
    assert "asks-back" not in orders.problems


def test_a_total_beside_lines_without_price_needs_a_person() -> None:
    order = order_in("We order:\n- 18 gutters @ 9.80\n- 36 brackets\nTotal 231.00", "Order")
    assert not order.complete
