"""The LMTP server: listens, keeps the sessions, drains.

In: connections from Postfix on a unix socket (with a mode) or TCP, and `take`, which stores one
message and answers per recipient (intake.py). Out: RFC 2033 conversations (session.py).

asyncio's accept loop survives running out of file descriptors: it pauses for a second and goes
on. A unix socket that somebody still listens on is not taken away from them.
"""

import asyncio
import socket
from pathlib import Path

from postroom import maillog
from postroom.config import Config
from postroom.failure import PermanentFailure

from .session import LmtpSession, Take

_BACKLOG = 128


class LmtpServer:
    """Listens at config.lmtp.socket between `start` and `stop`."""

    def __init__(self, config: Config, take: Take) -> None:
        self._config = config
        self._take = take
        self._live: set[LmtpSession] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Returns when connections are accepted.

        Raises PermanentFailure(socket-in-use) when another server listens there, and
        PermanentFailure(socket) when the socket cannot be made.
        """
        kind, _, place = self._config.lmtp.socket.partition(":")
        try:
            if kind == "unix":
                self._server = await self._listen_unix(Path(place))
            else:
                host, _, port = place.rpartition(":")
                self._server = await asyncio.get_running_loop().create_server(
                    self._session, host.strip("[]"), int(port), backlog=_BACKLOG
                )
        except OSError as error:
            raise PermanentFailure("socket", error) from error
        maillog.started("lmtp", socket=self._config.lmtp.socket)

    @property
    def port(self) -> int:
        """The TCP port in use; 0 on a unix socket."""
        if self._server is None or self._config.lmtp.socket.startswith("unix:"):
            return 0
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """How many peers are connected."""
        return len(self._live)

    async def stop(self) -> None:
        """Drains: no new connections, open transactions end, everyone else is told 421.

        What is still open after config.lmtp.deadline is closed; Postfix delivers it again.
        """
        if self._server is None:
            return
        self._server.close()
        for session in list(self._live):
            session.drain()
        try:
            async with asyncio.timeout(self._config.lmtp.deadline):
                await asyncio.gather(*(session.closed.wait() for session in self._live))
        except TimeoutError:
            for session in list(self._live):
                session.abort()
        await self._server.wait_closed()
        self._server = None
        kind, _, place = self._config.lmtp.socket.partition(":")
        if kind == "unix":
            Path(place).unlink(missing_ok=True)
        maillog.stopped("lmtp")

    def _session(self) -> LmtpSession:
        return LmtpSession(self._config, self._take, self._live)

    async def _listen_unix(self, path: Path) -> asyncio.Server:
        if path.is_socket() and _somebody_listens(path):
            raise PermanentFailure("socket-in-use")
        server = await asyncio.get_running_loop().create_unix_server(
            self._session, str(path), backlog=_BACKLOG
        )
        path.chmod(int(self._config.lmtp.socket_mode, 8))
        return server


def _somebody_listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
