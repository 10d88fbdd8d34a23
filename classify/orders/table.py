"""A table of cells -> order lines; spreadsheets, CSV, DBF, HTML and PDF all end here.

In: a `Grid`, rows of cells as they stand. Out: a `Table`: the lines, the figures of its totals
rows, and the text around it, from which heading.py reads number, date and parties. The heading row
is found by its words wherever it stands, and again after it (next page, next section). Which of
several price or total columns is meant is decided by what multiplies.

Limits: 5 000 rows, 64 columns and 100 headings are looked at. A matrix of sizes (one product, a
column per size) is not an order form we read; its lines come out unsure or not at all.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from postroom.order import OrderLine

from .answers import heads_another_list, is_wanted, stays_open
from .caseless import Caseless
from .cells import Cell, amounts, code_text, is_filled, is_number, quantity_of, text_of
from .columns import FoundHeading, columns_of
from .currency import differ
from .fields import Columns
from .hostile import MOST_LINES
from .lines import Draft, doubted, numbered, ordered_as, settle
from .noise import is_contact
from .numbers import NUMBER, decimal_mark, has_digit, plain, readings
from .unheaded import columns_by_content
from .words import is_charge, is_tax_label, priced_otherwise, sums_up

_MOST_COLUMNS = 64
_MOST_HEADINGS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Rows of cells, and how to name a row to a person."""

    rows: Sequence[Sequence[Cell]]
    source: str  # "zayavka.xlsx:Лист1!A", the row's number is put behind it
    first_row: int = 1  # number of rows[0] as the person sees it
    language: str = ""
    formulas: bool = False  # some cells are formulas without a stored value
    numbers: Sequence[int] = ()  # the rows' numbers where they do not simply follow first_row

    def place(self, index: int) -> str:
        """Where rows[index] stands, for a person."""
        return f"{self.source}{self.numbers[index] if self.numbers else self.first_row + index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a grid holds."""

    lines: tuple[OrderLine, ...] = ()
    totals: tuple[Decimal, ...] = ()  # every figure of the totals rows, VAT alone left out
    charges: Decimal = Decimal(0)  # rows that charge for freight and the like
    currency: str = ""
    around: tuple[str, ...] = ()  # the rows that are no lines, as text
    number: str = ""  # the order's, as a column names it in each row
    problems: tuple[str, ...] = ()
    headed: bool = False  # False: the columns were inferred from their contents


@dataclass(slots=True)
class _Walk:
    """What is known while going down the rows."""

    columns: Columns | None = None
    lines: list[OrderLine] = field(default_factory=list)
    skipped: int = 0  # rows of an order form nobody filled in
    unfilled: list[OrderLine] = field(default_factory=list)
    totals: list[Decimal] = field(default_factory=list)
    charges: Decimal = Decimal(0)
    around: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    headed: bool = False
    headings: int = 0
    currencies: set[str] = field(default_factory=set)  # of the lines' amounts
    width: int = _MOST_COLUMNS  # cells of the heading
    same: dict[object, list[Cell]] = field(default_factory=dict)  # what is ordered, and its row
    order_numbers: set[str] = field(default_factory=set)  # that a column names
    elsewhere: bool = False  # the last title heads a list of something else than an order


def read_table(grid: Grid) -> Table:
    """The order lines of a grid; empty when there is no table of goods in it."""
    rows = [list(row[:_MOST_COLUMNS]) for row in grid.rows[:MOST_LINES]]
    mark = decimal_mark(
        (cell for row in rows for cell in row if isinstance(cell, str)), grid.language
    )
    walk = _Walk()
    if len(grid.rows) > MOST_LINES:
        walk.problems.append("too-many-lines")
    index = 0
    while index < len(rows):
        index += _step(walk, grid, rows, index, mark)
    if not walk.headed:
        _without_heading(walk, grid, rows, mark)
    if differ(walk.currencies):
        walk.problems.append("currencies-differ")
    if len(walk.order_numbers) > 1:
        walk.problems.append("several-orders")
    return Table(
        lines=numbered(_priced(_filled(walk, grid))),
        totals=tuple(walk.totals),
        charges=walk.charges,
        currency=walk.columns.currency if walk.columns else "",
        around=tuple(walk.around),
        number=next(filter(has_digit, walk.order_numbers), "")
        if len(walk.order_numbers) == 1
        else "",
        problems=tuple(dict.fromkeys(walk.problems)),
        headed=walk.headed,
    )


