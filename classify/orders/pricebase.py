"""How many a price is for, where a text says so: "4,20 €/100 Stk", "£4.20 per hundred".

In: a line and the place behind an amount of money. Out: a `Base`, also for one of a unit that is
named ("3,20 € / Rolle"), or None when nothing says how many.

Limits: "/C" and "/M" mean a hundred and a thousand in some trades and a metre in others; a `Base`
of them is not sure, and neither is what it prices.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .caseless import Caseless
from .numbers import plain
from .units import Found, Sort, unit_behind

_FOR = r"(?:,[-–]{1,2})?(?:/|\s{1,2}(?:per|je|pro|за)\s{1,2})"
_NUMBER = Caseless(rf"{_FOR}(?P<number>10?[., ]000|[1-9]\d{{1,3}}|10000)(?![.,]?\d)")
_SPACED = re.compile(r"\s?/\s?(?P<number>10{2,4})(?![.,]?\d)")  # or the quantity, behind a slash
_WORD = Caseless(
    rf"(?:{_FOR}|\sa\s)(?P<word>hundred|hundert|сотню|сто\b|thousand|tausend|mille|тысячу|тыс\b\.?"
    r"|dozen|doz\b\.?|dutzend|дюжину|gross|gros)(?!\w)"
)
_SIGN = re.compile(r"\s?/?\s?(?P<word>[%‰])")  # only behind money
_LETTER = re.compile(r"\s?/\s?(?P<letter>[CMKk])(?!\w)")
_ONE = Caseless(
    r"(?:,[-–]{1,2})?(?:\s?/\s?|\s{1,2}(?:per|je|pro|за|a)\s{1,2})(?:1\s?)?(?=[^\W\d_])"
)
_LEAST = Decimal("0.000001")
_MOST = Decimal(10**12)
# By the word's first letters: how many, and the code of the unit that it is as well.
_COUNTS = {
    "hu": (100, ""),
    "со": (100, ""),
    "ст": (100, ""),
    "%": (100, ""),
    "do": (12, "DZN"),
    "du": (12, "DZN"),
    "дю": (12, "DZN"),
    "gr": (144, "GRO"),
}
_THOUSAND = (1000, "MIL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """How many a price is for."""

    number: Decimal
    end: int  # behind what says it
    unit: Found | None = None  # of what
    code: str = ""  # UN/ECE Rec 20 of the number itself: DZN for a dozen
    sure: bool = True
    may_count: bool = False  # where no other number can, it is the quantity: "420 руб за 100 шт"

    def of_one(self, prices: Sequence[Decimal]) -> tuple[Decimal, ...]:
        """The prices of one; empty where that is not sure, or no price anybody would write."""
        if not self.sure or any(abs(price) > _MOST for price in prices):
            return ()
        ones = [(price / self.number).quantize(_LEAST) for price in prices]
        exact = all(one * self.number == price for one, price in zip(ones, prices, strict=True))
        return tuple(plain(one) for one in ones) if exact else ()


def base_behind(line: str, position: int) -> Base | None:
    """How many the price that ends at `position` is for; None when nothing says so."""
    behind_space = _SPACED.match(line, position)
    if match := _NUMBER.match(line, position) or behind_space:
        unit, spaced = unit_behind(line, match.end()), match is behind_space
        return Base(
            number=Decimal(re.sub(r"\D", "", match["number"])),
            end=unit.end if unit else match.end(),
            unit=unit,
            sure=not spaced or unit is not None,
            may_count=spaced or match[0].lstrip().startswith("за"),
        )
    if match := _WORD.match(line, position) or _SIGN.match(line, position):
        number, code = _COUNTS.get(match["word"][:2], _THOUSAND)
        unit = unit_behind(line, match.end())
        end = unit.end if unit else match.end()
        return Base(number=Decimal(number), end=end, unit=unit, code=code)
    if match := _LETTER.match(line, position):
        many = Decimal(100 if match["letter"] == "C" else 1000)
        return Base(number=many, end=match.end(), sure=False)
    if match := _ONE.match(line, position):
        unit = unit_behind(line, match.end())
        if unit is not None and unit.unit.sort is not Sort.TIME:
            return Base(number=Decimal(1), end=unit.end, unit=unit)
    return None
