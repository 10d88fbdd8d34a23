"""The services under a real systemd, from the first run of the playbook to the power cut.

One root for the module; the tests tell its life in order, each standing on the ones before it.
"""

import contextlib
import os
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ansible.booted import BootedRoom, BootedRoot, Forbidden
from tests.ansible.mailroom import NEEDS
from tests.ansible.wheels import rebuilt, wheels
from tests.sandbox.mails import Mail, Writer
from tests.sandbox.postfix import LOOPBACK
from tests.sandbox.smtp_client import send
from tests.sandbox.soak import order_mail
from tests.sandbox.waiting import wait_until

_TIMERS = ("backup", "canary", "dmarc", "purge")
_SOCKETS = ("/run/postroom/milter.sock", "/run/postroom/lmtp.sock")
_NO_DOCTOR = ("-e", "postroom_doctor=false")  # of the zone he knows only once it is published

pytestmark = NEEDS


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BootedRoom]:
    folder = tmp_path_factory.mktemp("booted")
    brought = wheels()
    with contextlib.ExitStack() as stack:
        try:
            root = stack.enter_context(BootedRoot(brought))
        except Forbidden as forbidden:
            pytest.skip(f"this machine forbids a systemd of our own: {forbidden}")
        made = BootedRoom(folder, root, brought)
        stack.enter_context(made.neighbours())
        yield made


def test_a_fresh_host_becomes_a_mail_room(room: BootedRoom) -> None:
    room.make_certificate()
    room.play(*_NO_DOCTOR)
    room.publish()
    room.play("--tags", "keys,verify")
    assert room.root.show("postroom", "ActiveState", "UnitFileState", "NRestarts") == {
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "NRestarts": "0",
    }
    assert room.root.systemctl("--failed", "--plain", "--no-legend") == ""


def test_the_second_run_changes_nothing(room: BootedRoom) -> None:
    assert "changed=0" in room.play()


