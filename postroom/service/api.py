"""The API process: uvicorn in front of postroom/api."""

import asyncio

from postroom import maillog
from postroom.api.app import application
from postroom.config import Config

from . import terminated
from .web import web_server

_LOOPBACK = ("127.", "[::1]", "localhost")


async def run_api(config: Config) -> None:
    """Serves until SIGTERM, then finishes the requests that run."""
    if not config.api.listen:  # it was taken out of the configuration meanwhile
        await terminated()
        return
    if not config.api.listen.startswith(_LOOPBACK):
        maillog.degraded(part="api", reason="listens-beyond-this-host-without-tls")
    server = web_server(application(config), config.api.listen)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve())
        waiting = group.create_task(terminated())
        maillog.started("api", listen=config.api.listen)
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        server.should_exit = True
    maillog.stopped("api")
