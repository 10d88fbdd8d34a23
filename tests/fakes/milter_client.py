"""A milter client of our own: the side of the protocol that Postfix speaks, over a real socket.

In: the steps of SMTP sessions. Out: the reply that ended each and the changes asked for, applied
to the header fields as Postfix applies them. Protocol: milter version 6, as libmilter's mfdef.h
numbers it. Every read has a deadline, so that a milter that hangs fails the test.
"""

import socket
import struct
from dataclasses import dataclass, field

ALL_ACTIONS = 0x1FF
ALL_STEPS = 0x1FFFFF
LEADING_SPACE = 0x100000
_NO_REPLY = {  # command -> bit of the negotiated steps that says "no reply will come"
    b"C": 0x1000,
    b"H": 0x2000,
    b"M": 0x4000,
    b"R": 0x8000,
    b"L": 0x80,
    b"N": 0x40000,
    b"B": 0x80000,
}
_NOT_SENT = {b"C": 0x1, b"H": 0x2, b"M": 0x4, b"R": 0x8, b"B": 0x10, b"L": 0x20, b"N": 0x40}
_CHANGES = b"himqbpe+-"
_CHUNK = 65_535


class Gone(Exception):
    """The milter closed the connection or did not answer in time."""


@dataclass(kw_only=True)
class Answer:
    """How a message ended."""

    reply: str  # "accept", "continue", "reject", "tempfail", "discard" or an SMTP reply line
    fields: list[tuple[str, bytes]]  # the header after all changes
    removed: list[tuple[str, int]] = field(default_factory=list)  # as asked for, in order
    inserted: list[tuple[int, str, bytes]] = field(default_factory=list)
    quarantined: str = ""

    def values(self, name: str) -> list[bytes]:
        """The values of all fields of that name (any case), in order."""
        return [value for found, value in self.fields if found.lower() == name.lower()]


_REPLIES = {b"a": "accept", b"c": "continue", b"r": "reject", b"t": "tempfail", b"d": "discard"}


