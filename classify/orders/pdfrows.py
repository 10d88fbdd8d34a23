"""The rows of a table on a page: which lines of words belong to which figures.

In: a table while its lines are walked down, and the cells of one line. Out: whether the line holds
a row's figures, goes on with the row above, waits for the one below or was passed over, and whether
it is laid out like the last row of the page before. What stands between two rows' figures is the
lower one's behind the widest gap, where less than a line's height parts it from the figures; from a
whole line's height a title and a name look the same.

Limits: without ruling lines, names that end at their figures' line and are set as closely as their
rows are taken for the names of the rows before, unless the first row shows it.
"""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .cells import Cell, amounts, quantity_of
from .lines import multiplies
from .numbers import has_digit
from .page import Row, Word
from .pdfcells import FIGURE_ROLES, Column, is_figure
from .pdfheading import WRAP
from .rulings import Rulings
from .words import Role, sums_up

_FARTHEST = 1000  # from one position to the next
_HALF_LINE = 0.9  # line heights: two lines cannot stand so close below each other
_SPACE = 0.3  # line heights between two words
_WIDER = 1.2  # times the others: a gap that parts two rows
OTHER_PAGE = -1e6  # where the last row's figures are on a new page


@dataclass(frozen=True, slots=True)
class Line:
    """A line of words between the figures of two rows."""

    row: Row
    cells: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Where lines end: beside a row's figures, between, beside the next row's figures."""

    rights: tuple[float, float, float]
    next_widths: tuple[float, float]  # of the word that follows the first and the second, and space


@dataclass(slots=True)
class Open:
    """A table while its rows are collected."""

    columns: list[Column]
    rows: list[list[Cell]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    last_top: float = 0.0  # of the last text that belonged to the table
    last_middle: float = 0.0
    seen_top: float = 0.0  # of the last text at all
    closing: bool = False  # a totals row was seen: what follows must prove itself
    ended: bool = False
    awaits: bool = False  # a new page began without heading: only a row like the last goes on
    rulings: Rulings = Rulings()  # of this page
    across: list[float] = field(default_factory=list)  # those across the table
    figures_top: float = 0.0  # of the last row's figures
    figures_row: Row | None = None
    bare: list[Cell] = field(default_factory=list)  # the last row without what wrapped below it
    below: list[Line] = field(default_factory=list)  # what wrapped
    waiting: list[Line] = field(default_factory=list)  # words that may be the next row's
    above: bool = False  # words of some row stand above its figures
    breaks: list[Break] = field(default_factory=list)
    even: bool = False  # lines between two rows were as far from the one as from the other
    pitch: float = 0.0  # from row to row
    passed: bool = False  # something like a row was passed over, below the last on this page
    problems: list[str] = field(default_factory=list)


def anchors(table: Open, cells: list[str]) -> bool:
    """True for the line of a row that holds its figures."""
    pairs = list(zip(table.columns, cells, strict=False))
    figures = sum(column.role in FIGURE_ROLES and is_figure(cell) for column, cell in pairs)
    if table.closing:
        return figures >= 2 and _proves(pairs)
    words = any(any(char.isalpha() for char in cell) for cell in cells)
    positioned = any(column.role is Role.POSITION and cell for column, cell in pairs)
    lone_price = figures == 1 and any(
        column.role in (Role.PRICE, Role.PRICE_GROSS) and is_figure(cell) for column, cell in pairs
    )
    return figures >= 2 or (figures == 1 and (words or positioned) and not lone_price)


def _proves(pairs: list[tuple[Column, str]]) -> bool:
    """True when a row behind a totals row still holds a product.

    Quantity and price are bare figures under their headings, and multiply where a total stands.
    """
    said = {column.role: cell for column, cell in pairs if cell}
    quantity = quantity_of(said.get(Role.QUANTITY) or said.get(Role.ORDERED) or "").readings
    price = amounts(said.get(Role.PRICE) or said.get(Role.PRICE_GROSS) or "")
    total = amounts(said.get(Role.TOTAL) or said.get(Role.TOTAL_GROSS) or "")
    product = said.get(Role.DESCRIPTION) or said.get(Role.SKU) or ""
    discount = amounts(said.get(Role.DISCOUNT, "").strip("%"))
    if not (quantity and price and sum(char.isalpha() for char in product) > 1):
        return False
    return not total or any(
        multiplies(count, cost, amount, discount[0] if discount else None)
        for count in quantity
        for cost in price
        for amount in total
    )


def begins(table: Open, cells: list[str]) -> bool:
    """True when a line has more than one figure or a position: a row of its own."""
    figures = sum(
        is_figure(cell)
        for column, cell in zip(table.columns, cells, strict=False)
        if column.role in FIGURE_ROLES
    )
    positioned = any(
        column.role is Role.POSITION and cell
        for column, cell in zip(table.columns, cells, strict=False)
    )
    return figures > 1 or positioned


_WORD_ROLES = frozenset(
    {Role.DESCRIPTION, Role.SKU, Role.GTIN, Role.DETAIL, Role.BUYER_SKU, Role.OTHER}
)


def wraps(table: Open, row: Row, cells: list[str]) -> bool:
    """True for a further line of the last row's description."""
    if not table.rows or _is_apart(table, row):
        return False
    label = str(next((cell for cell in table.rows[-1] if cell), ""))
    return _is_wordy(table.columns, cells) and not sums_up(label)


