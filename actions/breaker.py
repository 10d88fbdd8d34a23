"""The circuit breaker of one destination. Pure.

In: how attempts ended, one after the other. Out: whether the destination is to be asked now.
After `worker.breaker_failures` temporary failures in a row it is open: nothing is asked for
`worker.breaker_pause` seconds, so that an ERP that is away costs no action its attempts. Then one
action at a time is tried (half-open); that attempt does not count when it fails, and the pause
doubles, up to `worker.breaker_pause_max`. The first answer, be it a refusal, closes the breaker.

Nothing of this is stored: `rebuilt` finds it again in the attempts that are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from postroom.config import WorkerSection
from postroom.failure import Failure, TemporaryFailure

from .erp.contract import NotYet

# Trouble on our own side says nothing about the destination.
OUR_OWN = frozenset({"bug", "busy", "database", "lease-lost", "storage-full", "worker-lost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """What is known of a destination."""

    failures: int = 0  # temporary ones, in a row
    pause_s: float = 0.0  # of the present opening
    open_until: datetime | None = None  # None: closed

    def is_open(self, now: datetime) -> bool:
        """Nothing may be asked now."""
        return self.open_until is not None and now < self.open_until

    def is_probing(self, now: datetime) -> bool:
        """One attempt may find out whether the destination is back."""
        return self.open_until is not None and now >= self.open_until


def succeeded() -> Breaker:
    """The destination answered."""
    return Breaker()


def failed(breaker: Breaker, now: datetime, worker: WorkerSection) -> Breaker:
    """The destination did not answer, or said that it cannot."""
    failures = breaker.failures + 1
    if breaker.is_open(now):  # one that had been under way when it opened
        return Breaker(failures=failures, pause_s=breaker.pause_s, open_until=breaker.open_until)
    if breaker.open_until is not None:
        pause_s = min(breaker.pause_s * 2, worker.breaker_pause_max)
    elif failures >= worker.breaker_failures:
        pause_s = worker.breaker_pause
    else:
        return Breaker(failures=failures)
    return Breaker(failures=failures, pause_s=pause_s, open_until=now + timedelta(seconds=pause_s))


def is_away(failure: Failure) -> bool:
    """Whether a failure speaks of the destination rather than of the action or of us."""
    return (
        isinstance(failure, TemporaryFailure)
        and not isinstance(failure, NotYet)
        and failure.reason not in OUR_OWN
    )


def rebuilt(ended: Iterable[tuple[str, str, datetime]], worker: WorkerSection) -> Breaker:
    """The breaker after a restart, from (outcome, reason, time) of attempts, the newest first."""
    failures, latest = 0, None
    for outcome, reason, at in ended:
        if outcome == "lost" or reason in OUR_OWN:
            continue
        if outcome != "temporary":
            break
        failures += 1
        latest = latest or at
    if latest is None or failures < worker.breaker_failures:
        return Breaker(failures=failures)
    return Breaker(
        failures=failures,
        pause_s=worker.breaker_pause,
        open_until=latest + timedelta(seconds=worker.breaker_pause),
    )
