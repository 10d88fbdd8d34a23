"""Lanes: what may be under way at once, per destination.

In: the configuration, and how attempts began and ended. Out: how many more actions of which steps
may be leased now. Each destination has places of its own, so that one that hangs holds up nobody
else's mail, a limit of requests a second where it has one, and a circuit breaker (breaker.py).

    erp       orders, invoices, and tickets unless [tickets] has a system of its own
    exchange  orders that 1C takes by itself
    tickets   tickets
    postfix   replies and forwards
    mailbox   mail to the people
    reports   DMARC reports
    webhooks  events to programs elsewhere

Limits: rates and breakers are each worker's own; workers on several hosts learn separately.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from postroom import maillog, metrics
from postroom.config import Config, WorkerSection
from postroom.decision import Step
from postroom.failure import Failure, TemporaryFailure
from postroom.store.engine import Database

from .breaker import Breaker, failed, is_away, rebuilt, succeeded
from .outbox import moment
from .statements import RECENT

_BURST_S = 1.0  # a rate may be used up to so many seconds in advance
_RECENT = 200  # attempts from which breakers are rebuilt


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Who carries out some steps."""

    name: str
    steps: frozenset[Step]
    places: int  # actions at once
    rate: float = 0.0  # actions a second; 0: no limit
    has_breaker: bool = True  # False where many peers stand behind it


def destinations(config: Config) -> tuple[Destination, ...]:
    """Every step belongs to exactly one."""
    erp, tickets, places = config.erp, config.tickets, config.worker.concurrency
    business = {Step.ORDER_CREATE, Step.INVOICE_UPDATE}
    by_itself = frozenset({Step.ORDER_CREATE}) if erp.kind == "commerceml" else frozenset[Step]()
    found = [
        # The ERP comes for them itself (erp/exchange.py).
        Destination(name="exchange", steps=by_itself, places=0),
        Destination(name="postfix", steps=frozenset({Step.REPLY, Step.FORWARD}), places=places),
        Destination(name="mailbox", steps=frozenset({Step.DELIVER}), places=places),
        Destination(
            name="webhooks", steps=frozenset({Step.WEBHOOK}), places=places, has_breaker=False
        ),
        Destination(name="reports", steps=frozenset({Step.REPORT_READ}), places=places),
    ]
    if tickets.is_set:
        alone = frozenset({Step.TICKET_CREATE})
        found.append(
            Destination(name="tickets", steps=alone, places=tickets.concurrency, rate=tickets.rate)
        )
    else:
        business.add(Step.TICKET_CREATE)
    found.append(
        Destination(
            name="erp", steps=frozenset(business) - by_itself, places=erp.concurrency, rate=erp.rate
        )
    )
    return tuple(found)


class Lane:
    """One destination's places, rate and breaker."""

    def __init__(self, destination: Destination, worker: WorkerSection, breaker: Breaker) -> None:
        self.name = destination.name
        self.steps: Collection[Step] = destination.steps
        self._destination = destination
        self._worker = worker
        self._breaker = breaker if destination.has_breaker else succeeded()
        self._running = 0
        self._allowance = max(destination.rate * _BURST_S, 1.0)
        self._counted_at: datetime | None = None
        self._show()

    def free(self, now: datetime) -> int:
        """How many more may be started now."""
        if self._breaker.is_open(now):
            return 0
        if self.is_probing(now):
            return 1 if self._running == 0 else 0
        free = self._destination.places - self._running
        return free if not self._destination.rate else min(free, int(self._allowed(now)))

    def is_probing(self, now: datetime) -> bool:
        """Whether what is started now only finds out if the destination is back."""
        return self._breaker.is_probing(now)

    def started(self, number: int) -> None:
        """So many actions are under way."""
        self._running += number
        self._allowance -= number

    def ended(self) -> None:
        """One of them is over, however it ended."""
        self._running -= 1

    def told(self, failure: Failure | None, now: datetime) -> None:
        """What an attempt said of the destination; None for success or a refusal."""
        if not self._destination.has_breaker:
            return
        before = self._breaker
        if failure is None:
            self._breaker = succeeded()
        elif is_away(failure):
            self._breaker = failed(before, now, self._worker)
        if (before.open_until is None) == (self._breaker.open_until is None):
            return
        if failure is None:
            maillog.destination_back(destination=self.name)
        else:
            maillog.destination_away(
                destination=self.name,
                reason=failure.reason,
                failures=self._breaker.failures,
                pause=self._breaker.pause_s,
            )
        self._show()

    def _allowed(self, now: datetime) -> float:
        rate = self._destination.rate
        if self._counted_at is not None:
            gone = (now - self._counted_at).total_seconds()
            most = max(rate * _BURST_S, 1.0)
            self._allowance = min(self._allowance + max(gone, 0.0) * rate, most)
        self._counted_at = now
        return max(self._allowance, 0.0)

    def _show(self) -> None:
        is_away = self._breaker.open_until is not None
        metrics.DESTINATION_AWAY.labels(self.name).set(int(is_away))


def open_lanes(config: Config, database: Database) -> dict[Step, Lane]:
    """A lane for each step, its breaker as the latest attempts left it."""
    try:
        latest = _latest(database)
    except TemporaryFailure as failure:
        maillog.degraded(part="worker", reason=failure.reason)
        latest = []
    lanes: dict[Step, Lane] = {}
    for destination in destinations(config):
        ended = [(o, r, at) for step, o, r, at in latest if step in destination.steps]
        lane = Lane(destination, config.worker, rebuilt(ended, config.worker))
        lanes |= dict.fromkeys(destination.steps, lane)
    return lanes


def _latest(database: Database) -> list[tuple[Step, str, str, datetime]]:
    """Step, outcome, reason and end of the latest attempts, the newest first."""
    with database.reading() as connection:
        return [
            (Step(row.step), row.outcome, row.reason, moment(row.finished_at))
            for row in connection.execute(RECENT, {"most": _RECENT})
        ]
