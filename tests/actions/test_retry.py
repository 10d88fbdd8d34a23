"""When an action is tried again."""

from datetime import timedelta

import pytest

from postroom.actions.erp.contract import RetryLater
from postroom.actions.retry import next_time, survives_loss
from postroom.config import WorkerSection
from postroom.decision import Step
from postroom.failure import Failure, PermanentFailure, TemporaryFailure
from tests.fakes.post import NOW

WORKER = WorkerSection(attempts=3, backoff=30, backoff_max=100, delivery_lifetime=3_600)


def wait_s(
    failure: Failure | None = None,
    *,
    attempts: int = 1,
    chance: float = 1.0,
    step: Step = Step.ORDER_CREATE,
    age_s: float = 0,
) -> float | None:
    at = next_time(
        failure or TemporaryFailure("erp-http-500"),
        step=step,
        attempts=attempts,
        created_at=NOW - timedelta(seconds=age_s),
        now=NOW,
        chance=chance,
        worker=WORKER,
    )
    return None if at is None else (at - NOW).total_seconds()


def test_a_permanent_failure_is_given_up_at_once() -> None:
    assert wait_s(PermanentFailure("erp-http-422")) is None


def test_the_third_attempt_is_the_last() -> None:
    assert wait_s(attempts=2) is not None
    assert wait_s(attempts=3) is None
    assert wait_s(attempts=4) is None


def test_waits_double_and_stay_below_their_maximum() -> None:
    worker = WorkerSection(attempts=100, backoff=30, backoff_max=100)
    waits = []
    for attempts in (1, 2, 3, 99):
        at = next_time(
            TemporaryFailure("x"), step=Step.REPLY, attempts=attempts, created_at=NOW,
            now=NOW, chance=1.0, worker=worker,
        )  # fmt: skip
        assert at is not None
        waits.append((at - NOW).total_seconds())
    assert waits == [30, 60, 100, 100]


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 15), (0.5, 22.5), (1.0, 30)])
def test_chance_spreads_the_retries(chance: float, seconds: float) -> None:
    assert wait_s(chance=chance) == seconds


@pytest.mark.parametrize(("said", "at_least"), [(5, 15), (600, 600), (86_400, 86_400)])
def test_retry_after_is_obeyed_but_never_hurries_us(said: float, at_least: float) -> None:
    waited = wait_s(RetryLater("erp-http-429", said), chance=0.0)
    assert waited == at_least


def test_retry_after_does_not_give_more_attempts() -> None:
    assert wait_s(RetryLater("erp-http-429", 5), attempts=3) is None


@pytest.mark.parametrize("step", [Step.DELIVER, Step.FORWARD])
def test_handing_on_is_tried_until_its_lifetime_ends(step: Step) -> None:
    assert wait_s(step=step, attempts=50, age_s=3_599) == 100
    assert wait_s(step=step, attempts=1, age_s=3_600) is None


@pytest.mark.parametrize(
    ("step", "attempts", "losses", "survives"),
    [
        (Step.ORDER_CREATE, 1, 1, True),
        (Step.ORDER_CREATE, 3, 1, False),
        (Step.REPLY, 3, 3, False),
        (Step.DELIVER, 40, 2, True),
        (Step.DELIVER, 40, 3, False),
    ],
)
def test_a_lost_worker_counts_against_the_attempts(
    step: Step, attempts: int, losses: int, survives: bool
) -> None:
    assert survives_loss(step, attempts=attempts, losses=losses, worker=WORKER) is survives
