"""The bus between hosts: Redis Streams that wake workers, and that others can read.

In: `[redis]`. Out: a `Ringer` for whoever commits actions, a `Bell` for workers, and `Streams` that
events are published to. Three streams, their names beginning with `redis.prefix`:

    PREFIX:wake     "there is work", read by the consumer group "workers": a ring wakes one worker
    PREFIX:events   every event as a CloudEvent
    PREFIX:failed   the failed actions: one entry when an action becomes dead, one when it is
                    retried or dropped; the state in the latest entry of an action is its own

Redis is never asked for the truth, which is the outbox in the database. A ring that is lost, a
Redis that is dead, slow, empty or full costs at most `worker.poll` seconds; whoever rings waits
for nothing.

Limits: a ring that reaches a worker whose places are all taken wakes nobody else.
"""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError, WatchError

from postroom import maillog
from postroom.config import Config, RedisSection
from postroom.failure import TemporaryFailure

_GROUP = "workers"
_MOST_RINGS = 1_000  # kept; more than that say nothing new
_BLOCK_S = 2.0  # one question for rings; then asked again, so that a dead peer is noticed
_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)  # before Redis is tried again
_GONE_AFTER_MS = 86_400_000  # a consumer that was silent for so long belongs to no process
_MOST_RACES = 20  # with other publishers, about the same entries
_TROUBLE = (RedisError, OSError, TimeoutError)


class LocalBell(Protocol):
    """The doorbell of this host (postroom/doorbell.py)."""

    async def wait(self, timeout_s: float) -> None:
        """Returns when rung, or after `timeout_s` seconds."""
        ...


def connect(section: RedisSection, wait_s: float = 0.0) -> "Redis":
    """A client that gives up after `redis.timeout` (and `wait_s` more) and does not try again.

    Where the password's file cannot be read it has none, and Redis will say so.
    """
    password = None
    if section.password_file is not None:
        try:
            password = section.password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            maillog.degraded(part="redis", reason="password-unreadable")
    client: Redis = Redis.from_url(
        section.url,
        password=password,
        socket_connect_timeout=section.timeout,
        socket_timeout=section.timeout + wait_s,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
    return client


class Ringer:
    """Rings on every host, from any thread, without waiting.

    The local bell is rung at once; rings for Redis pile up as one while it is being told.
    """

    def __init__(self, config: Config, local: Callable[[], None]) -> None:
        self._section = config.redis
        self._local = local
        self._rung = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self) -> None:
        """Rings."""
        self._local()
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: we are going down
                self._loop.call_soon_threadsafe(self._rung.set)

    async def run(self) -> None:
        """Tells Redis until cancelled; returns at once where there is none."""
        if not self._section.url:
            return
        self._loop = asyncio.get_running_loop()
        client = connect(self._section)
        try:
            # Whatever goes wrong: the workers look by themselves, a moment later.
            await _again_and_again(lambda: self._tell(client), "redis")
        finally:
            await client.aclose()

    async def _tell(self, client: "Redis") -> None:
        await self._rung.wait()
        self._rung.clear()
        await ring(client, self._section)


async def ring(client: "Redis", section: RedisSection) -> None:
    """Puts one ring on the stream. Raises RedisError or OSError."""
    name = f"{section.prefix}:wake"
    await client.xadd(name, {"ring": "1"}, maxlen=_MOST_RINGS, approximate=True)


async def ring_once(section: RedisSection) -> None:
    """Rings from a program that ends soon; silent where Redis does not answer."""
    client = connect(section)
    try:
        with contextlib.suppress(*_TROUBLE):
            await ring(client, section)
    finally:
        await client.aclose()


