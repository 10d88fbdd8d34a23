"""Random schedules against a real Tryton: worker processes killed by SIGKILL, and a bad line.

In: a seed. Out: what was lost, done twice, out of order or not as ordered. Tryton has no
idempotency keys, so that what is tested here is the look-up before and after: each schedule's
worker processes are killed at a transaction, with the answer in hand, or at a random moment while
a request is under way; a proxy answers 500, 429, 503 or garbage, hangs up before or after Tryton
did it, or never answers. Several schedules run at once against the one Tryton, each with a
database of its own.

Limits: `erp.settle` is short here, and longer than Tryton needs for a request on a busy machine.
"""

import random
import sqlite3
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select

from postroom.actions import desk, outbox
from postroom.actions import plan as planning
from postroom.clock import SystemClock
from postroom.config import Config
from postroom.decision import Step
from postroom.envelope import Address
from postroom.order import Order, OrderLine
from postroom.store.schema import ACTION
from tests.erps import server
from tests.erps.catalogue import CUSTOMERS, PRODUCTS
from tests.fakes import mortal_worker, post
from tests.fakes.mortal_worker import Death
from tests.fakes.proxy import Proxy
from tests.fakes.store import a_database

from .schedules import Found

_SETTLE_S = 6.0
_AT_ONCE = 5  # schedules
_FAULTS = ("500", "429", "503", "garbage", "drop-before", "drop-after", "hang-after")
_LONGEST_S = 240.0  # one schedule may take
_DATABASE = "postroom"


class TrytonSchedule:
    """One seed's story."""

    def __init__(self, seed: int, folder: Path, url: str, build: Path) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.folder, self.url, self.build = folder, url, build
        self.database = a_database(folder)
        self.found = Found(schedules=1)
        self.expected: dict[str, tuple[tuple[str, Decimal, Decimal], ...]] = {}
        self.pairs: list[tuple[str, str]] = []  # order and change

    def run(self) -> Found:
        """Plans, kills, lets a healthy worker finish, and asks Tryton."""
        with Proxy(self.url) as proxy:
            self.config = self._configured(proxy.url)
            for number in range(self.chance.randint(1, 2)):
                self._plan(number)
            for _ in range(self.chance.randint(1, 3)):
                self._disturb(proxy)
                self._live_and_die(proxy)
            proxy.faults.clear()
            self._finish()
            self._end_states()
            self.database.close()
        return self.found

    def _configured(self, url: str) -> Config:
        return post.config(
            service={"mailboxes": [post.INFO], "run_dir": str(self.folder)},
            store={"url": post.sqlite_url(self.folder / "postroom.sqlite")},
            reply={"enabled": False},
            erp={
                "kind": "tryton",
                "base_url": url,
                "database": _DATABASE,
                "token_file": str(self.build / "key"),
                "company": "1",
                "timeout": 20.0,
                "settle": _SETTLE_S,
            },
            worker={
                "attempts": 6,
                "backoff": 0.5,
                "backoff_max": 2.0,
                "lease": 40.0,
                "poll": 0.1,
                "breaker_pause": 1.0,
                "breaker_pause_max": 2.0,
            },
        )

    def _plan(self, number: int) -> None:
        author = self.chance.choice(CUSTOMERS)[2]
        order = self._put(author, f"{self.seed}-{number}", "")
        self.found.orders += 1
        if self.chance.random() < 0.4:
            self.pairs.append((order, self._put(author, f"{self.seed}-{number}", " change")))
            self.found.changes += 1

    def _put(self, author: str, number: str, digest: str) -> str:
        local, _, domain = author.partition("@")
        now = SystemClock().now()
        order = self._order(number)
        (action, *_) = planning.plan(
            post.decision(steps=(Step.ORDER_CREATE,), template=""),
            message=post.message(author=Address(local=local, domain=domain)),
            verdict=post.verdict(author=author),
            order=order,
            classification=post.classification(),
            envelope=post.envelope(sender=author),
            digest=number + digest,
            received_at=now,
            config=self.config,
        )
        message = post.take(self.database, number + digest, author=author, at=now)
        with self.database.transaction() as connection:
            outbox.put(connection, message, [action], now, "lmtp")
        self.expected[action.key] = tuple(
            sorted(
                (line.sku, line.quantity or Decimal(), line.unit_price or Decimal())
                for line in order.lines
            )
        )
        return action.key

    def _order(self, number: str) -> Order:
        chosen = self.chance.sample(PRODUCTS, self.chance.randint(1, 3))
        lines = tuple(
            OrderLine(
                line=n,
                sku=code,
                description=name,
                quantity=Decimal(self.chance.randint(1, 500)),
                unit_price=Decimal(price),
                confidence=0.99,
            )
            for n, (code, name, price, _) in enumerate(chosen, 1)
        )
        return replace(post.order(number=number), lines=lines, currency="EUR")

    def _disturb(self, proxy: Proxy) -> None:
        for _ in range(self.chance.randint(0, 2)):
            fault = self.chance.choice(_FAULTS)
            proxy.faults.append(fault)
            self.found.happened[f"erp {fault}"] += 1

    def _live_and_die(self, proxy: Proxy) -> None:
        """A worker that kills itself, or is killed a moment after a request left."""
        places: tuple[Literal["before", "inside", "after"], ...] = ("before", "inside", "after")
        death = None
        match self.chance.choice(("transaction", "answered", "left", "moment")):
            case "transaction":
                death = Death(at=self.chance.choice(places), transaction=self.chance.randint(1, 4))
            case "answered":
                death = Death(at="answered")
            case "left":
                self._kill_when_left(proxy)
                return
            case _:
                self._kill_after(self.chance.uniform(0.2, 3.0))
                return
        self.found.happened[f"SIGKILL {death.at}"] += 1
        process = mortal_worker.start(self.config, death)
        process.join(self.chance.uniform(3.0, 15.0))
        mortal_worker.kill(process)

    def _kill_when_left(self, proxy: Proxy) -> None:
        self.found.happened["SIGKILL request left"] += 1
        before = proxy.changes
        process = mortal_worker.start(self.config)
        end = time.monotonic() + 15
        while proxy.changes == before and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(self.chance.uniform(0.0, 0.4))
        mortal_worker.kill(process)

    def _kill_after(self, seconds: float) -> None:
        self.found.happened["SIGKILL at a moment"] += 1
        process = mortal_worker.start(self.config)
        time.sleep(seconds)
        mortal_worker.kill(process)

    def _finish(self) -> None:
        """A healthy worker, and a person who sends dead letters on their way again."""
        process = mortal_worker.start(self.config)
        end = time.monotonic() + _LONGEST_S
        while self._states() != {"done"}:
            for row in desk.waiting(self.database):
                if row.state == "dead":
                    self.found.happened["dead letter retried"] += 1
                    if not row.reason.startswith(("erp-http-500", "worker-lost", "erp-")):
                        self._wrong(f"dead: {row.reason}")
                    if row.reason.startswith(("erp-differs", "erp-duplicate")):
                        self._wrong(row.reason)
                        mortal_worker.kill(process)
                        return
                    desk.retry(self.database, row.id, SystemClock().now(), "anna")
            if time.monotonic() > end:
                self._wrong(f"not settled: {self._states()}")
                break
            time.sleep(0.1)
        mortal_worker.kill(process)

    def _states(self) -> set[str]:
        with self.database.reading() as connection:
            return set(connection.execute(select(ACTION.c.state)).scalars())

    def _end_states(self) -> None:
        if (states := self._states()) != {"done"}:
            self._wrong(f"actions ended as {sorted(states)}")

    def _wrong(self, what: str) -> None:
        self.found.wrong.append(f"tryton seed {self.seed}: {what}")


