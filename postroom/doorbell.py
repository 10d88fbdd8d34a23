"""A doorbell between processes of one host: "there is work", without saying what.

LMTP rings after a commit; workers wake and look into the outbox. A datagram socket beside the
other sockets: nobody waits for anybody, a lost ring costs at most `worker.poll` seconds.
"""

import asyncio
import contextlib
import socket
from pathlib import Path

from .config import Config


def bell_path(config: Config) -> Path:
    """Where the workers of an installation listen."""
    return config.service.run_dir / "worker.bell"


def ring(path: Path) -> None:
    """Wakes whoever listens at `path`; silent when nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell, contextlib.suppress(OSError):
        bell.setblocking(False)
        bell.sendto(b"!", str(path))


class Doorbell:
    """The listening end; one per worker process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    async def wait(self, timeout_s: float) -> None:
        """Returns when rung, or after `timeout_s` seconds; rings that piled up count as one."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(loop.sock_recv(self._socket, 16), timeout_s)
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(16):
                pass

    def close(self) -> None:
        """Stops listening and removes the socket."""
        self._socket.close()
        self._path.unlink(missing_ok=True)
