"""S/MIME opaque signing: the message inside application/pkcs7-mime.

In: the decoded octets of the part. Out: the signed MIME entity, or "encrypted", or "smime-broken".
Standards: RFC 8551 3.5.2, RFC 5652 5.1 (SignedData, EncapsulatedContentInfo), X.690 (DER, and BER
with indefinite lengths and constructed strings, which old clients write). Signatures are not
verified here.

Limits: nesting of 32, 50,000 elements.
"""

from dataclasses import dataclass

_SIGNED = bytes.fromhex("2a864886f70d010702")  # 1.2.840.113549.1.7.2
_OBJECT_IDENTIFIER = 0x06
_SEQUENCE = 0x10
_DEPTH = 32
_ELEMENTS = 50_000  # of one part; a chunk of an honest sender has a thousand octets


class _Broken(ValueError):
    """The octets are no BER."""


@dataclass(frozen=True, slots=True)
class _Element:
    tag: int
    constructed: bool
    start: int  # of the content
    end: int  # behind the content
    next: int  # behind the element, end-of-contents included


def unwrap(octets: bytes) -> tuple[bytes, str]:
    """The entity that was signed, and "" or a token when there is none to read."""
    try:
        return _Reader(octets).signed_content()
    except (_Broken, IndexError):
        return b"", "smime-broken"


class _Reader:
    """Elements of one BER value, as many as allowed."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._left = _ELEMENTS

    def signed_content(self) -> tuple[bytes, str]:
        info = self._children(self._element(0, len(self._octets), 0))
        if len(info) < 2 or self._octets[info[0].start : info[0].end] != _SIGNED:
            return b"", "encrypted"  # enveloped, authenticated-enveloped, compressed ...
        for signed in self._children(info[1])[:1]:
            for element in self._children(signed):
                if element.tag == _SEQUENCE and element.constructed:
                    inner = self._children(element)
                    if len(inner) > 1 and inner[0].tag == _OBJECT_IDENTIFIER:
                        content = self._children(inner[1])
                        return b"".join(self._pieces(content[0])) if content else b"", ""
        return b"", "smime-broken"

    def _pieces(self, element: _Element) -> list[bytes]:
        """The octets of a string, whose pieces may be strings again."""
        pieces: list[bytes] = []
        waiting = [(element, 0)]
        while waiting:
            one, depth = waiting.pop()
            if not one.constructed:
                pieces.append(self._octets[one.start : one.end])
            elif depth < _DEPTH:
                waiting.extend((child, depth + 1) for child in reversed(self._children(one)))
            else:
                raise _Broken
        return pieces

    def _children(self, parent: _Element) -> list[_Element]:
        found = []
        position = parent.start
        while position < parent.end:
            element = self._element(position, parent.end, 1)
            found.append(element)
            position = element.next
        return found

    def _element(self, start: int, limit: int, depth: int) -> _Element:
        octets = self._octets
        self._left -= 1
        tag = octets[start]
        length = octets[start + 1]
        content = start + 2
        if tag & 0x1F == 0x1F or depth > _DEPTH or not self._left:
            raise _Broken
        constructed = bool(tag & 0x20)
        if length == 0x80:
            if not constructed:
                raise _Broken
            end = self._end_of_contents(content, limit, depth)
            return _Element(tag & 0x1F, constructed, content, end, end + 2)
        if length & 0x80:
            size = length & 0x7F
            if size > 6:
                raise _Broken
            length = int.from_bytes(octets[content : content + size], "big")
            content += size
        if content + length > limit:
            raise _Broken
        return _Element(tag & 0x1F, constructed, content, content + length, content + length)

    def _end_of_contents(self, start: int, limit: int, depth: int) -> int:
        """Where an element of indefinite length ends (X.690 8.1.3.6): at two zero octets."""
        position = start
        while self._octets[position : position + 2] != b"\0\0":
            position = self._element(position, limit, depth + 1).next
            if position >= limit:
                raise _Broken
        return position
