"""Words on pages -> grids of cells: columns from the heading's place, rows from the figures'
lines.

In: the pages of a PDF. Out: `Grid`s whose first row is the heading, and the text beside them. A
heading may fill several lines; a description may wrap below (or above) the line with the figures;
the table goes on over pages when its heading is repeated or its columns simply continue.

Limits: ruling lines are not looked at; two tables side by side are read as one.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise

from .cells import Cell, amounts, is_number, quantity_of
from .columns import columns_of
from .lines import multiplies
from .page import Chunk, Page, Row, Word
from .table import Grid
from .words import Role, heading, sums_up

_HEADING_LINES = 8
_HEADING_HEIGHT = 5.0  # line heights that a heading may fill
_WRAP = 1.9  # line heights between two lines of one cell
_END_GAP = 7.0  # line heights without a line that end a table


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The tables of a document and the text beside them."""

    grids: tuple[Grid, ...]
    around: tuple[str, ...]


@dataclass(slots=True)
class _Column:
    """One column: its heading and the stretch it fills."""

    text: str
    left: float
    right: float
    role: Role | None = None  # what its heading means, once it is whole


@dataclass(slots=True)
class _Open:
    """A table while its rows are collected."""

    columns: list[_Column]
    rows: list[list[Cell]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    last_top: float = 0.0  # of the last text that belonged to the table
    seen_top: float = 0.0  # of the last text at all
    closing: bool = False  # a totals row was seen: what follows must prove itself
    pending: list[str] = field(default_factory=list)  # words above the first figures, by column
    ended: bool = False


def grids_of(pages: list[Page], source: str, language: str) -> Found:
    """The tables of goods on the pages."""
    opened: list[_Open] = []
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
    return Found(grids=tuple(grids), around=tuple(around))


def _read_page(page: Page, opened: list[_Open], around: list[str]) -> None:
    rows = page.rows
    index = 0
    table: _Open | None = None
    while index < len(rows):
        found = _heading_at(rows, index)
        if found is not None:
            columns, used = found
            table = _continued(opened, columns) or _Open(columns=columns)
            if table not in opened:
                opened.append(table)
            table.ended = False
            table.closing = False
            table.last_top = table.seen_top = rows[index + used - 1].top
            index += used
            continue
        row = rows[index]
        if table is None or table.ended:
            around.append(row.text)
        else:
            _take(table, rows, index, page.number, around)
        index += 1


def _continued(opened: list[_Open], columns: list[_Column]) -> _Open | None:
    """The table of the page before, when its heading is repeated."""
    if opened and [column.text for column in opened[-1].columns] == [
        column.text for column in columns
    ]:
        opened[-1].columns = columns
        return opened[-1]
    return None


def _heading_at(rows: tuple[Row, ...], index: int) -> tuple[list[_Column], int] | None:
    """The columns when a heading begins at rows[index], and how many lines it fills."""
    if (
        _figures(rows[index]) > 1
        or _says_labelled(rows[index])
        or not any(
            heading(part)
            for chunk in rows[index].chunks
            for part in (chunk.text, chunk.words[0].text)
        )
    ):
        return None
    best: tuple[int, list[_Column], int] | None = None
    for used in range(1, _HEADING_LINES + 1):
        lines = rows[index : index + used]
        if len(lines) < used or _figures(lines[-1]) > 1 or _sums_with_figures(lines[-1]):
            break
        if used > 1 and (
            lines[-1].top - lines[-2].top > _WRAP * lines[-2].height
            or lines[-1].top - lines[0].top > _HEADING_HEIGHT * lines[0].height
        ):
            break
        columns = _merged(lines)
        texts: list[Cell] = [column.text for column in columns]
        if columns_of([texts], 0, "") is None:
            continue
        roles = len({column.role for column in columns if column.role})
        if best is None or roles > best[0] or (roles == best[0] and _only_headings(lines[-1])):
            best = (roles, columns, used)
    if best is None:
        return None
    return best[1], best[2]


def _says_labelled(row: Row) -> bool:
    """True for "Supplier: Woodland Supplies": a label with its value heads no column."""
    return any(_LABELLED.match(chunk.text) for chunk in row.chunks)


_LABELLED = re.compile(r"[^\W\d_][\w ./-]{1,30}:\s\S")


def _only_headings(row: Row) -> bool:
    return all(heading(chunk.text) or chunk.text.startswith("(") for chunk in row.chunks)


def _sums_with_figures(row: Row) -> bool:
    return any(
        sums_up(chunk.text) and any(char.isdigit() for char in chunk.text) for chunk in row.chunks
    )


def _figures(row: Row) -> int:
    return sum(is_number(chunk.text) for chunk in row.chunks)


def _merged(lines: tuple[Row, ...]) -> list[_Column]:
    """Heading chunks that overlap across lines are one heading."""
    columns: list[_Column] = []
    for line in lines:
        for part in [part for chunk in line.chunks for part in _split_heading(chunk, line.height)]:
            over = [
                column
                for column in columns
                if min(column.right, part.right) - max(column.left, part.left) > 0
            ]
            if not over:
                columns.append(part)
                continue
            column = max(
                over, key=lambda one: min(one.right, part.right) - max(one.left, part.left)
            )
            hyphenated = column.text.endswith("-") and part.text[:1].islower()
            column.text = (
                column.text[:-1] + part.text if hyphenated else f"{column.text} {part.text}"
            )
            column.left, column.right = min(column.left, part.left), max(column.right, part.right)
    columns.sort(key=lambda column: column.left)
    for column in columns:
        found = heading(column.text)
        column.role = found.role if found else None
    return columns


# Headings that never make one together, however close they stand.
_NEIGHBOURS = frozenset(
    {
        (Role.TAX, Role.QUANTITY),
        (Role.TAX, Role.TOTAL),
        (Role.TAX, Role.PRICE),
        (Role.TAX, Role.TOTAL_GROSS),
        (Role.DISCOUNT, Role.TAX),
        (Role.DISCOUNT, Role.TOTAL),
        (Role.PRICE, Role.DISCOUNT),
        (Role.PRICE, Role.TAX),
        (Role.QUANTITY, Role.UNIT),
        (Role.QUANTITY, Role.PRICE),
        (Role.QUANTITY, Role.DESCRIPTION),
        (Role.SKU, Role.DESCRIPTION),
        (Role.POSITION, Role.DESCRIPTION),
        (Role.POSITION, Role.SKU),
    }
)


def _split_heading(chunk: Chunk, height: float) -> list[_Column]:
    """A chunk that holds two headings ("Disc.% Taxes") because they stand close, in two.

    Words of one heading stand a space apart, so the cut needs a wider gap or words that mean
    nothing together.
    """
    whole = heading(chunk.text)
    for cut in range(1, len(chunk.words)):
        one, two = chunk.words[:cut], chunk.words[cut:]
        first = heading(" ".join(word.text for word in one))
        second = heading(" ".join(word.text for word in two))
        if not first or not second or first.role is second.role:
            continue
        apart = two[0].left - one[-1].right > 0.4 * height
        if whole is None or apart or (first.role, second.role) in _NEIGHBOURS:
            rest = _split_heading(Chunk(two[0].left, two[-1].right, two), height)
            return [_Column(" ".join(word.text for word in one), one[0].left, one[-1].right), *rest]
    return [_Column(chunk.text, chunk.left, chunk.right)]


def _take(table: _Open, rows: tuple[Row, ...], index: int, page: int, around: list[str]) -> None:
    row = rows[index]
    if row.top - table.seen_top > _END_GAP * row.height and table.rows:
        table.ended = True
        around.append(row.text)
        return
    table.seen_top = row.top
    cells = _cells(table.columns, row)
    if any(sums_up(cell) for cell in cells) or sums_up(row.text):
        if table.rows:
            whole = [row.text, *[""] * (len(cells) - 1)]
            _keep(table, [*(whole if len(row.chunks) == 1 else cells)], row, page, index)
            table.closing = True
        else:
            around.append(row.text)
    elif _anchors(table, cells) and (_begins(table, cells) or not _completes(table, row, cells)):
        _learn(table.columns, row, cells)
        _keep(table, _with_pending(table, cells), row, page, index)
    elif _wraps(table, row, cells) or _completes(table, row, cells):
        _append(table.rows[-1], cells)
        table.last_top = row.top
    elif (
        not table.rows
        and row.top - table.last_top < _WRAP * 2 * row.height
        and _is_wordy(table.columns, cells)
    ):
        before = table.pending or [""] * len(cells)
        table.pending = [f"{one} {two}".strip() for one, two in zip(before, cells, strict=False)]
    else:
        around.append(row.text)


def _keep(table: _Open, cells: list[Cell], row: Row, page: int, index: int) -> None:
    table.rows.append(cells)
    table.places.append(page * 1000 + index + 1)
    table.last_top = row.top


def _with_pending(table: _Open, cells: list[str]) -> list[Cell]:
    joined: list[Cell] = [
        f"{before} {cell}".strip()
        for before, cell in zip(table.pending or [""] * len(cells), cells, strict=False)
    ]
    table.pending = []
    return joined


def _anchors(table: _Open, cells: list[str]) -> bool:
    """True for the line of a row that holds its figures."""
    pairs = list(zip(table.columns, cells, strict=False))
    figures = sum(column.role in _FIGURE_ROLES and is_number(cell) for column, cell in pairs)
    if table.closing:
        return figures >= 2 and _proves(pairs)
    words = any(any(char.isalpha() for char in cell) for cell in cells)
    positioned = any(column.role is Role.POSITION and cell for column, cell in pairs)
    lone_price = figures == 1 and any(
        column.role in (Role.PRICE, Role.PRICE_GROSS) and is_number(cell) for column, cell in pairs
    )
    return figures >= 2 or (figures == 1 and (words or positioned) and not lone_price)


def _proves(pairs: list[tuple[_Column, str]]) -> bool:
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


def _begins(table: _Open, cells: list[str]) -> bool:
    """True when a line has more than one figure or a position: a row of its own."""
    figures = sum(
        is_number(cell)
        for column, cell in zip(table.columns, cells, strict=False)
        if column.role in _FIGURE_ROLES
    )
    positioned = any(
        column.role is Role.POSITION and cell
        for column, cell in zip(table.columns, cells, strict=False)
    )
    return figures > 1 or positioned


_FIGURE_ROLES = frozenset(
    {Role.QUANTITY, Role.ORDERED, Role.PRICE, Role.PRICE_GROSS, Role.TOTAL, Role.TOTAL_GROSS}
)
_WORD_ROLES = frozenset(
    {Role.DESCRIPTION, Role.SKU, Role.GTIN, Role.DETAIL, Role.BUYER_SKU, Role.OTHER}
)


def _wraps(table: _Open, row: Row, cells: list[str]) -> bool:
    """True for a further line of the last row's description."""
    if not table.rows or row.top - table.last_top > _WRAP * row.height:
        return False
    label = str(next((cell for cell in table.rows[-1] if cell), ""))
    return _is_wordy(table.columns, cells) and not sums_up(label)


def _completes(table: _Open, row: Row, cells: list[str]) -> bool:
    """True for figures of the last row that stand a little lower: their cells are still empty."""
    if not table.rows or row.top - table.last_top > _WRAP * row.height:
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
        and all(is_number(cells[place]) for place in filled)
        and not any(sums_up(word) for word in words)
    )


