"""Lists laid out alike: what their layout settles, and what stays in doubt however they look."""

from decimal import Decimal

import pytest

from postroom.classify.orders.body import read_body
from postroom.classify.orders.codes import codes_of
from postroom.classify.orders.figures import figures
from postroom.classify.orders.item import item
from postroom.classify.orders.numbers import decimal_mark
from postroom.classify.orders.units import unit_behind
from postroom.order import OrderLine

_SURE = 0.85


def lines_of(text: str, language: str) -> tuple[OrderLine, ...]:
    return read_body(text, language).lines


def read(text: str, language: str) -> list[tuple[str, str, str]]:
    return [(str(one.quantity), one.unit, one.description) for one in lines_of(text, language)]


@pytest.mark.parametrize(
    ("text", "language", "names"),
    [
        (
            "halibut, pieces of 2-3 kg - 12 kg\nparsley - 2 kg\ngrease 80W-90, 4 l - 3 pcs",
            "en",
            ["halibut, pieces of 2-3 kg", "parsley", "grease 80W-90, 4 l"],
        ),
        (
            "2 Stk Heizungspumpe 32-80 180 mm\n5 Stk Kugelhahn\n3 Stk Schäkel GX-310, 4,5 t",
            "de",
            ["Heizungspumpe 32-80 180 mm", "Kugelhahn", "Schäkel GX-310, 4,5 t"],
        ),
        (
            "Бахилы, рулон 50 шт — 8 рул.\nМаска 3-слойная — 20 уп.\nШапочка (20–30 г) — 6 уп.",
            "ru",
            ["Бахилы, рулон 50 шт", "Маска 3-слойная", "Шапочка (20–30 г)"],
        ),
        (
            "4 kg Sencha first flush 2023\n2 kg Assam\n3 kg Darjeeling",
            "en",
            ["Sencha first flush 2023", "Assam", "Darjeeling"],
        ),
    ],
)
def test_figures_of_a_name_leave_no_doubt_where_the_list_says_how_many(
    text: str, language: str, names: list[str]
) -> None:
    found = lines_of(text, language)
    assert [one.description for one in found] == names
    assert all(one.confidence >= _SURE and not one.problems for one in found)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("2 pallets of 48 bags\n3 pallets of 40 bags\n1 pallet of 10 bags", "en"),
        ("10 boxes apples 5-6 pears\n2 boxes plums\n3 boxes grapes", "en"),
        ("10 boxes apples 5-6 boxes pears\n2 boxes plums\n3 boxes grapes", "en"),
        ("2 boxes - 12 markers\n3 boxes - 20 pens\n4 boxes - 10 rulers", "en"),
        ("5 kg nails 2000\n3 kg screws\n10 kg bolts", "en"),
        ("Песок 20 т - 1 машина\nГравий - 2 машины\nЩебень - 1 машина", "ru"),
        ("Seife 20 Kartons - 400 Stück\nTücher - 30 Stück\nBürsten - 10 Stück", "de"),
        ("halibut, pieces of 2-3 kg - 12 kg", "en"),
    ],
)
def test_what_may_be_ordered_as_well_stays_in_doubt_in_any_list(text: str, language: str) -> None:
    first = lines_of(text, language)[0]
    assert first.confidence < _SURE
    assert first.problems


def test_a_count_before_a_size_is_a_count_in_a_list_of_counts() -> None:
    text = "16 x 160mm drain pipe 3m\n5 x 300mm chamber base\n8 bags cement\n2 rolls membrane"
    assert read(text, "en") == [
        ("16", "", "160mm drain pipe 3m"),
        ("5", "", "300mm chamber base"),
        ("8", "bags", "cement"),
        ("2", "rolls", "membrane"),
    ]
    assert all(one.confidence >= _SURE for one in lines_of(text, "en"))


def test_sizes_that_begin_every_line_are_no_sure_counts() -> None:
    text = "20 x 110mm skirting oak\n20 x 140mm skirting oak\n15 x 90mm architrave oak"
    assert all(one.confidence < _SURE for one in lines_of(text, "en"))
    counted = "20 x 110mm batten - 40\n20 x 140mm batten - 12\n20 x 90mm batten - 6"
    assert [one.quantity for one in lines_of(counted, "en")] == [40, 12, 6]


def test_a_size_of_like_measures_is_no_count() -> None:
    assert item("40 x 60 mm frames oak", "en") is None


def test_a_number_before_its_price_is_the_quantity() -> None:
    text = "Blankets wool 130x180cm, 24 @ £11.40\nSheets 200TC white, 60 @ £7.85"
    found = lines_of(text, "en")
    assert [(one.quantity, one.unit_price) for one in found] == [
        (Decimal(24), Decimal("11.40")),
        (Decimal(60), Decimal("7.85")),
    ]
    assert all(one.confidence >= _SURE for one in found)


