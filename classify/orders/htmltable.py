"""HTML tables (Outlook, web shops, .xls files that are HTML) -> order lines.

In: HTML text. Out: a `Reading` of strength 2. Cells that span columns are spread over them, so that
heading and rows keep in step; tables that only lay out the page are passed over.

Limits: 200 tables, 2 000 rows each; a table inside a cell is read by itself.
"""

from collections.abc import Iterator
from decimal import Decimal

from selectolax.lexbor import LexborHTMLParser, LexborNode

from .cells import Cell
from .lines import numbered
from .reading import Reading
from .table import Grid, Table, read_table

_MOST_CHARACTERS = 3_000_000
_MOST_TABLES = 200
_MOST_ROWS = 2000
_MOST_SPAN = 40


def read_html(html: str, source: str = "body", language: str = "") -> Reading:
    """The order in an HTML page or body; without lines when no table holds any."""
    tree = LexborHTMLParser(html[:_MOST_CHARACTERS])
    tables = [read_table(grid) for grid in _grids(tree, source, language)]
    held = [table for table in tables if table.lines and (table.headed or len(table.lines) > 1)]
    around = tuple(_text(tree).split("\n"))[:400]
    if not held:
        return Reading(around=around, strength=2, source=source)
    headed = [table for table in held if table.headed] or held
    main = max(headed, key=lambda table: len(table.lines))
    used = [table for table in headed if table is main or _distinct(main, table)]
    return Reading(
        lines=numbered(line for table in used for line in table.lines),
        totals=tuple(total for table in tables for total in table.totals),
        charges=sum((table.charges for table in tables), Decimal(0)),
        currency=main.currency,
        around=around,
        problems=tuple(dict.fromkeys(problem for table in used for problem in table.problems)),
        strength=2,
        source=source,
    )


def grids_of_html(html: str, source: str = "body", language: str = "") -> list[Grid]:
    """The tables of a page that have rows."""
    return list(_grids(LexborHTMLParser(html[:_MOST_CHARACTERS]), source, language))


def _grids(tree: LexborHTMLParser, source: str, language: str) -> Iterator[Grid]:
    for place, table in enumerate(tree.css("table")[:_MOST_TABLES], start=1):
        if rows := _rows(table):
            yield Grid(rows=rows, source=f"{source}:table {place} row ", language=language)


def _distinct(main: Table, other: Table) -> bool:
    """True when a table holds other products than the main one."""
    names = {(line.sku, line.description) for line in main.lines}
    return not any((line.sku, line.description) in names for line in other.lines)


def _rows(table: LexborNode) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    carried: dict[int, tuple[int, str]] = {}  # column -> (rows left, text) of a rowspan
    for row in table.css("tr")[:_MOST_ROWS]:
        if _owner(row) != table:
            continue
        cells: list[Cell] = []
        for node in row.iter():
            if node.tag not in ("td", "th"):
                continue
            _carry(cells, carried)
            text = _text_of_cell(node)
            width, height = _span(node, "colspan"), _span(node, "rowspan")
            if height > 1:
                carried[len(cells)] = (height - 1, text)
            cells += [text, *[""] * (width - 1)]
        _carry(cells, carried)
        rows.append(cells)
    return rows


def _carry(cells: list[Cell], carried: dict[int, tuple[int, str]]) -> None:
    while len(cells) in carried:
        left, text = carried.pop(len(cells))
        if left > 1:
            carried[len(cells)] = (left - 1, text)
            cells.append(text)
            return _carry_next(cells, carried)
        cells.append(text)


def _carry_next(cells: list[Cell], carried: dict[int, tuple[int, str]]) -> None:
    if len(cells) in carried and len(cells) < _MOST_SPAN:
        _carry(cells, carried)


def _owner(row: LexborNode) -> LexborNode | None:
    node = row.parent
    while node is not None and node.tag != "table":
        node = node.parent
    return node


def _text_of_cell(node: LexborNode) -> str:
    if node.css_first("table"):
        return ""
    return " ".join(node.text(separator=" ").split())[:500]


def _span(node: LexborNode, name: str) -> int:
    value = node.attributes.get(name) or ""
    return (
        min(_MOST_SPAN, max(1, int(value)))
        if value.isascii() and value.isdigit() and len(value) < 4
        else 1
    )


def _text(tree: LexborHTMLParser) -> str:
    body = tree.body
    return body.text(separator="\n", strip=True)[:50_000] if body else ""
