"""The columns of a table without a heading, told by its cells.

In: rows of cells. Out: `Columns`, less sure than under a heading, or None when the shape leaves a
doubt.

Limits: among more than twelve columns of figures none is taken for the quantity.
"""

from collections.abc import Sequence
from dataclasses import replace

from .agreement import Figured
from .cells import Cell, is_number, text_of
from .contents import (
    are_codes,
    are_positions,
    has_units,
    numeric_share,
    texts_of_column,
    unit_share,
)
from .fields import Columns

_LOOKED_AT = 40  # rows
_MOST_FIGURES = 12  # columns of them; those of an order are a handful


def columns_by_content(rows: Sequence[Sequence[Cell]], mark: str) -> Columns | None:
    """The columns of a table without a heading, when its cells leave no doubt; else None."""
    body = [row for row in rows if sum(bool(text_of(cell)) for cell in row) >= 2][:_LOOKED_AT]
    while body and not any(is_number(cell) for cell in body[0]):
        body = body[1:]  # a heading in words we do not know
    if not body:
        return None
    width = max(len(row) for row in body)
    texts = {place: texts_of_column(body, place) for place in range(width)}
    full = [place for place in texts if len(texts[place]) >= 0.7 * len(body)]
    words = [
        place for place in full if _letters(texts[place]) >= 0.6 and unit_share(texts[place]) < 0.6
    ]
    numeric = [
        place
        for place in full
        if numeric_share(texts[place]) >= 0.9
        and not (are_positions(texts[place]) and place == min(full) and len(body) > 1)
    ]
    units = [place for place in full if unit_share(texts[place]) >= 0.8]
    if not words or not numeric:
        return None
    name = max(words, key=lambda place: sum(len(text) for text in texts[place]))
    guess = Columns(
        descriptions=(name,), unit=units[0] if units else None, sku=_code_column(full, texts, name)
    )
    numeric = [place for place in numeric if place != guess.sku]
    return _figures_by_content(guess, Figured(body, mark), numeric)


def _letters(texts: list[str]) -> float:
    return sum(sum(char.isalpha() for char in text) >= 3 for text in texts) / len(texts)


def _code_column(full: list[int], texts: dict[int, list[str]], name: int) -> int | None:
    for place in full:
        if place < name and are_codes(texts[place]) and not are_positions(texts[place]):
            if all(len(text) >= 4 for text in texts[place]):
                return place
    return None


def _figures_by_content(guess: Columns, figured: Figured, numeric: list[int]) -> Columns | None:
    """Quantity, price and total among the numeric columns."""
    if len(numeric) > _MOST_FIGURES:
        return None
    for total in reversed(numeric):
        for quantity in numeric:
            for price in numeric:
                if (
                    quantity < price
                    and total not in (quantity, price)
                    and figured.agreement(quantity, price, total) >= 0.8
                    and not figured.all_ones(price)
                ):
                    return replace(
                        guess, quantity=quantity, price=price, total=total, confidence=0.88
                    )
    if len(numeric) == 1:
        measured = guess.unit is not None or has_units(figured.rows, numeric[0])
        return replace(guess, quantity=numeric[0], confidence=0.88 if measured else 0.8)
    if len(numeric) == 2 and guess.unit is not None:
        near = min(numeric, key=lambda place: (abs(place - (guess.unit or 0)), place))
        other = next(place for place in numeric if place != near)
        return replace(guess, quantity=near, price=other, confidence=0.75)
    return None