def completes(table: Open, row: Row, cells: list[str]) -> bool:
    """True for figures of the last row that stand a little lower: their cells are still empty."""
    if not table.rows or _is_apart(table, row):
        return False
    filled = [
        place
        for place, cell in enumerate(cells)
        if cell and table.columns[place].role not in _WORD_ROLES
    ]
    words = [cell for place, cell in enumerate(cells) if cell and place not in filled]
    empty = all(not table.rows[-1][place] for place in filled)
    return (
        bool(filled)
        and empty
        and all(is_figure(cells[place]) for place in filled)
        and not any(sums_up(word) for word in words)
    )


def _is_apart(table: Open, row: Row) -> bool:
    """True when a ruling line or too much space parts a line from the row above."""
    far = row.top - table.last_top > WRAP * row.height
    return far or _is_ruled_off(table, row, table.last_middle)


def _is_ruled_off(table: Open, row: Row, middle: float) -> bool:
    """True when a ruling line across the table parts a row from another's middle."""
    return bisect(table.across, row.middle) != bisect(table.across, middle)


def holds_words(column: Column) -> bool:
    return column.role in _WORD_ROLES or column.role is None


def _is_wordy(columns: list[Column], cells: list[str]) -> bool:
    """True when all that a line holds stands under words: name, code, size."""
    filled = [column for column, cell in zip(columns, cells, strict=False) if cell]
    return bool(filled) and all(map(holds_words, filled))


def append(row: list[Cell], cells: list[str]) -> None:
    for place, cell in enumerate(cells):
        if cell and place < len(row):
            row[place] = f"{row[place]} {cell}".strip()


def looks_like_row(table: Open, cells: list[str]) -> bool:
    """True for words that run into the figures, beside a product or a position.

    So is the next position whose words end with a number.
    """
    pairs = list(zip(table.columns, cells, strict=False))
    figures = [cell for _, cell in under_figures(table, cells) if cell]
    figured = any(has_digit(cell) and not is_figure(cell) for cell in figures)
    positions = [cell for column, cell in pairs if column.role is Role.POSITION]
    if positions:
        last = " ".join(cell for column, cell in pairs if cell and holds_words(column)).split()[-1:]
        counts = not table.rows or follows(table, cells)
        numbered = not figures and counts and any(map(is_figure, last))
        return has_digit(positions[0]) and (figured or numbered)
    return figured and any(cell and holds_words(column) for column, cell in pairs)


def stands_next(table: Open, row: Row) -> bool:
    """True when a line follows the last row as rows follow each other here."""
    return row.top - table.last_top <= max(WRAP * row.height, 1.3 * table.pitch)


def under_figures(table: Open, cells: list[str]) -> list[tuple[Column, str]]:
    """The cells that stand under figures."""
    return [
        pair for pair in zip(table.columns, cells, strict=False) if pair[0].role in FIGURE_ROLES
    ]


def is_alike(table: Open, cells: list[str]) -> bool:
    """True when a line has its figures where the last row has them."""
    last = [bool(cell) for _, cell in under_figures(table, list(map(str, table.rows[-1])))]
    said = [cell for _, cell in under_figures(table, cells)]
    return [bool(cell) for cell in said] == last and all(is_figure(cell) for cell in said if cell)


