"""The tables of an HTML page as rows of cells, and the page's text beside them.

In: tags and texts of postroom/reading/html.py, in order. Out: `HtmlTables`. No tree is built, so
any nesting takes linear time. Cells that span columns or rows are spread over them, so that heading
and rows keep in step; a cell that holds a table is layout and empty, the table in it stands by
itself. Standard: WHATWG HTML 13.2.6.4.9 to 13.2.6.4.15, as far as rows and cells need it.

Limits: MOST_LINES rows of all tables together, 200 tables, 64 cells of a row, 500 characters of a
cell. Of what is left out `is_cut` tells. What a style hides is read like the rest.
"""

import re
from dataclasses import dataclass, field

from postroom.reading.html import read_tags

from .cells import Cell
from .hostile import MOST_LINES

_MOST_CHARACTERS = 3_000_000
_MOST_TABLES = 200
_MOST_CELLS = 64
_MOST_SPAN = 40
_LONGEST = 500  # characters of a cell
_MOST_AROUND = 400  # lines
_SPAN = re.compile(r"""[\s"'](colspan|rowspan)\s{0,9}=\s{0,9}["']?\s{0,9}(\d{1,3})(?!\d)""", re.I)

_STRUCK = re.compile(
    r"<(?:s|strike|del)[\s>]|<[a-z][^<>]{0,2000}text-decoration[^<>]{0,40}line-through", re.I
)


def is_struck(html: str) -> bool:
    """True when some text of a page is struck out by a tag or by the style of its tag."""
    return _STRUCK.search(html[:_MOST_CHARACTERS]) is not None


@dataclass(slots=True)
class _Open:
    """A table being read."""

    rows: list[list[Cell]] = field(default_factory=list)
    in_row: bool = False
    pieces: list[str] | None = None  # the texts of the open cell; None between cells
    length: int = 0  # characters in them
    nested: bool = False  # the open cell holds a table
    spans: tuple[int, int] = (1, 1)  # columns and rows of the open cell
    is_cut: bool = False  # a row had more cells than are taken
    carried: dict[int, tuple[int, str]] = field(default_factory=dict)  # column -> rows left, text


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlTables:
    """What a page holds."""

    tables: tuple[list[list[Cell]], ...]  # in the order in which they begin; a table may be empty
    around: tuple[str, ...]  # the page's text, a line for each run between tags
    is_cut: bool  # more rows, cells or tables than are taken


def tables_of(html: str) -> HtmlTables:
    """The tables and the text of an HTML page."""
    sink = _Tables()
    read_tags(html[:_MOST_CHARACTERS], sink)
    sink.finish()
    return HtmlTables(
        tables=tuple(sink.tables),
        around=tuple(sink.around),
        is_cut=sink.is_cut or len(html) > _MOST_CHARACTERS,
    )


class _Tables:
    """Tags and texts in, tables out."""

    def __init__(self) -> None:
        self.left = _MOST_CHARACTERS  # 0 or less: no more is read
        self.tables: list[list[list[Cell]]] = []
        self.around: list[str] = []
        self.is_cut = False
        self._open: list[_Open] = []
        self._rows_left = MOST_LINES

    @property
    def is_hidden(self) -> bool:
        """Nothing is hidden from an order: a person is shown these rows as well."""
        return False

    def finish(self) -> None:
        """Closes what is open."""
        while self._open:
            self._end_table()

    def start_tag(self, tag: str, attributes: str) -> None:
        """A start tag: of a table, a row, a cell; others only part words."""
        match tag:
            case "table":
                self._start_table()
            case "tr" if self._open:
                self._start_row(self._open[-1])
            case "td" | "th" if self._open:
                self._start_cell(self._open[-1], attributes)
            case _:
                pass

    def end_tag(self, tag: str) -> None:
        """An end tag."""
        if not self._open:
            return
        match tag:
            case "table":
                self._end_table()
            case "tr":
                _end_row(self._open[-1])
            case "td" | "th":
                _end_cell(self._open[-1])
            case _:
                pass

    def text(self, run: str) -> None:
        """Text between tags, its character references resolved."""
        if (room := _MOST_AROUND - len(self.around)) > 0:
            lines = (line.strip() for line in run.split("\n"))
            self.around += [line[:_LONGEST] for line in lines if line][:room]
        table = self._open[-1] if self._open else None
        if table is None or table.pieces is None or table.length >= _LONGEST:
            return
        if piece := " ".join(run.split())[:_LONGEST]:
            table.length += len(piece)
            table.pieces.append(piece)

    def _start_table(self) -> None:
        if self._open and self._open[-1].pieces is None:
            self._end_table()  # WHATWG HTML 13.2.6.4.9: a table between cells ends the open one
        if len(self.tables) >= _MOST_TABLES:
            self._cut()
            return
        if self._open:
            self._open[-1].nested = True
        self._open.append(_Open())
        self.tables.append(self._open[-1].rows)

    def _start_row(self, table: _Open) -> None:
        _end_row(table)
        if self._rows_left == 0:
            self._cut()
            return
        self._rows_left -= 1
        table.in_row = True
        table.rows.append([])

    def _start_cell(self, table: _Open, attributes: str) -> None:
        _end_cell(table)
        if not table.in_row:
            self._start_row(table)
        spans = {name.lower(): int(number) for name, number in _SPAN.findall(attributes)}
        table.spans = (spans.get("colspan", 1), spans.get("rowspan", 1))
        table.pieces, table.length, table.nested = [], 0, False

    def _end_table(self) -> None:
        _end_row(self._open[-1])
        self.is_cut |= self._open.pop().is_cut

    def _cut(self) -> None:
        self.is_cut = True
        self.left = 0


def _end_row(table: _Open) -> None:
    _end_cell(table)
    if table.in_row:
        _carry(table)
    table.in_row = False


def _end_cell(table: _Open) -> None:
    if table.pieces is None:
        return
    text = "" if table.nested else " ".join(table.pieces)[:_LONGEST]
    table.pieces = None
    if not table.rows:
        return
    _carry(table)
    row = table.rows[-1]
    if len(row) >= _MOST_CELLS:
        table.is_cut |= bool(text)
        return
    width, height = (min(_MOST_SPAN, max(1, span)) for span in table.spans)
    for said in (text, *[""] * (width - 1)):
        if len(row) >= _MOST_CELLS:
            return
        if height > 1:
            table.carried[len(row)] = (height - 1, said)
        row.append(said)


def _carry(table: _Open) -> None:
    """Repeats here what cells of rows above span."""
    row = table.rows[-1]
    while (carried := table.carried.pop(len(row), None)) is not None:
        left, text = carried
        if left > 1:
            table.carried[len(row)] = (left - 1, text)
        row.append(text)
