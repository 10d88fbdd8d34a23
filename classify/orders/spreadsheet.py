"""Spreadsheets (.xlsx .xls .xlsb .ods) -> order lines, through python-calamine.

In: the file's name (for the source labels) and its octets. Out: a `Reading`. Every sheet is read;
the one with most lines is the order, others that also hold lines are added when their columns
look alike, else they are a problem; a sheet without any quantity is a price list beside the order.
Hidden sheets are left out; hidden rows and columns are a problem, since nobody can say whether they
are meant; so are cells that are struck out. A formula without a stored value is an empty cell, so
its line is unsure, never zero.

Limits: 20 sheets, 5 000 rows of each; cell colours, comments and merged areas tell us nothing.
"""

import datetime
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

from .cells import Cell
from .extent import Extent, extent_of
from .hostile import MOST_LINES, Unreadable, check_container, check_size
from .lines import numbered
from .numbers import exact
from .ole import check_ole
from .phrases import ORDER_TITLE
from .reading import Reading
from .table import Grid, Table, number_of, read_table

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MOST_SHEETS = 20
_LARGEST = 1e15  # beyond it (and for inf) a float is no number a person wrote


def read_spreadsheet(filename: str, content: bytes, language: str = "") -> Reading:
    """The order in a workbook. Raises Unreadable for a bomb, a broken or encrypted file."""
    extent = _checked(content)
    tables = _tables(sheets_of(filename, content, language, extent))
    held = _ordering([table for table in tables if table.lines])
    around = tuple(text for table in tables for text in table.around)
    if not held:
        return Reading(around=around, strength=2)
    main = max(held, key=lambda table: (table.headed, len(table.lines)))
    lines = list(main.lines)
    problems = [*main.problems]
    problems += ["rows-hidden"] if extent.hidden else []
    problems += ["rows-struck"] if extent.struck else []
    number, several = number_of(held)
    problems += several
    for other in held:
        if other is not main and other.headed:
            lines += other.lines
            problems += other.problems
            if _repeats(main, other):
                problems.append("sheets-repeat-each-other")
    return Reading(
        lines=numbered(lines),
        number=number,
        totals=tuple(total for table in held for total in table.totals) if len(held) == 1 else (),
        charges=main.charges if len(held) == 1 else Decimal(0),
        currency=main.currency,
        around=around,
        problems=tuple(dict.fromkeys(problems)),
        strength=2,
    )


def _ordering(tables: list[Table]) -> list[Table]:
    """The tables that say how many, where any does."""
    counting = [table for table in tables if any(line.quantity is not None for line in table.lines)]
    return counting or tables


def _repeats(one: Table, other: Table) -> bool:
    """True when two sheets name the same product: perhaps one order said twice."""
    names = {(line.sku, line.description) for line in one.lines}
    return any((line.sku, line.description) in names for line in other.lines)


def sheets_of(
    filename: str, content: bytes, language: str = "", extent: Extent | None = None
) -> list[tuple[str, Grid]]:
    """The visible sheets with their names. Raises Unreadable like read_spreadsheet."""
    extent = extent or _checked(content)
    try:
        return list(_sheets(filename, content, language, extent))
    except CalamineError as error:
        raise Unreadable("broken") from error
    except BaseException as error:
        # A panic of calamine's Rust arrives as a BaseException that no module exports.
        if type(error).__name__ == "PanicException":
            raise Unreadable("broken") from None
        raise


def _checked(content: bytes) -> Extent:
    """What a look at the container told; Unreadable for a bomb or a locked file."""
    check_size(content)
    if content[:2] == b"PK":
        return extent_of(content, check_container(content))
    if content.startswith(_OLE):
        if _is_encrypted(content):
            raise Unreadable("encrypted")
        check_ole(content)
    return Extent()


def _sheets(
    filename: str, content: bytes, language: str, extent: Extent
) -> Iterator[tuple[str, Grid]]:
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
    visible = [
        one.name for one in workbook.sheets_metadata if one.visible == SheetVisibleEnum.Visible
    ]
    for name in visible[:_MOST_SHEETS]:
        sheet = workbook.get_sheet_by_name(name)
        rows = sheet.to_python(skip_empty_area=True, nrows=MOST_LINES + 1)
        yield (
            name,
            Grid(
                rows=_shown(rows, sheet.start or (0, 0), extent),
                source=f"{filename}:{name}!A",
                first_row=(sheet.start[0] if sheet.start else 0) + 1,
                formulas=extent.formulas,
                language=language,
            ),
        )


def _shown(
    rows: Sequence[Sequence[object]], start: tuple[int, int], extent: Extent
) -> list[list[Cell]]:
    """The cells as people see them, zeros before a number included."""
    cells = [[_cell(value) for value in row] for row in rows]
    if not extent.shown:
        return cells
    return [
        [
            extent.shown.get((down, across, int(cell)), cell) if isinstance(cell, Decimal) else cell
            for across, cell in enumerate(row, start[1])
        ]
        for down, row in enumerate(cells, start[0])
    ]


def _tables(sheets: list[tuple[str, Grid]]) -> list[Table]:
    tables: list[Table] = []
    for name, grid in sheets:
        table = read_table(grid)
        if ORDER_TITLE.search(name) and table.lines:
            table = replace(table, around=(name, *table.around))
        tables.append(table)
    return tables


def _is_encrypted(content: bytes) -> bool:
    """An OLE file with an EncryptedPackage stream is an xlsx behind a password."""
    return "EncryptedPackage".encode("utf-16-le") in content


def _cell(value: object) -> Cell:
    match value:
        case str():
            return value
        case bool():
            return ""
        case int() | float():
            return exact(value) if abs(value) < _LARGEST else ""
        case datetime.datetime():
            return value.date()
        case datetime.date():
            return value
        case _:
            return ""
