"""Jobs for the worker pool that behave and misbehave."""

import os
import resource
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from postroom.config import ReadingSection
from postroom.jobs import read_message
from postroom.message import Message

_THREADS = 6
_LARGE = 12_000_000  # octets


def worker_environment(patch: pytest.MonkeyPatch) -> None:
    """Lets workers find the jobs of this file."""
    patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))


_kept: dict[bytes, Message] = {}


def remember(raw: bytes, limits: ReadingSection) -> int:
    """Reads a message and keeps its view in the worker."""
    _kept[raw] = read_message(raw, limits)
    return len(_kept)


def recall(raw: bytes, limits: ReadingSection) -> Message:
    """The view that was kept: a job that costs nothing but the way."""
    return _kept[raw]


def measure_reading(raw: bytes, limits: ReadingSection) -> tuple[float, Message]:
    """The CPU seconds that reading takes, and what was read."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    message = read_message(raw, limits)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, message


def double(number: int) -> int:
    return number * 2


def wait(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def burn() -> None:
    while True:
        pass


def left_by_threads() -> float:
    """What is left, in MB, of the memory that six threads took at once and freed."""
    together = threading.Barrier(_THREADS)

    def take_and_free() -> None:
        for _ in range(3):
            held = [b"\1" * _LARGE, b"\1" * _LARGE]
            together.wait(30)
            held.clear()

    before = _own_mb()
    with ThreadPoolExecutor(_THREADS) as threads:
        for ended in [threads.submit(take_and_free) for _ in range(_THREADS)]:
            ended.result()
        return _own_mb() - before  # while the threads live, as those of a service do


def _own_mb() -> float:
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return int(told.partition("RssAnon:")[2].split()[0]) / 1024


def held(content: bytes, seconds: float) -> int:
    time.sleep(seconds)
    return len(content)


def devour() -> int:
    return len(bytearray(1_000_000_000))


def slay() -> None:
    """What a kill from outside looks like."""
    os.kill(os.getpid(), signal.SIGKILL)


def die() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def stumble() -> None:
    raise ZeroDivisionError("never shown to a peer")


def write_a_file() -> None:
    with open("/tmp/postroom-worker-must-not-write", "w", encoding="ascii") as file:
        file.write("x" * 100)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, ("true",))


def crafted_answer() -> Evil:
    return Evil()
