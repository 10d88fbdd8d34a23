"""winmail.dat: what Outlook packs into application/ms-tnef.

In: the decoded octets. Out: `Tnef`: body and files, each with its name. Standards: MS-OXTNEF,
MS-OXPROPS. A message attached inside is TNEF again; it is opened with an explicit depth.

Limits: reading stops at the first broken length and keeps what came before; OLE objects are
handed out as they are; checksums are not verified (Outlook itself writes wrong ones).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import charsets, rtf

_SIGNATURE = 0x223E9F78
_NESTED = bytes.fromhex("0703020000000000c000000000000046")  # IID_IMessage: TNEF follows
_DEPTH = 5
_FILES = 500
_ATTRIBUTES = 5_000
_PROPERTIES = 20_000
_VALUES = 100_000  # of properties that have several, in the whole stream
_BODY_LIMIT = 8_388_608  # octets of body, unpacked

# Attributes (MS-OXTNEF 2.1.3.2)
_BODY = 0x800C
_ATTACH_DATA = 0x800F
_ATTACH_TITLE = 0x8010
_ATTACH_START = 0x9002
_MESSAGE_PROPERTIES = 0x9003
_ATTACH_PROPERTIES = 0x9005
_CODE_PAGE = 0x9007

# Properties (MS-OXPROPS)
_P_BODY = 0x1000
_P_RTF = 0x1009
_P_HTML = 0x1013
_P_DATA = 0x3701
_P_FILENAME = 0x3704
_P_LONG_FILENAME = 0x3707
_P_MIME = 0x370E
_P_DISPLAY_NAME = 0x3001
_P_CONTENT_ID = 0x3712

_FIXED = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 4, 20: 8, 64: 8, 72: 16}
_VARIABLE = frozenset({13, 30, 31, 258})


class TnefError(ValueError):
    """The octets are no TNEF."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One attached file."""

    name: str
    type: str = ""  # media type when Outlook knew it, else empty
    content_id: str = ""
    data: bytes = field(repr=False)
    inside_message: bool = False  # of a message attached inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Tnef:
    """The contents of one winmail.dat."""

    text: str = ""
    html: str = ""
    rtf: bytes = field(default=b"", repr=False)  # unpacked; the source of text or html, if any
    files: tuple[File, ...] = ()
    broken: bool = False  # cut short; what was readable is here


def read_tnef(octets: bytes) -> Tnef:
    """Opens winmail.dat; raises TnefError when it is nothing of the kind."""
    if len(octets) < 6 or struct.unpack_from("<I", octets)[0] != _SIGNATURE:
        raise TnefError("no TNEF signature")
    reader = _Reader()
    reader.read(octets, 0)
    return reader.result()


@dataclass(slots=True)
class _Attached:
    title: str = ""
    long_name: str = ""
    display_name: str = ""
    type: str = ""
    content_id: str = ""
    data: bytes | None = None
    nested: bytes | None = None


