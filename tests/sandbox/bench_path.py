"""From the sender's connection to the order in the ERP, at a steady rate of mail.

In: mails a second, for how many seconds, and the share of orders in them. Out: a table with a row
for each slice of the time: how many mails, the time from "250" to the order in the ERP, from the
sender's connection to it, and from LMTP to the last action of any mail, as p50, p95 and p99; the
CPU time per mail and the memory of Postroom's processes. Everything is real: Postfix, DNS, HTTP;
every order is one of its own that is authenticated, read, classified, stored, entered and
answered; the other mails are those of classify/corpus, which become tickets, reviews and mail of a
mailbox. With an hour and 50 mails a second it is a soak: rows that grow would show a leak. With
`--stored` the same is measured again after the store was filled with so many messages.

Limits: senders, Postfix, DNS, ERP and Postroom share the machine's cores; a rate that they cannot
carry shows as latency that grows from slice to slice. Replies end at the sandbox's limit of 10,000
a day.
"""

import argparse
import json
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from . import stored, world
from .contenders import Contender
from .mails import Expected, Mail, Writer
from .outcome import is_settled
from .postfix import ROOT, PostfixTrouble
from .processes import descendants
from .soak import order_mail
from .stack import Stack, stop_on_signals
from .waiting import wait_until

_SENDERS = 16
_AHEAD = 64  # mails that may wait for a sender
_SETTLE_S = 600.0
_WARM_UP = 10
_MOST_COPIES = 50_000  # in the Maildirs of a filled store
PROMISE_S = 0.3  # accept -> ERP, p95


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One mail's way in; seconds of the epoch."""

    message_id: str
    is_order: bool
    due: float  # when its turn was
    begun: float  # the connection
    accepted: float  # the reply to the final dot


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What a part of the time saw."""

    begin_s: float
    sent: int
    from_accept: tuple[float, ...]  # seconds to the order in the ERP, of orders
    from_connect: tuple[float, ...]
    to_end: tuple[float, ...]  # seconds from LMTP to the last action, of every mail that has one
    late_s: float  # the most that a mail was sent after its time
    cpu_ms: float  # of Postroom's processes, a mail, during the slice
    memory_mb: float  # of all of Postroom's processes, at the end of the slice


class Load:
    """The mails of one stack, each made when its turn comes; no order number comes twice."""

    def __init__(self, stack: Stack, orders: float) -> None:
        """`orders`: the share of orders, 0 to 1."""
        self._write = Writer(stack.keys, f"{time.time():.0f}")
        self._orders = orders
        self._dice = random.Random(0)
        self._others = cycle(_other_mails(self._dice)) if orders < 1 else iter(())
        self._numbers = iter(range(1, sys.maxsize))

    def mails(self) -> Iterator[tuple[Mail, bool]]:
        """(mail, whether it is an order) without an end."""
        for number in self._numbers:
            if self._dice.random() < self._orders:
                yield order_mail(self._write, number), True
            else:
                subject, text = next(self._others)
                party, name = world.JOINERY, f"other-{number}"
                author = f"Buyer {number} <buyer{number}@{party.domain}>"
                yield self._write.mail(name, party, author, subject, text, Expected()), False


def _other_mails(dice: random.Random) -> list[tuple[str, str]]:
    """Subject and text of the corpus' clear mails that order nothing."""
    rows = [
        json.loads(line)
        for path in sorted((ROOT / "classify" / "corpus").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").split("\n")
        if line
    ]
    found = [
        (" ".join(row["subject"].split()), row["body"])
        for row in rows
        if row["certainty"] == "h" and row["label"] != "purchase_order" and row["body"]
    ]
    dice.shuffle(found)
    return found


def run(
    stack: Stack,
    *,
    rate: float,
    seconds: float,
    slices: int,
    bar: Progress,
    load: Load | None = None,
) -> list[Slice]:
    """Sends at the rate and gives one Slice per part of the time; orders alone without a `load`.

    Raises TimeoutError, and PostfixTrouble for a mail that is not taken.
    """
    load = load or Load(stack, 1.0)
    mails = load.mails()
    for letter, is_order in islice(mails, _WARM_UP):
        _send(stack, letter, time.time(), is_order=is_order)
    _settle(stack)
    serve = Contender(name="serve", children=(stack.serve,))
    count = max(int(rate * seconds), slices)
    each = -(-count // slices)
    task = bar.add_task(f"{rate:g} mails a second", total=count)
    start = time.time()
    parts: list[tuple[list[Sent], float, float]] = []
    with ThreadPoolExecutor(_SENDERS) as senders:
        for begin in range(0, count, each):
            used = serve.cpu_ms()
            waiting: list[Future[Sent]] = []
            for number in range(begin, min(begin + each, count)):
                letter, is_order = next(mails)
                due = start + number / rate
                time.sleep(max(due - time.time(), 0))
                if len(waiting) >= _AHEAD:
                    waiting[-_AHEAD].result()
                waiting.append(senders.submit(_send, stack, letter, due, is_order=is_order))
                bar.advance(task)
            sent = [one.result() for one in waiting]
            parts.append((sent, (serve.cpu_ms() - used) / len(sent), _memory_mb(stack.serve.pid)))
    _settle(stack)
    orders = {
        record["source"]["message_id"]: float(record["created_at"])
        for record in stack.erp.listing("orders")
    }
    ends = _ends(stack, start)
    return [_slice(sent, orders, ends, start, cpu_ms, used) for sent, cpu_ms, used in parts]


def _send(stack: Stack, letter: Mail, due: float, *, is_order: bool) -> Sent:
    begun = time.time()
    reply = stack.send(letter)
    if not reply.startswith("250"):
        raise PostfixTrouble(f"{letter.name}: {reply}")
    return Sent(
        message_id=letter.message_id,
        is_order=is_order,
        due=due,
        begun=begun,
        accepted=time.time(),
    )


def _settle(stack: Stack) -> None:
    wait_until(
        lambda: is_settled(stack), _SETTLE_S, "every action to end", stack.journal, every_s=0.5
    )


def _ends(stack: Stack, since: float) -> dict[str, float]:
    """Seconds from LMTP to the last action, by Message-ID; mail without an action has none."""
    with closing(sqlite3.connect(f"file:{stack.database}?mode=ro", uri=True, timeout=10)) as rows:
        found = rows.execute(
            "SELECT message.message_id, max(action.finished_at) - message.received_at"
            " FROM message JOIN action ON action.message = message.id"
            " WHERE message.received_at >= ? GROUP BY message.id",
            (since,),
        ).fetchall()
    return {name: took for name, took in found if took is not None}


def _slice(
    part: Sequence[Sent],
    orders: dict[str, float],
    ends: dict[str, float],
    start: float,
    cpu_ms: float,
    memory: float,
) -> Slice:
    entered = [one for one in part if one.is_order]
    return Slice(
        begin_s=part[0].due - start,
        sent=len(part),
        # The ERP's clock is the same one; it may have the order before the sender reads the 250.
        from_accept=tuple(max(orders[one.message_id] - one.accepted, 0.0) for one in entered),
        from_connect=tuple(orders[one.message_id] - one.begun for one in entered),
        to_end=tuple(ends[one.message_id] for one in part if one.message_id in ends),
        late_s=max(one.begun - one.due for one in part),
        cpu_ms=cpu_ms,
        memory_mb=memory,
    )


def _memory_mb(pid: int) -> float:
    """Proportional set size of a process and all below it, proc_pid_smaps_rollup(5)."""
    family = [pid, *(child for child, _line in descendants(pid))]
    total = 0
    for one in family:
        try:
            told = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in told.splitlines() if line[:4] == "Pss:")
    return total / 1024


def _percentiles(values: Sequence[float]) -> str:
    if not values:
        return "-"
    cuts = statistics.quantiles(list(values) * (2 if len(values) == 1 else 1), n=100)
    return " / ".join(f"{cuts[percent - 1] * 1000:.0f}" for percent in (50, 95, 99))


def table(found: Sequence[Slice], title: str) -> Table:
    """One row per slice, and one for all of it."""
    told = Table(title=title, caption="milliseconds: p50 / p95 / p99; CPU of Postroom's processes")
    for name in (
        *("from second", "mails", "250 to ERP", "connection to ERP", "LMTP to end"),
        *("late s", "CPU ms a mail", "memory MB"),
    ):
        told.add_column(name, justify="right", no_wrap=True)
    for one in found:
        told.add_row(f"{one.begin_s:.0f}", *_cells([one]), f"{one.memory_mb:.0f}")
    told.add_section()
    told.add_row("all", *_cells(found), "")
    return told


def _cells(found: Sequence[Slice]) -> list[str]:
    mails = sum(one.sent for one in found)
    return [
        f"{mails}",
        _percentiles([wait for one in found for wait in one.from_accept]),
        _percentiles([wait for one in found for wait in one.from_connect]),
        _percentiles([wait for one in found for wait in one.to_end]),
        f"{max(one.late_s for one in found):.1f}",
        f"{sum(one.cpu_ms * one.sent for one in found) / mails:.1f}",
    ]


def main() -> int:
    """Runs the bench from the command line; the exit status says whether it could."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench path", description="SMTP to the order in the ERP, at a steady rate."
    )
    parser.add_argument("--rate", type=float, default=5.0, help="mails a second")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--slices", type=int, default=4)
    parser.add_argument("--orders", type=float, default=1.0, help="share of orders, 0 to 1")
    parser.add_argument(
        "--stored", type=int, default=0, help="measure again with so many messages in the store"
    )
    options = parser.parse_args()
    stop_on_signals()
    console = Console(width=None if sys.stdout.isatty() else 130)
    found: list[Slice] = []
    try:
        with Stack() as stack, Progress(console=console, transient=True) as bar:
            load = Load(stack, options.orders)
            what = f"{options.rate:g} mails a second, {options.orders:.0%} orders"
            for held in (0, options.stored) if options.stored else (0,):
                if held:
                    stored.multiply(stack.database, held, bar)
                    stored.fill_maildirs(stack.maildir, min(held, _MOST_COPIES))
                before = found
                found = run(
                    stack,
                    rate=options.rate,
                    seconds=options.seconds,
                    slices=options.slices,
                    bar=bar,
                    load=load,
                )
                bar.print(table(found, f"{what}, {held:,} messages stored before"))
                if held:
                    bar.print(_compared(before, found))
    except (PostfixTrouble, TimeoutError) as trouble:
        console.print(f"scripts/bench: {trouble}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    waits = sorted(wait for one in found for wait in one.from_accept)
    if len(waits) > 1:
        p95 = statistics.quantiles(waits, n=100)[94]
        met = "met" if p95 <= PROMISE_S else "MISSED"
        told = f"{p95 * 1000:.0f} ms, target {PROMISE_S * 1000:.0f} ms {met}"
        console.print(f"250 to ERP, p95: {told}")
    return 0


def _compared(before: Sequence[Slice], after: Sequence[Slice]) -> str:
    """What the stored messages cost, as ratios."""
    cpu, wait = (
        [statistics.median(one.cpu_ms for one in found) for found in (before, after)],
        [statistics.median(w for one in found for w in one.to_end) for found in (before, after)],
    )
    return f"filled / empty: CPU a mail {cpu[1] / cpu[0]:.2f}, LMTP to end {wait[1] / wait[0]:.2f}"


if __name__ == "__main__":
    sys.exit(main())
