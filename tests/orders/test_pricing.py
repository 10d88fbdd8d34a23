"""Prices for a hundred or a thousand, and numbers that may be prices or packages."""

from decimal import Decimal

import pytest

from postroom.classify.orders import extract_document
from postroom.classify.orders.body import read_body
from postroom.classify.orders.cells import amounts
from postroom.order import Order


def order_of(text: str) -> Order:
    return extract_document("order.txt", text.encode())


@pytest.mark.parametrize(
    ("line", "language", "price"),
    [
        ("Schrauben M8x20 - 500 Stk - 4,20 €/%", "de", "0.042"),
        ("Schrauben M8x20 - 500 Stk - 42,00 €/‰", "de", "0.042"),
        ("500 Stk Schrauben M8x20 zu 4,20 €/100", "de", "0.042"),
        ("500 Stk Schrauben M8x20 zu 42,00 € pro 1000 Stk", "de", "0.042"),
        ("500 Stk Schrauben M8x20 zu 4,20 € je hundert", "de", "0.042"),
        ("500 screws M8x20 @ £4.20 per 100", "en", "0.042"),
        ("screws M8x20 - 500 pcs - £4.20 per 100", "en", "0.042"),
        ("We order 500 screws M8x20 at EUR 4.20 per 100 pcs.", "en", "0.042"),
        ("саморезы 4х40 - 500 шт - 42 руб/100шт", "ru", "0.42"),
        ("500 шт саморезы 4х40, 42 руб за 100 шт", "ru", "0.42"),
        ("саморезы 4х40 - 5 тыс. шт - 420 руб за тыс. шт", "ru", "0.42"),
        ("200 m cable NYM @ £42.00/100m", "en", "0.42"),
        ("mugs - 24 pcs - £12 per dozen", "en", "1"),
        ("eggs - 5 dozen - £3 per dozen", "en", "3"),
        ("bolts - 2000 pcs - €45,00/1.000 pcs", "en", "0.045"),
        ("bolts - 2000 pcs @ $45.00 per thousand = $90.00", "en", "0.045"),
    ],
)
def test_a_price_for_many_is_handed_on_as_that_of_one(line: str, language: str, price: str) -> None:
    read, _ = read_body(f"Please order:\n{line}\nwidget - 5 pcs", language).lines
    assert read.unit_price == Decimal(price)
    assert not read.problems
    assert "100" not in read.description
    assert read.confidence >= 0.85


@pytest.mark.parametrize(
    "line",
    [
        "screws M8x20 - 500 pcs - £4.20/C",
        "nuts M8 - 200 pcs - £21/M",
        "screws M8x20 - 5 boxes - £4.20 per 100",
        "cement CEM II - 20 bags - £4.20/25kg",
        "screws M8x20 - 500 pcs - £4.20 / 100",
        "screws M8x20 - 1000 pcs - £7 per 300",
    ],
)
def test_a_price_for_many_of_something_else_is_a_doubt(line: str) -> None:
    (read,) = read_body(f"Order:\n{line}", "en").lines
    assert read.confidence < 0.85
    assert not order_of(f"Please order:\n{line}").complete


@pytest.mark.parametrize(
    ("line", "price"),
    [("25 m hose 2SN @ $11.20/m", "11.20"), ("cola - 5 boxes - £4.20 per box", "4.20")],
)
def test_a_price_for_one_stays_as_it_is(line: str, price: str) -> None:
    (read,) = read_body(f"Order:\n{line}", "en").lines
    assert read.unit_price == Decimal(price)


def test_what_only_may_be_the_quantity_is_no_price_s() -> None:
    (line,) = read_body("Заказ:\nсаморезы жёлтые 420 руб за 100 шт", "ru").lines
    assert line.quantity == 100


@pytest.mark.parametrize(
    "line",
    [
        "10 ящиков колы по 12 по 600р",
        "кола 10 уп по 12",
        "10 упаковок колы по 12",
        "10 коробок перчаток по 100",
    ],
)
def test_how_many_a_package_holds_and_what_it_costs_are_told_apart_by_a_person(line: str) -> None:
    order = order_of(f"Просим отгрузить:\n{line}\nвода - 5 уп")
    assert "pack-or-price" in order.lines[0].problems
    assert not order.complete


