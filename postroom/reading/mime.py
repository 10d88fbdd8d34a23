"""The structure of a message: which octets are which part, found in one pass.

In: raw octets. Out: a tree of `Part`s that point into them; nothing is decoded yet except an
encapsulated message that was itself base64-encoded. Standards: RFC 2045, RFC 2046; a delimiter
line ends every part inside it, closed or not (5.1.2).

The pass is a loop with a stack of open multiparts, so depth costs no recursion; each octet is
looked at a bounded number of times, whatever the nesting. The `email` package is not used: it
leaves `base64 ` undecoded, gives up at 3,000 nested parts and needs ten times as long (README.md
has the figures).

Limits: parts, depth, header octets and header count as configured; beyond them the rest stays
unread and a problem says so. message/partial is not put together.
"""

import re
from dataclasses import dataclass

from postroom.config import ReadingSection

from . import fields, transfer
from .fields import Field
from .parameters import Parameterised, parse
from .parts import MESSAGE_TYPES, Part
from .problems import Problems

# Lines that begin like a delimiter but are none, before we stop looking: a legitimate message
# has few, a hostile one is made of nothing else.
_FALSE_DELIMITERS = 200_000
_LONGEST_BOUNDARY = 8_192  # octets; RFC 2046 5.1.1 allows 70, senders exceed it
_DELIMITER_REST = 256  # octets of rubbish allowed behind the boundary on its line
_HEADER_LINE = re.compile(rb"[!-9;-~]+[ \t]*:")
_NAME = re.compile(rb"[!-9;-~]+")
_MAIN_TYPES = frozenset(
    "text image audio video application multipart message font model chemical x-unknown".split()
)


def parse_message(raw: bytes, limits: ReadingSection, problems: Problems) -> Part:
    """The root part of a message; never raises."""
    if len(raw) > limits.max_size:
        problems.add("size-limit")
        raw = raw[: limits.max_size]
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    reader = _Reader(limits, problems)
    root = reader.read_buffer(raw, 0)
    # A message or multipart under a transfer encoding is a buffer of its own.
    left = min(limits.max_expanded, limits.max_size)  # octets of such buffers together
    while reader.encoded:
        part = reader.encoded.pop()
        inner = part.decoded(problems) if left > 0 else b""
        left -= len(inner)
        if left <= 0:
            problems.add("expanded-limit")
        elif part.main_type == "multipart":
            reader.read_encoded_multipart(part, inner)
        else:
            if b"\n" not in inner:
                inner = inner.replace(b"\r", b"\n")
            part.children.append(reader.read_buffer(inner, part.depth + 1))
    return root


@dataclass(slots=True, kw_only=True)
class _Open:
    boundary: bytes  # without white space at its end
    declared: bytes  # as it stands in Content-Type
    part: Part
    exact: bool = False  # a delimiter with the declared white space was seen

    def accepts(self, line: bytes) -> bool:
        """RFC 2046 5.1.1: no boundary ends in white space. Where one does, its delimiters either
        keep that white space or lost it on the way; the first one tells which."""
        if self.declared == self.boundary:
            return True
        if line.startswith(self.declared):
            self.exact = True
        return self.exact is line.startswith(self.declared)


