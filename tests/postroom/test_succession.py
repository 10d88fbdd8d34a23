"""Parts that are replaced, die and end at awkward moments, under a supervisor in this process."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from postroom.child import patience_s
from postroom.config import load
from postroom.service import asked
from postroom.succession import SUCCEEDED
from postroom.supervisor import Supervisor, prepared
from tests.fakes import part as fake

pytestmark = pytest.mark.slow

_PARTS = 3


class Room:
    """A service whose parts are tests/fakes/part.py."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration = folder / "postroom.toml"
        self.configuration.write_text(
            f'[service]\nstate_dir = "{folder}/state"\nrun_dir = "{folder}/run"\n'
            '[metrics]\nlisten = ""\n',
            encoding="utf-8",
        )

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """The service runs until it is stopped, at the latest at the end of the block.

        It is up when the block begins, or on the way there when it is held.
        """
        begins = self.begun if (self.folder / "hold").exists() else self.up
        config = load(self.configuration)
        with prepared(config):
            service = Supervisor(config, self.configuration, self._command)
            self.running = asyncio.create_task(service.run())
            try:
                await self.until(lambda: len(begins()) == _PARTS)
                yield
            finally:
                if not self.running.done():
                    os.kill(os.getpid(), signal.SIGTERM)
                try:
                    async with asyncio.timeout(30):
                        await self.running
                finally:
                    for pid in self.begun():
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
        assert not (self.folder / "stolen").exists()

    def begun(self, part: str = "*") -> list[int]:
        """The processes of a part that were ever started, oldest first."""
        return self._numbers(f"{part}.pid.*")

    def up(self, part: str = "*") -> list[int]:
        """Those that came to listen."""
        return self._numbers(f"{part}.up.*")

    def steer(self, name: str) -> None:
        (self.folder / name).touch()

    async def replace_all(self) -> None:
        """Every part gets a successor, and those before stay beside them."""
        self.steer("stay")
        self.change()
        await self.until(lambda: len(self.up()) == 2 * _PARTS)

    def change(self) -> None:
        """The configuration changes, and the service is told."""
        with self.configuration.open("a", encoding="utf-8") as configuration:
            configuration.write("# changed\n")
        os.kill(os.getpid(), signal.SIGHUP)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                assert not self.running.done(), self.running.result()
                await asyncio.sleep(0.01)

    def takes_connections(self, part: str) -> bool:
        with socket.socket(socket.AF_UNIX) as peer:
            try:
                peer.connect(str(self.folder / f"{part}.sock"))
            except ConnectionRefusedError:
                return False
        return True

    def _command(self, part: str) -> tuple[str, ...]:
        return sys.executable, fake.__file__, str(self.folder), part

    def _numbers(self, pattern: str) -> list[int]:
        found = sorted(self.folder.glob(pattern), key=lambda path: path.stat().st_mtime_ns)
        return [int(path.name.rpartition(".")[2]) for path in found]


def play(folder: Path, scene: Callable[[Room], Awaitable[None]]) -> None:
    """A scene in a room that is open."""
    room = Room(folder)

    async def whole() -> None:
        async with room.open():
            await scene(room)

    asyncio.run(whole())


def test_parts_are_told_by_signals_that_none_but_their_main_threads_can_take(
    tmp_path: Path,
) -> None:
    play(tmp_path, Room.replace_all)


def test_a_stop_in_the_moment_in_which_a_successor_speaks_ends_the_service(
    tmp_path: Path,
) -> None:
    async def scene(room: Room) -> None:
        room.steer("hold")
        room.steer("stop")
        room.change()
        await room.until(lambda: len(room.begun("milter")) == 2)
        (tmp_path / "hold").unlink()
        while len(room.up("milter")) < 2:
            time.sleep(0.01)  # the supervisor, in this thread, shall hear of both at once
        async with asyncio.timeout(20):
            await asyncio.shield(room.running)
        assert len(room.begun("worker")) == 1

    play(tmp_path, scene)


def test_a_part_that_is_started_anew_beside_a_retiring_one_harms_nothing(tmp_path: Path) -> None:
    async def scene(room: Room) -> None:
        await room.replace_all()
        room.steer("hold")
        os.kill(room.up("milter")[-1], signal.SIGKILL)
        await room.until(lambda: len(room.begun("milter")) == 3)
        room.change()  # neither of the two milters listens
        await room.until(lambda: len(room.begun("milter")) == 4)
        (tmp_path / "hold").unlink()
        await room.until(lambda: len(room.up("worker")) == 3)

    play(tmp_path, scene)


def test_who_connects_to_a_part_that_died_waits_for_the_next_but_for_no_more_than_one(
    tmp_path: Path,
) -> None:
    async def scene(room: Room) -> None:
        room.steer("hold")
        first = room.up("lmtp")[-1]
        os.kill(first, signal.SIGKILL)
        await room.until(lambda: fake.is_gone(first))
        assert room.takes_connections("lmtp")
        await room.until(lambda: len(room.begun("lmtp")) == 2)
        assert room.takes_connections("lmtp")
        os.kill(room.begun("lmtp")[-1], signal.SIGKILL)
        await room.until(lambda: not room.takes_connections("lmtp"))
        (tmp_path / "hold").unlink()
        await room.until(lambda: len(room.up("lmtp")) == 2)
        assert room.takes_connections("lmtp")

    play(tmp_path, scene)


def test_systemd_is_told_that_the_service_is_up_when_its_sockets_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hold").touch()
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)

        async def scene(room: Room) -> None:
            with pytest.raises(BlockingIOError):
                systemd.recv(64)
            (tmp_path / "hold").unlink()
            async with asyncio.timeout(20):
                assert await asyncio.get_running_loop().sock_recv(systemd, 64) == b"READY=1"
            assert room.takes_connections("milter") and room.takes_connections("lmtp")

        play(tmp_path, scene)


def test_no_signal_is_lost_behind_another() -> None:
    async def scene() -> None:
        signals = asked(SUCCEEDED)
        os.kill(os.getpid(), SUCCEEDED)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(20):
            assert {await signals.get(), await signals.get()} == {SUCCEEDED, signal.SIGTERM}

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("part", "setting"),
    [("milter", "milter.deadline"), ("lmtp", "lmtp.deadline"), ("worker", "worker.lease")],
)
def test_a_part_may_drain_for_longer_than_what_it_has_begun_may_take(
    tmp_path: Path, part: str, setting: str
) -> None:
    path = tmp_path / "postroom.toml"
    for seconds in (60, 300):
        section, _, key = setting.partition(".")
        path.write_text(f"[{section}]\n{key} = {seconds}\n", encoding="utf-8")
        assert seconds < patience_s(load(path), part) < seconds + 30