def number_of(tables: Iterable[Table]) -> tuple[str, tuple[str, ...]]:
    """The order number that the tables' columns name; a problem where they name several."""
    named = {table.number for table in tables} - {""}
    return (named.pop(), ()) if len(named) == 1 else ("", ("several-orders",) if named else ())


def _step(walk: _Walk, grid: Grid, rows: list[list[Cell]], index: int, mark: str) -> int:
    """Take the row at `index` in; how many rows that used up."""
    row = rows[index]
    if not any(is_filled(cell) for cell in row):
        return 1
    if walk.columns is None or not any(is_number(cell) for cell in row):
        found = _heading(walk, rows, index, mark)
        if found:
            walk.columns, walk.headed, walk.width = found.columns, True, found.width
            walk.problems += found.columns.problems
            if walk.elsewhere:
                walk.problems.append("another-list")
            return found.rows
    if walk.columns is None:
        walk.around.append(_joined(row))
        walk.elsewhere = _filled_cells(row) == 1 and heads_another_list(walk.around[-1])
        return 1
    _take(walk, grid, row, index, mark)
    return 1


def _heading(walk: _Walk, rows: list[list[Cell]], index: int, mark: str) -> FoundHeading | None:
    """The heading that begins at `index`; behind too many of them nobody looks for another."""
    if walk.headings < _MOST_HEADINGS:
        found = columns_of(rows, index, mark)
        walk.headings += found is not None
        return found
    if _filled_cells(rows[index]) > 1:
        walk.problems.append("too-many-lines")
    return None


def _take(walk: _Walk, grid: Grid, row: list[Cell], index: int, mark: str) -> None:
    columns = walk.columns
    assert columns is not None
    label = next((text_of(cell) for cell in row if _is_words(cell)), "")
    if _sums(row, label) and not columns.has_product(row, label):
        figures = [value for cell in row for value in amounts(cell, mark)[:1]]
        summing = next((cell for cell in row if isinstance(cell, str) and sums_up(cell)), label)
        if not is_tax_label(str(summing)):
            walk.totals += figures or _inside(str(summing), mark)
        walk.around.append(_joined(row))
        return
    if _counts_columns(row):
        return
    line = _line(columns, row, mark, grid.place(index), len(walk.lines) + 1)
    if line is not None and any(is_filled(cell) for cell in row[walk.width :]):
        line = doubted(line, "row-too-long")
    if line is None:
        walk.around.append(_joined(row))
        if _filled_cells(row) == 1 and heads_another_list(label):
            walk.problems.append("another-list")
        if is_charge(label):
            walk.charges += next(
                (one for cell in reversed(row) for one in amounts(cell, mark)[:1]), Decimal(0)
            )
    elif _orders_none(line) and not (
        stays_open(row, columns.answers) or grid.formulas or "change" in columns.problems
    ):
        walk.around.append(_joined(row))
    elif line.quantity is None or line.quantity == 0:
        walk.unfilled.append(line)
    else:
        walk.lines.append(line)
        walk.currencies |= columns.currencies(row)
        walk.order_numbers |= {code_text(columns.cell(row, columns.order_number))} - {""}
        same = walk.same.setdefault(ordered_as(line), row)
        if same is not row and _words(same) == _words(row):
            walk.problems.append("line-repeated")


def _orders_none(line: OrderLine) -> bool:
    """True where somebody wrote a nought and no sum says otherwise."""
    return line.quantity == 0 and not line.total


def _words(row: list[Cell]) -> list[Cell]:
    """What a row says besides numbers; a date or a place makes it another line."""
    return [cell for cell in row if not amounts(cell)]


def _filled_cells(row: list[Cell]) -> int:
    return sum(is_filled(cell) for cell in row)


