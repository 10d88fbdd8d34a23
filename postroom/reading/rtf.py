"""Rich text of Outlook: decompressed, and turned into text or the HTML it was made from.

In: RTF octets, or the compressed form TNEF carries. Out: text, or HTML where the RTF encapsulates
it. Standards: MS-OXRTFCP (compression), MS-OXRTFEX (encapsulated HTML), RTF 1.9.1 as far as text
needs it.

Limits: tables become tabs and line ends; code page by \\ansicpg only; sizes, tokens and
groups are capped.
"""

import re
import struct
from itertools import islice

from . import charsets

_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern "
    b"\\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0"
    b"\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_COMPRESSED = 0x75465A4C  # "LZFu"
_UNCOMPRESSED = 0x414C454D  # "MELA"
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z'])|([{}])|[\r\n]+|"
    rb"([^\\{}\r\n]+)|\\"
)
_TOKENS = 300_000  # read of one document
_DEPTH = 1_000  # of groups
_SKIPPED = frozenset(
    b"fonttbl colortbl stylesheet info pict object header footer headerl headerr headerf footerl "
    b"footerr footerf footnote generator listtable listoverridetable rsidtbl themedata datastore "
    b"colorschememapping latentstyles xmlnstbl mmathpr fldinst bkmkstart bkmkend".split()
)
_TEXT = {
    b"par": "\n",
    b"line": "\n",
    b"sect": "\n",
    b"page": "\n",
    b"row": "\n",
    b"tab": "\t",
    b"cell": "\t",
    b"emdash": "—",
    b"endash": "–",
    b"lquote": "‘",
    b"rquote": "’",
    b"ldblquote": "“",
    b"rdblquote": "”",
    b"bullet": "•",
    b"emspace": " ",
    b"enspace": " ",
}


def decompress(octets: bytes, limit: int) -> bytes:
    """RTF out of PidTagRtfCompressed; empty when it is broken or larger than the limit."""
    if len(octets) < 16:
        return b""
    _, size, magic = struct.unpack_from("<III", octets)
    if size > limit:
        return b""
    if magic == _UNCOMPRESSED:
        return octets[16 : 16 + size]
    if magic != _COMPRESSED:
        return b""
    return _unpack(octets, size)


def _unpack(octets: bytes, size: int) -> bytes:
    window = bytearray(4096)
    window[: len(_DICTIONARY)] = _DICTIONARY
    write = len(_DICTIONARY)
    result = bytearray()
    position = 16
    length = len(octets)
    while position < length and len(result) < size:
        flags = octets[position]
        position += 1
        for bit in range(8):
            if flags >> bit & 1:
                if position + 1 >= length:
                    return bytes(result)
                token = octets[position] << 8 | octets[position + 1]
                position += 2
                offset = token >> 4
                if offset == write:
                    return bytes(result)
                for step in range((token & 15) + 2):
                    letter = window[(offset + step) & 4095]
                    result.append(letter)
                    window[write] = letter
                    write = (write + 1) & 4095
            else:
                if position >= length:
                    return bytes(result)
                letter = octets[position]
                position += 1
                result.append(letter)
                window[write] = letter
                write = (write + 1) & 4095
    return bytes(result[:size])


def to_text(octets: bytes) -> tuple[str, bool]:
    """The text of an RTF document, and whether that text is HTML."""
    if not octets.lstrip()[:5] == b"{\\rtf":
        return "", False
    reader = _Reader(b"\\fromhtml" in octets[:2_000])
    reader.feed(octets)
    return reader.text, reader.is_html


class _Reader:
    """One pass over the tokens; a stack of groups without recursion."""

    def __init__(self, is_html: bool) -> None:
        self.is_html = is_html
        self._pieces: list[str] = []
        self._octets = bytearray()  # 8-bit characters waiting for their charset
        self._charset = "cp1252"
        self._groups: list[tuple[bool, bool]] = []  # (skipped, inside an htmltag) outside
        self._skipped = False
        self._tag = False
        self._hidden = False  # \htmlrtf: rendering only
        self._star = False
        self._fallback = 1  # characters behind \u that repeat it for old readers
        self._ignore = 0

    @property
    def text(self) -> str:
        """What was read so far."""
        self._flush()
        return "".join(self._pieces)

    def feed(self, octets: bytes) -> None:
        """Reads a whole document."""
        for found in islice(_TOKEN.finditer(octets), _TOKENS):
            word, number, hexadecimal, symbol, brace, plain = found.groups()
            if plain is not None:
                self._plain(plain)
            elif word is not None:
                self._word(word.lower(), int(number) if number else None)
            elif hexadecimal is not None:
                self._plain(bytes.fromhex(hexadecimal.decode("ascii")))
            elif brace == b"{" and len(self._groups) < _DEPTH:
                self._groups.append((self._skipped, self._tag))
                self._star = False
            elif brace == b"}" and self._groups:
                self._skipped, self._tag = self._groups.pop()
            elif symbol is not None:
                self._symbol(symbol)

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self._star = True
        elif symbol in b"\\{}":
            self._plain(symbol)
        elif symbol == b"~":
            self._plain(b" ")

    def _word(self, word: bytes, number: int | None) -> None:
        if self._star:
            self._star = False
            if word == b"htmltag" and self.is_html:
                self._tag = True
            else:
                self._skipped = True
            return
        if word in _SKIPPED:
            self._skipped = True
        elif word == b"htmlrtf":
            self._hidden = number != 0
        elif word == b"ansicpg" and number:
            self._charset = f"cp{number}"
        elif word == b"uc":
            self._fallback = min(number or 0, 10)
        elif word == b"u" and number is not None:
            self._show(chr(number & 0xFFFF) if not 0xD800 <= number & 0xFFFF < 0xE000 else "\ufffd")
            self._ignore = self._fallback
        elif word in _TEXT and not (self.is_html and not self._tag and word in (b"par", b"line")):
            self._show(_TEXT[word])
        elif word in (b"par", b"line"):
            self._show("\n")

    def _plain(self, octets: bytes) -> None:
        if self._ignore:
            dropped = min(self._ignore, len(octets))
            self._ignore -= dropped
            octets = octets[dropped:]
        if octets and not self._skipped and not (self._hidden and self.is_html and not self._tag):
            self._octets += octets

    def _show(self, text: str) -> None:
        if self._skipped or (self._hidden and self.is_html and not self._tag):
            return
        self._flush()
        self._pieces.append(text)

    def _flush(self) -> None:
        if self._octets:
            self._pieces.append(charsets.decode(bytes(self._octets), self._charset)[0])
            self._octets.clear()
