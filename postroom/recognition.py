"""OCR of scans by tesseract, off unless configured.

In: the octets of a PDF without text, or of a picture. Out: `Page`s of words with their places, the
same shape that a PDF's own text has, so that the same readers take them. Each page is drawn by
pdfium, and tesseract reads it as a subprocess without a shell and with a limit on its CPU time; it
gets the picture on standard input and writes words and boxes (TSV) on standard output.

Limits: `orders.ocr_pages` pages; words that tesseract itself gives less than 30 of 100 are left
out.
"""

import csv
import io
import resource
import subprocess
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
import pypdfium2 as pdfium  # type: ignore[import-untyped]
from numpy.typing import NDArray

from .classify.orders.hostile import Unreadable
from .classify.orders.page import Chunk, Page, Row, Word
from .config import OrdersSection

_SCALE = 200 / 72  # 200 dots per inch
_MOST_SIDE = 4000  # pixels
_LEAST_SURE = 30.0
_WALL = 4  # times the CPU limit, for a busy machine
_DARK, _RULE = 160, 70  # gray of a rule, and its least length in pixels
_CHUNK_GAP = 1.6  # of the row's height: a wider gap parts cells


def recognised(content: bytes, section: OrdersSection) -> list[Page]:
    """The words on a scan. Raises Unreadable("scanned") when tesseract cannot be asked."""
    return [
        Page(number=number, rows=tuple(_rows(_words(picture, section))))
        for number, picture in enumerate(_pictures(content, section.ocr_pages), start=1)
    ]


def _pictures(content: bytes, most: int) -> Iterator[bytes]:
    if b"%PDF-" not in content[:1024]:
        yield content
        return
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        raise Unreadable("broken") from error
    try:
        for place in range(min(len(document), most)):
            page: Any = document[place]
            scale = min(_SCALE, _MOST_SIDE / max(page.get_width(), page.get_height(), 1))
            bitmap = page.render(scale=scale, grayscale=True)
            yield _pgm(bitmap)
            bitmap.close()
            page.close()
    except pdfium.PdfiumError as error:
        raise Unreadable("broken") from error
    finally:
        document.close()


def _pgm(bitmap: pdfium.PdfBitmap) -> bytes:
    """The bitmap as a portable graymap, which tesseract reads and nobody need encode."""
    octets = np.frombuffer(bytes(bitmap.buffer), np.uint8)
    gray = octets.reshape(bitmap.height, bitmap.stride)[:, : bitmap.width].copy()
    dark = gray < _DARK
    # A table's rules: tesseract takes cells for pictures and leaves them out.
    gray[_runs(dark, _RULE) | _runs(dark.T, _RULE).T] = 255
    return b"P5\n%d %d\n255\n" % (gray.shape[1], gray.shape[0]) + gray.tobytes()


def _runs(dark: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Where a row is dark without a gap for `length` pixels or more."""
    if dark.shape[1] <= length:
        return np.zeros_like(dark)
    sums = np.cumsum(np.pad(dark, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
    starts = (sums[:, length:] - sums[:, :-length]) == length
    ends = np.cumsum(np.pad(starts, ((0, 0), (length, length - 1))), axis=1, dtype=np.int32)
    return (ends[:, length:] - ends[:, :-length]) > 0


def _words(picture: bytes, section: OrdersSection) -> list[dict[str, str]]:
    seconds = max(1, round(section.ocr_timeout))

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    command = [
        *(str(section.ocr_command), "stdin", "stdout", "-l", section.ocr_languages),
        *("--psm", "6", "tsv"),
    ]
    try:
        run = subprocess.run(
            command, input=picture, capture_output=True, check=True, preexec_fn=limited,
            timeout=_WALL * seconds, env={"OMP_THREAD_LIMIT": "1", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise Unreadable("scanned") from error
    table = io.StringIO(run.stdout.decode("utf-8", "replace"))
    return list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))


def _rows(words: list[dict[str, str]]) -> Iterator[Row]:
    """tesseract's lines as rows of chunks, in points of the drawn page."""
    kept = [one for one in words if (one.get("text") or "").strip() and _sure(one)]
    for _, line in groupby(
        kept, key=lambda one: (one["block_num"], one["par_num"], one["line_num"])
    ):
        found = list(line)
        top = min(int(one["top"]) for one in found) / _SCALE
        height = max(int(one["height"]) for one in found) / _SCALE
        yield Row(top=top, height=height, chunks=tuple(_chunks(found, height)))


def _chunks(line: list[dict[str, str]], height: float) -> Iterator[Chunk]:
    held: list[Word] = []
    for one in line:
        left = int(one["left"]) / _SCALE
        word = Word(left=left, right=left + int(one["width"]) / _SCALE, text=one["text"])
        if held and word.left - held[-1].right > _CHUNK_GAP * height:
            yield Chunk(left=held[0].left, right=held[-1].right, words=tuple(held))
            held = []
        held.append(word)
    if held:
        yield Chunk(left=held[0].left, right=held[-1].right, words=tuple(held))


def _sure(word: dict[str, str]) -> bool:
    try:
        return float(word.get("conf") or -1) >= _LEAST_SURE
    except ValueError:
        return False