def test_a_currency_or_pieces_say_which() -> None:
    text = "Просим отгрузить:\n10 ящиков колы по 600р\nболт М8 - 100 шт по 12"
    cola, bolt = read_body(text, "ru").lines
    assert (cola.unit_price, bolt.unit_price) == (Decimal(600), Decimal(12))
    assert (cola.problems, bolt.problems) == ((), ())


@pytest.mark.parametrize(
    ("cell", "values"),
    [
        ("4,20 €/100 Stk", ["0.042"]),
        ("£4.20 per 100", ["0.042"]),
        ("42 руб/100шт", ["0.42"]),
        ("4,20 €", ["4.20"]),
        ("3/16", []),
        ("£4.20/C", []),
    ],
)
def test_a_cell_may_say_how_many_its_price_is_for(cell: str, values: list[str]) -> None:
    assert [str(one) for one in amounts(cell)] == values


@pytest.mark.parametrize(
    ("heading", "rows"),
    [
        ("Item;Qty;UOM;Price;Price unit", "Screw;500;EA;4.20;100\nNut;200;EA;2.10;1"),
        ("Item;Qty;UOM;Price;Per", "Screw;500;EA;4.20;100\nNut;200;EA;21;10"),
        ("Artikel;Menge;ME;Preis;je", "Schraube;500;ST;4,20;100 ST\nMutter;200;ST;2,10;1 ST"),
        (
            "Artikel;Menge;ME;Preis;PE;Wert",
            "Schraube;500;ST;4,20;100;21,00\nMutter;200;ST;2,10;1;420,00",
        ),
    ],
)
def test_a_column_says_how_many_a_row_s_price_is_for(heading: str, rows: str) -> None:
    screw, nut = extract_document("order.csv", f"{heading}\n{rows}".encode()).lines
    assert (screw.unit_price, nut.unit_price) == (Decimal("0.042"), Decimal("2.10"))


def test_a_column_pe_without_sums_may_be_the_size_of_a_package() -> None:
    rows = "Artikel;Menge;ME;Preis;PE\nSchraube;500;ST;4,20;100\nMutter;200;ST;2,10;100"
    order = extract_document("order.csv", rows.encode())
    assert "price-per-other-unit" in order.problems
    assert not order.complete


def test_a_column_of_pe_that_the_sums_do_not_need_prices_nothing() -> None:
    rows = "Artikel;Menge;ME;Preis;PE;Wert\nSchraube;5;VE;4,20;100;21,00\nMutter;2;VE;2,10;100;4,20"
    order = extract_document("order.csv", rows.encode())
    assert [str(line.unit_price) for line in order.lines] == ["4.20", "2.10"]
    assert order.complete


def test_a_price_of_a_unit_is_no_price_base() -> None:
    rows = "Item;Qty;Price unit;Amount\nScrew;5;4.20;21.00\nNut;2;2.10;4.20"
    assert [str(line.unit_price) for line in extract_document("o.csv", rows.encode()).lines] == [
        "4.20",
        "2.10",
    ]


@pytest.mark.parametrize(
    ("line", "language", "price", "description"),
    [
        ("Tile spacer 2 mm - 40 Nos @ Rs. 65/-", "en", "65", "Tile spacer 2 mm"),
        ("Tile spacer 2 mm - 40 Nos @ Rs 1,250/-", "en", "1250", "Tile spacer 2 mm"),
        ("2 Satz Zündkerzen 31,20 € / Satz", "de", "31.20", "Zündkerzen"),
        ("3 Trommeln Kabel NYM 3x1,5 zu 84,00 € je Trommel", "de", "84.00", "Kabel NYM 3x1,5"),
        ("Rope 8 mm - 4 coils - £31 per coil", "en", "31", "Rope 8 mm"),
        ("Провод ПВС - 3 бухты по 1 200 р. за бухту", "ru", "1200", "Провод ПВС"),
        ("Washers - 400 off @ £0.12 per unit", "en", "0.12", "Washers"),
        ("Семена, мешок 25 кг: 30 мешков, цена 4 150", "ru", "4150", "Семена, мешок 25 кг"),
        ("screws M6x40 - 4000 pcs    price 58.00 EUR / 1000 pcs", "en", "0.058", "screws M6x40"),
    ],
)
def test_a_price_for_one_of_what_is_counted_is_no_part_of_the_name(
    line: str, language: str, price: str, description: str
) -> None:
    (read,) = read_body(f"Order:\n{line}", language).lines
    assert read.unit_price == Decimal(price)
    assert read.description == description
    assert not read.problems


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("3 Kartons Handschuhe 4,90 € / Packung", "de"),
        ("cola - 5 boxes - £0.42 per can", "en"),
        ("5 коробок перчаток, 12 р. за пару", "ru"),
        ("screws - 10 boxes - £4.20 / 100 pcs", "en"),
    ],
)
def test_a_price_for_one_of_another_unit_is_a_doubt(line: str, language: str) -> None:
    (read,) = read_body(f"Order:\n{line}", language).lines
    assert "price-per-other-unit" in read.problems
    assert read.confidence < 0.85


