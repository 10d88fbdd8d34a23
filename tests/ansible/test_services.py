"""All that mail_host has on request, beside Postroom under a real systemd.

PostgreSQL, Redis, rspamd, Prometheus with the node exporter, nftables.

Runs only when asked for, as it fetches some hundred megabytes and takes minutes:
`POSTROOM_TEST_SERVICES=1 scripts/test tests/ansible/test_services.py`, also with
POSTROOM_TEST_RELEASE. One root for the module; the tests tell its life in order. The root has a
network of its own, with the services' usual ports, and the world is another one at the end of a
cable: what comes from there passes the firewall and is nobody's own mail.

Limits: packages are fetched beforehand, with the machine's network; the rest runs without one.
"""

import contextlib
import json
import os
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.booted import BootedRoom, BootedRoot, Forbidden
from tests.ansible.mailroom import NEEDS
from tests.ansible.network import Network, joined
from tests.ansible.wheels import wheels
from tests.fakes.dns import DnsServer
from tests.sandbox import world
from tests.sandbox.mails import Expected, Mail, Writer
from tests.sandbox.postfix import LOOPBACK
from tests.sandbox.smtp_client import send
from tests.sandbox.soak import order_mail
from tests.sandbox.waiting import wait_until

_ADDRESS = "192.0.2.7"
# Who signs with DKIM, as the address outside is in no SPF record.
_CUSTOMER = replace(world.BAU, address="192.0.2.13")
# What both roles install; a package that is missing here is named by apt, which finds no server.
_PACKAGES = (
    *("postfix", "sasl2-bin", "libsasl2-modules", "ca-certificates", "python3-venv"),
    *("libmilter1.0.1", "postgresql", "redis-server", "rspamd", "prometheus"),
    *("prometheus-node-exporter", "nftables"),
)
_SERVICES = (
    *("postgresql", "redis-server", "rspamd", "prometheus", "prometheus-node-exporter"),
    *("nftables", "postfix", "postroom"),
)
_LISTENING = (5432, 6379, 9090, 9100, 9188, 11332)  # for the host itself
# Generic Test for Unsolicited Bulk Email: what every spam filter is to take for spam.
_GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

pytestmark = [
    *NEEDS,
    pytest.mark.skipif(
        not os.environ.get("POSTROOM_TEST_SERVICES"), reason="POSTROOM_TEST_SERVICES is not set"
    ),
]


class _Room(BootedRoom):
    """One host with all services at their usual places, and a customer's host outside."""

    patience_s = 1800

    def __init__(self, folder: Path, root: BootedRoot, brought: Path, outside: Network) -> None:
        super().__init__(folder, root, brought)
        self.outside = outside
        self.smtp, self.submission, self.metrics = 25, 587, 9188

    def variables(self) -> dict[str, Any]:
        variables = super().variables()
        for name in ("smtp", "submission", "interfaces"):
            del variables[f"mail_host_{name}"]
        del variables["postroom_metrics"], variables["postroom_submit"]
        services = ("postgresql", "redis", "rspamd", "prometheus")
        return (
            variables
            | {f"mail_host_{name}": True for name in services}
            | {
                "mail_host_firewall": "nftables",
                "postroom_extras": ["postgresql"],
                "postroom_store_url": "postgresql+psycopg:///postroom?host=/var/run/postgresql",
                "postroom_options": {"redis": {"url": "redis://127.0.0.1:6379/0"}},
            }
        )

    def asked(self, path: str) -> Any:
        """What Prometheus answers."""
        with urllib.request.urlopen(f"http://{LOOPBACK}:9090/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)["data"]

    def sql(self, statement: str) -> str:
        """What PostgreSQL answers Postroom's user."""
        psql = ("runuser", "-u", "postroom", "--", "env", "-C", "/", "psql", "-tAc", statement)
        return self.root.run(*psql).stdout.strip()

    def redis(self, *command: str) -> str:
        """What Redis answers."""
        return self.root.run("redis-cli", *command).stdout.strip()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Room]:
    folder = tmp_path_factory.mktemp("services")
    brought = wheels("postgresql")
    with contextlib.ExitStack() as stack:
        try:
            root = stack.enter_context(BootedRoot(brought))
            ours, outside = (stack.enter_context(Network()) for _ in range(2))
        except (Forbidden, OSError) as forbidden:
            pytest.skip(f"this machine forbids a systemd or a network of our own: {forbidden}")
        root.fetch(*_PACKAGES)
        joined(ours, f"{_ADDRESS}/24", outside, f"{_CUSTOMER.address}/24")
        stack.enter_context(ours.inside())
        root.move()
        made = _Room(folder, root, brought, outside)
        stack.enter_context(made.neighbours())
        # The host's own resolver, for rspamd; Postroom is told the other address of the same zone.
        stack.enter_context(DnsServer(made.dns.zone, listen=("127.0.0.53", 53)))
        (root.folder / "etc/resolv.conf").write_text("nameserver 127.0.0.53\n")
        yield made


