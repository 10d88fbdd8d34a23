"""The composition root: one module per part builds it from the stages and runs it until SIGTERM.

    milter.py   examiner (authenticate, read, classify, policy) behind libmilter
    lmtp.py     intake (stamp or examiner, read, extract, decide, plan, commit) behind LMTP
    worker.py   outbox and the performers of each step
    api.py      the HTTP API behind uvicorn, where `api.listen` is set
    state.py    what must be there before any of them starts: key and schema

The stages know each other only by the functions handed to them here. Each part is a process
(../supervisor.py) and imports no more than it needs, so that it is up again quickly.
"""

import asyncio
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from postroom import heap, maillog
from postroom.config import Config
from postroom.lineage import die_with_parent
from postroom.supervisor import is_supervised, serve_metrics

if TYPE_CHECKING:
    from postroom.classify.classifier import Classifier


def run_part(config: Config, part: str) -> None:
    """Runs one part, milter, lmtp, worker or api, in this process until SIGTERM."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the part listens, it has nothing older
    die_with_parent()
    heap.keep_it_small()
    if not is_supervised():
        serve_metrics(lambda: config, None)
    match part:
        case "milter":
            from .milter import run_milter

            run_milter(config)
        case "lmtp":
            from .lmtp import run_lmtp

            asyncio.run(run_lmtp(config))
        case "worker":
            from .worker import run_worker

            asyncio.run(run_worker(config))
        case "api":
            from .api import run_api

            asyncio.run(run_api(config))


def reloads(part: str, classifier: "Classifier") -> Callable[[], None]:
    """What a part does on SIGHUP: rules and model are taken anew, in a thread beside the mail."""

    def reload() -> None:
        problems = classifier.reload()
        maillog.reloaded(
            part=part,
            rules=classifier.rule_count,
            model=classifier.model_name,
            problems=len(problems),
        )

    def begin() -> None:
        asyncio.get_running_loop().run_in_executor(None, reload)

    return begin


def asked(*also: signal.Signals) -> "asyncio.Queue[signal.Signals]":
    """The signals that ask the process to end, and the others named, one by one as they come."""
    loop = asyncio.get_running_loop()
    came: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT, *also):
        loop.add_signal_handler(number, came.put_nowait, number)
    return came


async def terminated() -> None:
    """Returns when the process is asked to end."""
    await asked().get()
