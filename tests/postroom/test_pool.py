"""Worker processes: limits hold, the dead are replaced, neighbours never notice."""

import asyncio
import contextlib
import io
import os
import pickle
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from postroom.clock import SystemClock
from postroom.config import Config, ReadingSection
from postroom.examiner import Examiner
from postroom.failure import Failure, TemporaryFailure
from postroom.reading.pool import WorkerLost, WorkerPool, _Closed, _Worker
from postroom.verdict import Result
from tests.fakes.jobs import (
    burn,
    crafted_answer,
    devour,
    die,
    double,
    held,
    slay,
    stumble,
    wait,
    write_a_file,
)
from tests.fakes.letters import letter

pytestmark = pytest.mark.slow

LIMITS = ReadingSection(workers=2, deadline=30.0, worker_cpu=1.0, worker_memory=200_000_000)


ROOT = str(Path(__file__).resolve().parents[2])


@pytest.fixture(autouse=True)
def _workers_find_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", ROOT)


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (burn, "worker-cpu"),
        (devour, "worker-memory"),
        (die, "worker-crashed"),
        (slay, "worker-killed"),
        (stumble, "worker-bug"),
        (crafted_answer, "worker-crashed"),
        (write_a_file, "worker-bug"),
    ],
)
def test_a_job_that_breaks_a_limit_is_lost_and_its_worker_replaced(
    job: Callable[[], Any], reason: str
) -> None:
    async def scene() -> None:
        pool = WorkerPool(LIMITS)
        try:
            with pytest.raises(WorkerLost) as caught:
                await pool.run(job)
            assert caught.value.reason == reason
            answers = await asyncio.gather(*(pool.run(double, n) for n in range(6)))
            assert answers == [0, 2, 4, 6, 8, 10]
        finally:
            pool.stop()

    asyncio.run(scene())


def test_a_worker_is_not_told_where_the_counters_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/nonexistent")

    async def scene() -> None:
        pool = WorkerPool(LIMITS)
        try:
            assert await pool.run(os.getenv, "PROMETHEUS_MULTIPROC_DIR") is None
        finally:
            pool.stop()

    asyncio.run(scene())


def test_the_worker_that_was_busy_last_works_next() -> None:
    async def scene() -> None:
        pool = WorkerPool(LIMITS)
        try:
            await asyncio.gather(pool.run(wait, 0.1), pool.run(wait, 0.1))
            assert len({await pool.run(wait, 0.0) for _ in range(4)}) == 1
        finally:
            pool.stop()

    asyncio.run(scene())


def test_workers_killed_while_idle_cost_no_job() -> None:
    async def scene() -> None:
        pool = WorkerPool(LIMITS)
        try:
            pids = await asyncio.gather(pool.run(wait, 0.1), pool.run(wait, 0.1))
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            answers = await asyncio.gather(pool.run(double, 1), pool.run(double, 2))
            assert list(answers) == [2, 4]
        finally:
            pool.stop()

    asyncio.run(scene())


def test_a_worker_killed_from_outside_at_work_costs_no_job() -> None:
    async def scene() -> None:
        pool = WorkerPool(LIMITS.model_copy(update={"workers": 1}))
        try:
            pid = await pool.run(wait, 0.0)
            job = asyncio.create_task(pool.run(wait, 0.5))
            await asyncio.sleep(0.1)
            os.kill(pid, signal.SIGKILL)
            assert await job != pid
        finally:
            pool.stop()

    asyncio.run(scene())


async def _warm(pool: WorkerPool) -> None:
    while True:
        with contextlib.suppress(TemporaryFailure):
            assert await pool.run(double, 21) == 42
            return


def test_the_start_of_a_worker_is_not_the_job_s_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(3)")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{tmp_path}")

    async def scene() -> None:
        limits = LIMITS.model_copy(update={"workers": 1, "deadline": 1.0})
        pool = WorkerPool(limits, ("slow_to_import", "tests.fakes.jobs"))
        try:
            with pytest.raises(TemporaryFailure, match="busy"):
                await pool.run(double, 1)
            started = pool.pids
            await _warm(pool)  # it goes on starting meanwhile
            assert pool.pids == started
        finally:
            pool.stop()

    asyncio.run(scene())


def test_workers_that_cannot_start_are_no_message_s_fault() -> None:
    async def scene() -> None:
        pool = WorkerPool(LIMITS, ("no_such_module",))
        try:
            with pytest.raises(TemporaryFailure, match="busy"):
                await pool.run(double, 1)
        finally:
            pool.stop()

    asyncio.run(scene())


