"""kill -9 at any moment: what was answered 250 is there, and a redelivery makes nothing twice."""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from postroom.config import Config
from postroom.store.engine import Database
from tests.fakes.lmtp import PATIENCE, connect
from tests.fakes.stages import a_mail, intake_config
from tests.fakes.store import a_database

ROOT = Path(__file__).resolve().parent.parent.parent
BOTH = ("info@example.test", "orders@example.test")


@contextmanager
def server_process(folder: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """A listening server; it is killed at the end if it still lives."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.lmtp_process", str(folder), *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        _hear(process, "listening")
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)
        if process.stdout is not None:
            process.stdout.close()


def _hear(process: subprocess.Popen[str], word: str) -> None:
    """Reads the process's story up to a word; ends with the process at the latest."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == word:
            return
    raise AssertionError(f"the server ended before {word!r}")


async def _deliver(config: Config, raw: bytes, queue_id: str) -> list[str]:
    peer = await connect(config)
    try:
        await peer.greet()
        return await peer.deliver(raw, BOTH, queue_id=queue_id)
    finally:
        await peer.close()


def _count(database: Database, query: str) -> int:
    with database.reading() as connection:
        number: int = connection.scalar(text(query))
        return number


@pytest.mark.slow
def test_killed_between_commit_and_reply_nothing_is_lost_and_nothing_happens_twice(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    config = intake_config(tmp_path)
    raw = a_mail(category="purchase_order", order="PO-1")

    with server_process(tmp_path, "--mute") as server:

        async def unanswered() -> list[str]:
            delivery = asyncio.create_task(_deliver(config, raw, "4BX1"))
            await asyncio.to_thread(_hear, server, "committed")
            server.kill()
            with contextlib.suppress(ConnectionError):
                return await delivery
            return []

        assert not any(asyncio.run(unanswered()))
    counts = ("message", "delivery", "action", "review", "event")
    before = [_count(database, f"SELECT count(*) FROM {table}") for table in counts]
    assert before[:2] == [1, 2]

    with server_process(tmp_path):
        replies = asyncio.run(_deliver(config, raw, "4BX1"))
    assert replies == ["250 2.0.0 Already taken as 1"] * 2
    assert [_count(database, f"SELECT count(*) FROM {table}") for table in counts] == before
    assert _count(database, "SELECT count(*) FROM action WHERE step = 'order-create'") == 1


@pytest.mark.slow
def test_killed_at_random_moments_every_mail_is_taken_exactly_once(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    config = intake_config(tmp_path)
    chance = random.Random(5321)
    waiting = {
        f"Q{number}": a_mail(
            f"mail {number}",
            category="purchase_order",
            order=f"PO-{number}",
            message_id=f"<{number}@sender.test>",
        )
        for number in range(40)
    }

    async def until_killed(server: subprocess.Popen[str], after: int) -> None:
        """Delivers what waits; kills the server somewhere behind the `after`th answer."""
        for count, (queue_id, raw) in enumerate(list(waiting.items())):
            delivery = asyncio.create_task(_deliver(config, raw, queue_id))
            if count >= after:
                await asyncio.wait({delivery}, timeout=chance.random() / 50)
                server.kill()
            try:
                replies = await delivery
            except (ConnectionError, AssertionError):
                return
            if replies and all(reply.startswith("250 ") for reply in replies):
                del waiting[queue_id]

    kills = 0
    while waiting:
        with server_process(tmp_path) as server:
            asyncio.run(until_killed(server, after=chance.randrange(1, 9)))
        kills += 1
    assert kills > 5
    assert _count(database, "SELECT count(*) FROM message") == 40
    assert _count(database, "SELECT count(*) FROM delivery") == 80
    assert _count(database, "SELECT count(*) FROM action WHERE step = 'order-create'") == 40
    assert _count(database, "SELECT count(*) FROM action WHERE step = 'deliver'") == 80
    assert _count(database, "SELECT count(DISTINCT order_number) FROM message") == 40
