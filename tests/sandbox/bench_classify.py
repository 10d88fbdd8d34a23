"""What classifying costs: CPU time of a message, start-up, memory, and mails per second of an mbox.

In: the corpus of classify/corpus, written as messages. Out: a table with what is promised beside
what was measured. CPU time, not wall time: other load does not count, though a busy neighbour on
the same core's cache or hyperthread does. Figures of one message are medians.

    start-up      a fresh process loads rules, features and model
    one message   features, rules and model, from a `Message` in memory; then where the early part
                  of the model has the last word and where the whole is asked; then with its reasons
    an mbox       `postroom classify BOX --json`, reading in worker processes included
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage
from itertools import cycle, islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from postroom.classify import concepts, features
from postroom.classify.classifier import Classifier
from postroom.classify.examples import SHIPPED, Example, read_path
from postroom.classify.rulefile import load_rules
from postroom.classify.scorer import SHIPPED as SHIPPED_MODEL
from postroom.classify.scorer import Model
from postroom.config import ClassificationSection
from postroom.message import Message

_START = """
import resource, time
from postroom.classify.classifier import Classifier
from postroom.config import ClassificationSection
Classifier(ClassificationSection())
used = resource.getrusage(resource.RUSAGE_SELF)
print(time.process_time(), used.ru_maxrss / 1024)
"""
_STARTS = 3
_NEVER = 2.0  # a confidence that no answer has


def main() -> None:
    """Runs the bench."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--mails", type=int, default=2_000, help="messages in the mbox")
    mails = options.parse_args().mails
    examples = read_path(SHIPPED)
    table = Table("what", "promised", "measured", box=None, header_style="bold")
    start_s, memory_mb = _start_up()
    table.add_row("start-up, CPU", "1 s", f"{start_s:.2f} s")
    table.add_row("memory of a process", "150 MB", f"{memory_mb:.0f} MB")
    for name, messages in (
        ("one message", [e.message for e in examples]),
        ("one of 1,500 characters and more", list(islice(_long(examples), 300))),
    ):
        table.add_row(f"{name}, CPU", "1 ms", f"{_median_ms(_scoring(), messages):.2f} ms")
        for stage, enough in (("the early part alone", 0.0), ("the whole", _NEVER)):
            median = _median_ms(_scoring(enough), messages)
            table.add_row(f"  {stage}", "", f"{median:.2f} ms")
        whole = _median_ms(Classifier(ClassificationSection()).classify, messages)
        table.add_row("  with its reasons", "", f"{whole:.2f} ms")
    table.add_row("an mbox, mails per CPU second", "500", f"{_mbox(examples, mails):.0f}")
    Console().print(table)


def _start_up() -> tuple[float, float]:
    """CPU seconds and MB of a fresh process: the medians of some."""
    said = [
        subprocess.run(
            [sys.executable, "-P", "-c", _START], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(_STARTS)
    ]
    return (
        statistics.median(float(seconds) for seconds, _ in said),
        statistics.median(float(megabytes) for _, megabytes in said),
    )


def _long(examples: list[Example]) -> Iterator[Message]:
    """Messages made of several, so that all that is looked at is full."""
    texts = cycle(example.message.new_text for example in examples)
    for example in examples:
        text = ""
        while len(text) < 1_500:
            text += next(texts) + "\n"
        yield Message(
            raw=b"",
            author=example.message.author,
            subject=example.message.subject,
            new_text=text,
            text=text,
            language=example.message.language,
        )


def _scoring(enough: float | None = None) -> Callable[[Message], object]:
    """Features, rules and model, without combining and explaining; `enough` instead of its own."""
    known, rules = concepts.load(), load_rules(ClassificationSection())
    model = Model(SHIPPED_MODEL, known)
    if enough is not None:
        cascade = replace(model.facts.cascade, enough=enough)
        model.facts = replace(model.facts, cascade=cascade)

    def score(message: Message) -> object:
        found = features.extract(message, known)
        return rules.apply(message, found=found), model.score(found)

    return score


def _median_ms(asked: Callable[[Message], object], messages: list[Message]) -> float:
    times = []
    for message in messages[:50]:
        asked(message)
    for message in messages[:2_000]:
        before = time.thread_time()
        asked(message)
        times.append(time.thread_time() - before)
    return statistics.median(times) * 1_000


def _mbox(examples: list[Example], mails: int) -> float:
    """Mails per second of CPU, of the command and its readers together, start-up left out."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / "few", Path(folder) / "many"
        _write(few, examples, 50)
        _write(many, examples, mails + 50)
        return mails / (_cpu_s(many) - _cpu_s(few))


def _write(path: Path, examples: list[Example], mails: int) -> None:
    with path.open("wb") as file:
        for example in islice(cycle(examples), mails):
            made = EmailMessage()
            author = example.message.author
            made["From"] = author.text if author and author.text.isascii() else "a@kunde.example"
            made["To"] = "info@firma.example"
            made["Subject"] = " ".join(example.message.subject.split())[:200]
            made.set_content(example.message.text, charset="utf-8")
            body = made.as_bytes().replace(b"\nFrom ", b"\n>From ")
            file.write(b"From bench Thu Jan  1 00:00:00 2026\n" + body + b"\n")


def _cpu_s(mbox: Path) -> float:
    """CPU seconds of classifying an mbox."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "postroom", "classify", "--json", str(mbox)],
        stdout=subprocess.PIPE,
        env=os.environ | {"POSTROOM_CONFIG": "/nonexistent"},
        check=True,
    )
    lines = done.stdout.splitlines()
    if not all("category" in json.loads(line) for line in lines):
        raise SystemExit("a message was not classified")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
