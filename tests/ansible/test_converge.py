"""The playbook for real: a fresh root becomes a mail room, an order goes through it, and so on.

One root for the module; the tests tell its life in order, each standing on the ones before it.
"""

import json
import os
import smtplib
import ssl
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from tests.ansible.mailroom import LOGIN, NEEDS, PASSWORD, MailRoom
from tests.ansible.mailroot import MailRoot, release
from tests.ansible.wheels import rebuilt, wheels
from tests.sandbox import world
from tests.sandbox.mails import Mail, Writer
from tests.sandbox.postfix import LOOPBACK
from tests.sandbox.smtp_client import send
from tests.sandbox.soak import order_mail
from tests.sandbox.waiting import wait_until

pytestmark = NEEDS


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailRoom]:
    folder = tmp_path_factory.mktemp("mailroom")
    brought = wheels()
    with MailRoot(brought) as root:
        made = MailRoom(folder, root, brought)
        with made.neighbours():
            yield made


def test_the_root_is_of_the_release_asked_for(room: MailRoom) -> None:
    assert f"VERSION_CODENAME={release()[1]}\n" in room.root.read("/usr/lib/os-release")


def test_a_check_of_a_fresh_host_ends_well_and_does_nothing(room: MailRoom) -> None:
    services = ("postgresql", "redis", "rspamd", "prometheus")
    everything: dict[str, object] = {f"mail_host_{name}": True for name in services}
    everything |= {"mail_host_firewall": "nftables"}
    told = room.play("--check", "--diff", "-e", json.dumps(everything))
    assert "failed=0" in told
    for path in ("/etc/postroom", "/opt/postroom", "/usr/sbin/postconf"):
        assert not room.root.exists(path), path


def test_a_fresh_host_becomes_a_mail_room(room: MailRoom) -> None:
    room.make_certificate()
    told = room.play("-e", "postroom_doctor=false")
    assert f"{world.COMPANY}. IN MX 10 mx.{world.COMPANY}." in told
    assert "_domainkey" in told
    assert room.erp.token not in told and PASSWORD not in told
    token = room.root.folder / "etc/postroom/erp.token"
    assert token.stat().st_mode & 0o777 == 0o400
    # postroom_options: a key in a table that the role writes, and what systemd must know of it.
    settings = json.loads(room.postroom("config", "--json").stdout)
    assert (settings["lmtp"]["deadline"], settings["erp"]["timeout"]) == (90, 15)
    assert "\nTimeoutStopSec=240\n" in room.root.read("/etc/systemd/system/postroom.service")


def test_the_second_run_changes_nothing(room: MailRoom) -> None:
    assert "changed=0" in room.play("-e", "postroom_doctor=false")


def test_the_check_of_a_change_shows_it_and_does_not_make_it(room: MailRoom) -> None:
    told = room.play(
        *("--check", "--diff", "--tags", "configure,postfix"),
        *("-e", '{"postroom_company": "Another", "mail_host_smtp_tls": "encrypt"}'),
    )
    assert '+company = "Another"' in told
    assert "+smtp_tls_security_level = encrypt" in told
    assert "Another" not in room.root.read("/etc/postroom/postroom.toml")
    assert "encrypt" not in room.root.run("postconf", "-h", "smtp_tls_security_level").stdout


def test_the_doctor_fails_the_play_while_the_zone_is_not_published(room: MailRoom) -> None:
    room.start()
    told = room.play("--tags", "keys,verify", fails=True)
    assert "is not published" in told


def test_a_published_zone_is_verified_and_its_keys_are_activated(room: MailRoom) -> None:
    room.publish()
    assert "changed=1" in room.play("--tags", "keys,verify")
    state = json.loads(room.postroom("dkim", "list", "--json").stdout)
    assert (state["state"], state["dns"]) == ("active", "published")


