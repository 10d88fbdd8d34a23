"""What a person sees of a document or a message, row by row, each row under the name by which the
order lines point at it ("zayavka.xlsx:Лист1!A5", "body:12").

In: a message, or a document's name and octets. Out: `Part`s: a text, a sheet, a page. Templates
(taught.py) read them, and the page that shows the source beside the lines (classify/proof) draws
them. What cannot be opened gives a part that says why.

Limits: those of the readers; of a structured document its text is shown, not its meaning.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from postroom.message import Message
from postroom.reading.charsets import decode

from .cells import text_of
from .dbf import grid_of_dbf, looks_like_dbf
from .delimited import grid_of_text
from .document import Sort, sort_of
from .docx import parts_of_docx
from .hostile import MOST_LINES, Unreadable, check_container
from .htmltable import grids_of_html
from .page import Page, pages_of
from .spreadsheet import sheets_of
from .table import Grid

_LONGEST = 2000  # characters of one line
_XML_LINE = re.compile(
    r"<(?:\w+:)?(?P<name>OrderLine|InvoiceLine|CreditNoteLine|LineItem|Товар|СведТов|ItemOut"
    r"|IncludedSupplyChainTradeLineItem)\b"
)
_ENCODING = re.compile(rb"encoding=[\"']([\w-]{1,30})")
_SEGMENT_ENDS = re.compile(r"(?<!\?)'\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRow:
    """One row of a part."""

    cells: tuple[str, ...]
    sources: tuple[str, ...] = ()  # names by which an order line may point at it
    top: float = 0.0  # of a PDF's row: points from the page's top
    height: float = 0.0
    left: float = 0.0
    right: float = 0.0

    @property
    def text(self) -> str:
        """The cells, a tab between."""
        return "\t".join(self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A text, a sheet, or a page."""

    title: str
    rows: tuple[ShownRow, ...]
    sort: str = "text"  # text, table, page
    document: str = ""  # file it is of; "body" for a message's own text
    page: int = 0  # of a PDF, from one
    problem: str = ""  # why there is nothing to see


def parts_of_message(message: Message) -> tuple[Part, ...]:
    """The message's own text, its HTML tables, its quoted text, its attachments."""
    parts = [_text("body", message.new_text, "body")]
    if "<table" in message.html.lower():
        parts += _grids("body", ((f"HTML {n}", one) for n, one in _html(message.html, "body")))
    if message.quoted_text.strip():
        parts.append(_text("quoted", message.quoted_text, "quoted"))
    for attachment in message.attachments:
        if not attachment.type.startswith("message/"):
            name = attachment.filename or "attachment"
            parts += parts_of_document(name, attachment.data, attachment.charset)
    return tuple(parts)


def parts_of_document(filename: str, content: bytes, charset: str = "") -> tuple[Part, ...]:
    """What a document shows; one part with a problem where it cannot be opened."""
    try:
        parts = tuple(_parts(filename, content, charset))
    except Unreadable as error:
        return (Part(title=filename, rows=(), document=filename, problem=error.reason),)
    return parts or (Part(title=filename, rows=(), document=filename, problem="empty"),)


def _parts(filename: str, content: bytes, charset: str) -> Iterator[Part]:
    match sort_of(content):
        case Sort.PDF:
            yield from _pages(filename, pages_of(content))
        case Sort.CONTAINER if "word/document.xml" in check_container(content):
            paragraphs, grids = parts_of_docx(filename, content)
            yield _text(filename, "\n".join(paragraphs), filename)
            yield from _grids(filename, ((filename, one) for one in grids))
        case Sort.CONTAINER | Sort.WORKBOOK:
            yield from _grids(filename, sheets_of(filename, content))
        case Sort.EDIFACT:
            yield _edifact(filename, decode(content)[0])
        case Sort.DBF if looks_like_dbf(content):
            yield from _grids(filename, [(filename, grid_of_dbf(filename, content))])
        case Sort.HTML:
            yield from _grids(filename, _html(decode(content, charset)[0], filename))
        case Sort.XML:
            declared = _ENCODING.search(content[:200])
            said = declared[1].decode("ascii", "replace") if declared else ""
            yield _xml(filename, decode(content, said)[0])
        case Sort.TEXT:
            grid = grid_of_text(filename, content, charset=charset)
            if grid is not None:
                yield from _grids(filename, [(filename, grid)])
            else:
                yield _text(filename, decode(content, charset)[0], filename)
        case _:
            raise Unreadable("unknown-format")


def _text(title: str, text: str, source: str) -> Part:
    lines = text.split("\n")[:MOST_LINES]
    return Part(
        title=title,
        document=source,
        rows=tuple(
            ShownRow(cells=(line[:_LONGEST],), sources=(f"{source}:{place}",))
            for place, line in enumerate(lines, start=1)
        ),
    )


def _html(html: str, source: str) -> Iterator[tuple[str, Grid]]:
    return zip(map(str, count(1)), grids_of_html(html, source), strict=False)


def _grids(
    document: str, grids: "Iterator[tuple[str, Grid]] | list[tuple[str, Grid]]"
) -> list[Part]:
    return [
        Part(
            title=title,
            sort="table",
            document=document,
            rows=tuple(
                ShownRow(
                    cells=tuple(text_of(cell)[:_LONGEST] for cell in row),
                    sources=(grid.place(place),),
                )
                for place, row in enumerate(grid.rows[:MOST_LINES])
            ),
        )
        for title, grid in grids
    ]


def _pages(filename: str, pages: list[Page]) -> Iterator[Part]:
    """A PDF's pages; a row is named by page and place in tables, by its line in plain text."""
    line = count(1)
    for page in pages:
        yield Part(
            title=filename,
            sort="page",
            document=filename,
            page=page.number,
            rows=tuple(
                ShownRow(
                    cells=tuple(chunk.text for chunk in row.chunks),
                    sources=(
                        f"{filename}:page.line {page.number * 1000 + place}",
                        f"{filename}:{next(line)}",
                    ),
                    top=row.top,
                    height=row.height,
                    left=row.chunks[0].left if row.chunks else 0.0,
                    right=row.chunks[-1].right if row.chunks else 0.0,
                )
                for place, row in enumerate(page.rows, start=1)
            ),
        )


def _xml(filename: str, text: str) -> Part:
    """The text, an element per line; the element that holds an order line is named for it."""
    lines = re.sub(r">\s*<", ">\n<", text).split("\n")[:MOST_LINES]
    rows: list[ShownRow] = []
    found = 0
    for line in lines:
        match = _XML_LINE.search(line)
        sources: tuple[str, ...] = ()
        if match:
            found += 1
            number = re.search(r'(?:lineNumber|НомСтр)="(\w+)"', line)
            place = number[1] if number else str(found)
            name = match["name"] if match["name"] in ("Товар", "СведТов") else "line"
            sources = (f"{filename}:{name} {place}",)
        rows.append(ShownRow(cells=(line[:_LONGEST],), sources=sources))
    return Part(title=filename, document=filename, rows=tuple(rows))


def _edifact(filename: str, text: str) -> Part:
    """A segment per line."""
    rows = []
    for segment in _SEGMENT_ENDS.split(text[:2_000_000])[:MOST_LINES]:
        number = re.match(r"LIN\+(\w+)", segment)
        sources = (f"{filename}:LIN {number[1]}",) if number else ()
        rows.append(ShownRow(cells=(segment.strip()[:_LONGEST],), sources=sources))
    return Part(title=filename, document=filename, rows=tuple(rows))
