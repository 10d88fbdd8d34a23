"""The header section as fields of raw bytes, split once, in linear time.

In: a raw message with CRLF, LF or CR-only line ends, perhaps behind a byte-order mark. Out:
(name, value) pairs exactly as they stand, folding included, and the body. Everything that must
see the header byte for byte (DKIM, ARC, the strict From parser, the duplicate digest) starts
here; the decoded view is made by mime.py. Standard: RFC 5322 2.2, with the obsolete space
before the colon (4.5.8).

Limits: a line without a colon before the empty line does not end the header section; it is kept
as a field with an empty name so that nothing behind it (From included) turns into body.
"""

import re
from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"
# A bare CR ends a line only in a message that has no LF at all (old Macs). Beside LF it is
# hostile or broken, and taking it for a line end would let a sender hide a second From in a
# header that others read as one (RFC 5322 2.2: CR and LF only occur together).
_LF_END = re.compile(rb"(\r?\n)\r?\n")
_CR_END = re.compile(rb"(\r)\r")
_LF_LINE = re.compile(rb"[^\n]*\n|[^\n]+\Z")
_POSTMARK = re.compile(rb">?From ")
_BLANK_LINE = re.compile(rb"(?:^|[\r\n])[ \t]+(?:[\r\n]|\Z)")
_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]+")
_CR_LINE = re.compile(rb"[^\r]*\r|[^\r]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One header field as it stands."""

    name: bytes  # as written, without the space before the colon; empty for a line without colon
    value: bytes  # everything after the colon, folding kept, final line end removed
    raw: bytes  # name, colon, value and final line end

    @property
    def key(self) -> bytes:
        """The name in lower case."""
        return self.name.lower()


def split(raw: bytes) -> tuple[tuple[Field, ...], bytes]:
    """The fields and the body of a message; never raises."""
    start = len(_BOM) if raw.startswith(_BOM) else 0
    end_of_header, line = (_LF_END, _LF_LINE) if b"\n" in raw else (_CR_END, _CR_LINE)
    no_header = re.match(rb"\r?\n|\r", raw[start : start + 2])
    if no_header:
        return (), raw[start + no_header.end() :]
    end = end_of_header.search(raw, start)
    header, body = (raw[start : end.end(1)], raw[end.end() :]) if end else (raw[start:], b"")
    return _fields(line.findall(header)), body


def is_unclear(raw: bytes) -> bool:
    """True when what ends the header section may be missing, and text taken for header.

    Lines in it are no fields; or no empty line ends it, and there is a line of nothing but space
    or a name that RFC 5322 3.6.8 does not allow.
    """
    found, body = split(raw)
    # mbox(5): the postmark, perhaps quoted.
    fields = found[1:] if found and _POSTMARK.match(found[0].raw) else found
    if not any(_NAME.fullmatch(one.name) for one in fields):
        return False  # there is no header, and all of it is read as text
    if any(not one.name for one in fields):
        return True
    if body or raw.endswith((b"\n\n", b"\n\r\n", b"\r\r")):
        return False
    return any(_BLANK_LINE.search(one.raw) or not _NAME.fullmatch(one.name) for one in fields)


def _fields(lines: list[bytes]) -> tuple[Field, ...]:
    blocks: list[list[bytes]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and blocks:
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return tuple(_field(b"".join(block)) for block in blocks)


def _field(block: bytes) -> Field:
    name, colon, value = block.partition(b":")
    if not colon or b"\n" in name or b"\r" in name:
        return Field(name=b"", value=block.rstrip(b"\r\n"), raw=block)
    return Field(name=name.rstrip(b" \t"), value=value.rstrip(b"\r\n"), raw=block)


def unfold(value: bytes) -> bytes:
    """A field's value on one line: line ends removed, RFC 5322 2.2.3, and trimmed."""
    return re.sub(rb"[\r\n]+", b"", value).strip(b" \t")