def compare(database: Path, schedules: list[TrytonSchedule]) -> list[str]:
    """Tryton's own tables against what was ordered; what is wrong, in words."""
    wrong = []
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        for schedule in schedules:
            ids: dict[str, int] = {}
            for key, lines in schedule.expected.items():
                # A draft that came too late was done away with, or lies there and is no order.
                rows = connection.execute(
                    "SELECT id, state FROM sale_sale WHERE description = ?"
                    " AND state NOT IN ('cancelled', 'draft')",
                    (f"postroom {key}",),
                ).fetchall()
                if len(rows) != 1 or rows[0][1] not in ("confirmed", "processing", "done"):
                    wrong.append(f"tryton seed {schedule.seed}: {key} is there as {rows}")
                    continue
                ids[key] = rows[0][0]
                held = _lines(connection, rows[0][0])
                if held != lines:
                    wrong.append(f"tryton seed {schedule.seed}: {held} instead of {lines}")
            for order, change in schedule.pairs:
                if order in ids and change in ids and ids[change] < ids[order]:
                    wrong.append(f"tryton seed {schedule.seed}: a change overtook its order")
    return wrong


def _lines(connection: sqlite3.Connection, sale: int) -> tuple[Any, ...]:
    rows = connection.execute(
        "SELECT p.code, l.quantity, l.unit_price FROM sale_line l"
        " JOIN product_product p ON p.id = l.product WHERE l.sale = ?",
        (sale,),
    ).fetchall()
    return tuple(sorted((code, _number(number), _number(price)) for code, number, price in rows))


def _number(value: Any) -> Decimal:
    """Tryton keeps decimals as bytes in SQLite."""
    return Decimal(value.decode() if isinstance(value, bytes) else str(value))


def tryton(seeds: range) -> Found:
    """Runs these seeds, several at once, against one Tryton."""
    build = server.prepared("tryton")
    found = Found()
    with tempfile.TemporaryDirectory(prefix="tryton-") as name:
        with server.tryton(Path(name), build) as url:
            schedules = []
            for seed in seeds:
                folder = Path(name) / f"s{seed}"
                folder.mkdir()
                schedules.append(TrytonSchedule(seed, folder, url, build))
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                for one in pool.map(TrytonSchedule.run, schedules):
                    found.add(one)
        found.wrong += compare(Path(name) / f"{_DATABASE}.sqlite", schedules)
    return found
