"""An HTTP server for an application of ours: uvicorn, quiet, and draining when it is told.

A connection on which no request is begun is closed after some seconds, whatever came of its head.
How many requests may run at once is the application's own matter: uvicorn's limit counts
connections, so that idle ones would shut everybody out.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

_HEAD_S = 10.0  # for the whole head of a connection's next request; looked at as often
_DRAIN_S = 10


class _Connection(H11Protocol):
    """A connection that is closed when it asks for nothing; uvicorn itself waits for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(_HEAD_S, self._look, None)

    def _look(self, last: object) -> None:
        """Closes it where nothing runs and nothing ran since `last`, which was over already."""
        if self.transport.is_closing():
            return
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.cycle is last:
            self.transport.close()
        else:
            self.loop.call_later(_HEAD_S, self._look, self.cycle if idle else None)


class _Server(uvicorn.Server):
    """A server that leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn would raise them again afterwards, and a drained part would look killed."""
        yield


def web_server(application: Any, listen: str) -> uvicorn.Server:
    """A server for HOST:PORT; `serve()` runs it until its `should_exit` is set."""
    host, _, port = listen.rpartition(":")
    return _Server(
        uvicorn.Config(
            application,
            http=_Connection,
            host=host.strip("[]"),
            port=int(port),
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_DRAIN_S,
        )
    )
