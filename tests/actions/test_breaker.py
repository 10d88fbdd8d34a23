"""The circuit breaker and the lanes: pure parts."""

from datetime import timedelta

import pytest

from postroom.actions.breaker import Breaker, failed, is_away, rebuilt, succeeded
from postroom.actions.erp.contract import NotYet, RetryLater
from postroom.actions.lanes import Lane, destinations
from postroom.config import WorkerSection
from postroom.decision import Step
from postroom.failure import Failure, PermanentFailure, TemporaryFailure
from tests.fakes import post

NOW = post.NOW
WORKER = WorkerSection(breaker_failures=3, breaker_pause=30, breaker_pause_max=100)
AWAY = TemporaryFailure("erp-unreachable")


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def opened() -> Breaker:
    breaker = Breaker()
    for _ in range(3):
        breaker = failed(breaker, NOW, WORKER)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    two = failed(failed(Breaker(), NOW, WORKER), NOW, WORKER)
    assert not two.is_open(NOW)
    assert opened().is_open(NOW + after(29))
    assert opened().is_probing(NOW + after(30))


def test_an_answer_between_them_starts_the_count_anew() -> None:
    assert not failed(failed(succeeded(), NOW, WORKER), NOW, WORKER).is_open(NOW)


def test_a_failed_probe_doubles_the_pause_up_to_a_limit() -> None:
    breaker, now = opened(), NOW
    pauses = []
    for _ in range(4):
        now += after(breaker.pause_s)
        breaker = failed(breaker, now, WORKER)
        pauses.append(breaker.pause_s)
    assert pauses == [60, 100, 100, 100]


def test_what_was_under_way_when_it_opened_does_not_prolong_it() -> None:
    late = failed(opened(), NOW + after(10), WORKER)
    assert late.open_until == NOW + after(30)


@pytest.mark.parametrize(
    ("failure", "away"),
    [
        (AWAY, True),
        (RetryLater("erp-http-429", 5), True),
        (TemporaryFailure("deadline"), True),
        (PermanentFailure("erp-http-400"), False),
        (NotYet("erp-settling", 5), False),
        (TemporaryFailure("bug"), False),
        (TemporaryFailure("database"), False),
    ],
)
def test_which_failures_speak_of_the_destination(failure: Failure, away: bool) -> None:
    assert is_away(failure) is away


@pytest.mark.parametrize(
    ("ended", "is_open"),
    [
        ([], False),
        (["temporary", "temporary"], False),
        (["temporary", "temporary", "temporary"], True),
        (["temporary", "lost", "temporary", "temporary"], True),
        (["temporary", "temporary", "done", "temporary"], False),
        (["temporary", "permanent", "temporary", "temporary"], False),
    ],
)
def test_after_a_restart_it_is_as_the_attempts_left_it(ended: list[str], is_open: bool) -> None:
    rows = [(outcome, "erp-timeout", NOW) for outcome in ended]
    assert rebuilt(rows, WORKER).is_open(NOW + after(29)) is is_open


def test_every_step_has_one_destination() -> None:
    for config in (post.config(), post.config(tickets={"base_url": "http://127.0.0.1:1"})):
        steps = [step for one in destinations(config) for step in one.steps]
        assert sorted(steps, key=str) == sorted(Step, key=str)


def lane(**changes: float) -> Lane:
    config = post.config(erp={"concurrency": 4, **changes})
    (erp,) = (one for one in destinations(config) if one.name == "erp")
    return Lane(erp, WORKER, Breaker())


def test_places_are_the_destinations_own() -> None:
    erp = lane()
    assert erp.free(NOW) == 4
    erp.started(4)
    assert erp.free(NOW) == 0
    erp.ended()
    assert erp.free(NOW) == 1


def test_a_probe_goes_alone() -> None:
    erp = lane()
    erp.started(4)
    for _ in range(4):
        erp.told(AWAY, NOW)
        erp.ended()
    assert erp.free(NOW + after(29)) == 0
    assert erp.free(NOW + after(30)) == 1
    erp.started(1)
    assert erp.free(NOW + after(31)) == 0
    erp.told(None, NOW + after(31))
    erp.ended()
    assert erp.free(NOW + after(31)) == 4


def test_a_rate_is_kept_and_unused_time_is_not_saved_up() -> None:
    erp = lane(rate=2)
    started = 0
    for tick in range(50):  # five seconds
        now = NOW + after(tick / 10)
        free = erp.free(now)
        erp.started(free)
        for _ in range(free):
            erp.ended()
        started += free
    assert 10 <= started <= 12
    assert erp.free(NOW + after(3_600)) == 2
