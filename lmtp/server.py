"""The LMTP server: listens, keeps the sessions, drains.

In: connections from Postfix on a unix socket (with a mode) or TCP, and `take`, which stores one
message and answers per recipient (intake.py). Out: RFC 2033 conversations (session.py).

asyncio's accept loop survives running out of file descriptors: it pauses for a second and goes
on. A unix socket that somebody still listens on is not taken away from them; where a predecessor
left us its sockets (postroom/succession.py), those are used.
"""

import asyncio
import socket
from pathlib import Path
from typing import Any

from postroom import maillog
from postroom.config import Config
from postroom.failure import PermanentFailure
from postroom.succession import identity, inherited, tell_ready

from .session import LmtpSession, Take

_BACKLOG = 128
# Postfix comes back to a connection of its cache with RSET, and says MAIL at once after it: who
# has said nothing for so long is in no hurry, and reads our 421 before it begins a transaction.
_QUIET_S = 1.0


class LmtpServer:
    """Listens at config.lmtp.socket between `start` and `stop`."""

    def __init__(self, config: Config, take: Take) -> None:
        self._config = config
        self._take = take
        self._live: set[LmtpSession] = set()
        self._servers: list[asyncio.Server] = []
        self._path: Path | None = None  # of the unix socket, while it is ours to remove
        self._identity: tuple[int, int] | None = None  # of what has that name

    async def start(self) -> None:
        """Returns when connections are accepted.

        Raises PermanentFailure(socket-in-use) when another server listens there, and
        PermanentFailure(socket) when the socket cannot be made.
        """
        endpoint = self._config.lmtp.socket
        kind, _, place = endpoint.partition(":")
        try:
            if sockets := inherited(endpoint):
                self._servers = [await self._serve(sock=one) for one in sockets]
            elif kind == "unix":
                self._servers = [await self._listen_unix(Path(place))]
            else:
                host, _, port = place.rpartition(":")
                self._servers = [await self._serve(host=host.strip("[]"), port=int(port))]
            if kind == "unix":
                self._path = Path(place)
                self._path.chmod(int(self._config.lmtp.socket_mode, 8))
                self._identity = identity(self._path)
        except OSError as error:
            raise PermanentFailure("socket", error) from error
        maillog.started("lmtp", socket=endpoint)

    def tell_ready(self) -> None:
        """Tells the supervisor, if there is one, that we listen."""
        tell_ready(self._config.lmtp.socket, self._listening())

    @property
    def port(self) -> int:
        """The TCP port in use; 0 on a unix socket."""
        if not self._servers or self._config.lmtp.socket.startswith("unix:"):
            return 0
        port: int = self._servers[0].sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """How many peers are connected."""
        return len(self._live)

    async def hand_over(self) -> None:
        """Lets a successor that has our sockets take what comes from now on.

        Every peer may end one transaction; one that is quiet is told 421. Returns when all have
        gone, or after config.lmtp.deadline; `stop` has the rest.
        """
        self._path = None
        for number in self._listening():
            asyncio.get_running_loop().remove_reader(number)
        try:
            async with asyncio.timeout(self._config.lmtp.deadline):
                await asyncio.sleep(_QUIET_S)  # for what was accepted a moment ago
                while self._live:
                    for session in list(self._live):
                        session.retire(_QUIET_S)
                    await asyncio.sleep(_QUIET_S / 10)
        except TimeoutError:
            pass

    async def stop(self) -> None:
        """Drains: no new connections, open transactions end, everyone else is told 421.

        What is still open after config.lmtp.deadline is closed; Postfix delivers it again.
        """
        if not self._servers:
            return
        for server in self._servers:
            server.close()
        for session in list(self._live):
            session.drain()
        try:
            async with asyncio.timeout(self._config.lmtp.deadline):
                await asyncio.gather(*(session.closed.wait() for session in self._live))
        except TimeoutError:
            for session in list(self._live):
                session.abort()
        for server in self._servers:
            await server.wait_closed()
        self._servers = []
        if self._path is not None and identity(self._path) == self._identity:
            self._path.unlink(missing_ok=True)
        maillog.stopped("lmtp")

    def _session(self) -> LmtpSession:
        return LmtpSession(self._config, self._take, self._live)

    def _listening(self) -> list[int]:
        return [one.fileno() for server in self._servers for one in server.sockets]

    async def _serve(self, **where: Any) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(self._session, backlog=_BACKLOG, **where)

    async def _listen_unix(self, path: Path) -> asyncio.Server:
        if path.is_socket() and _somebody_listens(path):
            raise PermanentFailure("socket-in-use")
        if path.is_socket():
            path.unlink(missing_ok=True)
        own = socket.socket(socket.AF_UNIX)
        try:
            # Not create_unix_server: Python 3.13's takes the name away, a successor's too.
            own.bind(str(path))
            return await self._serve(sock=own)
        except OSError:
            own.close()
            raise


def _somebody_listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
