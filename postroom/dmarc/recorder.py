"""Writes down what is to be reported, beside the mail path and never in it.

In: what the examiner found, through `note`, which returns at once. Out: rows of dmarc_seen, some
hundred in one transaction, written by one thread. A queue of fixed length lies between: while the
database is away it fills, and what does not fit is dropped and counted. Mail never waits and
never fails because of a report.

Limits: what is queued when the process is killed is lost; a report is a sample, not an account.
"""

import queue
import threading
import time

from postroom import maillog, metrics
from postroom.clock import Clock
from postroom.config import Config
from postroom.envelope import Envelope
from postroom.examination import Examination
from postroom.failure import Failure, TemporaryFailure
from postroom.message import Message
from postroom.store.engine import Database

from .outbound import add_seen
from .seen import Seen, seen_in

_MOST_WAITING = 10_000  # messages; about 10 MB
_BATCH = 500  # rows of one transaction
_GATHER_S = 1.0  # how long a batch waits for more
_PAUSE_S = 5.0  # before the database is asked again
_LAST_S = 5.0  # for the last batch when the service stops


class Recorder:
    """One thread that writes; any number that note."""

    def __init__(
        self,
        config: Config,
        database: Database,
        clock: Clock,
        *,
        waiting: int = _MOST_WAITING,
        pause_s: float = _PAUSE_S,
    ) -> None:
        self._config = config
        self._database = database
        self._clock = clock
        self._pause_s = pause_s
        self._queue: queue.Queue[tuple[float, Seen] | None] = queue.Queue(waiting)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dmarc-recorder", daemon=True)

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def note(self, envelope: Envelope, examination: Examination, message: Message) -> None:
        """Takes a message down if it is to be reported; neither waits nor raises."""
        seen = seen_in(envelope, examination, message, self._config)
        if seen is None:
            return
        try:
            self._queue.put_nowait((self._clock.now().timestamp(), seen))
        except queue.Full:
            metrics.DMARC_SEEN.labels("dropped").inc()

    def stop(self) -> None:
        """Writes what is queued, for five seconds at most, and ends the thread."""
        self._stopping.set()
        try:
            self._queue.put_nowait(None)  # wakes the thread
        except queue.Full:
            pass
        self._thread.join(_LAST_S)

    @property
    def is_over(self) -> bool:
        """Whether the thread has ended."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        degraded = False
        batch: list[tuple[float, Seen]] = []
        while not (self._stopping.is_set() and self._queue.empty() and not batch):
            batch = batch or self._gather()
            if not batch:
                continue
            try:
                with self._database.transaction() as connection:
                    add_seen(connection, batch)
            except TemporaryFailure as failure:
                if not degraded:
                    maillog.degraded(part="dmarc-recorder", reason=failure.reason)
                degraded = True
                if self._stopping.wait(self._pause_s):
                    return
                continue
            except Failure as failure:
                maillog.degraded(part="dmarc-recorder", reason=failure.reason)
                metrics.DMARC_SEEN.labels("failed").inc(len(batch))
            else:
                metrics.DMARC_SEEN.labels("written").inc(len(batch))
                degraded = False
            batch = []

    def _gather(self) -> list[tuple[float, Seen]]:
        """Waits for the first one, then a moment for more."""
        first = self._queue.get()
        batch = [first] if first is not None else []
        until = time.monotonic() + _GATHER_S
        while len(batch) < _BATCH:
            left = 0.0 if self._stopping.is_set() else until - time.monotonic()
            try:
                one = self._queue.get(left > 0, left if left > 0 else None)
            except queue.Empty:
                break
            if one is not None:
                batch.append(one)
        return batch