def _inside(label: str, mark: str) -> list[Decimal]:
    """The figures inside a totals label ("Subtotal $ 112.00"), percentages left out."""
    return [
        value
        for match in NUMBER.finditer(label)
        if not re.match(r"\s?%", label[match.end() :])
        for value in readings(match[0], mark)[:1]
    ]


def _sums(row: list[Cell], label: str) -> bool:
    """True for a totals row: its first words say so, or a cell beside its figures does."""
    return any(isinstance(cell, str) and 1 < len(cell) < 30 and sums_up(cell) for cell in row) or (
        len(label) >= 30 and sums_up(label)
    )


def _line(
    columns: Columns, row: list[Cell], mark: str, source: str, number: int
) -> OrderLine | None:
    """The order line of a row; None for a section title, a note, an empty row."""
    description = columns.description(row)
    sku = code_text(columns.cell(row, columns.sku))
    gtin = code_text(columns.cell(row, columns.gtin))
    quantity_cell = columns.cell(row, columns.quantity)
    measured = quantity_of(quantity_cell, mark)
    price = amounts(columns.cell(row, columns.price), mark)
    if (base := columns.priced_for(row, mark)) != 1:
        price = tuple(plain(value / base) for value in price)
    total = amounts(columns.cell(row, columns.total), mark)
    if not description and len(sku.split()) > 2 and not any(char.isdigit() for char in sku):
        description, sku = sku, ""  # words, whatever the heading says
    if not (description or gtin) and not _is_code(sku):
        return None
    if _is_telephone(text_of(quantity_cell)) and not (price or total):
        return None  # who may be asked, below the goods
    if _SIGNS.match(next((text_of(cell) for cell in row if is_filled(cell)), "")):
        return None
    if not measured.readings and not price and not sku and not gtin and total:
        return None  # a charge or an allowance
    if not measured.readings and not gtin and is_charge(description or sku):
        return None
    if _unreadable(quantity_cell, measured.readings) and len(text_of(quantity_cell)) > 15:
        return None  # a sentence that runs across the columns
    if not measured.readings and not price and not total:
        return (
            None
            if not text_of(quantity_cell) and not (sku and description)
            else _blank(columns, description, sku, gtin, text_of(quantity_cell), source)
        )
    discount = next(iter(amounts(columns.cell(row, columns.discount), mark)), None)
    unit = text_of(columns.cell(row, columns.unit)) or measured.unit or columns.unit_word
    problems = measured.problems + (
        ("quantity-unreadable",) if _unreadable(quantity_cell, measured.readings) else ()
    )
    if isinstance(priced := columns.cell(row, columns.price), str):
        problems += priced_otherwise(priced, unit)
    if not is_wanted(_without_unit(row, columns.unit), columns.answers):
        problems = (*problems, "line-conditional")
    draft = Draft(
        sku=sku,
        gtin=gtin,
        description=description,
        quantity=measured.readings,
        unit=unit,
        price=price,
        total=total,
        discount=discount,
        confidence=columns.confidence if not problems else min(columns.confidence, 0.6),
        problems=problems,
        source=source,
    )
    return settle(draft, number)


def _without_unit(row: list[Cell], column: int | None) -> list[Cell]:
    """The row without its unit: ten "No" under it are wanted."""
    if column is None or column >= len(row) or text_of(row[column]).lower() not in _NUMBERS:
        return row
    return [*row[:column], "", *row[column + 1 :]]


_NUMBERS = frozenset({"no", "no.", "n"})
# Who made, approved and signed a form stands below its rows.
_SIGNS = Caseless(
    r"\W*(?:составил\w*|согласован\w*|утвер\w+|исполнитель|подпись|руководител\w+|ответственн\w+"
    r"|принял\w*|authori[sz]ed|approved by|prepared by|signature|signed|date|datum|unterschrift"
    r"|genehmigt|geprüft|erstellt|freigegeben)\b[^\n]{0,30}(?::|$|\sby\b)"
)


def _is_code(text: str) -> bool:
    """True for what can name a product: not "(S)", "21 %", "-"."""
    return sum(char.isalnum() for char in text) >= 2 and "%" not in text


