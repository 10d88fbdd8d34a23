"""When an action is tried again, or that it is given up. Pure.

In: how an attempt failed, how often it was tried, the time, a random number. Out: the time of
the next attempt, or None. ERP actions and replies get `worker.attempts` tries with exponential
back-off and jitter, and a peer's Retry-After is obeyed (contract section 4). Handing mail on to
people is tried for days, as Postfix would: a mailbox server that is down for a night must not
turn the night's mail into dead letters.

Limits: an ERP that is down for longer than all attempts together leaves dead letters, which
`postroom queue retry` sends on their way again under the same keys.
"""

from datetime import datetime, timedelta

from postroom.config import WorkerSection
from postroom.decision import Step
from postroom.failure import Failure, PermanentFailure

from .erp.contract import RetryLater

HANDING_ON = frozenset({Step.DELIVER, Step.FORWARD, Step.WEBHOOK})


def next_time(
    failure: Failure,
    *,
    step: Step,
    attempts: int,
    created_at: datetime,
    now: datetime,
    chance: float,
    worker: WorkerSection,
) -> datetime | None:
    """When to try again after the `attempts`-th failure, or None to give up.

    `chance` is a random number in 0..1 and spreads the retries of many actions over time.
    """
    if isinstance(failure, PermanentFailure) or _spent(step, attempts, created_at, now, worker):
        return None
    # The exponent is capped where the back-off is long past its maximum, so it cannot overflow.
    back_off = min(worker.backoff * 2.0 ** min(attempts - 1, 30), worker.backoff_max)
    delay = back_off * (0.5 + 0.5 * chance)
    if isinstance(failure, RetryLater):
        delay = max(delay, failure.retry_after_s * (1 + 0.1 * chance))
    return now + timedelta(seconds=delay)


def survives_loss(step: Step, *, attempts: int, losses: int, worker: WorkerSection) -> bool:
    """Whether an action may be tried again after its worker vanished in the middle of it.

    Losses count against the same number: an action that kills its worker must not do so for ever.
    """
    if step in HANDING_ON:
        return losses < worker.attempts
    return attempts < worker.attempts


def _spent(
    step: Step, attempts: int, created_at: datetime, now: datetime, worker: WorkerSection
) -> bool:
    if step in HANDING_ON:
        return (now - created_at).total_seconds() >= worker.delivery_lifetime
    return attempts >= worker.attempts
