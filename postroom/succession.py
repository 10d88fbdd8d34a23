"""How a part hands its listening sockets to its successor, so that no connection is lost.

A part that listens tells the supervisor so over a channel inherited from it, and sends along its
sockets. When the supervisor replaces the part, the successor inherits them: both accept from one
queue of connections until the old part has been told SUCCEEDED, whereupon it takes no new
connection, and ends when those it has are over. A path is never unbound, so nobody is refused; nor
when a part dies, for the supervisor has its sockets for the next one.

In: two environment variables, taken at first use. Out: sockets; and one datagram
to the supervisor. Without a supervisor nothing is inherited and nobody is told.
Limits: who listens elsewhere than its predecessor opens a socket of its own.
"""

import contextlib
import os
import signal
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CHANNEL_VARIABLE = "POSTROOM_CHANNEL"  # file descriptor of the channel to the supervisor
INHERITED_VARIABLE = "POSTROOM_INHERITED"  # file descriptors and the endpoint: "5,6 unix:/path"
SUCCEEDED = signal.SIGUSR1  # "a successor accepts from your socket: take nothing new"
_LONGEST_ENDPOINT = 1_024
_MOST_SOCKETS = 16  # one for each address of a host name


@dataclass(frozen=True, slots=True)
class Estate:
    """Where a part listens, as its supervisor keeps it for a successor."""

    endpoint: str
    sockets: tuple[int, ...]  # file descriptors

    def variable(self) -> str:
        """The value of INHERITED_VARIABLE."""
        return f"{','.join(map(str, self.sockets))} {self.endpoint}"

    def unbind(self) -> None:
        """Takes a unix socket's name away."""
        kind, _, path = self.endpoint.partition(":")
        if kind == "unix":
            Path(path).unlink(missing_ok=True)

    def pass_on(self, to: "Estate | None") -> None:
        """Lets go of it once somebody else listens, who may do so elsewhere; None: nobody does."""
        if to is not None and to.endpoint != self.endpoint:
            self.unbind()
        self.close()

    def close(self) -> None:
        """Lets go of the sockets; the part itself keeps its own."""
        for number in self.sockets:
            with contextlib.suppress(OSError):
                os.close(number)


def inherited(endpoint: str) -> list[socket.socket]:
    """The sockets on which our predecessor listens, if that is at the same endpoint."""
    numbers, _, where = os.environ.pop(INHERITED_VARIABLE, "").partition(" ")
    sockets = [socket.socket(fileno=int(number)) for number in numbers.split(",") if number]
    for one in sockets:
        one.set_inheritable(False)
    kind, _, path = endpoint.partition(":")
    if where == endpoint and (kind != "unix" or Path(path).is_socket()):
        return sockets
    for one in sockets:
        one.close()
    return []


def tell_ready(endpoint: str, sockets: Iterable[int]) -> None:
    """Tells the supervisor that we listen there, on these file descriptors."""
    number = os.environ.pop(CHANNEL_VARIABLE, "")
    if not number:
        return
    with socket.socket(fileno=int(number)) as channel, contextlib.suppress(OSError):
        socket.send_fds(channel, [endpoint.encode()], list(sockets))


def heard(channel: socket.socket) -> Estate | None:
    """What the part said on its channel; None when it ended without a word."""
    said, numbers, *_ = socket.recv_fds(channel, _LONGEST_ENDPOINT, _MOST_SOCKETS)
    return Estate(said.decode(), tuple(numbers)) if said else None


def identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of what has that name, so that only one's own is removed."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
