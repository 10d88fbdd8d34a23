"""Grids of cells: headings found anywhere, totals left out, doubts named."""

from decimal import Decimal

import pytest

from postroom.classify.orders.agreement import MOST_TRIED, Figured
from postroom.classify.orders.cells import Cell
from postroom.classify.orders.table import Grid, Table, read_table
from postroom.classify.orders.words import Role, heading, sums_up


def read(*rows: list[Cell], language: str = "ru") -> Table:
    return read_table(Grid(rows=rows, source="f.xlsx:Лист1!A", language=language))


def said(table: Table) -> list[tuple[str, str, str, str, str]]:
    return [
        (line.sku, line.description, str(line.quantity), line.unit, str(line.unit_price))
        for line in table.lines
    ]


@pytest.mark.parametrize(
    ("cell", "role"),
    [
        ("№ п/п", Role.POSITION),
        ("Наименование товара", Role.DESCRIPTION),
        ("Кол-во, шт", Role.QUANTITY),
        ("Ед. изм.", Role.UNIT),
        ("Цена, руб.", Role.PRICE),
        ("Цена с НДС", Role.PRICE_GROSS),
        ("Сумма НДС", Role.TAX),
        ("Сумма с НДС", Role.TOTAL_GROSS),
        ("Заказ", Role.ORDERED),
        ("Остаток", Role.STOCK),
        ("Unit Price", Role.PRICE),
        ("Ext. Price", Role.TOTAL),
        ("product_name", Role.DESCRIPTION),
        ("order_id", Role.ORDER_NUMBER),
        ("Artikel-Nr.", Role.SKU),
        ("Bezeichnung", Role.DESCRIPTION),
        ("Menge", Role.QUANTITY),
        ("Einzelpreis", Role.PRICE),
        ("Gesamtpreis", Role.TOTAL),
        ("Désignation", Role.DESCRIPTION),
        ("Qté", Role.QUANTITY),
        ("P.U. HT", Role.PRICE),
        ("Cantidad", Role.QUANTITY),
        ("Штрихкод", Role.GTIN),
        ("Order code", Role.SKU),
        ("Farnell order code", Role.SKU),
        ("Stock code", Role.SKU),
        ("In stock", Role.STOCK),
        ("Bestell-Code", Role.SKU),
        ("Заказной номер", Role.SKU),
        ("Our order code", Role.BUYER_SKU),
        ("Order line", Role.POSITION),
        ("Bestellposition", Role.POSITION),
        ("Order week", Role.OTHER),
        ("Заявка №", Role.ORDER_NUMBER),
        ("Letzte Bestellmenge", Role.STOCK),
        ("Прошлый заказ", Role.STOCK),
        ("Suggested order", Role.STOCK),
        ("Order limit", None),
        ("Bestellt am KW", None),
        ("Qty per box", Role.PACK_SIZE),
        ("Order", Role.ORDERED),
        ("Order, pcs", Role.ORDERED),
        ("Order in cases", Role.ORDERED),
        ("Your order", Role.ORDERED),
        ("Qty to order", Role.ORDERED),
        ("14 Tage netto", None),
        ("просто слова", None),
    ],
)
def test_heading_words_in_five_languages(cell: str, role: Role | None) -> None:
    found = heading(cell)
    assert (found.role if found else None) is role


def test_a_quantity_heading_may_name_the_unit() -> None:
    found = heading("Кол-во, кг")
    assert found is not None
    assert found.unit == "кг"


@pytest.mark.parametrize(
    ("label", "sums"),
    [
        ("Итого:", True),
        ("Всего наименований 3, на сумму 500 руб", True),
        ("Grand total EUR", True),
        ("zzgl. 19 % MwSt", True),
        ("Zwischensumme", True),
        ("Total Quartz 9000", False),
        ("Net weight washer", False),
        ("Итоговая метка", False),
    ],
)
def test_labels_of_totals_rows(label: str, sums: bool) -> None:
    assert sums_up(label) is sums


