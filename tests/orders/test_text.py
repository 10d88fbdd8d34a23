"""Lines, lists and sentences of a mail's body, line by line."""

from dataclasses import replace
from decimal import Decimal

import pytest

from postroom.classify.orders.audit import doubted
from postroom.classify.orders.body import read_body
from postroom.classify.orders.item import item
from postroom.classify.orders.noise import is_noise
from postroom.classify.orders.records import records_at
from postroom.order import OrderLine
from postroom.reading.language import detect


@pytest.mark.parametrize(
    ("line", "quantity", "unit", "description"),
    [
        ("болт М8х30 оц. - 200 шт", "200", "шт", "болт М8х30 оц"),
        ("20x M8x30 zinc @ 0.12", "20", "", "M8x30 zinc"),
        ("картофель 40кг", "40", "кг", "картофель"),
        ("масло подс. 5л - 3", "3", "", "масло подс. 5л"),
        ("— шприц 3-компонентный 5 мл, 20 000 шт.;", "20000", "шт.", "шприц 3-компонентный 5 мл"),
        ("1. Бинт 7 м х 14 см — 2 400 шт.", "2400", "шт.", "Бинт 7 м х 14 см"),
        ("Полотенце 70х140, 500 г/м2 — 400 шт.", "400", "шт.", "Полотенце 70х140, 500 г/м2"),
        ("300 m Dachlatte 30/50 S10", "300", "m", "Dachlatte 30/50 S10"),
        ("1 x 60kVA generator road tow", "1", "", "60kVA generator road tow"),
        ("Plasterboard 12.5mm 1200x2400 x 60", "60", "", "Plasterboard 12.5mm 1200x2400"),
        ("40 Stk Böden 3,07", "40", "Stk", "Böden 3,07"),
        ("листовка А5 4+4 — 10 тыс. шт.", "10000", "шт.", "листовка А5 4+4"),
        ("Батарейки АА - 3 уп. по 10 шт", "3", "уп.", "Батарейки АА по 10 шт"),
        ("Flange DN50 PN16 - 8 pcs", "8", "pcs", "Flange DN50 PN16"),
        ("Smart 200 lamp - 3 pcs", "3", "pcs", "Smart 200 lamp"),
        ("Рассада капусты, кассета 64 — 15 кас.", "15", "кас", "Рассада капусты, кассета 64"),
        ("Лопата (кат. 11-0042) — 6 шт. х 350 руб.", "6", "шт.", "Лопата"),
    ],
)
def test_the_quantity_is_told_from_sizes_and_codes(
    line: str, quantity: str, unit: str, description: str
) -> None:
    found = item(line, "ru")
    assert found is not None
    assert found.draft.quantity[0] == Decimal(quantity)
    assert found.draft.unit == unit
    assert found.draft.description == description


@pytest.mark.parametrize(
    ("line", "quantity", "price", "total"),
    [
        ("[LED-36] Панель 36 Вт × 40 = 32 800 ₽", "40", None, "32800"),
        ("Болт 12х100 .... 500 шт .... 18,40 ... 9 200,00", "500", "18.40", "9200.00"),
        ("Нитки 45ЛЛ — 60 боб × 92,00 = 5 520,00", "60", "92.00", "5520.00"),
        ("Chair gold, 200 pcs, 3.20 each", "200", "3.20", None),
        ("Цемент М500 50 кг - 120 мешков по 415 руб.", "120", "415", None),
        ("Плитка С2 — 80 шт. х 350 руб.", "80", "350", None),
        ("25 Stück Kugelhahn DN25 à 18,40 €", "25", "18.40", None),
    ],
)
def test_price_and_total_are_told_from_the_quantity(
    line: str, quantity: str, price: str | None, total: str | None
) -> None:
    found = item(line, "ru", ",")
    assert found is not None
    draft = found.draft
    assert draft.quantity[0] == Decimal(quantity)
    assert draft.price[:1] == (() if price is None else (Decimal(price),))
    assert draft.total[:1] == (() if total is None else (Decimal(total),))


