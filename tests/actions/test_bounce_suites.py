"""The bounce and auto-reply collections through the real decision path: not one reply.

Everything is against us: each message comes authenticated, from the very author it names, to a
mailbox of ours; every category answers, however unsure; nothing is too old, and no limit counts.
Read, classified by rules and model, decided, planned, committed, and given to the reply's gates.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from postroom.actions import outbox
from postroom.actions.outbox import Leased
from postroom.actions.performers import ReplyPerformer, ReplyWithheld
from postroom.classification import Classification
from postroom.classify.classifier import Classifier
from postroom.config import DEFAULT_CATEGORIES, Config
from postroom.decision import Step
from postroom.envelope import Envelope, parse_path
from postroom.examination import Examination
from postroom.lmtp.intake import Intake
from postroom.message import Message
from postroom.order import Order
from postroom.reading.reader import read
from postroom.store.engine import Database
from postroom.store.schema import MESSAGE
from postroom.verdict import Disposition, DmarcResult, Result, Verdict
from tests.actions.test_gates import BY_PEOPLE, collected
from tests.fakes import post
from tests.fakes.smtp_sink import SmtpSink
from tests.fakes.stages import KEY

FOLDER = Path(__file__).parents[3] / "shared" / "conformance" / "bounce"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the bounce collections are not here"),
]


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as server:
        yield server


def willing(sink: SmtpSink) -> Config:
    """A configuration that answers whatever it may."""
    row = {"steps": ["reply"], "template": "ticket-acknowledgement", "review": False}
    generous = {"per_sender_interval": 1e-9, "daily_limit": 10**9, "per_domain_daily": 10**9}
    return Config.model_validate(
        {
            "service": {"hostname": "mx.firma.test"},
            "erp": {"base_url": "http://127.0.0.1:1"},
            "reply": {"enabled": True, "submit": sink.address, "max_age": 1e12} | generous,
            "classification": {"threshold": 0.0},
            "categories": dict.fromkeys(DEFAULT_CATEGORIES, row),
        }
    )


class Room:
    """The whole way of a message, Postfix and the ERP left out."""

    def __init__(self, config: Config, database: Database) -> None:
        self.database = database
        self.clock = post.HandClock()
        self._classifier = Classifier(config.classification)
        self._intake = Intake(
            config=config,
            database=database,
            clock=self.clock,
            keys=(KEY,),
            examine=self._examine,
            classify=self._classify,
            read=self._read,
            extract=self._extract,
        )
        self._reply = ReplyPerformer(config, database, self.clock)

    def take(self, raw: bytes) -> str:
        """What became of the reply to a message; "" when one went out."""
        mail = read(raw)
        sender = mail.author.text if mail.author else "somebody@else.test"
        named = tuple(a.text for a in (*mail.to, *mail.cc)) or ("info@firma.test",)
        queue_id = hashlib.sha256(raw).hexdigest()[:12]
        envelope = Envelope(sender=sender, recipients=named, queue_id=queue_id)
        asyncio.run(self._intake.take(envelope, raw))
        outcome = "not planned"
        for leased in outbox.lease(self.database, self.clock.now(), 1_000, 60.0, "test"):
            if leased.step is Step.REPLY:
                outcome = self._answer(leased)
        self.clock.advance(1.0)
        return outcome

    def _answer(self, leased: Leased) -> str:
        try:
            asyncio.run(self._reply(leased))
        except ReplyWithheld as closed:
            return closed.gate
        return ""

    async def _examine(self, envelope: Envelope, raw: bytes) -> Examination:
        mail = read(raw)
        domain = parse_path(envelope.sender).domain
        passed = DmarcResult(result=Result.PASS, domain=domain, org_domain=domain)
        verdict = Verdict(author=mail.author.text if mail.author else "", dmarc=passed)
        found = self._classifier.classify(mail, verdict, envelope)
        return Examination(
            verdict=verdict,
            classification=replace(found, review=False),  # nobody shall be asked
            disposition=Disposition.ACCEPT,
        )

    async def _classify(
        self, message: Message, verdict: Verdict, envelope: Envelope
    ) -> Classification:
        return self._classifier.classify(message, verdict, envelope)

    async def _read(self, raw: bytes) -> Message:
        return replace(read(raw), raw=raw, date=None)

    async def _extract(self, _message: Message, _found: Classification) -> Order:
        return Order()


def test_not_one_reply_goes_to_a_bounce_or_an_automatic_reply(
    database: Database, sink: SmtpSink
) -> None:
    room = Room(willing(sink), database)
    outcomes = {path.name: room.take(path.read_bytes()) for path in collected()}
    answered = {name for name, outcome in outcomes.items() if not outcome}
    assert answered - set(BY_PEOPLE) == set(), Counter(outcomes.values())
    assert len(sink.received()) == len(answered)
    with database.reading() as connection:
        stored = connection.execute(select(func.count()).select_from(MESSAGE)).scalar_one()
    assert stored > 400


def test_a_person_is_answered_by_the_same_path(database: Database, sink: SmtpSink) -> None:
    """Or the test above would prove nothing."""
    room = Room(willing(sink), database)
    raw = (
        b"From: Anna <anna@kunde.test>\r\nTo: info@firma.test\r\nSubject: Printer\r\n"
        b"Message-ID: <1@kunde.test>\r\n\r\nOur printer does not print. Can you help?\r\n"
    )
    assert room.take(raw) == ""
    (received,) = sink.received()
    assert (received.sender, received.recipients) == ("", ("anna@kunde.test",))
    assert room.take(raw.replace(b"Subject", b"Auto-Submitted: auto-replied\r\nSubject")) != ""
    assert len(sink.received()) == 1