class MilterClient:
    """One connection, as one smtpd process holds it."""

    def __init__(
        self,
        endpoint: str,
        *,
        actions: int = ALL_ACTIONS,
        steps: int = ALL_STEPS,
        version: int = 6,
        timeout_s: float = 60.0,
    ) -> None:
        kind, _, where = endpoint.partition(":")
        if kind == "unix":
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(timeout_s)
            self._socket.connect(where)
        else:
            host, _, port = where.rpartition(":")
            self._socket = socket.create_connection((host.strip("[]"), int(port)), timeout_s)
        self._buffered = b""
        self._unsent = b""
        self._answer = Answer(reply="", fields=[])
        self._send(b"O", struct.pack("!III", version, actions, steps))
        try:
            command, offered = self._read()
            if command != b"O":
                raise Gone(f"negotiation answered with {command!r}")
        except Gone:
            self._socket.close()
            raise
        _, self.actions, self.steps = struct.unpack("!III", offered[:12])
        self.symbols = offered[12:]  # the macros the milter asked for

    def connect(self, name: str | bytes = "mx.sender.test", address: str = "192.0.2.1") -> str:
        """The client's name and address: IPv4, IPv6, a path, or "" for an unknown one."""
        if not address:
            family = b"U"
        elif address.startswith("/"):
            family = b"L"
        else:
            family = b"6" if ":" in address else b"4"
        where = b"" if family == b"U" else struct.pack("!H", 40_000) + address.encode() + b"\0"
        return self._step(b"C", _strings(name) + family + where)

    def helo(self, name: str | bytes = "mx.sender.test") -> str:
        """HELO or EHLO."""
        return self._step(b"H", _strings(name))

    def macros(self, command: bytes, **values: str) -> None:
        """Macros for the command that follows."""
        named = [((k if len(k) == 1 else f"{{{k}}}"), v) for k, v in values.items()]
        octets = command + b"".join(f"{k}\0{v}\0".encode() for k, v in named)
        self._unsent += _packet(b"D", octets)  # Postfix sends macros and command together

    def mail(self, path: bytes | str = "<a@sender.test>", *parameters: str) -> str:
        """MAIL FROM."""
        self._answer = Answer(reply="", fields=[])
        return self._step(b"M", _strings(path, *parameters))

    def rcpt(self, path: bytes | str = "<info@firma.test>", *parameters: str) -> str:
        """RCPT TO."""
        return self._step(b"R", _strings(path, *parameters))

    def header(self, name: str, value: bytes | str) -> str:
        """One field, its value without the space after the colon, which is added as negotiated."""
        octets = value if isinstance(value, bytes) else value.encode()
        self._answer.fields.append((name, octets))
        space = b" " if self.steps & LEADING_SPACE else b""
        return self._step(b"L", name.encode() + b"\0" + space + octets + b"\0")

    def end_of_header(self) -> str:
        """The empty line."""
        return self._step(b"N", b"")

    def body(self, octets: bytes) -> str:
        """The body, in chunks as Postfix cuts it."""
        reply = "continue"
        for start in range(0, len(octets), _CHUNK):
            reply = self._step(b"B", octets[start : start + _CHUNK])
            if reply != "continue":
                break
        return reply

    def end(self, queue_id: str = "4XyZ1", rest: bytes = b"") -> Answer:
        """End of message: the reply and every change that came before it."""
        if queue_id:
            self.macros(b"E", i=queue_id)
        self._send(b"E", rest)
        self._answer.reply = self._reply()
        return self._answer

    def message(
        self,
        fields: list[tuple[str, bytes | str]],
        body: bytes = b"Hello\r\n",
        *,
        sender: bytes | str = "<a@sender.test>",
        recipients: tuple[bytes | str, ...] = ("<info@firma.test>",),
        queue_id: str = "4XyZ1",
    ) -> Answer:
        """A whole transaction."""
        replies = [self.mail(sender), *(self.rcpt(path) for path in recipients)]
        replies += [self.header(name, value) for name, value in fields]
        replies += [self.end_of_header(), self.body(body)]
        early = next((reply for reply in replies if reply != "continue"), None)
        if early is not None:
            self._answer.reply = early
            return self._answer
        return self.end(queue_id)

    def abort(self) -> None:
        """The message will not come."""
        self._send(b"A", b"")

    def close(self) -> None:
        """QUIT and hang up."""
        try:
            self._send(b"Q", b"")
        except OSError:
            pass
        self._socket.close()

    def hang_up(self) -> None:
        """Hang up without a word."""
        self._socket.close()

    def raw(self, octets: bytes) -> None:
        """Octets as they are."""
        self._socket.sendall(octets)

    def __enter__(self) -> "MilterClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _step(self, command: bytes, octets: bytes) -> str:
        if self.steps & _NOT_SENT.get(command, 0):
            return "continue"
        self._send(command, octets)
        if self.steps & _NO_REPLY.get(command, 0):
            return "continue"
        return self._reply()

    def _reply(self) -> str:
        while True:
            command, octets = self._read()
            if command in _REPLIES:
                return _REPLIES[command]
            if command == b"y":
                return octets.rstrip(b"\0").decode()
            if command not in _CHANGES:
                raise Gone(f"unknown reply {command!r}")
            self._change(command, octets)

    def _change(self, command: bytes, octets: bytes) -> None:
        if command == b"q":
            self._answer.quarantined = octets.rstrip(b"\0").decode()
        elif command == b"i":
            name, value, _ = octets[4:].split(b"\0")
            index = int.from_bytes(octets[:4], "big")
            self._answer.inserted.append((index, name.decode(), value))
            self._answer.fields.insert(index, (name.decode(), value))
        elif command == b"m":
            name, value, _ = octets[4:].split(b"\0")
            assert not value, "this milter only deletes"
            self._delete(name.decode(), int.from_bytes(octets[:4], "big"))
        else:
            raise Gone(f"unexpected change {command!r}")

    def _delete(self, name: str, index: int) -> None:
        self._answer.removed.append((name, index))
        same = [
            position
            for position, (found, _) in enumerate(self._answer.fields)
            if found.lower() == name.lower()
        ]
        del self._answer.fields[same[index - 1]]

    def _send(self, command: bytes, octets: bytes) -> None:
        packets, self._unsent = self._unsent + _packet(command, octets), b""
        self._socket.sendall(packets)

    def _read(self) -> tuple[bytes, bytes]:
        (length,) = struct.unpack("!I", self._take(4))
        packet = self._take(length)
        return packet[:1], packet[1:]

    def _take(self, count: int) -> bytes:
        while len(self._buffered) < count:
            try:
                more = self._socket.recv(65_536)
            except OSError as error:
                raise Gone(str(error)) from error
            if not more:
                raise Gone("connection closed")
            self._buffered += more
        taken, self._buffered = self._buffered[:count], self._buffered[count:]
        return taken


def _packet(command: bytes, octets: bytes) -> bytes:
    return struct.pack("!I", len(octets) + 1) + command + octets


def _strings(*texts: bytes | str) -> bytes:
    return b"".join((t if isinstance(t, bytes) else t.encode()) + b"\0" for t in texts)
