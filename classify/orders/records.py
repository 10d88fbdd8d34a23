"""Lines written as records: "Material: ...", "Quantity: 12 EA", "Price: 84.00", one field a line.

In: the lines of a text. Out: `Records`: a table with a row for every record. A new record begins
where a field comes again, or with a heading like "Item 10". Labels are those of table columns. A
line without a label between the fields, or between a gap and the first of them, is the name; how
many and at what price may stand on one line ("Quantity 60 each, unit price $31.25").

Limits: a record needs a product and a quantity field; a name takes one line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .cells import Cell
from .codes import codes_of
from .item import GROUPS_WITH, unbulleted
from .noise import is_noise
from .numbers import has_digit
from .phrases import ORDERS
from .table import Grid, Table, read_table
from .units import Sort, unit_behind
from .words import Role, heading, sums_up

_FIELD = re.compile(
    r"^\s*[-•*]?\s*(?P<label>[^\W\d][^:\t=]{1,30}?)\s*[:=]\s*(?P<value>\S.{0,200})$"
)
_PARTS = re.compile(
    r"(?i)\W*(?:(?:line|item|pos\.?|position|artikel|product|позиция|поз\.?|товар)\s?"
    r"(?:№|#|nr\.?|no\.?)?|№|#|nr\.?|no\.?)\s?\d{1,4}\W*|\s*0\d{1,5}\s*"
)
# "Quantity 60 each": a label without a colon.
_SAID = re.compile(
    r"(?i)\s*(?P<label>qty|quantity|menge|anzahl|кол-?во|количество"
    r"|(?:unit |net |einzel|netto|stück)?(?:price|preis)|цена(?: за ед\w*\.?)?)"
    r"[\s.:=]+(?P<value>(?:[€$£₽]|[A-Z]{3}\s)?\s?\d.{0,60})"
)
# Behind a price, and no part of it: that it is net, that it is of one.
_OF_PRICE = re.compile(
    r"(?i)(?<=[\w.€$£₽])[\s,;(/]*(?:netto|net|each|без ндс|exc?l?\.? (?:vat|tax)|ex\.? vat"
    r"|(?:zzgl\.?|zuzüglich) (?:mwst|ust)\.?"
    r"|(?:per|pro|je|за|/)\s?(?:pcs?|piece|unit|each|stück|stk|st|шт|ед)\.?)"
    r"[\s).]*$"
)
_NEXT_FIELD = re.compile(r"[,;]\s+(?=[^\W\d_])")
_CODE = re.compile(r"(?=\S*\d)[A-ZА-Я\d][A-ZА-Я\d./_-]{2,24}")
_LONGEST_NAME = 160  # characters
_GROUPED = re.compile(r"\d{1,3}(?P<mark>[.,])\d{3}(?!\d)")
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
    heads: list[int] = []  # such lines
    for place, line in enumerate(lines):
        if _PARTS.fullmatch(line[:40]):
            parted = True
            heads.append(place)
        fields = [] if place in taken or place in ends else _fields_of(line)
        for column, value in fields:
            again = not records or column in records[-1].fields or place - places[-1] > 4
            if parted or again:
                records.append(_Record(place, {}))
                parted = False
            records[-1].fields[column] = value
            places.append(place)
        if fields and (name := _name_above(lines, place, records[-1], taken, places)) is not None:
            places.append(name)
    whole = [record for record in records if _is_whole(record)]
    if not whole:
        return
    rows: list[list[Cell]] = [list(_ORDER)]
    rows += [_row(record.fields, language) for record in whole]
    numbers = [1, *(record.place + 1 for record in whole)]
    table = read_table(Grid(rows=rows, source=source, language=language, numbers=numbers))
    if table.lines:
        places += [place for place in heads if {place + 1, place + 2} & set(places)]
        yield Records(table=table, start=whole[0].place, places=tuple(places))


def _fields_of(line: str) -> list[tuple[str, str]]:
    """(column, value) of every field that a line says; none for a line of another kind."""
    said = (
        [_SAID.fullmatch(part) for part in _NEXT_FIELD.split(line[:300])] if has_digit(line) else []
    )
    if said and all(said):
        labelled = [(match["label"], match["value"]) for match in said if match]
    elif match := _FIELD.match(line[:300]):
        labelled = [(match["label"], match["value"])]
    else:
        return []
    found = [
        (heading(label), label, value)
        for label, whole in labelled
        for label, value in _with_code(label, whole)
    ]
    return [
        (_COLUMNS[one.role], value.strip())
        for one, label, value in found
        if one is not None and one.role in _USED and _is_label(label)
    ]


def _with_code(label: str, value: str) -> Iterator[tuple[str, str]]:
    """ "Menge: 250 Bogen   Art. 90-150": the code behind how many is a field of its own."""
    role = heading(label)
    rest, sku, _ = codes_of(value) if role and role.role in _COUNTED else (value, "", "")
    yield label, rest
    if sku:
        yield _COLUMNS[Role.SKU], sku


def _name_above(
    lines: list[str], place: int, record: _Record, taken: set[int], places: list[int]
) -> int | None:
    """Where the record's name stands, taken into it: the line above without a label, behind
    another field of the record or behind a gap."""
    above = place - 1
    name = lines[above].strip() if above >= 0 else ""
    code = record.fields.get("Description", "")
    if code and ("SKU" in record.fields or not _CODE.fullmatch(code)):
        return None
    behind = lines[above - 1] if above > 0 else ""
    inside = above - 1 in places and record.place < above
    counted = unbulleted(name)  # "2. Park bench": a new record
    own = counted != name and counted[:1].isalpha()
    first = record.place == place and (own or not behind.strip() or _PARTS.fullmatch(behind[:40]))
    if not name or above in taken or above in places or not (inside or first):
        return None
    if not _may_be_name(name):
        return None
    if code:
        record.fields["SKU"] = code
    record.fields["Description"] = counted
    return above


def _may_be_name(text: str) -> bool:
    return (
        len(text) <= _LONGEST_NAME
        and sum(char.isalpha() for char in text) > 2
        and text[-1] not in ":!?;"
        and not _PARTS.fullmatch(text[:40])
        and not _FIELD.match(text)
        and not is_noise(text)
        and not ORDERS.search(text)
        and not sums_up(text)
    )


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


def _row(fields: dict[str, str], language: str) -> list[Cell]:
    """The fields in order; a code and a name in one field ("100-4471 Hose") parted."""
    row = dict(fields)
    row["Qty"] = _counted(row["Qty"], language)
    if "Price" in row:
        row["Price"] = _OF_PRICE.sub("", _OF_PRICE.sub("", row["Price"]))
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


def _counted(value: str, language: str) -> str:
    """ "1.000 ST" in German as "1000 ST": nobody counts pieces in thousandths."""
    match = _GROUPED.match(value)
    unit = unit_behind(value, match.end()) if match else None
    if not match or unit is None or unit.unit.sort not in (Sort.COUNT, Sort.PACK):
        return value
    grouped = GROUPS_WITH.get(language) == match["mark"]
    return value.replace(match["mark"], "", 1) if grouped else value
