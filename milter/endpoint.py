"""Where the milter listens: [milter] socket made ready, opened through libmilter and removed.

In: "unix:/path" or "inet:HOST:PORT". Out: libmilter's listening socket, with the wanted mode
from its first moment on; or a `ListenError` that says what is wrong and how to mend it, because
libmilter itself only says "cannot opensocket".

libmilter takes no socket from us, but asks for its own by number. So where a predecessor left one
(postroom/succession.py), libmilter opens some other of the same family, and the predecessor's is
put in its place; and it stops listening when one that nobody knows is put there.
"""

import contextlib
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from postroom.failure import PermanentFailure
from postroom.succession import identity, inherited

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


@dataclass(slots=True, kw_only=True)
class Listening:
    """An open endpoint."""

    number: int  # libmilter's file descriptor
    path: Path | None = None  # of a unix socket that is ours to remove
    identity: tuple[int, int] | None = None  # of what has that name
    inherited: bool = False  # a predecessor may still accept from it

    def remove(self) -> None:
        """Takes the unix socket's name away: nobody new connects, open connections go on."""
        if self.path is not None and identity(self.path) == self.identity:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def cede(self) -> None:
        """Leaves the endpoint to a successor that has it too; open connections go on."""
        self.path = None
        with socket.socket(socket.AF_UNIX) as unknown:
            unknown.bind("")  # the kernel finds a name, unix(7) "Autobind feature"
            unknown.listen()
            os.dup2(unknown.fileno(), self.number, inheritable=False)


def listen(endpoint: str, mode: str) -> Listening:
    """Opens the endpoint; libmilter's callbacks must have been registered.

    `mode` is octal text and applies to a unix socket. Raises ListenError.
    """
    kind, _, where = endpoint.partition(":")
    path = Path(where) if kind == "unix" else None
    left = inherited(endpoint)
    try:
        if left:
            number = _take_over(left[0], path)
        elif path is not None:
            _make_way(endpoint, path)
            number = _open_unix(path)
        else:
            number = _open(_tcp(where))
    except Milter.error as error:
        problem = (
            "cannot listen there; is the port taken, or the address not ours?"
            if path is None
            else "libmilter cannot open it, see the system log"
        )
        raise ListenError(endpoint, problem, error) from error
    if path is None:
        _answer_at_once(number)
    else:
        path.chmod(int(mode, 8))
    # While two processes accept from it, each must find out that the other was faster.
    os.set_blocking(number, False)
    return Listening(
        number=number,
        path=path,
        identity=identity(path) if path else None,
        inherited=bool(left),
    )


def _take_over(left: socket.socket, path: Path | None) -> int:
    """Puts a predecessor's socket in the place of one that libmilter opens."""
    with left:
        if path is not None:
            passing = path.with_name(f".{os.getpid()}")  # in a folder that we may write to
            passing.unlink(missing_ok=True)
            number = _open_unix(passing, besides=left)
            passing.unlink()
        else:
            is_ipv6 = left.family == socket.AF_INET6
            number = _open("inet6:0@::1" if is_ipv6 else "inet:0@127.0.0.1", besides=left)
        os.dup2(left.fileno(), number, inheritable=False)
    return number


def _open_unix(path: Path, besides: socket.socket | None = None) -> int:
    # bind(2) makes the socket with 0777 less the umask; nobody may connect before chmod.
    umask = os.umask(0o777)
    try:
        return _open(f"unix:{path}", besides)
    finally:
        os.umask(umask)


def _tcp(where: str) -> str:
    """HOST:PORT as libmilter wants it."""
    host, _, port = where.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    return f"{'inet6' if ':' in bare else 'inet'}:{port}@{bare}"


def _open(name: str, besides: socket.socket | None = None) -> int:
    """Has libmilter listen there; the file descriptor, which it shows nobody."""
    Milter.setconn(name)
    Milter.opensocket(False)
    for number in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            with socket.socket(fileno=os.dup(number)) as found:
                listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if listens and (besides is None or number != besides.fileno()):
                return number  # the only other one that this process has
    raise Milter.error("no listening socket")


def _answer_at_once(number: int) -> None:
    """Turns Nagle's algorithm off for what libmilter accepts.

    libmilter writes each header change and the reply by itself; over TCP the second would wait
    40 ms for the peer's delayed acknowledgement. Connections inherit the option from the
    listening socket.
    """
    with socket.socket(fileno=os.dup(number)) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


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
