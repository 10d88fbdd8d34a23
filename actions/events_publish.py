"""Publishes what happened: to Redis, to webhooks, to Kafka; each at its own pace.

In: the feed (events_feed.py). Out: entries, actions, records. Each sink has its own place in the
feed, so that one that is dead holds up no other, and catches up by itself. Events come at least
once; their id tells who has seen one already.

    redis      the stream of events, and that of failed actions. One that came back with less than
               it had is told again what it lost; after a FLUSHALL the newest events and all failed
               actions are put there again
    webhooks   one action per event and hook, put into the outbox in the transaction that moves the
               place on: from there on it is an action like any other, with its retries. A hook
               that said it is gone gets none (store/gonehooks.py)
    kafka      records, keyed by message so that one message's events keep their order
"""

import asyncio
import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from postroom import maillog
from postroom.codec import to_json
from postroom.config import Config
from postroom.decision import Action, Step
from postroom.failure import Failure
from postroom.store import gonehooks
from postroom.store.engine import Database

from . import events_feed as feed
from . import outbox
from .bus import Entry, Streams, is_cancelled
from .events import Happening, cloud_event, event_type, failed_entry
from .events_webhook import PlannedWebhook, wants

_NAMESPACE = uuid.UUID("0f5a3f3e-6b1d-5a55-9d0c-6d7a1f1f6f02")  # never changes: keys depend on it
_MOST = 500  # events of one step
_AT_ONCE = 100  # events of one transaction of Redis
_AGAIN = 1_000  # newest events put into a Redis that has lost all
_PAUSES_S = (0.2, 1.0, 2.0, 5.0, 10.0)  # before a sink that failed is tried again
_WHO = "events"


class Sink(Protocol):
    """Somewhere events go."""

    name: str

    async def publish(self, place: int, happenings: Sequence[Happening]) -> None:
        """Publishes them and moves the place on. Raises Failure; then it is done again."""
        ...

    async def place(self) -> int:
        """How far it is. Raises Failure."""
        ...

    async def close(self) -> None:
        """Ends its connections."""
        ...


class Publisher:
    """Runs every sink."""

    def __init__(self, config: Config, database: Database, sinks: Sequence[Sink]) -> None:
        self._poll_s = config.events.poll
        self._database = database
        self._sinks = sinks

    async def run(self) -> None:
        """Publishes until cancelled."""
        async with asyncio.TaskGroup() as group:
            for sink in self._sinks:
                group.create_task(self._serve(sink))

    async def _serve(self, sink: Sink) -> None:
        failures = 0
        while not is_cancelled():
            try:
                found = await self._step(sink)
                failures = 0
                pause_s = 0.0 if found else self._poll_s
            except Failure as failure:
                if failures == 0:
                    maillog.degraded(part=f"events-{sink.name}", reason=failure.reason)
                pause_s = _PAUSES_S[min(failures, len(_PAUSES_S) - 1)]
                failures += 1
            except Exception as error:  # noqa: BLE001  boundary: one sink's trouble is its own
                maillog.bug(f"events {sink.name}", error)
                pause_s = _PAUSES_S[-1]
            await asyncio.sleep(pause_s)

    async def _step(self, sink: Sink) -> bool:
        """Publishes what is new, in one go; whether there was something."""
        place = await sink.place()
        happenings = await asyncio.to_thread(feed.after, self._database, place, _MOST)
        if happenings:
            await sink.publish(place, happenings)
        return bool(happenings)


