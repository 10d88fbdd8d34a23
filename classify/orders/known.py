"""One document by all means: a template that fits, else the reader for its content, else OCR.

In: file name, octets, language, day, `Means`. Out: a `Reading`. Raises Unreadable when nothing
reads it. What OCR read is never sure: letters may be wrong that look right.
"""

import datetime
from collections.abc import Sequence
from dataclasses import replace

from .document import Sort, placed, read_document, sort_of
from .hostile import Unreadable
from .means import Means
from .page import Page
from .pdf import read_pages
from .reading import Reading
from .shown import Part, parts_of_document
from .taught import read_by

_RECOGNISED = 0.7  # highest confidence of a line that OCR read
_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*")


def read_known(
    filename: str,
    content: bytes,
    language: str = "",
    written: datetime.date | None = None,
    means: Means = Means(),  # noqa: B008  frozen
    charset: str = "",
) -> Reading:
    """What a document says of an order. Raises Unreadable when we cannot read it."""
    taught, problems = by_template(
        parts_of_document(filename, content, charset) if means.templates else (), written, means
    )
    if taught is not None:
        return replace(placed(taught, filename, language, written), source=filename)
    try:
        reading = read_document(filename, content, language, written, charset)
    except Unreadable as error:
        if means.ocr is None or not _is_picture(content, error):
            raise
        reading = _recognised(filename, means.ocr(content), language, written)
    return replace(reading, problems=(*reading.problems, *problems))


def by_template(
    parts: Sequence[Part], written: datetime.date | None, means: Means
) -> tuple[Reading | None, tuple[str, ...]]:
    """(the reading of the first template that finds lines, problems of those that should have)."""
    problems: list[str] = []
    for template in means.templates if parts else ():
        reading = read_by(template, parts, written)
        if reading is None:
            continue
        if reading.lines:
            return reading, ()
        if template.keywords:
            problems += reading.problems
    return None, tuple(problems)


def is_picture(content: bytes) -> bool:
    """True for a PNG, JPEG or TIFF."""
    return content.startswith(_PICTURES)


def _is_picture(content: bytes, error: Unreadable) -> bool:
    scanned = error.reason == "scanned" and sort_of(content) is Sort.PDF
    return scanned or is_picture(content)


def _recognised(
    filename: str, pages: list[Page], language: str, written: datetime.date | None
) -> Reading:
    reading = placed(read_pages(filename, pages, language), filename, language, written)
    lines = tuple(
        replace(line, confidence=min(line.confidence, _RECOGNISED)) for line in reading.lines
    )
    return replace(
        reading, lines=lines, problems=(*reading.problems, "read-by-ocr"), source=filename
    )