def test_the_heading_is_found_below_title_rows_and_totals_are_left_out() -> None:
    table = read(
        ["Заявка № 5", "", "", ""],
        ["", "", "", ""],
        ["№", "Наименование", "Кол-во", "Цена"],
        [Decimal(1), "Болт М8", Decimal(200), Decimal("1.5")],
        [Decimal(2), "Гайка М8", Decimal(100), Decimal("0.8")],
        ["", "Итого", Decimal(300), Decimal(380)],
    )
    assert said(table) == [
        ("", "Болт М8", "200", "", "1.5"),
        ("", "Гайка М8", "100", "", "0.8"),
    ]
    assert table.lines[0].source == "f.xlsx:Лист1!A4"
    assert table.around == ("Заявка № 5", "Итого 300 380")


def test_the_row_that_numbers_the_columns_is_no_line() -> None:
    table = read(
        ["№", "Наименование", "Ед.", "Кол-во"],
        ["1", "2", "3", "4"],
        ["1", "Краска", "кг", "5"],
    )
    assert [line.description for line in table.lines] == ["Краска"]


def test_of_two_price_and_total_columns_those_that_multiply_are_taken() -> None:
    table = read(
        ["Товар", "Кол-во", "Цена без НДС", "Цена с НДС", "Сумма НДС", "Сумма с НДС"],
        ["Насос", Decimal(2), Decimal(100), Decimal(120), Decimal(40), Decimal(240)],
    )
    line = table.lines[0]
    assert (line.unit_price, line.total) == (Decimal(120), Decimal(240))
    assert line.confidence > 0.95


def test_an_item_column_of_counting_numbers_is_a_position() -> None:
    table = read(
        ["Item", "Description", "Qty"],
        ["10", "Valve", "4"],
        ["20", "Flange", "8"],
        language="en",
    )
    assert [line.description for line in table.lines] == ["Valve", "Flange"]


def test_an_order_form_orders_only_what_is_filled_in() -> None:
    rows: list[list[Cell]] = [["Код", "Товар", "Остаток", "Цена", "Заказ"]]
    rows += [[f"A{i}", f"Товар {i}", Decimal(9), Decimal(10), ""] for i in range(10)]
    rows[4][4] = Decimal(3)
    table = read(*rows)
    assert said(table) == [("A3", "Товар 3", "3", "", "10")]


def test_one_missing_quantity_among_many_is_named() -> None:
    table = read(
        ["Товар", "Кол-во"],
        ["Один", Decimal(1)],
        ["Два", Decimal(2)],
        ["Три", ""],
        ["Четыре", Decimal(4)],
    )
    assert [line.description for line in table.lines] == ["Один", "Два", "Три", "Четыре"] or [
        line.description for line in table.lines
    ] == ["Один", "Два", "Четыре"]


def test_a_row_that_does_not_multiply_is_unsure() -> None:
    table = read(
        ["Товар", "Кол-во", "Цена", "Сумма"],
        ["Один", Decimal(2), Decimal(10), Decimal(20)],
        ["Два", Decimal(2), Decimal(10), Decimal(35)],
    )
    assert table.lines[0].confidence >= 0.9
    assert table.lines[1].confidence <= 0.5
    assert table.lines[1].problems == ("line-total-mismatch",)


def test_an_ambiguous_separator_is_settled_by_the_total_or_named() -> None:
    table = read(
        ["Product", "Qty", "Price", "Total"],
        ["Wire", "1.250", "2,00", "2.500,00"],
        ["Cable", "1.250", "", ""],
        language="",
    )
    assert table.lines[0].quantity == 1250
    assert table.lines[0].confidence > 0.9
    assert "number-ambiguous" in table.lines[1].problems


def test_two_quantity_columns_are_a_problem() -> None:
    table = read(
        ["Товар", "Кол-во план", "Кол-во факт"],
        ["Один", Decimal(5), Decimal(4)],
    )
    assert "two-quantity-columns" in table.problems


