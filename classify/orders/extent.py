"""How much memory a workbook would take, worked out before it is opened.

In: the octets of an xlsx, xlsb or ods container that passed hostile.py. Out: an `Extent`, or
Unreadable("bomb"). calamine keeps every sheet as a full rectangle, so two cells in opposite corners
of an xlsx ask for 17 thousand million cells; repeated cells of an ods and shared strings multiply
in the same way.

Limits: .xls is looked at by ole.py. Zeros that a format shows before a number are seen in xlsx
alone.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from .hostile import Unreadable, part_of

_STRINGS = "xl/sharedStrings.xml"
_MOST_CELLS = 3_000_000
_MOST_TEXT = 200_000_000  # characters of all cells together
_MOST_PART = 60_000_000  # octets of one sheet's XML
_MOST_SHOWN = 100_000  # numbers with zeros before them
_CELL = re.compile(rb'<(?:\w+:)?c\b[^>]{0,80}?\br="([A-Z]{1,3})(\d{1,7})"')
_HIDDEN = re.compile(
    rb'<(?:\w+:)?row\b[^>/]{0,300}\bhidden="(?:1|true)"[^>/]{0,300}>\s*<(?:\w+:)?c\b'
    rb'|<(?:\w+:)?col\b[^>]{0,300}\bhidden="(?:1|true)"'
)
_STRING = re.compile(rb"<(?:\w+:)?si>")
_STYLES = "xl/styles.xml"
_STRUCK = re.compile(rb'<(?:\w+:)?strike\b(?![^>]{0,40}val="(?:0|false)")')
_FONT = re.compile(rb"<(?:\w+:)?font[\s/>]")
_FORMAT = re.compile(rb"<(?:\w+:)?xf\b[^>]{0,400}")
_FORMATTED = re.compile(rb'<(?:\w+:)?c\b[^>]{0,80}?\bs="(\d{1,6})"[^>]{0,80}(?<!/)>')
# Formats that show zeros before a number ("000000", "000-000"), and cells with a whole number.
_ZEROS = re.compile(
    rb'<(?:\w+:)?numFmt\b(?=[^>]{0,200}\bnumFmtId="(\d{1,6})")[^>]{0,200}\bformatCode="(0[0\\-]{1,20})"'
)
_NUMBER = re.compile(
    rb'<(?:\w+:)?c\b(?=[^>]{0,80}\br="([A-Z]{1,3})(\d{1,7})")(?=[^>]{0,80}\bs="(\d{1,6})")'
    rb'(?![^>]{0,80}\bt="[^n])[^>]{0,200}>\s*(?:<(?:\w+:)?f\b[^>]{0,300}(?:/>|>[^<]{0,2000}</(?:\w+:)?f>)\s*)?'
    rb"<(?:\w+:)?v>(\d{1,15})<"
)
_STRUCK_ODS = re.compile(rb'text-line-through-(?:style|type)="(?!none")')
_REPEATED = re.compile(rb'number-(columns|rows)-repeated="(\d{1,9})"')
_ROW = re.compile(rb"<table:table-row\b([^>]{0,400})>(.{0,20000}?)</table:table-row>", re.DOTALL)
_VALUELESS = re.compile(
    rb"<(?:\w+:)?f\b[^>]{0,300}(?:/>|>[^<]{0,2000}</(?:\w+:)?f>)\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What a look at the parts told."""

    formulas: bool = False  # some formula has no stored value
    hidden: bool = False  # some row with cells, or some column, is hidden
    struck: bool = False  # some cell, or a part of its text, is struck out
    # (row, column, number) -> that number with the zeros its format shows before it
    shown: Mapping[tuple[int, int, int], str] = field(default_factory=dict)


def extent_of(content: bytes, names: frozenset[str]) -> Extent:
    """Measure a workbook. Raises Unreadable("bomb") when it would not fit."""
    formulas = hidden = struck = False
    shown: dict[tuple[int, int, int], str] = {}
    strings = 0
    if _STRINGS in names:
        texts = part_of(content, _STRINGS, _MOST_PART)
        strings, struck = _longest_string(texts), _STRUCK.search(texts) is not None
    styles = part_of(content, _STYLES, _MOST_PART) if _STYLES in names else b""
    crossed, zeros = _struck_formats(styles), _zero_formats(styles)
    for name in sorted(names):
        if name.startswith("xl/worksheets/") and name.endswith(".xml"):
            part = part_of(content, name, _MOST_PART)
            _check_xlsx(part, strings)
            formulas = formulas or _VALUELESS.search(part) is not None
            hidden = hidden or _HIDDEN.search(part) is not None
            struck = struck or not crossed.isdisjoint(_FORMATTED.findall(part) if crossed else ())
            if zeros and len(shown) < _MOST_SHOWN:
                shown |= _shown(part, zeros)
        elif name.startswith("xl/worksheets/") and name.endswith(".bin"):
            corners = _xlsb_corners(part_of(content, name, _MOST_PART))
            _check_area({row for row, _ in corners}, {column for _, column in corners})
        elif name == "content.xml":
            part = part_of(content, name, _MOST_PART)
            _check_ods(part)
            struck = struck or _STRUCK_ODS.search(part) is not None
    return Extent(formulas=formulas, hidden=hidden, struck=struck, shown=shown)


