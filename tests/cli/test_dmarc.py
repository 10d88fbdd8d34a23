"""`postroom dmarc` as an operator runs it: a database, a name server and a Postfix of our own."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from postroom.dmarc import outbound
from postroom.dmarc.seen import Seen
from postroom.store.engine import Database
from tests.fakes.cli import postroom, toml
from tests.fakes.dns import DnsServer
from tests.fakes.reports import report, row
from tests.fakes.smtp_sink import SmtpSink
from tests.fakes.store import a_database

ROW = Seen(
    source_ip="192.0.2.1",
    header_from="news.shop.test",
    envelope_from="shop.test",
    disposition="pass",
    dkim="fail",
    spf="pass",
    spf_domain="shop.test",
    spf_result="pass",
)


@pytest.fixture
def server() -> Iterator[DnsServer]:
    zone = {
        "_dmarc.shop.test": [
            ("TXT", "v=DMARC1; p=reject; np=quarantine; t=y; adkim=s; rua=mailto:d@other.test!1m")
        ],
        "shop.test._report._dmarc.other.test": [("TXT", "v=DMARC1")],
        "news.shop.test": [("A", "192.0.2.9")],
    }
    with DnsServer(zone) as server:
        yield server


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return a_database(tmp_path)


@pytest.fixture
def config(tmp_path: Path, server: DnsServer, sink: SmtpSink, database: Database) -> Path:
    return toml(
        tmp_path / "postroom.toml",
        service={
            "hostname": "mail.firma.test",
            "state_dir": str(tmp_path),
            "mailboxes": ["info@firma.test"],
        },
        dns={"resolver": [server.address], "cache_size": 0, "deadline": 2, "query_timeout": 1},
        dmarc_reports={"enabled": True, "author": "dmarc@firma.test", "submit": sink.address},
        reading={"workers": 0},
    )


def see(database: Database) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).timestamp()
    with database.transaction() as connection:
        outbound.add_seen(connection, [(yesterday, ROW)])


def test_a_dry_run_prints_and_the_real_one_sends(
    config: Path, database: Database, sink: SmtpSink
) -> None:
    see(database)
    dry = postroom(config, "dmarc", "send", "--dry-run", "--json")
    (line,) = map(json.loads, dry.stdout.splitlines())
    assert (line["domain"], line["address"], line["state"]) == (
        "shop.test",
        "d@other.test",
        "dry-run",
    )
    for piece in (
        "<domain>shop.test</domain>",
        "<p>reject</p>",
        "<sp>reject</sp>",
        "<np>quarantine</np>",
        "<adkim>s</adkim>",
        "<testing>y</testing>",
        "<header_from>news.shop.test</header_from>",
    ):
        assert piece in line["xml"]
    assert "<feedback" in postroom(config, "dmarc", "send", "--dry-run").stdout
    assert sink.received() == []
    assert "d@other.test: sent" in postroom(config, "dmarc", "send").stdout
    assert postroom(config, "dmarc", "send").stdout == ""
    assert [mail.recipients for mail in sink.received()] == [("d@other.test",)]


def test_a_refusal_is_listed_and_can_be_forgotten(
    config: Path, database: Database, sink: SmtpSink
) -> None:
    assert "No address" in postroom(config, "dmarc", "dead").stdout
    see(database)
    sink.faults["rcpt"].append("550 5.1.1 no")
    assert "refused (smtp-550)" in postroom(config, "dmarc", "send").stdout
    (line,) = map(json.loads, postroom(config, "dmarc", "dead", "--json").stdout.splitlines())
    assert (line["address"], line["reason"]) == ("d@other.test", "smtp-550")
    assert "d@other.test" in postroom(config, "dmarc", "dead").stdout
    forgotten = postroom(config, "dmarc", "dead", "--forget", "D@other.test")
    assert "gets reports again" in forgotten.stdout
    assert postroom(config, "dmarc", "dead", "--forget", "D@other.test").exit_code == 1


def test_several_refusals_can_be_forgotten_at_once(config: Path, database: Database) -> None:
    def refuse(*addresses: str) -> None:
        with database.transaction() as connection:
            for address in addresses:
                outbound.mark_dead(connection, address, "smtp-550", datetime.now(UTC))

    refuse("a@x.test", "b@x.test", "c@x.test")
    some = postroom(
        config, "dmarc", "dead", "--forget", "a@x.test", "--forget", "no@x.test", "--forget",
        "B@x.test",
    )  # fmt: skip
    assert some.exit_code == 1
    assert "no@x.test: was not on the list" in some.stdout
    assert [line.split()[0] for line in postroom(config, "dmarc", "dead").stdout.splitlines()] == [
        "c@x.test"
    ]
    refuse("d@x.test")
    assert postroom(config, "dmarc", "dead", "--forget", "all").exit_code == 0
    assert "No address" in postroom(config, "dmarc", "dead").stdout


def test_reports_are_off_until_an_admin_says_so(config: Path, tmp_path: Path) -> None:
    off = toml(tmp_path / "off.toml", service={"state_dir": str(tmp_path)})
    assert "enabled is false" in postroom(off, "dmarc", "send").stdout
    bare = toml(
        tmp_path / "bare.toml",
        service={"state_dir": str(tmp_path)},
        dmarc_reports={"enabled": True},
    )
    assert "dmarc_reports.author" in str(postroom(bare, "dmarc", "send").exception)


def test_files_are_read_and_shown_as_a_table(config: Path, tmp_path: Path) -> None:
    good = tmp_path / "a.xml.gz"
    good.write_bytes(
        gzip.compress(report(row("192.0.2.7", 9, dkim="fail"), row(author="[b]x[/b]")))
    )
    bad = tmp_path / "b.xml"
    bad.write_bytes(b"<feedback/>")
    taken = postroom(config, "dmarc", "read", str(good))
    assert taken.exit_code == 0
    assert "taken: Big Mail about firma.test" in taken.stdout
    mixed = postroom(config, "dmarc", "read", str(good), str(bad), str(tmp_path / "no"), "--json")
    assert mixed.exit_code == 1
    assert [json.loads(line)["reports"][0].split(":")[0] for line in mixed.stdout.splitlines()] == [
        "known",
        "unreadable",
        "unreadable",
    ]
    table = postroom(config, "dmarc", "report").stdout
    assert "192.0.2.7" in table and "[b]x[/b]" in table
    assert "1 reports, 10 messages, 1 of them aligned" in table
    lines = postroom(config, "dmarc", "report", "--json").stdout.splitlines()
    first = json.loads(lines[0])
    assert (first["source_ip"], first["messages"], first["aligned"]) == ("192.0.2.7", 9, 0)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (("--domain", "Firma.test"), True),
        (("--domain", "other.test"), False),
        (("--since", "2026-11-05"), True),
        (("--since", "2026-11-06"), False),
    ],
)
def test_the_table_can_be_narrowed(
    config: Path, tmp_path: Path, options: tuple[str, ...], shown: bool
) -> None:
    (tmp_path / "a.xml").write_bytes(report())
    postroom(config, "dmarc", "read", str(tmp_path / "a.xml"))
    assert ("192.0.2.1" in postroom(config, "dmarc", "report", *options).stdout) is shown