def test_a_table_without_heading_is_read_less_surely() -> None:
    table = read(
        ["Перчатки", "пар", Decimal(300)],
        ["Каска белая", "шт", Decimal(20)],
    )
    assert said(table) == [
        ("", "Перчатки", "300", "пар", "None"),
        ("", "Каска белая", "20", "шт", "None"),
    ]
    assert not table.headed
    assert table.lines[0].confidence < 0.9


def test_a_discount_explains_the_total_and_lowers_the_price() -> None:
    table = read(
        ["SKU", "Product", "Qty", "List price", "Disc %", "Net amount"],
        ["T-4", "Tent", Decimal(10), Decimal(200), Decimal(15), Decimal(1700)],
        language="en",
    )
    assert table.lines[0].unit_price == 170


def test_a_price_list_without_quantities_orders_nothing() -> None:
    table = read(["Код", "Товар", "Цена"], ["A1", "Чай", Decimal(55)], ["A2", "Кофе", Decimal(90)])
    assert all(line.quantity is None and line.confidence < 0.5 for line in table.lines)


def test_where_boxes_and_pieces_stand_the_priced_ones_are_ordered() -> None:
    table = read(
        ["Наименование", "Шт. в кор.", "Кол-во кор.", "Всего шт.", "Цена за шт.", "Сумма"],
        ["Шоколад 90 г", Decimal(20), Decimal(5), Decimal(100), Decimal(62), Decimal(6200)],
        ["Вафли 200 г", Decimal(12), Decimal(10), Decimal(120), Decimal(48), Decimal(5760)],
    )
    assert [(line.quantity, line.unit) for line in table.lines] == [
        (Decimal(100), "шт"),
        (Decimal(120), "шт"),
    ]
    assert table.problems == ()


def test_a_note_that_makes_a_row_conditional_is_seen() -> None:
    table = read(
        ["Item", "Qty", "Comments"],
        ["LED panel", Decimal(10), ""],
        ["Driver", Decimal(4), "only if in stock"],
        language="en",
    )
    assert [line.confidence >= 0.85 for line in table.lines] == [True, False]


def test_a_column_of_unknown_figures_makes_lines_unsure() -> None:
    table = read(
        ["Item", "Qty", "Wobble"],
        ["LED panel", Decimal(10), Decimal(3)],
        ["Driver", Decimal(4), Decimal(12)],
        language="en",
    )
    assert table.problems == ("column-unknown",)
    assert all(line.confidence < 0.85 for line in table.lines)


def test_a_unit_in_a_currency_is_a_price_and_figures_are_no_units() -> None:
    table = read(
        ["Part", "Description", "Qty", "UoM", "Unit £"],
        ["BW-18", "Birch plywood 18mm", Decimal(22), "sheet", Decimal("58.40")],
        language="en",
    )
    assert [(line.unit, line.unit_price) for line in table.lines] == [("sheet", Decimal("58.40"))]
    unknown = read(
        ["Part", "Description", "Qty", "UoM", "Unit"],
        ["BW-18", "Birch plywood 18mm", Decimal(22), "sheet", Decimal("58.40")],
        language="en",
    )
    assert unknown.problems == ("column-unknown",)
    okei = read(["Наименование", "Кол-во", "Ед."], ["Болт", Decimal(10), "796"])
    assert not okei.problems


def test_columns_of_several_places_are_ordered_by_their_sum() -> None:
    table = read(
        ["Номенклатура", "Ед.", "Склад Север", "Склад Юг", "Итого"],
        ["Перчатки", "пар", Decimal(200), Decimal(300), Decimal(500)],
        ["Каска", "шт", Decimal(10), Decimal(15), Decimal(25)],
    )
    assert [line.quantity for line in table.lines] == [500, 25]


def test_a_row_that_is_declined_is_unsure() -> None:
    table = read(
        ["Artikel", "Menge", "Preis", "Bestellen?"],
        ["Regal A", Decimal(5), Decimal(89), "ja"],
        ["Regal B", Decimal(5), Decimal(99), "nein"],
        language="de",
    )
    assert [line.confidence >= 0.85 for line in table.lines] == [True, False]