@pytest.mark.parametrize(
    ("price", "value"),
    [("£3.15 per ream", "3.15"), ("3,15 EUR pro 1 ries", "3.15"), ("Rs. 315/-", "315")],
)
def test_a_cell_may_say_of_which_unit_its_price_is(price: str, value: str) -> None:
    text = f"Item: copier paper A4\nQuantity: 40 reams\nPrice: {price}"
    (line,) = read_body(text, "en").lines
    assert line.unit_price == Decimal(value)
    assert not line.problems


def test_a_cell_s_price_of_another_unit_is_a_doubt() -> None:
    text = "Item: copier paper A4\nQuantity: 8 boxes\nPrice: £3.15 per ream"
    (line,) = read_body(text, "en").lines
    assert line.problems == ("price-per-other-unit",)


@pytest.mark.parametrize(
    "text",
    [
        # said so
        "mugs white - 50 pcs - 2.00 EUR\n\nPrices are per piece, net.",
        "мука в/с - 40 мешков - 1 200 р.\n\n(количество, затем цена за единицу с НДС)",
        "отруби - 40 мешков - 600 р.\nсоль - 4 мешка - 400 р.\n\nЦены с НДС, за мешок.",
        "Tassen weiß - 50 Stk - 2,00 €\n\nEinzelpreise netto",
        # more decimals than money has
        "resistor 4k7 - 5000 pcs - 0.0024 EUR\nterminal - 300 pcs - 0.24 EUR",
        # no sum of whole cents
        "bath mat - 120 pcs - 6.90 €\nhand towel - 120 pcs - 3.20 €\nrobe - 60 pcs - 19.55 €",
        # they fall as the quantities grow
        "зажим - 200 шт - 18 р.\nвинт - 500 шт - 6 р.\nкорпус - 100 шт - 42 р.",
        # one price for two sizes
        "Bademantel Gr. L - 25 Stk - 24,00 €\nBademantel Gr. M - 12 Stk - 24,00 €",
    ],
)
def test_amounts_that_can_only_be_prices_of_one_are(text: str) -> None:
    for line in read_body(f"Order:\n{text}").lines:
        assert not line.problems
        assert line.unit_price


@pytest.mark.parametrize(
    "text",
    [
        "mugs white - 50 pcs - 200.00 EUR",
        "mugs white - 50 pcs - 200.00 EUR\nplates - 100 pcs - 350.00 EUR",
        "mugs white - 50 pcs - 201.00 EUR\nplates - 70 pcs - 355.00 EUR\n\nTotals include VAT.",
        "mugs white - 50 boxes - 200.00 EUR\n\nPrices are per piece.",
        "зажим - 200 шт - 18 р.\nвинт - 500 шт - 6 р.\nкорпус - 100 шт - 42 р. за всё",
        "mugs - 50 pcs - 4.00 EUR each\nplates - 70 pcs - 355.00 EUR\nbowls - 90 pcs - 99 EUR",
    ],
)
def test_amounts_that_may_be_sums_stay_in_doubt(text: str) -> None:
    lines = read_body(f"Order:\n{text}").lines
    assert any("price-or-total-unclear" in line.problems for line in lines)