def _is_wordy(columns: list[_Column], cells: list[str]) -> bool:
    """True when all that a line holds stands under words: name, code, size."""
    filled = [column for column, cell in zip(columns, cells, strict=False) if cell]
    roles = [column.role for column in filled]
    return bool(filled) and all(role in _WORD_ROLES or role is None for role in roles)


def _append(row: list[Cell], cells: list[str]) -> None:
    for place, cell in enumerate(cells):
        if cell and place < len(row):
            row[place] = f"{row[place]} {cell}".strip()


def _cells(columns: list[_Column], row: Row) -> list[str]:
    """The row's words under their headings."""
    cells: list[list[tuple[float, str]]] = [[] for _ in columns]
    loose: list[Chunk] = []
    for chunk in row.chunks:
        over = _over(columns, chunk)
        if not over:
            loose.append(chunk)
        for place, left, text in _parted(columns, over, chunk):
            cells[place].append((left, text))
    for chunk in loose:
        place = _beside(columns, chunk, [bool(cell) for cell in cells])
        cells[place].append((chunk.left, chunk.text))
    return [" ".join(text for _, text in sorted(cell)) for cell in cells]


def _over(columns: list[_Column], chunk: Chunk) -> list[int]:
    """The columns a chunk reaches under."""
    return [
        place
        for place, column in enumerate(columns)
        if min(column.right, chunk.right) - max(column.left, chunk.left) > 0.5
    ]


