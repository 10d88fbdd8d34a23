"""Whole messages: kind, sources compared, completeness."""

import io
from email.message import EmailMessage

import openpyxl
import pytest
from openpyxl.styles import Font

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


@pytest.mark.parametrize(("declared", "charset"), [("", "cp1252"), ("iso-8859-2", "iso8859-2")])
def test_the_charset_that_a_table_was_sent_with_is_believed(declared: str, charset: str) -> None:
    name, unit = ("Dübel Größe 8", "Stück") if not declared else ("Śruba żółta mała", "sztuk")
    message = EmailMessage()
    message["From"] = "Buyer <buyer@kunde.test>"
    message["Subject"] = "Bestellung"
    message.set_content("Guten Tag,\n\nanbei unsere Bestellung.\n")
    rows = f"Artikelnr;Bezeichnung;Menge;Einheit\nM-1;{name};100;{unit}\nM-2;{name} II;2;{unit}\n"
    message.add_attachment(
        rows.encode(charset),
        maintype="text",
        subtype="csv",
        filename="b.csv",
        params={"charset": declared} if declared else None,
    )
    read_lines = extract(read(message.as_bytes())).lines
    assert [(one.description, one.unit) for one in read_lines] == [
        (name, unit),
        (f"{name} II", unit),
    ]


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


def test_rows_that_a_cell_spans_are_lines_of_their_own() -> None:
    html = (
        "<p>Please order:</p><table>"
        "<tr><th>Product</th><th>Colour</th><th>Part</th><th>Qty</th></tr>"
        "<tr><td rowspan=2>Chair Oslo</td><td>black</td><td>A-10</td><td>4</td></tr>"
        "<tr><td>red</td><td>A-11</td><td>2</td></tr></table>"
    )
    rows = "Product\tColour\tPart\tQty\nChair Oslo\tblack\tA-10\t4\nred\tA-11\t2\n"
    order = order_in(f"Please order:\n\n{rows}", "Order 5512", html=html)
    assert [(line.sku, line.description, str(line.quantity)) for line in order.lines] == [
        ("A-10", "Chair Oslo black", "4"),
        ("A-11", "Chair Oslo red", "2"),
    ]
    assert order.complete


def test_a_row_of_html_that_the_text_lacks_needs_a_person() -> None:
    html = (
        "<table><tr><th>Product</th><th>Qty</th></tr><tr><td>Chair Oslo</td><td>4</td></tr>"
        "<tr><td>Lamp Nord</td><td>9</td></tr></table>"
    )
    order = order_in("Please order:\n\nProduct\tQty\nChair Oslo\t4\n", "Order 5512", html=html)
    assert "sources-differ:body" in order.problems
    assert not order.complete


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
        ("", "hiermit bestätige ich Ihre Bestellung:", OrderKind.NONE),
        ("", "We are pleased to confirm your order:", OrderKind.NONE),
        ("", "Подтверждаем получение вашего заказа:", OrderKind.NONE),
        ("", "Подтверждаем заказ:", OrderKind.ORDER),
        ("Re: Запрос ТКП", "Размещаем заказ на задвижки", OrderKind.ORDER),
    ],
)
def test_the_kind_is_told_by_what_is_asked(subject: str, text: str, kind: OrderKind) -> None:
    assert kind_of_mail(subject, text).kind is kind


@pytest.mark.parametrize(
    ("said", "sells"),
    [
        ("all fine, we will ship on Monday:", True),
        ("the following are on back order and will follow in January:", True),
        ("We still have:", True),
        ("Wir haben noch:", True),
        ("wir versenden am Montag:", True),
        ("Отгрузим в понедельник:", True),
        ("В наличии осталось:", True),
        ("Ihre Lieferung ist heute unterwegs:", True),
        ("Your parcel was handed over to the courier:", True),
        ("Груз передан перевозчику:", True),
        ("please see that the goods are shipped on Friday:", False),
        ("please supply, we will collect:", False),
        ("bitte liefern Sie, wir holen ab:", False),
        ("На складе мало. Просим отгрузить:", False),
    ],
)
def test_a_seller_who_tells_what_he_ships_or_has_orders_nothing(said: str, sells: bool) -> None:
    order = order_in(f"{said}\n\n20 x drill bit 8mm\n10 x drill bit 10mm\n", "PO 12")
    assert len(order.lines) == 2
    assert ("not-an-order" in order.problems) is sells
    assert order.complete is not sells


def test_an_inventory_is_not_ordered_because_a_mail_says_please_order() -> None:
    stock = b"Inventory count,,\nSKU,Name,Qty\n1-2,Pen blue,10\n1-3,Pen red,20\n"
    order = order_in("Please order as attached.", "Order", {"stock.csv": stock})
    assert "not-an-order" in order.problems
    assert not order.complete


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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Our order is attached. Please leave out the desks.", "leaves-out"),
        ("Заявка во вложении, кроме столов.", "leaves-out"),
        ("Anbei unsere Bestellung, aber ohne die Tische.", "leaves-out"),
        ("Attached is a draft order, please do not process it yet.", "order-draft"),
        ("Please find our order attached. Add two lamps as well.", "quantity-unsaid"),
    ],
)
def test_what_a_mail_says_of_the_sheet_it_brings_is_heard(text: str, problem: str) -> None:
    order = order_in(text, "Order", {"order.xlsx": SHEET})
    assert len(order.lines) == 2
    assert problem in order.problems
    assert not order.complete


