"""From the sender's connection to the order in the ERP, at a steady rate of mail.

In: mails a second, for how many seconds. Out: a table with a row for each slice of the time: how
many orders arrived, the time from "250" to the order in the ERP and from the sender's connection
to it, as p50, p95 and p99, and the memory of Postroom's processes. Everything is real: Postfix,
DNS, HTTP, and every message is an order of its own that is authenticated, read, classified,
stored, entered and answered. With an hour and 50 mails a second it is a soak: rows that grow
would show a leak.

Limits: senders, Postfix, DNS, ERP and Postroom share the machine's cores; a rate that they cannot
carry shows as "late", mails sent after their time.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from .mails import Mail
from .postfix import PostfixTrouble
from .processes import descendants
from .soak import order_mails
from .stack import Stack, stop_on_signals
from .waiting import wait_until

_SENDERS = 16
_SETTLE_S = 120.0
_WARM_UP = 10
PROMISE_S = 0.3  # accept -> ERP, p95


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One mail's way in; seconds of the epoch."""

    message_id: str
    due: float  # when its turn was
    begun: float  # the connection
    accepted: float  # the reply to the final dot


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What a part of the time saw."""

    begin_s: float
    sent: int
    from_accept: tuple[float, ...]  # seconds to the order in the ERP
    from_connect: tuple[float, ...]
    late_s: float  # the most that a mail was sent after its time
    memory_mb: float  # of all of Postroom's processes, at the end of the slice


def run(stack: Stack, *, rate: float, seconds: float, slices: int, bar: Progress) -> list[Slice]:
    """Sends at the rate and gives one Slice per part of the time. Raises TimeoutError."""
    count = max(int(rate * seconds), slices)
    letters = order_mails(stack, count + _WARM_UP, f"{int(time.time())}")
    for letter in letters[:_WARM_UP]:
        _send(stack, letter, time.time())
    _wait_for_orders(stack, _WARM_UP)
    task = bar.add_task(f"{rate:g} mails a second", total=count)
    memory: list[float] = []
    sent: list[Sent] = []
    each = -(-count // slices)
    start = time.time()
    with ThreadPoolExecutor(_SENDERS) as senders:
        for begin in range(0, count, each):
            waiting = []
            for number, letter in enumerate(letters[_WARM_UP + begin :][:each], start=begin):
                due = start + number / rate
                time.sleep(max(due - time.time(), 0))
                waiting.append(senders.submit(_send, stack, letter, due))
                bar.advance(task)
            sent += [one.result() for one in waiting]
            memory.append(_memory_mb(stack.serve.pid))
    _wait_for_orders(stack, count + _WARM_UP)
    orders = {
        record["source"]["message_id"]: float(record["created_at"])
        for record in stack.erp.listing("orders")
    }
    parts = [sent[begin : begin + each] for begin in range(0, count, each)]
    return [
        _slice(part, orders, start, used) for part, used in zip(parts, memory, strict=True) if part
    ]


def _send(stack: Stack, letter: Mail, due: float) -> Sent:
    begun = time.time()
    reply = stack.send(letter)
    if not reply.startswith("250"):
        raise PostfixTrouble(f"{letter.name}: {reply}")
    return Sent(message_id=letter.message_id, due=due, begun=begun, accepted=time.time())


def _wait_for_orders(stack: Stack, count: int) -> None:
    wait_until(
        lambda: len(stack.erp.listing("orders")) >= count,
        _SETTLE_S,
        f"{count} orders in the ERP",
        stack.journal,
        every_s=0.5,
    )


def _slice(part: Sequence[Sent], orders: dict[str, float], start: float, memory: float) -> Slice:
    return Slice(
        begin_s=part[0].due - start,
        sent=len(part),
        # The ERP's clock is the same one; it may have the order before the sender reads the 250.
        from_accept=tuple(max(orders[one.message_id] - one.accepted, 0.0) for one in part),
        from_connect=tuple(orders[one.message_id] - one.begun for one in part),
        late_s=max(one.begun - one.due for one in part),
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
    cuts = statistics.quantiles(list(values) * (2 if len(values) == 1 else 1), n=100)
    return " / ".join(f"{cuts[percent - 1] * 1000:.0f}" for percent in (50, 95, 99))


def table(found: Sequence[Slice], title: str) -> Table:
    """One row per slice, and one for all of it."""
    told = Table(title=title, caption="milliseconds: p50 / p95 / p99")
    for name in ("from second", "orders", "250 to ERP", "connection to ERP", "late s", "memory MB"):
        told.add_column(name, justify="right", no_wrap=True)
    for one in found:
        told.add_row(
            f"{one.begin_s:.0f}",
            f"{one.sent}",
            _percentiles(one.from_accept),
            _percentiles(one.from_connect),
            f"{one.late_s:.1f}",
            f"{one.memory_mb:.0f}",
        )
    told.add_section()
    told.add_row(
        "all",
        f"{sum(one.sent for one in found)}",
        _percentiles([wait for one in found for wait in one.from_accept]),
        _percentiles([wait for one in found for wait in one.from_connect]),
        f"{max(one.late_s for one in found):.1f}",
        "",
    )
    return told


def main() -> int:
    """Runs the bench from the command line; the exit status says whether it could."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench path", description="SMTP to the order in the ERP, at a steady rate."
    )
    parser.add_argument("--rate", type=float, default=5.0, help="mails a second")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--slices", type=int, default=4)
    options = parser.parse_args()
    stop_on_signals()
    console = Console(width=None if sys.stdout.isatty() else 110)
    try:
        with Stack() as stack, Progress(console=console, transient=True) as bar:
            found = run(
                stack,
                rate=options.rate,
                seconds=options.seconds,
                slices=options.slices,
                bar=bar,
            )
    except (PostfixTrouble, TimeoutError) as trouble:
        console.print(f"scripts/bench: {trouble}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    console.print(table(found, f"{options.rate:g} orders a second by mail"))
    waits = sorted(wait for one in found for wait in one.from_accept)
    p95 = statistics.quantiles(waits, n=100)[94]
    met = "met" if p95 <= PROMISE_S else "MISSED"
    console.print(f"250 to ERP, p95: {p95 * 1000:.0f} ms, target {PROMISE_S * 1000:.0f} ms {met}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