@pytest.mark.parametrize(
    ("line", "price", "money"),
    [
        ("14 gate hinges @ R129.50", "129.50", "ZAR"),
        ("14 gate hinges @ R 1200", "1200", "ZAR"),
        ("14 gate hinges at USD12.75", "12.75", "USD"),
    ],
)
def test_a_currency_glued_to_its_amount_is_money(line: str, price: str, money: str) -> None:
    found = item(line, "en", ".")
    assert found is not None
    assert (found.draft.price, found.money) == ((Decimal(price),), money)
    assert found.draft.description == "gate hinges"


def test_a_code_that_begins_with_r_is_no_money() -> None:
    assert not any(one.money for one in figures("Mehl R960, 3 Sack"))


def test_an_amount_behind_an_at_that_was_not_read_is_a_doubt() -> None:
    (line, _) = lines_of("10 plates @ Kz 12.50\n20 cups", "en")
    assert "price-unread" in line.problems
    assert line.confidence < _SURE


def test_pieces_by_the_thousand_are_whole_though_a_day_has_a_dot() -> None:
    text = "Etiketten A6, matt – 2.500 Stück\nHefte A5 – 75 Stück\n\nWir holen am 14.09. ab."
    assert [one.quantity for one in lines_of(text, "de")] == [2500, 75]
    assert decimal_mark(["ab 14.09. wieder da"], "de") == ","


def test_a_name_in_a_column_of_its_own_is_not_parted_at_its_commas() -> None:
    text = (
        "3 boxes      Envelopes, windowed, 4 1/8 inch, box of 500\n"
        "2 jugs       Floor cleaner, lemon\n12           Files, blue"
    )
    assert read(text, "en") == [
        ("3", "boxes", "Envelopes, windowed, 4 1/8 inch, box of 500"),
        ("2", "jugs", "Floor cleaner, lemon"),
        ("12", "", "Files, blue"),
    ]
    assert all(one.confidence >= _SURE for one in lines_of(text, "en"))


def test_lines_that_name_one_article_by_its_code_are_one_thing_each() -> None:
    text = (
        "Art. 51002, Buntstifte 24 Farben, 30 Etuis\nArt. 51003, Radierer weiß, 40 Stück\n"
        "Art. 51004, Lineal 30 cm, 25 Stück"
    )
    assert [(one.sku, one.quantity, one.unit) for one in lines_of(text, "de")] == [
        ("51002", Decimal(30), "Etuis"),
        ("51003", Decimal(40), "Stück"),
        ("51004", Decimal(25), "Stück"),
    ]


def test_a_second_number_behind_a_comma_stays_in_doubt_though_lines_begin_alike() -> None:
    text = "3x Bohrer, 24 Schrauben\n2x Hammer\n1x Säge\n4x Zange"
    first = lines_of(text, "de")[0]
    assert first.confidence < _SURE


def test_a_code_without_digits_is_one_where_a_label_says_so() -> None:
    assert codes_of("SKU: GRP-ERGO-BK, grips black, 12 pairs")[1] == "GRP-ERGO-BK"
    assert codes_of("Rahmen hell (Art. RH-K)")[1] == "RH-K"
    assert codes_of("SKU: grips black")[1] == ""


@pytest.mark.parametrize(
    ("text", "language", "goods"),
    [
        ("Our PO is LB 7731.", "en", []),
        (
            "ich bräuchte wieder ein paar Dinge:\n3 Dosen Lack\n2 Rollen Band",
            "de",
            ["Lack", "Band"],
        ),
        ("086 555 0177 | insta @somewhere", "en", []),
    ],
)
def test_references_and_telephones_are_no_goods(text: str, language: str, goods: list[str]) -> None:
    assert [one.description for one in lines_of(text, language)] == goods


def test_records_are_counted_by_heads_of_their_own() -> None:
    text = (
        "No.1\nModel: AB-12-X\nName: Pressure switch\nQ'ty: 12 pcs\nUnit price: USD 18.00\n\n"
        "No.2\nModel: CD-77-Y\nName: Gauge\nQ'ty: 4 pcs\nUnit price: USD 9.00"
    )
    reading = read_body(text, "en")
    assert [(one.sku, one.quantity) for one in reading.lines] == [
        ("AB-12-X", Decimal(12)),
        ("CD-77-Y", Decimal(4)),
    ]
    assert not reading.problems


