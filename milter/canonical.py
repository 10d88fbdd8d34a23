"""A message as signatures see it: canonical headers and body, in time linear in its size.

In: the raw message; bare LF is read as CRLF, as Postfix does. Out: the octets to hash for a
list of header names, and body digests, each computed once however many signatures ask. Plain
`bytes` operations only: no regular expression runs over a hostile body.
Standards: RFC 6376 3.4 and 5.4.2, RFC 8617 4.1.1.
"""

import hashlib
from collections.abc import Sequence

from postroom.reading.fields import split

_CRLF = b"\r\n"


class CanonicalMessage:
    """One message, split once; plain values, so that it can go to a worker process."""

    def __init__(self, raw: bytes) -> None:
        self.size = len(raw)  # octets
        self.fields, self._body = split(_crlf(raw))
        self._by_name: dict[bytes, list[int]] = {}
        for index, field in enumerate(self.fields):
            if field.name:
                self._by_name.setdefault(field.key, []).append(index)
        self._relaxed_fields: dict[int, bytes] = {}
        self._bodies: dict[str, bytes] = {}
        self._digests: dict[tuple[str, int | None], bytes] = {}

    def named(self, name: bytes) -> list[int]:
        """The indices of the fields of that (lower case) name, from the top."""
        return self._by_name.get(name, [])

    def header_octets(self, names: Sequence[bytes], own: int, canonicalization: str) -> bytes:
        """What a signature at field index `own` covers of the header (RFC 6376 3.7).

        A name listed more often than it occurs stands for nothing; the signature's own field
        comes last, without its b= and without a line end.
        """
        left: dict[bytes, list[int]] = {}
        pieces: list[bytes] = []
        for name in names:
            if name not in left:
                # RFC 6376 3.7: the signature's own field is never among the listed ones.
                left[name] = [index for index in self.named(name) if index != own]
            if left[name]:
                # RFC 6376 5.4.2: repeated fields are signed from the last one up.
                pieces.append(self.field_octets(left[name].pop(), canonicalization))
        pieces.append(self.unsigned_octets(own, canonicalization))
        return b"".join(pieces)

    def field_octets(self, index: int, canonicalization: str) -> bytes:
        """One field with its line end."""
        if canonicalization == "simple":
            field = self.fields[index].raw
            return field if field.endswith(_CRLF) else field + _CRLF
        known = self._relaxed_fields.get(index)
        if known is None:
            known = _relaxed_field(self.fields[index].name, self.fields[index].value) + _CRLF
            self._relaxed_fields[index] = known
        return known

    def unsigned_octets(self, index: int, canonicalization: str) -> bytes:
        """A signature's own field with an empty b= and no line end (RFC 6376 3.7)."""
        field = self.fields[index]
        value = _without_signature(field.value)
        if canonicalization == "relaxed":
            return _relaxed_field(field.name, value)
        head = field.raw[: field.raw.index(b":") + 1]
        return head + value

    def body_length(self, canonicalization: str) -> int:
        """Octets of the canonical body, which l= counts (RFC 6376 3.5)."""
        return len(self._canonical_body(canonicalization))

    def body_digest(self, canonicalization: str, length: int | None) -> bytes:
        """SHA-256 of the canonical body, or of its first `length` octets."""
        key = (canonicalization, length)
        known = self._digests.get(key)
        if known is None:
            body = self._canonical_body(canonicalization)
            octets = body if length is None else memoryview(body)[:length]
            known = self._digests[key] = hashlib.sha256(octets).digest()
        return known

    def _canonical_body(self, canonicalization: str) -> bytes:
        known = self._bodies.get(canonicalization)
        if known is None:
            make = relaxed_body if canonicalization == "relaxed" else simple_body
            known = self._bodies[canonicalization] = make(self._body)
        return known


def simple_body(body: bytes) -> bytes:
    """RFC 6376 3.4.3: empty lines at the end become one line end."""
    return _without_empty_lines(body) or _CRLF


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376 3.4.4: white space runs become one space, none before a line end."""
    if b"\t" in body:
        body = body.replace(b"\t", b" ")
    while b"  " in body:  # each pass halves the longest run
        body = body.replace(b"  ", b" ")
    body = body.replace(b" \r\n", _CRLF).removesuffix(b" ")
    kept = _without_empty_lines(body)
    return kept if kept != _CRLF else b""


def _without_empty_lines(body: bytes) -> bytes:
    """The body ending in exactly one CRLF; empty when it has nothing but line ends."""
    text = body.rstrip(_CRLF)
    tail = body[len(text) :]
    # A bare CR in the tail is text; only the CRLF pairs behind the last one are line ends.
    bare = tail.rfind(b"\r\r") if not tail.endswith(b"\r") else len(tail) - 1
    kept = text + tail[: bare + 1]
    return kept + _CRLF if kept else b""


def _relaxed_field(name: bytes, value: bytes) -> bytes:
    """RFC 6376 3.4.2."""
    value = value.replace(_CRLF, b"").replace(b"\t", b" ")
    while b"  " in value:
        value = value.replace(b"  ", b" ")
    return name.lower() + b":" + value.strip(b" ")


def _without_signature(value: bytes) -> bytes:
    tags = value.split(b";")
    for position, tag in enumerate(tags):
        name, equals, _ = tag.partition(b"=")
        if equals and name.strip(b" \t\r\n") == b"b":
            tags[position] = name + equals
            break
    return b";".join(tags)


def _crlf(raw: bytes) -> bytes:
    if b"\n" not in raw or raw.count(b"\n") == raw.count(_CRLF):
        return raw
    return raw.replace(_CRLF, b"\n").replace(b"\n", _CRLF)
