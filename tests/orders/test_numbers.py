"""Numbers, numerals, units and dates, each as a table of what people write."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.classify.orders.cells import amounts, quantity_of
from postroom.classify.orders.currency import currency_in
from postroom.classify.orders.dates import date_of
from postroom.classify.orders.numbers import decimal_mark, exact, plain, readings
from postroom.classify.orders.numerals import numeral_at
from postroom.classify.orders.units import code_of, unit_behind, unit_of


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1 234,50", ["1234.50"]),
        ("1\u00a0234,50", ["1234.50"]),
        ("1.234,50", ["1234.50"]),
        ("1,234.50", ["1234.50"]),
        ("1'234.50", ["1234.50"]),
        ("1,00,000.00", ["100000.00"]),
        ("12,5", ["12.5"]),
        ("0,125", ["0.125"]),
        ("1.234.567", ["1234567"]),
        ("15,-", ["15"]),
        ("3½", ["3.5"]),
        ("-5", ["-5"]),
        ("12.03.2024", []),
        ("1 23", []),
        ("1,2,3", []),
        ("12a", []),
        ("", []),
        ("9" * 30, []),
    ],
)
def test_a_number_has_the_values_it_is_written_for(text: str, values: list[str]) -> None:
    assert readings(text) == tuple(Decimal(value) for value in values)


@pytest.mark.parametrize(
    ("text", "mark", "first"),
    [
        ("1.234", ",", "1234"),
        ("1.234", ".", "1.234"),
        ("1,234", ".", "1234"),
        ("1,234", ",", "1.234"),
    ],
)
def test_three_digits_behind_one_mark_have_two_readings(text: str, mark: str, first: str) -> None:
    values = readings(text, mark)
    assert len(values) == 2
    assert values[0] == Decimal(first)


def test_the_document_tells_its_decimal_mark() -> None:
    assert decimal_mark(["12,50", "3,9", "1.234"], "en") == ","
    assert decimal_mark(["12.50", "1,234"], "de") == "."
    assert decimal_mark(["1.234"], "de") == ","
    assert decimal_mark(["nothing"], "") == ""


@given(st.text(max_size=60))
def test_reading_a_number_never_raises(text: str) -> None:
    for value in readings(text):
        assert value.is_finite()
    quantity_of(text)
    amounts(text)


@given(st.decimals(min_value=0, max_value=10**9, places=2))
def test_a_number_written_in_the_german_way_is_read_back(value: Decimal) -> None:
    german = f"{value:,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")
    assert value in readings(german, ",")


@given(st.integers(min_value=0, max_value=10**12))
def test_a_number_grouped_in_the_russian_way_is_read_back(value: int) -> None:
    assert readings(f"{value:,}".replace(",", " ")) == (Decimal(value),)


def test_a_float_of_a_spreadsheet_is_what_people_see() -> None:
    assert exact(0.1 + 0.2) == Decimal("0.3")
    assert str(exact(12.0)) == "12"
    assert str(plain(Decimal("1E+2"))) == "100"
    assert str(plain(Decimal("1.500"))) == "1.5"


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        ("пять коробок", 5, 1),
        ("двадцать пять", 25, 2),
        ("сто двадцать штук", 120, 2),
        ("две тысячи пятьсот", 2500, 3),
        ("тысяча двести", 1200, 2),
        ("десяток", 10, 1),
        ("два десятка", 20, 2),
        ("half a dozen eggs", 6, 3),
        ("a dozen", 12, 2),
        ("two dozen", 24, 2),
        ("two hundred and fifty", 250, 4),
        ("twenty-five boxes", 25, 1),
        ("dreiundzwanzig", 23, 1),
        ("dreihundertfünfzig Stück", 350, 1),
        ("zweitausend", 2000, 1),
        ("ein Dutzend", 12, 2),
        ("пять шесть", 5, 1),
        ("a hundred and ten nuts", 110, 4),
        ("two thousand and fifty", 2050, 4),
        ("drei viertel Tonnen", Decimal("0.75"), 2),
        ("три четверти тонны", Decimal("0.75"), 2),
        ("three-quarters of a tonne", Decimal("0.75"), 3),
        ("six quarter plates", 6, 1),
        ("пара сапог", 1, 1),
        ("пара стульев", 2, 1),
    ],
)
def test_numbers_in_words(text: str, value: Decimal | int, words: int) -> None:
    numeral = numeral_at(text.split(), 0)
    assert numeral is not None
    assert numeral.value == value
    assert numeral.words == words


def test_a_word_for_one_is_weak_and_other_words_are_no_numbers() -> None:
    one = numeral_at(["eine"], 0)
    assert one is not None
    assert one.weak
    for word in ("несколько", "some", "einige", "und", "hundertwasser"):
        assert numeral_at([word], 0) is None


def test_a_pair_is_one_and_a_couple_is_vague() -> None:
    boots, chairs = numeral_at(["пара", "сапог"], 0), numeral_at(["пара", "стульев"], 0)
    assert boots is not None
    assert (boots.pair, boots.rough) == (True, False)
    assert chairs is not None
    assert (chairs.pair, chairs.rough) == (False, True)


def test_a_fraction_that_is_no_decimal_is_rough() -> None:
    thirds = numeral_at("two thirds of a pallet".split(), 0)
    assert thirds is not None
    assert thirds.rough


@given(st.lists(st.text(max_size=12), max_size=6))
def test_numerals_never_raise(words: list[str]) -> None:
    numeral_at(words, 0)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("шт", "H87"),
        ("шт.", "H87"),
        ("Stk.", "H87"),
        ("pcs", "H87"),
        ("кг", "KGM"),
        ("пог. м", "MTR"),
        ("м2", "MTK"),
        ("м³", "MTQ"),
        ("уп.", "NMP"),
        ("рул", "XRO"),
        ("Kartons", "XCT"),
        ("Dutzend", "DZN"),
        ("796", "H87"),
        ("166", "KGM"),
        ("C62", "C62"),
        ("MTR", "MTR"),
        ("nonsense", ""),
    ],
)
def test_units_have_codes_of_recommendation_20(text: str, code: str) -> None:
    assert code_of(text) == code


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("40кг картофеля", "кг"),
        ("5 пог. м трубы", "пог. м"),
        ("10 Stk. Dübel", "Stk."),
        ("5 sq m", "sq m"),
        ("7 м3.", "м3."),
        ("5 м-образный", ""),
        ("60kVA", ""),
        ("2 чудо", ""),
    ],
)
def test_the_unit_behind_a_number(text: str, unit: str) -> None:
    digits = len(text) - len(text.lstrip("0123456789"))
    found = unit_behind(text, digits)
    assert (found.text if found else "") == unit


def test_a_unit_word_is_found_without_its_dots() -> None:
    unit = unit_of("Шт.")
    assert unit is not None
    assert unit.code == "H87"


@pytest.mark.parametrize(
    ("cell", "quantity", "unit", "doubts"),
    [
        ("20", "20", "", 0),
        ("20 шт", "20", "шт", 0),
        ("12,5 кг", "12.5", "кг", 0),
        ("3 уп. по 10 шт", "3", "уп.", 0),
        ("1 200 шт.", "1200", "шт.", 0),
        ("x 4", "4", "", 0),
        ("около 50 шт", None, "", 0),
        ("20-30 шт", "20", "", 1),
        ("120,00 €", None, "", 0),
        ("по запросу", None, "", 0),
    ],
)
def test_a_quantity_cell(cell: str, quantity: str | None, unit: str, doubts: int) -> None:
    measured = quantity_of(cell)
    assert measured.readings[:1] == (() if quantity is None else (Decimal(quantity),))
    assert measured.unit == unit
    assert len(measured.problems) == doubts


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("2024-06-03", "", date(2024, 6, 3)),
        ("от 03.06.2024", "ru", date(2024, 6, 3)),
        ("3 июня 2024 г.", "ru", date(2024, 6, 3)),
        ("до 20 августа", "ru", date(2024, 8, 20)),
        ("поставка 05.06", "ru", date(2024, 6, 5)),
        ("June 3, 2024", "en", date(2024, 6, 3)),
        ("3rd of June", "en", date(2024, 6, 3)),
        ("13/06/2024", "en", date(2024, 6, 13)),
        ("03/04/2024", "en", None),
        ("03/04/2024", "fr", date(2024, 4, 3)),
        ("3. Juni 2024", "de", date(2024, 6, 3)),
        ("am 12. März", "de", date(2025, 3, 12)),
        ("32.13.2024", "ru", None),
        ("30/50", "de", None),
        ("10-12", "ru", None),
        ("2.5", "en", None),
    ],
)
def test_dates_by_language(text: str, language: str, day: date | None) -> None:
    assert date_of(text, language, date(2024, 6, 3)) == day


@pytest.mark.parametrize(
    ("text", "code"),
    [("15 €", "EUR"), ("500 руб.", "RUB"), ("32 800 ₽", "RUB"), ("£4", "GBP"), ("CHF 3", "CHF"),
     ("шт/кор", ""), ("размер", "")],
)  # fmt: skip
def test_currencies(text: str, code: str) -> None:
    assert currency_in(text) == code
