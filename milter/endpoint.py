"""Where the milter listens: [milter] socket made ready, opened through libmilter and removed.

In: "unix:/path" or "inet:HOST:PORT". Out: libmilter's listening socket, with the wanted mode
from its first moment on; or a `ListenError` that says what is wrong and how to mend it, because
libmilter itself only says "cannot opensocket".
"""

import contextlib
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from postroom.failure import PermanentFailure

from .binding import Milter

_LONGEST_PATH = 107  # octets of sockaddr_un.sun_path on Linux, without the final NUL


class ListenError(PermanentFailure):
    """The milter socket cannot be opened; the text says why and what to do."""

    def __init__(self, endpoint: str, problem: str, cause: BaseException | None = None) -> None:
        super().__init__("milter-socket-unusable", cause)
        self.endpoint = endpoint
        self.problem = problem

    def __str__(self) -> str:
        return f"milter.socket = {self.endpoint!r}: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """An open endpoint."""

    path: Path | None  # of the unix socket; None for TCP
    inode: int = 0  # of the unix socket, so that a successor's is not removed

    def remove(self) -> None:
        """Takes the unix socket's name away: nobody new connects, open connections go on."""
        if self.path is None:
            return
        with contextlib.suppress(OSError):
            if self.path.stat().st_ino == self.inode:
                self.path.unlink()


def listen(endpoint: str, mode: str) -> Listening:
    """Opens the endpoint; libmilter's callbacks must have been registered.

    `mode` is octal text and applies to a unix socket. Raises ListenError.
    """
    kind, _, where = endpoint.partition(":")
    if kind == "unix":
        return _listen_unix(endpoint, Path(where), int(mode, 8))
    host, _, port = where.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    family = "inet6" if ":" in bare else "inet"
    try:
        _open(f"{family}:{port}@{bare}")
    except Milter.error as error:
        raise ListenError(
            endpoint, "cannot listen there; is the port taken, or the address not ours?", error
        ) from error
    _answer_at_once()
    return Listening(path=None)


def _answer_at_once() -> None:
    """Turns Nagle's algorithm off for what libmilter accepts.

    libmilter writes each header change and the reply by itself; over TCP the second would wait
    40 ms for the peer's delayed acknowledgement. It shows nobody its socket, but connections
    inherit the option from the listening one, which is the only one this process has.
    """
    for number in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            with socket.socket(fileno=os.dup(number)) as found:
                if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _listen_unix(endpoint: str, path: Path, mode: int) -> Listening:
    _make_way(endpoint, path)
    # bind(2) makes the socket with 0777 less the umask; nobody may connect before chmod.
    umask = os.umask(0o777)
    try:
        _open(f"unix:{path}")
    except Milter.error as error:
        raise ListenError(
            endpoint, "libmilter cannot open it, see the system log", error
        ) from error
    finally:
        os.umask(umask)
    path.chmod(mode)
    return Listening(path=path, inode=path.stat().st_ino)


def _open(name: str) -> None:
    Milter.setconn(name)
    Milter.opensocket(False)


def _make_way(endpoint: str, path: Path) -> None:
    """Removes a stale socket and finds out beforehand what libmilter would only log."""
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise ListenError(endpoint, f"the path is longer than {_LONGEST_PATH} octets; shorten it")
    folder = path.parent
    if not folder.is_dir():
        raise ListenError(endpoint, f"the folder {folder} does not exist; create it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ListenError(endpoint, f"the folder {folder} is not writable for this user")
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ListenError(endpoint, "there is a file of that name that is no socket; move it away")
    if _answers(path):
        raise ListenError(endpoint, "another process listens there; stop it first")
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ListenError(endpoint, f"the stale socket stays ({error.strerror})", error) from error


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
