"""Tables written as text: with tabs, pipes, semicolons, dot leaders, or columns of spaces.

In: the lines of a text and where to look. Out: a `Block` (the table and where it ends), or None.
Columns kept apart by spaces are cut where the heading's words stand, so that an empty cell does
not shift the rest of its row.
"""

import csv
import re
from dataclasses import dataclass
from itertools import pairwise

from .cells import Cell
from .columns import columns_of
from .doubt_words import DOUBTS, POINTS, WANTS_MORE
from .figures import counts_things, figures
from .noise import is_noise
from .table import Grid, Table, read_table
from .units import unit_of
from .words import heading, sums_up

_GAP = re.compile(r"\t+| {2,}|\s*\.{4,}\s*")
_RULER = re.compile(r"^[\s|+\-=:_*─━│┼—–]+$")
_MOST_CELLS = 64
_MOST_GAP = 1  # blank lines inside a table
_SHORT = 3  # letters of a word that names no goods
_SET_IN = 2  # letters by which what stands under a row is set in at least
_NAME = "Description"  # heads what stands under the rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A table in a text; one without lines says that nothing begins before its end either."""

    table: Table
    end: int  # the first line behind it


def table_at(
    lines: list[str], start: int, language: str, source: str, unheaded: bool = True
) -> Block | None:
    """The table whose heading stands at lines[start]; or one of pipes or tabs without heading.

    `unheaded`: False within a block without heading that was looked at and held no lines.
    """
    line = lines[start]
    separator = _separator(line)
    if separator is None:
        return None
    heading = _cells(line, separator)
    if columns_of([heading], 0, "") is not None:
        return _headed(lines, start, separator, heading, language, source)
    if separator == "gap" or len(heading) < 3 or not unheaded:
        return None
    return _unheaded(lines, start, separator, len(heading), language, source)


def _separator(line: str) -> str | None:
    if len(line) > 2000:
        return None
    if line.count("|") >= 2:
        return "|"
    if line.count("\t") >= 1:
        return "\t"
    if line.count(";") >= 2:
        return ";"
    if line.count("│") >= 2:
        return "│"
    if line.count(",") >= 2 and sum(heading(cell) is not None for cell in line.split(",")) >= 3:
        return ","
    bare = line.strip()
    return "gap" if "  " in bare or "...." in bare else None  # what _GAP finds; tabs came above


def _cells(line: str, separator: str) -> list[Cell]:
    if separator == "gap":
        return [part.strip() for part in _GAP.split(line.strip(), _MOST_CELLS)[:_MOST_CELLS]]
    bare = line.strip("\r\n ")
    if separator in "|│":
        bare = bare.strip(separator)
    if separator in ",;" and '"' in bare:
        bare = bare.replace("\r", " ")
        try:
            return [part.strip() for part in next(csv.reader([bare], delimiter=separator), [])]
        except csv.Error:
            pass  # quotes that do not pair: cut like any other line
    return [part.strip() for part in bare.split(separator, _MOST_CELLS)[:_MOST_CELLS]]


def _headed(
    lines: list[str], start: int, separator: str, heading: list[Cell], language: str, source: str
) -> Block | None:
    rows: list[list[Cell]] = [heading]
    numbers = [start + 1]
    below: dict[int, str] = {}  # what stands under a row: the goods' name
    spans = _spans(lines[start]) if separator == "gap" else []
    end, blank = start + 1, 0
    for place in range(start + 1, min(len(lines), start + 1000)):
        line = lines[place]
        if (
            spans
            and numbers[-1] == place > start + 1
            and _goes_on(line, lines[place - 1], language)
        ):
            below[len(rows) - 1] = line.strip()
            end = place + 1
            continue
        if not line.strip():
            blank += 1
            if blank > _MOST_GAP:
                break
            continue
        if _RULER.match(line):
            end = place + 1
            continue
        cells = _aligned(line, spans) if spans else _cells(line, separator)
        if not _belongs(line, cells, separator, blank):
            break
        blank = 0
        rows.append(cells)
        numbers.append(place + 1)
        end = place + 1
    if len(rows) < 2:
        return None
    if below:
        rows = [
            [
                *row[: len(spans)],
                *[""] * (len(spans) - len(row)),
                _NAME if not place else below.get(place, ""),
            ]
            for place, row in enumerate(rows)
        ]
    return _block(rows, numbers, end, language, source)


