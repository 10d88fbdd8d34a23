"""What the cells below a heading say of their column: codes, positions, units, products.

In: rows of cells, a column's place or its texts. Out: shares and yes or no. columns.py decides by
them which column is which.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from .cells import Cell, amounts, is_number, quantity_of, text_of
from .units import unit_of


def texts_of_column(below: Sequence[Sequence[Cell]], place: int) -> list[str]:
    return [text for row in below if place < len(row) and (text := text_of(row[place]))]


def are_words(texts: list[str]) -> bool:
    """True when most texts are several words, not codes."""
    return sum(text.count(" ") >= 2 for text in texts) * 2 > len(texts)


def are_codes(texts: list[str]) -> bool:
    """True when nearly every text has a digit and no more than one space."""
    codes = sum(
        any(char.isdigit() for char in text) and text.count(" ") <= 1 and len(text) < 25
        for text in texts
    )
    return codes >= 0.8 * len(texts)


def are_positions(texts: list[str]) -> bool:
    numbers = [
        int(text.strip(".")) for text in texts if text.strip(".").isdecimal() and len(text) < 6
    ]
    if len(numbers) < 0.8 * len(texts):
        return False
    rising = all(after > before for before, after in zip(numbers, numbers[1:], strict=False))
    return rising and numbers[0] in (0, 1, 10, 100, 1000)


def are_the_same(texts: Sequence[str]) -> bool:
    """True when a column says one thing in two rows or more."""
    return len(texts) > 1 and len(set(texts)) == 1


_DAY = re.compile(r"(?:\d{4}-\d\d?-\d\d?|\d\d?[./-]\d\d?[./-](?:\d{4}|\d\d))(?:[T ,].{0,20})?")
_CODED = re.compile(r"0+|0\d{1,17}|\d{4,18}")  # no figure that says how many


def may_count(texts: Sequence[str], leads: bool) -> bool:
    """True for figures that may be quantities or prices.

    Days are none, nor one code in all rows, as of a plant, nor what counts the rows: it `leads`,
    before the goods, or has zeros in front.
    """
    if all(_DAY.fullmatch(text) for text in texts):
        return False
    if are_the_same(texts) and _CODED.fullmatch(texts[0]):
        return False
    if not are_positions(list(texts)) or not (leads or texts[0].startswith("0")):
        return True
    numbers = [int(text.strip(".")) for text in texts if text.strip(".").isdecimal()]
    steps = {after - before for before, after in pairwise(numbers)}
    return len(steps) != 1 or len(numbers) < (3 if min(steps) >= 10 else 5)


def numeric_share(texts: list[str]) -> float:
    return sum(is_number(text) for text in texts) / len(texts) if texts else 0.0


def unit_share(texts: list[str]) -> float:
    return (
        sum(unit_of(text) is not None and not text[:1].isdigit() for text in texts) / len(texts)
        if texts
        else 0.0
    )


def agreement(
    below: Sequence[Sequence[Cell]],
    quantity: int,
    price: int,
    total: int,
    mark: str,
    discount: int | None = None,
) -> float:
    """The share of rows in which quantity x price, less discount, is that total, without VAT."""
    asked = agreed = 0
    for row in below:
        if max(quantity, price, total) >= len(row):
            continue
        counts = quantity_of(row[quantity], mark).readings
        costs, sums = amounts(row[price], mark), amounts(row[total], mark)
        if counts and costs and sums:
            asked += 1
            exact = counts[0] * costs[0]
            if discount is not None and discount < len(row):
                exact *= (100 - next(iter(amounts(row[discount], mark)), Decimal(0))) / 100
            agreed += abs(exact - abs(sums[0])) <= abs(exact) / 200 + Decimal("0.02")
    return agreed / asked if asked else 0.0


def all_ones(body: Sequence[Sequence[Cell]], place: int) -> bool:
    return all(text == "1" for text in texts_of_column(body, place))


def has_units(body: Sequence[Sequence[Cell]], place: int) -> bool:
    return all(
        quantity_of(row[place]).unit for row in body if place < len(row) and text_of(row[place])
    )


def adds_up(below: Sequence[Sequence[Cell]], parts: Sequence[int], total: int, mark: str) -> bool:
    """True when in every row (of two at least) the parts' columns make the total's."""
    rows = [row for row in below if total < len(row) and amounts(row[total], mark)]
    return len(rows) > 1 and all(
        sum(next(iter(amounts(row[place], mark)), Decimal(0)) for place in parts)
        == amounts(row[total], mark)[0]
        for row in rows
    )


def unit_in(text: str) -> str:
    """The unit a heading names: "Всего шт." -> "шт"."""
    words = re.findall(r"[^\W\d_]+", text)
    return next((word for word in reversed(words) if unit_of(word)), "")


_SCALED = re.compile(r"(?i)\bтыс|\btsd\b|\btausend|thousand|\bin 100+\b|[x×х*] ?100+\b|/ ?100+\b")


def is_scaled(heading_text: str) -> bool:
    """True for a quantity counted in thousands or hundreds: "Кол-во, тыс. шт", "Menge (Tsd.)"."""
    return _SCALED.search(heading_text) is not None
