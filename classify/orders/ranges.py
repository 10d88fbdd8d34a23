"""Ranges of numbers that may be rough quantities: "5-6 листов", "10–12 boxes".

In: a line. Out: where they stand, and their lower end. A pressure, a voltage, a date, a code and
the size of stones ("щебень 5-20") are none.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from .caseless import Caseless
from .dates import date_spans, hour_spans
from .numbers import readings
from .units import unit_behind

# "5-6", "10–12": a range between free-standing numbers, no part of a code, date or telephone.
_RANGE = re.compile(
    r"(?<![\w.,/+–-])(?P<low>\d{1,5}(?:[.,]\d{1,3})?)[-–—](?P<high>\d{1,5}(?:[.,]\d{1,3})?)"
    r"(?![\w/+]|[-–—.,:]\d|[-–—]\w|\s?[°%])"
)
# Behind a range that describes the goods: a pressure, a voltage, "4-5 кг/шт".
_SPANS = Caseless(
    r"\s?(?:bar|бар|[мк]?па|atm|атм|mm|мм|[µμ]m|мкм|°|v|в|w|вт|k|hz|гц|лет|кл|классы?|years"
    r"|jahre|[^\W\d_]{1,3}/)(?![^\W\d_])"
)
# Stone is sold by the size of its grains: "щебень 5-20".
_GRADED = Caseless(
    r"(?:щебен[ья]|щебня|щебню|гравий|гравия|отсев\w{0,2}|керамзит\w{0,2}|фр(?:акци\w+)?\.?|gravel|shingle"
    r"|aggregate|ballast|chippings|stones?|splitt|kies|schotter|körnung)[\s,(]*$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """ "5-6" in a line, where it may be a quantity: no date, no code, no size of the goods."""

    start: int
    end: int
    low: Decimal


def ranges(line: str, mark: str = "") -> list[Range]:
    """Every range of a line that may be a rough quantity."""
    found: list[Range] = []
    for match in _RANGE.finditer(line):
        low, high = readings(match["low"], mark)[:1], readings(match["high"], mark)[:1]
        if (
            not low
            or not high
            or match["high"][:2].isdigit()
            and match["high"][0] == "0"  # "11-0042" is a code
            or not 0 < low[0] < high[0] <= 10 * low[0]
            or _SPANS.match(line, match.end())
            or (_GRADED.search(line[: match.start()]) and unit_behind(line, match.end()) is None)
        ):
            continue
        if any(start < match.end() and match.start() < end for start, end in date_spans(line)):
            continue
        if any(start < match.end() and match.start() < end for start, end in hour_spans(line)):
            continue
        found.append(Range(start=match.start(), end=match.end(), low=low[0]))
    return found
