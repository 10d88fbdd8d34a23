"""`postroom serve`: parts that die come back, a second service is refused, SIGTERM drains."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from prometheus_client.samples import Sample

from postroom.config import Config, load
from postroom.readiness import folders
from postroom.supervisor import Supervisor
from tests.fakes.alarms import assert_that_fire, needs_promtool, samples
from tests.fakes.milter_client import Gone, MilterClient
from tests.fakes.part import is_gone
from tests.sandbox.postfix import free_ports

pytestmark = pytest.mark.slow


class Service:
    """A real `postroom serve` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metrics = f"127.0.0.1:{free_ports(1)[0]}"
        (folder / "postroom.toml").write_text(
            f'[service]\nhostname = "mx.company.test"\nmailboxes = ["info@company.test"]\n'
            f'state_dir = "{folder}/state"\nrun_dir = "{folder}/run"\n'
            f'[milter]\nsocket = "unix:{folder}/run/milter.sock"\n'
            f'[lmtp]\nsocket = "unix:{folder}/run/lmtp.sock"\n'
            f'[metrics]\nlisten = "{self.metrics}"\n[reading]\nworkers = 1\n'
            f'[classification]\nrules_dir = "{folder}/rules"\n',
            encoding="utf-8",
        )
        (folder / "rules").mkdir()
        self.log = folder / "log"
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "postroom", "serve"],
                env=os.environ | {"POSTROOM_CONFIG": str(self.folder / "postroom.toml")},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = self.log.read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in found if event["event"] == name]

    def parts(self) -> dict[str, int]:
        """Part -> pid of the children alive; of a replaced part the newest."""
        printed = subprocess.run(
            ["ps", "-ww", "--ppid", str(self.process.pid), "-o", "pid=,args="],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        return {line.split()[-1]: int(line.split()[0]) for line in printed.splitlines()}

    def wait(self, condition: Callable[[], bool], timeout_s: float = 60) -> None:
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, self.log.read_text(encoding="utf-8")[-3_000:]
            time.sleep(0.05)

    def wait_until_ready(self, times: int = 1) -> None:
        wanted = sorted(["milter", "lmtp", "worker"] * times)
        self.wait(lambda: sorted(event["part"] for event in self.events("started")) == wanted)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    if service.process.poll() is None:
        service.process.kill()
    service.process.wait(60)


def test_a_part_that_is_killed_comes_back_and_the_others_go_on(service: Service) -> None:
    service.wait_until_ready()
    before = service.parts()
    os.kill(before["worker"], signal.SIGKILL)
    service.wait(lambda: len(service.events("started")) == 4)
    after = service.parts()
    assert service.events("part-died")[0]["part"] == "worker"
    assert after["worker"] != before["worker"]
    assert (after["milter"], after["lmtp"]) == (before["milter"], before["lmtp"])


def test_sigterm_drains_every_part_and_removes_the_sockets(service: Service) -> None:
    service.wait_until_ready()
    service.process.terminate()
    assert service.process.wait(60) == 0
    assert not service.events("part-died")
    assert not (service.folder / "run" / "lmtp.sock").exists()
    assert not (service.folder / "run" / "milter.sock").exists()


def test_kill_9_leaves_no_process_behind_and_a_new_service_starts(service: Service) -> None:
    service.wait_until_ready()
    pids = list(service.parts().values())
    service.process.kill()
    service.process.wait(60)
    service.wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 20)
    service.process = service.start()
    service.wait_until_ready(times=2)


def test_a_part_that_finds_no_room_for_its_counters_starts_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config.model_validate({"service": {"state_dir": tmp_path, "run_dir": tmp_path}})
    told = tmp_path / "told"
    script = (
        "import os, pathlib, sys; "
        "pathlib.Path(sys.argv[1]).write_text(os.environ.get('PROMETHEUS_MULTIPROC_DIR', 'none'))"
    )

    async def start() -> str:
        command = (sys.executable, "-c", script, str(told))
        supervisor = Supervisor(config, tmp_path / "postroom.toml", lambda _part: command)
        child = await supervisor._start("worker")
        await child.process.wait()
        supervisor._bury("worker", child)
        return told.read_text()

    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/nonexistent")
    assert asyncio.run(start()) == str(tmp_path / "metrics")
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=0))
    assert asyncio.run(start()) == "none"
    assert any("is full" in one.what for one in folders(config))


