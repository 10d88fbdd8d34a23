"""The Ansible collection as text: variables against their specification, Postfix against ours;
and single tasks, done to a folder in place of a host.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ansible.mailroom import ansible_environment, played
from tests.sandbox.postfix import ROOT, parameters_of

ROLES = ROOT / "ansible" / "roles"
_BIN = Path(sys.executable).parent

needs_lint = pytest.mark.skipif(
    shutil.which("ansible-lint", path=str(_BIN)) is None, reason="ansible-lint is not installed"
)

needs_postfix = pytest.mark.skipif(
    not Path("/etc/postfix/master.cf.proto").exists(), reason="Postfix is not installed"
)
_FRAGMENTS = ("main.cf", "master.cf")
_NOTHING_TO_TELL = ["Restart postroom", "Reload systemd", "Reload postfix", "Restart prometheus"]


def _of(role: str, path: str) -> Any:
    return yaml.safe_load((ROLES / role / path).read_text(encoding="utf-8"))


@needs_lint
@pytest.mark.slow
def test_the_collection_holds_to_the_production_profile(tmp_path: Path) -> None:
    environment = ansible_environment(tmp_path)
    place = tmp_path / "collections/ansible_collections/postroom/mailroom"
    done = subprocess.run(
        [str(_BIN / "ansible-lint"), "--profile", "production", "--offline", "--nocolor"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=place,
        env=environment | {"PWD": str(place)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("role", ["postroom", "mail_host"])
def test_every_variable_is_specified_and_every_default_agrees(role: str) -> None:
    options = _of(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    defaults = _of(role, "defaults/main.yml")
    assert {name for name, option in options.items() if not option.get("required")} == set(defaults)
    for name, value in defaults.items():
        assert options[name]["default"] == value, name
        assert name.startswith(f"{role}_")


def test_postrooms_parameters_are_those_of_the_fragment() -> None:
    wanted = parameters_of((ROOT / "postfix/main.cf.fragment").read_text(encoding="utf-8"))
    given = _of("postroom", "vars/main.yml")
    ours = given["postroom_postfix_first"] | given["postroom_postfix_parameters"]
    parameters = {
        name: value.replace("{{ postroom_run }}", "/run/postroom") for name, value in ours.items()
    }
    assert parameters == wanted
    (line,) = _services("master.cf.fragment")
    assert given["postroom_master_line"] == line


def test_the_hosts_parameters_are_those_of_the_fragment() -> None:
    wanted = parameters_of((ROOT / "postfix/mail_host.cf.fragment").read_text(encoding="utf-8"))
    given = _of("mail_host", "vars/main.yml")
    assert set(given["mail_host_postfix"]) == set(wanted)
    for name, value in given["mail_host_postfix"].items():
        assert "{{" in value or value == wanted[name], name
    _smtp, submission = _services("submission.cf.fragment")
    said = given["mail_host_submission_line"].replace(
        "{{ 'none' if mail_host_tls == 'none' else 'encrypt' }}", "encrypt"
    )
    assert said.replace("{{ mail_host_submission }}", "submission") == submission


@needs_postfix
@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "afterwards"),
    [
        ("error:5.1.1 no mailbox here", "retry:4.3.0 mail room is being taken out"),
        ("lmtp:unix:private/dovecot", "lmtp:unix:private/dovecot"),
    ],
)
def test_uninstalling_bounces_nothing_and_leaves_no_parameter(
    tmp_path: Path, way: str, afterwards: str
) -> None:
    fragments = {name: (ROOT / "postfix" / f"{name}.fragment").read_text() for name in _FRAGMENTS}
    (tmp_path / "main.cf").write_text(fragments["main.cf"] + f"virtual_transport = {way}\n")
    proto = Path("/etc/postfix/master.cf.proto").read_text()
    (tmp_path / "master.cf").write_text(proto + fragments["master.cf"])
    tasks = _tasks("postroom", "uninstall", "Look which way", "Take Postroom out")
    play = {
        "tasks": tasks,
        "environment": {"MAIL_CONFIG": str(tmp_path), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        "module_defaults": {"postroom.mailroom.postconf": {"config_dir": str(tmp_path)}},
    }
    _play(tmp_path, "postroom", play)
    told = (tmp_path / "main.cf").read_text().splitlines()
    assert f"virtual_transport = {afterwards}" in told
    assert [line for line in told if "postroom" in line and not line.startswith("#")] == []
    assert "\npostroom" not in (tmp_path / "master.cf").read_text()


@pytest.mark.slow
def test_an_upgrade_is_backed_up_by_the_release_that_knows_the_new_keys(tmp_path: Path) -> None:
    for release, knows in (("old", "exit 2"), ("new", f"echo $1 $2 >>{tmp_path}/done")):
        program = tmp_path / release / "bin" / "postroom"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\n{knows}\n")
        program.chmod(0o755)
    current = tmp_path / "current"
    current.symlink_to(tmp_path / "old")
    said = {
        "postroom_venv": str(current),
        "postroom_release": str(tmp_path / "new"),
        "postroom_systemd": False,
        "postroom_as_user": ["env"],
    }
    play = {"tasks": _of("postroom", "tasks/upgrade.yml")}
    (switch,) = (task for task in play["tasks"] if "block" in task)
    switch["block"][-1]["ansible.builtin.file"].update(owner=os.getuid(), group=os.getgid())
    _play(tmp_path, "postroom", play, said)
    assert (tmp_path / "done").read_text().splitlines() == ["db backup", "db upgrade"]
    assert current.readlink() == tmp_path / "new"


@pytest.mark.slow
def test_a_job_that_is_no_longer_wanted_goes_with_its_timer(tmp_path: Path) -> None:
    for job in ("canary", "backup", "purge"):
        for kind in ("timer", "service"):
            (tmp_path / f"postroom-{job}.{kind}").touch()
    names = ("Look for timers", "Stop them", "Delete them")
    play = {"tasks": _tasks("postroom", "run", *names, place=("/etc/systemd/system", tmp_path))}
    _play(tmp_path, "postroom", play, {"postroom_backups": "", "postroom_systemd": False})
    left = sorted(path.name for path in tmp_path.glob("postroom-*"))
    assert left == ["postroom-purge.service", "postroom-purge.timer"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"postroom_run": "/srv/mailroom"}, "name a folder below /run"),
        ({"postroom_canary": "half an hour"}, "write a number with s, min or h"),
        ({"version": "3.7.9"}, "Postfix 3.7.10 or newer, of 3.8 the 3.8.5, must be there (3.7.9"),
        ({"version": "3.8.4"}, "must be there (3.8.4"),
        ({"version": "3.8.5", "postroom_run": "/run/mail/room"}, ""),
    ],
)
def test_preflight_refuses_what_cannot_work(
    tmp_path: Path, said: dict[str, str], told: str
) -> None:
    found = {"stdout": said.get("version", "3.7.11"), "rc": 0}
    names = ("Check the folder", "Check the canary", "Check Postfix")
    play = {"tasks": _tasks("postroom", "preflight", *names)}
    variables = {"postroom_postfix_version": found} | said
    assert told in _play(tmp_path, "postroom", play, variables, fails=bool(told))


@pytest.mark.slow
def test_prometheus_listens_on_the_loopback_and_keeps_what_the_site_says(tmp_path: Path) -> None:
    files = {
        "prometheus": '# arguments\nARGS="--storage.tsdb.retention.time=90d"\n',
        "prometheus-node-exporter": 'ARGS="--web.listen-address=192.0.2.7:9100"\n',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    tasks = _tasks("mail_host", "prometheus", "Let", place=("/etc/default", tmp_path))
    _play(tmp_path, "mail_host", {"tasks": tasks})
    assert (tmp_path / "prometheus").read_text().splitlines()[1] == (
        'ARGS="--web.listen-address=127.0.0.1:9090 --storage.tsdb.retention.time=90d"'
    )
    exporter = (tmp_path / "prometheus-node-exporter").read_text()
    assert exporter == files["prometheus-node-exporter"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "ports"),
    [
        ({"mail_host_tls": "files"}, "22, smtp, submission"),
        (
            {"mail_host_ssh": 2222, "mail_host_smtp": "192.0.2.7:25", "mail_host_submission": ""},
            "2222, 25, 80",
        ),
    ],
)
def test_the_firewall_opens_what_the_variables_say(
    tmp_path: Path, said: dict[str, Any], ports: str
) -> None:
    template = str(ROLES / "mail_host/templates/nftables.conf.j2")
    task = {"ansible.builtin.template": {"src": template, "dest": str(tmp_path / "rules")}}
    _play(tmp_path, "mail_host", {"tasks": [task]}, said)
    assert f"tcp dport {{ {ports} }} accept" in (tmp_path / "rules").read_text()


def _tasks(
    role: str, name: str, *titles: str, place: tuple[str, Path] | None = None
) -> list[dict[str, Any]]:
    """The tasks of a file whose names begin so, with a folder in place of one of the host's."""
    text = (ROLES / role / "tasks" / f"{name}.yml").read_text(encoding="utf-8")
    if place is not None:
        text = text.replace(place[0], str(place[1]))
    found = [task for task in yaml.safe_load(text) if task["name"].startswith(titles)]
    assert len(found) == len(titles)
    return found


def _play(
    folder: Path,
    role: str,
    play: dict[str, Any],
    variables: dict[str, Any] | None = None,
    *,
    fails: bool = False,
) -> str:
    """Runs tasks with a role's variables and with handlers that do nothing."""
    silent = [{"name": name, "ansible.builtin.meta": "noop"} for name in _NOTHING_TO_TELL]
    files = [str(ROLES / role / path) for path in ("defaults/main.yml", "vars/main.yml")]
    site = {"postroom_mailboxes": ["info@example.com"]}
    return played(
        folder,
        play | {"vars_files": files, "handlers": silent},
        site | (variables or {}),
        fails=fails,
    )


def _services(fragment: str) -> list[str]:
    """The services of a master.cf, one line each, with single blanks."""
    rows = (ROOT / "postfix" / fragment).read_text(encoding="utf-8").splitlines()
    services: list[str] = []
    for row in rows:
        if row.startswith(" "):
            services[-1] += " " + " ".join(row.split())
        elif row and not row.startswith("#"):
            services.append(" ".join(row.split()))
    return services
