"""What a rule may ask about a message, and the asking.

In: a `Message`, its `Verdict` and `Envelope`. Out: yes or no for every condition at once: all
patterns on one field are compiled into one RE2 set and matched in one pass, so 200 rules cost
hardly more than one, and no pattern can hang (RE2 is linear by construction).

    equals  in  contains  starts  ends    without regard to case, е and ё alike
    words     whole words or phrases; a trailing * stands for any ending
    matches   a regular expression as RE2 knows it (no look-around, no back-references)
    above  below    numbers: `size`, in octets
    true/false      `authenticated`, `local`

Limits: of a text the first 20,000 characters are asked about; of a header all occurrences.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import re2  # type: ignore[import-untyped]

from postroom.envelope import Envelope, parse_path
from postroom.message import Message
from postroom.verdict import Verdict

_LONGEST = 20_000
_MEMORY = 64 << 20  # octets one compiled set may take


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
    "automatic": lambda asked: [asked.message.automatic.kind.value],
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
OPERATORS = ("equals", "in", "contains", "starts", "ends", "words", "matches")


class PatternError(ValueError):
    """A pattern that RE2 does not take."""


def pattern_of(operator: str, value: str) -> str:
    """The RE2 pattern for one operator and value. Raises PatternError for a bad `matches`."""
    match operator:
        case "matches":
            return f"(?is){_checked(value)}"
        case "words":
            return f"(?is)(?:^|[^\\pL\\pN]){_phrase(value)}(?:$|[^\\pL\\pN])"
        case "contains":
            return f"(?is){_literal(value)}"
        case "starts":
            return f"(?is)^\\s*{_literal(value)}"
        case "ends":
            return f"(?is){_literal(value)}\\s*$"
        case _:
            return f"(?is)^\\s*{_literal(value)}\\s*$"


def _checked(value: str) -> str:
    try:
        re2.compile(value, _options())
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(text) from error
    return f"(?:{value})"


def _literal(value: str) -> str:
    return "".join("[её]" if char in "её" else str(re2.escape(char)) for char in value.casefold())


def _phrase(value: str) -> str:
    words = value.split()
    return "\\s+".join(
        _literal(word.removesuffix("*")) + ("[\\pL\\pN]*" if word.endswith("*") else "")
        for word in words
    )


def _options() -> "re2.Options":
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    return options


class PatternSet:
    """All patterns on one field, matched in one pass."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._set = re2.Set.SearchSet(_options())
        self._ready = False

    def add(self, pattern: str) -> int:
        """The pattern's number. Raises PatternError."""
        if pattern not in self._numbers:
            try:
                self._numbers[pattern] = int(self._set.Add(pattern))
            except re2.error as error:
                raise PatternError(pattern) from error
        return self._numbers[pattern]

    def close(self) -> None:
        """Compiles the set; nothing can be added afterwards."""
        if not self._ready:
            self._set.Compile()
            self._ready = True

    def match(self, values: list[str]) -> frozenset[int]:
        """The numbers of the patterns that match one of the values."""
        found: set[int] = set()
        for value in values:
            octets = value[:_LONGEST].encode("utf-8", "replace")
            found.update(self._set.Match(octets) or ())
        return frozenset(found)
