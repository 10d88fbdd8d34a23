"""Random schedules of deaths and faults, against the REST sandbox, on a clock of their own.

In: a seed. Out: what was lost, done twice or out of order; a schedule is the same for the same
seed but for what threads do in their own time. Each has some orders, replies and order changes, a
real worker, outbox and database, real HTTP and SMTP on the loopback, and meanwhile:

    deaths    the worker ends without a word: before, inside or after a transaction (so before the
              attempt, after the attempt's row, before the end is written), when the request has
              left, when the ERP has answered
    faults    the ERP answers 500, 429, garbage, nothing usable, hangs up before or after it did it,
              never answers; the mail server says 4xx or hangs up after it took the mail
    outage    the ERP is down for an hour
    lock      somebody else holds the database's write lock

What must hold at the end: every order and change is in the ERP once, a change after its order; no
reply went twice; every action came to its end. Dead letters are sent on their way again, as a
person would; the one thing that may stay dead is a reply whose outcome nobody can know.

    python -m tests.sandbox.schedules [--rest 1000] [--tryton 100] [--seed 1]

Limits: a death here ends the worker's coroutines, not its process; tests/actions/test_crash.py and
the schedules against Tryton (tryton_schedules.py) kill processes.
"""

import argparse
import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, select

from postroom import maillog
from postroom.actions import desk, outbox
from postroom.actions import plan as planning
from postroom.actions.erp.contract import ErpRequest
from postroom.actions.erp.rest import RestErp
from postroom.actions.performers import ErpPerformer, Performer, ReplyPerformer
from postroom.actions.worker import Worker
from postroom.config import Config
from postroom.decision import Step
from postroom.doorbell import Doorbell
from postroom.envelope import Address
from postroom.failure import TemporaryFailure
from postroom.store.engine import Database
from postroom.store.schema import ACTION
from tests.fakes import post
from tests.fakes.erp import Fault, SandboxErp
from tests.fakes.smtp_sink import SmtpSink
from tests.fakes.store import a_database

Where = Literal["before", "inside", "after", "leaving", "left", "answered"]
_FAULTS = (
    Fault(kind="status", status=500),
    Fault(kind="status", status=503),
    Fault(kind="status", status=429, headers={"Retry-After": "7"}),
    Fault(kind="garbage", committed=True),
    Fault(kind="no-id"),
    Fault(kind="drop-before"),
    Fault(kind="drop-after"),
    Fault(kind="hang", seconds=0.5),
    Fault(kind="hang", seconds=0.5, committed=True),
)
_SMTP_FAULTS = (("rcpt", "451 4.3.0 later"), ("dot", "451 4.3.0 later"), ("dot", "drop-after"))
_LOCKED_TICKS = 20  # looks of the test during which the database is locked
_LONGEST_S = 60.0  # real seconds one schedule may take


class Killed(BaseException):
    """The worker is no more. No Exception: nothing in it may catch this."""


@dataclass(slots=True, kw_only=True)
class Found:
    """What schedules did, and what was wrong."""

    schedules: int = 0
    orders: int = 0
    changes: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        """Takes another's counts."""
        self.schedules += other.schedules
        self.orders += other.orders
        self.changes += other.changes
        self.happened += other.happened
        self.wrong += other.wrong


@dataclass(slots=True, kw_only=True)
class Fate:
    """Where the next worker dies."""

    where: Where | None = None
    count: int = 0  # transactions or requests that it survives

    def strikes(self, *wheres: Where) -> Where | None:
        """The place, if this is where and when."""
        if self.where not in wheres:
            return None
        self.count -= 1
        return self.where if self.count < 0 else None


class _Database(Database):
    """Dies at a write transaction when its fate says so."""

    def __init__(self, url: str) -> None:
        super().__init__(url, busy_timeout_s=0.1)
        self.fate = Fate()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """As the real one."""
        where = self.fate.strikes("before", "inside", "after")
        if where == "before":
            raise Killed
        with super().transaction() as connection:
            yield connection
            if where == "inside":
                raise Killed
        if where == "after":
            raise Killed