def test_a_price_said_to_be_net_is_a_price_of_the_record() -> None:
    text = (
        "Pos. 1\nBezeichnung: Schaufel, Gr. 2\nMenge: 8 Stück\nEinzelpreis: 21,90 EUR netto\n\n"
        "Pos. 2\nBezeichnung: Splitt 25 kg\nMenge: 30 Sack\nEinzelpreis: 4,15 EUR pro Stück"
    )
    assert [(one.quantity, one.unit_price) for one in lines_of(text, "de")] == [
        (Decimal(8), Decimal("21.90")),
        (Decimal(30), Decimal("4.15")),
    ]


def test_a_numbered_name_begins_the_next_record() -> None:
    text = (
        "1. Стол садовый, 1200 мм\n   Количество: 4 шт.\n   Цена за единицу: 7 300,00 руб.\n"
        "2. Фонарь уличный, 3 м\n   Количество: 9 шт.\n   Цена за единицу: 2 150,00 руб."
    )
    assert [(one.description, one.quantity, one.unit_price) for one in lines_of(text, "ru")] == [
        ("Стол садовый, 1200 мм", Decimal(4), Decimal(7300)),
        ("Фонарь уличный, 3 м", Decimal(9), Decimal(2150)),
    ]


def test_units_of_two_words_and_of_parts_of_a_thing() -> None:
    text = "2 big bags gravel 20mm\n10 pkts napkins\n6 switches white 3 gang"
    assert read(text, "en") == [
        ("2", "big bags", "gravel 20mm"),
        ("10", "pkts", "napkins"),
        ("6", "", "switches white 3 gang"),
    ]
    assert all(one.confidence >= _SURE for one in lines_of(text, "en"))


@pytest.mark.parametrize(
    ("line", "description"),
    [
        ("Bremsscheibe Golf 2012-2019 - 4", "Bremsscheibe Golf 2012-2019"),
        ('inner tube 26" x 1.75-2.1 - 8', 'inner tube 26" x 1.75-2.1'),
        ("Malz EBC 150, Sack 25 kg - 6 Sack", "Malz EBC 150, Sack 25 kg"),
    ],
)
def test_years_sizes_and_grades_are_no_second_quantity(line: str, description: str) -> None:
    found = item(line, "de", ".")
    assert found is not None
    assert found.draft.description == description
    assert "quantity-ambiguous" not in found.draft.problems


@pytest.mark.parametrize(
    ("text", "language", "quantities"),
    [
        # Rows that begin as terms and thanks do, and long rows whose next begins in small letters.
        (
            "* Mailer box - 30 pcs\n* Packing paper 50 m - 24 rolls\n* Tape - 6 rolls",
            "en",
            "30 24 6",
        ),
        ("- Thank you cards 10 cm - 40 packs\n- Envelopes - 12 packs", "en", "40 12"),
        (
            "ладан, 500 г – 4 коробки\nуголь кадильный быстроразжигаемый 40 мм – 6 коробок\n"
            "масло лампадное, 5 л – 3 канистры",
            "ru",
            "4 6 3",
        ),
    ],
)
def test_rows_that_end_with_their_count_are_rows(text: str, language: str, quantities: str) -> None:
    assert " ".join(quantity for quantity, _, _ in read(text, language)) == quantities


@pytest.mark.parametrize("currency", ["KES", "NGN", "SGD", "HUF"])
def test_amounts_of_other_countries_are_prices(currency: str) -> None:
    text = f"80 pcs bath towel at {currency} 950\n40 pcs bath mat at {currency} 620"
    assert [line.unit_price for line in lines_of(text, "en")] == [Decimal(950), Decimal(620)]


@pytest.mark.parametrize("amount", ["at XQZ 950", "at 950", "zu je QX 9,50"])
def test_an_amount_in_no_known_currency_leaves_the_line_in_doubt(amount: str) -> None:
    text = f"80 pcs bath towel {amount}\n40 pcs bath mat {amount}"
    assert all(line.unit_price or line.confidence < _SURE for line in lines_of(text, "en"))


def test_goods_with_their_count_on_the_next_line_are_pairs() -> None:
    text = (
        "Bitte zur Probe am 21.:\n"
        "Klebeband 310 Silver Line 50 mm x 25 m\n12 Rollen\n"
        "Filter 204 Amber, Bogen 50 x 60 cm\n20 Bogen\n"
        "Drahtseil 4 mm, 80 cm\n6 Stück\n"
    )
    assert read(text, "de") == [
        ("12", "Rollen", "Klebeband 310 Silver Line 50 mm x 25 m"),
        ("20", "Bogen", "Filter 204 Amber, Bogen 50 x 60 cm"),
        ("6", "Stück", "Drahtseil 4 mm, 80 cm"),
    ]
    assert all(line.confidence >= _SURE for line in lines_of(text, "de"))
    apart = "Rope 8 mm x 20 m\n4 rolls\n\nShackle 2 t\n10 pcs"
    assert read(apart, "en") == [("4", "rolls", "Rope 8 mm x 20 m"), ("10", "pcs", "Shackle 2 t")]
    assert read("Трос 8 мм\n4 рул\nСкоба 2 т\n10 шт", "ru") == [
        ("4", "рул", "Трос 8 мм"),
        ("10", "шт", "Скоба 2 т"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Our order\n4 rolls\nRope 8 mm\n10 pcs\nShackle 2 t",  # the counts stand above
        "Rope 8 mm\n4 rolls\nShackle 2 t\nBolt M8\n10 pcs",  # one lacks its count
        "Rope 8 mm - 3 rolls\n4 rolls\nShackle 2 t - 6 pcs\n10 pcs",  # said twice
    ],
)
def test_counts_below_no_goods_of_their_own_are_not_paired(text: str) -> None:
    assert not any(
        (line.description, line.quantity)
        in (("Rope 8 mm", Decimal(4)), ("Shackle 2 t", Decimal(10)))
        for line in lines_of(text, "en")
        if line.confidence >= _SURE
    )


