"""One MAIL FROM: its envelope and its message, put together again byte for byte.

Made by session.py at MAIL FROM, filled by the callbacks after it, read once at end of message
and thrown away; nothing is ever reset. In: addresses, header fields and body chunks as the milter
protocol brings them. Out: an `Envelope` and the raw message with CRLF line ends, the space after
the colon and 8-bit bytes as they were.
Standards: RFC 5321 4.1.1.2 (paths), RFC 5322 2.2 (fields).
Limits: Postfix hands header lines without the space before the colon; that space is lost.
"""

from dataclasses import dataclass, replace

from postroom.envelope import Envelope, plain_address

from . import border
from .room import SMALL, Room

# No mail has more. A field costs time and memory far beyond its octets wherever it is read, and
# Postfix limits a single one only.
_MOST_FIELDS = 5_000
_LARGEST_HEADER = 1_048_576  # octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who connected, as Postfix says it."""

    address: str = ""  # IP address as text; empty for a unix socket or an unknown client
    name: str = ""  # reverse name; empty when there is none
    helo: str = ""

    def greeted(self, helo: str) -> "Client":
        """The same client after HELO or EHLO."""
        return replace(self, helo=helo)


def client_of(hostname: str, hostaddr: object) -> Client:
    """The client of a connect callback: (address, port, ...) for IP, a path or None otherwise."""
    # Without a reverse name the protocol puts "unknown" or the bracketed address there.
    named = hostname and hostname.lower() != "unknown" and not hostname.startswith("[")
    name = hostname if named else ""
    match hostaddr:
        case (str(address), *_):
            return Client(address=plain_address(address), name=name)
        case _:
            return Client(name=name)


def path_text(path: bytes) -> str:
    """The address of a path, without brackets and source route (RFC 5321 4.1.2 and appendix C).

    Octets that are no UTF-8 become U+FFFD, so that the text can be stored and printed and
    equals no real address.
    """
    text = path.decode("utf-8", "replace").strip()
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    if text.startswith("@") and ":" in text:
        text = text.partition(":")[2]
    return text


class Transaction:
    """What came between one MAIL FROM and its end of message."""

    def __init__(
        self, *, client: Client, sender: bytes, max_size: int, leading_space: bool, room: Room
    ) -> None:
        self._client = client
        self._sender = path_text(sender)
        self._max_size = max_size  # octets of the whole message
        self._room = room  # for what is not small
        self._taken = 0  # octets of it
        self._leading_space = leading_space  # values come with the space after the colon
        self._recipients: list[str] = []
        self._message = bytearray()
        self._fields = 0  # seen so far
        self._body_start: int | None = None
        self.too_large = False  # collecting has stopped and what was collected is gone
        self.crowded = False  # the same, because there was no room
        self.guarded: list[tuple[str, bytes]] = []  # fields border.py wants to see, up to its cap

    def add_recipient(self, path: bytes) -> None:
        """One more RCPT TO that Postfix accepted."""
        self._recipients.append(path_text(path))

    def add_field(self, name: str, value: bytes) -> None:
        """One header field; the value's lines are separated by LF, or by CRLF in every line."""
        if self.too_large or self.crowded:
            return
        if border.is_guarded(name) and len(self.guarded) <= border.MOST_GUARDED:
            self.guarded.append((name, value))
        # Postfix and Sendmail put LF between lines; a CR before it is then the sender's own octet.
        lines_end_in_crlf = value.count(b"\r\n") == value.count(b"\n")
        if not lines_end_in_crlf:
            value = value.replace(b"\n", b"\r\n")
        space = b"" if self._leading_space else b" "
        self._add(name.encode("utf-8") + b":" + space + value + b"\r\n")
        self._fields += 1
        if self._fields > _MOST_FIELDS or len(self._message) > _LARGEST_HEADER:
            self._drop()

    def add_body(self, chunk: bytes) -> None:
        """The next piece of the body; cut anywhere."""
        self._end_header()
        self._add(chunk)

    def message(self) -> tuple[bytes, int]:
        """The raw message and where its body starts; what was collected is given away."""
        self._end_header()
        raw, self._message = bytes(self._message), bytearray()
        return raw, self._body_start or 0

    def leave(self) -> None:
        """Gives the room back; the message is answered, or will not come."""
        self._room.give_back(self._taken)
        self._taken = 0

    def envelope(self, *, queue_id: str, authenticated_user: str) -> Envelope:
        """The envelope, with what only end of message tells."""
        return Envelope(
            client_address=self._client.address,
            client_name=self._client.name,
            helo=self._client.helo,
            sender=self._sender,
            recipients=tuple(self._recipients),
            queue_id=queue_id,
            authenticated_user=authenticated_user,
        )

    def _end_header(self) -> None:
        if self._body_start is None:
            self._add(b"\r\n")
            self._body_start = len(self._message)

    def _add(self, piece: bytes) -> None:
        if self.too_large or self.crowded:
            return
        size = len(self._message) + len(piece)
        if size > self._max_size:
            self._drop()
            return
        if size > max(SMALL, self._taken):
            more = min(max(size, self._taken + SMALL), self._max_size) - self._taken
            if not self._room.take(more):
                self.crowded = True
                self._forget()
                return
            self._taken += more
        self._message += piece

    def _drop(self) -> None:
        self.too_large = True
        self._forget()

    def _forget(self) -> None:
        self.leave()
        self._message = bytearray()
        self.guarded = []
