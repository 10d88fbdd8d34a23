"""Actions a second from an outbox of up to a million rows, and how soon the first one starts.

In: sizes of the outbox. Out: a table of actions a second and CPU milliseconds per action by size,
on SQLite and, where PostgreSQL is installed, on PostgreSQL; and the time from the commit of an
action to the start of its attempt. The performer does nothing, so that only the outbox is
measured: claim, attempt row, result, events, all durable (SQLite: synchronous=FULL; PostgreSQL:
fsync on). "done" is an outbox whose rows are finished but for those of the run, as after years;
"due" is one in which everything still waits, as after a long outage of the ERP.

Limits: client and server of PostgreSQL share the machine; CPU is that of the worker's process.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, delete, text

from postroom import maillog
from postroom.actions import outbox
from postroom.actions.outbox import Done, Leased
from postroom.actions.worker import Worker
from postroom.clock import SystemClock
from postroom.config import Config
from postroom.decision import Step
from postroom.doorbell import Doorbell, ring
from postroom.store.engine import Database
from postroom.store.schema import ACTION, ATTEMPT, DELIVERY, EVENT, MESSAGE
from postroom.store.upgrade import upgrade
from tests.fakes import postgresql
from tests.fakes.post import simple_action, sqlite_url, take

_PER_MESSAGE = 4  # order, reply, two deliveries
_BAR = 30  # characters of the longest bar
_WORST_S = 0.05  # a first attempt shall start within this

_COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last}) "
_MESSAGES = (
    "INSERT INTO message (id, digest, queue_id, message_id, received_at, size, raw, author,"
    ' subject, category, outcome, order_number, envelope, verdict, classification, "order",'
    " decision) "
    "{count} SELECT i + 1, 'd' || i, queue_id, message_id, received_at, size, raw, author, subject,"
    ' category, outcome, order_number, envelope, verdict, classification, "order", decision'
    " FROM n, (SELECT * FROM message WHERE id = 1) AS one"
)
_ACTIONS = (
    'INSERT INTO action (id, message, "key", step, state, body, "after", attempts, created_at,'
    " due_at, finished_at, result, reason) {count} SELECT i, 1 + i / {per}, 'k' || i, 'deliver',"
    " CASE WHEN i <= {done} THEN 'done' ELSE 'pending' END,"
    ' \'{{"recipient":"info@firma.test","folder":"INBOX","category":"other"}}\', \'\','
    " CASE WHEN i <= {done} THEN 1 ELSE 0 END, {at}, {at} + i * 0.000001,"
    " CASE WHEN i <= {done} THEN {at} END, CASE WHEN i <= {done} THEN 'x' ELSE '' END, '' FROM n"
)
_ATTEMPTS = (
    "INSERT INTO attempt (action, number, started_at, finished_at, outcome, reason)"
    " {count} SELECT i, 1, {at}, {at}, 'done', '' FROM n"
)
_EVENTS = (
    "INSERT INTO event (at, message, action, kind, old, new, who, reason)"
    " {count} SELECT {at}, 1 + i / {per}, i, 'action', '{old}', '{new}', 'bench', '' FROM n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """One cell of the table."""

    store: str
    shape: str  # done or due
    rows: int
    per_s: float
    cpu_ms: float


def fill(connection: Connection, total: int, done: int) -> None:
    """An outbox of so many actions, the first `done` of them finished, each with its attempt."""
    at = time.time() - 3_600

    def run(statement: str, last: int, **words: object) -> None:
        if last > 0:
            count = _COUNT.format(last=last)
            said = statement.format(count=count, at=at, done=done, per=_PER_MESSAGE, **words)
            connection.execute(text(said.replace(":", r"\:")))

    run(_MESSAGES, total // _PER_MESSAGE + 1)
    run(_ACTIONS, total)
    run(_ATTEMPTS, done)
    run(_EVENTS, done, old="leased", new="done")
    if connection.dialect.name == "postgresql":
        for table in ("message", "action"):
            connection.execute(
                text(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")
            )


async def finish_some(database: Database, folder: Path, actions: int) -> tuple[float, float]:
    """Actions a second, and milliseconds of processor for each."""
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
    elapsed, used = time.perf_counter() - started, time.process_time() - used
    worker.stop()
    await task
    bell.close()
    return actions / elapsed, used / actions * 1_000


def measure(
    name: str, url: str, folder: Path, total: int, actions: int, shape: Literal["done", "due"]
) -> Speed:
    """One cell."""
    database = Database(url)
    upgrade(database)
    with database.transaction() as connection:
        for table in (EVENT, ATTEMPT, ACTION, DELIVERY, MESSAGE):
            connection.execute(delete(table))
    with database.transaction() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER SEQUENCE message_id_seq RESTART"))
        else:
            connection.execute(text("DELETE FROM sqlite_sequence"))
    take(database, "bench")
    with database.transaction() as connection:
        fill(connection, total, total - actions if shape == "done" else 0)
    with database.transaction() as connection:
        connection.execute(text("ANALYZE"))
    if database.engine.dialect.name == "sqlite":
        # Filling it in one transaction left a log as large as the table; no real life does.
        with database.reading() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    per_s, cpu_ms = asyncio.run(finish_some(database, folder, actions))
    database.close()
    return Speed(store=name, shape=shape, rows=total, per_s=per_s, cpu_ms=cpu_ms)


def starts(url: str, folder: Path, samples: int) -> list[float]:
    """Seconds from the commit of an action to the start of its attempt, of each."""
    database = Database(url)
    upgrade(database)
    path = folder / "bell"
    began: dict[str, float] = {}

    async def perform(leased: Leased) -> Done:
        began[leased.key] = time.perf_counter()
        return Done(result="x")

    def commit(number: int) -> tuple[str, float]:
        now = SystemClock().now()
        message = take(database, f"start {number}", at=now)
        action = simple_action(f"start {number}")
        with database.transaction() as connection:
            outbox.put(connection, message, [action], now, "bench")
        at = time.perf_counter()
        ring(path)
        return action.key, at

    async def main() -> list[float]:
        bell = Doorbell(path)
        worker = Worker(Config(), database, SystemClock(), {Step.DELIVER: perform}, bell)
        task = asyncio.create_task(worker.run())
        await asyncio.sleep(0.5)
        found = []
        for number in range(samples):
            key, at = await asyncio.to_thread(commit, number)
            while key not in began:
                await asyncio.sleep(0.001)
            found.append(began[key] - at)
            await asyncio.sleep(0.02)
        worker.stop()
        await task
        bell.close()
        return found

    found = asyncio.run(main())
    database.close()
    return found


@contextmanager
def stores(wanted: str) -> Iterator[dict[str, str]]:
    """URLs of empty databases by the name of their kind."""
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        urls = {}
        if wanted in ("both", "sqlite"):
            urls["SQLite"] = sqlite_url(Path(name) / "postroom.sqlite")
        if wanted in ("both", "postgresql") and not postgresql.missing():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pg-")))
            server = stack.enter_context(postgresql.PostgreSql(folder, fsync=True))
            urls["PostgreSQL"] = server.create("bench")
        yield urls


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--actions", type=int, default=1_000, help="carried out per cell")
    parser.add_argument("--store", choices=["both", "sqlite", "postgresql"], default="both")
    parser.add_argument("--starts", type=int, default=100, help="commits whose start is timed")
    options = parser.parse_args()
    maillog.configure("error", "json", sys.stderr)
    console = Console(width=100)
    cells, first = [], Table("store", "commits", "p50", "p99", "within 50 ms")
    with stores(options.store) as urls, tempfile.TemporaryDirectory() as name:
        if postgresql.missing() and options.store != "sqlite":
            console.print(f"without PostgreSQL: {postgresql.missing()}")
        for kind, url in urls.items():
            found = sorted(starts(url, Path(name), options.starts))
            p50, p99 = statistics.median(found), found[int(len(found) * 0.99) - 1]
            in_time = sum(one <= _WORST_S for one in found) / len(found)
            shown = (f"{p50 * 1_000:.1f} ms", f"{p99 * 1_000:.1f} ms", f"{in_time:.0%}")
            first.add_row(kind, str(len(found)), *shown)
        for kind, url in urls.items():
            for shape in ("done", "due"):
                for total in options.rows:
                    actions = min(options.actions, total)
                    cell = measure(kind, url, Path(name), total, actions, shape)
                    cells.append(cell)
                    console.print(
                        f"{kind:<10} {shape:<4} {total:>9,} rows  {cell.per_s:6.0f} actions/s"
                        f"  {cell.cpu_ms:5.2f} CPU-ms each",
                        highlight=False,
                    )
    console.print(first)
    console.print(curve(cells))


def curve(cells: list[Speed]) -> Table:
    """The figures by size, with a bar for each."""
    table = Table("store", "rows are", "rows", "actions/s", "CPU-ms each", "")
    most = max((cell.cpu_ms for cell in cells), default=1.0)
    for cell in cells:
        bar = "█" * max(1, round(cell.cpu_ms / most * _BAR))
        figures = (f"{cell.rows:,}", f"{cell.per_s:.0f}", f"{cell.cpu_ms:.2f}")
        table.add_row(cell.store, cell.shape, *figures, bar)
    return table


if __name__ == "__main__":
    main()
