"""What arrives is taken once, if it is about us; what cannot be read harms nobody."""

import asyncio
import gzip
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from postroom.config import Config, ReadingSection, Service, SigningSection
from postroom.dmarc import inbound, outbound
from postroom.dmarc.arrival import arrived
from postroom.dmarc.taking import Taker
from postroom.failure import TemporaryFailure
from postroom.reading.pool import WorkerLost, WorkerPool
from postroom.store.engine import Database
from postroom.store.schema import DMARC_REPORT
from tests.fakes.moment import FixedClock
from tests.fakes.reports import a_report_mail, mail, report, row, zipped
from tests.fakes.store import a_database

CONFIG = Config(
    service=Service(hostname="mail.firma.test", mailboxes=("info@firma.test", "x@Bücher.test")),
    reading=ReadingSection(workers=0),
)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return a_database(tmp_path)


async def here(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def take(database: Database, raw: bytes, config: Config = CONFIG, **known: Any) -> list[str]:
    taker = Taker(config, database, FixedClock(), here)
    return asyncio.run(taker.take(raw, **known))


def sources(database: Database, domain: str = "", since: float = 0.0) -> list[inbound.Source]:
    with database.reading() as connection:
        return inbound.sources(connection, domain=domain, since=since)


@pytest.mark.parametrize(
    "raw",
    [
        a_report_mail(),
        mail(zipped(report()), subtype="zip"),
        mail(report(), subtype="xml"),
        mail(gzip.compress(report()), subtype="octet-stream"),
        report(),
        gzip.compress(report(namespace="")),
    ],
)
def test_a_report_about_us_is_taken_once(database: Database, raw: bytes) -> None:
    assert take(database, raw) == ["taken: Big Mail about firma.test"]
    assert take(database, raw) == ["known: Big Mail about firma.test"]
    (source,) = sources(database)
    assert source == inbound.Source(
        source_ip="192.0.2.1",
        header_from="firma.test",
        messages=1,
        aligned=1,
        dkim=1,
        spf=0,
        refused=0,
        reporters=1,
        last=datetime(2026, 11, 5, 23, 59, 59, tzinfo=UTC),
    )


OURS = [
    ("firma.test", "taken"),
    ("mail.firma.test", "taken"),
    ("xn--bcher-kva.test", "taken"),
    ("sends.test", "taken"),
    ("xfirma.test", "not-ours"),
    ("other.test", "not-ours"),
]


@pytest.mark.parametrize(("domain", "outcome"), OURS)
def test_only_reports_about_our_domains_are_kept(
    database: Database, domain: str, outcome: str
) -> None:
    signing = SigningSection(domains=("sends.test",))
    config = CONFIG.model_copy(update={"signing": signing})
    (said,) = take(database, report(domain=domain), config)
    assert said.startswith(f"{outcome}: ")
    assert bool(sources(database)) == (outcome == "taken")


def test_what_cannot_be_read_is_said_and_the_rest_taken(database: Database) -> None:
    raw = mail(b"\x1f\x8bjunk", gzip.compress(report()), gzip.compress(b"<feedback/>"))
    assert take(database, raw) == [
        "taken: Big Mail about firma.test",
        "unreadable: report-unreadable",
        "unreadable: report-malformed",
    ]


@pytest.mark.parametrize("raw", [b"", b"From: a@b.test\r\n\r\nHello\r\n", b"\xff\xfe\x00"])
def test_mail_without_a_report_changes_nothing(database: Database, raw: bytes) -> None:
    assert take(database, raw) == []


def test_a_lost_worker_is_a_report_that_cannot_be_read(database: Database) -> None:
    async def lost(*_: Any) -> str:
        raise WorkerLost("worker-memory")

    async def confused(*_: Any) -> str:
        return '{"reports": 5}'

    async def busy(*_: Any) -> str:
        raise TemporaryFailure("busy")

    for run, said in ((lost, "worker-memory"), (confused, "unreadable-value")):
        taker = Taker(CONFIG, database, FixedClock(), run)
        assert asyncio.run(taker.take(b"")) == [f"unreadable: {said}"]
    with pytest.raises(TemporaryFailure, match="busy"):
        asyncio.run(Taker(CONFIG, database, FixedClock(), busy).take(b""))


@pytest.mark.slow
def test_in_a_worker_process_the_answer_is_the_same(database: Database) -> None:
    async def scene() -> list[str]:
        pool = WorkerPool(ReadingSection(workers=1), ("postroom.dmarc.arrival",))
        try:
            taker = Taker(CONFIG, database, FixedClock(), pool.run)
            many = report(*[row(f"192.0.2.{n % 250}", n + 1) for n in range(5_000)])
            bomb = gzip.compress(b" " * 1_000_000_000, 1)
            return [
                *await taker.take(mail(gzip.compress(many))),
                *await taker.take(mail(bomb)),
                *await taker.take(a_report_mail()),
            ]
        finally:
            pool.stop()

    assert asyncio.run(scene()) == [
        "taken: Big Mail about firma.test",
        "unreadable: report-too-large",
        "known: Big Mail about firma.test",
    ]


def test_the_table_adds_up_all_reports_and_shows_failures_first(database: Database) -> None:
    first = report(
        row("192.0.2.1", 10),
        row("192.0.2.2", 5, dkim="fail", spf="fail", disposition="reject"),
        row("192.0.2.2", 1, dkim="fail", spf="pass"),
    )
    second = report(row("192.0.2.1", 7), row("192.0.2.1", 2, spf="pass"), reporter="Other")
    third = report(row("192.0.2.1", 3), domain="mail.firma.test", report_id="r3", end=10**9)
    for one in (first, second, third):
        take(database, one)
    found = sources(database)
    assert [(s.source_ip, s.messages, s.aligned, s.dkim, s.spf, s.refused) for s in found] == [
        ("192.0.2.2", 6, 1, 0, 1, 5),
        ("192.0.2.1", 22, 22, 22, 2, 0),
    ]
    assert [s.reporters for s in found] == [1, 2]
    assert [s.messages for s in sources(database, "firma.test")] == [6, 19]
    assert [s.messages for s in sources(database, "mail.firma.test")] == [3]
    assert sources(database, "mail.firma.test", since=10.0**9 + 1) == []
    with database.reading() as connection:
        assert inbound.count_reports(connection, domain="", since=0) == 3
        assert inbound.count_reports(connection, domain="firma.test", since=0) == 2


def test_counts_above_what_a_column_holds_are_kept_in_bounds(database: Database) -> None:
    take(database, report(row(count=10**17), row("192.0.2.1", 10**17)))
    assert sources(database)[0].messages == 2 * (2**31 - 1)


def test_a_report_is_kept_with_what_is_proven_of_its_sender(database: Database) -> None:
    take(database, a_report_mail(), authenticated="bigmail.test")
    with database.reading() as connection:
        (kept,) = connection.execute(select(DMARC_REPORT))
    assert (kept.authenticated, kept.message) == ("bigmail.test", None)


SENT = "1793836800.0123456789abcdef0123@mail.firma.test"


def bounce(
    recipient: str = "d@shop.test", status: str = "5.1.1", quoted: str = f"<{SENT}>"
) -> bytes:
    message = EmailMessage()
    message["From"] = "MAILER-DAEMON@mail.firma.test"
    message["To"] = "dmarc@firma.test"
    message["Subject"] = "Undelivered Mail"
    message.set_content("This is the mail system.")
    parts = (
        f"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mail.firma.test\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: {status}\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {quoted}\r\n\r\n--b--\r\n"
    )
    return b"From: MAILER-DAEMON@x.test\r\nTo: dmarc@firma.test\r\n" + parts.encode()


def sent(database: Database) -> None:
    with database.transaction() as connection:
        now = FixedClock().now()
        outbound.claim(connection, SENT, "d@shop.test", domain="shop.test", now=now)
        outbound.settle(connection, SENT, "d@shop.test", "sent", "4X1")


def test_a_bounce_of_our_report_makes_its_address_a_dead_one(database: Database) -> None:
    sent(database)
    assert take(database, bounce("D@shop.test")) == ["dead: d@shop.test refused our report"]
    with database.reading() as connection:
        assert outbound.dead_since(connection, 0)["d@shop.test"][1] == "bounced"
    assert take(database, bounce()) == ["dead: d@shop.test refused our report"]


@pytest.mark.parametrize(
    "raw",
    [
        bounce("victim@shop.test"),
        bounce(status="4.4.1"),
        bounce(quoted="<somebody@else.test>"),
        bounce(quoted=f"<{SENT.replace('0123', '9999')}>"),
    ],
)
def test_a_bounce_of_anything_else_does_not(database: Database, raw: bytes) -> None:
    sent(database)
    assert take(database, raw) == []
    with database.reading() as connection:
        assert outbound.dead_since(connection, 0) == {}


BOUNCES = Path(__file__).parents[3] / "shared/conformance/bounce"


@pytest.mark.skipif(not BOUNCES.exists(), reason="conformance data is not here")
def test_other_peoples_bounces_are_read_without_harm() -> None:
    files = [path for path in sorted(BOUNCES.rglob("*.eml"))[:200]]
    assert files
    for path in files:
        found = arrived(path.read_bytes(), ReadingSection())
        assert not found.reports and not found.refusals


def test_a_message_that_is_removed_leaves_its_report(database: Database) -> None:
    with database.transaction() as connection:
        names = (
            "digest queue_id message_id author subject category outcome order_number envelope "
            'verdict classification "order" decision'
        ).split()
        values = ", ".join(["''"] * len(names))
        connection.execute(
            text(
                f"INSERT INTO message ({', '.join(names)}, received_at, size, raw) "
                f"VALUES ({values}, 0, 0, '')"
            )
        )
    take(database, a_report_mail(), message=1)
    with database.transaction() as connection:
        connection.execute(text("DELETE FROM message"))
    assert len(sources(database)) == 1