def test_every_process_is_shut_in(room: BootedRoom) -> None:
    processes = room.root.processes("postroom")
    assert {"milter", "lmtp", "worker"} <= {line.split()[-1] for line in processes.values()}
    for pid, line in processes.items():
        status = _status(pid)
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", line
        assert {status[f"Cap{which}"] for which in ("Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
        assert status["Uid"].split()[0] == room.root.run("id", "-u", "postroom").stdout.strip()
        users = Path(f"/proc/{pid}/uid_map").read_text().split()
        assert users[-1] == "1", "PrivateUsers= shows root and itself, one each"
        # What it sees of this machine's files, in its own mount namespace.
        seen = Path(f"/proc/{pid}/root")
        assert "ro" in _mount_options(pid, "/") and "ro" in _mount_options(pid, "/sys/fs/cgroup")
        assert "rw" in _mount_options(pid, "/var/lib/postroom")
        assert "rw" in _mount_options(pid, "/run/postroom")
        assert list((seen / "root").iterdir()) == [] and not (seen / "dev/mem").exists()


def test_the_token_is_a_credential_and_the_sockets_are_for_postfix(room: BootedRoom) -> None:
    token = "/run/credentials/postroom.service/erp.token"
    as_postroom = ("runuser", "-u", "postroom", "--")
    assert room.root.run(*as_postroom, "cat", token).stdout.strip() == room.erp.token
    assert room.root.run("runuser", "-u", "postfix", "--", "cat", token, check=False).returncode
    assert room.root.run(*as_postroom, "cat", "/etc/postroom/erp.token", check=False).returncode
    told = room.root.run("stat", "-c", "%U:%G %a %F", "/run/postroom", *_SOCKETS).stdout
    assert told.splitlines()[0] == "postroom:postroom 750 directory"
    assert [line.split()[-1] for line in told.splitlines()[1:]] == ["socket", "socket"]


def test_an_order_goes_through_postfix_into_maildir_and_erp(room: BootedRoom) -> None:
    _order_arrives(room, 1)
    wait_until(lambda: bool(room.sink.received()), 60, "the reply to leave", room.journal)


def test_a_reload_takes_rules_anew_and_serves_on(room: BootedRoom) -> None:
    before = room.root.show("postroom", "MainPID")
    count = len(room.events("reloaded"))
    room.root.systemctl("reload", "postroom")
    wait_until(lambda: len(room.events("reloaded")) == count + 2, 30, "reloaded", room.journal)
    assert room.root.show("postroom", "MainPID") == before
    _order_arrives(room, 2)


def test_a_changed_configuration_is_reloaded_without_a_gap(room: BootedRoom) -> None:
    before, old = room.root.show("postroom", "MainPID"), _parts(room)
    room.play("--tags", "configure", "-e", "postroom_company=Another")
    _order_arrives(room, 3)  # while the parts are replaced
    wait_until(lambda: not _parts(room) & old, 60, "all parts to be replaced", room.journal)
    assert room.root.show("postroom", "MainPID") == before
    _order_arrives(room, 4)


def test_the_jobs_are_timed_and_each_succeeds(room: BootedRoom) -> None:
    listed = room.root.systemctl("list-timers", "--all")
    for job in _TIMERS:
        assert f"postroom-{job}.timer" in listed
        room.root.systemctl("start", f"postroom-{job}.service")
        assert room.root.show(f"postroom-{job}.service", "Result") == {"Result": "success"}
    assert any((room.root.folder / "var/backups/postroom").iterdir())


def test_a_killed_service_is_started_again_and_mail_flows(room: BootedRoom) -> None:
    before = room.root.processes("postroom")
    room.root.systemctl("kill", "--kill-whom=main", "--signal=KILL", "postroom")
    wait_until(
        lambda: _restarts(room) == 1 and _is_in_state(room, "active"), 60, "a restart", room.journal
    )
    assert not before.keys() & room.root.processes("postroom").keys()
    _order_arrives(room, 5)


def test_a_service_that_cannot_start_is_tried_until_it_can(room: BootedRoom) -> None:
    aside = ("/opt/postroom/current", "/opt/postroom/aside")
    room.root.run("mv", *aside)
    failed = room.root.run("systemctl", "restart", "postroom", check=False)
    assert failed.returncode, "who starts it is told"
    wait_until(
        lambda: _restarts(room) > 6,
        60,
        "more tries than systemd's own limit of five starts in ten seconds",
        lambda: room.root.systemctl("status", "postroom", check=False),
    )
    room.root.run("mv", *reversed(aside))
    wait_until(lambda: _is_in_state(room, "active"), 60, "the service to be up", room.journal)
    _order_arrives(room, 6)


def test_a_stop_drains_and_leaves_nothing(room: BootedRoom) -> None:
    mail = order_mail(Writer(room.keys, "systemd"), 7)
    with smtplib.SMTP(LOOPBACK, room.smtp, source_address=(mail.party.address, 0)) as client:
        client.ehlo(f"mx.{mail.party.domain}")
        client.mail(mail.sender)
        client.rcpt(*mail.recipients)
        room.root.systemctl("stop", "--no-block", "postroom")
        assert _is_in_state(room, "deactivating")
        assert client.data(mail.raw)[0] == 250, "what has begun is ended"
    wait_until(lambda: not _is_in_state(room, "deactivating"), 100, "the stop", room.journal)
    assert room.root.show("postroom", "ActiveState", "Result", "ExecMainStatus") == {
        "ActiveState": "inactive",
        "Result": "success",
        "ExecMainStatus": "0",
    }
    assert _all_of_postroom(room) == []
    assert room.root.run("test", "-e", "/run/postroom", check=False).returncode
    later = order_mail(Writer(room.keys, "systemd"), 8)
    assert send(room.smtp, later).startswith("451"), "the sender's server comes again"
    room.root.systemctl("start", "postroom")
    wait_until(lambda: _is_in_erp(room, mail), 60, "the order before the stop", room.journal)
    _order_arrives(room, 8)


def test_an_upgrade_drains_migrates_and_starts_the_new_release(room: BootedRoom) -> None:
    before = room.root.show("postroom", "MainPID")
    room.wheel = rebuilt(room.wheel, room.folder)
    room.play("--tags", "install,configure,upgrade")
    assert room.root.show("postroom", "MainPID") != before
    release = os.readlink(room.root.folder / "opt/postroom/current")
    parts = [line for line in room.root.processes("postroom").values() if " --only " in line]
    assert len(parts) == 3 and all(line.startswith(release) for line in parts)
    _order_arrives(room, 9)


def test_all_is_back_after_a_power_cut(room: BootedRoom) -> None:
    room.root.boot()
    assert room.root.systemctl("--failed", "--plain", "--no-legend") == ""
    _order_arrives(room, 10)
    listed = room.root.systemctl("list-timers", "--all")
    assert all(f"postroom-{job}.timer" in listed for job in _TIMERS)


def test_a_job_that_is_no_longer_wanted_stops(room: BootedRoom) -> None:
    room.play("--tags", "run", "-e", "postroom_backups=")
    listed = room.root.systemctl("list-timers", "--all")
    assert "postroom-backup.timer" not in listed and "postroom-purge.timer" in listed
    units = room.root.systemctl("list-unit-files", "postroom-backup*", "--no-legend", check=False)
    assert units == ""


def test_uninstalling_leaves_no_process_and_no_unit(room: BootedRoom) -> None:
    room.play(playbook="uninstall")
    assert _all_of_postroom(room) == []
    assert room.root.systemctl("list-unit-files", "postroom*", "--no-legend", check=False) == ""
    assert room.root.show("postfix", "ActiveState") == {"ActiveState": "active"}
    # Before Debian 13 that unit only stands for others and has no process of its own.
    assert any("/postfix/sbin/master" in line for line in room.root.processes().values())


def _restarts(room: BootedRoom) -> int:
    return int(room.root.show("postroom", "NRestarts")["NRestarts"])


def _is_in_state(room: BootedRoom, state: str) -> bool:
    return room.root.show("postroom", "ActiveState") == {"ActiveState": state}


def _order_arrives(room: BootedRoom, number: int) -> None:
    """Sends an order and waits for it in the Maildir and in the ERP."""
    mail = _send(room, number)
    wait_until(lambda: _is_in_erp(room, mail), 60, "the order to be in the ERP", room.journal)
    wait_until(lambda: _is_in_maildir(room, mail), 20, "the mail to be in the Maildir")


def _send(room: BootedRoom, number: int) -> Mail:
    mail = order_mail(Writer(room.keys, "systemd"), number)
    replies: list[str] = []

    def taken() -> bool:
        replies.append(send(room.smtp, mail))
        return replies[-1].startswith("250")

    wait_until(taken, 60, "Postfix to take the mail", lambda: f"{replies}\n{room.journal()}")
    return mail


def _is_in_erp(room: BootedRoom, mail: Mail) -> bool:
    numbers = [order["order_number"] for order in room.erp.listing("orders")]
    assert len(set(numbers)) == len(numbers)
    return mail.expected.number in numbers


def _is_in_maildir(room: BootedRoom, mail: Mail) -> bool:
    maildirs = room.root.folder / "var/lib/postroom/mail"
    wanted = mail.message_id.encode()
    return any(wanted in path.read_bytes() for path in maildirs.glob("**/new/*"))


def _parts(room: BootedRoom) -> set[int]:
    return {
        pid for pid, line in room.root.processes("postroom").items() if " --only " in f" {line} "
    }


def _all_of_postroom(room: BootedRoom) -> list[str]:
    return [line for line in room.root.processes().values() if "/opt/postroom" in line]


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}


def _mount_options(pid: int, place: str) -> list[str]:
    lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    (*_, topmost) = [line.split() for line in lines if line.split()[4] == place]
    return topmost[5].split(",")
