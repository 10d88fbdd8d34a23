"""A real Redis between workers: it wakes them, and when it dies nothing is lost but time."""

import asyncio
import socket
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from postroom.actions import outbox
from postroom.actions.bus import BusBell, Ringer, ring_once
from postroom.actions.outbox import Done, Leased
from postroom.actions.worker import Worker
from postroom.clock import SystemClock
from postroom.config import Config
from postroom.decision import Step
from postroom.doorbell import Doorbell
from postroom.store.engine import Database
from postroom.store.schema import ACTION
from tests.fakes import post, redis_server

pytestmark = pytest.mark.skipif(bool(redis_server.missing()), reason=redis_server.missing() or "-")
LONG = 600.0  # seconds between two looks: whoever works before was woken


@pytest.fixture
def server() -> Iterator[redis_server.RedisServer]:
    with tempfile.TemporaryDirectory(prefix="rd-") as name:  # a socket's path must be short
        with redis_server.RedisServer(Path(name)) as running:
            yield running


def settings(url: str, poll: float = LONG) -> Config:
    return post.config(redis={"url": url, "timeout": 0.5}, worker={"poll": poll})


class Host:
    """A worker as on a host of its own; what it did, by key."""

    def __init__(self, config: Config, database: Database, folder: Path, name: str) -> None:
        self.done: Counter[str] = Counter()
        self._doorbell = Doorbell(folder / f"{name}.bell")
        self.bell = BusBell(config, self._doorbell)
        self.worker = Worker(
            config, database, SystemClock(), {Step.DELIVER: self._perform}, self.bell
        )

    async def _perform(self, leased: Leased) -> Done:
        self.done[leased.key] += 1
        await asyncio.sleep(0)
        return Done(result="x")

    @asynccontextmanager
    async def working(self) -> AsyncIterator["Host"]:
        listening = asyncio.create_task(self.bell.run())
        working = asyncio.create_task(self.worker.run())
        try:
            yield self
        finally:
            self.worker.stop()
            await working
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            self._doorbell.close()


def put(database: Database, name: str) -> None:
    now = SystemClock().now()
    number = post.take(database, name, at=now)
    with database.transaction() as connection:
        outbox.put(connection, number, [post.simple_action(name)], now, "lmtp")


def states(database: Database) -> Counter[str]:
    with database.reading() as connection:
        return Counter(connection.execute(select(ACTION.c.state)).scalars())


async def until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def ringing(config: Config) -> AsyncIterator[Ringer]:
    ringer = Ringer(config, lambda: None)  # the host that rings has no worker
    task = asyncio.create_task(ringer.run())
    await asyncio.sleep(0)
    try:
        yield ringer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def listened(server: redis_server.RedisServer) -> None:
    """Returns when a worker asks the stream."""
    with server.client() as client:
        await until(lambda: bool(client.exists("postroom:wake")))


def test_a_ring_on_one_host_wakes_a_worker_on_another(
    server: redis_server.RedisServer, database: Database, tmp_path: Path
) -> None:
    config = settings(server.url)

    async def talk() -> None:
        async with Host(config, database, tmp_path, "a").working(), ringing(config) as ring:
            await listened(server)
            for name in ("d1", "d2", "d3"):
                put(database, name)
                ring()
                await until(lambda: set(states(database)) == {"done"})

    asyncio.run(talk())


def test_a_program_that_ends_at_once_rings_too(
    server: redis_server.RedisServer, database: Database, tmp_path: Path
) -> None:
    config = settings(server.url)

    async def talk() -> None:
        async with Host(config, database, tmp_path, "a").working():
            await listened(server)
            put(database, "d1")
            await ring_once(config.redis)
            await until(lambda: states(database)["done"] == 1)

    asyncio.run(talk())


@pytest.mark.slow
def test_redis_killed_flushed_and_back_costs_no_action(
    server: redis_server.RedisServer, database: Database, tmp_path: Path
) -> None:
    config = settings(server.url, poll=0.3)
    hosts = [Host(config, database, tmp_path, name) for name in "ab"]

    async def talk() -> None:
        async with hosts[0].working(), hosts[1].working(), ringing(config) as ring:
            await listened(server)
            for number in range(60):
                put(database, f"d{number}")
                ring()
                match number:
                    case 15 | 45:
                        with server.client() as client:
                            client.flushall()
                    case 25:
                        server.kill()
                    case 35:
                        await asyncio.to_thread(server.start)
                await asyncio.sleep(0)
            await until(lambda: states(database)["done"] == 60)

    asyncio.run(talk())
    done = hosts[0].done + hosts[1].done
    assert (len(done), set(done.values())) == (60, {1})


@pytest.mark.slow
def test_workers_are_woken_again_after_redis_has_lost_all(
    server: redis_server.RedisServer, database: Database, tmp_path: Path
) -> None:
    config = settings(server.url)

    async def talk() -> None:
        async with Host(config, database, tmp_path, "a").working(), ringing(config) as ring:
            await listened(server)
            server.kill()
            await asyncio.to_thread(server.start)
            await listened(server)  # the group is there again
            put(database, "d1")
            ring()
            await until(lambda: states(database)["done"] == 1)

    asyncio.run(talk())


@pytest.mark.slow
def test_a_redis_that_never_answers_holds_up_nobody(database: Database, tmp_path: Path) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        config = settings(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0", poll=0.2)

        async def talk() -> None:
            async with Host(config, database, tmp_path, "a").working(), ringing(config) as ring:
                for number in range(5):
                    put(database, f"d{number}")
                    ring()  # returns at once; the worker's own look finds it
                await until(lambda: states(database)["done"] == 5)
            await ring_once(config.redis)

        asyncio.run(talk())


def test_a_password_that_cannot_be_read_stops_nothing(
    server: redis_server.RedisServer, database: Database, tmp_path: Path
) -> None:
    """Redis says no, and the worker works on."""
    with server.client() as client:
        client.config_set("requirepass", "secret")
    config = settings(server.url, poll=0.2)
    section = config.redis.model_copy(update={"password_file": tmp_path / "nothing"})
    config = config.model_copy(update={"redis": section})

    async def talk() -> None:
        async with Host(config, database, tmp_path, "a").working(), ringing(config) as ring:
            put(database, "d1")
            ring()
            await until(lambda: states(database)["done"] == 1)

    asyncio.run(talk())


def test_a_password_opens_redis(
    server: redis_server.RedisServer, database: Database, tmp_path: Path
) -> None:
    config = settings(server.url)
    (tmp_path / "password").write_text("secret\n")
    section = config.redis.model_copy(update={"password_file": tmp_path / "password"})
    config = config.model_copy(update={"redis": section})
    with server.client() as client:
        client.config_set("requirepass", "secret")

        async def talk() -> None:
            async with Host(config, database, tmp_path, "a").working(), ringing(config) as ring:
                await until(lambda: bool(client.exists("postroom:wake")))
                put(database, "d1")
                ring()
                await until(lambda: states(database)["done"] == 1)

        asyncio.run(talk())


def test_without_redis_there_is_only_the_bell_of_this_host(tmp_path: Path) -> None:
    config = post.config()
    rung: list[int] = []

    async def talk() -> None:
        ringer = Ringer(config, lambda: rung.append(1))
        await ringer.run()
        ringer()
        doorbell = Doorbell(tmp_path / "bell")
        await BusBell(config, doorbell).run()
        doorbell.close()

    asyncio.run(talk())
    assert rung == [1]
