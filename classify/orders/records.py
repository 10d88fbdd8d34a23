"""Lines written as records: "Material: ...", "Quantity: 12 EA", "Price: 84.00", one field a line.

In: the lines of a text. Out: `Records`: a table with a row for every record. A new record begins
where a field comes again, or with a heading like "Item 10". Labels are those of table columns.

Limits: a record needs a product and a quantity field; one field a line only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .cells import Cell
from .table import Grid, Table, read_table
from .words import Role, heading, sums_up

_FIELD = re.compile(
    r"^\s*[-•*]?\s*(?P<label>[^\W\d][^:\t=]{1,30}?)\s*[:=]\s*(?P<value>\S.{0,200})$"
)
_PARTS = re.compile(
    r"(?i)\W*(?:line|item|pos\.?|position|artikel|product|позиция|поз\.?|товар)\s?"
    r"(?:№|#|nr\.?|no\.?)?\s?\d{1,4}\W*"
)
# "Purchase order: 60011874", "Supplier code: 4471": of the whole order, not of a line.
_NO_FIELD = re.compile(
    r"(?i)(?:(?:purchase|our|your) order|order (?:no|number|ref)\w*"
    r"|(?:supplier|vendor|account|customer|budget|cost|project|lieferanten|kunden)[ -]?(?:code"
    r"|id|no|nr|number|nummer)|код (?:поставщика|клиента|покупателя))\W*$"
)
_USED = frozenset(
    {Role.SKU, Role.GTIN, Role.DESCRIPTION, Role.DETAIL, Role.QUANTITY, Role.ORDERED, Role.UNIT,
     Role.PRICE, Role.PRICE_GROSS, Role.TOTAL, Role.TOTAL_GROSS}
)  # fmt: skip
_PRODUCT = frozenset({Role.SKU, Role.GTIN, Role.DESCRIPTION})
_COUNTED = frozenset({Role.QUANTITY, Role.ORDERED})
_COLUMNS = {
    Role.SKU: "SKU", Role.GTIN: "EAN", Role.DESCRIPTION: "Description", Role.DETAIL: "Size",
    Role.QUANTITY: "Qty", Role.ORDERED: "Qty", Role.UNIT: "Unit", Role.PRICE: "Price",
    Role.PRICE_GROSS: "Price", Role.TOTAL: "Total", Role.TOTAL_GROSS: "Total",
}  # fmt: skip
_ORDER = ("SKU", "EAN", "Description", "Size", "Qty", "Unit", "Price", "Total")


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Records found in a text."""

    table: Table
    start: int
    places: tuple[int, ...]  # the lines they fill


@dataclass(slots=True)
class _Record:
    place: int
    fields: dict[str, str]


def records_at(lines: list[str], taken: set[int], language: str, source: str) -> Iterator[Records]:
    """The records of a text, as one table; none when no record is whole."""
    records: list[_Record] = []
    places: list[int] = []
    ends = _totals_apart(lines)
    parted = False  # "Line 2" was read since the last field
    for place, line in enumerate(lines):
        parted = parted or bool(_PARTS.fullmatch(line[:40]))
        match = None if place in taken or place in ends else _FIELD.match(line[:300])
        found = heading(match["label"]) if match else None
        if (
            match is None
            or found is None
            or found.role not in _USED
            or not _is_label(match["label"])
        ):
            continue
        column = _COLUMNS[found.role]
        again = not records or column in records[-1].fields or place - places[-1] > 4
        if parted or again:
            records.append(_Record(place, {}))
            parted = False
        records[-1].fields[column] = match["value"].strip()
        places.append(place)
    whole = [record for record in records if _is_whole(record)]
    if not whole:
        return
    rows: list[list[Cell]] = [list(_ORDER)]
    rows += [_row(record.fields) for record in whole]
    numbers = [1, *(record.place + 1 for record in whole)]
    table = read_table(Grid(rows=rows, source=source, language=language, numbers=numbers))
    if table.lines:
        yield Records(table=table, start=whole[0].place, places=tuple(places))


def _totals_apart(lines: list[str]) -> set[int]:
    """Totals that stand behind a blank line, and so belong to no record."""
    return {
        place
        for place, line in enumerate(lines)
        if place and not lines[place - 1].strip() and sums_up(line.partition(":")[0])
    }


def _is_whole(record: _Record) -> bool:
    return "Qty" in record.fields and bool({"SKU", "EAN", "Description"} & set(record.fields))


def _is_label(text: str) -> bool:
    """A label is a word or three; "Artikel 8817 Lampe, Menge" is a line of its own."""
    return (
        len(text.split()) <= 3
        and "," not in text
        and not any(char.isdigit() for char in text)
        and not _NO_FIELD.match(text)
    )


def _row(fields: dict[str, str]) -> list[Cell]:
    """The fields in order; a code and a name in one field ("100-4471 Hose") parted."""
    row = dict(fields)
    if "Description" in row and "SKU" not in row:
        match = re.match(
            r"(?P<code>(?=\S*\d)[\w./-]{5,20})\s+(?P<name>[^\W\d_].*)", row["Description"]
        )
        if match:
            row["SKU"], row["Description"] = match["code"], match["name"]
    elif "SKU" in row and "Description" not in row:
        match = re.match(r"(?P<code>[\w./-]{3,20})\s+(?P<name>[^\W\d_].*)", row["SKU"])
        if match:
            row["SKU"], row["Description"] = match["code"], match["name"]
    return [row.get(column, "") for column in _ORDER]
