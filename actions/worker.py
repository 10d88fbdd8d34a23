"""The worker: lease -> perform -> record the result, several actions at a time.

In: the outbox, a performer per step, a doorbell. Out: finished attempts; what ends together is
recorded in one commit, which also claims what is due by then (turn.py). The worker looks into the
outbox when the doorbell rings, when something becomes due, when a place is free, and at the latest
every `worker.poll` seconds. Each destination has its own places, rate and circuit breaker
(lanes.py). `stop` drains: what runs is finished, nothing new is leased.

Failure policy: a performer's TemporaryFailure is retried, its PermanentFailure is a dead letter,
anything else is a bug, logged with its traceback and retried like a temporary failure. Trouble
with the database stops nothing for good: leasing pauses, and an ending that cannot be written is
tried again until the lease runs out, after which the action comes back by itself.
"""

import asyncio
import os
import random
import secrets
import socket
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from postroom import maillog, metrics
from postroom.clock import Clock
from postroom.config import Config
from postroom.decision import Step
from postroom.failure import Failure, PermanentFailure, TemporaryFailure
from postroom.store import decided
from postroom.store.engine import Database

from . import desk, outbox
from .breaker import is_away
from .erp.contract import NotYet
from .lanes import Lane, open_lanes
from .outbox import Done, End, GivenUp, Later, Leased, Postponed, Withheld
from .performers import Performer, ReplyWithheld
from .retry import next_time
from .turn import Places, take_turn

_BUSINESS = (Step.ORDER_CREATE, Step.INVOICE_UPDATE, Step.TICKET_CREATE)
_AT_RECEIPT_S = 60.0  # an action planned later than this waited for a person, not for us
_REVIEWED = 200  # newest reviews of which agreement is shown
_FIGURES_S = 5.0  # between two looks at the queue's depth
_TROUBLE_S = 0.2  # before the database is asked again
_LEASE_USED = 0.9  # part of a lease an attempt may take; the rest is for writing its end


class Bell(Protocol):
    """What wakes a worker (postroom/doorbell.py, or the bus of several hosts)."""

    async def wait(self, timeout_s: float) -> None:
        """Returns when rung, or after `timeout_s` seconds."""
        ...


