"""An HTTP server for an application of ours: uvicorn, quiet, and draining when it is told."""

import contextlib
from collections.abc import Iterator
from typing import Any

import uvicorn

_MOST_AT_ONCE = 64  # requests; one more is 503
_DRAIN_S = 10


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
            host=host.strip("[]"),
            port=int(port),
            log_level="critical",
            access_log=False,
            server_header=False,
            limit_concurrency=_MOST_AT_ONCE,
            timeout_graceful_shutdown=_DRAIN_S,
        )
    )
