"""What reading one message costs: structure, whole reading, the way to a worker, more workers.

    scripts/bench read [--rounds N] [--messages N]

Messages of 5 and 50 kB, made here: multipart/mixed of a text, its HTML and documents in base64.
Every figure is CPU time (user and system, of this process and of its workers) divided by the
messages; p50 is the median over messages, in brackets the smallest and the largest round.
"""

import argparse
import asyncio
import base64
import os
import pickle
import random
import statistics
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Any

from postroom import jobs
from postroom.config import ReadingSection
from postroom.message import Message
from postroom.reading.mime import parse_message
from postroom.reading.pool import WorkerPool
from postroom.reading.problems import Problems
from tests.fakes.jobs import recall, remember

SIZES = {
    5: (1.0, 0.3),
    50: (2.5, 0.3),
}  # kB -> CPU ms at most: reading; the way to a worker and back
LIMITS = ReadingSection(workers=1, deadline=60.0)


def letters(kilobytes: int, count: int) -> list[bytes]:
    """Different messages of about one size."""
    chance = random.Random(kilobytes)
    return [_letter(chance, kilobytes * 1_000, number) for number in range(count)]


def _letter(chance: random.Random, size: int, number: int) -> bytes:
    lines = [
        f"{chance.randint(1, 90)} pcs bolt M{chance.randint(3, 20)}x{n}, zinc" for n in range(12)
    ]
    text = "Good morning,\n\nplease deliver by Friday:\n\n" + "\n".join(lines)
    text += "\n\nBest regards\nAnna Berg\n\nOn Mon, 11 Mar 2024, Info <info@firma.test> wrote:\n"
    text += "".join(f"> line {n} of our last offer to you\n" for n in range(12))
    html = "<html><body><p>Good morning,</p><table>"
    html += "".join(f"<tr><td>{n}</td><td>{line}</td></tr>" for n, line in enumerate(lines))
    html += "</table><p>Best regards</p></body></html>"
    head = (
        f"Received: from mx{number}.buyer.test by mx.firma.test; Tue, 12 Mar 2024 16:40:01 +0100\n"
        "From: =?utf-8?B?QW5uYSBCZXJn?= <anna@buyer.test>\nTo: info@firma.test\n"
        f"Subject: =?utf-8?Q?Order_{number}_=E2=80=93_bolts?=\n"
        f"Date: Tue, 12 Mar 2024 16:40:00 +0100\nMessage-ID: <{number}@buyer.test>\n"
        "MIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="outer"\n\n'
        '--outer\nContent-Type: multipart/alternative; boundary="inner"\n\n'
        "--inner\nContent-Type: text/plain; charset=utf-8\n\n"
        f"{text}\n--inner\nContent-Type: text/html; charset=utf-8\n\n{html}\n--inner--\n"
    )
    tail = "--outer--\n"
    left = max(size - len(head) - len(tail) - 400, 300) * 3 // 4
    documents = "".join(
        f"--outer\nContent-Type: application/pdf; name=order-{part}.pdf\n"
        f"Content-Disposition: attachment; filename=order-{part}.pdf\n"
        "Content-Transfer-Encoding: base64\n\n"
        + base64.encodebytes(b"%PDF-1.4\n" + chance.randbytes(left // 2)).decode()
        for part in range(2)
    )
    return (head + documents + tail).replace("\n", "\r\n").encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU milliseconds of one message: the median of the rounds' medians, and their spread."""

    p50: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.p50:6.2f} ({self.least:.2f}..{self.most:.2f})"


def cost(act: Callable[[bytes], Any], raws: list[bytes], rounds: int) -> Cost:
    """What `act` costs in this process."""
    medians = []
    for _ in range(rounds):
        taken = []
        for raw in raws:
            begin = time.process_time_ns()
            act(raw)
            taken.append((time.process_time_ns() - begin) / 1e6)
        medians.append(statistics.median(taken))
    return Cost(p50=statistics.median(medians), least=min(medians), most=max(medians))


def structure(raw: bytes) -> None:
    """The parts alone, nothing decoded."""
    parse_message(raw, LIMITS, Problems())


def by_email(raw: bytes) -> None:
    """The yardstick: Python's own package takes it apart and decodes every leaf."""
    for part in message_from_bytes(raw).walk():
        part.get_payload(decode=True)


def whole(raw: bytes) -> Message:
    """All of it, as a worker does."""
    return jobs.read_message(raw, LIMITS)


def crossing(raw: bytes) -> None:
    """What pickling a message there and its view back takes, both ends."""
    pickle.loads(pickle.dumps((jobs.read_message, (raw, LIMITS)), protocol=5))
    pickle.loads(pickle.dumps(("done", _read[raw]), protocol=5))


_read: dict[bytes, Message] = {}


async def overhead(raws: list[bytes], rounds: int) -> Cost:
    """What the way to a worker and back costs both processes, over the reading itself.

    The job reads nothing: it answers with the view that reading the message would give.
    """
    pool = WorkerPool(LIMITS, ("tests.fakes.jobs",))
    pool.start()
    found = []
    try:
        for raw in raws:
            await pool.run(remember, raw, LIMITS)
        for _ in range(rounds):
            (pid,) = pool.pids
            begin = time.process_time() + cpu_of(pid)
            repeats = 20  # the worker's CPU time is counted in hundredths of a second
            for _ in range(repeats):
                for raw in raws:
                    await pool.run(recall, raw, LIMITS)
            spent = time.process_time() + cpu_of(pid) - begin
            found.append(spent * 1000 / (repeats * len(raws)))
    finally:
        pool.stop()
    return Cost(p50=statistics.median(found), least=min(found), most=max(found))


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as stat:
        return int(stat.read().split()[0]) / 1e9


async def throughput(raws: list[bytes], workers: int, seconds: float) -> float:
    """Messages a second of so many workers, with twice as many waiting for them."""
    pool = WorkerPool(LIMITS.model_copy(update={"workers": workers}), ("postroom.jobs",))
    pool.start()
    done = 0

    async def client(number: int) -> None:
        nonlocal done
        while time.perf_counter() < end:
            await pool.run(jobs.read_message, raws[(number + done) % len(raws)], LIMITS)
            done += 1

    try:
        await asyncio.gather(
            *(pool.run(jobs.read_message, raws[0], LIMITS) for _ in range(workers))
        )
        begin = time.perf_counter()
        end = begin + seconds
        done = 0
        await asyncio.gather(*(client(number) for number in range(2 * workers)))
        return done / (time.perf_counter() - begin)
    finally:
        pool.stop()


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, prog="scripts/bench read")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=60)
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])  # for the workers
    run: Callable[[Coroutine[Any, Any, Any]], Any] = asyncio.run
    for kilobytes, (reading, way) in SIZES.items():
        raws = letters(kilobytes, options.messages)
        _read.update((raw, jobs.read_message(raw, LIMITS)) for raw in raws)
        size = statistics.median(map(len, raws)) / 1000
        print(f"{kilobytes} kB ({size:.1f} kB), CPU ms a message")
        print(f"  email, compat32     {cost(by_email, raws, options.rounds)}")
        print(f"  structure only      {cost(structure, raws, options.rounds)}")
        told = cost(whole, raws, options.rounds)
        print(f"  reading             {told}  at most {reading}: {_met(told, reading)}")
        print(f"  pickling, both ends {cost(crossing, raws, options.rounds)}")
        told = run(overhead(raws, options.rounds))
        print(f"  to a worker and back{told}  at most {way}: {_met(told, way)}")
        for workers in (1, 2, 4):
            speed = statistics.median(
                run(throughput(raws, workers, 1.0)) for _ in range(max(options.rounds // 2, 1))
            )
            print(f"  {workers} workers: {speed:.0f} messages a second")


def _met(told: Cost, target: float) -> str:
    return "met" if told.p50 <= target else "missed"


if __name__ == "__main__":
    main()
