"""What sentences order: for whom, in how many lines, and what in them only describes."""

import pytest

from postroom.classify.orders.body import read_body
from postroom.classify.orders.noise import is_noise
from postroom.classify.orders.prose import split_sentences
from postroom.order import OrderLine

_SURE = 0.85


def read(text: str, language: str) -> list[tuple[str, str, str]]:
    return [
        (str(one.quantity), one.unit, one.description) for one in read_body(text, language).lines
    ]


def sure(text: str, language: str) -> bool:
    found = read_body(text, language)
    return bool(found.lines) and not found.problems and all(map(is_sure, found.lines))


def is_sure(line: OrderLine) -> bool:
    return line.confidence >= _SURE


@pytest.mark.parametrize(
    ("text", "language", "goods"),
    [
        (
            "Bitte liefern Sie für unsere Küche 3 Eimer Reiniger.",
            "de",
            [("3", "Eimer", "Reiniger")],
        ),
        ("Please send for the kitchen 3 buckets soap.", "en", [("3", "buckets", "soap")]),
        ("Просим прислать для нашей столовой 3 ведра мыла.", "ru", [("3", "ведра", "мыла")]),
    ],
)
def test_for_whom_it_is_stands_before_what_is_ordered(
    text: str, language: str, goods: list[tuple[str, str, str]]
) -> None:
    assert read(text, language) == goods


def test_a_number_that_may_be_the_machines_orders_nothing_surely() -> None:
    assert not sure("Bitte senden Sie für die Maschine 4711 Filter.", "de")
    assert not sure("Please send for our machine 4711 filters.", "en")
    assert not sure("Bitte liefern Sie für das Büro 2 12 Ordner", "de")


def test_what_is_ordered_may_go_on_below_an_empty_line() -> None:
    text = "Bitte schicken Sie uns zum Fest\n\nzehn Kartons Kekse,\n12 Dosen Tee,\nund zwei Kannen."
    assert read(text, "de") == [
        ("10", "Kartons", "Kekse"),
        ("12", "Dosen", "Tee"),
        ("2", "", "Kannen"),
    ]
    assert read_body(text, "de").problems == ()  # the wish above lacks no number


@pytest.mark.parametrize(
    ("text", "language", "name"),
    [
        ("Bitte liefern Sie uns 4 Rollen Stoff, Muster Raute", "de", "Stoff, Muster Raute"),
        ("Bitte liefern Sie uns 4 Kisten Saft, 30 % Fruchtgehalt", "de", "Saft, 30 % Fruchtgehalt"),
        ("Please send 4 rolls fabric, pattern diamond", "en", "fabric, pattern diamond"),
        ("Bitte liefern Sie uns 2 Dosen Tee „Vier Winde“", "de", "Tee „Vier Winde“"),
    ],
)
def test_patterns_shares_and_titles_belong_to_the_name(text: str, language: str, name: str) -> None:
    assert [one[2] for one in read(text, language)] == [name]
    assert sure(text, language)


def test_a_discount_and_a_number_in_words_are_no_name() -> None:
    assert not sure("Bitte liefern Sie uns 4 Kisten Saft, 30 % Rabatt", "de")
    assert not sure("Bitte liefern Sie uns 2 Dosen Tee vier Kannen", "de")


def test_a_grade_behind_its_number_ends_no_sentence() -> None:
    assert len(list(split_sentences("Bitte 20 Bretter Eiche 2. Wahl gehobelt"))) == 1
    assert len(list(split_sentences("Wir ziehen in den 4. Stock. Bitte 2 Regale"))) == 2


def test_a_word_of_paying_begins_a_sentence_behind_a_unit() -> None:
    text = "Bitte senden: 2 Dosen Lack und 30 Stk. Bezahle bei Abholung."
    assert len(list(split_sentences(text))) == 2


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Bitte auf Paletten, unser Hubwagen schafft nur 2 t.", "de"),
        ("On pallets please, our forklift lifts 2 t.", "en"),
        ("На поддонах, наш погрузчик поднимает до 2 т.", "ru"),
    ],
)
def test_what_a_lift_bears_orders_nothing(text: str, language: str) -> None:
    assert read(text, language) == []


