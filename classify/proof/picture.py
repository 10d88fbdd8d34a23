"""A PDF's pages as pictures, for the page that shows a document beside what was read.

In: octets of a PDF. Out: per page a PNG (8-bit RGB, by zlib, so that no picture library is needed)
and the page's size in points, in which the rows' places are said. Standard: PNG (RFC 2083).

Limits: 20 pages, 1 400 pixels on the longer side; what cannot be drawn gives no picture.
"""

import struct
import zlib
from dataclasses import dataclass

import pypdfium2 as pdfium  # type: ignore[import-untyped]

_MOST_PAGES = 20
_LONGEST_SIDE = 1400


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One page, drawn."""

    png: bytes
    width: float  # of the page, in points
    height: float


def pictures_of(content: bytes) -> list[Picture]:
    """The pages of a PDF; none when it cannot be opened or drawn."""
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError:
        return []
    try:
        return [_picture(document[place]) for place in range(min(len(document), _MOST_PAGES))]
    except pdfium.PdfiumError:
        return []
    finally:
        document.close()


def _picture(page: pdfium.PdfPage) -> Picture:
    width, height = page.get_width(), page.get_height()
    scale = _LONGEST_SIDE / max(width, height, 1)
    bitmap = page.render(scale=scale, rev_byteorder=True, force_bitmap_format=2)
    octets, stride = bytes(bitmap.buffer), bitmap.stride
    rows = (octets[row * stride : row * stride + bitmap.width * 3] for row in range(bitmap.height))
    made = png(bitmap.width, bitmap.height, b"".join(b"\0" + row for row in rows))
    bitmap.close()
    page.close()
    return Picture(png=made, width=width, height=height)


def png(width: int, height: int, filtered: bytes) -> bytes:
    """A PNG of RGB rows, each with its filter octet in front."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(filtered, 6)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)
