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
_HANDLERS = (
    *("Restart postroom", "Reload postroom", "Reload systemd"),
    *("Restart postfix", "Reload postfix", "Restart prometheus"),
)


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
    ours |= dict.fromkeys(given["postroom_postfix_limits"], "0")
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
    ("mailbox", "virtual", "afterwards"),
    [
        ("", "", ["0", "0"]),
        ("mailbox_size_limit = 0", "virtual_mailbox_limit = 20480000", ["0", "0"]),
        (
            "mailbox_size_limit = $message_size_limit",
            "virtual_mailbox_limit = 99999999",
            ["$message_size_limit", "99999999"],
        ),
    ],
)
def test_mailboxes_hold_the_largest_message_and_larger_limits_stay(
    tmp_path: Path, mailbox: str, virtual: str, afterwards: list[str]
) -> None:
    _a_postfix(tmp_path, f"{mailbox}\n{virtual}\n")
    tasks = _tasks("postroom", "postfix", "Join Postroom")
    assert "told: Reload postfix" in _play(tmp_path, "postroom", _at_postfix(tmp_path, tasks))
    told = _postconf(tmp_path, "-h", "mailbox_size_limit", "virtual_mailbox_limit")
    assert told.split() == afterwards
    assert "changed=0" in _play(tmp_path, "postroom", _at_postfix(tmp_path, tasks))


@needs_postfix
@pytest.mark.slow
def test_smtpd_leaves_the_chroot_wherever_it_takes_mail(tmp_path: Path) -> None:
    _a_postfix(tmp_path)
    with (tmp_path / "master.cf").open("a") as services:
        services.write("smtpd pass - - y - - smtpd\nsubmission inet n - y - - smtpd\n")
    _play(tmp_path, "postroom", _at_postfix(tmp_path, _tasks("postroom", "postfix", "Join")))
    lines = [line.split() for line in _postconf(tmp_path, "-M").splitlines()]
    takers = {line[0]: line[4] for line in lines if line[7] == "smtpd"}
    assert takers == {"smtp": "n", "smtpd": "n", "submission": "n"}


@needs_postfix
@pytest.mark.slow
def test_rspamd_sees_a_message_after_postroom_whenever_it_comes(tmp_path: Path) -> None:
    ours, other = "unix:/run/postroom/milter.sock", "inet:localhost:11332"
    found = {"mail_host_postconf": {"stat": {"exists": True}}}
    joined = _tasks("postroom", "postfix", "Join Postroom")
    rspamd = _tasks("mail_host", "rspamd", "Put rspamd")
    for tasks in ([*joined, *rspamd], [*rspamd, *joined]):
        _a_postfix(tmp_path)
        _play(tmp_path, "postroom", _at_postfix(tmp_path, tasks), found)
        assert _postconf(tmp_path, "-h", "smtpd_milters").strip() == f"{ours}, {other}"


