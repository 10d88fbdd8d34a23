"""A crowd of mail servers that deliver at once, and how long each waited for its last answer.

In: a loopback port of Postfix, messages, how many clients. Out: the wall time of all and, for
each message, the time from the final dot to its reply. One SMTP session per message, as
strangers' mail comes.

Limits: the clients are threads of one Python process; they cost CPU on the same machine, the same
for whatever they talk to.
"""

import socket
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .postfix import LOOPBACK

_TIMEOUT_S = 60.0


class Refused(Exception):
    """Postfix did not answer 2xx or 3xx; the text is its reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message on its way."""

    client: str  # source address
    helo: str
    sender: str
    recipient: str
    raw: bytes  # CRLF line ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """What a burst of messages took."""

    seconds: float  # all of it
    waits: tuple[float, ...]  # seconds from the final dot to the reply, per message

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return len(self.waits) / self.seconds

    def percentile(self, percent: int) -> float:
        """The wait in milliseconds that so many per cent of the messages did not exceed."""
        waits = self.waits if len(self.waits) > 1 else self.waits * 2
        return statistics.quantiles(waits, n=100, method="inclusive")[percent - 1] * 1000


def burst(port: int, letters: list[Letter], concurrency: int) -> Burst:
    """Delivers all of them. Raises Refused, and OSError when a connection breaks."""
    with ThreadPoolExecutor(concurrency) as clients:
        began = time.perf_counter()
        waits = tuple(clients.map(lambda letter: deliver(port, letter), letters))
        return Burst(seconds=time.perf_counter() - began, waits=waits)


def deliver(port: int, letter: Letter) -> float:
    """Delivers one message; the seconds from the final dot to the reply (RFC 5321 4.1.1.4)."""
    content = letter.raw.replace(b"\r\n.", b"\r\n..")
    source = (letter.client, 0)
    with socket.create_connection((LOOPBACK, port), _TIMEOUT_S, source) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _answer(peer)
        _say(peer, f"EHLO {letter.helo}")
        _say(peer, f"MAIL FROM:<{letter.sender}>")
        _say(peer, f"RCPT TO:<{letter.recipient}>")
        _say(peer, "DATA")
        peer.sendall(content)
        began = time.perf_counter()
        peer.sendall(b".\r\n")
        _answer(peer)
        waited = time.perf_counter() - began
        _say(peer, "QUIT")
    return waited


def _say(peer: socket.socket, command: str) -> None:
    peer.sendall(command.encode() + b"\r\n")
    _answer(peer)


def _answer(peer: socket.socket) -> None:
    reply = b""
    while not reply.endswith(b"\r\n") or reply.splitlines()[-1][3:4] == b"-":
        piece = peer.recv(4096)
        if not piece:
            raise Refused(f"connection closed after {reply!r}")
        reply += piece
    if reply[:1] not in b"23":
        raise Refused(reply.decode(errors="replace").strip())