def test_an_order_goes_through_the_provisioned_postfix_into_the_erp(room: MailRoom) -> None:
    mail = order_mail(Writer(room.keys, "converge"), 1)
    assert send(room.smtp, mail).startswith("250")
    wait_until(lambda: _orders(room, mail), 60, "the order to be in the ERP", room.journal)
    wait_until(lambda: bool(room.sink.received()), 60, "the reply to leave", room.journal)
    (reply,) = room.sink.received()
    assert f"d={world.COMPANY}" in str(reply.header("DKIM-Signature"))


def test_a_stranger_cannot_relay_and_unknown_addresses_are_refused(room: MailRoom) -> None:
    with _client(room.smtp, "127.0.0.66") as client:
        client.ehlo("mx.nowhere.test")
        client.mail("x@nowhere.test")
        assert client.rcpt("someone@elsewhere.test")[0] == 554
        assert client.rcpt(f"nobody@{world.COMPANY}")[0] == 550


def test_people_submit_with_tls_and_password_and_only_as_themselves(room: MailRoom) -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = LOGIN, "a@elsewhere.test", "Hello"
    letter.set_content("Hello\n")
    with _client(room.submission, "127.0.0.66") as client:
        client.ehlo()
        assert not client.has_extn("auth"), "no password without TLS"
        client.starttls(context=_trusting(room))
        client.ehlo()
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(LOGIN, "wrong")
        client.login(LOGIN, PASSWORD)
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail(world.INFO, ["a@elsewhere.test"], letter.as_bytes())
        client.rset()
        client.send_message(letter)
    wait_until(lambda: len(room.sink.received()) == 2, 30, "the mail to leave", room.journal)


def test_the_canary_comes_back(room: MailRoom) -> None:
    assert json.loads(room.postroom("canary", "--json").stdout)["arrived"] is True


def test_an_upgrade_backs_up_migrates_and_switches(room: MailRoom) -> None:
    before = os.readlink(room.root.folder / "opt/postroom/current")
    room.wheel = rebuilt(room.wheel, room.folder)
    room.play("--tags", "install,configure,upgrade")
    after = os.readlink(room.root.folder / "opt/postroom/current")
    assert after != before
    assert room.root.exists(before), "the way back"
    (backup,) = (room.root.folder / "var/backups/postroom").iterdir()
    assert (backup / "postroom.sqlite").stat().st_size > 0


def test_uninstalling_leaves_postfix_and_the_state(room: MailRoom) -> None:
    room.play(playbook="uninstall")
    assert room.root.run("postconf", "-h", "smtpd_milters", "transport_maps").stdout.split() == []
    assert "unused parameter" not in room.root.run("postconf", "-n").stderr
    room.root.run("postfix", "check")
    room.root.run("postfix", "reload")  # systemd's part
    wait_until(lambda: _answer(room, world.INFO) == 450, 30, "senders to be told", room.journal)
    assert not room.root.exists("/opt/postroom")
    assert not room.root.exists("/etc/systemd/system/postroom.service")
    assert room.root.exists("/var/lib/postroom/postroom.sqlite")


def _orders(room: MailRoom, mail: Mail) -> bool:
    return [order["order_number"] for order in room.erp.listing("orders")] == [mail.expected.number]


def _answer(room: MailRoom, recipient: str) -> int:
    """What the world is told when it writes to someone."""
    with _client(room.smtp, "127.0.0.66") as client:
        client.ehlo("mx.nowhere.test")
        client.mail("x@nowhere.test")
        return client.rcpt(recipient)[0]


def _client(port: int, source: str) -> smtplib.SMTP:
    return smtplib.SMTP(LOOPBACK, port, source_address=(source, 0), timeout=30)


def _trusting(room: MailRoom) -> ssl.SSLContext:
    trusting = ssl.create_default_context(cadata=room.root.read("/etc/ssl/mail_room.crt"))
    trusting.check_hostname = False  # smtplib compares with the address it dialled
    return trusting
