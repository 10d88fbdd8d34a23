"""How many actions a second one worker finishes, and whether a full table slows it down.

    python -m tests.actions.bench_actions [--rows 1000 100000] [--actions 1000] [--url URL]

In: a migrated database with that many finished actions and some due ones; the performer does
nothing, so that only the outbox is measured: claim, attempt row, result, events, all durable.
Out: one line per size. Each action costs one durable commit for its end, and a claim is shared
by as many actions as there were free places.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select

from postroom.actions.outbox import Done, Leased
from postroom.actions.worker import Worker
from postroom.clock import SystemClock
from postroom.config import Config
from postroom.decision import Step
from postroom.doorbell import Doorbell
from postroom.store.engine import Database
from postroom.store.schema import ACTION, ATTEMPT, DELIVERY, EVENT, MESSAGE
from postroom.store.upgrade import upgrade
from tests.fakes.post import sqlite_url, take

_BATCH = 5_000
_PER_MESSAGE = 4  # order, reply, two deliveries


def rows(
    messages: Sequence[int], start: int, count: int, state: str, at: float
) -> Iterator[dict[str, object]]:
    """Actions like any others, a few for each message."""
    for number in range(start, start + count):
        yield {
            "message": messages[number // _PER_MESSAGE],
            "key": f"{number:036d}",
            "step": Step.DELIVER.value,
            "state": state,
            "body": '{"recipient":"info@firma.test","folder":"INBOX","category":"other"}',
            "after": "",
            "attempts": int(state == "done"),
            "created_at": at,
            "due_at": at,
            "finished_at": at if state == "done" else None,
            "result": "x" if state == "done" else "",
            "reason": "",
        }


def fill(connection: Connection, done: int, due: int) -> None:
    """Puts `done` finished actions with attempts and events, and `due` pending ones."""
    at = time.time() - 60
    message = connection.execute(select(MESSAGE)).mappings().one()
    several = [
        {**message, "id": n + 2, "digest": f"{n:064d}"}
        for n in range((done + due) // _PER_MESSAGE + 1)
    ]
    connection.execute(insert(MESSAGE), several)
    ids = [one["id"] for one in several]
    for start in range(0, done, _BATCH):
        count = min(_BATCH, done - start)
        made = connection.execute(
            insert(ACTION).returning(ACTION.c.id, ACTION.c.message),
            [*rows(ids, start, count, "done", at)],
        ).all()
        attempts = [
            {"action": m.id, "number": 1, "started_at": at, "outcome": "done"} for m in made
        ]
        connection.execute(insert(ATTEMPT), attempts)
        for old, new in (("", "pending"), ("pending", "leased"), ("leased", "done")):
            told = {"at": at, "kind": "action", "old": old, "new": new, "who": "bench"}
            connection.execute(
                insert(EVENT), [{**told, "action": m.id, "message": m.message} for m in made]
            )
    connection.execute(insert(ACTION), [*rows(ids, done, due, "pending", at)])


async def finish_all(database: Database, folder: Path, actions: int) -> tuple[float, float]:
    """Actions per second, and milliseconds of processor for each."""
    finished = asyncio.Event()
    count = 0

    async def perform(_: Leased) -> Done:
        nonlocal count
        count += 1
        if count == actions:
            finished.set()
        return Done(result="x")

    bell = Doorbell(folder / "bell")
    worker = Worker(Config(), database, SystemClock(), {Step.DELIVER: perform}, bell)
    started, used = time.perf_counter(), time.process_time()
    task = asyncio.create_task(worker.run())
    await finished.wait()
    worker.stop()
    await task
    elapsed, used = time.perf_counter() - started, time.process_time() - used
    bell.close()
    return actions / elapsed, used / actions * 1_000


def measure(url: str, folder: Path, total: int, actions: int) -> tuple[float, float]:
    """The same, from an outbox of `total` rows."""
    database = Database(url)
    upgrade(database)
    with database.transaction() as connection:
        for table in (EVENT, ATTEMPT, ACTION, DELIVERY, MESSAGE):
            connection.execute(delete(table))
    take(database, "bench")
    with database.transaction() as connection:
        fill(connection, total - actions, actions)
    figures = asyncio.run(finish_all(database, folder, actions))
    database.close()
    return figures


def main() -> None:
    """Prints one line per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--actions", type=int, default=1_000)
    parser.add_argument("--url", default="", help="an empty PostgreSQL database; else SQLite")
    options = parser.parse_args()
    for total in options.rows:
        with tempfile.TemporaryDirectory() as name:
            url = options.url or sqlite_url(Path(name) / "postroom.sqlite")
            speed, cpu_ms = measure(url, Path(name), total, min(options.actions, total))
        print(f"{total:>9,} rows  {speed:6.0f} actions/s  {cpu_ms:5.2f} CPU-ms each", flush=True)


if __name__ == "__main__":
    main()