def test_counts_of_one_and_two_are_no_numbers_of_the_lines() -> None:
    text = "1 x Rohr 110 mm\n2 x Bogen 110 mm\n3 x Muffe 75 mm"
    assert read(text, "de") == [
        ("1", "", "Rohr 110 mm"),
        ("2", "", "Bogen 110 mm"),
        ("3", "", "Muffe 75 mm"),
    ]


def test_a_package_behind_a_times_sign_counts() -> None:
    text = "1x Fass Hydrauliköl 60 l\n2x Karton Handschuhe Gr. 9\n3x Dosenöffner"
    assert read(text, "de") == [
        ("1", "Fass", "Hydrauliköl 60 l"),
        ("2", "Karton", "Handschuhe Gr. 9"),
        ("3", "", "Dosenöffner"),
    ]
    assert read("2 x Box Spanner 12 mm\n3 x Can Opener", "en") == [
        ("2", "", "Box Spanner 12 mm"),
        ("3", "", "Can Opener"),
    ]


def test_the_code_behind_how_many_belongs_to_the_record() -> None:
    text = (
        "Karton grau 1 mm, 50 x 70 cm\n   Menge: 1.200 Bogen   Art. 44-120-3\n\n"
        "Papier weiß 80 g/m²\n   Menge: 900 Bogen     Art. 18-090-1\n"
    )
    assert [(line.sku, str(line.quantity), line.unit) for line in lines_of(text, "de")] == [
        ("44-120-3", "1200", "Bogen"),
        ("18-090-1", "900", "Bogen"),
    ]
    assert all(line.confidence >= _SURE for line in lines_of(text, "de"))


def test_what_is_not_a_code_behind_how_many_keeps_the_record_in_doubt() -> None:
    text = "Karton grau 1 mm\n   Menge: 1.200-1.300 Bogen\n\nPapier\n   Menge: 900 Bogen\n"
    assert any(line.confidence < _SURE for line in lines_of(text, "de"))


def test_a_model_of_two_groups_is_no_second_quantity_of_a_coded_line() -> None:
    text = "2x Luftfilter LX 17 041, Art. LF1741\n4x Zündkerze, Art. ZK-22"
    assert all(line.confidence >= _SURE for line in lines_of(text, "de"))
    assert lines_of("2x Luftfilter LX 17 041\n4x Zündkerze", "de")[0].confidence < _SURE


def test_a_number_of_a_german_name_has_a_capital() -> None:
    text = "Tee Sieben Kräuter ..... 6 Dosen\nHonig ..... 4 Gläser\nSalz ..... 2 Säcke"
    assert all(line.confidence >= _SURE for line in lines_of(text, "de"))
    small = text.replace("Sieben", "sieben")
    assert lines_of(small, "de")[0].confidence < _SURE


@pytest.mark.parametrize(
    ("text", "language", "unit"),
    [
        ("Splitt 2/5 – 4 to\nSand 0/2 – 3 to", "de", "to"),
        ("Öl 5 l: 3 Kan.\nFett: 2 Kan.", "de", "Kan"),
    ],
)
def test_short_units_of_trades(text: str, language: str, unit: str) -> None:
    assert [line.unit.strip(".") for line in lines_of(text, language)] == [unit, unit]


def test_to_between_numbers_is_no_ton() -> None:
    assert unit_behind("6 to 8 weeks", 1) is None
    assert unit_behind("ship 6 to London", 6) is None


def test_a_cost_centre_above_a_table_is_no_crate() -> None:
    assert lines_of("Bestellung 77, Kst. 5120:", "de") == ()
    assert read("Äpfel Kst. 10\nBirnen Kst. 12", "de") == [
        ("10", "Kst", "Äpfel"),
        ("12", "Kst", "Birnen"),
    ]
