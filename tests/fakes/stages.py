"""Stand-ins for the stages that intake asks: they know what the message itself says of them.

A message tells how it is to be found with fields of its own: X-Test-Category, X-Test-Verdict
(pass, fail, none), X-Test-Disposition, X-Test-Author (what the examiner sees), X-Test-Order (the
order's number, complete). Reading is the real one.
"""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from postroom.classification import Classification
from postroom.clock import Clock
from postroom.config import Config, ErpSection
from postroom.envelope import Envelope
from postroom.examination import Examination
from postroom.lmtp.intake import Intake
from postroom.message import Message
from postroom.order import Buyer, Order, OrderKind, OrderLine
from postroom.reading.reader import read
from postroom.stamp import StampKey
from postroom.store.engine import Database
from postroom.verdict import Disposition, DmarcPolicy, DmarcResult, Result, Verdict
from tests.fakes.lmtp import lmtp_config

KEY = StampKey.of(b"a shared secret of thirty-two octets")
NOW = datetime(2026, 11, 5, 9, 30, tzinfo=UTC)


class StandingClock:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment


def examine_by_header(raw: bytes) -> Examination:
    """The examination a message asks for in its fields."""
    message = read(raw)
    author = message.header("X-Test-Author") or (message.author.text if message.author else "")
    category = message.header("X-Test-Category") or "other"
    return Examination(
        verdict=Verdict(author=author, dmarc=_dmarc(message.header("X-Test-Verdict"), author)),
        classification=Classification(category=category, confidence=0.97, review=False),
        disposition=Disposition(message.header("X-Test-Disposition") or "accept"),
    )


def _dmarc(wish: str, author: str) -> DmarcResult:
    domain = author.rpartition("@")[2]
    match wish:
        case "fail":
            return DmarcResult(
                result=Result.FAIL,
                domain=domain,
                policy=DmarcPolicy.REJECT,
                disposition=DmarcPolicy.REJECT,
            )
        case "none":
            return DmarcResult(domain=domain)
        case _:
            return DmarcResult(result=Result.PASS, domain=domain, aligned=(f"dkim:{domain}",))


class Stages:
    """The functions of the service; each counts its calls and can fail or wait."""

    def __init__(self) -> None:
        self.examined = 0
        self.read_ = 0
        self.extracted = 0
        self.read_failure: Exception | None = None
        self.examine_failure: Exception | None = None
        self.extract_failure: Exception | None = None
        self.read_waits = False

    async def examine(self, _envelope: Envelope, raw: bytes) -> Examination:
        self.examined += 1
        if self.examine_failure is not None:
            raise self.examine_failure
        return examine_by_header(raw)

    async def classify(
        self, message: Message, _verdict: Verdict, _envelope: Envelope
    ) -> Classification:
        return examine_by_header(message.raw).classification

    async def read(self, raw: bytes) -> Message:
        self.read_ += 1
        if self.read_failure is not None:
            raise self.read_failure
        if self.read_waits:
            await asyncio.Event().wait()
        return read(raw)

    async def extract(self, message: Message, _classification: Classification) -> Order:
        self.extracted += 1
        if self.extract_failure is not None:
            raise self.extract_failure
        line = OrderLine(
            line=1,
            sku="A-1",
            description="Bolt M8",
            quantity=Decimal(10),
            unit="pcs",
            unit_code="H87",
            unit_price=Decimal("1.50"),
            total=Decimal("15.00"),
            confidence=0.99,
            source="body:1",
        )
        return Order(
            kind=OrderKind.ORDER,
            number=message.header("X-Test-Order"),
            currency="EUR",
            buyer=Buyer(name="Sender Ltd", email="anna@sender.test"),
            lines=(line,),
            total=Decimal("15.00"),
            complete=True,
        )


def intake_config(folder: Path, **section: object) -> Config:
    """An installation with an ERP."""
    config = lmtp_config(folder, **section)
    return config.model_copy(update={"erp": ErpSection(base_url="http://127.0.0.1:9")})


def an_intake(config: Config, database: Database, stages: Stages, clock: Clock) -> Intake:
    """Intake with these stages."""
    return Intake(
        config=config,
        database=database,
        clock=clock,
        keys=(KEY,),
        examine=stages.examine,
        classify=stages.classify,
        read=stages.read,
        extract=stages.extract,
    )


def a_mail(text: str = "Please send ten bolts.", *, message_id: str = "<1@sender.test>",
           author: str = "anna@sender.test", **fields: str) -> bytes:  # fmt: skip
    """A message; keyword `category="invoice"` becomes X-Test-Category: invoice."""
    lines = [
        *(f"X-Test-{name.title()}: {value}" for name, value in fields.items()),
        f"From: Anna <{author}>",
        "To: info@example.test",
        "Subject: Bolts",
        *([f"Message-ID: {message_id}"] if message_id else []),
        "Date: Thu, 5 Nov 2026 09:29:00 +0000",
        "",
        text,
        "",
    ]
    return "\r\n".join(lines).encode()