@pytest.mark.parametrize(("waited_s", "failure"), [(0.0, WorkerLost), (0.6, TemporaryFailure)])
def test_a_job_that_waited_for_a_processor_comes_again(
    waited_s: float, failure: type[Failure], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        pool = WorkerPool(LIMITS.model_copy(update={"workers": 1, "deadline": 1.0}))
        try:
            await _warm(pool)
            waits = iter([0.0, waited_s])
            monkeypatch.setattr(_Worker, "waited_s", lambda _: next(waits))
            with pytest.raises(failure):
                await pool.run(wait, 60.0)
        finally:
            pool.stop()

    asyncio.run(scene())


def test_waiting_for_a_processor_is_seen() -> None:
    async def scene() -> None:
        pool = WorkerPool(LIMITS.model_copy(update={"workers": 1}))
        try:
            pid = await pool.run(wait, 0.0)
            (worker,) = pool._all
            assert worker.pid == pid
            assert 0.0 < worker.waited_s() < 60.0
        finally:
            pool.stop()

    asyncio.run(scene())


def test_a_neighbour_is_answered_while_a_bomb_goes_off() -> None:
    async def scene() -> None:
        pool = WorkerPool(LIMITS)
        try:
            await pool.run(double, 1)
            bomb = asyncio.create_task(pool.run(burn))
            await asyncio.sleep(0)
            assert await pool.run(double, 21) == 42
            assert not bomb.done()
            with pytest.raises(WorkerLost):
                await bomb
        finally:
            pool.stop()

    asyncio.run(scene())


def test_a_message_that_breaks_its_worker_gets_a_problem_and_its_neighbours_are_read() -> None:
    limits = LIMITS.model_copy(update={"worker_memory": 60_000_000, "deadline": 120.0})

    async def scene() -> None:
        examiner = Examiner(Config(reading=limits), SystemClock())
        try:
            attack = asyncio.create_task(examiner.read(letter("Заказ " * 3_000_000)))
            await asyncio.sleep(0)
            for _ in range(3):
                assert (await examiner.read(letter("10 bolts"))).new_text == "10 bolts"
            (problem,) = (await attack).problems
            assert problem.startswith("worker-")
            # Both workers are there again.
            again = await asyncio.gather(*(examiner.read(letter("10 nuts")) for _ in range(4)))
            assert {one.new_text for one in again} == {"10 nuts"}
        finally:
            examiner.pool.stop()

    asyncio.run(scene())


def test_large_jobs_leave_a_worker_to_the_small_ones() -> None:
    async def scene() -> None:
        pool = WorkerPool(LIMITS)
        try:
            content = bytes(2_000_000)
            large = [asyncio.create_task(pool.run(held, content, 0.5)) for _ in range(2)]
            await asyncio.sleep(0)
            assert await pool.run(double, 21) == 42
            assert not any(job.done() for job in large)
            assert await asyncio.gather(*large) == [len(content)] * 2
        finally:
            pool.stop()

    asyncio.run(scene())


def test_a_job_whose_caller_gave_up_does_not_keep_its_worker() -> None:
    async def scene() -> None:
        pool = WorkerPool(LIMITS.model_copy(update={"workers": 1}))
        try:
            first = await pool.run(wait, 0.0)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await pool.run(wait, 60.0)
            assert await pool.run(wait, 0.0) != first
        finally:
            pool.stop()

    asyncio.run(scene())


def test_a_big_message_crosses_the_border_whole() -> None:
    async def scene() -> None:
        pool = WorkerPool(LIMITS)
        try:
            content = os.urandom(5_000_000)
            assert await pool.run(bytes.hex, content) == content.hex()
        finally:
            pool.stop()

    asyncio.run(scene())


def _named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _called(function: bytes, *arguments: bytes) -> bytes:
    """A pickle that calls a function, as protocol 0 writes it."""
    return function + b"(" + b"".join(arguments) + b"tR."


def _text(value: str) -> bytes:
    return f"V{value}\n".encode()


def test_members_of_enums_are_taken_as_python_3_11_2_writes_them() -> None:
    answer = _called(
        _named("builtins", "getattr"), _named("postroom.verdict", "Result"), _text("PASS")
    )
    assert _Closed(io.BytesIO(answer)).load() is Result.PASS


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (_named("postroom.message", "Message"), "__init__"),
        (_named("postroom.verdict", "Result"), "__class__"),
        (_named("postroom.verdict", "Result"), "mro"),
        (_text("text"), "format"),
    ],
)
def test_getattr_in_an_answer_reaches_nothing_else(kind: bytes, name: str) -> None:
    answer = _called(_named("builtins", "getattr"), kind, _text(name))
    with pytest.raises(pickle.UnpicklingError):
        _Closed(io.BytesIO(answer)).load()
