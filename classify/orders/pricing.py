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
_ANY = "C62"  # "per unit", "за ед.": of whatever is counted
_SAME_LETTERS = 4  # "coil" and "coils", "бухта" and "бухты"
_FOR_ONE = Caseless(r"(?:\s?/\s?|\s{1,2}(?:per|je|pro|за|a)\s)(?P<word>[^\W\d_]{4,})")
_EACH = re.compile(r"(?i)\s?(?:/|за шт|за ед|each|ea\b|per\b|pro\b|je\b|p\.? ?st)")
_MULTIPLIED = re.compile(r"[\s.][xXхХ×]\s?$")  # "8 шт. × 5 400": the price of one
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
            values = one.values if one.base.number == 1 else one.base.of_one(one.values)
            if values and _counts_alike(one.base, quantity):
                one = replace(one, values=values)
            else:
                problems = ("price-per-other-unit",)
        priced.append(one)
    return tuple(priced), problems


def with_its_unit(line: str, price: Figure | None, quantity: Figure) -> Figure | None:
    """The price and what says that it is for one of what is counted: "3 Trommeln ... / Trommel"."""
    match = _FOR_ONE.match(line, price.end) if price and price.base is None else None
    if price is None or match is None:
        return price
    counting = quantity.unit.text if quantity.unit else line[quantity.end :].strip()
    same = _stem(match["word"]) == _stem(counting.partition(" ")[0])
    return replace(price, end=match.end(), is_price=True) if same else price


def is_each(line: str, price: Figure) -> bool:
    """True when the price is said to be for one."""
    return (
        price.is_price
        or bool(_EACH.match(line, price.end))
        or _MULTIPLIED.search(line, 0, price.start) is not None
    )


def _is_unit(base: Base, quantity: Figure) -> bool:
    """True for five dozen at so much a dozen."""
    unit = quantity.unit.unit if quantity.unit else None
    return unit is not None and unit.code == base.code != "" and not _counts_pieces(quantity)


def _counts_alike(base: Base, quantity: Figure) -> bool:
    """True when a price is for as many of what is ordered: pieces, or the same measure."""
    said = base.unit.unit.code if base.unit else ""
    if said == _ANY:
        return base.number == 1 or _counts_pieces(quantity)
    if _counts_pieces(quantity):
        return base.unit is None or said in _PIECES
    ordered = quantity.unit.unit if quantity.unit else None
    if base.unit and quantity.unit and said == "":
        return _stem(base.unit.text) == _stem(quantity.unit.text)
    if base.unit is None:
        return ordered is not None and ordered.sort is Sort.MEASURE
    return ordered is not None and said != "" and said == ordered.code


def _stem(word: str) -> str:
    """What the forms of a counting word share."""
    return word.lower().replace("ä", "a").replace("ö", "o").replace("ü", "u")[:_SAME_LETTERS]


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