def test_a_second_service_on_the_same_folders_is_refused(service: Service) -> None:
    service.wait_until_ready()
    second = service.start()
    assert second.wait(60) == 1
    assert "already-running" in service.log.read_text(encoding="utf-8")
    assert service.process.poll() is None


def test_sighup_takes_rules_anew_in_the_running_parts_and_keeps_old_ones_on_a_fault(
    service: Service,
) -> None:
    service.wait_until_ready()
    before = service.parts()

    def hang_up(rules: str, times: int) -> list[dict[str, Any]]:
        (service.folder / "rules" / "own.yaml").write_text(rules, encoding="utf-8")
        service.process.send_signal(signal.SIGHUP)
        service.wait(lambda: len(service.events("reloaded")) == 2 * times)
        return service.events("reloaded")[-2:]

    one = hang_up("rules: [{name: a, when: {local: true}, then: {labels: [x]}}]", 1)
    assert sorted(event["part"] for event in one) == ["lmtp", "milter"]
    faulty = hang_up("rules: [{name: a}]", 2)
    assert [event["problems"] for event in faulty] == [1, 1]
    assert {event["rules"] for event in faulty} == {event["rules"] for event in one}
    assert "own.yaml:1: rule 'a' needs" in service.events("degraded")[0]["reason"]
    none = hang_up("rules: []", 3)
    assert [event["rules"] + 1 for event in none] == [event["rules"] for event in one]
    assert service.parts() == before


def test_sighup_restarts_the_parts_when_the_configuration_changed_unless_it_has_a_fault(
    service: Service,
) -> None:
    service.wait_until_ready()
    path = service.folder / "postroom.toml"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole + "[nonsense]\n", encoding="utf-8")
    service.process.send_signal(signal.SIGHUP)
    service.wait(lambda: bool(service.events("degraded")))
    assert "nonsense" in service.events("degraded")[0]["reason"]
    path.write_bytes((whole + '[reply]\ncompany = "Müller"\n').encode("latin-1"))
    service.process.send_signal(signal.SIGHUP)
    service.wait(lambda: len(service.events("degraded")) == 2)
    assert "not UTF-8" in service.events("degraded")[1]["reason"]
    assert len(service.events("started")) == 3 and service.process.poll() is None
    path.write_text(whole + '[reply]\ncompany = "Other"\n', encoding="utf-8")
    service.process.send_signal(signal.SIGHUP)
    service.wait_until_ready(times=2)
    service.wait(lambda: len(service.events("stopped")) == 3)  # the old ones have ended
    assert not service.events("part-died")
    assert set(service.folder.joinpath("run").glob("*.sock")) == {
        service.folder / "run" / name for name in ("milter.sock", "lmtp.sock")
    }


def hang_up(service: Service, change: str) -> None:
    with (service.folder / "postroom.toml").open("a", encoding="utf-8") as configuration:
        configuration.write(change)
    service.process.send_signal(signal.SIGHUP)


def watched(service: Service) -> list[Sample]:
    """What a service's metrics say once all its parts are up, and the worker works."""
    service.wait_until_ready()

    def seen() -> list[Sample]:
        with urllib.request.urlopen(f"http://{service.metrics}/metrics", timeout=20) as answer:
            return samples(answer.read().decode())

    service.wait(lambda: any(one.name == "postroom_queue_depth" for one in seen()))
    return seen()


def test_the_metrics_of_a_fresh_service_say_that_milter_and_lmtp_use_the_model(
    service: Service,
) -> None:
    seen = watched(service)
    loaded = {s.labels["part"]: s.value for s in seen if s.name == "postroom_model_loaded"}
    assert loaded == {"milter": 1, "lmtp": 1}
    counters = (service.folder / "run" / "metrics").glob("*.db")
    pids = {int(path.stem.rpartition("_")[2]) for path in counters}
    assert pids == set(service.parts().values())  # none is of a process that reads


@needs_promtool
def test_a_fresh_service_alarms_nobody(service: Service) -> None:
    seen = watched(service)
    assert_that_fire([], seen, service.folder)
    away = [one._replace(value=0) if one.name == "postroom_model_loaded" else one for one in seen]
    assert_that_fire(["PostroomModelAway"], away, service.folder)