def _goes_on(line: str, row: str, language: str) -> bool:
    """True for the name of goods that stands under their row, which holds no more than their code:
    "001  50 pcs  KH-DN20   7.35", below it, set in, "Ball valve DN 20".

    A word that calls something in doubt, or a line about anything but goods, is no part of a name.
    """
    text = line.strip()
    if any(word.isalpha() and len(word) > _SHORT and not unit_of(word) for word in row.split()):
        return False
    if _GAP.search(text) or len(line) - len(line.lstrip()) < len(row) - len(row.lstrip()) + _SET_IN:
        return False
    if not text[:1].isalpha() or text[-1] in ":?!" or sums_up(text) or is_noise(text):
        return False
    if any(pattern.search(text) for pattern in (*(one for one, _ in DOUBTS), POINTS, WANTS_MORE)):
        return False
    return not any(counts_things(one) or one.money for one in figures(text, language))


def _belongs(line: str, cells: list[Cell], separator: str, blank: int) -> bool:
    filled = sum(bool(cell) for cell in cells)
    if separator == "gap":
        if len(_GAP.split(line.strip())) < 2:
            return False
        return filled >= 2 and (not blank or filled >= 3)
    if separator in line:
        return True
    return not blank and sums_up(line)


def _block(
    rows: list[list[Cell]], numbers: list[int], end: int, language: str, source: str
) -> Block:
    table = read_table(Grid(rows=rows, source=source, language=language, numbers=numbers))
    return Block(table=table, end=end)


def _spans(line: str) -> list[tuple[int, int]]:
    """Where the heading's words stand, tabs counted as one place."""
    return [match.span() for match in re.finditer(r"\S+(?: \S+)*", line.expandtabs(4))]


def _aligned(line: str, spans: list[tuple[int, int]]) -> list[Cell]:
    """The row cut by the heading's places; cut by its own gaps when it has as many."""
    expanded = line.expandtabs(4)
    chunks = [match.span() for match in re.finditer(r"\S+(?: \S+)*", expanded)]
    if len(chunks) == len(spans):
        return [expanded[begin:end] for begin, end in chunks]
    cells: list[str] = ["" for _ in spans]
    for begin, end in chunks:
        over = [place for place, span in enumerate(spans) if _overlap(span, begin, end) > 0]
        if len(over) < 2 or sums_up(expanded[begin:end]):
            best = max(range(len(spans)), key=lambda place: _overlap(spans[place], begin, end))
            cells[best] = f"{cells[best]} {expanded[begin:end]}".strip()
            continue
        for word in re.finditer(r"\S+", expanded[begin:end]):
            place = _under(spans, over, begin + word.start(), begin + word.end())
            cells[place] = f"{cells[place]} {word[0]}".strip()
    return list(cells)


def _under(spans: list[tuple[int, int]], over: list[int], begin: int, end: int) -> int:
    """Which heading of `over` a word of a long chunk stands under."""
    for one, two in pairwise(over):
        border = (spans[one][1] + spans[two][0]) / 2
        if (begin + end) / 2 <= border:
            return one
    return over[-1]


def _overlap(span: tuple[int, int], begin: int, end: int) -> int:
    """How far two stretches overlap; negative is their distance."""
    return min(span[1], end) - max(span[0], begin)


def _unheaded(
    lines: list[str], start: int, separator: str, width: int, language: str, source: str
) -> Block | None:
    """Two rows or more of the same width."""
    rows: list[list[Cell]] = []
    numbers: list[int] = []
    place = start
    while place < min(len(lines), start + 1000):
        line = lines[place]
        if _RULER.match(line) and line.strip():
            place += 1
            continue
        cells = _cells(line, separator) if separator in line else []
        if len(cells) != width:
            break
        rows.append(cells)
        numbers.append(place + 1)
        place += 1
    if len(rows) < 2:
        return None
    return _block(rows, numbers, place, language, source)
