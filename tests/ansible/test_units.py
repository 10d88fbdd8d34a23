"""The systemd units: sound, and shut in."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from postroom.child import patience_s
from postroom.config import Config
from postroom.supervisor import PARTS
from tests.sandbox.postfix import ROOT

ROLE = ROOT / "ansible" / "roles" / "postroom"
_MOST = 2.0  # systemd's exposure level: 0 is shut, 10 is open

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def _variables(options: dict[str, Any], run: str) -> dict[str, Any]:
    """Defaults and vars of the role, with templates in them resolved."""
    plain: dict[str, Any] = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    plain |= {"postroom_erp_token": "x", "postroom_canary_mailbox": "canary@example.com"}
    plain["postroom_mailboxes"] = ["info@example.com"]
    plain["postroom_options"] = options
    plain["postroom_run"] = run
    engine = Environment(undefined=StrictUndefined)
    for name, value in yaml.safe_load((ROLE / "vars/main.yml").read_text()).items():
        text = yaml.safe_dump(value)
        if name in ("postroom_venv", "postroom_config", "postroom_jobs"):
            plain[name] = yaml.safe_load(engine.from_string(text).render(plain))
    return plain


def _written(
    folder: Path, options: dict[str, Any] | None = None, run: str = "/run/postroom"
) -> list[Path]:
    variables = _variables(options or {}, run)
    engine = Environment(
        loader=FileSystemLoader(ROLE / "templates"), undefined=StrictUndefined, trim_blocks=True
    )
    units = {"postroom.service": engine.get_template("postroom.service.j2").render(variables)}
    for job in variables["postroom_jobs"]:
        for kind in ("service", "timer"):
            template = engine.get_template(f"job.{kind}.j2")
            units[f"postroom-{job['name']}.{kind}"] = template.render(variables, item=job)
    for name, text in units.items():
        (folder / name).write_text(text)
    return [folder / name for name in units]


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, 210),
        ({"dns": {"deadline": 2}, "lmtp": {"max_connections": 20}}, 210),
        ({"milter": {"deadline": 30}}, 220),
        ({"lmtp": {"deadline": 90.5}}, 241),
        ({"milter": {"deadline": 30}, "lmtp": {"deadline": "90"}, "worker": {"lease": 600}}, 790),
    ],
)
def test_systemd_leaves_the_parts_to_their_supervisor_for_as_long_as_they_may_take(
    tmp_path: Path, options: dict[str, Any], seconds: int
) -> None:
    units = _written(tmp_path, options)
    service = next(path for path in units if path.name == "postroom.service")
    settings = dict(re.findall(r"(?m)^(\w+)=(.*)$", service.read_text()))
    assert settings["KillMode"] == "mixed"
    assert settings["TimeoutStopSec"] == str(seconds)
    config = Config.model_validate(options)
    assert seconds > sum(patience_s(config, part) for part in PARTS)


def test_systemd_makes_the_folder_that_the_sockets_are_in(tmp_path: Path) -> None:
    (service, *_jobs) = _written(tmp_path, run="/run/mail/room")
    assert "\nRuntimeDirectory=mail/room\n" in service.read_text()


@needs_systemd
@pytest.mark.slow
def test_every_service_is_shut_in(tmp_path: Path) -> None:
    services = [path for path in _written(tmp_path) if path.suffix == ".service"]
    assert len(services) == 5
    for service in services:
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(service)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        level = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
        assert level, done.stdout + done.stderr
        print(service.name, level[1])
        assert float(level[1]) <= _MOST, done.stdout


@needs_systemd
@pytest.mark.slow
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    units = _written(tmp_path)
    # What the units call is not installed here; any program will do for the question.
    for path in units:
        path.write_text(path.read_text().replace("/opt/postroom/current/bin/postroom", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, units)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )
    said = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert said == [], done.stderr
