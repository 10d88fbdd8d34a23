"""PDF documents -> order lines: XML embedded in them first, then tables by the words' positions.

In: octets of a PDF. Out: a `Reading`: strength 3 from embedded XML (Factur-X, ZUGFeRD, Order-X),
else 2 from a table with a heading, else 1 from its text. No pictures are looked at: a PDF without
text raises Unreadable("scanned"), which asks for a person.

Limits: see page.py and pdftable.py.
"""

from dataclasses import replace
from decimal import Decimal

import pypdfium2 as pdfium  # type: ignore[import-untyped]

from postroom.order import OrderLine
from postroom.reading.language import detect

from .body import read_body
from .hostile import Unreadable
from .lines import numbered
from .page import Page, pages_of
from .pdftable import Found, grids_of
from .reading import Reading
from .table import Table, number_of, read_table
from .xmlorder import read_xml

_MOST_EMBEDDED = 10
_MOST_XML = 10 * 1024 * 1024
_SURE = 0.9


def read_pdf(filename: str, content: bytes, language: str = "") -> Reading:
    """The order in a PDF. Raises Unreadable: "encrypted", "broken" or "scanned"."""
    structured = _embedded(filename, content)
    pages = pages_of(content)
    if structured is None:
        return read_pages(filename, pages, language)
    try:
        shown = read_pages(filename, pages, language)
    except Unreadable:
        return structured
    return _compared(structured, shown)


def _compared(structured: Reading, shown: Reading) -> Reading:
    """The embedded XML's lines; what the page surely shows otherwise is a problem."""
    quantities = {line.quantity for line in structured.lines}
    sure = [line for line in shown.lines if line.confidence >= _SURE]
    if sure and any(line.quantity not in quantities for line in sure):
        problems = (*structured.problems, "page-differs-from-xml")
        return replace(structured, problems=problems, around=shown.around)
    return replace(structured, around=shown.around)


def read_pages(filename: str, pages: list[Page], language: str = "") -> Reading:
    """The order the pages show. Raises Unreadable("scanned") when they show no text."""
    rows = [row for page in pages for row in page.rows]
    if sum(len(row.text) for row in rows) < 20:
        raise Unreadable("scanned")
    text = "\n".join(row.text for row in rows)
    language = language or detect(text)
    found = grids_of(pages, filename, language)
    tables = [table for grid in found.grids if (table := read_table(grid)).lines]
    if tables:
        return _from_tables(tables, found, filename)
    spoken = read_body("\n".join(row.text.replace("  ", "\t") for row in rows), language, filename)
    return Reading(
        lines=numbered(line for line in spoken.lines if _is_plain(line)),
        totals=spoken.totals,
        currency=spoken.currency,
        around=tuple(row.text for row in rows),
        problems=spoken.problems,
        strength=1,
        source=filename,
    )


def _is_plain(line: OrderLine) -> bool:
    """True for a line of a page without table that is worth showing: counted or proved."""
    proved = line.unit_price is not None and line.total is not None
    return not line.problems and bool(line.unit_code or proved)


def _from_tables(tables: list[Table], found: Found, filename: str) -> Reading:
    lines = [line for table in tables for line in table.lines]
    number, several = number_of(tables)
    return Reading(
        lines=tuple(lines),
        number=number,
        totals=tuple(total for table in tables for total in table.totals),
        charges=sum((table.charges for table in tables), Decimal(0)),
        currency=next((table.currency for table in tables if table.currency), ""),
        around=(*found.around, *(text for table in tables for text in table.around)),
        problems=tuple(
            dict.fromkeys(
                [
                    *(one for table in tables for one in table.problems),
                    *several,
                    *found.problems,
                ]
            )
        ),
        strength=2,
        source=filename,
    )


def _embedded(filename: str, content: bytes) -> Reading | None:
    """The reading of the first embedded XML that is an order or invoice."""
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError:
        return None  # pages_of says why
    try:
        for place in range(min(document.count_attachments(), _MOST_EMBEDDED)):
            octets = bytes(document.get_attachment(place).get_data())
            if not octets or len(octets) > _MOST_XML or b"<" not in octets[:200]:
                continue
            try:
                reading = read_xml(filename, octets)
            except Unreadable:
                continue
            if reading is not None and reading.lines:
                return reading
    except pdfium.PdfiumError:
        return None
    finally:
        document.close()
    return None
