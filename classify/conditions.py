"""What a rule may ask about a message, and the asking.

In: a `Message`, its `Verdict` and `Envelope`. Out: yes or no for every condition at once: all
patterns on one field are compiled into one RE2 set and matched in one pass, so 200 rules cost
hardly more than one, and no pattern can hang (RE2 is linear by construction).

    equals  in  contains  starts  ends    without regard to case, е and ё alike
    words     whole words or phrases; a * at a word's end stands for any ending
    matches   a regular expression as RE2 knows it (no look-around, no back-references)
    listed    stands in lists/NAME.txt of the rules folder, itself or with its domain
    above  below    numbers: `size`, in octets
    true/false      `authenticated`, `local`

Limits: of a text the first 20,000 characters are asked about; of a header all occurrences.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import re2  # type: ignore[import-untyped]

from postroom.envelope import Envelope, parse_path
from postroom.message import AutomaticKind, Message
from postroom.reading.language import LANGUAGES
from postroom.verdict import Result, Verdict

_LONGEST = 20_000
_MEMORY = 256 << 20  # octets one compiled set may take at the most


class Kind(Enum):
    """What kind of question a field takes."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What rules are asked about."""

    message: Message
    verdict: Verdict | None = None
    envelope: Envelope | None = None

    def authenticated(self) -> bool:
        """Whether the author's domain is proven."""
        return bool(self.verdict and self.verdict.authenticated_domain)

    def local(self) -> bool:
        """Whether a trusted client handed the message in."""
        return bool(self.verdict and self.verdict.local)

    def sender(self) -> str:
        """The envelope's sender."""
        return self.envelope.sender if self.envelope else ""


def _authors(asked: Subject) -> list[str]:
    return [address.text for address in asked.message.authors]


def _addressees(asked: Subject) -> list[str]:
    told = list(asked.envelope.recipients) if asked.envelope else []
    return told + [address.text for address in (*asked.message.to, *asked.message.cc)]


def _automatic(message: Message) -> str:
    """Which machine wrote it; of what people's mail may look like, only that."""
    return "doubtful" if message.automatic.doubtful else message.automatic.kind.value


def _list_ids(message: Message) -> list[str]:
    """Identifiers of the mailing lists it came by (RFC 2919: the last <...> of List-Id)."""
    written = message.all_headers("List-Id")
    return [value.rpartition("<")[2].strip(" <>") for value in written]


# Field -> its values; a condition holds when it holds for one of them.
TEXTS: Mapping[str, Callable[[Subject], list[str]]] = {
    "author": _authors,
    "author_domain": lambda asked: [address.domain for address in asked.message.authors],
    "author_name": lambda asked: [address.name for address in asked.message.authors],
    "sender": lambda asked: [asked.sender()],
    "sender_domain": lambda asked: [parse_path(asked.sender()).domain],
    "recipient": _addressees,
    "dmarc": lambda asked: [asked.verdict.dmarc.result.value if asked.verdict else "none"],
    "spf": lambda asked: [asked.verdict.spf.result.value if asked.verdict else "none"],
    "subject": lambda asked: [asked.message.subject],
    "new_text": lambda asked: [asked.message.new_text],
    "text": lambda asked: [asked.message.subject, asked.message.text],
    "attachment_name": lambda asked: [file.filename for file in asked.message.attachments],
    "attachment_type": lambda asked: [file.type for file in asked.message.attachments],
    "language": lambda asked: [asked.message.language],
    "automatic": lambda asked: [_automatic(asked.message)],
    "mailing_list": lambda asked: _list_ids(asked.message),
}
_RESULTS = tuple(result.value for result in Result)
# Field -> all values it can have; a pattern that matches none of them is a mistake.
CLOSED: Mapping[str, tuple[str, ...]] = {
    "dmarc": _RESULTS,
    "spf": _RESULTS,
    "language": LANGUAGES,
    "automatic": (*(kind.value for kind in AutomaticKind), "doubtful"),
}
NUMBERS: Mapping[str, Callable[[Subject], int]] = {
    "size": lambda asked: len(asked.message.raw),
    "attachments": lambda asked: sum(not file.inline for file in asked.message.attachments),
}
TRUTHS: Mapping[str, Callable[[Subject], bool]] = {
    "authenticated": Subject.authenticated,
    "local": Subject.local,
}
HEADER = "header"
SIMILAR = "similar"
LISTED = "listed"  # operator: not a pattern, but a look into a list
OPERATORS = ("equals", "in", "contains", "starts", "ends", "words", "matches")