class _Reader:
    """Reads buffers of one message; the counters belong to the whole message."""

    def __init__(self, limits: ReadingSection, problems: Problems) -> None:
        self._limits = limits
        self._problems = problems
        self._parts = 0
        self._false_delimiters = 0
        self.encoded: list[Part] = []  # messages and multiparts under a transfer encoding

    def read_buffer(self, buffer: bytes, depth: int) -> Part:
        """One pass over one buffer."""
        lines = _Lines(buffer)
        root, position = self._message_head(lines, 0, depth)
        open_parts: list[_Open] = []
        path = [root]  # every part not yet ended, outermost first
        position = self._descend(lines, path, open_parts, position)
        while True:
            found = self._next_delimiter(lines, position, open_parts, len(buffer))
            if found is None:
                break
            line_start, next_line, index, closes = found
            end = line_start - 1
            if end > 0 and buffer[end - 1] == 0x0D:
                end -= 1
            container = open_parts[index].part
            while path[-1] is not container:
                path[-1].end = max(end, path[-1].start)
                path.pop()
            del open_parts[index + 1 :]
            position = next_line
            if closes:
                del open_parts[index:]
                container.end = position
                path.pop()
                if not path:
                    break
                continue
            if self._parts >= self._limits.max_parts:
                self._problems.add("parts-limit")
                break
            part, position = self._part_head(lines, position, open_parts, container)
            container.children.append(part)
            path.append(part)
            position = self._descend(lines, path, open_parts, position)
        if "parts-limit" not in self._problems:
            for part in path:
                part.end = len(buffer)
        else:
            for part in path:
                part.end = max(position, part.start)
        self._unboundaried(root)
        return root

    def read_encoded_multipart(self, part: Part, inner: bytes) -> None:
        """One pass over the decoded content of a multipart, against RFC 2045 6.4."""
        head = b"Content-Type: " + part.field(b"content-type") + b"\r\n\r\n"
        root = self.read_buffer(head + inner, part.depth)
        part.children = root.children
        if not root.children:
            part.content_type = root.content_type

    def _unboundaried(self, root: Part) -> None:
        """A multipart in which no delimiter was found is text, lest its content is lost."""
        for part in root.walk():
            if part.main_type != "multipart" or part.children or not part.encoded.strip():
                continue
            if part.encoding != "identity":
                self.encoded.append(part)
                continue
            self._problems.add("boundary-missing")
            part.content_type = Parameterised(
                value="text/plain", parameters=part.content_type.parameters
            )

    def _descend(
        self, lines: "_Lines", path: list[Part], open_parts: list[_Open], position: int
    ) -> int:
        """Opens what the newest part contains; returns where its content starts."""
        while True:
            part = path[-1]
            if part.depth >= self._limits.max_depth:
                if part.main_type == "multipart" or part.type in MESSAGE_TYPES:
                    self._problems.add("depth-limit")
                return position
            if part.main_type == "multipart":
                declared = _boundary(part)
                if boundary := declared.rstrip(b" \t"):
                    open_parts.append(_Open(boundary=boundary, declared=declared, part=part))
                return position
            if part.type not in MESSAGE_TYPES:
                return position
            if part.encoding != "identity":
                self.encoded.append(part)
                return position
            if self._parts >= self._limits.max_parts:
                self._problems.add("parts-limit")
                return position
            end = self._end_of_part(lines, position, open_parts)
            inner, position = self._message_head(lines, position, part.depth + 1, end)
            part.children.append(inner)
            path.append(inner)

    def _message_head(
        self, lines: "_Lines", start: int, depth: int, end: int | None = None
    ) -> tuple[Part, int]:
        """The root part of a message that starts here, and where its body starts."""
        buffer = lines.buffer
        stop = len(buffer) if end is None else end
        header_end, body = lines.header(start)
        header_end, body = min(header_end, stop), min(body, stop)
        cap = start + self._limits.max_header_bytes
        if header_end > cap:
            self._problems.add("header-size-limit")
            header_end = max(buffer.rfind(b"\n", start, cap), start)
        split, _ = fields.split(buffer[start:header_end])
        if not any(_NAME.fullmatch(one.name) for one in split):
            split, body = (), start  # nothing there is a header: all of it is text
        part = self._part(split, depth, "text/plain")
        part.buffer, part.start, part.end = buffer, body, body
        part.is_message_root = True
        return part, body

    def _part_head(
        self, lines: "_Lines", start: int, open_parts: list[_Open], container: Part
    ) -> tuple[Part, int]:
        """The part that starts behind a delimiter line, and where its body starts."""
        buffer = lines.buffer
        header_end, body = lines.header(start)
        # A header without an empty line behind it may run into the next delimiter.
        limit = self._end_of_part(lines, start, open_parts, header_end)
        if limit < header_end:
            # No empty line before the delimiter: the body starts at the first line of no header.
            header_end = body = _first_text_line(buffer, start, limit)
        cap = start + self._limits.max_header_bytes
        if header_end > cap:
            self._problems.add("header-size-limit")
            header_end = max(buffer.rfind(b"\n", start, cap), start)
        split: tuple[Field, ...] = ()
        if _HEADER_LINE.match(buffer, start):
            split, _ = fields.split(buffer[start:header_end])
        elif header_end > start:
            body = start  # no header at all: the text begins at once
        default = "message/rfc822" if container.type == "multipart/digest" else "text/plain"
        part = self._part(split, container.depth + 1, default)
        part.buffer, part.start, part.end = buffer, body, body
        return part, body

    def _part(self, split: tuple[Field, ...], depth: int, default: str) -> Part:
        self._parts += 1
        if len(split) > self._limits.max_headers:
            self._problems.add("headers-limit")
        part = Part(fields=split, depth=depth)
        limit = self._limits.max_parameters
        seen: set[bytes] = set()
        for one in split:
            key = one.name[:32].lower()
            if not key.startswith(b"content-") or key in seen:
                continue
            seen.add(key)
            match key:
                case b"content-type":
                    part.content_type = parse(one.value, self._problems, limit)
                case b"content-disposition":
                    part.disposition = parse(one.value, self._problems, limit)
                case b"content-transfer-encoding":
                    part.encoding = transfer.encoding(one.value)
        part.content_type = _repaired(part.content_type, default)
        return part

    def _end_of_part(
        self, lines: "_Lines", start: int, open_parts: list[_Open], stop: int | None = None
    ) -> int:
        """Where the next delimiter of an open multipart begins, at most `stop`."""
        bound = len(lines.buffer) if stop is None else stop
        if stop is None:
            bound = min(lines.header(start)[1], bound)
        found = self._next_delimiter(lines, start, open_parts, bound)
        return found[0] if found else (len(lines.buffer) if stop is None else bound)

    def _next_delimiter(
        self, lines: "_Lines", position: int, open_parts: list[_Open], stop: int
    ) -> tuple[int, int, int, bool] | None:
        """The next delimiter line: its start, the next line's, whose it is, whether it closes."""
        if not open_parts:
            return None
        buffer = lines.buffer
        wanted = {one.boundary: index for index, one in enumerate(open_parts)}
        longest = max(map(len, wanted)) + _DELIMITER_REST
        at = position if buffer.startswith(b"--", position) else -1
        at = at if at >= 0 else _next_dashes(buffer, position, stop)
        while at >= 0:
            newline = buffer.find(b"\n", at, at + longest)
            line_end = newline if newline >= 0 else min(at + longest, len(buffer))
            line = buffer[at + 2 : line_end]
            match = _matched(line.rstrip(b" \t\r"), wanted)
            if match is not None and open_parts[match[0]].accepts(line):
                if newline < 0:
                    newline = buffer.find(b"\n", at)
                next_line = newline + 1 if newline >= 0 else len(buffer)
                return at, next_line, *match
            self._false_delimiters += 1
            if self._false_delimiters > _FALSE_DELIMITERS:
                self._problems.add("parts-limit")
                return None
            at = _next_dashes(buffer, at, stop)
        return None


