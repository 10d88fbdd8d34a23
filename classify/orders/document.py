"""A document, told by its content and never by its name -> the reader for it.

In: file name (a label), octets, the language to expect. Out: a `Reading`, its kind and
surroundings filled in. Standard signatures: %PDF, PK (OOXML, ODF), D0CF11E0 (OLE2), UNA/UNB, DBF,
XML, HTML; what is left and is text is tried as a delimited table and then as prose.

Limits: images, archives and old Word files are not read: that is said, not hidden.
"""

import datetime
import re
from dataclasses import replace
from enum import Enum
from itertools import groupby

from postroom.order import OrderKind, OrderLine
from postroom.reading.charsets import decode
from postroom.reading.language import detect

from .audit import beside, noted
from .body import read_body
from .buyer import buyer_of_document, seller_of_document
from .dbf import looks_like_dbf, read_dbf
from .delimited import read_delimited
from .docx import read_docx
from .edifact import read_edifact
from .heading import surroundings
from .hostile import Unreadable, check_container, check_size
from .htmlgrids import is_struck
from .htmltable import read_html
from .kind import is_other_paper, kind_of_document
from .pdf import read_pdf
from .phrases import IN_PACKAGES, IS_COPY, ONLY_IF, PATTERN_ONLY, PRICE_LIST
from .reading import Reading
from .spreadsheet import read_spreadsheet
from .xmlorder import read_xml

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WORKBOOK_STREAMS = tuple(name.encode("utf-16-le") for name in ("Workbook", "Book"))
_LOCKED_STREAM = "EncryptedPackage".encode("utf-16-le")
_MOST_NOTE = 300  # letters of a row beside a table; what is longer are terms
_TERMS_ROWS, _TERMS_ROW = 4, 60  # rows of so many letters one after another: terms as well
_OF_ALL = (
    (PATTERN_ONLY, "order-draft"),
    (IS_COPY, "order-repeated"),
    (IN_PACKAGES, "quantity-scaled"),
    (ONLY_IF, "conditional"),
)
_HTML = re.compile(rb"<(?:!doctype html|html|table|head|body|meta)\b", re.IGNORECASE)


def read_document(
    filename: str,
    content: bytes,
    language: str = "",
    written: datetime.date | None = None,
    charset: str = "",
) -> Reading:
    """What a document says of an order. Raises Unreadable when we cannot read it."""
    check_size(content)
    if not content:
        raise Unreadable("empty")
    reading = _by_content(filename, content, language, charset)
    return replace(placed(reading, filename, language, written), source=filename)


class Sort(Enum):
    """What a document is, told by its content."""

    PDF = "pdf"
    CONTAINER = "container"  # zip: OOXML or ODF
    WORKBOOK = "workbook"  # OLE2 with a workbook in it, or the bare stream of old Excel
    EDIFACT = "edifact"
    DBF = "dbf"
    HTML = "html"
    XML = "xml"
    TEXT = "text"
    UNKNOWN = "unknown"


def sort_of(content: bytes) -> Sort:
    """The sort of a document by its first octets; its name is not asked."""
    head = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if b"%PDF-" in content[:1024]:
        return Sort.PDF
    if content.startswith(b"PK\x03\x04"):
        return Sort.CONTAINER
    if content.startswith(_OLE):
        known = any(name in content for name in (*_WORKBOOK_STREAMS, _LOCKED_STREAM))
        return Sort.WORKBOOK if known else Sort.UNKNOWN
    if head.startswith((b"UNA", b"UNB+")):
        return Sort.EDIFACT
    if looks_like_dbf(content):
        return Sort.DBF
    if head[:1] == b"<" or content[:4] in (b"\xff\xfe<\x00", b"\xfe\xff\x00<"):
        html = _HTML.match(head) or (_HTML.search(content[:2000]) and not head.startswith(b"<?xml"))
        return Sort.HTML if html else Sort.XML
    if _is_binary(content):
        old = content[:2] in (b"\x09\x08", b"\x09\x04", b"\x09\x02", b"\x09\x00")
        return Sort.WORKBOOK if old else Sort.UNKNOWN
    return Sort.UNKNOWN if content.startswith(b"{\\rtf") else Sort.TEXT