def test_what_a_mail_says_beside_its_html_table_is_heard() -> None:
    html = (
        "<table><tr><th>Item</th><th>Qty</th></tr><tr><td>Chair</td><td>10</td></tr>"
        "<tr><td>Desk</td><td>5</td></tr></table><p>Please leave out the desks.</p>"
    )
    body = "Please order:\nItem\nQty\nChair\n10\nDesk\n5\nPlease leave out the desks.\n"
    order = order_in(body, "Order", html=html)
    assert len(order.lines) == 2
    assert "leaves-out" in order.problems


@pytest.mark.parametrize(
    "row",
    [
        "<tr><td><s>Desk</s></td><td><del>5</del></td></tr>",
        "<tr style='text-decoration: line-through'><td>Desk</td><td>5</td></tr>",
    ],
)
def test_rows_struck_out_in_html_need_a_person(row: str) -> None:
    head = "<table><tr><th>Item</th><th>Qty</th></tr><tr><td>Chair</td><td>10</td></tr>"
    body = "Please order:\nItem\nQty\nChair\n10\nDesk\n5\n"
    order = order_in(body, "Order", html=f"{head}{row}</table>")
    assert "rows-struck" in order.problems
    assert not order.complete
    assert "rows-struck" not in order_in(body, "Order", html=f"{head}</table>").problems


@pytest.mark.parametrize("struck", [True, False])
def test_cells_struck_out_in_a_sheet_need_a_person(struck: bool) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["SKU", "Description", "Qty"], ["A1", "Chair", 10], ["A2", "Desk", 5]):
        sheet.append(row)
    for cell in sheet[3]:
        cell.font = Font(strike=struck, bold=True)
    buffer = io.BytesIO()
    book.save(buffer)
    order = order_in("Our order is attached.", "Order", {"order.xlsx": buffer.getvalue()})
    assert order.complete is not struck
    assert ("rows-struck" in order.problems) is struck


@pytest.mark.parametrize(
    "below",
    [
        "Best regards\nAnna\n\nP.S. Please make it 20 instead of 10.",
        "Best regards\nAnna\n\nPS: sorry, please ignore this order.",
        "Best regards\nAnna\n\nThe pumps are not needed, please cancel.",
        "Best regards\nAnna\n\nand 50 pcs of B-200 as well",
        "Mit freundlichen Grüßen\nAnna\n\nNachtrag: bitte doch 15 statt 10",
        "С уважением,\nАнна\n\nP.S. лучше 15 вместо 10",
        "Sent from my iPhone\n\nSorry, I meant 100 of them",
        "-- \nB-200: 50\nC-300: 20\n\nAnna",
    ],
)
def test_what_is_said_below_the_closing_keeps_an_order_from_being_complete(below: str) -> None:
    assert not order_in(f"Please send 10 pcs of A-100.\n\n{below}\n", "Order").complete


@pytest.mark.parametrize(
    "signature",
    [
        "Best regards\nAnna Berg",
        "Best regards\nAnna Berg\nBerg Ltd\n12 High Street, Leeds LS1 4AB\nTel +44 113 496 0000\n"
        "Company No 01234567, VAT GB 123 4567 89\nMon-Fri 8:00-17:00, room 312",
        "Best regards\nAnna Berg\n\nThis e-mail is confidential. If you are not the intended\n"
        "recipient, please disregard and delete it; do not cancel or change anything.",
        "Mit freundlichen Grüßen\nAnna Berg\nEinkauf\nBerg GmbH, Hauptstr. 5, 44135 Dortmund\n"
        "HRB 12345, Amtsgericht Dortmund\nTel. 0231 1234-56\nBesuchen Sie uns: Halle 7, Stand B20!",
        "С уважением,\nАнна Берг\nООО «Берг», ИНН 7707083893\nг. Москва, ул. Ленина, д. 5, оф. 12\n"
        "тел. +7 (495) 123-45-67",
        "Best regards\nAnna\n\nP.S. Greetings to Olga!",
        "-- \nAnna Berg, PS Antriebe GmbH\n20 years of pumps, 10 % off until 31.12.",
        "Anna\nSent from my iPhone 15",
    ],
)
def test_a_signature_says_nothing_of_the_order(signature: str) -> None:
    order = order_in(f"Please send 10 pcs of A-100.\n\n{signature}\n", "Order")
    assert order.complete, order.problems


def test_a_signature_of_the_mail_program_is_looked_at() -> None:
    html = (
        "<p>Please send 10 pcs of A-100.</p>"
        "<div class=signature>and instead of A-100 take B-200, 50 pieces</div>"
    )
    order = order_in("", "Order", html=html)
    assert "signature-says-more" in order.problems
    assert not order.complete


