"""From LMTP to the table: a report that comes by mail is read by itself, and cannot fail mail."""

import asyncio
import gzip
from pathlib import Path

import pytest
from sqlalchemy import text

from postroom.actions import outbox
from postroom.actions.outbox import Leased
from postroom.config import DmarcReportsSection
from postroom.decision import Step
from postroom.dmarc import inbound
from postroom.dmarc.taking import Taker
from postroom.envelope import Envelope
from postroom.failure import PermanentFailure
from postroom.reading.pool import WorkerPool
from postroom.service.worker import ReportPerformer
from postroom.store.engine import Database
from tests.dmarc.test_taking import bounce
from tests.fakes.reports import a_report_mail, mail, report
from tests.fakes.stages import NOW, Stages, StandingClock, a_mail, an_intake, intake_config
from tests.fakes.store import a_database

REPORTER = "dmarc@example.test"


class House:
    """An intake and the performer, on one database."""

    def __init__(self, folder: Path) -> None:
        section = DmarcReportsSection(author=REPORTER)
        config = intake_config(folder).model_copy(update={"dmarc_reports": section})
        reading = config.reading.model_copy(update={"workers": 0})
        self.database: Database = a_database(folder)
        clock = StandingClock()
        self._intake = an_intake(config, self.database, Stages(), clock)
        taker = Taker(config, self.database, clock, WorkerPool(reading).run)
        self.performer = ReportPerformer(taker, self.database)

    def take(self, raw: bytes, recipient: str = "info@example.test") -> list[str]:
        """The steps planned for a message."""
        envelope = Envelope(client_address="192.0.2.7", recipients=(recipient,), queue_id="4X")
        (reply,) = asyncio.run(self._intake.take(envelope, raw))
        assert reply.code == 250
        with self.database.reading() as connection:
            return sorted(connection.scalars(text("SELECT step FROM action")))

    def perform(self) -> str:
        """The result of the one report-read that is due."""
        return asyncio.run(self.performer(self.leased())).result

    def leased(self) -> Leased:
        """That action in a worker's hands."""
        leased = outbox.lease(self.database, NOW, 9, 60.0, "test")
        return next(action for action in leased if action.step is Step.REPORT_READ)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def about_us(**more: str) -> bytes:
    return mail(gzip.compress(report(domain="example.test", **more)))


def test_a_report_that_comes_by_mail_is_delivered_and_read(house: House) -> None:
    assert house.take(about_us()) == ["deliver", "report-read"]
    assert house.perform() == "taken: Big Mail about example.test"
    with house.database.reading() as connection:
        assert len(inbound.sources(connection, domain="example.test", since=0)) == 1
        kept = connection.execute(text("SELECT message, authenticated FROM dmarc_report")).one()
    assert kept.message == 1
    assert kept.authenticated == "bigmail.test"


@pytest.mark.parametrize(
    ("raw", "result"),
    [
        (a_report_mail(), "not-ours: Big Mail about firma.test"),
        (mail(b"\x1f\x8bbroken"), "unreadable: report-unreadable"),
        (mail(b"PK\x03\x04", subtype="zip"), "unreadable: report-unreadable"),
    ],
)
def test_what_cannot_be_used_ends_well_and_says_why(house: House, raw: bytes, result: str) -> None:
    assert house.take(raw) == ["deliver", "report-read"]
    assert house.perform() == result


def test_people_write_no_reports(house: House) -> None:
    assert "report-read" not in house.take(a_mail(category="other"))


def test_a_bounce_is_read_only_where_our_reports_come_from(house: House) -> None:
    assert "report-read" not in house.take(bounce())
    assert "report-read" in house.take(bounce(quoted="<2@x.test>"), REPORTER)
    assert house.perform() == "no aggregate report"


def test_a_message_that_is_gone_is_a_dead_letter(house: House) -> None:
    house.take(about_us())
    leased = house.leased()
    with house.database.transaction() as connection:
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        for table in ("attempt", "event", "delivery", "action", "review", "message"):
            connection.execute(text(f"DELETE FROM {table}"))
    with pytest.raises(PermanentFailure, match="message-gone"):
        asyncio.run(house.performer(leased))
