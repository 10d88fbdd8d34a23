"""CSV and its kin, in any charset and with any delimiter -> order lines.

In: octets, the charset they were sent with. Out: a `Reading` of strength 2, or None when the text
is no table. The delimiter is the one of ; tab | , that cuts most lines into the same number of
cells; a comma between digits cannot delimit where another one can.

Limits: 5 000 rows. Quoted cells may hold line ends; a stray quote ends with its line.
"""

import csv
import io
import re
from collections import Counter

from postroom.reading.charsets import decode

from .cells import Cell
from .hostile import MOST_LINES, check_size
from .reading import Reading
from .table import Grid, read_table

_DELIMITERS = (";", "\t", "|", ",")
_DECIMAL_COMMA = re.compile(r"(?<![\d,])\d{1,6},\d{1,2}(?![\d,])|,\s")
_AS_TEXT = re.compile(r'="([^"]*)"')  # how Excel is told to keep a code's zeros: ="00123"
_SAMPLE_LINES = 60
_MOST_CHARACTERS = 5_000_000


def read_delimited(
    filename: str, content: bytes, language: str = "", charset: str = ""
) -> Reading | None:
    """The order in a CSV file; None when it is no table at all."""
    grid = grid_of_text(filename, content, language, charset)
    if grid is None:
        return None
    table = read_table(grid)
    if not table.lines and not table.headed:
        return None
    return Reading(
        lines=table.lines,
        number=table.number,
        totals=table.totals,
        charges=table.charges,
        currency=table.currency,
        around=table.around,
        problems=table.problems,
        strength=2,
        source=filename,
    )


def grid_of_text(
    filename: str, content: bytes, language: str = "", charset: str = ""
) -> Grid | None:
    """The rows and cells of a CSV file; None when nothing delimits them."""
    check_size(content)
    text = decode(content, charset)[0][:_MOST_CHARACTERS].replace("\x00", "")
    if text[:5].lower().startswith("sep="):
        text = text.partition("\n")[2]
    delimiter = _delimiter(text)
    if delimiter is None:
        return None
    rows: list[list[Cell]] = []
    numbers: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False)
    try:
        for row in reader:
            rows.append([_said(cell.strip()) for cell in row])
            numbers.append(reader.line_num)
            if len(rows) > MOST_LINES:
                break
    except csv.Error:  # a cell longer than the module takes
        if not rows:
            return None
    return Grid(rows=rows, source=f"{filename}:", language=language, numbers=numbers)


def _said(cell: str) -> str:
    match = _AS_TEXT.fullmatch(cell) if cell.startswith("=") else None
    return match[1] if match else cell


def _delimiter(text: str) -> str | None:
    lines = [line for line in text.split("\n")[: _SAMPLE_LINES * 2] if line.strip()][:_SAMPLE_LINES]
    if len(lines) < 2:
        return None
    best, most = None, 0.0
    for delimiter in _DELIMITERS:
        counts = Counter(_cuts(line, delimiter) for line in lines)
        counts.pop(0, None)
        if not counts:
            continue
        width, agreeing = max(counts.items(), key=lambda pair: (pair[1], pair[0]))
        share = agreeing / len(lines)
        if delimiter == "," and _between_digits(lines):
            continue
        score = share * (1.0 if delimiter != "," else 0.7) + min(width, 10) / 100
        if share >= 0.4 and score > most:
            best, most = delimiter, score
    return best


def _between_digits(lines: list[str]) -> bool:
    """True when most commas are decimal marks or follow a word as in prose: "3,2% 1 л"."""
    commas = sum(line.count(",") for line in lines)
    decimal = sum(len(_DECIMAL_COMMA.findall(line)) for line in lines)
    return 2 * decimal > commas


def _cuts(line: str, delimiter: str) -> int:
    """How many delimiters stand outside quotes."""
    outside = "".join(line.split('"')[::2]) if '"' in line else line
    return outside.count(delimiter)
