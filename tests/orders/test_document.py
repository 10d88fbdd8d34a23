"""What a document says of itself: that it is no order, that it is held, struck out, for two places.

Tables, Word, UBL, Order-X and EDIFACT; each case is a document that would be complete without it.
"""

import io
import zipfile

import pytest

from postroom.classify.orders import extract_document
from postroom.order import Order, OrderKind

PENS = "SKU,Name,Qty\n1-2,Pen blue,10\n1-3,Pen red,20\n"
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
UBL = (
    '<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"><ID>7</ID>{head}'
    "<OrderLine><LineItem><ID>1</ID>{line}<Quantity>3</Quantity>{more}<Item><Name>Pen</Name></Item>"
    "</LineItem></OrderLine></Order>"
)
EDIFACT = (
    "UNB+UNOC:3+401:14+409:14+240603:1000+1'UNH+1+ORDERS:D:96A:UN'BGM+{name}+PO1001+9'{head}"
    "LIN+1++4006381333931:EN'IMD+F++:::Pen'QTY+21:10:PCE'{line}UNS+S'UNT+7+1'UNZ+1+1'"
)


def table(above: str = "", below: str = "", name: str = "b.csv") -> Order:
    head = "".join(f'"{row}",,\n' for row in above.split("\n") if row)
    return extract_document(name, f'{head}{PENS}"{below}",,\n'.encode())


def docx(*runs: str) -> Order:
    cells = [["Pos", "Name", "Qty"], ["1", "Pen blue", "10"], ["2", "Pen red", "20"]]
    made = [
        "".join(f"<w:tc><w:p><w:r><w:t>{cell}</w:t></w:r></w:p></w:tc>" for cell in row)
        for row in cells
    ]
    body = (
        f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in made)}</w:tbl><w:p>{''.join(runs)}</w:p>"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as container:
        container.writestr(
            "word/document.xml", f"<w:document {W}><w:body>{body}</w:body></w:document>"
        )
    return extract_document("order.docx", buffer.getvalue())


@pytest.mark.parametrize(
    "title",
    [
        "Packing list",
        "Delivery note 123",
        "Inventory count",
        "Sales forecast Q3",
        "Order confirmation 4711",
        "Lieferschein Nr. 12",
        "Packliste zu Bestellung 4711",
        "Inventurliste",
        "Auftragsbestätigung",
        "Расходная накладная № 7 от 01.02.2026",
        "Упаковочный лист",
        "Инвентаризационная опись",
        "Прогноз продаж на май",
        "Подтверждение заказа № 5",
    ],
)
def test_a_paper_that_lists_goods_is_not_always_an_order(title: str) -> None:
    order = table(above=title)
    assert order.kind is OrderKind.NONE
    assert "not-an-order" in order.problems


@pytest.mark.parametrize("name", ["Lieferschein_12.csv", "2026-05 Forecast.csv"])
def test_a_document_without_title_is_what_its_name_says(name: str) -> None:
    assert "not-an-order" in table(name=name).problems


@pytest.mark.parametrize(
    "above",
    [
        "Purchase order 77\nPlease enclose a delivery note",
        "Filiale 5\nBitte Lieferschein beilegen",
        "Bestellung 9 zum Lieferschein 12",
        "Stock order",
        "Order confirmation to: buyer@kunde.test",
        "Заявка на май",
    ],
)
def test_an_order_that_speaks_of_other_papers_stays_one(above: str) -> None:
    assert table(above=above).complete


@pytest.mark.parametrize(
    ("note", "problem"),
    [
        ("Please ignore the red pens", "leaves-out"),
        ("Please also add 5 erasers", "quantity-unsaid"),
        ("Bitte noch 5 Radiergummis dazu", "quantity-unsaid"),
        ("All quantities in boxes of 12", "quantity-scaled"),
        ("Bitte die roten nur liefern, wenn sie da sind", "conditional"),
        ("Просим красные ручки не отгружать", "order-draft"),
        ("DRAFT", "order-draft"),
        ("Образец заполнения", "order-draft"),
        ("DUPLICATE - sent by fax on 2 June", "order-repeated"),
    ],
)
def test_a_row_above_or_below_a_table_is_heard(note: str, problem: str) -> None:
    assert table().complete
    assert problem in table(above=note).problems
    assert problem in table(below=note).problems


def test_terms_of_business_in_paragraphs_call_nothing_in_doubt() -> None:
    terms = (
        "1. Delivery. The seller is released from delivery if the goods are not\n"
        "2. to be had on the market unless the buyer has paid beforehand in full\n"
        "3. and property passes on payment provided that no other claim is open\n"
        "4. The buyer may refuse goods that are late if he has said so in writing"
    )
    assert table(above=terms).complete


