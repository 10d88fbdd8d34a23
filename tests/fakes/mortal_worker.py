"""A worker in a process of its own that dies by SIGKILL where the test wants it.

In: a configuration, and perhaps a `Death`. Out: a real process that leases, performs and records
like the service's worker, until it is killed from inside (at a database transaction, or when the
ERP has answered) or by the test from outside.

Limits: the processes come from a fork server that has everything imported already, because a
fresh interpreter costs a second and there are many deaths.
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from postroom import maillog
from postroom.actions.erp.connect import connect
from postroom.actions.outbox import Done, Leased
from postroom.actions.performers import ErpPerformer, ForwardPerformer, ReplyPerformer
from postroom.actions.worker import Worker
from postroom.clock import SystemClock
from postroom.config import Config
from postroom.decision import Step
from postroom.doorbell import Doorbell
from postroom.store.engine import Database

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """Where the process kills itself."""

    at: Literal["before", "inside", "after", "answered"]
    transaction: int = 0  # which write transaction, 1-based; unused for "answered"


def start(config: Config, death: Death | None = None) -> ForkServerProcess:
    """Starts a worker; the caller kills or joins it."""
    process = FORKS.Process(target=_work, args=(config.model_dump_json(), death))
    process.start()
    return process


def is_ready(config: Config, process: ForkServerProcess) -> bool:
    """True once the worker works and heeds SIGTERM."""
    return process.pid is not None and _ready(config, process.pid).exists()


def _ready(config: Config, pid: int) -> Path:
    return Path(config.service.run_dir) / f"ready.{pid}"


def kill(process: ForkServerProcess) -> None:
    """SIGKILL, and gone when this returns."""
    process.kill()
    process.join(10)
    process.close()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _MortalDatabase(Database):
    def __init__(self, url: str, death: Death | None) -> None:
        super().__init__(url)
        self._death = death
        self._count = 0

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Dies before, inside (all written, not committed) or after the chosen transaction."""
        self._count += 1
        chosen = self._death is not None and self._death.transaction == self._count
        at = self._death.at if self._death and chosen else ""
        if at == "before":
            _die()
        with super().transaction() as connection:
            yield connection
            if at == "inside":
                _die()
        if at == "after":
            _die()


class _MortalPerformer(ErpPerformer):
    async def __call__(self, leased: Leased) -> Done:
        """Dies with the answer in its hands."""
        await super().__call__(leased)
        _die()
        raise AssertionError


def _work(configuration: str, death: Death | None) -> None:
    config = Config.model_validate_json(configuration)
    maillog.configure("error", "json")
    asyncio.run(_serve(config, death))


async def _serve(config: Config, death: Death | None) -> None:
    clock = SystemClock()
    database = _MortalDatabase(config.store_url, death)
    kind = _MortalPerformer if death and death.at == "answered" else ErpPerformer
    erp = connect(config.erp, clock)
    business = kind(erp)
    bell = Doorbell(Path(config.service.run_dir) / f"bell.{os.getpid()}")
    worker = Worker(
        config,
        database,
        clock,
        {
            Step.ORDER_CREATE: business,
            Step.INVOICE_UPDATE: business,
            Step.TICKET_CREATE: business,
            Step.REPLY: ReplyPerformer(config, database, clock),
            Step.FORWARD: ForwardPerformer(config, database),
        },
        bell,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    _ready(config, os.getpid()).touch()
    await worker.run()
    await erp.close()
    bell.close()
    database.close()