class RedisSink:
    """The streams of events and of failed actions."""

    name = "redis"

    def __init__(self, config: Config, database: Database) -> None:
        self._hostname = config.service.hostname
        self._database = database
        self._streams = Streams(config.redis)

    async def place(self) -> int:
        """How far it is; a Redis that has lost something it had is filled before."""
        place = await asyncio.to_thread(feed.position, self._database, self.name)
        told = await self._streams.place()
        if told is None:
            await self._fill(place)
        elif told < place:  # it came back with what it had at some earlier time
            await self._tell_again(told, place)
        return place

    async def publish(self, place: int, happenings: Sequence[Happening]) -> None:
        """Adds what is new; Redis itself refuses what it has."""
        if await self._tell(place, happenings):
            await asyncio.to_thread(self._move_on, happenings[-1].id)

    async def _fill(self, place: int) -> None:
        """What a Redis that is new, or has lost all, should have."""
        gone = await asyncio.to_thread(feed.dead, self._database, _AGAIN)
        entries = [
            Entry(stream="failed", number=one.id, fields=failed_entry(one))
            for one in gone
            if one.id <= place
        ]
        at = max(0, place - _AGAIN)
        await self._streams.add(entries, place=at)
        await self._tell_again(at, place)

    async def _tell_again(self, at: int, place: int) -> None:
        """Everything after `at` and up to `place`."""
        while at < place:
            again = await asyncio.to_thread(feed.after, self._database, at, _MOST)
            again = [one for one in again if one.id <= place]
            if not await self._tell(at, again):
                return  # it has lost that as well: asked for its place, it will say so
            at = again[-1].id if again else place
        await self._streams.add((), place=place, after=at)

    async def _tell(self, place: int, happenings: Sequence[Happening]) -> bool:
        """Adds what these say; False when Redis has not what came before, up to `place`."""
        for start in range(0, len(happenings), _AT_ONCE):
            some = happenings[start : start + _AT_ONCE]
            entries = [entry for one in some for entry in self._entries(one)]
            if not await self._streams.add(entries, place=some[-1].id, after=place):
                return False
            place = some[-1].id
        return True

    def _entries(self, happening: Happening) -> Iterator[Entry]:
        if kind := event_type(happening):
            told = {"type": kind, "event": cloud_event(happening, self._hostname)}
            yield Entry(stream="events", number=happening.id, fields=told)
        if failed := failed_entry(happening):
            yield Entry(stream="failed", number=happening.id, fields=failed)

    def _move_on(self, new: int) -> None:
        with self._database.transaction() as connection:
            feed.move_past(connection, self.name, new)

    async def close(self) -> None:
        """Ends the connection."""
        await self._streams.close()


class WebhookSink:
    """Actions that call the hooks."""

    name = "webhooks"

    def __init__(self, config: Config, database: Database) -> None:
        self._config = config
        self._database = database

    async def place(self) -> int:
        """How far it is."""
        return await asyncio.to_thread(feed.position, self._database, self.name)

    async def publish(self, place: int, happenings: Sequence[Happening]) -> None:
        """Puts the calls into the outbox; nothing is put twice."""
        await asyncio.to_thread(self._put, place, happenings)

    def _put(self, place: int, happenings: Sequence[Happening]) -> None:
        with self._database.transaction() as connection:
            if not feed.move(connection, self.name, place, happenings[-1].id):
                return  # another publisher has done it
            hooks = self._config.events.webhooks
            gone = gonehooks.gone(connection, {name: hook.url for name, hook in hooks.items()})
            for happening in happenings:
                calls = self._calls(happening, gone)
                if calls:
                    outbox.put(connection, happening.message, calls, happening.at, _WHO)

    def _calls(self, happening: Happening, gone: Collection[str]) -> list[Action]:
        kind = event_type(happening)
        if not kind:
            return []
        event = cloud_event(happening, self._config.service.hostname)
        return [
            Action(
                key=str(uuid.uuid5(_NAMESPACE, f"{happening.id}\n{name}")),
                step=Step.WEBHOOK,
                body=to_json(PlannedWebhook(hook=name, id=f"evt_{happening.id}", event=event)),
            )
            for name, hook in self._config.events.webhooks.items()
            if name not in gone and wants(hook, kind)
        ]

    async def close(self) -> None:
        """There is nothing to end."""
