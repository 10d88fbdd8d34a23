"""What an attachment would unfold to, told without unfolding it.

In: the decoded octets of an attachment. Out: `Listing`: the names in an archive and the problems:
"encrypted", "expanded-limit", "pages-limit", "archive-broken". Zip (and what is zip inside: xlsx,
docx, ods), gzip and PDF are known by their first octets, whatever they call themselves. Standards:
APPNOTE 6.3.9 (zip), RFC 1952 (gzip), ISO 32000 7.7.3 (PDF page tree), MS-OFFCRYPTO 2.3.1.

Limits: sizes are those declared; a zip that lies is stopped by whoever unfolds it, in a worker.
7z and rar are not listed. A PDF's pages inside object streams are not counted.
"""

import re
import struct
from dataclasses import dataclass

from postroom.config import ReadingSection

from . import charsets

_END = b"PK\x05\x06"
_ENTRY = struct.Struct("<4s6H3I5H2I")
_MEMBERS_SHOWN = 1_000
_PAGES = re.compile(rb"/Type\s{0,9}/Pages?\b")
_COUNT = re.compile(rb"/Count\s{1,9}(\d{1,9})")
_PDF_ENCRYPTED = re.compile(rb"/Encrypt\s{1,9}\d{1,9}\s{1,9}\d{1,5}\s{1,9}R")
_OFFICE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is inside, as far as the outside tells."""

    members: tuple[str, ...] = ()  # names as listed, labels only
    problems: tuple[str, ...] = ()


_NOTHING = Listing()


def inspect(octets: bytes, limits: ReadingSection) -> Listing:
    """Looks at one attachment; never raises, never unfolds."""
    if octets.startswith((b"PK\x03\x04", _END)):
        return _zip(octets, limits)
    if octets.startswith(b"\x1f\x8b"):
        return _gzip(octets, limits)
    if octets.startswith(b"%PDF-"):
        return _pdf(octets, limits)
    if octets.startswith(b"\xd0\xcf\x11\xe0") and _OFFICE_ENCRYPTED in octets:
        return Listing(problems=("encrypted",))
    return _NOTHING


def _zip(octets: bytes, limits: ReadingSection) -> Listing:
    end = octets.rfind(_END, max(0, len(octets) - 65_557))
    if end < 0 or end + 22 > len(octets):
        return Listing(problems=("archive-broken",))
    count, size, offset = struct.unpack_from("<HII", octets, end + 10)
    position = end - size if offset + size != end and end >= size else offset
    members: list[str] = []
    packed = expanded = seen = 0
    problems: dict[str, None] = {}
    while seen < max(count, 1) and position + _ENTRY.size <= len(octets):
        entry = _ENTRY.unpack_from(octets, position)
        if entry[0] != b"PK\x01\x02":
            break
        flags, name_length, extra, comment = entry[3], entry[10], entry[11], entry[12]
        packed += entry[8]
        expanded += entry[9]
        if flags & 1:
            problems["encrypted"] = None
        if len(members) < _MEMBERS_SHOWN:
            name = octets[position + _ENTRY.size : position + _ENTRY.size + min(name_length, 1_020)]
            members.append(_name(name, bool(flags & 0x800)))
        position += _ENTRY.size + name_length + extra + comment
        seen += 1
    if seen < count:
        problems["archive-broken"] = None
    # Entries that share their data (packed sizes add up to more than there is) are a bomb too.
    if expanded > limits.max_expanded or packed > len(octets):
        problems["expanded-limit"] = None
    return Listing(members=tuple(members), problems=tuple(problems))


def _name(octets: bytes, is_utf8: bool) -> str:
    text = charsets.decode(octets, "utf-8" if is_utf8 else "", likely="cp866")[0]
    return "".join(letter if letter.isprintable() else " " for letter in text)[:255]


def _gzip(octets: bytes, limits: ReadingSection) -> Listing:
    if len(octets) < 18:
        return Listing(problems=("archive-broken",))
    members: tuple[str, ...] = ()
    if octets[3] & 8 and not octets[3] & 4:
        end = octets.find(b"\0", 10, 10 + 256)
        members = (_name(octets[10:end], False),) if end > 0 else ()
    (expanded,) = struct.unpack_from("<I", octets, len(octets) - 4)
    problem = ("expanded-limit",) if expanded > limits.max_expanded else ()
    return Listing(members=members, problems=problem)


def _pdf(octets: bytes, limits: ReadingSection) -> Listing:
    problems = []
    if _PDF_ENCRYPTED.search(octets):
        problems.append("encrypted")
    pages = len(_PAGES.findall(octets))
    declared = max((int(found) for found in _COUNT.findall(octets)[:1_000]), default=0)
    if max(pages, declared) > limits.max_pages:
        problems.append("pages-limit")
    return Listing(problems=tuple(problems))
