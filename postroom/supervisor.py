"""`postroom serve`: one child process per part, watched, restarted, and drained on SIGTERM.

A part that dies is started again after a short, growing pause; nothing is lost by its death,
because everything that counts is in the database or still in Postfix. SIGTERM drains in order:
the milter first, so that Postfix stops handing over, then LMTP, then the worker. Children die
with the supervisor, also when that is killed by SIGKILL (lineage.py). SIGHUP makes the parts take
rules and model anew without a stop; where the configuration file has changed, it restarts them
with what it now says, unless that has a fault: then everything goes on as it was.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, multiprocess

from . import maillog
from .config import Config, ConfigError, load
from .failure import PermanentFailure
from .lineage import environment_for_child
from .vitals import Part, Parts

PARTS = ("milter", "lmtp", "worker", "api")  # in the order in which they drain
_WITH_RULES = ("milter", "lmtp")
SUPERVISED_VARIABLE = "POSTROOM_SUPERVISED"
_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)
_STABLE_AFTER_S = 30.0
_DRAIN_S = 40.0  # longer than any part's own deadline; then SIGKILL


class Supervisor:
    """Owns the children of one service."""

    def __init__(self, config: Config, config_path: Path) -> None:
        self._config = config
        self._config_path = config_path
        self._parts = tuple(part for part in PARTS if part != "api" or config.api.listen)
        self._written = _content(config_path)
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._deaths: dict[str, int] = dict.fromkeys(PARTS, 0)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Runs every part until SIGTERM or SIGINT, then drains them."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._take_anew)
        serve_metrics(self._config, self._counters(), self.parts)
        async with asyncio.TaskGroup() as watching:
            for part in self._parts:
                watching.create_task(self._watch(part))
            watching.create_task(self._drain())

    def parts(self) -> dict[str, Part]:
        """How the parts are, for those who watch (health.py)."""
        return {
            name: Part(is_up=child.returncode is None, deaths=self._deaths[name], pid=child.pid)
            for name, child in self._children.items()
        }

    async def _watch(self, part: str) -> None:
        """Keeps one part running until the service stops."""
        loop = asyncio.get_running_loop()
        deaths = 0
        while not self._stopping.is_set():
            began = loop.time()
            child = await self._start(part)
            status = await child.wait()
            if self._stopping.is_set():
                return
            multiprocess.mark_process_dead(child.pid, str(self._counters()))  # type: ignore[no-untyped-call]
            self._deaths[part] += 1
            deaths = 0 if loop.time() - began > _STABLE_AFTER_S else deaths + 1
            pause = _PAUSES_S[min(deaths, len(_PAUSES_S) - 1)]
            maillog.part_died(part=part, status=status, restart_in=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _start(self, part: str) -> asyncio.subprocess.Process:
        environment = environment_for_child() | {
            SUPERVISED_VARIABLE: "1",
            "PROMETHEUS_MULTIPROC_DIR": str(self._counters()),
        }
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "postroom", "serve"),
            *("--config", str(self._config_path), "--only", part),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            # Ctrl-C in a terminal is for the supervisor, which then drains in order.
            start_new_session=True,
        )
        self._children[part] = child
        return child

    async def _drain(self) -> None:
        await self._stopping.wait()
        for part in self._parts:
            child = self._children.get(part)
            if child is None or child.returncode is not None:
                continue
            child.terminate()
            try:
                await asyncio.wait_for(child.wait(), _DRAIN_S)
            except TimeoutError:
                child.kill()

    def _take_anew(self) -> None:
        written = _content(self._config_path)
        if written == self._written:
            self._signal(signal.SIGHUP, _WITH_RULES)
            return
        try:
            load(self._config_path)
        except ConfigError as error:
            maillog.degraded(part="configuration", reason=str(error))
            return
        self._written = written
        self._signal(signal.SIGTERM, self._parts)

    def _signal(self, number: signal.Signals, parts: tuple[str, ...]) -> None:
        for part in parts:
            child = self._children.get(part)
            if child is not None and child.returncode is None:
                child.send_signal(number)

    def _counters(self) -> Path:
        return self._config.service.run_dir / "metrics"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@contextlib.contextmanager
def prepared(config: Config) -> Iterator[None]:
    """The folders the service needs, its own for as long as the block lasts.

    The counters of the last run are emptied. Raises PermanentFailure folder-unusable when one
    cannot be made or written, already-running when another service has the same run_dir.
    """
    counters = config.service.run_dir / "metrics"
    try:
        for folder in (config.service.state_dir, config.service.run_dir):
            folder.mkdir(parents=True, exist_ok=True)
        lock = (config.service.run_dir / "serve.lock").open("w", encoding="ascii")
    except OSError as error:
        raise PermanentFailure("folder-unusable", error) from error
    with lock:
        try:
            # The kernel lets go of it when this process ends in any way.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PermanentFailure("already-running", error) from error
        shutil.rmtree(counters, ignore_errors=True)
        counters.mkdir(exist_ok=True)
        yield


def serve_metrics(config: Config, counters: Path | None, parts: Parts = dict) -> None:
    """Answers Prometheus, and who asks for health, at `metrics.listen`; for the parts together
    where they share counters.

    Raises PermanentFailure(metrics-address) when the address is taken.
    """
    if not config.metrics.listen:
        return
    from .health import serve_health  # only who serves it shall load it

    host, _, port = config.metrics.listen.rpartition(":")
    try:
        if counters is None:
            registry = REGISTRY
        else:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry, str(counters))  # type: ignore[no-untyped-call]
        serve_health(config, registry, parts, host.strip("[]"), int(port))
    except OSError as error:
        raise PermanentFailure("metrics-address", error) from error


def is_supervised() -> bool:
    """True in a child of the supervisor, which serves the metrics for all."""
    return SUPERVISED_VARIABLE in os.environ