def _by_content(filename: str, content: bytes, language: str, charset: str) -> Reading:
    match sort_of(content):
        case Sort.PDF:
            return read_pdf(filename, content, language)
        case Sort.CONTAINER:
            return _container(filename, content, language)
        case Sort.WORKBOOK:
            return read_spreadsheet(filename, content, language)
        case Sort.EDIFACT:
            return read_edifact(filename, content)
        case Sort.DBF:
            return read_dbf(filename, content)
        case Sort.HTML:
            return _html(filename, decode(content, charset)[0], language)
        case Sort.XML:
            reading = read_xml(filename, content)
            if reading is None:
                raise Unreadable("unknown-format")
            return reading
        case Sort.TEXT:
            return _text(filename, content, language, charset)
        case _:
            raise Unreadable("unknown-format")


def _html(filename: str, html: str, language: str) -> Reading:
    reading = read_html(html, filename, language)
    if not (reading.lines and is_struck(html)):
        return reading
    return replace(reading, problems=(*reading.problems, "rows-struck"))


def _text(filename: str, content: bytes, language: str, charset: str) -> Reading:
    table = read_delimited(filename, content, language, charset)
    if table is not None and table.lines:
        return table
    return replace(read_body(decode(content, charset)[0], language, filename), strength=1)


def _container(filename: str, content: bytes, language: str) -> Reading:
    names = check_container(content)
    if "word/document.xml" in names:
        return read_docx(filename, content, language)
    if any(name.startswith("xl/workbook") for name in names) or "content.xml" in names:
        return read_spreadsheet(filename, content, language)
    raise Unreadable("unknown-format")


def _is_binary(content: bytes) -> bool:
    sample = content[:4096]
    if sample[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return False
    return sample.count(0) > len(sample) // 3 or (
        0 in sample and sample[1::2].count(0) < len(sample) // 4
    )


def placed(
    reading: Reading, filename: str, language: str, written: datetime.date | None
) -> Reading:
    """The reading with kind, number, dates and buyer taken from the text around its lines."""
    if reading.strength >= 3 and not reading.source.startswith("template "):
        return reading
    title = "\n".join(reading.around[:60])
    kind = reading.kind or kind_of_document(title, filename)
    if "change" in reading.problems and kind is not OrderKind.INVOICE:
        kind = OrderKind.ORDER_CHANGE  # its columns say what was ordered and what is now
    elif kind is None and PRICE_LIST.search(title) and not any(map(_counts, reading.lines)):
        kind = OrderKind.NONE
    language = language or detect("\n".join(reading.around[:200]))
    said = surroundings(reading.around, kind or OrderKind.ORDER, language, written)
    problems: tuple[str, ...] = ()
    if kind is OrderKind.INVOICE:
        party = seller_of_document(reading.around)
    else:
        party, problems = buyer_of_document(reading.around)
    if kind is OrderKind.ORDER_CHANGE:
        problems = (*problems, "change")
    elif kind is OrderKind.NONE and is_other_paper(title, filename):
        problems = (*problems, "not-an-order")
    elif kind is not OrderKind.INVOICE:
        if reading.strength == 2 and reading.number and said.number not in ("", reading.number):
            problems = (*problems, "several-orders")
        problems = (*problems, *noted(reading.around, reading.lines))
        if reading.strength >= 2:  # else its text was looked at while it was read
            notes = _notes(reading.around)
            said_of_all = (problem for phrase, problem in _OF_ALL if phrase.search(notes))
            problems = (*problems, *beside(notes), *said_of_all)
    return replace(
        reading,
        kind=kind,
        number=reading.number or said.number,
        date=reading.date or said.date,
        due_date=reading.due_date or said.due_date,
        total=reading.total if reading.total is not None else said.total,
        currency=reading.currency or said.currency,
        delivery=reading.delivery
        if reading.delivery.address or reading.delivery.date
        else said.delivery,
        buyer=reading.buyer if reading.buyer.name else party,
        problems=(*reading.problems, *problems),
    )


def _counts(line: OrderLine) -> bool:
    return line.quantity is not None


def _notes(around: tuple[str, ...]) -> str:
    """The rows beside a document's table, without what stands in paragraphs: terms of business."""
    notes: list[str] = []
    for long, rows in groupby(around, lambda row: len(row) >= _TERMS_ROW):
        together = list(rows)
        if not long or len(together) < _TERMS_ROWS:
            notes += [row for row in together if len(row) <= _MOST_NOTE]
    return "\n".join(notes)