class _Reader:
    """Collects the contents of one TNEF stream and those nested in it."""

    def __init__(self) -> None:
        self._charset = "cp1252"
        self._text = ""
        self._html = ""
        self._rtf = b""
        self._files: list[File] = []
        self._broken = False
        self._attributes_left = _ATTRIBUTES
        self._properties = _PROPERTIES
        self._values_left = _VALUES

    def result(self) -> Tnef:
        text, html = self._text, self._html
        if self._rtf and not html and not text:
            written, is_html = rtf.to_text(self._rtf)
            text, html = ("", written) if is_html else (written, "")
        return Tnef(
            text=text,
            html=html,
            rtf=self._rtf,
            files=tuple(self._files),
            broken=self._broken,
        )

    def read(self, octets: bytes, depth: int) -> None:
        """One stream; messages attached to it are read after it."""
        attached: list[_Attached] = []
        for level, attribute, content in self._attributes(octets):
            if attribute == _CODE_PAGE and len(content) >= 4:
                page = struct.unpack_from("<I", content)[0]
                self._charset = "utf-8" if page == 65001 else f"cp{page}"
            elif level == 1:
                if depth == 0:
                    self._message(attribute, content)
            elif attribute == _ATTACH_START:
                attached.append(_Attached())
            elif level == 2 and attached:
                self._attachment(attached[-1], attribute, content)
        for one in attached:
            if one.nested is not None and depth < _DEPTH:
                self.read(one.nested, depth + 1)
            elif one.data is not None and len(self._files) < _FILES:
                self._files.append(
                    File(
                        name=one.long_name
                        or one.title
                        or one.display_name
                        or "Untitled Attachment",
                        type=one.type.lower(),
                        content_id=one.content_id,
                        data=one.data,
                        inside_message=depth > 0,
                    )
                )

    def _attributes(self, octets: bytes) -> Iterator[tuple[int, int, bytes]]:
        position = 6
        while position + 9 <= len(octets):
            level, attribute, _, length = struct.unpack_from("<BHHI", octets, position)
            position += 9
            self._attributes_left -= 1
            if level not in (1, 2) or position + length > len(octets) or self._attributes_left < 0:
                self._broken = True
                return
            yield level, attribute, octets[position : position + length]
            position += length + 2

    def _message(self, attribute: int, content: bytes) -> None:
        if attribute == _BODY:
            self._text = self._string(content)
        elif attribute == _MESSAGE_PROPERTIES:
            for identity, kind, value in self._mapi(content):
                match identity:
                    case 0x1000 if not self._text:
                        self._text = self._typed_string(kind, value)
                    case 0x1013:
                        self._html = self._html_body(kind, value)
                    case 0x1009:
                        self._rtf = rtf.decompress(value, _BODY_LIMIT)
                    case _:
                        pass

    def _html_body(self, kind: int, value: bytes) -> str:
        if kind == 31:
            return self._typed_string(kind, value)
        return charsets.decode(value.rstrip(b"\0"), self._charset)[0]

    def _attachment(self, one: _Attached, attribute: int, content: bytes) -> None:
        if attribute == _ATTACH_TITLE:
            one.title = self._string(content)
        elif attribute == _ATTACH_DATA:
            one.data = content
        elif attribute == _ATTACH_PROPERTIES:
            for identity, kind, value in self._mapi(content):
                self._attachment_property(one, identity, kind, value)

    def _attachment_property(self, one: _Attached, identity: int, kind: int, value: bytes) -> None:
        if identity == _P_DATA:
            if kind == 13 and value[:16] == _NESTED:
                one.nested = value[16:]
            elif kind == 13:
                one.data = value[16:]
            elif one.data is None or not one.data:
                one.data = value
            return
        if identity not in (_P_LONG_FILENAME, _P_FILENAME, _P_MIME, _P_DISPLAY_NAME, _P_CONTENT_ID):
            return
        text = self._typed_string(kind, value)
        match identity:
            case 0x3707:
                one.long_name = text
            case 0x3704:
                one.title = one.title or text
            case 0x370E:
                one.type = text
            case 0x3712:
                one.content_id = text
            case _:
                one.display_name = text

    def _mapi(self, content: bytes) -> Iterator[tuple[int, int, bytes]]:
        """The properties of a MAPI block: identity, type, first value."""
        try:
            (count,) = struct.unpack_from("<I", content)
            position = 4
            for _ in range(count):
                self._properties -= 1
                if self._properties < 0:
                    self._broken = True
                    return
                kind, identity = struct.unpack_from("<HH", content, position)
                position += 4
                if identity >= 0x8000:
                    position = _skip_name(content, position)
                multiple = bool(kind & 0x1000)
                kind &= 0x0FFF
                value, position = self._values(content, position, kind, multiple)
                yield identity, kind, value
        except (struct.error, TnefError):
            self._broken = True

    def _values(
        self, content: bytes, position: int, kind: int, multiple: bool
    ) -> tuple[bytes, int]:
        """The first value of a property and where the next property starts."""
        if kind in _FIXED:
            size = _FIXED[kind]
            count = 1
            if multiple:
                (count,) = struct.unpack_from("<I", content, position)
                position += 4
            first = content[position : position + size]
            position += size * count
        elif kind in _VARIABLE:
            (count,) = struct.unpack_from("<I", content, position)
            position += 4
            self._values_left -= count
            if self._values_left < 0:
                raise TnefError("too many values")
            first = b""
            for index in range(count):
                (length,) = struct.unpack_from("<I", content, position)
                position += 4
                if index == 0:
                    first = content[position : position + length]
                position += _padded(length)
        else:
            raise TnefError("unknown property type")
        if position > len(content) + 3:
            raise TnefError("value runs over the end")
        return first, position

    def _string(self, content: bytes) -> str:
        return charsets.decode(content.split(b"\0", 1)[0], self._charset)[0]

    def _typed_string(self, kind: int, value: bytes) -> str:
        if kind == 31:
            return value.decode("utf-16-le", "replace").partition("\0")[0]
        return self._string(value)


def _skip_name(content: bytes, position: int) -> int:
    """A named property's GUID and name (MS-OXTNEF 2.1.3.5)."""
    (kind,) = struct.unpack_from("<I", content, position + 16)
    position += 20
    if kind == 0:
        return position + 4
    (length,) = struct.unpack_from("<I", content, position)
    return position + 4 + _padded(length)


def _padded(length: int) -> int:
    return length + (-length % 4)
