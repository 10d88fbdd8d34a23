"""A disk that is really full: mail is deferred, nothing is lost, and all goes on by itself."""

import asyncio
import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from postroom.failure import TemporaryFailure
from postroom.keeping.backup import back_up
from tests.fakes.kept import NOW
from tests.fakes.lmtp import connect
from tests.fakes.stages import a_mail, intake_config
from tests.fakes.store import a_database
from tests.lmtp.test_killed import server_process

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk"),
]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("nothing may be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def _fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    file = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(file, b"x" * 4096)
    os.close(file)
    return ballast


def test_mail_is_deferred_while_the_disk_is_full_and_taken_afterwards(disk: Path) -> None:
    database = a_database(disk)
    config = intake_config(disk)

    async def deliver(raw: bytes, queue_id: str) -> list[str]:
        peer = await connect(config)
        try:
            await peer.greet()
            return await peer.deliver(raw, ("info@example.test",), queue_id=queue_id)
        finally:
            await peer.close()

    first = a_mail(message_id="<1@sender.test>")
    second = a_mail("x" * 400_000, message_id="<2@sender.test>")
    with server_process(disk):
        assert asyncio.run(deliver(first, "Q1"))[0].startswith("250")
        ballast = _fill(disk)
        assert asyncio.run(deliver(second, "Q2"))[0].startswith("45")
        assert asyncio.run(deliver(first, "Q1"))[0].startswith(("250", "45"))
        ballast.unlink()
        # The same process, nobody's hand: Postfix only comes again.
        assert asyncio.run(deliver(second, "Q2"))[0].startswith("250")
    with database.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM message")) == 2
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
    database.close()


def test_a_backup_onto_a_full_disk_fails_and_leaves_nothing_behind(disk: Path) -> None:
    config = intake_config(disk.parent)
    a_database(disk.parent).close()
    _fill(disk)
    with pytest.raises(TemporaryFailure) as failed:
        back_up(config, disk / "backups", NOW)
    assert failed.value.reason == "backup"
    cause = failed.value.cause
    assert not isinstance(cause, OSError) or cause.errno == errno.ENOSPC
    assert [path.name for path in disk.iterdir() if path.name.startswith("postroom-")] == []
    assert list((disk / "backups").glob("*")) == [] if (disk / "backups").exists() else True