@pytest.mark.parametrize(("more", "lines"), [(0, 2), (9, 2), (10, 0)])
def test_without_a_heading_none_of_very_many_figures_is_the_quantity(more: int, lines: int) -> None:
    table = read(
        ["Chair Oslo", "4", "2.50", *["7"] * more, "10.00"],
        ["Desk Bergen", "2", "6.00", *["7"] * more, "12.00"],
        language="en",
    )
    assert len(table.lines) == lines


def test_each_cell_is_read_once_however_many_columns_may_multiply() -> None:
    rows = [["4", "2.50", *["7"] * 60, "10.00"]]
    figured = Figured(rows, ".")
    assert figured.counts(0) is figured.counts(0)
    assert figured.best(0, range(1, 60), [62]) == (1, 1, 62)
    assert len(list(figured.counting(besides={0}))) == 2 * MOST_TRIED


def test_behind_very_many_headings_no_other_is_looked_for() -> None:
    heading_row: list[Cell] = ["Item no", "Description", "Qty"]
    honest: list[list[Cell]] = []
    for place in range(60):
        honest += [heading_row, [f"A-{place}", "Chair", "4"]]
    table = read(*honest, language="en")
    assert (len(table.lines), table.problems) == (60, ())
    assert "too-many-lines" in read(*honest, *honest, language="en").problems


@pytest.mark.parametrize("other", ["Заказ за май", "April order", "Bedarf/Monat", "Pre-order"])
def test_a_quantity_that_differs_from_the_ordered_one_is_named(other: str) -> None:
    def problems(*quantities: str) -> tuple[str, ...]:
        rows: list[list[Cell]] = [[f"A-{n}", "Chair", "4", q] for n, q in enumerate(quantities)]
        return read(["SKU", "Description", "Qty", other], *rows, language="en").problems

    assert problems("4", "5") == ("two-quantity-columns",)
    assert problems("4", "") == ("two-quantity-columns",)
    assert problems("4", "4") == ()


def test_of_an_ordered_and_a_plain_quantity_the_priced_one_is_taken() -> None:
    table = read(
        ["SKU", "Description", "Pre-order", "Qty", "Price", "Total"],
        ["A-1", "Chair", "40", "4", "2.50", "10.00"],
        ["A-2", "Desk", "10", "2", "6.00", "12.00"],
        language="en",
    )
    assert [str(line.quantity) for line in table.lines] == ["4", "2"]
    assert table.problems == ()


BRANCHES: list[list[Cell]] = [
    ["A-1", "Chair", Decimal(4), Decimal(5), Decimal(1), Decimal(10)],
    ["A-2", "Desk", Decimal(1), "", Decimal(3), Decimal(4)],
]


@pytest.mark.parametrize(
    ("counted", "under"),
    [
        ("Quantity by shop", ("Leeds", "York", "Bath")),
        ("Menge je Filiale", ("Nord", "Süd", "Mitte")),
        ("Количество", ("Магазин 3", "Мира, 18", "Вокзал")),
        ("Qty", ("Warehouse A", "Depot", "Site office")),
    ],
)
def test_what_is_for_several_branches_is_ordered_by_its_sum(
    counted: str, under: tuple[str, ...]
) -> None:
    head: list[Cell] = ["SKU", "Description", counted, "", "", "Total"]
    table = read(head, ["", "", *under, ""], *BRANCHES, language="en")
    assert [(str(line.quantity), line.unit_price) for line in table.lines] == [
        ("10", None),
        ("4", None),
    ]
    assert table.problems == ()
    other = [[*row[:5], Decimal(9)] for row in BRANCHES]
    assert read(head, ["", "", *under, ""], *other).problems == ("column-unknown",)


@pytest.mark.parametrize(
    "under",
    [("38", "40", "42"), ("S", "M", "XL"), ("red", "blue", "oak"), ("KW 24", "KW 25", "KW 26")],
)
def test_a_sum_over_sizes_colours_or_weeks_is_no_sure_quantity(under: tuple[str, ...]) -> None:
    table = read(["SKU", "Description", "Qty", "", "", "Total"], ["", "", *under, ""], *BRANCHES)
    assert table.problems == ("column-unknown",)


