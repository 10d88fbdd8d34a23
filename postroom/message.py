"""A message: the raw bytes, which are the truth, and the view parsed from them.

Made by postroom/reading from hostile bytes; never re-serialised. Everything in the view is
text that cannot raise: headers decoded, charsets repaired, newlines as "\\n". What could not
be read is named in `problems`, never guessed silently.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from .envelope import Address

WORKER_LOST = "worker-"  # problems that begin so: the worker that read the bytes did not survive


class AutomaticKind(Enum):
    """Which machine wrote a message; HUMAN when none did."""

    HUMAN = "human"
    BOUNCE = "bounce"  # DSN (RFC 3464) or its unformatted forerunners
    RECEIPT = "receipt"  # MDN, RFC 8098
    FEEDBACK = "feedback"  # ARF, RFC 5965
    REPORT = "report"  # DMARC or TLS report
    AUTO_REPLY = "auto-reply"  # RFC 3834: out of office, vacation, ticket robots
    CHALLENGE = "challenge"  # challenge-response
    LIST = "list"  # discussion list, RFC 2919
    BULK = "bulk"  # newsletter, Precedence: bulk
    CALENDAR = "calendar"  # iTIP, RFC 5546
    SYSTEM = "system"  # cron, monitoring, noreply notices


@dataclass(frozen=True, slots=True, kw_only=True)
class Automatic:
    """Whether a machine wrote the message, and how we know."""

    kind: AutomaticKind = AutomaticKind.HUMAN
    why: str = ""  # the header or phrase that decided; empty for a human
    doubtful: bool = False  # people's mail may look so too: never answered, but a person may look

    @property
    def is_automatic(self) -> bool:
        """True for everything but a human's message."""
        return self.kind is not AutomaticKind.HUMAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One decoded leaf that is not the message's own text."""

    filename: str  # decoded, a label only, never a path; empty when none was given
    type: str  # media type as declared, lower case: "application/pdf"
    size: int  # octets after decoding
    sha256: str  # hex, of the decoded octets
    charset: str = ""  # as declared for the octets, true or not; empty when none was
    inline: bool = False  # shown inside the text (signature image), not a document
    members: tuple[str, ...] = ()  # names inside an archive, as listed; empty for other types
    # Short tokens: "encrypted", "expanded-limit", "inside-message" (of a message attached to this
    # one, whoever wrote that) ...
    problems: tuple[str, ...] = ()
    data: bytes = field(default=b"", repr=False)  # decoded octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """A message inside the message, attached or quoted; who it is from is only claimed."""

    author: Address | None = None  # as written there, authenticated by nobody
    subject: str = ""
    date: datetime | None = None
    text: str = field(default="", repr=False)  # its new text
    attached: bool = False  # a message/rfc822 part rather than quoted text


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The parsed view of one message."""

    raw: bytes = field(repr=False)  # as received
    headers: tuple[tuple[str, str], ...] = ()  # (name as written, unfolded decoded value), in order
    author: Address | None = None  # the one From mailbox; None when missing, several or malformed
    authors: tuple[Address, ...] = ()  # every From mailbox that could be read
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    subject: str = ""
    date: datetime | None = None  # aware; None when missing or unreadable
    message_id: str = ""  # with its angle brackets, or empty
    references: tuple[str, ...] = ()  # message ids of References, then In-Reply-To, in order
    text: str = field(default="", repr=False)  # best text of the whole message
    new_text: str = field(default="", repr=False)  # without quoted text and signature
    quoted_text: str = field(default="", repr=False)
    signature: str = field(default="", repr=False)
    html: str = field(default="", repr=False)  # decoded HTML part, empty when none
    language: str = "other"  # ru, en, de, fr, es or other
    attachments: tuple[Attachment, ...] = ()
    forwarded: tuple[Forwarded, ...] = ()  # messages inside this one, outermost first
    automatic: Automatic = Automatic()
    problems: tuple[str, ...] = ()  # short tokens: "charset-repaired", "depth-limit" ...

    @property
    def unread(self) -> str:
        """The problem of a message whose reading had no end ("worker-timeout"), or empty."""
        return next((one for one in self.problems if one.startswith(WORKER_LOST)), "")

    def header(self, name: str) -> str:
        """The first header of that name (any case), or empty."""
        return next(iter(self.all_headers(name)), "")

    def all_headers(self, name: str) -> list[str]:
        """Every header of that name (any case), in order."""
        wanted = name.lower()
        return [value for field_name, value in self.headers if field_name.lower() == wanted]
