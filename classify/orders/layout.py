"""Lists laid out alike: where every line says its quantity in one place and by a unit, the other
figures of a name describe: "oil 5W-40, 5 l  4 pcs", "salmon, fish of 5-6 kg - 24 kg".

In: the candidates of a text; then an order line. Out: the places of lines that are laid out as
most of their list is; and the line, in doubt only for what may be a quantity there too.

Limits: three lines make a list. A second count ("2 pallets of 48 bags"), goods behind a second
figure and numbers in words stay in doubt however the list is laid out.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from postroom.order import OrderLine

from .audit import doubted
from .figures import Figure, figures
from .item import Candidate
from .ranges import ranges
from .units import Sort, Unit, unit_behind, unit_of

_LEAST = 3  # lines
_NEAR = 4  # lines
_COLUMN = re.compile(r"\s*\d{1,5}(?:[ \u00a0][^\W\d_]+\.?)?(?:\t| {3,})\S")
_DOUBT = "quantity-ambiguous"
_NAMED = "Aa"  # stands for a figure that describes, and looks like none
_GRADE = re.compile(r"(?<![\w-])\d{1,3}[A-ZА-Я]{1,2}-\d{1,3}(?!\w)")  # "5W-40"
_CODE = re.compile(r"(?<![\w-])[A-ZА-Я]{1,4}-\d{3,}(?![\w-])")  # "G-209", no "S-100, M-200"
_YEAR = re.compile(r"(?!\d\d00)(?:19[5-9]|20[0-4])\d")  # 2000 may count
_PIECES = frozenset({"H87", "EA", "C62"})
_LOADS = frozenset({"TNE", "MTQ"})  # what one of it bears or holds, where pieces are ordered
# "Weihrauch Drei König": a number of anything has a small letter in German.
_NUMBER_NAME = re.compile(
    r"(?<=[a-zäöüß] )(?:Zwei|Drei|Vier|Fünf|Sechs|Sieben|Acht|Neun|Zehn|Zwölf) [A-ZÄÖÜ]"
)
_CLOSES = re.compile(r"\s*(?:$|[,;)(]|\d)")  # no goods follow


def laid_alike(
    candidates: Sequence[tuple[int, Candidate]], listed: Collection[int]
) -> frozenset[int]:
    """The places of lines whose quantity stands, with a unit, where most of the list have it."""
    shapes: dict[bool, list[int]] = {True: [], False: []}
    for place, one in candidates:
        unit = unit_of(one.draft.unit) if one.draft.unit else None
        if place in listed and unit is not None and (one.first or one.last):
            shapes[one.first].append(place)
    places = max(shapes.values(), key=len)
    return frozenset(places if len(places) >= _LEAST and 2 * len(places) > len(listed) else ())


def in_columns(line: str) -> bool:
    """True where a wide gap parts how many from the name: no comma of the name parts two things."""
    return _COLUMN.match(line) is not None


def codes_one(candidates: Mapping[int, Candidate], place: int) -> bool:
    """True where each line of a list names one article by its code, and ends with how many."""
    around = _around(candidates, place)
    return len(around) >= 2 and all(
        one.draft.sku and one.last and not one.first for one in (candidates[place], *around)
    )


def begins_alike(candidates: Mapping[int, Candidate], place: int) -> bool:
    """True where "1x suture, 24 threads" may be one thing, or two: all others begin with an "x".

    So do lines that begin with how many and name one article by its code.
    """
    lines = [candidates[place], *_around(candidates, place)]
    alike = all(one.first and one.counted for one in lines)
    return len(lines) > _LEAST and (alike or all(one.first and one.draft.sku for one in lines))


def _around(candidates: Mapping[int, Candidate], place: int) -> list[Candidate]:
    return [candidates[one] for one in candidates if 0 < abs(one - place) <= _NEAR]


def undoubted(line: OrderLine, language: str = "", mark: str = "") -> OrderLine:
    """The line as a second look leaves it, where its quantity is known by its place."""
    seen = doubted(line, language, mark)
    if _DOUBT not in seen.problems or _DOUBT in line.problems:
        return seen
    named = line.description
    for start, end in sorted(_describing(line, language, mark), reverse=True):
        named = f"{named[:start]}{_NAMED}{named[end:]}"
    bare = doubted(replace(line, description=named), language, mark)
    return line if bare.problems == line.problems else seen


def _describing(line: OrderLine, language: str, mark: str) -> Iterator[tuple[int, int]]:
    """Where figures of the name stand that describe; none overlaps another."""
    text, end = line.description, 0
    ordered = unit_of(line.unit)
    codes = [match.span() for match in _CODE.finditer(text)]
    spans = [match.span() for match in _GRADE.finditer(text)]
    spans += codes if len(codes) == 1 else []
    for one in ranges(text, mark):
        unit = unit_behind(text, one.end)
        until = unit.end if unit else one.end
        if (unit is None or unit.unit.sort is Sort.MEASURE) and _CLOSES.match(text, until):
            spans.append((one.start, until))
    spans += [
        (one.number_start, one.end)
        for one in figures(text, language, mark)
        if _describes(text, one, ordered)
    ]
    for start, stop in sorted(spans):
        if start >= end:
            yield start, stop
            end = stop


def _describes(text: str, figure: Figure, ordered: Unit | None) -> bool:
    """True for a year, for what one piece bears, and for the pieces in a package."""
    if figure.times or figure.money or not text[: figure.start].strip():
        return False
    if figure.numeral:
        return _NUMBER_NAME.match(text, figure.start) is not None
    unit = figure.unit
    if unit is None:
        return _YEAR.fullmatch(text[figure.number_start : figure.number_end]) is not None
    if unit.unit.code in _LOADS:
        return ordered is not None and ordered.code in _PIECES
    packed = ordered is not None and ordered.sort is Sort.PACK and unit.unit.sort is Sort.COUNT
    return packed and _CLOSES.match(text, figure.end) is not None
