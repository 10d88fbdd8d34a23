"""Whether Postfix gets at our sockets: chroots, groups and rights, one at a time."""

import os
import pwd
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from postroom.config import Config, LmtpSection, MilterSection, Service
from postroom.reach import reached, services
from postroom.readiness import Finding

_NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def config() -> Iterator[Config]:
    """A room whose sockets are there, in a folder open to all; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        run = Path(folder)
        run.chmod(0o755)
        for name in ("milter", "lmtp"):
            opened.enter_context(socket.socket(socket.AF_UNIX)).bind(str(run / name))
            (run / name).chmod(0o666)
        yield Config(
            service=Service(mailboxes=("info@firma.test",), run_dir=run),
            milter=MilterSection(socket=f"unix:{run}/milter"),
            lmtp=LmtpSection(socket=f"unix:{run}/lmtp"),
        )


def _settings(config: Config, **changed: str) -> dict[str, str]:
    return {
        "smtpd_milters": f"inet:127.0.0.1:11332, {config.milter.socket}",
        "virtual_transport": f"postroom:{config.lmtp.socket}",
        "mail_owner": _NOBODY.pw_name,
        "queue_directory": "/var/spool/postfix",
        "compatibility_level": "3.6",
    } | changed


def _master() -> dict[str, str]:
    """smtpd beside postscreen, for submission, and behind a content filter; two LMTP clients."""
    found = {"again/inet/smtpd_milters": ""}
    for name, command in (
        ("smtp/inet", "postscreen"), ("smtpd/pass", "smtpd"), ("submission/inet", "smtpd -v"),
        ("again/inet", "/usr/lib/postfix/sbin/smtpd"), ("postroom/unix", "lmtp"),
        ("lmtp/unix", "lmtp"),
    ):  # fmt: skip
        found |= {f"{name}/chroot": "n", f"{name}/unprivileged": "-", f"{name}/command": command}
    return found


def _faults(found: Iterator[Finding]) -> list[str]:
    return [one.what for one in found if one.is_fault and one.mend]


def test_a_postfix_that_gets_at_both_sockets_has_no_fault(config: Config) -> None:
    found = list(reached(config, _settings(config), _master()))
    assert [one.is_fault for one in found] == [False, False]


@pytest.mark.parametrize(
    ("service", "faulty"),
    [
        ("smtpd/pass", True),
        ("submission/inet", True),
        ("postroom/unix", True),
        ("smtp/inet", False),  # postscreen asks no milter
        ("again/inet", False),  # nor does this one
        ("lmtp/unix", False),  # not the client that comes to us
    ],
)
def test_who_uses_our_sockets_from_within_a_chroot_is_named(
    config: Config, service: str, faulty: bool
) -> None:
    master = _master() | {f"{service}/chroot": "y"}
    found = _faults(reached(config, _settings(config), master))
    assert [one.split()[0] for one in found] == [service] * faulty


@pytest.mark.parametrize(("level", "faulty"), [("0", True), ("1", False), ("3.6", False)])
def test_what_the_column_says_by_default_depends_on_the_level(
    config: Config, level: str, faulty: bool
) -> None:
    settings = _settings(config, compatibility_level=level)
    found = _faults(reached(config, settings, _master() | {"smtpd/pass/chroot": "-"}))
    assert bool(found) == faulty


def test_a_chroot_in_which_the_socket_is_too_is_fine(config: Config, tmp_path: Path) -> None:
    within = tmp_path / "spool" / str(config.service.run_dir).lstrip("/")
    within.parent.mkdir(parents=True)
    within.symlink_to(config.service.run_dir)  # on a host a bind mount
    settings = _settings(config, queue_directory=str(tmp_path / "spool"))
    assert _faults(reached(config, settings, _master() | {"smtpd/pass/chroot": "y"})) == []


@pytest.mark.parametrize(
    ("place", "mode", "said"),
    [
        ("", 0o750, f"{_NOBODY.pw_name} may not enter"),
        ("milter", 0o660, f"{_NOBODY.pw_name} may not write to"),
        ("lmtp", 0o664, f"{_NOBODY.pw_name} may not write to"),
    ],
)
def test_a_user_of_postfix_who_may_not_get_there_is_named(
    config: Config, place: str, mode: int, said: str
) -> None:
    (config.service.run_dir / place).chmod(mode)
    found = _faults(reached(config, _settings(config), _master()))
    assert found and all(said in one and str(config.service.run_dir) in one for one in found)
    as_root = {name: "n" for name in _master() if name.endswith("/unprivileged")}
    assert _faults(reached(config, _settings(config), _master() | as_root)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("member", [True, False])
def test_the_group_that_a_socket_belongs_to_lets_its_members_in(
    config: Config, monkeypatch: pytest.MonkeyPatch, member: bool
) -> None:
    run, group = config.service.run_dir, 12_345
    os.chown(run / "milter", 0, group)
    (run / "milter").chmod(0o660)
    groups = [_NOBODY.pw_gid, group] if member else [_NOBODY.pw_gid]
    monkeypatch.setattr(os, "getgrouplist", lambda *_: groups)
    found = [one for one in reached(config, _settings(config), _master()) if one.is_fault]
    assert [f"usermod -a -G {group} {_NOBODY.pw_name}" in one.mend for one in found] == (
        [] if member else [True]
    )


def test_sockets_over_tcp_and_those_that_are_not_there_are_no_matter_of_this(
    config: Config,
) -> None:
    tcp = config.model_copy(
        update={
            "milter": MilterSection(socket="inet:127.0.0.1:8891"),
            "lmtp": LmtpSection(socket="inet:127.0.0.1:24"),
        }
    )
    chrooted = {name: "y" for name in _master() if name.endswith("/chroot")}
    assert list(reached(tcp, _settings(tcp), _master() | chrooted)) == []
    for name in ("milter", "lmtp"):
        (config.service.run_dir / name).unlink()
    assert list(reached(config, _settings(config), _master() | chrooted)) == []


@pytest.mark.slow
def test_postfix_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "main.cf").write_text("compatibility_level = 3.6\n", encoding="utf-8")
    (tmp_path / "master.cf").write_text(
        "smtpd pass - - y - - smtpd -v\n  -o smtpd_milters=\n  -o { syslog_name = a/b c }\n"
        "postroom unix - n n - - lmtp\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("MAIL_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin")
    found = services()
    assert found["smtpd/pass/chroot"] == "y"
    assert found["smtpd/pass/command"].split()[0] == "smtpd"
    assert found["smtpd/pass/smtpd_milters"] == ""
    assert found["postroom/unix/unprivileged"] == "n"


def test_without_postfix_nothing_is_said(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert services() == {}
    assert list(reached(config, {}, {})) == []
