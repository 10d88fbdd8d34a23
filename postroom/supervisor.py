"""`postroom serve`: one child process per part, watched, restarted, and drained on SIGTERM.

A part that dies is started again after a short, growing pause; nothing is lost by its death,
because everything that counts is in the database or still in Postfix, and nobody is refused: the
next one inherits its sockets. SIGTERM drains in order: the milter first, so that Postfix stops
handing over, then LMTP, then the worker. Children die with the supervisor, also when that is killed
by SIGKILL (lineage.py). SIGHUP makes the parts take rules and model anew without a stop.

Where the configuration file has changed, SIGHUP replaces the parts, unless it has a fault: then
everything goes on as it was. Milter and LMTP are replaced without a gap: the successor starts
beside the old part, inherits its sockets (succession.py) and says when it listens; then the old one
takes no new connection and ends what it has. A successor that does not come up is ended, the old
part goes on, and nothing else is replaced; the next SIGHUP tries again. What the supervisor itself
began with (the metrics' address, its folder, which parts there are) stays, and is told.

systemd is told that the service is up when milter and LMTP listen; if one of them does not, when it
has had the time to: the others serve meanwhile.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, multiprocess

from . import maillog
from .announcing import announce_ready
from .child import Child, begin, patience_s
from .config import Config, ConfigError, load
from .failure import PermanentFailure
from .lineage import environment_for_child
from .readiness import has_room_for_counters
from .succession import SUCCEEDED, Estate
from .vitals import Part, Parts

PARTS = ("milter", "lmtp", "worker", "api")  # in the order in which they drain
_WITH_SOCKETS = ("milter", "lmtp")  # and with rules
SUPERVISED_VARIABLE = "POSTROOM_SUPERVISED"
_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)
_STABLE_AFTER_S = 30.0
_COMES_UP_S = 30.0  # a part, which may find the machine at work; usually two seconds


class Supervisor:
    """Owns the children of one service."""

    def __init__(
        self,
        config: Config,
        config_path: Path,
        command: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        """`command` runs a part; without it `postroom serve --only PART` does."""
        self._began_with = config
        self._config = config  # what a part that starts now finds
        self._in_force = config  # what milter and LMTP were started with; health is asked of it
        self._config_path = config_path
        self._command = command or self._serve
        self._counters = config.service.run_dir / "metrics"
        self._parts = tuple(part for part in PARTS if part != "api" or config.api.listen)
        # What the parts were started with; None when a replacement came to no end.
        self._written: bytes | None = _content(config_path)
        self._children: dict[str, Child] = {}  # those that count
        self._alive: dict[str, list[Child]] = {part: [] for part in PARTS}  # old ones too
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._deaths: dict[str, int] = dict.fromkeys(PARTS, 0)
        self._stopping = asyncio.Event()
        self._hung_up = asyncio.Event()  # SIGHUP came

    async def run(self) -> None:
        """Runs every part until SIGTERM or SIGINT, then drains them."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up.set)
        loop.call_later(_COMES_UP_S, announce_ready)  # again, it changes nothing
        serve_metrics(lambda: self._in_force, self._counters, self.parts)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for part in self._parts:
                self._watches[part] = tasks.create_task(self._watch(part))
            tasks.create_task(self._drain(tasks.create_task(self._obey_hang_ups())))
        for part in self._parts:
            for child in list(self._alive[part]):  # in whose replacement the end came
                self._bury(part, child)

    def parts(self) -> dict[str, Part]:
        """How the parts are, for those who watch (health.py)."""
        return {
            name: Part(is_up=child.is_up, deaths=self._deaths[name], pid=child.process.pid)
            for name, child in self._children.items()
        }

    async def _watch(self, part: str, child: Child | None = None) -> None:
        """Keeps one part running until the service stops."""
        loop = asyncio.get_running_loop()
        deaths = 0
        left: Estate | None = None  # of one that died, for one start: who connects meanwhile waits
        try:
            while not self._stopping.is_set():
                began = loop.time()
                if child is None:
                    child = self._children[part] = await self._start(part, left)
                    if part in _WITH_SOCKETS:
                        await child.listens()
                        if all(map(self._is_listening, _WITH_SOCKETS)):
                            announce_ready()
                    if left is not None:
                        left.pass_on(child.estate)
                        left = None
                status = await child.process.wait()
                left = child.disown()
                self._bury(part, child)
                child = None
                if self._stopping.is_set():
                    return
                self._deaths[part] += 1
                deaths = 0 if loop.time() - began > _STABLE_AFTER_S else deaths + 1
                pause = _PAUSES_S[min(deaths, len(_PAUSES_S) - 1)]
                maillog.part_died(part=part, status=status, restart_in=pause)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._stopping.wait()
        finally:
            if left is not None:
                left.close()

    async def _start(self, part: str, left: Estate | None = None) -> Child:
        """Starts a process of a part, which may inherit the sockets of another."""
        environment = environment_for_child() | {SUPERVISED_VARIABLE: "1"}
        if has_room_for_counters(self._config.service.run_dir):
            environment["PROMETHEUS_MULTIPROC_DIR"] = str(self._counters)
        else:
            environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
            maillog.degraded(part=part, reason="run-dir-full")
        patience = patience_s(self._config, part)
        child = await begin(self._command(part), environment, patience_s=patience, left=left)
        self._alive[part].append(child)
        if self._stopping.is_set():
            child.tell(signal.SIGTERM)  # _drain may have been past this part
        return child

    def _bury(self, part: str, child: Child) -> None:
        """Clears up behind a process that has ended."""
        if left := child.disown():
            left.close()
        child.channel.close()
        self._alive[part].remove(child)
        multiprocess.mark_process_dead(child.process.pid, str(self._counters))  # type: ignore[no-untyped-call]

    async def _drain(self, obeying: asyncio.Task[None]) -> None:
        await self._stopping.wait()
        obeying.cancel()
        for part in self._parts:
            await asyncio.gather(*(child.end() for child in self._alive[part]))

    async def _obey_hang_ups(self) -> None:
        """One SIGHUP after the other; what comes during one is one more."""
        while True:
            await self._hung_up.wait()
            self._hung_up.clear()
            try:
                await self._take_anew()
            except Exception as error:  # noqa: BLE001  boundary: the mail goes on, with what there is
                maillog.bug("reload", error)

    async def _take_anew(self) -> None:
        written = _content(self._config_path)
        if written == self._written:
            for part in _WITH_SOCKETS:
                child = self._children.get(part)
                if child is not None:
                    child.tell(signal.SIGHUP)
            return
        try:
            self._config = load(self._config_path)
        except ConfigError as error:
            maillog.degraded(part="configuration", reason=str(error))
            return
        self._written = None  # until all are replaced, some may have the old one
        for part in self._parts:
            if part not in _WITH_SOCKETS:
                self._in_force = self._config  # from here on; the others may take their time to end
            if part not in _WITH_SOCKETS or not self._is_listening(part):
                await self._restart(part)
            elif not await self._replace(part):
                return
        self._written = written
        for key in self._unheeded():
            maillog.degraded(part=key, reason="needs-restart")

    def _unheeded(self) -> Iterator[str]:
        """Keys whose change no replacement of parts takes into use."""
        began, now = self._began_with, self._config
        if now.metrics.listen != began.metrics.listen:
            yield "metrics.listen"
        if now.service.run_dir != began.service.run_dir:
            yield "service.run_dir"
        if now.api.listen and "api" not in self._parts:
            yield "api.listen"

    def _is_listening(self, part: str) -> bool:
        child = self._children.get(part)
        return child is not None and child.is_up and child.estate is not None

    async def _restart(self, part: str) -> None:
        """Ends a part, if it runs, and starts it with what the configuration says now."""
        self._watches[part].cancel()
        for child in list(self._alive[part]):
            await child.end()
            if not child.is_retiring:  # else _retire does it
                self._bury(part, child)
        self._watches[part] = self._tasks.create_task(self._watch(part))

    async def _replace(self, part: str) -> bool:
        """Puts a successor in the place of a part; False when it does not come up."""
        successor = await self._start(part, self._children[part].estate)
        try:
            # Not wait_for: Python 3.11's can swallow that we are stopping.
            async with asyncio.timeout(_COMES_UP_S):
                came_up = await successor.listens()
        except TimeoutError:
            came_up = False
        if not came_up:
            if successor.is_up:
                successor.process.kill()
            await successor.process.wait()
            self._bury(part, successor)
            maillog.degraded(part=part, reason="successor-did-not-come-up")
            return False
        self._watches[part].cancel()
        self._children[part] = successor
        self._watches[part] = self._tasks.create_task(self._watch(part, successor))
        for old in self._alive[part]:
            # More than one, when the last one to be replaced has still something to end.
            if old is not successor and not old.is_retiring:
                old.is_retiring = True
                self._tasks.create_task(self._retire(part, old, successor.estate))
        return True

    async def _retire(self, part: str, old: Child, successor: Estate | None) -> None:
        """Lets a part end that has a successor."""
        old.tell(SUCCEEDED)
        if left := old.disown():
            left.pass_on(successor)
        await old.over(2 * old.patience_s)  # it hands over, then drains: a deadline for each
        self._bury(part, old)

    def _serve(self, part: str) -> Sequence[str]:
        """The command that runs a part."""
        python = (sys.executable, "-P", "-m", "postroom")
        return *python, "serve", "--config", str(self._config_path), "--only", part


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


def serve_metrics(config: Callable[[], Config], counters: Path | None, parts: Parts = dict) -> None:
    """Answers Prometheus, and who asks for health, at `metrics.listen`; for the parts together
    where they share counters. `config` gives what is in force when somebody asks.

    Raises PermanentFailure(metrics-address) when the address is taken.
    """
    listen = config().metrics.listen
    if not listen:
        return
    from .health import serve_health  # only who serves it shall load it

    host, _, port = listen.rpartition(":")
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
