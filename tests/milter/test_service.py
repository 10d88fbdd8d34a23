"""The milter process as `postroom serve` runs it: our own mail signed, strangers' mail noted."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.dmarc import outbound
from postroom.milter.keyring import Keyring, SelectorState
from postroom.store.engine import Database
from postroom.verdict import Result
from tests.fakes.cli import toml
from tests.fakes.dns import DnsServer
from tests.fakes.milter_client import Answer, MilterClient
from tests.fakes.milter_process import wait_until
from tests.fakes.signed import foreign_results, own_results
from tests.milter.test_signing_session import on_the_wire

pytestmark = pytest.mark.slow

BODY = b"Guten Tag\r\n\r\nWir liefern morgen.\r\n"
ZONE = {
    "_dmarc.shop.test": [("TXT", "v=DMARC1; p=reject; rua=mailto:d@shop.test")],
    "shop.test": [("TXT", "v=spf1 ip4:192.0.2.1 -all")],
    "_dmarc.firma.test": [("TXT", "v=DMARC1; p=reject")],
}


@dataclass(kw_only=True)
class Service:
    """The running process."""

    endpoint: str
    folder: Path
    log: Path

    @property
    def ring(self) -> Keyring:
        return Keyring(self.folder / "dkim")

    def noted(self) -> dict[str, tuple[str, int]]:
        """Source address -> (disposition, messages), over all authors and days."""
        database = Database(f"sqlite:///{self.folder}/postroom.sqlite")
        with database.reading() as connection:
            found = [
                (seen.source_ip, (seen.disposition, times))
                for day in outbound.days_seen(connection, float("inf"))
                for author in outbound.authors_seen(connection, day)
                for seen, times in outbound.count_seen(connection, day, author)
            ]
        database.close()
        return dict(found)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    ring = Keyring(folder / "dkim")
    ring.make("firma.test", "s1", datetime.now(UTC))
    ring.change("firma.test", "s1", SelectorState.ACTIVE, datetime.now(UTC))
    with DnsServer(ZONE) as server:
        config = toml(
            folder / "postroom.toml",
            service={
                "hostname": "mail.firma.test",
                "mailboxes": ["info@firma.test"],
                "state_dir": str(folder),
                "run_dir": str(folder),
            },
            milter={"socket": f"unix:{folder}/milter.sock"},
            lmtp={"socket": f"unix:{folder}/lmtp.sock"},
            dns={"resolver": [server.address]},
            dmarc_reports={"enabled": True, "author": "dmarc@firma.test"},
            metrics={"listen": ""},
            **{"policy.domains.'partner.test'": {"unauthenticated": "reject"}},
        )
        log = folder / "log"
        command = [sys.executable, "-P", "-m", "postroom", "serve", "--only", "milter"]
        with log.open("wb") as out:
            popen = subprocess.Popen(
                [*command, "--config", str(config)], stdout=out, stderr=out, env=os.environ
            )
        try:
            wait_until(lambda: '"started"' in log.read_text() or popen.poll() is not None, 60)
            yield Service(endpoint=f"unix:{folder}/milter.sock", folder=folder, log=log)
            popen.terminate()
            assert popen.wait(15) == 0, log.read_text()
        finally:
            popen.kill()
            popen.wait(60)


def submit(service: Service, client: str, author: str, login: str = "") -> Answer:
    with MilterClient(service.endpoint, timeout_s=30) as connection:
        connection.connect("client.test", client)
        connection.helo("client.test")
        if login:
            connection.macros(b"M", auth_authen=login)
        fields: list[tuple[str, bytes | str]] = [
            ("From", f"Anna <{author}>"),
            ("To", "b@kunde.test"),
            ("Subject", "Liefertermin"),
            ("Date", "Thu, 05 Nov 2026 10:00:00 +0000"),
            ("Message-ID", "<1@firma.test>"),
        ]
        return connection.message(
            fields, BODY, sender=f"<{author}>", recipients=("<info@firma.test>",)
        )


@pytest.mark.parametrize(("client", "login"), [("127.0.0.1", ""), ("198.51.100.9", "anna")])
def test_trusted_networks_and_logins_are_signed_for(
    service: Service, client: str, login: str
) -> None:
    answer = submit(service, client, "anna@firma.test", login)
    assert answer.reply == "accept"
    pair = service.ring.keys("firma.test", "s1")
    message = on_the_wire(answer, BODY)
    assert [one.result for one in own_results(message, pair)] == [Result.PASS] * 2
    assert foreign_results(message, pair) == [True, True]


def test_our_name_from_outside_is_refused_and_never_signed(service: Service) -> None:
    answer = submit(service, "198.51.100.9", "anna@firma.test")
    assert answer.reply.startswith("550 5.7.26 Mail from firma.test is not authenticated")
    assert answer.inserted == []


def test_another_author_is_not_signed_for_even_from_inside(service: Service) -> None:
    answer = submit(service, "127.0.0.1", "anna@kunde.test")
    assert (answer.reply, answer.values("DKIM-Signature")) == ("accept", [])


def test_a_domain_with_a_policy_of_its_own_is_refused_unproven(service: Service) -> None:
    reply = submit(service, "198.51.100.9", "anna@partner.test").reply
    assert reply.startswith("550 5.7.26 Mail from partner.test is not accepted")


def test_strangers_mail_is_noted_for_the_report(service: Service) -> None:
    assert submit(service, "192.0.2.1", "news@shop.test").reply == "accept"
    assert submit(service, "192.0.2.1", "news@shop.test").reply == "accept"
    assert submit(service, "192.0.2.66", "news@shop.test").reply.startswith("550 5.7.26 ")
    wait_until(lambda: len(service.noted()) >= 2 and service.noted()["192.0.2.1"][1] == 2)
    found = service.noted()
    assert found["192.0.2.1"] == ("pass", 2)
    assert found["192.0.2.66"] == ("reject", 1)
    assert "127.0.0.1" not in found


def test_each_event_says_what_was_done(service: Service) -> None:
    submit(service, "127.0.0.1", "anna@firma.test")
    lines = [json.loads(line) for line in service.log.read_text().splitlines() if line[:1] == "{"]
    assert [line for line in lines if line.get("signatures") == "2"]