def _struck_formats(styles: bytes) -> set[bytes]:
    """The numbers of the cell formats whose font is struck out (ECMA-376 18.8.10, 18.8.22)."""
    fonts = _FONT.split(_between(styles, b"fonts"))[1:]
    struck = {place for place, font in enumerate(fonts) if _STRUCK.search(font)}
    if not struck:
        return set()
    formats = _FORMAT.findall(_between(styles, b"cellXfs"))
    uses = [re.search(rb'\bfontId="(\d{1,6})"', one) for one in formats]
    return {b"%d" % place for place, use in enumerate(uses) if use and int(use[1]) in struck}


def _zero_formats(styles: bytes) -> dict[bytes, str]:
    """Cell format -> its number format, where that shows zeros in front (ECMA-376 18.8.30)."""
    codes = {number: code.decode().replace("\\", "") for number, code in _ZEROS.findall(styles)}
    if not codes:
        return {}
    formats = _FORMAT.findall(_between(styles, b"cellXfs"))
    uses = [re.search(rb'\bnumFmtId="(\d{1,6})"', one) for one in formats]
    return {
        b"%d" % place: codes[use[1]] for place, use in enumerate(uses) if use and use[1] in codes
    }


def _shown(part: bytes, zeros: dict[bytes, str]) -> dict[tuple[int, int, int], str]:
    return {
        (int(row) - 1, _column(letters) - 1, int(number)): _in_format(number.decode(), zeros[use])
        for letters, row, use, number in map(
            re.Match.groups, islice(_NUMBER.finditer(part), _MOST_SHOWN)
        )
        if use in zeros
    }


def _in_format(number: str, code: str) -> str:
    """4500 in the format 000-000 is 004-500."""
    digits = list(number.zfill(code.count("0")))
    behind = [digits.pop() if mark == "0" else mark for mark in reversed(code)]
    return "".join([*digits, *reversed(behind)])


def _between(part: bytes, name: bytes) -> bytes:
    """What stands between the start and the end tag of the first element `name`."""
    match = re.search(rb"<(?:\w+:)?" + name + rb"\b", part)
    end = re.search(rb"</(?:\w+:)?" + name + rb">", part)
    return part[match.end() : end.start()] if match and end else b""


def _longest_string(part: bytes) -> int:
    starts = [match.start() for match in _STRING.finditer(part)]
    return max(
        (after - before for before, after in zip(starts, [*starts[1:], len(part)], strict=True)),
        default=0,
    )


def _check_xlsx(part: bytes, longest_string: int) -> None:
    cells = _CELL.findall(part)
    rows, columns = {row for _, row in cells}, {letters for letters, _ in cells}
    _check_area(set(map(int, rows)), set(map(_column, columns)))
    if longest_string > 32_767 and longest_string * len(cells) > _MOST_TEXT:
        raise Unreadable("bomb")  # 32 767 characters is the most a cell may hold


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _check_area(rows: set[int], columns: set[int]) -> None:
    if not rows:
        return
    if (max(rows) - min(rows) + 1) * (max(columns) - min(columns) + 1) > _MOST_CELLS:
        raise Unreadable("bomb")


def _xlsb_corners(part: bytes) -> list[tuple[int, int]]:
    """(row, column) of every cell record (MS-XLSB 2.1.4: type and length are 7-bit varints)."""
    corners: list[tuple[int, int]] = []
    row = 0
    for kind, payload in _records(part):
        if kind == 0 and len(payload) >= 4:
            row = int.from_bytes(payload[:4], "little")
        elif 1 <= kind <= 11 and len(payload) >= 4:
            corners.append((row, int.from_bytes(payload[:4], "little")))
    return corners


def _records(part: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(part):
        kind = part[position]
        position += 1
        if kind & 0x80 and position < len(part):
            kind = (kind & 0x7F) | (part[position] & 0x7F) << 7
            position += 1
        size = shift = 0
        for _ in range(4):
            if position >= len(part):
                return
            octet = part[position]
            position += 1
            size |= (octet & 0x7F) << shift
            shift += 7
            if not octet & 0x80:
                break
        yield kind, part[position : position + size]
        position += size


def _check_ods(part: bytes) -> None:
    """Rows and cells that repeat and hold something: their product is what is kept."""
    cells = 0
    for match in _ROW.finditer(part):
        if b"office:value" not in match[2] and b"<text:" not in match[2]:
            continue
        rows = _repeats(match[1], b"rows")
        columns = sum(
            max(1, int(count)) for kind, count in _REPEATED.findall(match[2]) if kind == b"columns"
        )
        cells += rows * max(1, columns)
        if cells > _MOST_CELLS:
            raise Unreadable("bomb")


def _repeats(attributes: bytes, kind: bytes) -> int:
    found = _REPEATED.search(attributes)
    return int(found[2]) if found and found[1] == kind else 1