@pytest.mark.parametrize(
    "line",
    [
        "тел. +7 (000) 247-18-00, доб. 3",
        "ИНН 0052117730 / КПП 005201001",
        "VAT GB 123 4567 82",
        "Доставка: до терминала 20.06",
        "Срок поставки: 5 (пять) рабочих дней",
        "Mit freundlichen Grüßen",
        "Tel 020 7946 0123",
        "www.example.test",
        "12 High Street, London",
        "Hello Kate,",
        "----------------------",
        "Our order NC 40021.",
        "Lieferung bis KW 41 an Tor 2",
        "Payment terms: net 30",
        "Агент: 8 000 200-30-40",
    ],
)
def test_signatures_phones_banks_and_terms_are_no_lines(line: str) -> None:
    assert is_noise(line)


@pytest.mark.parametrize(
    "line", ["болт М8 - 20 шт", "20 rolls tape", "Schrauben 4x40 - 5 Pakete", "Net 30 m - 2"]
)
def test_goods_are_not_noise(line: str) -> None:
    assert not is_noise(line)


def lines_of(text: str, language: str) -> list[tuple[str, str, str]]:
    return [
        (str(line.quantity), line.unit, line.description)
        for line in read_body(text, language).lines
    ]


def test_a_russian_sentence_orders_two_things() -> None:
    text = "Здравствуйте! Нам нужно пять коробок бумаги А4 и 2 тонера HP 85A."
    assert lines_of(text, "ru") == [
        ("5", "коробок", "бумаги А4"),
        ("2", "", "тонера HP 85A"),
    ]


def test_a_german_sentence_orders_two_things() -> None:
    text = "Bitte liefern Sie 10 Stk. Dübel 8mm und 5 Pakete Schrauben 4x40."
    assert lines_of(text, "de") == [
        ("10", "Stk.", "Dübel 8mm"),
        ("5", "Pakete", "Schrauben 4x40"),
    ]


def test_a_sentence_that_ends_with_quantities() -> None:
    text = "Просим поставить: парта двухместная 15 шт., стул ученический 30 шт."
    assert lines_of(text, "ru") == [
        ("15", "шт.", "парта двухместная"),
        ("30", "шт.", "стул ученический"),
    ]


def test_a_number_in_a_sentence_that_nobody_has_read_is_named() -> None:
    reading = read_body("Пришлите 5 коробок бумаги. Ещё тех 40 белых посмотрите на складе.", "ru")
    assert "numbers-unread" in reading.problems


def test_the_unit_that_some_lines_lack_makes_them_unsure() -> None:
    reading = read_body("картофель 40кг\nлук 10\nморковь 10\n", "ru")
    assert [line.confidence >= 0.85 for line in reading.lines] == [True, False, False]
    assert reading.lines[1].problems == ("unit-missing",)


@pytest.mark.parametrize(
    "line",
    [
        "затирка 110 - 3 шт (если нет, то 111)",
        "примерно 5-6 кубов песка",
        "Hauben blau alt: 40 VE neu: 60 VE",
        "up to 40 pcs of bolts",
    ],
)
def test_conditions_guesses_and_changes_are_never_sure(line: str) -> None:
    assert all(one.confidence < 0.85 for one in read_body(f"нужно:\n- {line}\n", "ru").lines)


def test_text_behind_the_closing_is_not_read() -> None:
    text = "Please send 30 boxes of gloves.\n\nKind regards,\nKate\n5 pcs Kate Street\n"
    assert lines_of(text, "en") == [("30", "boxes", "gloves")]


def test_records_of_labelled_fields_are_lines() -> None:
    text = ["Item 10", "Material: 100-44 Hose", "Quantity: 12 EA", "Price: 84.00 GBP", ""]
    records = next(records_at(text, set(), "en", "body:"))
    line = records.table.lines[0]
    assert (line.sku, line.description, str(line.quantity)) == ("100-44", "Hose", "12")
    assert line.unit_price == Decimal("84.00")


