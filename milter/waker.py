"""Keeps libmilter's pool of threads from letting a session wait behind other people's messages.

Debian builds libmilter with a pool: a thread that has nothing to do is given the next session
that has something to say. Two sessions that speak in the same instant are both given to the one
idle thread; the second is then looked at when *any* thread comes back, and when all of them wait
for a slow DNS server that takes as long as DNS does. So while examinations last, we say something
meaningless on a connection of our own: a thread comes, sees to it, and takes the session that
was left. The connection is the first one, because the pool looks in that order.
In: the endpoint, and which examinations last. Out: a milter packet every 20 ms, and no reply.
Limits: none is needed and none does harm where libmilter has a thread per connection.
"""

import asyncio
import contextlib
from collections.abc import Iterator

_EVERY_S = 0.02
_ALIVE_S = 600.0  # libmilter drops a session that says nothing for two hours
# SMFIC_MACRO for the connect stage: no callback is called and nothing is answered.
_PACKET = b"\0\0\0\x06DCz\0z\0"


class Waker:
    """One connection to our own socket."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._examining = 0
        self._begun = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None

    @contextlib.contextmanager
    def examining(self) -> Iterator[None]:
        """While it is entered, threads are woken; from the event loop only."""
        self._examining += 1
        self._begun.set()
        try:
            yield
        finally:
            self._examining -= 1

    async def run(self, after_s: float = 0) -> None:
        """Wakes threads until it is cancelled; begins after a while."""
        await asyncio.sleep(after_s)
        try:
            await self._wake()
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._begun.wait(), _ALIVE_S)
                self._begun.clear()
                await asyncio.sleep(_EVERY_S)
                await self._wake()
                while self._examining:
                    await asyncio.sleep(_EVERY_S)
                    await self._wake()
        finally:
            self._drop()

    async def _wake(self) -> None:
        try:
            if self._writer is None:
                self._writer = await self._connect()
            self._writer.write(_PACKET)
            await self._writer.drain()
        except OSError:
            self._drop()  # connected anew at the next turn

    async def _connect(self) -> asyncio.StreamWriter:
        kind, _, where = self._endpoint.partition(":")
        if kind == "unix":
            return (await asyncio.open_unix_connection(where))[1]
        host, _, port = where.rpartition(":")
        own = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # "every address" cannot be connected to
        bare = host.removeprefix("[").removesuffix("]")
        return (await asyncio.open_connection(own.get(bare, bare), int(port)))[1]

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
