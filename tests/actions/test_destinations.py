"""The worker and its destinations: places of their own, breakers, and one order after the other."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from postroom.actions import desk, outbox
from postroom.actions.erp.contract import NotYet
from postroom.actions.outbox import Done, Leased
from postroom.actions.performers import Performer
from postroom.actions.worker import Worker
from postroom.config import Config
from postroom.decision import Action, Step
from postroom.doorbell import Doorbell
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.store.engine import Database
from postroom.store.schema import ACTION, ATTEMPT
from tests.fakes import post

pytestmark = pytest.mark.slow  # the file as a whole takes seconds

AWAY = TemporaryFailure("erp-unreachable")
Perform = Callable[[Leased], Awaitable[Done]]


def put(
    database: Database, step: Step, *names: str, sequence: str = "", after: str = ""
) -> list[int]:
    message = post.take(database, f"{step.value} {names}")
    actions = [post.simple_action(f"{step.value} {name}", step, after) for name in names]
    actions = [
        Action(key=one.key, step=one.step, body=one.body, after=one.after, sequence=sequence)
        for one in actions
    ]
    with database.transaction() as connection:
        return outbox.put(connection, message, actions, post.NOW, "test")


def states(database: Database) -> dict[int, str]:
    with database.reading() as connection:
        rows = connection.execute(select(ACTION.c.id, ACTION.c.state).order_by(ACTION.c.id))
        return {row.id: row.state for row in rows}


async def done(_: Leased) -> Done:
    return Done(result="x")


def work(
    config: Config,
    database: Database,
    clock: post.HandClock,
    steps: dict[Step, Performer],
    until: Callable[[], bool],
    folder: Path,
    tick_s: float = 0.0,
) -> None:
    """Runs a worker until the condition holds; the clock goes on by `tick_s` at each look."""

    async def main() -> None:
        bell = Doorbell(folder / "bell")
        worker = Worker(config, database, clock, steps, bell)
        task = asyncio.create_task(worker.run())
        try:
            async with asyncio.timeout(60):
                while not until():
                    await asyncio.sleep(0.005)
                    clock.advance(tick_s)
        finally:
            worker.stop()
            await task
            bell.close()

    asyncio.run(main())


def settings(**worker: float) -> Config:
    return post.config(worker={"poll": 0.01, "backoff": 0.01, **worker})


def test_an_erp_that_hangs_holds_up_nobody_else(database: Database, tmp_path: Path) -> None:
    """Fifty orders wait for a silent ERP; mail is handed on meanwhile, though it came later."""
    put(database, Step.ORDER_CREATE, *(str(n) for n in range(50)))
    mails = put(database, Step.DELIVER, *(str(n) for n in range(20)))
    release = asyncio.Event()

    async def hang(_: Leased) -> Done:
        await release.wait()
        return Done(result="x")

    def delivered() -> bool:
        found = states(database)
        finished = all(found[mail] == "done" for mail in mails)
        if finished and not release.is_set():
            assert sum(state == "leased" for state in found.values()) == 4  # erp.concurrency
            release.set()
        return finished and set(found.values()) == {"done"}

    steps: dict[Step, Performer] = {Step.ORDER_CREATE: hang, Step.DELIVER: done}
    work(settings(), database, post.HandClock(), steps, delivered, tmp_path)


@pytest.mark.slow
def test_an_erp_that_is_down_for_an_hour_costs_no_action_its_attempts(
    database: Database, tmp_path: Path
) -> None:
    orders = put(database, Step.ORDER_CREATE, *(str(n) for n in range(30)))
    clock, asked = post.HandClock(), []
    back_at = post.NOW + timedelta(hours=1)

    async def perform(leased: Leased) -> Done:
        asked.append(clock.now())
        if clock.now() < back_at:
            raise AWAY
        return Done(result=f"SO-{leased.id}")

    config = settings(lease=1e6, backoff=30)
    steps: dict[Step, Performer] = {Step.ORDER_CREATE: perform}
    work(
        config, database, clock, steps,
        lambda: set(states(database).values()) <= {"done", "dead"}, tmp_path, tick_s=8,
    )  # fmt: skip
    assert states(database) == dict.fromkeys(orders, "done")
    failed = sum(at < back_at for at in asked)
    assert failed < 40, "the destination was hardly left alone"


def test_the_breaker_is_found_again_after_a_restart(database: Database, tmp_path: Path) -> None:
    put(database, Step.ORDER_CREATE, *(str(n) for n in range(20)))
    clock, asked = post.HandClock(), 0

    async def away(_: Leased) -> Done:
        nonlocal asked
        asked += 1
        raise AWAY

    config = settings(lease=1e6, backoff=1e4, backoff_max=1e5)
    steps: dict[Step, Performer] = {Step.ORDER_CREATE: away}

    def opened() -> bool:
        return "leased" not in states(database).values() and asked >= 5

    work(config, database, clock, steps, opened, tmp_path)
    before = asked
    looks = iter(range(100))
    work(config, database, clock, steps, lambda: next(looks) == 99, tmp_path)
    assert asked == before
    clock.advance(31)
    work(config, database, clock, steps, lambda: asked > before, tmp_path)
    assert asked == before + 1


def test_a_poisoned_probe_does_not_keep_the_others_waiting(
    database: Database, tmp_path: Path
) -> None:
    poison, *others = put(database, Step.ORDER_CREATE, *(str(n) for n in range(8)))
    clock = post.HandClock()
    outage = post.NOW + timedelta(minutes=5)

    async def perform(leased: Leased) -> Done:
        if leased.id == poison or clock.now() < outage:
            raise TemporaryFailure("erp-timeout")
        return Done(result="x")

    steps: dict[Step, Performer] = {Step.ORDER_CREATE: perform}
    work(
        settings(lease=1e6, backoff=30), database, clock, steps,
        lambda: set(states(database).values()) <= {"done", "dead"}, tmp_path, tick_s=3,
    )  # fmt: skip
    found = states(database)
    assert found.pop(poison) == "dead"
    assert found == dict.fromkeys(others, "done")


def test_what_was_not_tried_leaves_no_attempt(database: Database, tmp_path: Path) -> None:
    (order,) = put(database, Step.ORDER_CREATE, "a")
    clock, waits = post.HandClock(), iter([20.0, 10.0])

    async def perform(leased: Leased) -> Done:
        assert (leased.attempt, leased.attempts, leased.previous_at) == (1, 1, None)
        if wait_s := next(waits, 0.0):
            raise NotYet("erp-settling", wait_s)
        return Done(result="x")

    steps: dict[Step, Performer] = {Step.ORDER_CREATE: perform}
    finished = lambda: states(database) == {order: "done"}  # noqa: E731
    work(settings(lease=1e6), database, clock, steps, finished, tmp_path, tick_s=1)
    with database.reading() as connection:
        attempts = connection.execute(select(ATTEMPT)).all()
    assert [(row.number, row.outcome) for row in attempts] == [(1, "done")]
    assert clock.now() >= post.NOW + timedelta(seconds=30)


def test_what_a_person_should_know_is_kept_with_the_dead_letter(
    database: Database, tmp_path: Path
) -> None:
    (order,) = put(database, Step.ORDER_CREATE, "a")

    async def perform(_: Leased) -> Done:
        raise PermanentFailure("erp-differs", detail="SO-1: holds 2 x product 7")

    steps: dict[Step, Performer] = {Step.ORDER_CREATE: perform}
    finished = lambda: states(database) == {order: "dead"}  # noqa: E731
    work(settings(), database, post.HandClock(), steps, finished, tmp_path)
    story = desk.show(database, order)
    assert story.row.reason == "erp-differs: SO-1: holds 2 x product 7"
    assert story.attempts[0].reason == "erp-differs: SO-1: holds 2 x product 7"


def test_a_change_never_overtakes_its_order(database: Database, tmp_path: Path) -> None:
    """The order backs off, dies, and is retried by a person; its change waits all the while."""
    (order,) = put(database, Step.ORDER_CREATE, "order", sequence="anna 17")
    (change,) = put(database, Step.ORDER_CREATE, "change", sequence="anna 17")
    (other,) = put(database, Step.ORDER_CREATE, "other", sequence="anna 18")
    clock, seen, is_up = post.HandClock(), list[int](), False

    async def perform(leased: Leased) -> Done:
        if leased.id == order and not is_up:
            raise TemporaryFailure("erp-busy")
        seen.append(leased.id)
        return Done(result="x")

    steps: dict[Step, Performer] = {Step.ORDER_CREATE: perform}

    def died() -> bool:
        found = states(database)
        return found[order] == "dead" and found[other] == "done"

    work(settings(), database, clock, steps, died, tmp_path, tick_s=1)
    assert states(database)[change] == "pending"
    is_up = True
    desk.retry(database, order, clock.now(), "anna")
    all_done = lambda: set(states(database).values()) == {"done"}  # noqa: E731
    work(settings(), database, clock, steps, all_done, tmp_path, tick_s=1)
    assert seen == [other, order, change]


def test_a_dropped_order_lets_its_change_go(database: Database) -> None:
    (order,) = put(database, Step.ORDER_CREATE, "order", sequence="anna 17")
    (change,) = put(database, Step.ORDER_CREATE, "change", sequence="anna 17")
    (leased,) = outbox.lease(database, post.NOW, 9, 60, "a")
    assert leased.id == order
    assert outbox.lease(database, post.NOW, 9, 60, "a") == []
    outbox.finish(database, leased, outbox.GivenUp(reason="x"), post.NOW)
    desk.drop(database, order, post.NOW, "anna")
    assert [one.id for one in outbox.lease(database, post.NOW, 9, 60, "a")] == [change]