def test_a_table_of_spaces_keeps_empty_cells_in_their_columns() -> None:
    text = (
        "Pos   Art.-Nr.    Bezeichnung        Menge   ME    Einzelpreis\n"
        "10    4711-100    Schlauch           50      m     4,85\n"
        "20                Fassung ohne Nr.   200     Stk   0,62\n"
    )
    lines = read_body(text, "de").lines
    assert [(line.sku, line.description, str(line.quantity), line.unit) for line in lines] == [
        ("4711-100", "Schlauch", "50", "m"),
        ("", "Fassung ohne Nr.", "200", "Stk"),
    ]


def test_thanks_for_an_earlier_delivery_order_nothing_and_are_no_doubt() -> None:
    reading = read_body(
        "Спасибо за прошлый заказ, все 40 коробок доехали целыми!\n"
        "Теперь нам нужно: роза Эксплорер 60 см 200 шт, гипсофила 10 пачек.",
        "ru",
    )
    assert [line.quantity for line in reading.lines] == [200, 10]
    assert reading.problems == ()


def test_thanks_that_order_more_are_read() -> None:
    reading = read_body("Thanks for the last order, please send another 40 boxes of tape.", "en")
    assert [line.quantity for line in reading.lines] == [40]


def test_a_sentence_ends_behind_an_abbreviated_unit() -> None:
    reading = read_body(
        "Bitte senden: 2 Dosen Cyan 2,5 kg und 4 Dosen Lack 2,5 kg. Auf die Rechnung bitte",
        "de",
    )
    assert [line.description for line in reading.lines] == ["Cyan 2,5 kg", "Lack 2,5 kg"]


def test_a_cost_centre_is_no_quantity() -> None:
    reading = read_body("I need 5 packs of gloves. Please charge cost centre 4471.", "en")
    assert [line.quantity for line in reading.lines] == [5]


def test_a_price_that_looks_like_a_day_is_a_price() -> None:
    reading = read_body("12 x Softwood 38x63 3.0m @ £4.15\n40 x Oak board 18mm @ £74.50", "en")
    assert [line.unit_price for line in reading.lines] == [Decimal("4.15"), Decimal("74.50")]


def test_a_german_noun_behind_the_number_counts() -> None:
    found = item("- Lachs geräuchert 1 kg: 3 Seiten", "de")
    assert found is not None
    assert (found.draft.unit, found.draft.description) == ("Seiten", "Lachs geräuchert 1 kg")


def test_a_jar_is_no_bank() -> None:
    assert not is_noise("банка стекло 0,5 л - 400 шт")
    assert is_noise("АО «Альфа-Банк», БИК 044525593")


def test_pieces_counted_by_ea_are_no_price() -> None:
    found = item("Bath mat 50x80 white        60 ea   £4.10   £246.00", "en")
    assert found is not None
    assert (found.draft.quantity[0], found.draft.price[0]) == (Decimal(60), Decimal("4.10"))


def test_a_sentence_that_heads_a_list_orders_nothing() -> None:
    reading = read_body(
        "Please order the following for Tower 9:\n- Desk chair black - 8\n- Footrest - 3", "en"
    )
    assert [line.quantity for line in reading.lines] == [8, 3]


def test_a_heading_between_records_parts_them_and_the_order_s_own_numbers_are_none_of_theirs() -> (
    None
):
    text = (
        "Purchase order: 60011874\nSupplier code: 4471\n\nLine 1\nDescription: Apron\n"
        "Quantity: 40 RL\n\nLine 2\nDescription: Container 7L\nQuantity: 25 EA"
    )
    reading = read_body(text, "en")
    assert [(line.quantity, line.description) for line in reading.lines] == [
        (Decimal(40), "Apron"),
        (Decimal(25), "Container 7L"),
    ]


