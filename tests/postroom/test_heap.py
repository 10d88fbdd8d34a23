"""Memory that large messages took goes back to the system: by the function, in worker and parts.

Heaps of threads are the ones that grow: asked in a process of its own, where several threads at a
time take and free blocks of the size of large messages.
"""

import asyncio
import platform

import pytest

from postroom import service
from postroom.config import Config, ReadingSection
from postroom.reading.pool import WorkerPool
from tests.fakes import jobs
from tests.fakes.other_process import said

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone has it")

_LEFT_MB = 8.0  # of 144 MB that six threads held; without the bounds 24 stay
_BY_HAND = """
from postroom.heap import keep_it_small
from tests.fakes.jobs import left_by_threads
keep_it_small()
print(left_by_threads())
"""


def test_threads_keep_nothing_of_large_blocks() -> None:
    assert float(said(_BY_HAND)) < _LEFT_MB


def test_a_worker_keeps_nothing_of_large_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs.worker_environment(monkeypatch)

    async def ask() -> float:
        # Six threads reserve more addresses than a worker usually has.
        pool = WorkerPool(ReadingSection(workers=1, worker_memory=2**32, deadline=60.0))
        try:
            return await pool.run(jobs.left_by_threads)
        finally:
            pool.stop()

    assert asyncio.run(ask()) < _LEFT_MB


def test_a_part_has_the_bounds_before_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("postroom.service.die_with_parent", lambda: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("postroom.heap.keep_it_small", lambda: asked.append("bounds"))
    service.run_part(Config(), "none of them")
    assert asked == ["bounds"]
