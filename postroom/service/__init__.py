"""The composition root: one module per part builds it from the stages and runs it until SIGTERM.

    milter.py   examiner (authenticate, read, classify, policy) behind libmilter
    lmtp.py     intake (stamp or examiner, read, extract, decide, plan, commit) behind LMTP
    worker.py   outbox and the performers of each step
    state.py    what must be there before any of them starts: key and schema

The stages know each other only by the functions handed to them here. Each part is a process
(../supervisor.py) and imports no more than it needs, so that it is up again quickly.
"""

import asyncio
import signal

from postroom.config import Config
from postroom.lineage import die_with_parent
from postroom.supervisor import is_supervised, serve_metrics


def run_part(config: Config, part: str) -> None:
    """Runs one part, milter, lmtp or worker, in this process until SIGTERM."""
    die_with_parent()
    if not is_supervised():
        serve_metrics(config, None)
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


async def terminated() -> None:
    """Returns when the process is asked to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