def test_a_price_left_in_a_description_is_a_doubt() -> None:
    line = OrderLine(line=1, description="brackets @ 1.15", quantity=Decimal(36), confidence=0.9)
    assert doubted(line).confidence < 0.85
    assert doubted(replace(line, description="brackets")).confidence == 0.9


def test_a_short_word_that_nobody_knows_may_be_a_unit() -> None:
    (_, line) = read_body("Просим отгрузить:\nКлипсы - 10 шт\nСкобы - 20 зкл.", "ru").lines
    assert "unit-unsure" in line.problems
    assert line.confidence < 0.85


@pytest.mark.parametrize(
    "text",
    [
        "wir bestellen zur Abholung am 12. Juni:\n25 St. Hainbuche\n10 St. Feldahorn",
        "Please supply to berth 6:\nCotton rags - 50 kg\nTorch - 4 pcs",
        "Просим отгрузить:\nКонёк - 14 шт\nМембрана - 3 рул\nДоставка: пос. Лесной, участок 41.",
        "Миша, по прошлому заказу всё пришло: 14 мест.\n\nЗаказ:\nТорф - 9 шт\nГрунт - 4 шт",
    ],
)
def test_days_places_and_what_came_before_are_no_goods(text: str) -> None:
    reading = read_body(text, "")
    assert len(reading.lines) == 2
    assert not reading.problems


def test_what_one_holds_says_what_is_counted() -> None:
    (_, milk, onions) = read_body("Carrots - 12.5 kg\nMilk 2L - 40\nOnions - 10", "en").lines
    assert (milk.problems, onions.problems) == ((), ("unit-missing",))


def test_the_cents_of_a_price_tell_how_thousands_are_grouped() -> None:
    (line,) = read_body("Please ship 1,250 ft of PEX tubing at $0.42/ft.", "en").lines
    assert (line.quantity, line.unit_price) == (Decimal(1250), Decimal("0.42"))
    assert not line.problems


def test_who_asks_for_a_number_in_words_orders() -> None:
    assert lines_of(
        "Для детского сада просим двадцать комплектов белья и сорок полотенец.", "ru"
    ) == [
        ("20", "комплектов", "белья"),
        ("40", "", "полотенец"),
    ]


@pytest.mark.parametrize(
    ("text", "quantities"),
    [
        ("Please order 24 blue mugs, 12 plates and 6 bowls.", [24, 12, 6]),
        ("Please order 10 chairs for Leeds and 8 chairs for York.", [10, 8]),
        ("Bestellung 10 Stühle und 8 Tische, bitte liefern.", [10, 8]),
        ("Заказ 10 стульев и 8 столов.", [10, 8]),
        ("Bestellung 4711 vom 3. Juni:\n5 Stk Stuhl", [5]),
    ],
)
def test_a_number_of_goods_behind_the_word_order_is_a_quantity(
    text: str, quantities: list[int]
) -> None:
    assert [line.quantity for line in read_body(text, detect(text)).lines] == quantities


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Please send one hundred and fifty M8 bolts.", [("150", "", "M8 bolts")]),
        ("Bitte liefern Sie drei viertel Tonnen Splitt.", [("0.75", "Tonnen", "Splitt")]),
        (
            "Нужна пара сапог 43 размера и пара перчаток.",
            [("1", "пара", "сапог 43 размера"), ("1", "пара", "перчаток")],
        ),
        ("chairs (4), desks (2) please", [("4", "", "chairs"), ("2", "", "desks")]),
        ("Stühle 4x, Tische 2x bitte", [("4", "", "Stühle"), ("2", "", "Tische")]),
        ("Please send 4 Toner HP 59X.", [("4", "", "Toner HP 59X")]),
        ("chairs x4, desks x2 please", [("4", "", "chairs"), ("2", "", "desks")]),
        (
            "Заказ:\nЩебень 5-20 - 6 м3\nПесок - 10 м3",
            [("6", "м3", "Щебень 5-20"), ("10", "м3", "Песок")],
        ),
    ],
)
def test_what_is_said_plainly_is_read_surely(text: str, lines: list[tuple[str, str, str]]) -> None:
    reading = read_body(text, detect(text))
    assert [(str(one.quantity), one.unit, one.description) for one in reading.lines] == lines
    assert all(line.confidence >= 0.85 for line in reading.lines)
    assert not reading.problems


