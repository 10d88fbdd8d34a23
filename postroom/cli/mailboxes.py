"""`postroom classify` of whole mailboxes: a line for each message, and how far it has come.

Messages are read in batches by all workers at once; what is printed keeps the mailbox's order.
Progress is drawn on standard error, where that is a terminal.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from postroom.config import Config
from postroom.mailfiles import count, is_mailbox, messages_in

from .options import show

_BATCH = 25  # messages a worker reads at a time

Batch = list[tuple[str, bytes]]


def divided(files: list[str]) -> tuple[list[Path], list[str]]:
    """Mailboxes, and what is a single message or cannot be looked into."""
    mailboxes: list[Path] = []
    single: list[str] = []
    for name in files:
        try:
            is_box = name != "-" and is_mailbox(Path(name))
        except OSError:
            is_box = False
        if is_box:
            mailboxes.append(Path(name))
        else:
            single.append(name)
    return mailboxes, single


def classify_mailboxes(paths: list[Path], config: Config, *, as_json: bool) -> bool:
    """Prints what each message is; False when a mailbox could not be read to its end."""
    if not paths:
        return True
    said: Counter[str] = Counter()
    with Progress(
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    ) as progress:
        fine = [
            _classify_mailbox(path, config, progress, lambda n, a: _tell(n, a, said, as_json))
            for path in paths
        ]
    if not as_json:
        typer.echo("  ".join(f"{name} {number}" for name, number in said.most_common()))
    return all(fine)


def _tell(name: str, answer: dict[str, Any], said: Counter[str], as_json: bool) -> None:
    said[answer["category"]] += 1
    if as_json:
        show({"file": name, **answer}, as_json=True)
        return
    mark = "review" if answer["review"] else ""
    typer.echo(f"{answer['category']:<16}{answer['confidence']:.2f}  {mark:<7}{name}")


def _classify_mailbox(
    path: Path, config: Config, progress: Progress, tell: Callable[[str, dict[str, Any]], None]
) -> bool:
    try:
        task = progress.add_task(path.name, total=None if progress.disable else count(path))
        asyncio.run(_in_batches(path, config, tell, lambda n: progress.advance(task, n)))
    except OSError as error:
        typer.echo(f"postroom: unreadable-file: {path}: {error.strerror}", err=True)
        return False
    return True


async def _in_batches(
    path: Path,
    config: Config,
    tell: Callable[[str, dict[str, Any]], None],
    advance: Callable[[int], None],
) -> None:
    from postroom.inspection import Inspector

    inspector = Inspector(config)

    async def answer(batch: Batch) -> list[tuple[str, dict[str, Any]]]:
        answers = await inspector.classify_all([raw for _, raw in batch])
        return [(name, one) for (name, _), one in zip(batch, answers, strict=True)]

    under_way: list[asyncio.Task[list[tuple[str, dict[str, Any]]]]] = []
    try:
        for batch in _batches(messages_in(path)):
            under_way.append(asyncio.create_task(answer(batch)))
            if len(under_way) > config.reading.workers:
                _tell_all(await under_way.pop(0), tell, advance)
        while under_way:
            _tell_all(await under_way.pop(0), tell, advance)
    finally:
        for task in under_way:
            task.cancel()
        inspector.close()


def _tell_all(
    answers: list[tuple[str, dict[str, Any]]],
    tell: Callable[[str, dict[str, Any]], None],
    advance: Callable[[int], None],
) -> None:
    for name, one in answers:
        tell(name, one)
    advance(len(answers))


def _batches(messages: Iterator[tuple[str, bytes]]) -> Iterator[Batch]:
    while batch := list(islice(messages, _BATCH)):
        yield batch
