"""Header text: encoded words and raw 8-bit octets to one line of text.

In: a field's value as octets, folded or not. Out: text without line ends or control characters,
so that a decoded header can never smuggle another header into something we write. Standards:
RFC 2047, RFC 2231 section 5 (language), RFC 6532 (raw UTF-8). Neighbouring words of one charset
are joined before decoding, because senders split in mid-character.

Limits: words inside quoted strings are decoded too, against RFC 2047 5(3), as every mail reader
does. Linear in the length of the value.
"""

import binascii
import re

from . import charsets
from .transfer import base64_decode

_CONTROLS = dict.fromkeys([*range(0x20), 0x7F, *range(0x80, 0xA0), 0x2028, 0x2029], " ")
_BREAKS = b"\r\n"
_COMMENT_PIECE = re.compile(r"[()]|\\.|[^()\\]+|\\")
_WORD = re.compile(r"=\?([!-<>@-~]{1,64})\?([bBqQ])\?")
_RAW_WORD = re.compile(rb"=\?[!-<>@-~]{1,64}\?[qQ]\?([^?\s]{0,998})\?=")
_HIGH = re.compile(rb"[\x80-\xff]")


def plain(value: bytes, likely: str = "") -> tuple[str, str]:
    """Octets on one line as text, encoded words left as they are, and a charset token."""
    line = value.translate(None, _BREAKS).strip(b" \t")
    if not line.isascii() and b"=?" in line:
        line = _RAW_WORD.sub(_escaped_word, line)
    if line.isascii():
        return line.decode("ascii"), ""
    text, codec = charsets.guess(line, likely)
    return text, "" if codec == "utf-8" and "\ufffd" not in text else "charset-guessed"


def _escaped_word(found: re.Match[bytes]) -> bytes:
    """An encoded word with its raw 8-bit octets escaped, so that its own charset decodes them."""
    return _HIGH.sub(lambda octet: b"=%02X" % octet[0][0], found[0])


def decode(value: bytes, likely: str = "") -> tuple[str, str]:
    """A field's value as readable text, and a charset token."""
    line = value.translate(None, _BREAKS).strip(b" \t")
    if b"=?" in line:
        text, token = _decode_words(line.decode("latin-1"), likely)
    else:
        text, token = plain(line, likely)
    return clean(text), token


def clean(text: str) -> str:
    """Text on one line: control characters and line separators become spaces."""
    if text.isprintable():
        return text
    return text.translate(_CONTROLS)


def without_comments(text: str) -> str:
    """Text without its parenthesized comments, nested to any depth (RFC 5322 3.2.2)."""
    if "(" not in text:
        return text
    kept: list[str] = []
    depth = 0
    for piece in _COMMENT_PIECE.findall(text):
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(depth - 1, 0)
        elif not depth:
            kept.append(piece)
    return "".join(kept)


def decode_words(text: str) -> tuple[str, str]:
    """Text that is already decoded, with its encoded words decoded too, and a charset token."""
    return _decode_words(text.encode("utf-8", "replace").decode("latin-1"), "")


def _decode_words(line: str, likely: str) -> tuple[str, str]:
    """One line of octets, each as one character: encoded words and what stands between them."""
    decoder = _Words(likely)
    position = 0
    while (start := line.find("=?", position)) >= 0:
        opening = _WORD.match(line, start)
        end = line.find("?=", opening.end()) if opening else -1
        if opening is None:
            decoder.between(line[position : start + 2])
            position = start + 2
            continue
        if end < 0:
            break  # no word ends behind here
        decoder.between(line[position:start])
        octets = _octets(opening[2], line[opening.end() : end])
        decoder.word(opening[1].partition("*")[0].lower(), octets)
        position = end + 2
    decoder.between(line[position:])
    return decoder.finish()


class _Words:
    """Joins neighbouring encoded words of one charset before decoding them."""

    def __init__(self, likely: str) -> None:
        self._likely = likely
        self._pieces: list[str] = []
        self._token = ""
        self._octets: list[bytes] = []
        self._charset = ""
        self._between = ""

    def between(self, text: str) -> None:
        """Text that is no encoded word; white space between two words is not shown."""
        self._between += text

    def word(self, charset: str, octets: bytes) -> None:
        """One encoded word's octets."""
        if self._between.strip(" \t") or not self._octets:
            self._flush()
            self._show(self._between)
        elif charset != self._charset:
            self._flush()
        self._between = ""
        self._octets.append(octets)
        self._charset = charset

    def finish(self) -> tuple[str, str]:
        self._flush()
        self._show(self._between)
        return "".join(self._pieces), self._token

    def _flush(self) -> None:
        if self._octets:
            text, token = charsets.decode(b"".join(self._octets), self._charset)
            self._pieces.append(text)
            self._token = self._token or token
            self._octets = []

    def _show(self, text: str) -> None:
        if text.isascii():
            self._pieces.append(text)
        else:
            shown, token = plain(text.encode("latin-1"), self._likely)
            self._token = self._token or token
            # `plain` trims, but the space beside an encoded word belongs to the text.
            self._pieces.append(" " * text.startswith(" ") + shown + " " * text.endswith(" "))


def _octets(encoding: str, text: str) -> bytes:
    octets = text.encode("latin-1")
    if encoding in "bB":
        return base64_decode(octets)
    return binascii.a2b_qp(octets.replace(b"_", b" "), header=True)