class PatternError(ValueError):
    """A pattern that RE2 does not take."""


# Outside a word, in UTF-8: ASCII but letters and digits; U+00A0-00BF, U+2000-203F, U+2116 (№).
# RE2's own \\b knows ASCII only, and its \\pL makes large sets too large.
_OUTSIDE = rb"[\x00-/:-@\[-`{-\x7f]|\xc2[\xa0-\xbf]|\xe2\x80[\x80-\xbf]|\xe2\x84\x96"
_INSIDE = rb"[^\x00-/:-@\[-`{-\x7f]"
_SPACES = rb"[\x00-\x20]+"


def pattern_of(operator: str, value: str) -> bytes:
    """The RE2 pattern over lower-case UTF-8 octets for one operator but `matches`."""
    literal = _literal(value)
    match operator:
        case "words":
            last = b"" if value.endswith("*") else b"(?:$|%b)" % _OUTSIDE
            return b"(?:^|%b)%b%b" % (_OUTSIDE, _phrase(value), last)
        case "contains":
            return literal
        case "starts":
            return rb"^[\x00-\x20]*" + literal
        case "ends":
            return literal + rb"[\x00-\x20]*$"
        case _:
            return rb"^[\x00-\x20]*" + literal + rb"[\x00-\x20]*$"


def _phrase(value: str) -> bytes:
    words = value.split()
    stems = [_literal(word.removesuffix("*")) for word in words]
    ends = [_INSIDE + b"*" if word.endswith("*") else b"" for word in words]
    return _SPACES.join(stem + end for stem, end in zip(stems, ends, strict=True))


def _literal(value: str) -> bytes:
    """The value with every octet escaped that could mean something."""
    escaped = (bytes([octet]) if octet in _PLAIN else b"\\x%02x" % octet for octet in _lower(value))
    return b"".join(escaped)


_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789")


def _lower(text: str) -> bytes:
    return text.lower().replace("ё", "е").encode("utf-8", "replace")


def _options(*, octets: bool) -> "re2.Options":
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    if octets:
        options.encoding = re2.Options.Encoding.LATIN1
    return options


class PatternSet:
    """All patterns on one field, matched in two passes: the plain ones and `matches`."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._plain = re2.Set.SearchSet(_options(octets=True))
        self._regex = re2.Set.SearchSet(_options(octets=False))
        self._plain_numbers: list[int] = []
        self._regex_numbers: list[int] = []

    def add(self, operator: str, value: str) -> int:
        """The number of a pattern. Raises PatternError."""
        key = (operator, value)
        if key not in self._numbers:
            number = len(self._numbers)
            try:
                if operator == "matches":
                    self._regex.Add(f"(?is)(?:{value})")
                    self._regex_numbers.append(number)
                else:
                    self._plain.Add(pattern_of(operator, value))
                    self._plain_numbers.append(number)
            except re2.error as error:
                raise PatternError(_why(value)) from error
            self._numbers[key] = number
        return self._numbers[key]

    def close(self) -> None:
        """Compiles; nothing can be added afterwards. Raises PatternError: too large together."""
        try:
            self._plain.Compile()
            self._regex.Compile()
        except re2.error as error:
            raise PatternError(f"together they need over {_MEMORY >> 20} MiB") from error

    def match(self, values: list[str]) -> frozenset[int]:
        """The numbers of the patterns that match one of the values."""
        found: set[int] = set()
        for value in values:
            text = value[:_LONGEST]
            if self._plain_numbers:
                hits = self._plain.Match(_lower(text)) or ()
                found.update(self._plain_numbers[hit] for hit in hits)
            if self._regex_numbers:
                hits = self._regex.Match(text.encode("utf-8", "replace")) or ()
                found.update(self._regex_numbers[hit] for hit in hits)
        return frozenset(found)


def _why(value: str) -> str:
    """What RE2 has against a pattern."""
    try:
        re2.compile(value, _options(octets=False))
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return "too large"