def _is_telephone(text: str) -> bool:
    return sum(char.isdigit() for char in text) > 8 and is_contact(text)


def _unreadable(cell: Cell, readings: tuple[Decimal, ...]) -> bool:
    return not readings and is_filled(cell)


def _blank(
    columns: Columns, description: str, sku: str, gtin: str, said: str, source: str
) -> OrderLine:
    """A product nobody wrote a number beside; `said` is what stands there instead."""
    problems = ("quantity-unreadable",) if said not in ("", "-", "–", "—") else ()
    draft = Draft(sku=sku, gtin=gtin, description=description, problems=problems, source=source)
    return settle(draft, 1)


def _filled(walk: _Walk, grid: Grid) -> list[OrderLine]:
    """The ordered lines: in an order form, what nobody filled in was not ordered.

    A form has its prices before the column to fill in. A table in which only a few products lack a
    quantity is none; those lines stay, unsure.
    """
    said = [line for line in walk.unfilled if "quantity-unreadable" in line.problems]
    empty = len(walk.unfilled) - len(said)
    columns = walk.columns
    known_form = columns is not None and columns.is_form
    priced = all(line.unit_price is not None for line in walk.unfilled)
    if known_form and not grid.formulas:
        walk.unfilled = [line for line in walk.unfilled if line.quantity is None]
        empty = len(walk.unfilled) - len(said)
    form = known_form or empty > 5 or (priced and empty + len(walk.lines) >= 6)
    printed = columns is not None and columns.is_filled_in_last()
    enough = known_form or empty > len(walk.lines) / (4 if printed and empty > 2 else 2)
    changes = columns is not None and "change" in columns.problems  # a nought takes off
    if walk.lines and enough and form and not (grid.formulas or changes):
        kept = said
    else:
        kept = walk.unfilled
    if not kept:
        return walk.lines
    order = {id(line): place for place, line in enumerate([*walk.lines, *kept])}
    return sorted([*walk.lines, *kept], key=lambda line: (_row_number(line), order[id(line)]))


def _priced(lines: list[OrderLine]) -> list[OrderLine]:
    """Where others have a price, a line without is unsure: perhaps part of the line above."""
    priced = sum(line.unit_price is not None for line in lines)
    if priced == 0 or priced == len(lines):
        return lines
    return [
        line
        if line.unit_price is not None
        else replace(
            line, confidence=min(line.confidence, 0.8), problems=(*line.problems, "price-missing")
        )
        for line in lines
    ]


def _row_number(line: OrderLine) -> int:
    digits = ""
    for char in reversed(line.source):
        if not char.isdigit():
            break
        digits = char + digits
    return int(digits or 0)


def _without_heading(walk: _Walk, grid: Grid, rows: list[list[Cell]], mark: str) -> None:
    """No heading anywhere: let the contents say which column is which."""
    columns = columns_by_content(rows, mark)
    if columns is None:
        return
    walk.columns = columns
    walk.around.clear()
    for index, row in enumerate(rows):
        if any(is_filled(cell) for cell in row):
            _take(walk, grid, row, index, mark)


def _counts_columns(row: list[Cell]) -> bool:
    """The row "1 2 3 4 5" that forms put under their heading."""
    first = next((text for cell in row if (text := text_of(cell))), "")
    if first != "1":
        return False
    said = [text_of(cell) for cell in row if text_of(cell)]
    numbers = [int(text) for text in said if text.isascii() and text.isdigit() and len(text) < 3]
    return (
        len(said) >= 3
        and len(numbers) >= len(said) - 1
        and numbers[0] == 1
        and all(
            after - before in (0, 1) for before, after in zip(numbers, numbers[1:], strict=False)
        )
        and numbers[-1] >= len(numbers) - 1
        and numbers[-1] > 2
    )


def _is_words(cell: Cell) -> bool:
    return isinstance(cell, str) and any(char.isalpha() for char in cell)


def _joined(row: Sequence[Cell]) -> str:
    said = (cell.isoformat() if isinstance(cell, date) else text_of(cell) for cell in row)
    return " ".join(text for text in said if text)
