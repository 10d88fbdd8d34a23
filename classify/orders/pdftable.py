"""Words on pages -> grids of cells: columns from the heading's place, rows from the figures'
lines.

In: the pages of a PDF. Out: `Grid`s whose first row is the heading, and the text beside them. A
heading may fill several lines. A description may wrap below or above the line with the figures:
ruling lines across the table tell where a row ends, else the distances do, and where these leave
it open `description-unsure` says so. The table goes on over pages when its heading is repeated or
rows like its last follow. What looks like a row and was not read is `rows-unread`.

Limits: two tables side by side are read as one.
"""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from .cells import Cell
from .page import Page, Row
from .pdfcells import Column, cells_of, learn
from .pdfheading import WRAP, heading_at
from .pdfrows import (
    OTHER_PAGE,
    Line,
    Open,
    anchors,
    append,
    begins,
    completes,
    ends_at_figures,
    follows,
    holds_words,
    is_alike,
    looks_like_row,
    may_wait,
    own_above,
    stands_next,
    under_figures,
    wraps,
)
from .rulings import Rulings
from .table import Grid
from .words import sums_up

_END_GAP = 7.0  # line heights without a line that end a table


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The tables of a document and the text beside them."""

    grids: tuple[Grid, ...]
    around: tuple[str, ...]
    problems: tuple[str, ...] = ()


def grids_of(pages: list[Page], source: str, language: str) -> Found:
    """The tables of goods on the pages."""
    opened: list[Open] = []
    around: list[str] = []
    for page in pages:
        _read_page(page, opened, around)
    grids = [
        Grid(
            rows=[[column.text for column in table.columns], *table.rows],
            source=f"{source}:page.line ",
            language=language,
            numbers=[0, *table.places],
        )
        for table in opened
        if table.rows
    ]
    problems = [problem for table in opened if table.rows for problem in table.problems]
    if any((table.above and table.even) or ends_at_figures(table) for table in opened):
        problems.append("description-unsure")
    return Found(grids=tuple(grids), around=tuple(around), problems=tuple(dict.fromkeys(problems)))


def _read_page(page: Page, opened: list[Open], around: list[str]) -> None:
    rows = page.rows
    index = 0
    table = _going_on(opened, page.rulings)
    while index < len(rows):
        found = heading_at(rows, index)
        if found is not None:
            if table is not None:
                _let_go(table, around)
            columns, used = found
            table = _continued(opened, columns) or Open(columns=columns)
            if table not in opened:
                opened.append(table)
            table.closing = False
            _widened(columns, page.rulings, rows[index + used - 1])
            _begin(table, page.rulings, rows[index + used - 1])
            table.figures_top = table.last_top
            index += used
            continue
        group = rows[index : index + _held_together(table, rows, index)]
        index += len(group)
        if table is not None and table.awaits:
            _await(table, group, page.rulings)
        if table is None or table.ended:
            around += [row.text for row in group]
        elif table.awaits:
            _pass_by(table, group, around)
        elif not _take_group(table, group, _place(page, index - len(group)), around):
            for place, row in enumerate(group, start=index - len(group)):
                _take(table, row, _place(page, place), around)
    if table is not None:
        _let_go(table, around)
        if table.awaits and table.passed:
            table.problems.append("rows-unread")


def _place(page: Page, index: int) -> int:
    """How a row is called in an order line's source."""
    return page.number * 1000 + index + 1


def _begin(table: Open, rulings: Rulings, row: Row) -> None:
    """The table begins, or goes on, on a page, below or with this row."""
    table.rulings = rulings
    table.across = rulings.across(table.columns[0].left, table.columns[-1].right)
    table.ended = table.awaits = table.passed = False
    table.bare, table.below = [], []
    table.last_top = table.seen_top = row.top
    table.last_middle = row.middle


def _let_go(table: Open, around: list[str]) -> None:
    """What waited for a row is none's."""
    around += [line.row.text for line in table.waiting]
    table.waiting = []


def _widened(columns: list[Column], rulings: Rulings, row: Row) -> None:
    """A heading fills the whole of its cell, where ruling lines show one."""
    for column in columns:
        walls = rulings.beside(column.left, column.right, row.middle)
        if walls and not any(
            walls[0] < other.right and other.left < walls[1]
            for other in columns
            if other is not column
        ):
            column.left, column.right = walls


def _going_on(opened: list[Open], rulings: Rulings) -> Open | None:
    """The table that may go on, on a new page without heading."""
    if not opened or not opened[-1].rows:
        return None
    table = opened[-1]
    table.across = rulings.across(table.columns[0].left, table.columns[-1].right)
    table.awaits, table.ended, table.passed = True, False, False
    table.figures_top = OTHER_PAGE
    return table


def _pass_by(table: Open, group: Sequence[Row], around: list[str]) -> None:
    """What stands above the table on a new page; its last words may be the next row's."""
    _let_go(table, around)
    around += [row.text for row in group[:-1]]
    cells = cells_of(table.columns, group[-1])
    if may_wait(table, group[-1], cells):
        table.waiting.append(Line(group[-1], cells))
    else:
        around.append(group[-1].text)