@pytest.mark.parametrize(
    "text",
    [
        "Заказ:\nЩебень 5-20 м3\nПесок - 10 м3",
        "Merlot (2021), Riesling (2020) please",
        "Нужна пара стульев.",
    ],
)
def test_grains_years_and_couples_are_no_sure_quantities(text: str) -> None:
    first = next(iter(read_body(text, detect(text)).lines), None)
    assert first is None or first.confidence < 0.85


def test_a_framework_contract_s_number_is_known() -> None:
    text = "Bitte liefern Sie gem. Rahmenvertrag 4600012 folgende Artikel:\n\nHose - 4 Stück"
    assert not read_body(text, "de").problems


@pytest.mark.parametrize(
    ("sentence", "unsaid"),
    [
        ("Bitte liefern Sie an unser Lager in Bonn.", False),
        ("Bitte liefern Sie alles an die Baustelle Ulm.", False),
        ("Bitte liefern an Lager Süd.", False),
        ("Bitte liefern Sie Helme an die Baustelle Ulm.", True),
        ("Bitte liefern Sie nach Bonn Helme und Schuhe.", True),
        ("Bitte liefern Sie bis Montag Helme.", True),
    ],
)
def test_a_place_is_no_goods_without_a_number(sentence: str, unsaid: bool) -> None:
    reading = read_body(f"Handschuhe - 3 VPE\nHose - 4 Stück\n\n{sentence}", "de")
    assert ("quantity-unsaid" in reading.problems) is unsaid


@pytest.mark.parametrize(
    ("line", "language", "description"),
    [
        ("40 pcs Apron bib, 240 gsm, navy", "en", "Apron bib, 240 gsm, navy"),
        ("6 Stk Netzteil Hutschiene, 230 V AC, 5 A", "de", "Netzteil Hutschiene, 230 V AC, 5 A"),
        ("2 Stk Pumpe, 0,75 kW, 1450 U/min, IP55", "de", "Pumpe, 0,75 kW, 1450 U/min, IP55"),
        ("3 Stk Sensor, 0-10 V, 4-20 mA, M12", "de", "Sensor, 0-10 V, 4-20 mA, M12"),
        ("8 шт. Светильник, 36 Вт, 4000 К, IP54", "ru", "Светильник, 36 Вт, 4000 К, IP54"),
        ("5 pcs Floodlight, 50 W, 4000 K, black", "en", "Floodlight, 50 W, 4000 K, black"),
        ("12 Stk Filter, 25 bar, 10 µm", "de", "Filter, 25 bar, 10 µm"),
    ],
)
def test_figures_of_properties_behind_a_comma_order_nothing(
    line: str, language: str, description: str
) -> None:
    ((_, unit, said),) = lines_of(f"Order:\n{line}", language)
    assert unit
    assert said == description


def test_words_that_only_look_like_units_of_properties_still_name_goods() -> None:
    names = ["bar stools", "V belts", "A frames"]
    text = "Please send 4 bar stools, 10 V belts and 2 A frames."
    assert [name for _, _, name in lines_of(text, "en")] == names


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("Socken grau, Größe 39-42 - 30 Paar", "de"),
        ("Перчатки вязаные, 9-10 — 60 пар", "ru"),
        ("20 кг форели потрошёной 2-3", "ru"),
        ('4 Stk Winkel G 3/8" A x 12L, verzinkt', "de"),
    ],
)
def test_a_size_in_the_name_beside_a_quantity_with_a_unit_is_a_size(
    line: str, language: str
) -> None:
    (read,) = read_body(f"Заказ:\n{line}", language).lines
    assert read.unit
    assert not read.problems


