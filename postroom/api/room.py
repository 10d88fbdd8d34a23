"""What every route needs, made once per process: database, operator, approver, a reader."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Request

from postroom import jobs
from postroom.actions.bus import Ringer
from postroom.approving import Approver
from postroom.audit import AuditLog
from postroom.config import Config
from postroom.doorbell import bell_path, ring
from postroom.failure import PermanentFailure
from postroom.message import Message
from postroom.operating import Operator
from postroom.reading.pool import WorkerPool
from postroom.store.engine import Database

from .guard import Failures

T = TypeVar("T")
_WAIT = 3  # deadlines of reading: for a free worker, the job, and its second try


class Room:
    """The application's state."""

    def __init__(self, config: Config, database: Database) -> None:
        self.config = config
        self.database = database
        self.pool = WorkerPool(config.reading)
        self.ringer = Ringer(config, lambda: ring(bell_path(config)))
        self.operator = Operator(config, database, self._read, self.ringer)
        self.approver = Approver(config, database)
        self.audit = AuditLog(config)
        self.failures = Failures(config.api.failures_per_minute)
        self.on_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.get_running_loop

    def open(self) -> None:
        """Remembers the loop that the workers belong to; from that loop."""
        loop = asyncio.get_running_loop()
        self.on_loop = lambda: loop

    def close(self) -> None:
        """Ends the workers and gives the connections back."""
        self.pool.stop()
        self.database.close()

    def part(self, number: int, sha256: str) -> tuple[str, bytes]:
        """Name and contents of a message's attachment.

        Raises PermanentFailure no-such-message or no-such-attachment, and WorkerLost.
        """
        raw = self.operator.raw(number)
        found = self._in_worker(jobs.read_part, raw, self.config.reading, sha256)
        if found is None:
            raise PermanentFailure("no-such-attachment", LookupError(f"m{number} has no such part"))
        return found

    def _read(self, raw: bytes) -> Message:
        return self._in_worker(jobs.read_message, raw, self.config.reading)

    def _in_worker(self, function: Callable[..., T], *arguments: Any) -> T:
        """What a worker process made of hostile bytes; from a thread that serves a request."""
        asked = self.pool.run(function, *arguments)
        answer = asyncio.run_coroutine_threadsafe(asked, self.on_loop())
        return answer.result(_WAIT * self.config.reading.deadline + 1.0)


def room_of(request: Request) -> Room:
    """The room of the application that got the request."""
    room: Room = request.app.state.room
    return room