@pytest.mark.slow
def test_who_may_submit_is_told_from_whose_name_ends_the_same(tmp_path: Path) -> None:
    for name, does in (
        ("sasldblistusers2", "echo hanna@example.com: userPassword"),
        ("saslpasswd2", f'cat >/dev/null; echo "$4 $5" >>{tmp_path}/added'),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    users = [{"name": f"{who}@example.com", "password": "x"} for who in ("hanna", "anna")]
    play = {
        "tasks": _tasks("mail_host", "postfix", "Look for the users", "Add the users"),
        "environment": {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    }
    _play(tmp_path, "mail_host", play, {"mail_host_users": users})
    assert (tmp_path / "added").read_text().splitlines() == ["example.com anna"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "asked", "told"),
    [
        ("", [], "from Let's Encrypt; Postfix was left as it was"),
        (
            "https://acme.example.com/dir",
            ["--server=https://acme.example.com/dir"],
            "from https://acme.example.com/dir; Postfix was left as it was",
        ),
    ],
)
def test_certbot_asks_the_server_that_is_said_and_its_refusal_is_told_with_the_mend(
    tmp_path: Path, server: str, asked: list[str], told: str
) -> None:
    certbot = tmp_path / "certbot"
    certbot.write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{tmp_path}/asked\n"
        "echo Type: unauthorized; echo Some challenges have failed. >&2; exit 1\n"
    )
    certbot.chmod(0o755)
    play = {
        "tasks": _tasks("mail_host", "tls", "Get", place=("/etc/letsencrypt", tmp_path)),
        "environment": {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    }
    said = {
        "mail_host_hostname": "mx.example.com",
        "mail_host_certbot_email": "admin@example.com",
        "mail_host_certbot_server": server,
    }
    printed = _play(tmp_path, "mail_host", play, said, fails=True)
    assert f"no certificate for mx.example.com {told}" in printed
    assert "certbot said: Type: unauthorized Some challenges have failed." in printed
    assert ("update-ca-certificates" in printed) == bool(server)
    arguments = (tmp_path / "asked").read_text().splitlines()
    assert [word for word in arguments if word.startswith("--server")] == asked
    assert {"--domain=mx.example.com", "--deploy-hook=postfix reload"} < set(arguments)


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
    _a_postfix(tmp_path, fragments["main.cf"] + f"virtual_transport = {way}\n")
    with (tmp_path / "master.cf").open("a") as services:
        services.write(fragments["master.cf"])
    tasks = _tasks("postroom", "uninstall", "Look which way", "Take Postroom out")
    _play(tmp_path, "postroom", _at_postfix(tmp_path, tasks))
    told = (tmp_path / "main.cf").read_text().splitlines()
    assert f"virtual_transport = {afterwards}" in told
    assert [line for line in told if "postroom" in line and not line.startswith("#")] == []
    assert "\npostroom" not in (tmp_path / "master.cf").read_text()


@pytest.mark.slow
def test_an_upgrade_is_backed_up_by_the_release_that_knows_the_new_keys(tmp_path: Path) -> None:
    _upgraded(tmp_path, f"echo $1 $2 >>{tmp_path}/done")
    assert (tmp_path / "done").read_text().splitlines() == [
        *("db backup", "stopped", "db upgrade"),
    ]
    assert (tmp_path / "current").readlink() == tmp_path / "new"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fails", "starts", "done", "told"),
    [
        ("backup", True, ["db backup"], "Back up the database: disk full. The release in use was"),
        (
            "upgrade",
            True,
            ["db backup", "stopped", "db upgrade", "started"],
            "Migrate the database: disk full. The release in use runs again.",
        ),
        (
            "upgrade",
            False,
            ["db backup", "stopped", "db upgrade", "started"],
            "Migrate the database: disk full. The release in use cannot start again (non-zero",
        ),
    ],
)
def test_an_upgrade_that_fails_leaves_the_release_in_use_running(
    tmp_path: Path, fails: str, starts: bool, done: list[str], told: str
) -> None:
    program = (
        f"echo $1 $2 >>{tmp_path}/done; [ $2 != {fails} ] || {{ echo disk full >&2; exit 1; }}"
    )
    assert told in _upgraded(tmp_path, program, starts=starts, fails=True)
    assert (tmp_path / "done").read_text().splitlines() == done
    assert (tmp_path / "current").readlink() == tmp_path / "old"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "restarts"),
    [
        ({"postroom_company": "Another"}, False),
        ({"postroom_metrics": "127.0.0.1:9189"}, True),
        ({"postroom_run": "/run/other"}, True),
        ({"postroom_options": {"api": {"listen": "127.0.0.1:8025"}}}, True),
        ({"postroom_options": {"api": {"failures_per_minute": 30}}}, False),
    ],
)
def test_what_no_reload_takes_into_use_is_restarted_for(
    tmp_path: Path, changed: dict[str, Any], restarts: bool
) -> None:
    names = ("Look what the configuration", "Write the configuration", "Look what it", "Restart")
    tasks = _tasks("postroom", "configure", *names)
    tasks[1]["ansible.builtin.template"] |= {
        "src": str(ROLES / "postroom/templates/postroom.toml.j2"),
        "owner": os.getuid(),
        "group": os.getgid(),
    }
    said = {
        "postroom_hostname": "mx.example.com",
        "postroom_venv": str(_BIN.parent),
        "postroom_config": str(tmp_path / "postroom.toml"),
        "postroom_as_user": ["env"],
    }
    assert "told: Restart postroom" not in _play(tmp_path, "postroom", {"tasks": tasks}, said)
    told = _play(tmp_path, "postroom", {"tasks": tasks}, said | changed)
    assert "told: Reload postroom" in told
    assert ("told: Restart postroom" in told) == restarts
    assert "changed=0" in _play(tmp_path, "postroom", {"tasks": tasks}, said | changed)


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


def _a_postfix(folder: Path, parameters: str = "") -> None:
    """Postfix's files as a fresh host has them, with parameters in main.cf."""
    (folder / "main.cf").write_text(f"compatibility_level = 3.6\n{parameters}")
    shutil.copy("/etc/postfix/master.cf.proto", folder / "master.cf")


def _at_postfix(folder: Path, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """A play whose Postfix is the one in a folder."""
    return {
        "tasks": tasks,
        "environment": {"MAIL_CONFIG": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        "module_defaults": {"postroom.mailroom.postconf": {"config_dir": str(folder)}},
    }


def _postconf(folder: Path, *arguments: str) -> str:
    command = ["/usr/sbin/postconf", "-c", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout


def _upgraded(folder: Path, program: str, *, starts: bool = True, fails: bool = False) -> str:
    """Upgrades from a release that knows nothing to one that does `program`; what Ansible printed.

    What systemd would be told stands in the file `done`.
    """
    for release, knows in (("old", "exit 2"), ("new", program)):
        path = folder / release / "bin" / "postroom"
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{knows}\n")
        path.chmod(0o755)
    (folder / "current").symlink_to(folder / "old")
    tasks = _of("postroom", "tasks/upgrade.yml")
    (switch,) = (task for task in tasks if "block" in task)
    switch["block"][-1]["ansible.builtin.file"].update(owner=os.getuid(), group=os.getgid())
    for task in (*switch["block"], *switch["rescue"]):
        if asked := task.pop("ansible.builtin.systemd_service", None):
            status = 0 if starts or asked["state"] == "stopped" else 1
            script = f"echo {asked['state']} >>{folder}/done; exit {status}"
            task["ansible.builtin.command"] = {"argv": ["sh", "-c", script]}
    said = {
        "postroom_venv": str(folder / "current"),
        "postroom_release": str(folder / "new"),
        "postroom_as_user": ["env"],
    }
    return _play(folder, "postroom", {"tasks": tasks}, said, fails=fails)


def _play(
    folder: Path,
    role: str,
    play: dict[str, Any],
    variables: dict[str, Any] | None = None,
    *,
    fails: bool = False,
) -> str:
    """Runs tasks with a role's variables and with handlers that only say that they were told."""
    handlers = [
        {"name": name, "ansible.builtin.debug": {"msg": f"told: {name}"}} for name in _HANDLERS
    ]
    files = [str(ROLES / role / path) for path in ("defaults/main.yml", "vars/main.yml")]
    site = {"postroom_mailboxes": ["info@example.com"]}
    return played(
        folder,
        play | {"vars_files": files, "handlers": handlers},
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
