"""What a document may cost before it is opened: sizes, ratios, entries.

In: the document's octets. Out: nothing, or `Unreadable` with a short token. Zip containers (xlsx,
xlsb, ods, docx) are measured as declared and, because the declaration may lie, by inflating them
against a budget. XML is parsed without DTD, entities or network.

Limits: a document larger than 25 MB, a container of more than 2 000 entries or 200 MB inflated,
or an XML part nested deeper than 256 is not read.
"""

import io
import lzma
import struct
import zipfile
import zlib

from lxml import etree

MOST_OCTETS = 25 * 1024 * 1024
MOST_LINES = 5000  # of an order, and rows of a table; more of them is `too-many-lines`
_MOST_INFLATED = 200 * 1024 * 1024
_MOST_ENTRIES = 2000
_MOST_RATIO = 200  # of an entry larger than a megabyte
_CHUNK = 256 * 1024
# What zipfile says of a damaged or exotic container.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    KeyError,
    NotImplementedError,
    OSError,
    ValueError,
    EOFError,
    RuntimeError,
    struct.error,
)


class Unreadable(Exception):
    """A document we do not read, and the token that says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason  # "encrypted", "too-large", "bomb", "broken", "unknown-format"


def check_size(content: bytes) -> None:
    """Raise Unreadable for a document that is too large to look at."""
    if len(content) > MOST_OCTETS:
        raise Unreadable("too-large")


def check_container(content: bytes) -> frozenset[str]:
    """The entry names of a zip container that is safe to open; Unreadable otherwise."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as container:
            entries = container.infolist()
            if len(entries) > _MOST_ENTRIES:
                raise Unreadable("bomb")
            if any(entry.flag_bits & 1 for entry in entries):
                raise Unreadable("encrypted")
            if sum(entry.file_size for entry in entries) > _MOST_INFLATED:
                raise Unreadable("bomb")
            _inflate(container, entries)
            return frozenset(entry.filename for entry in entries)
    except _ZIP_ERRORS as error:
        raise Unreadable("broken") from error


def part_of(content: bytes, name: str, most: int) -> bytes:
    """One entry of a checked container, of at most `most` octets; Unreadable otherwise."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as container, container.open(name) as stream:
            part = stream.read(most + 1)
    except _ZIP_ERRORS as error:
        raise Unreadable("broken") from error
    if len(part) > most:
        raise Unreadable("too-large")
    return part


def _inflate(container: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    """Inflate what looks swollen, counting: a declared size may be a lie."""
    budget = _MOST_INFLATED
    for entry in entries:
        ratio = entry.file_size / max(1, entry.compress_size)
        if entry.file_size > 1024 * 1024 and ratio > _MOST_RATIO:
            raise Unreadable("bomb")
        if entry.compress_size < 4096 and entry.file_size < 1024 * 1024:
            continue  # zipfile itself stops at the declared size; this one cannot hurt
        with container.open(entry) as stream:
            while chunk := stream.read(_CHUNK):
                budget -= len(chunk)
                if budget < 0:
                    raise Unreadable("bomb")


def parse_xml(content: bytes) -> etree._Element:
    """The root of an XML document; Unreadable when it is broken or brings a DTD."""
    check_size(content)
    head = content[:4096]
    if b"<!DOCTYPE" in head and b"cXML" not in head:
        raise Unreadable("doctype")
    if b"<!ENTITY" in content:
        raise Unreadable("doctype")
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content.strip(b"\x00 \t\r\n"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable("broken") from error
    return root
