"""Content-Type and Content-Disposition: the value and its parameters, however badly written.

In: a field's raw value. Out: `Parameterised` with a lower-case value and decoded parameters.
Standards: RFC 2045 5.1, RFC 2183, RFC 2231 (charsets and continuations); also seen in mail and
read: a missing semicolon, encoded words inside parameters, raw 8-bit names.

Limits: the first of two parameters with one name wins; no more parameters than the limit; an
unquoted value is cut at 8,192 octets. Reading one costs at most that much again for each of them.
"""

import re
import urllib.parse
from dataclasses import dataclass, field

from . import charsets, words
from .problems import Problems

_TOKEN = re.compile(rb"[^\s;=\"()]+")
_SKIP = re.compile(rb"[\s;]*")
_SPACE = re.compile(rb"\s*")
# What ends a bare value: a semicolon, or the next `name=`, which a lost semicolon hides.
_END = re.compile(rb";|[ \t](?=[A-Za-z][\w*-]{0,30}=)")
_LONGEST = 8_192  # octets of a bare value
_SECTION = re.compile(r"([^*]+)(?:\*(\d{1,4}))?(\*)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameterised:
    """The value before the first semicolon, lower case, and the parameters behind it."""

    value: str
    parameters: dict[str, str] = field(default_factory=dict)  # lower-case name -> decoded value

    def get(self, name: str) -> str:
        """A parameter's value, or empty."""
        return self.parameters.get(name, "")


EMPTY = Parameterised(value="")


def parse(raw: bytes, problems: Problems, limit: int, likely: str = "") -> Parameterised:
    """One field's value and parameters; never raises."""
    raw = raw.translate(None, b"\r\n\0")
    head, semicolon, rest = raw.partition(b";")
    if b"=" in head:  # "text/plain charset=utf-8": the semicolon was forgotten
        word = _TOKEN.search(head)
        if word and word.end() < len(head) and head[word.end() :].lstrip()[:1] != b"=":
            head, rest = head[: word.end()], head[word.end() :] + semicolon + rest
    if b"(" in head:
        head = words.without_comments(head.decode("latin-1")).encode("latin-1")
    value = b"".join(head.split()).lower().strip(b'"').decode("ascii", "replace")
    if not rest:
        return Parameterised(value=value)
    return Parameterised(value=value, parameters=_parameters(rest, problems, limit, likely))


def _parameters(raw: bytes, problems: Problems, limit: int, likely: str) -> dict[str, str]:
    whole: dict[str, str] = {}
    sections: dict[str, list[tuple[int, bool, bytes]]] = {}
    count = 0
    for name, content in _pairs(raw, limit):
        count += 1
        if count > limit:
            problems.add("parameters-limit")
            break
        key = name.decode("ascii", "replace").lower()
        if "*" not in key:
            if key == "boundary":  # compared octet by octet, never shown
                whole.setdefault(key, content.decode("latin-1"))
            elif key not in whole:
                text, token = words.decode(content, likely)
                whole[key] = text
                problems.add(token)
        elif section := _SECTION.match(key):
            sections.setdefault(section[1], []).append(
                (int(section[2] or 0), section[3] is not None, content)
            )
    for key, parts in sections.items():  # RFC 2231 wins over the plain fallback of the same name
        text, token = _joined(sorted(parts, key=lambda part: part[0]), likely)
        whole[key] = text
        problems.add(token)
    return whole


def _pairs(raw: bytes, limit: int) -> list[tuple[bytes, bytes]]:
    """Names and raw values in order, at most one more than the limit."""
    pairs: list[tuple[bytes, bytes]] = []
    position = 0
    length = len(raw)
    while position < length and len(pairs) <= limit:
        position = _skip(raw, position)
        name = _TOKEN.match(raw, position)
        if name is None:
            position += 1
            continue
        position = _space(raw, name.end())
        if raw[position : position + 1] != b"=":
            continue  # a word without a value
        position = _space(raw, position + 1)
        if raw[position : position + 1] == b'"':
            content, position = _quoted(raw, position + 1)
        else:
            content = _unquoted(raw, position)
            position += len(content)
        pairs.append((name[0], content))
    return pairs


def _skip(raw: bytes, position: int) -> int:
    found = _SKIP.match(raw, position)
    return found.end() if found else position


def _space(raw: bytes, position: int) -> int:
    found = _SPACE.match(raw, position)
    return found.end() if found else position


def _quoted(raw: bytes, position: int) -> tuple[bytes, int]:
    """A quoted string's content and where it ends; an unclosed one ends at the next semicolon."""
    start = position
    escaped = False
    while True:
        quote = raw.find(b'"', position)
        if quote < 0:
            end = raw.find(b";", start)
            end = end if end >= 0 else len(raw)
            return raw[start:end].strip(), end
        backslashes = 0
        while quote - backslashes > start and raw[quote - backslashes - 1] == 0x5C:
            backslashes += 1
        # An odd backslash escapes the quote, but `name="C:\dir\"` followed by the field's end or
        # a semicolon is a path, not an escape.
        ends = not raw[quote + 1 : quote + 64].lstrip()[:1].strip(b";") if backslashes % 2 else True
        if backslashes % 2 == 0 or ends:
            content = raw[start:quote]
            break
        escaped = True
        position = quote + 1
    if escaped or b"\\\\" in content:
        content = re.sub(rb'\\(["\\])', rb"\1", content)
    return content, quote + 1


def _unquoted(raw: bytes, position: int) -> bytes:
    """The bare value that begins here, up to a comment."""
    most = position + _LONGEST
    end = _END.search(raw, position, most)
    value = raw[position : end.start() if end else most]
    return value.partition(b" (")[0].rstrip()


def _joined(parts: list[tuple[int, bool, bytes]], likely: str) -> tuple[str, str]:
    """RFC 2231 3 and 4: sections in order; extended ones are percent-encoded, the first names a
    charset."""
    charset = ""
    octets: list[bytes] = []
    for index, (_, extended, content) in enumerate(parts):
        if extended:
            if index == 0 and content.count(b"'") >= 2:
                label, _, content = content.split(b"'", 2)
                charset = label.decode("ascii", "replace")
            elif charset:  # some programs repeat it in every section
                content = _without_charset(content, charset.encode())
            content = urllib.parse.unquote_to_bytes(content)
        octets.append(content)
    whole = b"".join(octets)
    if not any(extended for _, extended, _ in parts):
        return words.decode(whole, likely)
    text, token = charsets.decode(whole, charset, likely=likely)
    return words.clean(text), token


def _without_charset(content: bytes, charset: bytes) -> bytes:
    """A later section without the charset (and language) of the first one before it."""
    label, mark, rest = content.partition(b"'")
    if not mark or label.lower() != charset.lower():
        return content
    language, mark, text = rest.partition(b"'")
    return text if mark and len(language) <= 8 and language.replace(b"-", b"").isalnum() else rest
