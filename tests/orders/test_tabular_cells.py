"""Cells that are not what they seem: cut, padded, taken back, in another currency or unit."""

import io
from collections.abc import Sequence
from decimal import Decimal

import openpyxl
import pytest

from postroom.classify.orders import extract_document
from postroom.classify.orders.body import read_body
from postroom.classify.orders.extent import extent_of
from postroom.classify.orders.hostile import check_container
from postroom.order import Order


def sheet(*rows: Sequence[object], formats: dict[str, str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    for row in rows:
        page.append(list(row))
    for place, code in (formats or {}).items():
        page[place].number_format = code
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def order_of(text: str, name: str = "order.csv") -> Order:
    return extract_document(name, text.encode())


def test_a_row_longer_than_its_heading_was_cut_in_the_wrong_place() -> None:
    chair, desk = order_of("sku,description,qty,price\nA-1,Chair,4,12,50\nA-2,Desk,2,99").lines
    assert chair.problems == ("row-too-long",)
    assert chair.confidence < 0.85 <= desk.confidence


def test_empty_cells_behind_a_row_cut_nothing() -> None:
    assert order_of("sku;description;qty\nA-1;Chair;4;;\nA-2;Desk;2;;").complete


def test_a_code_that_excel_was_told_to_leave_as_text_is_that_text() -> None:
    (line,) = order_of('sku,name,qty\n="00123",Bolt,10').lines
    assert line.sku == "00123"


def test_zeros_that_a_format_shows_belong_to_the_code() -> None:
    content = sheet(
        ["Article no", "Description", "Qty"],
        [4500, "Chair", 4],
        [123456, "Desk", 3],
        [77, "Lamp", 12],
        formats={"A2": "000000", "A3": "00-00", "C4": "000"},
    )
    lines = extract_document("order.xlsx", content).lines
    assert [(line.sku, str(line.quantity)) for line in lines] == [
        ("004500", "4"),
        ("1234-56", "3"),
        ("77", "12"),
    ]


def test_only_formats_of_zeros_change_what_a_cell_shows() -> None:
    content = sheet([7, 8, 9], formats={"A1": "0.00", "B1": "#,##0", "C1": '0" pcs"'})
    assert extent_of(content, check_container(content)).shown == {}


@pytest.mark.parametrize(
    ("rows", "doubted"),
    [
        ("A-1;Chair;4;0\nA-2;Desk;3;3", True),
        ("A-1;Chair;4;yes\nA-2;Desk;3;", True),
        ("A-1;Chair;4;0\nA-2;Desk;3;0", False),
        ("A-1;Chair;4;no\nA-2;Desk;3;no", False),
    ],
)
@pytest.mark.parametrize("heading", ["Cancelled qty", "Storniert", "Отменено, шт"])
def test_what_a_column_takes_back_is_not_ordered(heading: str, rows: str, doubted: bool) -> None:
    order = order_of(f"Part;Description;Order qty;{heading}\n{rows}")
    assert ("leaves-out" in order.problems) is doubted
    assert order.complete is not doubted


@pytest.mark.parametrize(
    ("rows", "differ"),
    [
        ("Part;Description;Qty;Price;Currency\nA-1;Screw;5;12;EUR\nA-2;Nut;3;8;USD", True),
        ("Part;Description;Qty;Price\nA-1;Screw;5;12 €\nA-2;Nut;3;$8", True),
        ("Part;Description;Qty;Price, EUR\nA-1;Screw;5;12\nA-2;Nut;3;8 USD", True),
        ("Part;Description;Qty;Price;Currency\nA-1;Screw;5;12 €;EUR\nA-2;Nut;3;8;euro", False),
        ("Part;Description;Qty;Price (CAD)\nA-1;Screw;5;$12\nA-2;Nut;3;$8", False),
    ],
)
def test_amounts_in_two_currencies_stop_an_order(rows: str, differ: bool) -> None:
    order = order_of(rows)
    assert ("currencies-differ" in order.problems) is differ
    assert order.complete is not differ


def test_a_remark_under_no_heading_is_heard() -> None:
    heading, chair = "Part;Description;Qty;", "A-1;Chair;4;"
    noted = order_of(f"{heading}\n{chair}\nA-2;Desk;3;only 2 if over budget")
    assert [line.problems for line in noted.lines] == [(), ("line-conditional",)]
    assert order_of(f";{heading}\n1;{chair}\n2;A-2;Desk;3;").complete  # counted, not remarked


SHOPIFY = (
    "Name,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku\n#1001,2,T-shirt,15,TS-1"
)


def test_a_shops_export_has_its_own_part_numbers_and_one_order_each_name() -> None:
    order = order_of(f"{SHOPIFY}\n#1001,1,Cap black,6,CP-1")
    assert [(line.sku, line.description) for line in order.lines] == [
        ("TS-1", "T-shirt"),
        ("CP-1", "Cap black"),
    ]
    assert order.complete
    assert "several-orders" in order_of(f"{SHOPIFY}\n#1002,1,Cap black,6,CP-1").problems


UBL = """<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"
 xmlns:a="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:b="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"><b:ID>7</b:ID>
 <a:OrderLine><a:LineItem><b:ID>1</b:ID><b:Quantity unitCode="C62">200</b:Quantity>{total}
 <a:Price><b:PriceAmount currencyID="EUR">25</b:PriceAmount>
 <b:BaseQuantity unitCode="{unit}">1</b:BaseQuantity></a:Price>
 <a:Item><b:Name>Chair</b:Name></a:Item></a:LineItem></a:OrderLine></Order>"""
TOTAL = '<b:LineExtensionAmount currencyID="EUR">5000</b:LineExtensionAmount>'
EDIFACT = (
    "UNB+UNOC:3+A+B+260101:0900+1'UNH+1+ORDERS:D:96A:UN'BGM+220+PO7+9'LIN+1'PIA+5+A-1:SA'"
    "IMD+F++:::Chair'QTY+21:10:PCE'PRI+AAA:25:::1:{unit}'UNS+S'UNT+9+1'UNZ+1+1'"
)


@pytest.mark.parametrize(
    ("content", "doubted"),
    [
        (UBL.format(unit="CT", total=""), True),
        (UBL.format(unit="CT", total=TOTAL), False),
        (UBL.format(unit="H87", total=""), False),
        (EDIFACT.format(unit="CT"), True),
        (EDIFACT.format(unit="PCE"), False),
    ],
)
def test_a_price_for_another_unit_than_the_ordered_one_is_unsure(
    content: str, doubted: bool
) -> None:
    order = extract_document("order", content.encode())
    assert ("price-per-other-unit" in order.lines[0].problems) is doubted
    assert order.complete is not doubted


def test_a_discount_stored_as_a_share_explains_its_total() -> None:
    heading = ["Art.-Nr.", "Bezeichnung", "Menge", "Einzelpreis", "Rabatt", "Gesamt"]
    rows: list[list[object]] = [
        ["A1", "Stuhl", 10, 100, 0.15, 850],
        ["A2", "Tisch", 2, 400, 0, 800],
    ]
    order = extract_document("b.xlsx", sheet(heading, *rows, formats={"E2": "0%", "E3": "0%"}))
    assert [str(line.unit_price) for line in order.lines] == ["85", "400"]
    assert order.complete


def test_half_a_per_cent_stays_half_a_per_cent() -> None:
    (line,) = order_of("Artikel;Menge;Preis;Rabatt %;Gesamt\nStuhl Oslo;10;100,00;0,5;995,00").lines
    assert (str(line.unit_price), line.problems) == ("99.5", ())


@pytest.mark.parametrize(
    "heading", ["Purchase Order", "Purchasing Document", "Belegnummer", "Order Reference", "PO"]
)
@pytest.mark.parametrize("second", ["4711", "4712", ""])
def test_a_column_names_the_order_or_several(heading: str, second: str) -> None:
    order = order_of(f"{heading};SKU;Description;Qty\n4711;A-1;Chair;4\n{second};A-2;Desk;3")
    assert [line.sku for line in order.lines] == ["A-1", "A-2"]
    several = second == "4712"
    assert order.number == ("" if several else "4711")
    assert ("several-orders" in order.problems, order.complete) == (several, not several)


def test_an_order_number_far_down_is_seen() -> None:
    rows = "".join(f"4711;A-{n};Chair {n};4\n" for n in range(50))
    assert "several-orders" in order_of(f"PO;SKU;Name;Qty\n{rows}4712;B-1;Desk;1").problems


def test_a_number_above_the_table_that_no_row_has_needs_a_person() -> None:
    rows = "PO;SKU;Description;Qty\n4712;A-1;Chair;4\n4712;A-2;Desk;3"
    assert "several-orders" in order_of(f"Order no. 4711;;;\n{rows}").problems
    assert order_of(f"Order no. 4712;;;\n{rows}").complete


@pytest.mark.parametrize(
    ("head", "rows", "skus", "number"),
    [
        ("Material;", "2001;,2002;", ["2001", "2002"], "470"),
        ("", ",", ["470", "471"], ""),
        ("", ",", ["", ""], "470"),
    ],
)
def test_a_bestellnummer_is_the_orders_or_the_products(
    head: str, rows: str, skus: list[str], number: str
) -> None:
    first, second = rows.split(",")
    other = "470" if number else "471"
    order = order_of(
        f"Bestellnummer;{head}Kurztext;Menge\n470;{first}Lager oben;5\n{other};{second}Ring;4"
    )
    assert ([line.sku for line in order.lines], order.number) == (skus, number)


@pytest.mark.parametrize(
    ("heading", "cells", "stops"),
    [
        ("Plant", ("1100", "1100"), False),
        ("Loc", ("0001", "0001"), False),
        ("Wave", ("2025-06-18", "2025-06-19 08:00"), False),
        ("Tranche", ("04.08.2025", "11.08.2025"), False),
        ("Wave", ("0", "0"), False),
        ("Colli", ("12", "12"), True),
        ("Colli", ("12", "6"), True),
        ("Colli", ("1", "2"), True),
        ("Colli", ("1100", "1200"), True),
    ],
)
def test_an_unknown_column_stops_where_it_may_count(
    heading: str, cells: tuple[str, str], stops: bool
) -> None:
    order = order_of(
        f"SKU;Description;Qty;{heading}\nA-1;Chair;4;{cells[0]}\nA-2;Desk;3;{cells[1]}"
    )
    assert ("column-unknown" in order.problems) is stops
    assert order.complete is not stops


@pytest.mark.parametrize(("rows", "stops"), [("10,20,30", False), ("10,20,25", True)])
def test_what_counts_the_rows_stands_before_the_goods(rows: str, stops: bool) -> None:
    counted = [f"{number};A-{number};Chair;4" for number in rows.split(",")]
    assert order_of("Ebene;SKU;Description;Qty\n" + "\n".join(counted)).complete is not stops
    behind = [f"A-{number};Chair;4;{number}" for number in rows.split(",")]
    assert not order_of("SKU;Description;Qty;Ebene\n" + "\n".join(behind)).complete


def test_a_code_that_is_one_for_all_rows_names_no_product() -> None:
    order = order_of("Plant;Material;Short text;Qty\n1100;A-100;Chair oak;4\n1100;A-200;Desk oak;3")
    assert [line.sku for line in order.lines] == ["A-100", "A-200"]
    assert order.complete


def test_an_order_unit_counts_nothing() -> None:
    order = order_of("SKU;Description;Order Quantity;Order Unit\nA-1;Oil;3;DR")
    assert [(str(line.quantity), line.unit) for line in order.lines] == [("3", "DR")]


@pytest.mark.parametrize("heading", ["je (PE)", "Preiseinheit", "per", "Los"])
def test_what_a_price_is_for_is_proved_by_the_totals(heading: str) -> None:
    rows = "Screw;500;7,40;100;37,00\nNut;1000;11,50;1000;11,50\nRod;25;3,45;1;86,25"
    order = order_of(f"Bezeichnung;Menge;Preis;{heading};Wert\n{rows}")
    assert [str(line.unit_price) for line in order.lines] == ["0.074", "0.0115", "3.45"]
    assert order.complete


def test_a_column_of_hundreds_that_no_total_proves_is_unknown() -> None:
    rows = "Screw;500;7,40;100\nNut;1000;11,50;1000"
    assert "column-unknown" in order_of(f"Bezeichnung;Menge;Preis;Los\n{rows}").problems


ROWS = (
    "Pos  Menge     Artikel          E-Preis EUR   Gesamt EUR\n"
    "------------------------------------------------------\n"
    "001  20 Stk    AB-120-X              4,50          90,00\n"
    "               Absperrschieber kurz, PN 10\n"
    "002  60 m      SL-40                 2,00         120,00\n"
    "{}\n"
    "------------------------------------------------------\n"
    "Nettosumme                                        210,00\n"
    "zzgl. 19 % MwSt.                                   39,90\n"
    "Gesamtsumme                                       249,90\n"
)


def test_a_name_under_the_row_of_its_code_is_the_goods() -> None:
    found = read_body(ROWS.format("               Saugschlauch 40 mm, grün"), "de")
    assert [(line.sku, line.description, line.unit) for line in found.lines] == [
        ("AB-120-X", "Absperrschieber kurz, PN 10", "Stk"),
        ("SL-40", "Saugschlauch 40 mm, grün", "m"),
    ]
    assert found.problems == ()
    assert Decimal("249.90") in found.totals


@pytest.mark.parametrize(
    "below",
    [
        "               davon 20 m später",
        "               falls lieferbar, sonst grau",
        "               10 Stück Schellen",
        "               oder gleichwertig",
    ],
)
def test_what_else_stands_under_a_row_is_no_name(below: str) -> None:
    assert not any(
        line.description.startswith(below.strip())
        for line in read_body(ROWS.format(below), "de").lines
    )
    assert not extract_document("order.txt", ROWS.format(below).encode()).complete


def test_goods_under_goods_are_no_part_of_their_name() -> None:
    text = "Pos  Menge   Artikel\n1    10      Kaffee\n             Tee\n2    5       Zucker\n"
    assert all("Tee" not in line.description for line in read_body(text, "de").lines)


def test_a_word_of_a_trade_in_the_cell_of_how_many_is_the_unit() -> None:
    order = order_of("Artikel;Bezeichnung;Menge\nA-1;Kabel 3x1,5;12 Ringe\nA-2;Seil;4 Trommeln\n")
    assert [(line.unit, line.problems) for line in order.lines] == [("Ringe", ()), ("Trommeln", ())]
    noted = order_of("Artikel;Bezeichnung;Menge\nA-1;Kabel 3x1,5;12 reserviert\nA-2;Seil;4\n")
    assert "quantity-note" in noted.lines[0].problems
