"""Which parts are the message's own text, and which are documents.

In: the tree of mime.py. Out: `Content`: the text in its two forms, the documents, the messages
inside, and every media type that occurs. Containers (winmail.dat, S/MIME, uuencode in text) are
opened on the way. Standards: RFC 2046 5.1.4 (alternative), RFC 1847 (signed, encrypted), RFC 2183,
RFC 3676 (flowed), RFC 9580 (PGP armor).

Limits: which of several forms is the best is bodies.py's business, what a document is worth
documents.py's; nothing is decoded twice except the text of containers.
"""

import re
from dataclasses import dataclass, field

from postroom.config import ReadingSection

from . import armor, charsets, transfer
from .budget import Budget
from .calendar import read_calendar
from .containers import made, opened
from .flowed import unflow
from .labels import filename, label
from .parts import MESSAGE_TYPES, Part
from .problems import Problems

_SIGNATURES = frozenset(
    "application/pgp-signature application/pkcs7-signature application/x-pkcs7-signature".split()
)
_OWN_TEXT = frozenset({"text/plain", "text/html", "text/enriched", "text/richtext"})
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s{0,5}=\s{0,5}[\"']?([\w:.-]{1,40})", re.I)
_INVISIBLE = {0: None, 0xA0: " ", 0xFEFF: None, 0x200B: None}


@dataclass(slots=True, kw_only=True)
class Segment:
    """One stretch of the message's text, in one or both forms (multipart/alternative)."""

    plain: list[str] = field(default_factory=list)  # line ends as LF
    html: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Content:
    """What the tree holds, sorted by use."""

    segments: list[Segment] = field(default_factory=list)  # the message's own text, in order
    leaves: list[Part] = field(default_factory=list)  # every leaf, in message order
    documents: list[Part] = field(default_factory=list)  # leaves that are no text of the message
    messages: list[Part] = field(default_factory=list)  # message/rfc822 parts
    types: set[str] = field(default_factory=set)  # every media type that occurs
    charset: str = ""  # of the first text, a hint for raw header octets
    spare: Segment = field(default_factory=Segment)  # winmail.dat's body, for want of any other

    @property
    def html(self) -> str:
        """Every HTML text, joined."""
        return "\n".join(text for segment in self.segments for text in segment.html)


def sort_parts(root: Part, limits: ReadingSection, budget: Budget, problems: Problems) -> Content:
    """Sorts the parts of a message; the messages inside it are listed, not sorted."""
    content = Content()
    waiting: list[tuple[Part, Segment | None, bool]] = [(root, None, False)]
    while waiting:
        part, segment, from_tnef = waiting.pop()
        content.types.add(part.type)
        if part.main_type == "multipart":
            if part.type == "multipart/encrypted":
                problems.add("encrypted")
            if part.type == "multipart/alternative" and segment is None:
                segment = Segment()
                content.segments.append(segment)
            waiting.extend((child, segment, False) for child in reversed(part.children))
            continue
        if part.children or part.type in MESSAGE_TYPES:
            content.messages.append(part)
            continue
        content.leaves.append(part)
        name = filename(part)
        if inside := opened(part, name, limits, budget, problems):
            is_tnef = inside[0].main_type != "multipart" and not inside[0].fields
            waiting.extend((one, None, is_tnef) for one in reversed(inside))
        elif from_tnef and not name and part.main_type == "text":
            _add_text(part, content.spare, content, budget, problems)
        elif _is_own_text(part, name):
            if segment is None:
                segment = Segment()
                content.segments.append(segment)
            _add_text(part, segment, content, budget, problems)
        elif part.type not in _SIGNATURES:
            content.documents.append(part)
    if not any(text.strip() for one in content.segments for text in (*one.plain, *one.html)):
        content.segments.append(content.spare)
        if not content.spare.plain and not content.spare.html:
            content.spare.plain.extend(_calendar_texts(content, problems))
    return content


def _calendar_texts(content: Content, problems: Problems) -> list[str]:
    """What an invitation without any other text says."""
    for part in content.documents:
        if part.type == "text/calendar":
            try:
                calendar = read_calendar(part.decoded(problems), part.content_type.get("charset"))
            except ValueError:
                problems.add("calendar-broken")
                continue
            return ["\n".join(filter(None, (calendar.summary, calendar.description)))]
    return []


def _is_own_text(part: Part, name: str) -> bool:
    if part.type not in _OWN_TEXT or part.disposition.value == "attachment":
        return False
    return not name or part.disposition.value == "inline" or part.is_message_root


def _add_text(
    part: Part, segment: Segment, content: Content, budget: Budget, problems: Problems
) -> None:
    if not content.charset:
        content.charset = part.content_type.get("charset")
    octets = part.decoded(problems)
    if len(octets) > budget.octets:
        problems.add("text-limit")
        octets = octets[: budget.octets]
    budget.octets -= len(octets)
    is_plain = part.type not in ("text/html", "text/enriched", "text/richtext")
    if is_plain and b"begin " in octets:
        octets = _without_uuencode(octets, part, content)
    text = _decode(octets, part, problems)
    if len(text) > budget.text:
        problems.add("text-limit")
        text = text[: max(budget.text, 0)]
    if is_plain:
        segment.plain.append(_plain(text, part, problems))
    elif part.type == "text/html":
        segment.html.append(text)
    else:
        segment.html.append(_enriched(text))


def _enriched(text: str) -> str:
    """text/enriched (RFC 1896) as HTML of a kind: its commands look like tags."""
    return re.sub(
        r"\n(\n*)", lambda found: " " + "<br>" * len(found[1]), text.replace("<<", "&lt;")
    )


def _plain(text: str, part: Part, problems: Problems) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_INVISIBLE)
    if part.content_type.get("format").lower() == "flowed":
        text = unflow(text, part.content_type.get("delsp").lower() == "yes")
    text, problem = armor.unwrap(text)
    problems.add(problem)
    return text


def _without_uuencode(octets: bytes, part: Part, content: Content) -> bytes:
    """The text around uuencoded files; the files become documents."""
    kept = []
    position = 0
    for name, data, start, end in transfer.uuencoded_files(octets):
        kept.append(octets[position:start])
        position = end
        named = label(charsets.decode(name)[0]) or "uuencoded"
        content.documents.append(
            made("application/octet-stream", data, name=named, depth=part.depth + 1)
        )
    return b"".join([*kept, octets[position:]]) if kept else octets


def part_text(part: Part, problems: Problems) -> str:
    """A text part's content as text, line ends as they stand."""
    return _decode(part.decoded(problems), part, problems)


def _decode(octets: bytes, part: Part, problems: Problems) -> str:
    declared = part.content_type.get("charset")
    if not declared and part.type == "text/html":
        found = _META_CHARSET.search(octets, 0, 4_096)
        declared = found[1].decode("ascii", "replace") if found else ""
    text, token = charsets.decode(octets, declared)
    problems.add(token)
    return text