def _parted(columns: list[_Column], over: list[int], chunk: Chunk) -> list[tuple[int, float, str]]:
    """A chunk under its heading; one that reaches under several is parted word by word."""
    if len(over) == 1:
        return [(over[0], chunk.left, chunk.text)]
    parts: list[tuple[int, float, str]] = []
    for word in chunk.words if over else ():
        place = _under(columns, over, word)
        if parts and parts[-1][0] == place:
            parts[-1] = (place, parts[-1][1], f"{parts[-1][2]} {word.text}")
        else:
            parts.append((place, word.left, word.text))
    return parts


def _beside(columns: list[_Column], chunk: Chunk, taken: list[bool]) -> int:
    """The column of a chunk that stands under no heading: a free one beside it, else the nearest.

    A description under a heading that is centred or set to the right begins far to its left.
    """
    left = max(
        (place for place, one in enumerate(columns) if one.right <= chunk.left), default=None
    )
    right = min(
        (place for place, one in enumerate(columns) if one.left >= chunk.right), default=None
    )
    sides = [place for place in (left, right) if place is not None]
    free = [place for place in sides if not taken[place]] or sides or [0]
    if not is_number(chunk.text):
        free = [place for place in free if columns[place].role not in _FIGURE_ROLES] or free

    def distance(place: int) -> float:
        return max(columns[place].left - chunk.right, chunk.left - columns[place].right)

    return min(free, key=distance)


def _learn(columns: list[_Column], row: Row, cells: list[str]) -> None:
    """A column reaches as far as what stands in it, up to its neighbours."""
    for chunk in row.chunks:
        place = next((place for place, cell in enumerate(cells) if cell == chunk.text), None)
        if place is None:
            continue
        before = columns[place - 1].right if place else 0.0
        after = columns[place + 1].left if place + 1 < len(columns) else chunk.right
        columns[place].left = min(columns[place].left, max(chunk.left, before))
        columns[place].right = max(columns[place].right, min(chunk.right, after))


def _under(columns: list[_Column], over: list[int], word: Word) -> int:
    """The heading among `over` that a word stands under."""
    middle = (word.left + word.right) / 2
    for one, two in pairwise(over):
        border = (columns[one].right + columns[two].left) / 2
        if middle <= border:
            return one
    return over[-1]
