"""What an aggregate report comes in: XML as it is, in gzip, or in a zip archive.

In: the octets of an attachment or a file. Out: the XML documents in them. What it is, the octets
say, not their name or type. Everything is unpacked under a limit of octets for all together, so
that a bomb costs no more than that. Standards: RFC 1952 (gzip), RFC 9990 3.5.2; zip is what many
reporters have always sent.

Limits: one container inside another (gzip in zip); no encrypted archives.
"""

import io
import re
import struct
import zipfile
import zlib

from postroom.failure import PermanentFailure

MOST_OCTETS = 20_000_000  # of XML, unpacked; a report of 100,000 rows has about 60 MB at worst
_MOST_FILES = 20  # of an archive
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_XML = re.compile(rb"\A(?:\xef\xbb\xbf)?\s{0,200}<(?:\?xml|!--|(?:[\w.-]{1,40}:)?feedback[\s/>])")
_WIDE = (b"\xff\xfe<\x00", b"\xfe\xff\x00<")  # UTF-16 with its mark
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError),
    *(OSError, ValueError, LookupError, struct.error),
)


def is_container(content: bytes) -> bool:
    """Whether it may hold a report."""
    return content.startswith((_GZIP, _ZIP, *_WIDE)) or bool(_XML.match(content[:300]))


def documents(content: bytes, *, most: int = MOST_OCTETS) -> list[bytes]:
    """The XML documents in a container; empty when there are none.

    Raises PermanentFailure report-too-large or report-unreadable.
    """
    found: list[bytes] = []
    left = most
    waiting = [(content, 0)]
    while waiting:
        octets, depth = waiting.pop()
        if octets.startswith((_GZIP, _ZIP)) and depth < 2:
            unpacked = _unpacked(octets, left)
            left -= sum(map(len, unpacked))
            waiting += [(inner, depth + 1) for inner in reversed(unpacked)]
        elif len(octets) <= most and is_container(octets):
            found.append(octets)
    return found


def _unpacked(octets: bytes, left: int) -> list[bytes]:
    try:
        return [_gunzipped(octets, left)] if octets.startswith(_GZIP) else _files(octets, left)
    except _BROKEN as error:
        raise PermanentFailure("report-unreadable", error) from error


def _gunzipped(octets: bytes, left: int) -> bytes:
    """All members of a gzip file; what stands behind the last one is ignored."""
    pieces: list[bytes] = []
    while octets.startswith(_GZIP):
        unpacker = zlib.decompressobj(31)
        pieces.append(unpacker.decompress(octets, left + 1))
        left -= len(pieces[-1])
        if left < 0:
            raise PermanentFailure("report-too-large")
        if not unpacker.eof:
            raise EOFError("gzip ends early")
        octets = unpacker.unused_data
    return b"".join(pieces)


def _files(octets: bytes, left: int) -> list[bytes]:
    found: list[bytes] = []
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        for entry in archive.infolist()[:_MOST_FILES]:
            if entry.filename.endswith("/"):
                continue
            with archive.open(entry) as file:
                found.append(file.read(left + 1))
            left -= len(found[-1])
            if left < 0:
                raise PermanentFailure("report-too-large")
    return found
