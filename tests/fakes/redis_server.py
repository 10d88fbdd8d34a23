"""A private Redis for tests: its own folder, a unix socket, no network; killed and started again.

Debian's redis-tools has the server's program under another name, without a service that starts.
"""

import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType

from redis import Redis
from redis.exceptions import RedisError


def _program() -> str | None:
    return shutil.which("redis-server") or shutil.which("redis-check-rdb")


def missing() -> str:
    """Why there can be no Redis here, or empty."""
    return "" if _program() else "Redis is not installed"


class RedisServer:
    """The server; use it as a context manager."""

    def __init__(self, folder: Path, *, listen: tuple[str, int] | None = None) -> None:
        """`listen`: an address on a network of test hosts, instead of the unix socket."""
        self._folder = folder
        self._listen = listen
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{folder}/redis.sock"
        if listen is not None:
            self.url = f"redis://{listen[0]}:{listen[1]}/0"

    def __enter__(self) -> "RedisServer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Starts it, with what a client has saved, if any did; returns when it answers."""
        where = ["--port", "0", "--unixsocket", f"{self._folder}/redis.sock"]
        if self._listen is not None:
            address, port = self._listen
            where = ["--bind", address, "--port", str(port), "--protected-mode", "no"]
        self._process = subprocess.Popen(
            [
                *("redis-server", *where),
                *("--save", "", "--appendonly", "no", "--dir", str(self._folder)),
            ],
            executable=_program(),
            stdout=subprocess.DEVNULL,
        )
        until = time.monotonic() + 30
        while not self._answers():
            assert time.monotonic() < until, "Redis does not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL; everything in it is lost but what was saved."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def client(self) -> Redis:
        """A client of the test's own."""
        return Redis.from_url(self.url, decode_responses=True)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False
