"""Hostile bytes are handled in worker processes, so that a bomb costs one worker, not the service.

In: a top-level function of ours and picklable arguments. Out: its result, or a WorkerLost that
says why there is none. Each worker is a fresh interpreter (worker.py) behind a socket pair, with
limits on CPU time, memory and wall time per job; a worker that dies or is too late is killed and
replaced while its neighbours go on. Only what a job did counts against it: the start of its worker,
a kill from outside and time spent waiting for a processor do not.

The answer of a worker that read hostile bytes is itself not trusted: it is unpickled with a
closed list of types, so that a parser taken over by its input cannot run code in the service.

Limits: one job per worker at a time; a job waits when all are busy, at most its deadline. Large
jobs leave one worker to the small ones.
"""

import asyncio
import contextlib
import importlib
import io
import pickle
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from postroom import maillog, metrics
from postroom.config import ReadingSection
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.lineage import environment_for_child

T = TypeVar("T")

READY = b"+"  # a worker's first octet: it has started
LENGTH = struct.Struct("!Q")
CHUNK = 262_144  # octets that a first read takes, and that are sent together with their length
# What unpickling an answer that nobody of ours wrote ends in.
_UNREADABLE = (
    pickle.UnpicklingError,
    ImportError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
_LARGEST_ANSWER = 1 << 30  # octets
_DYING_S = 0.5  # from the end of its socket to the end of a process
_LARGE = 1_048_576  # octets of a request; such jobs take long
_RECYCLE_AFTER = 10_000  # jobs; caps what slow leaks in foreign parsers can hold
# More tries for a job whose worker died for no limit of ours. A kill is the doing of somebody else
# (the kernel, for memory; an operator), and the next may be near.
_MORE_TRIES = {"worker-crashed": 1, "worker-killed": 2}
_STARVED = 0.5  # part of its deadline that a job waited for a processor: then the machine was late


def framed(octets: bytes) -> tuple[bytes, ...]:
    """Octets with their length before them; small ones as one piece, which costs one call."""
    length = LENGTH.pack(len(octets))
    return (length + octets,) if len(octets) < CHUNK else (length, octets)


class WorkerLost(PermanentFailure):
    """A job has no result; reason is worker-timeout, -cpu, -memory, -crashed, -killed or -bug.

    Permanent, because the same bytes would end the same way; the caller sends them to review.
    """


class WorkerPool:
    """`config.workers` processes that run functions under limits."""

    def __init__(self, section: ReadingSection, preload: tuple[str, ...] = ()) -> None:
        self._section = section
        self._preload = preload  # modules every worker imports before its memory is limited
        # The last to finish works first: what it needs is still in the processor's caches.
        self._idle: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        self._all: set[_Worker] = set()
        # One worker is kept for small jobs, where there is more than one.
        self._large = asyncio.Semaphore(max(section.workers - 1, 1))

    def start(self) -> None:
        """Starts the workers; `run` does it too, so this only saves the first job the wait."""
        for _ in range(self._section.workers - len(self._all)):
            self._idle.put_nowait(self._spawn())

    def stop(self) -> None:
        """Kills the workers; jobs under way are lost."""
        for worker in list(self._all):
            self._discard(worker)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes there are now."""
        return tuple(worker.pid for worker in self._all)

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """The function's result, worked out in a worker.

        A worker that dies for no limit of ours (a crash, a kill from outside) costs the job one
        more try, or two. Raises WorkerLost when the job broke a limit or its workers, and
        TemporaryFailure(busy) when no worker came free in time or the machine was too slow.
        """
        if self._section.workers == 0:
            return function(*arguments)
        request = pickle.dumps((function, arguments), protocol=5)
        tries = dict(_MORE_TRIES)
        while True:
            try:
                result: T = await self._run_once(request)
            except WorkerLost as lost:
                if not tries.get(lost.reason):
                    raise
                tries[lost.reason] -= 1
            else:
                return result

    async def _run_once(self, request: bytes) -> Any:
        if len(request) < _LARGE:
            return await self._work(request)
        await self._in_time(self._large.acquire())
        try:
            return await self._work(request)
        finally:
            self._large.release()

    async def _work(self, request: bytes) -> Any:
        worker = await self._free_worker()
        waited_before = worker.waited_s()
        try:
            async with asyncio.timeout(self._section.deadline):
                result = await worker.run(request)
        except TimeoutError as error:
            waited_s = worker.waited_s() - waited_before
            if waited_s >= self._section.deadline * _STARVED:
                self._replace(worker, "worker-starved")
                raise TemporaryFailure("busy", error) from error
            self._replace(worker, "worker-timeout")
            raise WorkerLost("worker-timeout", error) from error
        except WorkerLost as lost:
            self._replace(worker, lost.reason, str(lost.cause or ""))
            raise
        except asyncio.CancelledError:
            # The caller's own deadline passed; the job may still be running.
            self._replace(worker, "worker-cancelled")
            raise
        if worker.jobs >= _RECYCLE_AFTER:
            self._replace(worker, "")
        else:
            self._idle.put_nowait(worker)
        return result

    async def _free_worker(self) -> "_Worker":
        self.start()
        while True:
            worker = await self._next_idle()
            if worker.has_died:
                self._replace(worker, "worker-died-idle")  # while it was idle: no job's fault
                continue
            if not worker.is_ready:
                await self._started(worker)
            return worker

    async def _started(self, worker: "_Worker") -> None:
        """Waits until a new worker takes jobs. Raises TemporaryFailure(busy)."""
        try:
            await self._in_time(worker.start())
        except (OSError, EOFError) as error:
            self._replace(worker, "worker-died-starting")
            raise TemporaryFailure("busy", error) from error
        except BaseException:
            self._idle.put_nowait(worker)  # it goes on starting; the next job finds it further on
            raise

    async def _next_idle(self) -> "_Worker":
        with contextlib.suppress(asyncio.QueueEmpty):
            return self._idle.get_nowait()
        return await self._in_time(self._idle.get())

    async def _in_time(self, free: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._section.deadline):
                return await free
        except TimeoutError as error:
            raise TemporaryFailure("busy", error) from error

    def _spawn(self) -> "_Worker":
        worker = _Worker(self._section, self._preload)
        self._all.add(worker)
        return worker

    def _discard(self, worker: "_Worker") -> None:
        self._all.discard(worker)
        worker.kill()

    def _replace(self, worker: "_Worker", reason: str, place: str = "") -> None:
        if reason:
            metrics.WORKERS_LOST.labels(reason).inc()
            maillog.worker_lost(reason=reason, place=place)
        self._discard(worker)
        self._idle.put_nowait(self._spawn())


class _Worker:
    """One process and our end of its socket pair."""

    def __init__(self, section: ReadingSection, preload: tuple[str, ...]) -> None:
        self.jobs = 0
        self.is_ready = False
        self._starting: asyncio.Task[None] | None = None
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._socket = ours
        # It counts nothing, and the counters' folder is nothing for who reads hostile bytes.
        environment = environment_for_child()
        environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "postroom.reading.worker"),
                    *(str(theirs.fileno()), str(section.worker_memory), str(section.worker_cpu)),
                    *preload,
                ],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env=environment,
            )

    async def start(self) -> None:
        """Returns when it has imported what it needs. Raises EOFError or OSError if it died."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._take_sign())
        # Shared by all who wait, so that one who gives up takes no octet with him.
        await asyncio.shield(self._starting)

    async def _take_sign(self) -> None:
        if not await asyncio.get_running_loop().sock_recv(self._socket, len(READY)):
            raise EOFError
        self.is_ready = True

    def waited_s(self) -> float:
        """How long it has waited for a processor so far (proc(5), schedstat); 0.0 if unknown."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[1]) / 1e9
        return 0.0

    async def run(self, request: bytes) -> Any:
        loop = asyncio.get_running_loop()
        self.jobs += 1
        try:
            for piece in framed(request):
                await loop.sock_sendall(self._socket, piece)
            state, answer = _Closed(io.BytesIO(await self._receive())).load()
        except (OSError, EOFError, *_UNREADABLE) as error:
            raise WorkerLost(self._cause_of_death(), error) from error
        if state != "done":
            raise WorkerLost(state, RuntimeError(answer))
        return answer

    async def _receive(self) -> bytes | bytearray:
        """One answer; the first read takes all of a small one."""
        loop = asyncio.get_running_loop()
        start = b""
        while len(start) < LENGTH.size:
            if not (piece := await loop.sock_recv(self._socket, CHUNK)):
                raise EOFError
            start += piece
        (length,) = LENGTH.unpack_from(start)
        if length > _LARGEST_ANSWER:
            raise WorkerLost("worker-memory")
        if len(start) - LENGTH.size == length:
            return start[LENGTH.size :]
        buffer = bytearray(length)
        view = memoryview(buffer)
        view[: len(start) - LENGTH.size] = memoryview(start)[LENGTH.size :]
        view = view[len(start) - LENGTH.size :]
        while view:
            count = await loop.sock_recv_into(self._socket, view)
            if not count:
                raise EOFError
            view = view[count:]
        return buffer

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_died(self) -> bool:
        return self._process.poll() is not None

    def _cause_of_death(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_DYING_S)
        died_of = {-signal.SIGXCPU: "worker-cpu", -signal.SIGKILL: "worker-killed"}
        return died_of.get(self._process.returncode, "worker-crashed")

    def kill(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()


class _Closed(pickle.Unpickler):
    """Unpickles our own values and plain data, nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("builtins", "getattr"):
            return _member
        return _value_type(module, name)


def _member(kind: object, name: str) -> Enum:
    """What Python before 3.11.4 (Debian 12 has 3.11.2) calls `getattr` for: an enum's member."""
    if isinstance(kind, type) and issubclass(kind, Enum) and name in kind.__members__:
        return kind[name]
    raise pickle.UnpicklingError(f"{name} of {kind!r} is not an answer")


_PLAIN = frozenset(
    {
        ("datetime", "datetime"),
        ("datetime", "date"),
        ("datetime", "timezone"),
        ("datetime", "timedelta"),
        ("decimal", "Decimal"),
    }
)
_OURS = ("postroom.envelope", "postroom.message", "postroom.order", "postroom.verdict")
_OUR_PACKAGES = ("postroom.reading.", "postroom.milter.", "postroom.classify.")


@lru_cache(maxsize=256)  # looking one up takes longer than unpickling a value of it
def _value_type(module: str, name: str) -> type:
    """A type that an answer may hold; raises UnpicklingError for anything else."""
    ours = module in _OURS or module.startswith(_OUR_PACKAGES)
    if ours or (module, name) in _PLAIN:
        found = getattr(importlib.import_module(module), name, None)
        # Values only: a function of ours must not be callable by a crafted answer.
        if isinstance(found, type) and "." not in name:
            return found
    raise pickle.UnpicklingError(f"{module}.{name} is not an answer")