def follows(table: Open, cells: list[str]) -> bool:
    """True for a row whose position comes after the last row's."""
    for place, column in enumerate(table.columns):
        if column.role is Role.POSITION:
            before, after = str(table.rows[-1][place]).strip("."), cells[place].strip(".")
            if before.isdecimal() and after.isdecimal():
                return 0 < int(after) - int(before) <= _FARTHEST
    return False


def may_wait(table: Open, row: Row, cells: list[str]) -> bool:
    """True for words that may stand above the figures of the row that follows."""
    if not _is_wordy(table.columns, cells) or not any(map(_said, cells)):
        return False
    if table.rows:
        return not table.closing
    return row.top - table.last_top < WRAP * 2 * row.height


def _said(cell: str) -> bool:
    return any(map(str.isalnum, cell))


def own_above(table: Open, row: Row) -> list[Line]:
    """The lines above a row's figures that are its own; they leave the row before.

    Above the first row's figures only its heading stands, and what is nearer to that is its.
    """
    lines = [*table.below, *table.waiting]
    if not lines:
        return []
    tops = [table.figures_top, *(line.row.top for line in lines), row.top]
    gaps = [lower - upper for upper, lower in pairwise(tops)]
    widest = max(gaps)
    if sum(gap * _WIDER > widest for gap in gaps) > 1:
        table.even = True
        found = _break_at(table, [line.row for line in lines], row) if table.rows else None
        table.breaks += [found] if found else []
        return [] if table.rows else [one for one in lines if _is_with(table, one, row)]
    above = [one for one in lines[gaps.index(widest) :] if _is_with(table, one, row)]
    if not above or (table.rows and gaps[-1] > WRAP * row.height):
        return []
    on_new_page = table.figures_top == OTHER_PAGE
    if gaps[-1] > _HALF_LINE * row.height or (on_new_page and len(above) > 1):
        if any(_describes(table, line) for line in above) and not on_new_page:
            table.problems.append("description-unsure")
        return [] if table.rows else above
    kept = [*table.bare]
    for line in table.below:
        if line not in above:
            append(kept, line.cells)
    if table.below:
        table.rows[-1] = kept
    return above


def _is_with(table: Open, line: Line, row: Row) -> bool:
    return not _is_ruled_off(table, line.row, row.middle)


def ends_at_figures(table: Open) -> bool:
    """True when the names seem to be broken before their figures' lines, not behind them.

    A line is broken where the next word has no room. So it is where all lines above the figures are
    full (the longest is by definition and tells nothing) and some line beside the figures is not,
    though another follows.
    """
    reach = max((right for one in table.breaks for right in one.rights), default=0.0)
    telling = [one for one in table.breaks if one.rights[1] < reach - 1]
    return (
        len(telling) > 1
        and all(one.rights[1] + one.next_widths[1] > reach for one in telling)
        and any(one.rights[0] + one.next_widths[0] <= reach for one in telling)
    )


def _break_at(table: Open, lines: Sequence[Row], row: Row) -> Break | None:
    """Where the lines between two rows' figures, and those beside the figures, end."""
    place = next(
        (place for place, one in enumerate(table.columns) if one.role is Role.DESCRIPTION), None
    )
    if place is None or table.figures_row is None:
        return None
    before, first, between, beside = (
        _words_under(table, place, one) for one in (table.figures_row, lines[0], lines[-1], row)
    )
    if not (before and first and between and beside):
        return None
    space = _SPACE * row.height
    return Break(
        rights=(before[-1].right, between[-1].right, beside[-1].right),
        next_widths=(
            space + first[0].right - first[0].left,
            space + beside[0].right - beside[0].left,
        ),
    )


def _words_under(table: Open, place: int, row: Row) -> list[Word]:
    """The words of a line from a column's left to the next column's."""
    left = table.columns[place - 1].right if place else 0.0
    right = (
        table.columns[place + 1].left if place + 1 < len(table.columns) else row.chunks[-1].right
    )
    words = (word for chunk in row.chunks for word in chunk.words)
    return [word for word in words if left < word.left and word.right <= right]


def _describes(table: Open, line: Line) -> bool:
    """True when a line has words where the products are named."""
    return any(
        cell and column.role is Role.DESCRIPTION
        for column, cell in zip(table.columns, line.cells, strict=False)
    )
