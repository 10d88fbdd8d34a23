"""Jobs for the worker pool that behave and misbehave."""

import os
import signal
import time


def double(number: int) -> int:
    return number * 2


def wait(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def burn() -> None:
    while True:
        pass


def devour() -> int:
    return len(bytearray(1_000_000_000))


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