def test_how_much_a_crane_is_to_bring_is_ordered() -> None:
    assert read("Bitte mit Kran liefern: 2 t Sand.", "de") == [("2", "t", "Sand")]


@pytest.mark.parametrize(
    ("text", "language", "goods"),
    [
        ("Please send 3 boxes gloves 100 pcs.", "en", ("3", "boxes", "gloves 100 pcs")),
        ("Bitte liefern Sie 3 Pakete Nägel 500 Stück", "de", ("3", "Pakete", "Nägel 500 Stück")),
        ("Прошу отгрузить 3 коробки перчаток 100 шт", "ru", ("3", "коробки", "перчаток 100 шт")),
    ],
)
def test_pieces_behind_fewer_packages_fill_them(
    text: str, language: str, goods: tuple[str, str, str]
) -> None:
    assert read(text, language) == [goods]
    assert sure(text, language)


@pytest.mark.parametrize(
    "text",
    [
        "Bitte 3 Sack Zement Rohre 40 Stück",
        "Bitte 30 Pakete Nägel 20 Stück",
        "Bitte 3 Pakete Nägel 500 Stück Schrauben",
    ],
)
def test_pieces_that_fill_no_package_stay_in_doubt(text: str) -> None:
    assert not sure(text, "de")


@pytest.mark.parametrize(
    ("text", "name"),
    [("2 x Hantel Gr. 3, 800 g schwer", "Hantel Gr. 3, 800 g schwer"), ("4 x Leine, 90 cm", "")],
)
def test_a_measure_behind_counted_goods_is_of_one_of_them(text: str, name: str) -> None:
    (line,) = read_body(f"Wir bestellen:\n{text}\n3 x Matte blau\n5 x Ball rot", "de").lines[:1]
    assert line.description == (name or text.removeprefix("4 x "))


def test_a_measure_with_goods_behind_it_orders_them() -> None:
    assert not sure("Wir bestellen:\n2 x Brot, 800 g Mehl\n3 x Ei\n5 x Milch", "de")


@pytest.mark.parametrize(
    "advice",
    [
        "Think of the trees before printing this e-mail.",
        "Sparen Sie Tinte - drucken Sie diese E-Mail nur, wenn es sein muss.",
        "Берегите лес: подумайте, прежде чем распечатать это письмо.",
    ],
)
def test_advice_not_to_print_says_nothing_of_an_order(advice: str) -> None:
    assert is_noise(advice)


@pytest.mark.parametrize(
    "wish",
    [
        "Please print this message on the mugs: Happy Birthday",
        "Bitte drucken Sie diese Nachricht auf 200 Karten.",
        "Просим напечатать это на кружках",
    ],
)
def test_what_is_to_be_printed_is_heard(wish: str) -> None:
    assert not is_noise(wish)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wir bestellen:\n3 x 20 Kartons Papier\n8 x 5 Kartons Stifte", "de"),
        ("We order:\n3 x 20 boxes paper\n8 x 5 boxes pens", "en"),
        ("Заказ:\n3 х 20 коробок бумаги\n8 х 5 коробок ручек", "ru"),
    ],
)
def test_packages_that_are_multiplied_are_never_sure(text: str, language: str) -> None:
    assert not any(map(is_sure, read_body(text, language).lines))


@pytest.mark.parametrize(
    ("thanks", "language"),
    [
        ("Vielen Dank für die letzten 5 Paletten", "de"),
        ("Thank you for the last 5 pallets", "en"),
        ("Спасибо за последние 5 паллет", "ru"),
    ],
)
def test_thanks_for_so_many_that_came_order_nothing(thanks: str, language: str) -> None:
    assert read(thanks, language) == []
