"""Mail for tests of what comes after reading: a message, its findings, a row in the database.

In: what is to be different. Out: values that describe one authenticated order of
ivan@snab.example to info@firma.test, and a database that has taken it.
"""

import hashlib
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from postroom.classification import Classification
from postroom.codec import to_json
from postroom.config import Config
from postroom.decision import Action, Decision, Outcome, Step
from postroom.envelope import Address, Envelope
from postroom.message import Attachment, Message
from postroom.order import Buyer, Delivery, Order, OrderKind, OrderLine
from postroom.store import messages
from postroom.store.engine import Database
from postroom.store.messages import NewMessage
from postroom.verdict import DmarcResult, Result, SpfResult, Verdict

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
AUTHOR = Address(local="ivan", domain="snab.example", name="Иван Петров")
INFO = "info@firma.test"
ORDER_STEPS = (Step.ORDER_CREATE, Step.REPLY)
# A stand-in for any fault that only claiming meets.
NO_CLAIMS = (
    "CREATE TRIGGER no_claims BEFORE UPDATE OF state ON action WHEN NEW.state = 'leased'"
    " BEGIN SELECT RAISE(ABORT, 'no claims'); END"
)


class HandClock:
    """A clock that the test advances."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        """What the test says."""
        return self.at

    def advance(self, seconds: float) -> None:
        """Time goes by."""
        self.at += timedelta(seconds=seconds)


def config(**sections: Any) -> Config:
    """A configuration for firma.test with replies enabled; sections are merged into it."""
    tables: dict[str, Any] = {
        "service": {"hostname": "mx.firma.test", "mailboxes": [INFO]},
        "erp": {"base_url": "http://127.0.0.1:1"},
        "reply": {"enabled": True, "company": "ООО «Фирма»"},
    }
    for name, keys in sections.items():
        tables[name] = {**tables.get(name, {}), **keys}
    return Config.model_validate(tables)


def message(**changes: Any) -> Message:
    """An order mail as it was read."""
    mail = Message(
        raw=b"From: ivan@snab.example\r\nTo: info@firma.test\r\n\r\norder\r\n",
        headers=(("From", "Иван Петров <ivan@snab.example>"), ("To", INFO)),
        author=AUTHOR,
        authors=(AUTHOR,),
        to=(Address(local="info", domain="firma.test"),),
        subject="Заявка № 17",
        date=NOW,
        message_id="<17@snab.example>",
        text="Просим отгрузить по заявке 17.",
        new_text="Просим отгрузить по заявке 17.",
        language="ru",
        attachments=(
            Attachment(
                filename="Заявка.xlsx",
                type="application/vnd.ms-excel",
                size=3,
                sha256=hashlib.sha256(b"xls").hexdigest(),
                data=b"xls",
            ),
        ),
    )
    return replace(mail, **changes)


def verdict(**changes: Any) -> Verdict:
    """DMARC pass for snab.example."""
    dmarc = DmarcResult(
        result=Result.PASS,
        domain="snab.example",
        org_domain="snab.example",
        aligned=("spf:snab.example",),
    )
    spf = SpfResult(result=Result.PASS, domain="snab.example")
    return replace(Verdict(author="ivan@snab.example", spf=spf, dmarc=dmarc), **changes)


def classification(**changes: Any) -> Classification:
    """Surely a purchase order."""
    sure = Classification(category="purchase_order", confidence=0.97, review=False)
    return replace(sure, **changes)


def envelope(**changes: Any) -> Envelope:
    """From ivan@snab.example to info@firma.test."""
    said = Envelope(sender="ivan@snab.example", recipients=(INFO,), queue_id="4D3F00")
    return replace(said, **changes)


def order(**changes: Any) -> Order:
    """Two lines, complete."""
    document = Order(
        kind=OrderKind.ORDER,
        number="17",
        date=date(2026, 11, 20),
        currency="RUB",
        buyer=Buyer(name="ООО «Снаб»", email="ivan@snab.example", tax_id="7707083893"),
        delivery=Delivery(address="Москва, ул. Ленина, 1", date=date(2026, 12, 1)),
        lines=(
            OrderLine(
                line=1,
                sku="A-1",
                description="Болт М8",
                quantity=Decimal("1234.5"),
                unit="шт",
                unit_price=Decimal("12.30"),
                confidence=0.99,
            ),
            OrderLine(line=2, description="Гайка М8", quantity=Decimal(3), confidence=0.99),
        ),
        total=Decimal("15184.35"),
        complete=True,
    )
    return replace(document, **changes)


def decision(**changes: Any) -> Decision:
    """Enter the order and confirm it."""
    table_row = Decision(
        outcome=Outcome.ACT,
        category="purchase_order",
        steps=ORDER_STEPS,
        folder="Orders",
        template="order-confirmation",
    )
    return replace(table_row, **changes)


def take(
    database: Database, digest: str, *, author: str = "ivan@snab.example", at: datetime = NOW
) -> int:
    """Stores one message; its row's id."""
    new = NewMessage(
        digest=digest,
        received_at=at,
        raw=message().raw,
        message_id=f"<{digest}@snab.example>",
        author=author,
        subject="Заявка № 17",
        envelope=envelope(sender=author, queue_id=digest),
        verdict=verdict(),
        classification=classification(),
        order=order(),
        decision=decision(),
    )
    with database.transaction() as connection:
        return messages.take(connection, new, [INFO], who="test").id


def simple_action(name: str, step: Step = Step.DELIVER, after: str = "") -> Action:
    """An action whose body means nothing."""
    key = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    return Action(key=key, step=step, body=to_json({"name": name}), after=after)


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path}"