def _matched(text: bytes, wanted: dict[bytes, int]) -> tuple[int, bool] | None:
    """Which open multipart a line behind its "--" delimits, and whether it closes it."""
    if (index := wanted.get(text)) is not None:
        return index, False
    if text.endswith(b"--") and (index := wanted.get(text[:-2].rstrip())) is not None:
        return index, True
    # RFC 2046 5.1.1: the whole line need not match. Rubbish counts only behind white space,
    # because boundaries of one message often are prefixes of each other.
    if b" " in text or b"\t" in text:
        for boundary, index in wanted.items():
            rest = text[len(boundary) :] if text.startswith(boundary) else b""
            if rest[:1] in (b" ", b"\t") and rest:
                return index, False
            if rest[:2] == b"--" and rest[2:3] in (b" ", b"\t"):
                return index, True
    return None


def _next_dashes(buffer: bytes, position: int, stop: int) -> int:
    """Where the next line that begins with "--" starts, or -1."""
    found = buffer.find(b"\n--", position, stop)
    return found + 1 if found >= 0 else -1


class _Lines:
    """A buffer and where its next empty line is, remembered so that the search stays linear."""

    def __init__(self, buffer: bytes) -> None:
        self.buffer = buffer
        self._lf = self._crlf = -1

    def header(self, start: int) -> tuple[int, int]:
        """The end of the header section that starts here and the start of the body."""
        buffer = self.buffer
        if buffer.startswith(b"\n", start):
            return start, start + 1
        if buffer.startswith(b"\r\n", start):
            return start, start + 2
        if self._lf < start:
            self._lf = _found(buffer.find(b"\n\n", start), buffer)
        if self._crlf < start:
            self._crlf = _found(buffer.find(b"\n\r\n", start), buffer)
        if self._lf <= self._crlf:
            return min(self._lf + 1, len(buffer)), min(self._lf + 2, len(buffer))
        return self._crlf + 1, self._crlf + 3


def _first_text_line(buffer: bytes, start: int, end: int) -> int:
    """The first line that is neither a header field nor the continuation of one; else `end`."""
    position = start
    while 0 < position < end or position == start < end:
        line = buffer[position : position + 1]
        if line not in (b" ", b"\t") and not _HEADER_LINE.match(buffer, position, end):
            return position
        position = buffer.find(b"\n", position, end) + 1
    return end


def _found(position: int, buffer: bytes) -> int:
    return position if position >= 0 else len(buffer)


def _boundary(part: Part) -> bytes:
    """The boundary's octets; parameters.py keeps each as one character."""
    return part.content_type.get("boundary").encode("latin-1", "replace")[:_LONGEST_BOUNDARY]


def _repaired(content_type: Parameterised, default: str) -> Parameterised:
    """A usable media type: what nobody can read becomes the default (RFC 2045 5.2)."""
    value = content_type.value
    main, slash, sub = value.partition("/")
    if slash and main and sub:
        return content_type
    if not value:
        value = default
    elif main in _MAIN_TYPES:
        value = f"{main}/{'plain' if main == 'text' else 'mixed' if main == 'multipart' else sub}"
        value = value if not value.endswith("/") else "application/octet-stream"
    else:
        value = default
    return Parameterised(value=value, parameters=content_type.parameters)
