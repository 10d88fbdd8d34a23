"""What a line says of its price besides the amount: for how many it is, what is taken off.

In: a line, its figures and which of them is the quantity. Out: the figures with prices for one,
what is in doubt of them, the discount.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from .caseless import Caseless
from .figures import Figure, counts_things
from .numbers import readings
from .pricebase import Base
from .units import Sort

_DISCOUNT = Caseless(
    r"[(,;]?\s?(?:\b(?:less|minus|минус|(?:со )?скидк\w+|disc(?:ount)?\.?|abzgl\.?|abzüglich"
    r"|rabatt)|(?<!\w)[-–])\s?(?P<percent>\d{1,2}(?:[.,]\d{1,2})?)\s?%"
    r"(?:\s(?:discount|off|rabatt|скидк\w+))?\)?"
)
_PIECES = frozenset({"H87", "C62", "EA"})
_BY = re.compile(r"(?i)\bпо$")


def discount_in(text: str) -> tuple[str, Decimal | None]:
    """A discount in percent, taken out of the line: "less 10%", "скидка 5 %", "abzgl. 3 %"."""
    match = _DISCOUNT.search(text) if "%" in text else None
    if match is None:
        return text, None
    said = readings(match["percent"], ".")
    return f"{text[: match.start()]} {text[match.end() :]}", next(iter(said), None)


def prices_of_one(
    found: Sequence[Figure], quantity: Figure
) -> tuple[tuple[Figure, ...], tuple[str, ...]]:
    """The figures, a price for a hundred as that of one; and problems where it may not be."""
    problems: tuple[str, ...] = ()
    priced: list[Figure] = []
    for one in found:
        if one.base is not None and one is not quantity and not _is_unit(one.base, quantity):
            values = one.base.of_one(one.values)
            if values and _counts_alike(one.base, quantity):
                one = replace(one, values=values)
            else:
                problems = ("price-per-other-unit",)
        priced.append(one)
    return tuple(priced), problems


def _is_unit(base: Base, quantity: Figure) -> bool:
    """True for five dozen at so much a dozen."""
    unit = quantity.unit.unit if quantity.unit else None
    return unit is not None and unit.code == base.code != "" and not _counts_pieces(quantity)


def _counts_alike(base: Base, quantity: Figure) -> bool:
    """True when a price is for as many of what is ordered: pieces, or the same measure."""
    said = base.unit.unit.code if base.unit else ""
    if _counts_pieces(quantity):
        return base.unit is None or said in _PIECES
    ordered = quantity.unit.unit if quantity.unit else None
    if base.unit is None:
        return ordered is not None and ordered.sort is Sort.MEASURE
    return ordered is not None and said != "" and said == ordered.code


def _counts_pieces(quantity: Figure) -> bool:
    """True for pieces, for what has no unit, and for the thousands that become pieces."""
    unit = quantity.unit
    return unit is None or unit.unit.code in _PIECES or unit.text.lower().startswith("тыс")


def may_be_packed(line: str, one: Figure, quantity: Figure, price: Figure | None) -> bool:
    """True for the 12 of "10 уп. колы по 12 (по 600 р)": twelve in each, or roubles for each?"""
    if one.money or one.unit or not _BY.search(line[: one.number_start].rstrip()):
        return False
    if one is not price:
        return True
    said = line[one.number_start : one.number_end]
    return said.isdecimal() and counts_things(quantity) and not _counts_pieces(quantity)