def test_a_check_of_a_fresh_host_ends_well(room: _Room) -> None:
    certbot = {"mail_host_tls": "certbot", "mail_host_certbot_email": "admin@example.com"}
    assert "failed=0" in room.play("--check", "--diff", "-e", json.dumps(certbot))


def test_a_fresh_host_becomes_a_mail_room_with_everything(room: _Room) -> None:
    room.make_certificate()
    room.play("-e", "postroom_doctor=false")
    room.publish()
    room.play("--tags", "keys,verify")
    _all_is_up(room)


def test_the_second_run_changes_nothing(room: _Room) -> None:
    assert "changed=0" in room.play()


def test_an_order_goes_through_rspamd_into_postgresql_maildir_and_erp(room: _Room) -> None:
    told = _order_arrives(room, 1)
    assert b"\nX-Spamd-Bar:" in told, "rspamd saw it"
    assert b"dmarc=pass" in told, "and Postroom before it"


def test_postroom_keeps_its_messages_in_postgresql_and_nowhere_else(room: _Room) -> None:
    assert room.sql("SHOW server_encoding") == "UTF8"
    assert int(room.sql("SELECT count(*) FROM message")) >= 1
    assert list((room.root.folder / "var/lib/postroom").glob("*.sqlite*")) == []


def test_what_happened_is_told_to_redis(room: _Room) -> None:
    before = int(room.redis("XLEN", "postroom:events"))
    assert before > 0
    _order_arrives(room, 2)
    wait_until(
        lambda: int(room.redis("XLEN", "postroom:events")) > before, 20, "events", room.journal
    )
    assert "workers" in room.redis("XINFO", "GROUPS", "postroom:wake")


def test_what_rspamd_takes_for_spam_is_refused_and_reaches_nobody(room: _Room) -> None:
    before = room.sql("SELECT count(*) FROM message")
    author = f"Sales <sales@{_CUSTOMER.domain}>"
    spam = Writer(room.keys, "spam").mail("spam", _CUSTOMER, author, "Hello", _GTUBE, Expected())
    with room.outside.inside():
        reply = send(room.smtp, spam, host=_ADDRESS)
    assert reply.startswith("5") and "Gtube" in reply, "rspamd's own words"
    assert room.sql("SELECT count(*) FROM message") == before


def test_prometheus_has_the_alerts_and_reaches_postroom_and_the_host(room: _Room) -> None:
    wait_until(lambda: _scraped(room) == {"postroom": "up", "node": "up"}, 60, "both to be up")
    (group,) = [each for each in room.asked("rules")["groups"] if each["name"] == "postroom"]
    assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}
    asked = urllib.parse.quote("postroom_part_up")
    parts = room.asked(f"query?query={asked}")["result"]
    assert {part["value"][1] for part in parts} == {"1"} and len(parts) >= 3