class _Erp(RestErp):
    """Dies around a request, or finds the ERP away."""

    fate: Fate
    clock: post.HandClock
    sandbox: SandboxErp
    down_until = post.NOW

    async def send(self, request: ErpRequest) -> str:
        """As the real one."""
        where = self.fate.strikes("leaving", "left", "answered")
        if where == "leaving":
            raise Killed
        if self.clock.now() < self.down_until:
            raise TemporaryFailure("erp-unreachable")
        if where == "left":
            self.sandbox.faults.appendleft(Fault(kind="hang", seconds=0.3, committed=True))
            before = len(self.sandbox.calls)
            task = asyncio.ensure_future(super().send(request))
            while len(self.sandbox.calls) == before and not task.done():
                await asyncio.sleep(0.002)
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            task.cancel()
            raise Killed
        answer = await super().send(request)
        if where == "answered":
            raise Killed
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The outbox at one moment."""

    settled: bool  # nothing will happen by itself
    busy: bool  # something is under way


class Schedule:
    """One seed's story."""

    def __init__(self, seed: int, folder: Path, erp: SandboxErp, sink: SmtpSink) -> None:
        self.chance = random.Random(seed)
        self.name = f"seed {seed}"
        self.erp, self.sink = erp, sink
        self.clock = post.HandClock()
        self.config = _config(folder, erp, sink)
        a_database(folder).close()
        self.database = _Database(self.config.store_url)
        self.found = Found(schedules=1)
        self.keys: list[tuple[str, str | None]] = []  # order's key, its change's key
        self.down_until = post.NOW
        self.path = folder / "postroom.sqlite"
        self.prefix = f"s{seed}"

    def run(self) -> Found:
        """Plans, lets workers live and die, and looks at what became of it."""
        for number in range(self.chance.randint(1, 4)):
            self._plan(number)
        for _ in range(self.chance.randint(1, 5)):
            self._disturb()
            self._live(self._fate())
        for _ in range(30):  # a person looks at the dead letters now and then
            self._live(Fate())
            if not self._release_dead():
                break
        self._check()
        self.database.close()
        return self.found

    def _plan(self, number: int) -> None:
        author = f"p{self.prefix}.{number}@snab.example"
        order = self._put(author, number, f"{self.prefix}.{number}")
        change = None
        if self.chance.random() < 0.4:
            change = self._put(author, number, f"{self.prefix}.{number} change")
            self.found.changes += 1
        self.found.orders += 1
        self.keys.append((order, change))

    def _put(self, author: str, number: int, digest: str) -> str:
        local, _, domain = author.partition("@")
        actions = planning.plan(
            post.decision(),
            message=post.message(author=Address(local=local, domain=domain), date=post.NOW),
            verdict=post.verdict(author=author),
            order=post.order(number=f"N-{number}"),
            classification=post.classification(),
            envelope=post.envelope(sender=author),
            digest=digest,
            received_at=self.clock.now(),
            config=self.config,
        )
        message = post.take(self.database, digest, author=author, at=self.clock.now())
        with self.database.transaction() as connection:
            outbox.put(connection, message, actions, self.clock.now(), "lmtp")
        return actions[0].key

    def _fate(self) -> Fate:
        wheres: tuple[Where, ...] = ("before", "inside", "after", "leaving", "left", "answered")
        fate = Fate(where=self.chance.choice(wheres), count=self.chance.randint(0, 6))
        self.found.happened[f"death {fate.where}"] += 1
        return fate

    def _disturb(self) -> None:
        for _ in range(self.chance.randint(0, 3)):
            fault = self.chance.choice(_FAULTS)
            self.erp.faults.append(fault)
            self.found.happened[f"erp {fault.kind} {fault.status if fault.headers else ''}"] += 1
        if self.chance.random() < 0.3:
            moment, fault_ = self.chance.choice(_SMTP_FAULTS)
            self.sink.faults[moment].append(fault_)
            self.found.happened[f"smtp {moment} {fault_[:4]}"] += 1
        if self.chance.random() < 0.15:
            self.down_until = self.clock.now() + timedelta(hours=1)
            self.found.happened["erp down 1 h"] += 1

    def _live(self, fate: Fate) -> None:
        """One worker, until it dies or nothing is left to do."""
        lock = self._lock() if self.chance.random() < 0.1 else None
        try:
            asyncio.run(self._work(fate, lock))
        except BaseExceptionGroup as group:
            if group.split(Killed)[1] is not None:  # something else than a death
                raise
        except Killed:
            pass
        finally:
            if lock is not None:
                lock.close()  # again, perhaps; harmless

    def _lock(self) -> sqlite3.Connection:
        """The write lock in other hands; the worker's patience is shorter."""
        self.found.happened["database locked"] += 1
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN IMMEDIATE")
        return connection

    async def _work(self, fate: Fate, lock: sqlite3.Connection | None) -> None:
        erp = _Erp(self.config.erp, self.clock)
        erp.fate = self.database.fate = fate
        erp.clock, erp.sandbox, erp.down_until = self.clock, self.erp, self.down_until
        business = ErpPerformer(erp)
        reply = ReplyPerformer(self.config, self.database, self.clock)
        bell = Doorbell(Path(self.config.service.run_dir) / "bell")
        steps: dict[Step, Performer] = {Step.ORDER_CREATE: business, Step.REPLY: reply}
        worker = Worker(self.config, self.database, self.clock, steps, bell)
        try:
            async with asyncio.timeout(_LONGEST_S), asyncio.TaskGroup() as group:
                task = group.create_task(worker.run())
                ticks = 0
                while not task.done() and not ((look := self._look()).settled and lock is None):
                    await asyncio.sleep(0.015)
                    ticks += 1
                    if lock and ticks > _LOCKED_TICKS:
                        lock.close()
                        lock = None
                    # Slowly while something is under way, or leases would run out all the time.
                    steps_s = (0.1, 0.5, 3.0) if look.busy or lock else (5.0, 20.0, 90.0)
                    self.clock.advance(self.chance.choice(steps_s))
                worker.stop()
        finally:
            self.database.fate = Fate()
            await erp.close()
            bell.close()

    def _look(self) -> Look:
        """What the outbox says now."""
        with self.database.reading() as connection:
            columns = (ACTION.c.state, ACTION.c.due_at, ACTION.c.reason)
            rows = connection.execute(select(*columns)).all()
        is_stuck = any(row.state == "dead" and row.reason != outbox.UNKNOWN for row in rows)
        is_open = any(
            row.state in ("leased", "waiting")
            # What is behind a dead order, or a reply behind it, waits for a person.
            or (row.state == "pending" and row.due_at < outbox.NOT_YET and not is_stuck)
            for row in rows
        )
        return Look(settled=not is_open, busy=any(row.state == "leased" for row in rows))

    def _release_dead(self) -> int:
        stuck = [
            row.id
            for row in desk.waiting(self.database)
            if row.kind == "action" and row.state == "dead" and row.reason != outbox.UNKNOWN
        ]
        for action in stuck:
            desk.retry(self.database, action, self.clock.now(), "anna")
        self.found.happened["dead letter retried"] += len(stuck)
        return len(stuck)

    def _check(self) -> None:
        wanted = [key for pair in self.keys for key in pair if key is not None]
        held = [one["external_ref"] for one in self.erp.records("orders")]
        held = [key for key in held if key in set(wanted)]
        for key, number in Counter(held).items():
            if number > 1:
                self._wrong(f"order {key} entered {number} times")
        for key in set(wanted) - set(held):
            self._wrong(f"order {key} lost")
        for order, change in self.keys:
            if change and order in held and change in held:
                if held.index(change) < held.index(order):
                    self._wrong(f"change {change} overtook its order")
        sent = Counter(
            mail.recipients for mail in self.sink.received() if self.prefix in mail.recipients[0]
        )
        per_author = Counter(f"p{self.prefix}.{n}@snab.example" for n, pair in enumerate(self.keys))
        for n, (_, change) in enumerate(self.keys):
            per_author[f"p{self.prefix}.{n}@snab.example"] += int(change is not None)
        for recipients, number in sent.items():
            if number > per_author[recipients[0]]:
                self._wrong(f"{number} replies to {recipients[0]}")
        with self.database.reading() as connection:
            for row in connection.execute(select(ACTION)):
                good = row.state in ("done", "dropped") or (
                    row.step == "reply" and (row.state, row.reason) == ("dead", outbox.UNKNOWN)
                )
                if not good or (row.step != "reply" and row.state != "done"):
                    self._wrong(f"action {row.id} {row.step} ended {row.state} {row.reason}")

    def _wrong(self, what: str) -> None:
        self.found.wrong.append(f"{self.name}: {what}")


