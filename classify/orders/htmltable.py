"""HTML tables (Outlook, web shops, .xls files that are HTML) -> order lines.

In: HTML text. Out: a `Reading` of strength 2. Tables that only lay out the page are passed over.

Limits: those of htmlgrids.py; beyond them the problem `too-many-lines`.
"""

from collections.abc import Iterator
from decimal import Decimal

from .htmlgrids import HtmlTables, tables_of
from .lines import numbered
from .reading import Reading
from .table import Grid, Table, number_of, read_table


def read_html(html: str, source: str = "body", language: str = "") -> Reading:
    """The order in an HTML page or body; without lines when no table holds any."""
    page = tables_of(html)
    tables = [read_table(grid) for grid in _grids(page, source, language)]
    held = [table for table in tables if table.lines and (table.headed or len(table.lines) > 1)]
    cut = ("too-many-lines",) if page.is_cut else ()
    if not held:
        return Reading(around=page.around, problems=cut, strength=2, source=source)
    headed = [table for table in held if table.headed] or held
    main = max(headed, key=lambda table: len(table.lines))
    used = [table for table in headed if table is main or _distinct(main, table)]
    number, several = number_of(used)
    return Reading(
        lines=numbered(line for table in used for line in table.lines),
        number=number,
        totals=tuple(total for table in tables for total in table.totals),
        charges=sum((table.charges for table in tables), Decimal(0)),
        currency=main.currency,
        around=page.around,
        problems=tuple(
            dict.fromkeys(
                [*(problem for table in used for problem in table.problems), *several, *cut]
            )
        ),
        strength=2,
        source=source,
    )


def grids_of_html(html: str, source: str = "body", language: str = "") -> list[Grid]:
    """The tables of a page that have rows."""
    return list(_grids(tables_of(html), source, language))


def _grids(page: HtmlTables, source: str, language: str) -> Iterator[Grid]:
    for place, rows in enumerate(page.tables, start=1):
        if rows:
            yield Grid(rows=rows, source=f"{source}:table {place} row ", language=language)


def _distinct(main: Table, other: Table) -> bool:
    """True when a table holds other products than the main one."""
    names = {(line.sku, line.description) for line in main.lines}
    return not any((line.sku, line.description) in names for line in other.lines)