def _await(table: Open, group: Sequence[Row], rulings: Rulings) -> None:
    """Go on with a table where a row of a new page is laid out like its last.

    Where nothing but one number tells it from a page's head or foot, a person looks.
    """
    for row in group:
        cells = cells_of(table.columns, row)
        if not anchors(table, cells) or sums_up(row.text) or not is_alike(table, cells):
            continue
        figures = [cell for _, cell in under_figures(table, cells) if cell]
        if len(figures) > 1 or follows(table, cells):
            _begin(table, rulings, group[0])
            table.last_top = OTHER_PAGE
            return
        table.passed = True


def _held_together(table: Open | None, rows: tuple[Row, ...], index: int) -> int:
    """How many rows from rows[index] on stand between the same two lines across the table."""
    if table is None or table.ended:
        return 1
    place = bisect(table.across, rows[index].middle)
    if place == 0 or len(table.across) == 1:
        return 1
    count = 1
    while index + count < len(rows):
        before, row = rows[index + count - 1], rows[index + count]
        if bisect(table.across, row.middle) != place:
            break
        if place == len(table.across) and row.top - before.top > WRAP * row.height:
            break  # below the last line, where a table may leave its last row open
        count += 1
    return count


def _take_group(table: Open, group: Sequence[Row], place: int, around: list[str]) -> bool:
    """Take in what two ruling lines hold together as one row; False when it is none, or several."""
    if len(group) == 1 or group[0].top - table.seen_top > _END_GAP * group[0].height:
        return False
    each = [cells_of(table.columns, row) for row in group]
    if any(
        sums_up(one) for row, cells in zip(group, each, strict=True) for one in (row.text, *cells)
    ):
        return False
    figured = [number for number, cells in enumerate(each) if anchors(table, cells)]
    if len(figured) > 1:
        return False
    at = figured[0] if figured else 0
    main = each[at] if figured else [""] * len(table.columns)
    whole = [
        " ".join(
            cells[number]
            for cells in each
            if cells[number] and (cells is main or not main[number] or holds_words(column))
        )
        for number, column in enumerate(table.columns)
    ]
    if not anchors(table, whole):
        return False
    _let_go(table, around)
    learn(table.columns, group[at], each[at])
    _keep(table, [*whole], group[at], place + at)
    for row in group:
        _go_down(table, row)
    table.seen_top = group[-1].top
    return True


def _continued(opened: list[Open], columns: list[Column]) -> Open | None:
    """The table of the page before, when its heading is repeated."""
    if opened and [column.text for column in opened[-1].columns] == [
        column.text for column in columns
    ]:
        opened[-1].columns = columns
        return opened[-1]
    return None


def _take(table: Open, row: Row, place: int, around: list[str]) -> None:
    if row.top - table.seen_top > _END_GAP * row.height and table.rows:
        table.ended = True
        _let_go(table, around)
        around.append(row.text)
        return
    table.seen_top = row.top
    cells = cells_of(table.columns, row)
    if any(sums_up(cell) for cell in cells) or sums_up(row.text):
        _let_go(table, around)
        if table.rows:
            whole = [row.text, *[""] * (len(cells) - 1)]
            _keep(table, [*(whole if len(row.chunks) == 1 else cells)], row, place)
            table.closing = True
        else:
            around.append(row.text)
    elif anchors(table, cells) and (begins(table, cells) or not completes(table, row, cells)):
        learn(table.columns, row, cells)
        _keep(table, _with_words_above(table, row, cells, around), row, place)
    elif wraps(table, row, cells):
        table.below.append(Line(row, cells))
        append(table.rows[-1], cells)
        _go_down(table, row)
    elif completes(table, row, cells):
        append(table.rows[-1], cells)
        _go_down(table, row)
        table.bare, table.below, table.figures_top = [*table.rows[-1]], [], row.top
    elif may_wait(table, row, cells):
        table.waiting.append(Line(row, cells))
    else:
        _let_go(table, around)
        around.append(row.text)
        if not table.closing and looks_like_row(table, cells):
            table.passed = True
            if table.rows and stands_next(table, row):
                table.problems.append("rows-unread")  # though none may follow


def _go_down(table: Open, row: Row) -> None:
    """The table reaches to this row."""
    table.last_top, table.last_middle = row.top, row.middle
    if row.is_struck(table.rulings):
        table.problems.append("rows-struck")


def _with_words_above(table: Open, row: Row, cells: list[str], around: list[str]) -> list[Cell]:
    """A row's cells with the words above its figures that are its own."""
    above = own_above(table, row)
    table.waiting = [line for line in table.waiting if line not in above]
    _let_go(table, around)
    table.above = table.above or bool(above)
    joined: list[Cell] = [""] * len(cells)
    for said in (*(line.cells for line in above), cells):
        append(joined, said)
    return joined


def _keep(table: Open, cells: list[Cell], row: Row, place: int) -> None:
    if table.passed:
        table.problems.append("rows-unread")
    table.passed = False
    if table.figures_top != OTHER_PAGE:
        table.pitch = row.top - table.figures_top
    table.rows.append(cells)
    table.places.append(place)
    table.figures_top, table.figures_row = row.top, row
    table.bare, table.below = [*cells], []
    _go_down(table, row)