def _config(folder: Path, erp: SandboxErp, sink: SmtpSink) -> Config:
    (folder / "token").write_text(erp.token)
    return post.config(
        service={"hostname": "mx.firma.test", "mailboxes": [post.INFO], "run_dir": str(folder)},
        store={"url": post.sqlite_url(folder / "postroom.sqlite")},
        erp={"base_url": erp.url, "token_file": str(folder / "token"), "timeout": 0.3},
        reply={
            "submit": sink.address,
            "per_sender_interval": 1e-6,
            "daily_limit": 100_000,
            "per_domain_daily": 100_000,
            "max_age": 1e9,
        },
        worker={"poll": 0.02, "lease": 120.0},
    )


def rest(seeds: range) -> Found:
    """Runs these seeds, one after the other, against one sandbox."""
    found = Found()
    with SandboxErp() as erp, SmtpSink() as sink:
        for seed in seeds:
            erp.faults.clear()
            sink.faults.clear()
            with tempfile.TemporaryDirectory(prefix="schedule-") as name:
                found.add(Schedule(seed, Path(name), erp, sink).run())
    return found


def main() -> None:
    """Prints one table; exit status 1 if anything was lost, done twice or out of order."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--rest", type=int, default=1_000, help="schedules against the sandbox")
    parser.add_argument("--tryton", type=int, default=100, help="schedules against a real Tryton")
    parser.add_argument("--seed", type=int, default=1, help="of the first schedule")
    options = parser.parse_args()
    from .tryton_schedules import tryton  # it imports this module's Found

    maillog.configure("error", "json", sys.stderr)
    started, console = time.monotonic(), Console()
    table = Table("against", "schedules", "orders", "changes", "deaths", "faults", "wrong")
    wrong = []
    for name, run, number in (("REST", rest, options.rest), ("Tryton", tryton, options.tryton)):
        if not number:
            continue
        found = run(range(options.seed, options.seed + number))
        dead = {what: n for what, n in found.happened.items() if what.startswith(("death", "SIG"))}
        rest_ = sum(found.happened.values()) - sum(dead.values())
        counts = (found.schedules, found.orders, found.changes, sum(dead.values()), rest_)
        table.add_row(name, *map(str, counts), str(len(found.wrong)))
        for what, n in sorted(found.happened.items()):
            console.print(f"  {name}: {what.strip()}: {n}", highlight=False)
        wrong += found.wrong
    console.print(table)
    console.print(f"{time.monotonic() - started:.0f} s")
    for line in wrong:
        console.print(line, highlight=False, markup=False)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