def test_a_quoted_table_that_names_goods_by_number_only_is_not_the_writers() -> None:
    html = (
        "<p>Danke, bitte liefern Sie.</p><blockquote type=cite><table>"
        "<tr><th>GTIN</th><th>Menge</th></tr><tr><td>4006381333931</td><td>10</td></tr>"
        "<tr><td>4006381333948</td><td>20</td></tr></table></blockquote>"
    )
    order = order_in("", "AW: Angebot 77", html=html)
    assert "from-quoted-text" in order.problems
    assert not order.complete


@pytest.mark.parametrize(
    "own", ["FYI", "Order 4711 as agreed, my old mail is attached.", "10 pcs A-1"]
)
def test_the_documents_of_an_attached_message_are_not_the_writers(own: str) -> None:
    inner = EmailMessage()
    inner["From"] = "Somebody <somebody@else.test>"
    inner["Subject"] = "Order 900"
    inner.set_content("Please send us the goods of the attached order 900.\n")
    rows = b"Article;Description;Quantity;Unit\nB-200;Dowel;50;pcs\n"
    inner.add_attachment(rows, maintype="text", subtype="csv", filename="order900.csv")
    message = EmailMessage()
    message["From"] = "Buyer <buyer@kunde.test>"
    message["Subject"] = "Order"
    message.set_content(own)
    message.add_attachment(inner)
    order = extract(read(message.as_bytes()))
    assert "B-200" not in [line.sku for line in order.lines]
    assert "attachment-unread:order900.csv" in order.problems
    assert "attachment-unread:message.eml" in order.problems
    assert not order.complete
    as_file = order_in("Our order is attached.", "Order", {"old.eml": inner.as_bytes()})
    assert (as_file.lines, as_file.complete) == ((), False)
    assert "attachment-unread:old.eml" in as_file.problems


def test_a_number_of_goods_is_no_order_number() -> None:
    assert order_in("I would like to order: 24 mugs and 12 plates.", "Mugs").number == ""
    assert order_in("Order: 5512\n24 x mugs", "Mugs").number == "5512"


@pytest.mark.parametrize(
    "text",
    [
        "Please supply:\n\nPO 5501, to Leeds:\n10 x chairs\n\nPO 5502, to York:\n5 x lamps",
        "Прошу отгрузить.\nЗаказ № 881:\nСтул - 10 шт\n\nЗаказ № 882:\nЛампа - 5 шт",
    ],
)
def test_two_orders_in_one_mail_need_a_person(text: str) -> None:
    order = order_in(text, "Order")
    assert "several-orders" in order.problems
    assert not order.complete


EDIFACT = (
    "UNB+UNOC:3+401:14+409:14+240603:1000+1'UNH+1+ORDERS:D:96A:UN'BGM+220+PO1001+{function}'"
    "LIN+1+{action}+4006381333931:EN'IMD+F++:::Pen'QTY+21:10:PCE'UNS+S'UNT+7+1'{more}UNZ+1+1'"
)
SECOND = "UNH+2+ORDERS:D:96A:UN'BGM+220+PO1002+9'LIN+1++4006381333931:EN'QTY+21:5:PCE'UNT+5+2'"


@pytest.mark.parametrize(
    ("function", "more", "problem"),
    [
        ("9", "", ""),
        ("", "", ""),
        ("9", SECOND, "several-orders"),
        ("7", "", "order-repeated"),
        ("31", "", "order-repeated"),
        ("6", "", "function-unknown"),
    ],
)
def test_an_interchange_is_one_new_order_or_needs_a_person(
    function: str, more: str, problem: str
) -> None:
    text = EDIFACT.format(function=function, action="", more=more)
    order = extract_document("order.edi", text.encode())
    assert order.problems == ((problem,) if problem else ())
    assert order.complete is not bool(problem)


def test_a_line_that_its_document_deletes_is_never_sure() -> None:
    text = EDIFACT.format(function="9", action="2", more="")
    order = extract_document("order.edi", text.encode())
    assert order.lines[0].problems == ("line-deleted",)
    assert not order.complete
    ubl = (
        '<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"><ID>7</ID><OrderLine>'
        "<LineItem><ID>1</ID><LineStatusCode>2</LineStatusCode><Quantity>3</Quantity>"
        "<Item><Name>Pen</Name></Item></LineItem></OrderLine></Order>"
    )
    order = extract_document("order.xml", ubl.encode())
    assert order.lines[0].problems == ("line-deleted",)
    assert not order.complete


@pytest.mark.parametrize(
    ("last", "complete"),
    [
        ("Basil 2kg", False),  # among sizes: one of 2 kg, or two kilograms?
        ("Basil 2kg x 3", True),
        ("Basil 8 bunches", True),
    ],
)
def test_a_size_without_a_quantity_is_unsure_among_sizes_with_one(
    last: str, complete: bool
) -> None:
    body = f"Please supply:\n\nFlour 25kg x 6\nSugar 10kg x 4\n{last}\n\nThanks\nMick"
    assert order_in(body).complete is complete


def test_a_weight_among_counted_goods_is_a_quantity() -> None:
    assert order_in("Please supply:\n\nLemons x 6\nLimes x 4\nBasil 2kg\n\nMick").complete
