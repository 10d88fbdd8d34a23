"""Lines of a text that part another, hold another, or lack the unit of another."""

import pytest

from postroom.classify.orders import extract_document
from postroom.classify.orders.body import read_body
from postroom.reading.language import detect


def problems_of(text: str) -> list[tuple[str, ...]]:
    return [line.problems for line in read_body(text, detect(text)).lines]


@pytest.mark.parametrize(
    "text",
    [
        "Please send 40 boxes of A4 paper, 10 on Monday and 30 the week after.",
        "Please send 20 rolls of tape, 10 brown and 10 clear.",
        "We need 30 chairs, 15 for Leeds, 15 for York.",
        "Please send 40 boxes of paper, 20 boxes now and 20 boxes in June.",
        "Please send 5 chairs plus 1 free as agreed.",
        "Bitte 30 Stühle liefern, 15 nach Ulm und 15 nach Bonn.",
        "Нужно 40 коробок бумаги: 20 в декабре и 20 в январе.",
        "Нужно 20 рулонов скотча, 10 коричневых и 10 прозрачных.",
    ],
)
def test_parts_are_not_surely_ordered_on_top_of_the_whole(text: str) -> None:
    assert any("part-of-another" in one for one in problems_of(text))
    assert not extract_document("order.txt", text.encode()).complete


@pytest.mark.parametrize(
    "text",
    [
        "Please send 10 free range eggs and 20 for sale signs.",
        "Please send 10 chairs, 6 desks and 3 lamps.",
        "Please order 15 licences for Acme Suite and 2 keyboards.",
        "Order:\n20 chairs\n12 desks\n8 lamps",
    ],
)
def test_goods_that_part_nothing_are_ordered(text: str) -> None:
    assert problems_of(text) == [()] * len(problems_of(text))


@pytest.mark.parametrize(
    "text",
    [
        "Please send 2 drills 3 batteries.",
        "Please send 2 drills w/ 3 batteries.",
        "Bitte 2 Bohrmaschinen 3 Akkus liefern.",
        "Нужно 2 дрели 3 аккумулятора.",
        "Пришлите 10 белых 5 чёрных кружек.",
    ],
)
def test_goods_that_a_description_holds_are_a_doubt(text: str) -> None:
    assert problems_of(text) == [("quantity-ambiguous",)]


@pytest.mark.parametrize(
    "text",
    ["Please send 3 Epson 502 multipacks.", "Пришлите 3 мешка цемента марки 500 серого."],
)
def test_numbers_in_names_are_no_doubt(text: str) -> None:
    assert problems_of(text) == [()]


@pytest.mark.parametrize(
    ("text", "quantities"),
    [
        ("Please send 2 drills n 3 batteries", ["2", "3"]),
        ("Please send 2 drills/3 batteries", ["2", "3"]),
        ("bitte 2 bohrmaschinen u 3 akkus", ["2", "3"]),
        ("Bitte 2 Bohrmaschinen u. 3 Akkus liefern", ["2", "3"]),
        ("Please send 20 nuts n bolts sets", ["20"]),
    ],
)
def test_short_words_for_and_part_what_is_ordered(text: str, quantities: list[str]) -> None:
    assert [str(line.quantity) for line in read_body(text, detect(text)).lines] == quantities


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("Please send 3 pallets of sand and 2 of cement.", True),
        ("Привезите 3 куба песка и 2 щебня.", True),
        ("Bitte 3 Sack Zement und 2 Sand liefern.", True),
        ("Привезите 3 куба песка и 2 куба щебня.", False),
        ("Please send 20 bags of cement and 2 mixers.", False),
        ("Bitte 5 kg Nägel und 2 Hammer liefern.", False),
        ("Нужны 5 кг гвоздей и 2 молотка.", False),
    ],
)
def test_stuff_without_the_unit_of_what_stands_before_it_waits(text: str, lacks: bool) -> None:
    assert problems_of(text) == [(), ("unit-missing",) if lacks else ()]


@pytest.mark.parametrize(
    "text",
    [
        "Нужна плитка Керама 30х60 22 кв.м и затирка.",
        "Просим отгрузить арматуру 12 мм 2 т и вязальную проволоку.",
        "4 швабры и ведро привезите",
        "Плитка Керама 30х60 22 кв.м, затирка белая привезите, пожалуйста",
    ],
)
def test_goods_behind_the_last_quantity_are_a_doubt(text: str) -> None:
    assert problems_of(text) == [("description-unsure",)]


@pytest.mark.parametrize("more", ["и счёт", "спасибо", "оплата по счёту", "доставка завтра"])
def test_papers_and_wishes_behind_the_last_quantity_are_none(more: str) -> None:
    assert problems_of(f"Нужна плитка Керама 30х60 22 кв.м, {more}.") == [()]
