"""One worker process of the pool: take a job from the socket, run it under limits, answer.

Started by pool.py as `python -m postroom.reading.worker FD MEMORY CPU MODULE...`; it says READY
when it has imported its modules. It may write no files and no core dumps, and dies with its parent.
Memory is limited as address space above what the interpreter and its libraries took at the start;
CPU time anew for each job.
"""

import contextlib
import importlib
import pickle
import resource
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

from postroom import heap
from postroom.lineage import die_with_parent

from .pool import CHUNK, LENGTH, READY, framed


def main(fd: int, memory: int, cpu: float, preload: list[str]) -> None:
    """Serves jobs until the parent closes the socket."""
    die_with_parent()
    heap.keep_it_small()
    for name in preload:
        importlib.import_module(name)
    _confine(memory)
    with socket.socket(fileno=fd) as parent, contextlib.suppress(EOFError, ConnectionError):
        parent.setblocking(True)
        parent.sendall(READY)
        while True:
            function, arguments = pickle.loads(_receive(parent))
            _allow_cpu(cpu)
            for piece in framed(_answer(function, arguments)):
                parent.sendall(piece)


def _answer(function: Any, arguments: tuple[Any, ...]) -> bytes:
    try:
        return pickle.dumps(("done", function(*arguments)), protocol=5)
    except MemoryError:
        return pickle.dumps(("worker-memory", ""))
    except Exception as error:  # noqa: BLE001  the boundary of this process: a session loop
        return pickle.dumps(("worker-bug", _place(error)))


def _place(error: Exception) -> str:
    """What went wrong and where; never the error's own text, which may quote a message."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return f"{type(error).__name__} at " + " < ".join(
        f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames)
    )


def _receive(peer: socket.socket) -> bytes | bytearray:
    """One request; the first read takes all of a small one."""
    start = b""
    while len(start) < LENGTH.size:
        if not (piece := peer.recv(CHUNK)):
            raise EOFError
        start += piece
    (length,) = LENGTH.unpack_from(start)
    if len(start) - LENGTH.size == length:
        return start[LENGTH.size :]
    buffer = bytearray(length)
    view = memoryview(buffer)
    view[: len(start) - LENGTH.size] = memoryview(start)[LENGTH.size :]
    view = view[len(start) - LENGTH.size :]
    while view:
        count = peer.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return buffer


def _confine(memory: int) -> None:
    with open("/proc/self/statm", encoding="ascii") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _allow_cpu(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])