@pytest.mark.parametrize(
    ("run", "struck"),
    [
        ("<w:r><w:rPr><w:strike/></w:rPr><w:t>Pen red</w:t></w:r>", True),
        ("<w:r><w:rPr><w:dstrike/></w:rPr><w:t>20</w:t></w:r>", True),
        ('<w:r><w:rPr><w:strike w:val="0"/></w:rPr><w:t>Pen red</w:t></w:r>', False),
        ("<w:r><w:rPr><w:strike/></w:rPr><w:t> </w:t></w:r>", False),
    ],
)
def test_text_struck_out_in_a_word_document_needs_a_person(run: str, struck: bool) -> None:
    order = docx(run)
    assert ("rows-struck" in order.problems) is struck
    assert order.complete is not struck


@pytest.mark.parametrize(
    ("head", "line", "more", "problem"),
    [
        ("<Note>Please do not deliver before we confirm</Note>", "", "", "leaves-out"),
        ("", "<Note>Cancelled - do not ship</Note>", "", "cancellation"),
        ("", "<LineStatusCode>Cancelled</LineStatusCode>", "", "line-deleted"),
        ("<CopyIndicator>true</CopyIndicator>", "", "", "order-repeated"),
        ("<OrderTypeCode>221</OrderTypeCode>", "", "", "function-unknown"),
        (
            "",
            "",
            "<Delivery><DeliveryLocation><ID>1</ID></DeliveryLocation></Delivery>"
            "<Delivery><DeliveryLocation><ID>2</ID></DeliveryLocation></Delivery>",
            "places-differ",
        ),
        ("<Note>Deliver to the back door</Note>", "", "", ""),
        ("<PaymentTerms><Note>Unless paid in 10 days</Note></PaymentTerms>", "", "", ""),
        ("<OrderTypeCode>220</OrderTypeCode>", "<LineStatusCode>1</LineStatusCode>", "", ""),
    ],
)
def test_what_a_ubl_order_says_of_itself_is_heard(
    head: str, line: str, more: str, problem: str
) -> None:
    order = extract_document("o.xml", UBL.format(head=head, line=line, more=more).encode())
    found = {*order.problems, *order.lines[0].problems}
    assert problem in found if problem else not found
    assert order.complete is not bool(problem)


@pytest.mark.parametrize(
    ("name", "head", "line", "problem"),
    [
        ("220", "", "", ""),
        ("226", "FTX+DEL+++DELIVER TO THE BACK DOOR'", "", ""),
        ("220", "FTX+AAB+++NET 30 DAYS UNLESS PAID BEFORE'", "", ""),
        ("220", "", "LOC+7+4000001000012::9'QTY+11:10:PCE'", ""),
        ("221", "", "", "function-unknown"),
        ("310", "", "", "function-unknown"),
        ("220", "FTX+AAI+++PLEASE DO NOT SHIP UNTIL CONFIRMED'", "", "leaves-out"),
        ("220", "", "FTX+LIN+++CANCELLED'", "cancellation"),
        ("220", "", "LOC+7+1::9'QTY+11:4:PCE'LOC+7+2::9'QTY+11:6:PCE'", "places-differ"),
    ],
)
def test_what_an_edifact_order_says_of_itself_is_heard(
    name: str, head: str, line: str, problem: str
) -> None:
    text = EDIFACT.format(name=name, head=head, line=line)
    order = extract_document("order.edi", text.encode())
    assert problem in order.problems if problem else not order.problems
    assert order.complete is not bool(problem)


@pytest.mark.parametrize(
    "title",
    [
        "Изменение № 1 к нашему заказу № 44/25",
        "Amendment 2 to purchase order 4711",
        "Änderung zu Bestellung 4711",
        "Bestelländerung Nr. 2 zu unserer Bestellung 4711",
    ],
)
def test_a_paper_that_changes_an_order_is_no_new_one(title: str) -> None:
    assert table(title).kind is OrderKind.ORDER_CHANGE


@pytest.mark.parametrize(
    "below",
    ["Invoice to the treasurer, not to me", "Rechnung an: Stadtkasse", "Bill to: Head office"],
)
def test_where_the_bill_goes_makes_no_bill(below: str) -> None:
    assert table(below=below).kind is OrderKind.ORDER
    assert table("Invoice 4711", below).kind is OrderKind.INVOICE


@pytest.mark.parametrize(
    ("above", "below", "number"),
    [
        ("Заявка на материалы № 118", "Всего по заявке 299840", "118"),
        ("Заявка по договору № 17-У", "", ""),
        ("Заявка № 18 по договору № 17-У", "", "18"),
        ("Purchase requisition REQ-1187", "", "REQ-1187"),
        ("", "Итого по заказу № 118: 30", "118"),
    ],
)
def test_sums_and_contracts_are_no_order_numbers(above: str, below: str, number: str) -> None:
    assert table(above, below).number == number


def test_a_price_list_without_quantities_is_no_order() -> None:
    prices = b"Trade price list 2026,,\nSKU,Name,Price\n1-2,Pen blue,1.50\n1-3,Pen red,1.70\n"
    assert extract_document("b.csv", prices).kind is OrderKind.NONE
    filled = prices.replace(b",Price", b",Price,Qty").replace(b"1.50", b"1.50,4")
    assert extract_document("b.csv", filled).kind is OrderKind.ORDER