class Worker:
    """Carries out what is due until it is told to stop."""

    def __init__(
        self,
        config: Config,
        database: Database,
        clock: Clock,
        performers: Mapping[Step, Performer],
        bell: Bell,
    ) -> None:
        self._config = config
        self._settings = config.worker
        self._database = database
        self._clock = clock
        self._performers = performers
        self._bell = bell
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._running = 0
        self._lanes: dict[Step, Lane] = {}  # made when `run` starts
        self._stopping = False
        self._wake = asyncio.Event()
        self._ended: list[tuple[Leased, End]] = []  # performed, not yet recorded
        self._in_trouble = False  # the turn before failed
        self._figures_at: datetime | None = None

    async def run(self) -> None:
        """Works until `stop`; returns when the last attempt is recorded."""
        maillog.started("worker", concurrency=self._settings.concurrency)
        await asyncio.to_thread(self._reclaim_orphans)
        self._lanes = await asyncio.to_thread(open_lanes, self._config, self._database)
        async with asyncio.TaskGroup() as attempts:
            listener = attempts.create_task(self._listen())
            while not self._stopping or self._running:
                self._wake.clear()
                try:
                    pause_s = await self._turn(attempts)
                except TemporaryFailure as failure:
                    maillog.degraded(part="worker", reason=failure.reason)
                    pause_s = min(self._settings.poll, _TROUBLE_S)
                except Exception as error:  # noqa: BLE001  boundary: the worker's loop goes on
                    maillog.bug("worker", error)
                    pause_s = self._settings.poll
                await self._sleep(pause_s)
            listener.cancel()
        maillog.stopped("worker")

    def stop(self) -> None:
        """Asks `run` to drain and return; from the worker's own event loop."""
        self._stopping = True
        self._wake.set()

    async def _listen(self) -> None:
        # Asked anew each time: asyncio.wait_for of Python 3.11 can swallow a cancellation.
        while not self._stopping:
            await self._bell.wait(self._settings.poll)
            self._wake.set()

    async def _sleep(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _turn(self, attempts: asyncio.TaskGroup) -> float:
        """Records what ended and starts what is due; how long nothing more is to do, in seconds.

        What cannot be recorded is tried again, but not beyond its lease: what ran out comes back
        by itself. After a turn that failed what ended is recorded alone, so that trouble with
        claiming costs no ending.
        """
        now = self._clock.now()
        if self._figures_due(now):
            await asyncio.to_thread(self._show_figures, now)
        ended = list(self._ended)
        records_alone = self._in_trouble and bool(ended)
        lanes = [] if self._stopping or records_alone else list(dict.fromkeys(self._lanes.values()))
        places = [Places(steps=lane.steps, free=lane.free(now)) for lane in lanes]
        probing = {lane for lane in lanes if lane.is_probing(now)}
        self._in_trouble = True
        try:
            turn = await asyncio.to_thread(
                take_turn, self._database, now, ended, places, self._owner, self._settings
            )
        except Exception:
            self._forget([one for one in ended if one[0].lease_until <= now], set(), now)
            raise
        self._in_trouble = False
        self._forget(ended, turn.held, now)
        for leased in turn.leased:
            lane = self._lanes[leased.step]
            lane.started(1)
            attempts.create_task(self._attempt(leased, lane, lane in probing))
        self._running += len(turn.leased)
        return 0.0 if records_alone else self._pause(turn.agenda, now)

    def _pause(self, agenda: outbox.Agenda, now: datetime) -> float:
        """Until the next thing is due, at most `worker.poll`; a free place wakes us anyway."""
        if agenda.next_at is None or agenda.due:
            return self._settings.poll
        return min(max((agenda.next_at - now).total_seconds(), 0.001), self._settings.poll)

    async def _attempt(self, leased: Leased, lane: Lane, is_probe: bool) -> None:
        end = await self._perform(leased, lane, is_probe)
        lane.ended()
        self._ended.append((leased, end))
        self._wake.set()

    async def _perform(self, leased: Leased, lane: Lane, is_probe: bool) -> End:
        failure: Failure | None = None
        remaining = (leased.lease_until - self._clock.now()).total_seconds()
        try:
            async with asyncio.timeout(max(remaining * _LEASE_USED, 0.0)):
                performer = self._performers.get(leased.step)
                if performer is None:  # planned under another configuration
                    raise PermanentFailure("no-performer")
                done = await performer(leased)
            lane.told(None, self._clock.now())
            return done
        except ReplyWithheld as closed:
            maillog.reply_withheld(message=leased.message, reason=closed.gate)
            metrics.REPLIES_WITHHELD.labels(closed.gate).inc()
            return Withheld(reason=closed.reason)
        except NotYet as not_yet:
            due_at = self._clock.now() + timedelta(seconds=not_yet.wait_s)
            return Postponed(due_at=due_at, reason=not_yet.reason)
        except Failure as found:
            failure = found
        except TimeoutError as error:
            failure = TemporaryFailure("deadline", error)
        except Exception as error:  # noqa: BLE001  boundary: one action's trouble is its own
            maillog.bug(f"step {leased.step.value}", error)
            failure = TemporaryFailure("bug", error)
        is_refusal = isinstance(failure, PermanentFailure)
        lane.told(None if is_refusal else failure, self._clock.now())
        return self._after(failure, leased, is_probe)

    def _after(self, failure: Failure, leased: Leased, is_probe: bool) -> Later | GivenUp:
        if is_probe and is_away(failure) and not self._is_old(leased):
            # It only found out that the destination is still away. Others come first next time.
            pause = timedelta(seconds=self._settings.breaker_pause)
            return Later(
                due_at=self._clock.now() + pause,
                reason=failure.reason,
                detail=failure.detail,
                counts=False,
            )
        due_at = next_time(
            failure,
            step=leased.step,
            attempts=leased.attempts,
            created_at=leased.created_at,
            now=self._clock.now(),
            chance=random.random(),
            worker=self._settings,
        )
        if due_at is None:
            return GivenUp(reason=failure.reason, detail=failure.detail)
        return Later(due_at=due_at, reason=failure.reason, detail=failure.detail)

    def _is_old(self, leased: Leased) -> bool:
        """An action that is tried for days is not what a breaker waits for."""
        age_s = (self._clock.now() - leased.created_at).total_seconds()
        return age_s >= self._settings.delivery_lifetime

    def _forget(self, ended: list[tuple[Leased, End]], held: set[str], now: datetime) -> None:
        """Lets go of attempts that are recorded, or whose lease is lost."""
        gone = {leased.lease for leased, _ in ended}
        self._ended = [one for one in self._ended if one[0].lease not in gone]
        self._running -= len(ended)
        for leased, end in ended:
            self._tell(leased, end if leased.lease in held else GivenUp(reason="lease-lost"), now)

    def _tell(self, leased: Leased, end: End, now: datetime) -> None:
        outcome, reason, result = _in_words(end)
        metrics.ATTEMPTS.labels(leased.step.value, outcome, reason).inc()
        planned_at_receipt = leased.created_at - leased.received_at < timedelta(
            seconds=_AT_RECEIPT_S
        )
        if outcome == "done" and leased.step in _BUSINESS and planned_at_receipt:
            metrics.ACTION_SECONDS.observe((now - leased.received_at).total_seconds())
        maillog.attempted(
            action=leased.id,
            message=leased.message,
            step=leased.step.value,
            attempt=leased.attempt,
            outcome=outcome,
            reason=reason,
            result=result,
        )

    def _figures_due(self, now: datetime) -> bool:
        shown = self._figures_at
        return shown is None or (now - shown).total_seconds() >= _FIGURES_S

    def _show_figures(self, now: datetime) -> None:
        self._figures_at = now
        depth = desk.depth(self._database, now)
        for state, number in depth.states.items():
            metrics.QUEUE_DEPTH.labels(state).set(number)
        metrics.QUEUE_AGE.set(depth.oldest_s)
        metrics.REVIEWS.set(depth.reviews)
        with self._database.reading() as connection:
            reviewed = decided.agreement(connection, newest=_REVIEWED)
        for category, (mails, agreed) in reviewed.items():
            metrics.REVIEW_AGREEMENT.labels(category).set(agreed / mails)

    def _reclaim_orphans(self) -> None:
        """Takes back at once what workers of this host held that no longer run.

        After a crash the restarted service goes on in a moment instead of a lease later. Should
        a process be wrongly taken for gone (another container with our host's name), its ending
        and its point of no return are refused, as for any lease that ran out.
        """
        try:
            gone = {o for o in outbox.owners(self._database) if self._is_orphan(o)}
            if gone:
                outbox.reclaim(self._database, self._clock.now(), self._settings, gone)
        except TemporaryFailure as failure:
            maillog.degraded(part="worker", reason=failure.reason)

    def _is_orphan(self, owner: str) -> bool:
        host, _, process = owner.partition(":")
        pid = process.partition(":")[0]
        if host != socket.gethostname() or not pid.isdecimal() or owner == self._owner:
            return False
        if int(pid) == os.getpid():
            return True  # numbers come again; we hold nothing yet
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False


def _in_words(end: End) -> tuple[str, str, str]:
    """Outcome, reason and result, as log and metrics name them."""
    match end:
        case Done(result=result):
            return "done", "", result
        case Later(reason=reason):
            return "temporary", reason, ""
        case Postponed(reason=reason):
            return "postponed", reason, ""
        case GivenUp(reason=reason):
            return "permanent", reason, ""
        case Withheld(reason=reason):
            return "withheld", reason, ""