def test_the_firewall_lets_in_mail_and_nothing_else(room: _Room) -> None:
    assert "policy drop" in room.root.run("nft", "list", "chain", "inet", "filter", "input").stdout
    for port in _LISTENING:
        socket.create_connection((LOOPBACK, port), 5).close()
    with socket.create_server((_ADDRESS, 8080)):  # of a program that listens everywhere
        socket.create_connection((_ADDRESS, 8080), 5).close()
        with room.outside.inside():
            for port in (room.smtp, room.submission):
                socket.create_connection((_ADDRESS, port), 5).close()
            for port in (8080, *_LISTENING):
                with pytest.raises(TimeoutError):  # dropped; refused would be a ConnectionError
                    socket.create_connection((_ADDRESS, port), 0.3)


def test_each_job_succeeds_with_postgresql(room: _Room) -> None:
    for job in ("backup", "canary", "dmarc", "purge"):
        room.root.systemctl("start", f"postroom-{job}.service")
        assert room.root.show(f"postroom-{job}.service", "Result") == {"Result": "success"}
    (backup,) = (room.root.folder / "var/backups/postroom").iterdir()
    assert (backup / "postroom.dump").stat().st_size > 0


def test_all_is_back_after_a_power_cut(room: _Room) -> None:
    room.root.run("nft", "flush", "ruleset")  # the network is older than the root and keeps them
    room.root.boot()
    _all_is_up(room)
    assert b"\nX-Spamd-Bar:" in _order_arrives(room, 3)
    wait_until(lambda: _scraped(room) == {"postroom": "up", "node": "up"}, 60, "both to be up")
    assert "policy drop" in room.root.run("nft", "list", "ruleset").stdout
    assert int(room.sql("SELECT count(*) FROM message")) >= 3


def test_the_run_after_it_changes_nothing(room: _Room) -> None:
    assert "changed=0" in room.play()


def _all_is_up(room: _Room) -> None:
    wait_until(
        lambda: (
            set(room.root.systemctl("is-active", *_SERVICES, check=False).split()) == {"active"}
        ),
        30,
        "all services to be active",
        lambda: room.root.systemctl("list-units", "--all", *(f"{name}*" for name in _SERVICES)),
    )
    assert room.root.systemctl("--failed", "--plain", "--no-legend") == ""
    assert set(room.root.systemctl("is-enabled", *_SERVICES).split()) == {"enabled"}


def _scraped(room: _Room) -> dict[str, str]:
    """Prometheus' targets: job -> health."""
    return {
        target["labels"]["job"]: target["health"]
        for target in room.asked("targets")["activeTargets"]
    }


def _order_arrives(room: _Room, number: int) -> bytes:
    """Sends an order from outside; the mail in the Maildir once the ERP has it too."""
    mail = order_mail(Writer(room.keys, "services"), number, party=_CUSTOMER)
    replies: list[str] = []

    def taken() -> bool:
        with room.outside.inside():
            replies.append(send(room.smtp, mail, host=_ADDRESS))
        return replies[-1].startswith("250")

    wait_until(taken, 60, "Postfix to take the mail", lambda: f"{replies}\n{room.journal()}")
    wait_until(lambda: _is_in_erp(room, mail), 60, "the order to be in the ERP", room.journal)
    wait_until(lambda: bool(_in_maildir(room, mail)), 20, "the mail to be in the Maildir")
    return _in_maildir(room, mail)


def _is_in_erp(room: _Room, mail: Mail) -> bool:
    numbers = [order["order_number"] for order in room.erp.listing("orders")]
    assert len(set(numbers)) == len(numbers)
    return mail.expected.number in numbers


def _in_maildir(room: _Room, mail: Mail) -> bytes:
    maildirs, wanted = room.root.folder / "var/lib/postroom/mail", mail.message_id.encode()
    for path in maildirs.glob("**/new/*"):
        if wanted in (told := path.read_bytes()):
            return told
    return b""