class BusBell:
    """A worker's bell: rung on this host or on any other."""

    def __init__(self, config: Config, local: LocalBell) -> None:
        self._section = config.redis
        self._local = local
        self._woken = asyncio.Event()
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    async def wait(self, timeout_s: float) -> None:
        """Returns when rung, or after `timeout_s` seconds."""
        waiting = {
            asyncio.ensure_future(self._local.wait(timeout_s)),
            asyncio.ensure_future(self._woken.wait()),
        }
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        self._woken.clear()

    async def run(self) -> None:
        """Listens until cancelled; returns at once where there is no Redis."""
        if not self._section.url:
            return
        client = connect(self._section, _BLOCK_S)
        try:
            await _again_and_again(lambda: self._listen(client), "redis")
        finally:
            with contextlib.suppress(*_TROUBLE):
                await client.xgroup_delconsumer(self._stream, _GROUP, self._name)
            await client.aclose()

    @property
    def _stream(self) -> str:
        return f"{self._section.prefix}:wake"

    async def _listen(self, client: "Redis") -> None:
        """One question; what was rung while nobody listened counts as one ring."""
        streams: dict[Any, Any] = {self._stream: ">"}
        try:
            found = await client.xreadgroup(
                _GROUP, self._name, streams, count=100, block=int(_BLOCK_S * 1_000), noack=True
            )
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            await self._make_group(client)  # the first time, and after everything was flushed
            self._woken.set()
            return
        if found:
            self._woken.set()

    async def _make_group(self, client: "Redis") -> None:
        try:
            await client.xgroup_create(self._stream, _GROUP, id="$", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        for consumer in await client.xinfo_consumers(self._stream, _GROUP):
            if consumer["idle"] > _GONE_AFTER_MS:
                await client.xgroup_delconsumer(self._stream, _GROUP, consumer["name"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a stream."""

    stream: str  # "events" or "failed"
    number: int  # of the event it tells
    fields: dict[str, str]


class Streams:
    """The streams that others read. An entry's id is the number of the event it tells.

    Beside them, PREFIX:mark says up to which event they were told. It is written together with the
    entries, so that a Redis that comes back with older contents has an older mark.
    """

    def __init__(self, section: RedisSection) -> None:
        self._section = section
        self._client = connect(section)
        self._mark = f"{section.prefix}:mark"

    async def place(self) -> int | None:
        """The number of the last event this Redis was told of.

        None where it cannot be known: Redis is new, has lost all, or its mark is of an older
        Postroom. Raises TemporaryFailure(redis).
        """
        try:
            return _place_in(await self._client.get(self._mark))
        except _TROUBLE as error:
            raise TemporaryFailure("redis", error) from error

    async def add(self, entries: Sequence[Entry], *, place: int, after: int | None = None) -> bool:
        """Adds entries in order and moves its place on to `place`, both or neither.

        What is there already is left alone. False, and nothing is added, where this Redis has not
        (any more) what came up to `after`. Raises TemporaryFailure(redis).
        """
        try:
            async with self._client.pipeline(transaction=True) as pipe:
                for _ in range(_MOST_RACES):
                    with contextlib.suppress(WatchError):  # another publisher was faster
                        return await self._add(pipe, entries, place, after)
        except _TROUBLE as error:
            raise TemporaryFailure("redis", error) from error
        raise TemporaryFailure("redis")

    async def _add(
        self, pipe: "Pipeline", entries: Sequence[Entry], place: int, after: int | None
    ) -> bool:
        await pipe.watch(self._mark)  # also ends with the connection: a restart in between is seen
        told = _place_in(await pipe.get(self._mark))
        if after is not None and (told is None or told < after):
            return False
        pipe.multi()  # type: ignore[no-untyped-call]
        for entry in entries:
            pipe.xadd(
                f"{self._section.prefix}:{entry.stream}",
                entry.fields,  # type: ignore[arg-type]
                id=f"{entry.number}-1",
                maxlen=self._section.max_length,
                approximate=True,
            )
        pipe.set(self._mark, f"{max(place, told or 0)}-1")
        for answer in await pipe.execute(raise_on_error=False):
            # Another publisher was faster, or we were before we could say so.
            if isinstance(answer, Exception) and "equal or smaller" not in str(answer):
                raise answer
        return True

    async def close(self) -> None:
        """Ends the connection."""
        await self._client.aclose()


def _place_in(mark: Any) -> int | None:
    """The number in a mark, "17-1" as entries' ids are; that of an older Postroom has none."""
    number, _, more = (mark or "").partition("-")
    return int(number) if more and number.isdecimal() else None


def is_cancelled() -> bool:
    """Whether this task was cancelled, also when a library has swallowed that.

    Seen with redis-py on Python 3.11, whose asyncio.wait_for does so when a result comes in the
    same moment. A loop without an end asks, lest it outlive its service.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _again_and_again(work: Callable[[], Awaitable[None]], part: str) -> None:
    """Does it over and over; trouble is told once and waited out."""
    failures = 0
    while not is_cancelled():
        try:
            await work()
            failures = 0
        except _TROUBLE as error:
            if failures == 0:
                maillog.degraded(part=part, reason=f"not-reached: {type(error).__name__}")
            await asyncio.sleep(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)])
            failures += 1
        except Exception as error:  # noqa: BLE001  boundary: the bus may cost time, nothing else
            maillog.bug(part, error)
            await asyncio.sleep(_PAUSES_S[-1])
