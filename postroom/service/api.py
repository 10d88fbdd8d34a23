"""The API process: uvicorn in front of postroom/api."""

import asyncio
import contextlib
from collections.abc import Iterator

import uvicorn

from postroom import maillog
from postroom.api.app import application
from postroom.config import Config

from . import terminated

_LOOPBACK = ("127.", "[::1]", "localhost")
_MOST_AT_ONCE = 64  # requests; one more is 503
_DRAIN_S = 10


class _Server(uvicorn.Server):
    """A server that leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn would raise them again afterwards, and a drained part would look killed."""
        yield


async def run_api(config: Config) -> None:
    """Serves until SIGTERM, then finishes the requests that run."""
    if not config.api.listen:  # it was taken out of the configuration meanwhile
        await terminated()
        return
    host, _, port = config.api.listen.rpartition(":")
    if not host.startswith(_LOOPBACK):
        maillog.degraded(part="api", reason="listens-beyond-this-host-without-tls")
    server = _Server(
        uvicorn.Config(
            application(config),
            host=host.strip("[]"),
            port=int(port),
            log_level="critical",
            access_log=False,
            server_header=False,
            limit_concurrency=_MOST_AT_ONCE,
            timeout_graceful_shutdown=_DRAIN_S,
        )
    )
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve())
        waiting = group.create_task(terminated())
        maillog.started("api", listen=config.api.listen)
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        server.should_exit = True
    maillog.stopped("api")