@pytest.mark.parametrize(
    "line", ["Soap oatmeal - 24 bar", "Kakao, 12 mesh bags", "Leiste - 120 lm"]
)
def test_what_may_count_as_well_is_not_passed_over(line: str) -> None:
    assert len(read_body(f"Order:\n{line}\nCandle - 6", "en").lines) == 2


@pytest.mark.parametrize("line", ["Äpfel 10-12", "4 Äpfel 10-12", "Klebeband 3-4 Rollen"])
def test_a_range_that_may_order_stays_unsure(line: str) -> None:
    assert all(one.confidence < 0.85 for one in read_body(f"Bestellung:\n{line}", "de").lines)


def test_a_number_in_brackets_before_goods_says_how_many() -> None:
    text = "Need these:\n(4) KX-220 wiper blade 22 in\n(2) boxes of fuses\n(1) BT-77 battery"
    assert lines_of(text, "en")[:2] == [("4", "", "wiper blade 22 in"), ("2", "boxes", "fuses")]
    assert len(lines_of(text, "en")) == 3


@pytest.mark.parametrize(
    "text",
    [
        "(1) hex bolt - 200 pcs\n(2) washer - 400 pcs\n(3) nut - 400 pcs",
        "(3) hex bolt - 200 pcs\n(3) washer - 400 pcs\n(7) nut - 400 pcs",
    ],
)
def test_a_number_in_brackets_before_a_quantity_is_the_line_s_own(text: str) -> None:
    assert [one for one, _, _ in lines_of(f"Order:\n{text}", "en")] == ["200", "400", "400"]


def test_each_is_a_unit_where_no_other_number_orders() -> None:
    assert lines_of("Order:\nDog lead 120cm red - 6 each", "en") == [
        ("6", "each", "Dog lead 120cm red")
    ]
    (chair,) = read_body("Order:\nChair gold, 200 pcs, 15 each", "en").lines
    assert (chair.quantity, chair.unit_price) == (Decimal(200), Decimal(15))


def test_a_unit_with_a_hyphen_is_a_unit() -> None:
    assert lines_of("Заказ:\nщётки стеклоочистителя    3 к-т", "ru") == [
        ("3", "к-т", "щётки стеклоочистителя")
    ]


def test_a_name_above_its_fields_belongs_to_the_record() -> None:
    text = (
        "Line 1\nSafety vest class 2 lime\nQuantity 40 each, unit price $7.25\n\n"
        "Line 2\nHard hat vented white\nQuantity 15 each, unit price $18.00"
    )
    lines = read_body(text, "en").lines
    assert [(one.description, one.unit_price) for one in lines] == [
        ("Safety vest class 2 lime", Decimal("7.25")),
        ("Hard hat vented white", Decimal(18)),
    ]


def test_a_code_under_material_is_no_name_where_a_name_follows() -> None:
    text = (
        "00010\nMaterial: 4400127\nKompresse steril 10 x 10 cm\nMenge: 2.500 ST\n"
        "Nettopreis: 0,12 EUR pro 1 ST"
    )
    (line,) = read_body(text, "de").lines
    assert (line.sku, line.description) == ("4400127", "Kompresse steril 10 x 10 cm")
    assert (line.quantity, line.unit_price) == (Decimal(2500), Decimal("0.12"))


def test_a_sentence_above_a_field_is_no_name() -> None:
    assert not read_body("We order as agreed:\nQty 40 each, unit price $7.25", "en").lines


def test_list_lines_that_end_with_a_price_do_not_run_on() -> None:
    text = (
        "Заказываем:\nкрем сливочный растительный 27 %, ведро 6 кг — 3 ведра по 1 480 ₽\n"
        "начинка вишнёвая термостабильная, ведро 11 кг — 2 ведра по 2 350 ₽\n"
    )
    assert [one.unit_price for one in read_body(text, "ru").lines] == [1480, 2350]
