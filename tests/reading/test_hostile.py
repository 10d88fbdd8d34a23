"""Messages built to hurt, read in worker processes while the service answers others.

Each is read within two seconds of CPU under the default memory limit and names what limit it hit;
meanwhile a neighbour's messages are read by the other worker.
"""

import asyncio
from collections.abc import Iterator

import pytest

from postroom.config import ReadingSection
from postroom.jobs import read_message
from postroom.message import Message
from postroom.reading.pool import WorkerPool
from tests.fakes.blowups import CASES, MEGABYTES, megabytes
from tests.fakes.jobs import measure_reading, worker_environment
from tests.fakes.letters import letter

pytestmark = pytest.mark.slow

CPU_SECONDS = 2.0
# A loaded machine may take its time; what is limited here is CPU and memory.
LIMITS = ReadingSection(workers=2, deadline=120.0)


class Service:
    """A pool on a loop of its own, and a neighbour who wants his mail read too."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.pool = WorkerPool(LIMITS)
        self.answered = 0  # of the neighbour's messages, while another message was being read

    def attacked_by(self, raw: bytes) -> tuple[float, Message]:
        """What reading `raw` cost, in seconds of CPU, and what was read."""
        return self.loop.run_until_complete(self._attacked_by(raw))

    async def _attacked_by(self, raw: bytes) -> tuple[float, Message]:
        attack = asyncio.create_task(self.pool.run(measure_reading, raw, LIMITS))
        for _ in range(3):
            message = await self.pool.run(read_message, letter("10 bolts"), LIMITS)
            assert message.new_text == "10 bolts"
            self.answered += not attack.done()
        return await attack

    def stop(self) -> None:
        self.pool.stop()
        self.loop.close()


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with pytest.MonkeyPatch.context() as patch:
        worker_environment(patch)
        one = Service()
        one.pool.start()
        yield one
        one.stop()
    assert one.answered > 0


@pytest.mark.parametrize("name", CASES)
def test_hostile_message_is_read_in_time(service: Service, name: str) -> None:
    build, problem = CASES[name]
    raw = build()
    seconds, message = service.attacked_by(raw)
    assert seconds < CPU_SECONDS, f"{seconds:.2f} s for {len(raw)} octets"
    if problem:
        assert problem in message.problems


@pytest.mark.parametrize(("chunks", "problems", "size"), MEGABYTES)
def test_megabytes_of_base64_are_read_in_time(
    service: Service, chunks: int, problems: tuple[str, ...], size: int | None
) -> None:
    seconds, message = service.attacked_by(megabytes(chunks))
    assert seconds < CPU_SECONDS
    assert message.problems == problems
    assert size in (None, message.attachments[0].size)