def test_what_only_a_restart_takes_into_use_is_told_after_a_reload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "postroom.toml"
    before = '[metrics]\nlisten = "127.0.0.1:9188"\n'
    path.write_text(before, encoding="utf-8")
    supervisor = Supervisor(load(path), path)

    async def replaced(_self: Supervisor, _part: str) -> bool:
        return True

    monkeypatch.setattr(Supervisor, "_replace", replaced)
    monkeypatch.setattr(Supervisor, "_restart", replaced)

    def told(text: str) -> list[str]:
        path.write_text(text, encoding="utf-8")
        with structlog.testing.capture_logs() as events:
            asyncio.run(supervisor._take_anew())
        return [one["part"] for one in events if one.get("reason") == "needs-restart"]

    other = (
        '[metrics]\nlisten = ""\n[service]\nrun_dir = "/run/other"\n[api]\nlisten = "[::1]:80"\n'
    )
    assert told(before + '[reply]\ncompany = "Other"\n') == []
    unheeded = ["metrics.listen", "service.run_dir", "api.listen"]
    assert told(other) == unheeded
    assert told(f'{other}[reply]\ncompany = "Other"\n') == unheeded  # still
    assert told(before) == []


def inode(path: Path) -> int:
    return path.stat().st_ino


def test_health_is_asked_of_what_milter_and_lmtp_run_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "postroom.toml"
    path.write_text("", encoding="utf-8")
    supervisor = Supervisor(load(path), path)
    seen = []

    async def replaced(_self: Supervisor, part: str) -> bool:
        seen.append((part, supervisor._in_force.reply.company))
        return True

    monkeypatch.setattr(Supervisor, "_is_listening", lambda *_: True)
    monkeypatch.setattr(Supervisor, "_replace", replaced)
    monkeypatch.setattr(Supervisor, "_restart", replaced)
    path.write_text('[reply]\ncompany = "Other"\n', encoding="utf-8")
    asyncio.run(supervisor._take_anew())
    assert seen == [("milter", ""), ("lmtp", ""), ("worker", "Other")]


def test_a_bug_in_a_reload_is_told_and_the_next_one_is_obeyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def twice() -> None:
        supervisor = Supervisor(Config(), tmp_path / "postroom.toml")
        came: asyncio.Queue[None] = asyncio.Queue()

        async def breaks(_self: Supervisor) -> None:
            came.put_nowait(None)
            raise ZeroDivisionError("of ours")

        monkeypatch.setattr(Supervisor, "_take_anew", breaks)
        obeying = asyncio.create_task(supervisor._obey_hang_ups())
        for _ in range(2):
            supervisor._hung_up.set()
            await asyncio.wait_for(came.get(), 5)
        obeying.cancel()

    with structlog.testing.capture_logs() as told:
        asyncio.run(twice())
    assert [(one["event"], one["where"]) for one in told] == [("bug", "reload")] * 2


def test_a_successor_that_does_not_come_up_leaves_everything_as_it_was(service: Service) -> None:
    service.wait_until_ready()
    before = service.parts()
    (service.folder / "rules" / "own.yaml").write_text("rules: [{name: a}]", encoding="utf-8")
    hang_up(service, '[reply]\ncompany = "Other"\n')  # at a start, faulty rules are fatal
    service.wait(lambda: bool(service.events("degraded")))
    assert service.events("degraded")[0]["part"] == "milter"
    assert service.parts() == before
    (service.folder / "rules" / "own.yaml").unlink()
    service.process.send_signal(signal.SIGHUP)  # mended: the same change is tried again
    service.wait_until_ready(times=2)


def test_two_changes_in_a_row_both_come_into_force_on_the_same_sockets(service: Service) -> None:
    service.wait_until_ready()
    sockets = [service.folder / "run" / name for name in ("milter.sock", "lmtp.sock")]
    before = [inode(path) for path in sockets]
    hang_up(service, '[reply]\ncompany = "Other"\n')
    service.wait(lambda: len(service.events("started")) > 3)  # in the middle of it
    hang_up(service, "[canary]\n")
    service.wait_until_ready(times=3)
    assert [inode(path) for path in sockets] == before