def test_a_sum_of_what_is_there_is_no_money() -> None:
    table = read(
        ["SKU", "Artikel", "Lager Nord", "Lager Süd", "Gesamt", "Bestellmenge"],
        ["A-1", "Stuhl", Decimal(4), Decimal(5), Decimal(9), Decimal(3)],
        ["A-2", "Tisch", Decimal(1), Decimal(2), Decimal(3), Decimal(1)],
    )
    assert [(str(line.quantity), line.unit_price) for line in table.lines] == [
        ("3", None),
        ("1", None),
    ]


@pytest.mark.parametrize("empty", [1, 3])
def test_a_form_with_prices_before_what_is_filled_in_orders_what_is(empty: int) -> None:
    rows: list[list[Cell]] = [
        [f"A-{n}", "Chair", Decimal(5), Decimal(2) if n >= empty else ""] for n in range(9)
    ]
    form = read(["SKU", "Item", "Price", "Qty"], *rows, language="en")
    assert len(form.lines) == (6 if empty == 3 else 9)
    bought = read(["SKU", "Item", "Qty", "Price"], *[[*r[:2], r[3], r[2]] for r in rows])
    assert len(bought.lines) == 9


def test_a_nought_orders_nothing_unless_a_remark_or_a_sum_says_otherwise() -> None:
    head: list[Cell] = ["SKU", "Item", "Qty", "Total", "Remarks"]
    chair: list[Cell] = ["A-1", "Chair", Decimal(4), Decimal(40), ""]
    cases: list[tuple[str, Cell, int]] = [
        ("", "", 1),
        ("plenty till June", "", 1),
        ("or 5 if cheaper", "", 2),
        ("", Decimal(30), 2),
    ]
    for note, total, lines in cases:
        desk: list[Cell] = ["A-2", "Desk", Decimal(0), total, note]
        assert len(read(head, chair, desk, language="en").lines) == lines


@pytest.mark.parametrize("number", ["+7 900 000-62-08", "+44 7700 900 123", "0171 4567890"])
def test_a_telephone_below_the_quantities_orders_nothing(number: str) -> None:
    table = read(
        ["№", "Наименование", "Ед.", "Кол-во"],
        [Decimal(1), "Болт М8", "шт", Decimal(200)],
        ["Прораб", "Хабибуллин Р. М.", "", number],
    )
    assert [str(line.quantity) for line in table.lines] == ["200"]


@pytest.mark.parametrize(
    ("old", "new"), [("Было", "Стало"), ("Old qty", "New qty"), ("Menge alt", "Menge neu")]
)
def test_of_an_old_and_a_new_quantity_the_new_one_is_meant(old: str, new: str) -> None:
    table = read(
        ["SKU", "Description", old, new],
        ["A-1", "Chair", Decimal(4), Decimal(6)],
        ["A-2", "Desk", Decimal(5), Decimal(0)],
    )
    assert [str(line.quantity) for line in table.lines] == ["6", "0"]
    assert table.problems == ("change",)


@pytest.mark.parametrize("goods", ["Что нужно", "What we need", "Was wird gebraucht"])
def test_what_is_wanted_is_a_name_and_no_number(goods: str) -> None:
    table = read([goods, "How many", "Unit"], ["Chair", Decimal(4), "pcs"], language="en")
    assert said(table) == [("", "Chair", "4", "pcs", "None")]


def test_a_package_beside_the_least_that_is_sold_is_no_quantity() -> None:
    rows: list[list[Cell]] = [["A-1", "Candle", Decimal(6), Decimal(12), Decimal("5.40")]]
    assert read(["SKU", "Item", "Pack qty", "Min. order", "Price"], *rows).lines[0].quantity is None
    assert read(["SKU", "Item", "Qty", "Min. order", "Price"], *rows).lines[0].quantity == 6
