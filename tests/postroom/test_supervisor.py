"""`postroom serve`: parts that die come back, a second service is refused, SIGTERM drains."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


class Service:
    """A real `postroom serve` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "postroom.toml").write_text(
            f'[service]\nhostname = "mx.company.test"\nmailboxes = ["info@company.test"]\n'
            f'state_dir = "{folder}/state"\nrun_dir = "{folder}/run"\n'
            f'[milter]\nsocket = "unix:{folder}/run/milter.sock"\n'
            f'[lmtp]\nsocket = "unix:{folder}/run/lmtp.sock"\n'
            f'[metrics]\nlisten = ""\n[reading]\nworkers = 1\n'
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
        """Part -> pid of the children alive."""
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
    assert len(service.events("started")) == 3
    path.write_text(whole + '[reply]\ncompany = "Other"\n', encoding="utf-8")
    service.process.send_signal(signal.SIGHUP)
    service.wait_until_ready(times=2)
