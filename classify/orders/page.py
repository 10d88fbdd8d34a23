"""The words of a PDF and where they stand, through pdfium.

In: octets of a PDF. Out: `Page`s of `Row`s of `Chunk`s, top to bottom, left to right: a chunk is a
run of words without a wide gap or a ruling line between, a row all chunks on one line. Positions
are in points from the page's left and top.

Limits: 50 pages, 20 000 characters each; text that stands upright or slanted is read like any
other, and text drawn as curves or as a picture is not there at all.
"""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium_c  # type: ignore[import-untyped]

from .hostile import Unreadable
from .rulings import Rulings, rulings_of

_MOST_PAGES = 50
_MOST_CHARACTERS = 20_000
_WORD_GAP = 0.22  # of the character height: a wider gap parts words
_CHUNK_GAP = 0.62  # a wider gap parts cells
_STRUCK = 0.7  # of a word's width that a line runs through


@dataclass(frozen=True, slots=True)
class Word:
    """A run of characters without a gap."""

    left: float
    right: float
    text: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Words that stand together."""

    left: float
    right: float
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words, one space between."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class Row:
    """All chunks on one line."""

    top: float
    height: float
    chunks: tuple[Chunk, ...]

    @property
    def middle(self) -> float:
        """How far from the top its middle is."""
        return self.top + self.height / 2

    @property
    def text(self) -> str:
        """The chunks, two spaces between."""
        return "  ".join(chunk.text for chunk in self.chunks)

    def is_struck(self, rulings: Rulings) -> bool:
        """True when a line is drawn through some of its words."""
        return any(
            min(right, word.right) - max(left, word.left) > _STRUCK * (word.right - word.left)
            for left, right in rulings.through(self.top, self.height)
            for chunk in self.chunks
            for word in chunk.words
        )


@dataclass(frozen=True, slots=True)
class Page:
    """One page's rows."""

    number: int  # from one
    rows: tuple[Row, ...]
    rulings: Rulings = Rulings()


@dataclass(slots=True)
class _Glyph:
    char: str
    left: float
    right: float
    top: float
    bottom: float
    spaced: bool  # a space stands before it in the text


def pages_of(content: bytes) -> list[Page]:
    """The pages of a PDF. Raises Unreadable: "encrypted" or "broken"."""
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        encrypted = (
            "assword" in str(error) or pdfium_c.FPDF_GetLastError() == pdfium_c.FPDF_ERR_PASSWORD
        )
        raise Unreadable("encrypted" if encrypted else "broken") from error
    try:
        return [_page(document, place) for place in range(min(len(document), _MOST_PAGES))]
    except pdfium.PdfiumError as error:
        raise Unreadable("broken") from error
    finally:
        document.close()


def _page(document: pdfium.PdfDocument, place: int) -> Page:
    page = document[place]
    text = page.get_textpage()
    try:
        height = page.get_height()
        glyphs = list(_characters(text.raw, height))
        rulings = rulings_of(page.raw, height)
        return Page(number=place + 1, rows=tuple(_rows(glyphs, rulings)), rulings=rulings)
    finally:
        text.close()
        page.close()


def _characters(text: object, height: float) -> Iterator[_Glyph]:
    """Every visible character with its loose box (the font's height, not the glyph's)."""
    box = pdfium_c.FS_RECTF()
    pointer = ctypes.byref(box)
    count = min(pdfium_c.FPDFText_CountChars(text), _MOST_CHARACTERS)
    spaced = False
    for index in range(count):
        code = pdfium_c.FPDFText_GetUnicode(text, index)
        if code <= 32 or code == 0xA0:
            spaced = True
            continue
        if code in (0xFFFE, 0xFFFF, 0xAD) or 0xD800 <= code < 0xE000:
            continue
        if not pdfium_c.FPDFText_GetLooseCharBox(text, index, pointer):
            continue
        if box.right > box.left and box.top > box.bottom:
            yield _Glyph(
                chr(code), box.left, box.right, height - box.top, height - box.bottom, spaced
            )
        spaced = False


def _rows(glyphs: list[_Glyph], rulings: Rulings) -> Iterator[Row]:
    """Characters whose middles lie on one line make a row."""
    ordered = sorted(glyphs, key=lambda one: (one.top + one.bottom) / 2)
    line: list[_Glyph] = []
    middle = 0.0
    for glyph in ordered:
        at = (glyph.top + glyph.bottom) / 2
        if line and at - middle > 0.35 * min(
            glyph.bottom - glyph.top, line[0].bottom - line[0].top
        ):
            yield _row(line, rulings)
            line = []
        if not line:
            middle = at
        line.append(glyph)
    if line:
        yield _row(line, rulings)


def _row(line: list[_Glyph], rulings: Rulings) -> Row:
    line = sorted(line, key=lambda one: one.left)
    heights = sorted(one.bottom - one.top for one in line)
    height = heights[len(heights) // 2]
    words: list[Word] = []
    begin = 0
    for index in range(1, len(line) + 1):
        if index < len(line) and not _parts(line[index - 1], line[index], height):
            continue
        part = _undoubled(line[begin:index])
        words.append(Word(part[0].left, part[-1].right, "".join(one.char for one in part)))
        begin = index
    top = min(one.top for one in line)
    walls = rulings.walls(top + height / 2) if rulings.upright else []
    return Row(top, height, tuple(_chunks(words, height, walls)))


def _parts(before: _Glyph, glyph: _Glyph, height: float) -> bool:
    """True when a new word begins: a gap, or a space of the text that is not drawn over."""
    gap = glyph.left - before.right
    return gap > _WORD_GAP * height or (glyph.spaced and gap > -0.1 * height)


def _undoubled(part: list[_Glyph]) -> list[_Glyph]:
    """Bold made by printing twice, a hair apart, read once."""
    kept = part[:1]
    for glyph in part[1:]:
        last = kept[-1]
        if glyph.char == last.char and glyph.left - last.left < 0.3 * (last.right - last.left):
            continue
        kept.append(glyph)
    return kept


def _chunks(words: list[Word], height: float, walls: list[float]) -> Iterator[Chunk]:
    begin = 0
    for index in range(1, len(words) + 1):
        if index < len(words):
            left, right = words[index - 1].right, words[index].left
            walled = any(left - 0.5 <= wall <= right + 0.5 for wall in walls)
            if right - left <= _CHUNK_GAP * height and not walled:
                continue
        part = tuple(words[begin:index])
        yield Chunk(part[0].left, part[-1].right, part)
        begin = index