def test_a_socket_that_moves_is_opened_at_its_new_place_and_leaves_the_old_one(
    service: Service,
) -> None:
    service.wait_until_ready()
    path = service.folder / "postroom.toml"
    moved = path.read_text(encoding="utf-8").replace("run/milter.sock", "run/m.sock")
    path.write_text(moved.replace("run/lmtp.sock", "run/l.sock"), encoding="utf-8")
    service.process.send_signal(signal.SIGHUP)
    service.wait_until_ready(times=2)
    run = service.folder / "run"
    service.wait(lambda: {path.name for path in run.glob("*.sock")} == {"m.sock", "l.sock"})


def test_sigterm_in_the_middle_of_a_replacement_ends_old_and_new(service: Service) -> None:
    service.wait_until_ready()
    hang_up(service, "[canary]\n")
    service.wait(lambda: len(service.events("started")) > 3)
    service.process.terminate()
    assert service.process.wait(60) == 0
    assert not list((service.folder / "run").glob("*.sock"))
    assert not service.events("part-died")


class Knocking(threading.Thread):
    """Begins one session after the other with milter and LMTP."""

    def __init__(self, milter: str, lmtp: str) -> None:
        super().__init__()
        self._milter, self._lmtp = milter, lmtp
        self._enough = threading.Event()
        self.greetings: Counter[str] = Counter()

    def run(self) -> None:
        while not self._enough.is_set():
            self.greetings[self._greeting()] += 1

    def _greeting(self) -> str:
        try:
            with MilterClient(self._milter, timeout_s=20) as client:
                client.connect()
            kind, _, where = self._lmtp.partition(":")
            with socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET) as peer:
                peer.settimeout(20)
                host, _, port = where.rpartition(":")
                peer.connect(where if kind == "unix" else (host, int(port)))
                return peer.makefile().readline()[:3]
        except (OSError, Gone) as error:
            return repr(error)

    def stop(self) -> None:
        self._enough.set()
        self.join()


@pytest.mark.parametrize("part", ["milter", "lmtp"])
def test_who_connects_to_a_part_that_was_killed_is_served_by_the_next(
    service: Service, part: str
) -> None:
    service.wait_until_ready()
    path = service.folder / "run" / f"{part}.sock"
    before = inode(path)
    pid = service.parts()[part]
    os.kill(pid, signal.SIGKILL)
    service.wait(lambda: is_gone(pid))
    if part == "lmtp":
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(60)
            peer.connect(str(path))
            assert peer.makefile().readline().startswith("220")
    else:
        with MilterClient(f"unix:{path}", timeout_s=60) as client:
            client.connect()
            assert client.mail() == "continue"
    assert [event["part"] for event in service.events("part-died")] == [part]
    assert inode(path) == before
    service.process.terminate()
    assert service.process.wait(60) == 0
    assert not path.exists()


@pytest.mark.parametrize("kind", ["unix", "inet"])
def test_nobody_is_refused_while_parts_are_replaced_and_open_sessions_go_on(
    service: Service, kind: str
) -> None:
    run = service.folder / "run"
    milter, lmtp = f"unix:{run}/milter.sock", f"unix:{run}/lmtp.sock"
    service.wait_until_ready()
    times = 2
    if kind == "inet":
        ports = free_ports(2)
        path = service.folder / "postroom.toml"
        text = path.read_text(encoding="utf-8")
        text = text.replace(milter, milter := f"inet:127.0.0.1:{ports[0]}")
        path.write_text(text.replace(lmtp, lmtp := f"inet:127.0.0.1:{ports[1]}"), encoding="utf-8")
        service.process.send_signal(signal.SIGHUP)
        service.wait_until_ready(times=2)
        times = 3
    with MilterClient(milter, timeout_s=20) as client:
        client.connect()
        knocking = Knocking(milter, lmtp)
        knocking.start()
        try:
            hang_up(service, "[canary]\n")
            service.wait_until_ready(times=times)
            assert client.mail() == "continue"  # the old milter, between two messages
        finally:
            knocking.stop()
    stopped = 3 * (times - 1)
    service.wait(lambda: len(service.events("stopped")) == stopped)
    assert set(knocking.greetings) == {"220"}
    assert not service.events("part-died")
