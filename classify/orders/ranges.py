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
from .properties import property_behind
from .units import unit_behind

# "5-6", "10–12": a range between free-standing numbers, no part of a code, date or telephone.
_RANGE = re.compile(
    r"(?<![\w.,/+–-])(?P<low>\d{1,5}(?:[.,]\d{1,3})?)[-–—](?P<high>\d{1,5}(?:[.,]\d{1,3})?)"
    r"(?![\w/+]|[-–—.,:]\d|[-–—]\w|\s?[°%])"
)
_DASH = re.compile(r"\d[-–—]\d")
_YEARS = re.compile(r"(?:19[5-9]|20[0-4])\d[-–—](?:19[5-9]|20[0-4])\d")  # of a model
_BY = re.compile(r"\d\S{0,3} ?[xхX×] ?$")  # 'inner tube 29" x 1.9-2.3'
# Behind a range that describes the goods: a pressure, a voltage, "4-5 кг/шт".
_SPANS = Caseless(
    r"\s?(?:bar|бар|[мк]?па|atm|атм|mm|мм|[µμ]m|мкм|°|v|в|w|вт|k|hz|гц|лет|кл|классы?|years"
    r"|jahre|[^\W\d_]{1,3}/)(?![^\W\d_])"
)
_LOOK_BACK = 40  # characters before a range that may say what it measures
_SIZED = Caseless(
    r"\b(?:größen?|grösse|gr|размер\w*|разм|р-р|рост|sizes?|taille|talla|eu|uk|номер|jahrgang|возраст"
    r"|durchmesser|диаметр\w*|ø|din|iso|гост|ту)[\s.:]*$"
)
# Stone is sold by the size of its grains: "щебень 5-20"; fish by the weight of one: "сёмга 5-6".
_GRADED = Caseless(
    r"(?:(?:с[её]мг|лосос|форел|кет|горбуш|треск|дорадо|сибас|креветк)\w*(?:\s[^\W\d_]+){0,2}[\s,(]*$)"
    r"|(?:(?:salmon|trout|lachs\w*|forelle\w*|prawns?|shrimps?|garnelen|halibut|heilbutt)[\s,(]*$)"
    r"|(?:щебен[ья]|щебня|щебню|гравий|гравия|отсев\w{0,2}|керамзит\w{0,2}|фр(?:акци\w+)?\.?|gravel|shingle"
    r"|aggregate|ballast|chippings|stones?|splitt|kies|schotter|körnung)[\s,(]*$"
)


def measured_range(line: str, end: int) -> bool:
    """True where the range that ends at `end` describes: "0-400 bar", "4-20 mA"."""
    return bool(_SPANS.match(line, end) or property_behind(line, end, end))


def sizes(line: str) -> list[tuple[int, int]]:
    """Where ranges stand that are a size: "Größe 34-38", "щебень 5-20"."""
    if not _DASH.search(line):
        return []
    return [match.span() for match in _RANGE.finditer(line) if _is_size(line, match)]


def _is_size(line: str, match: re.Match[str]) -> bool:
    before = line[max(0, match.start() - _LOOK_BACK) : match.start()]
    if _SIZED.search(before) is not None:
        return True
    described = _YEARS.fullmatch(match[0]) or _BY.search(before) or _GRADED.search(before)
    return described is not None and unit_behind(line, match.end()) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """ "5-6" in a line, where it may be a quantity: no date, no code, no size of the goods."""

    start: int
    end: int
    low: Decimal


def ranges(line: str, mark: str = "", whole: bool = False) -> list[Range]:
    """Every range that may be a rough quantity, of a name or, with `whole`, of a line.

    What a name ends with is a size ("Socks blue, 34-38"), what a line ends with orders.
    """
    found: list[Range] = []
    if not _DASH.search(line):
        return found
    for match in _RANGE.finditer(line):
        if not whole and match.start() and not line[match.end() :].strip(" .,;)"):
            continue
        low, high = readings(match["low"], mark)[:1], readings(match["high"], mark)[:1]
        if (
            not low
            or not high
            or match["high"][:2].isdigit()
            and match["high"][0] == "0"  # "11-0042" is a code
            or not 0 < low[0] < high[0] <= 10 * low[0]
            or measured_range(line, match.end())
            or _is_size(line, match)
        ):
            continue
        if any(start < match.end() and match.start() < end for start, end in date_spans(line)):
            continue
        if any(start < match.end() and match.start() < end for start, end in hour_spans(line)):
            continue
        found.append(Range(start=match.start(), end=match.end(), low=low[0]))
    return found
