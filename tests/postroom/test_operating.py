"""The operator's word on what waits: once, recorded, and with what follows from it."""

import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from postroom.classification import Classification
from postroom.config import Config, ErpSection, ReadingSection, Service
from postroom.decision import Decision, Outcome, Step
from postroom.envelope import Envelope
from postroom.failure import PermanentFailure
from postroom.operating import Operator
from postroom.order import Order, OrderKind, OrderLine
from postroom.store import messages
from postroom.store.engine import Database
from postroom.store.upgrade import upgrade
from postroom.verdict import DmarcResult, Result, Verdict

RAW = (
    b"From: Anna <anna@kunde.test>\r\nTo: info@company.test\r\nSubject: Bestellung 12\r\n"
    b"Message-ID: <12@kunde.test>\r\n\r\nBitte liefern Sie 10 Stk. M8x30.\r\n"
)
LINE = OrderLine(line=1, sku="M8x30", description="bolt", quantity=Decimal(10), confidence=0.95)
ORDER = Order(kind=OrderKind.ORDER, number="12", lines=(LINE,), complete=True)
PROVEN = Verdict(
    author="anna@kunde.test", dmarc=DmarcResult(result=Result.PASS, domain="kunde.test")
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        service=Service(mailboxes=("info@company.test",), state_dir=tmp_path, run_dir=tmp_path),
        erp=ErpSection(base_url="http://127.0.0.1:9"),
        reading=ReadingSection(workers=0),
    )


@pytest.fixture
def number(config: Config) -> int:
    """A message in review: an order that was taken for a sales enquiry."""
    database = Database(config.store_url)
    upgrade(database)
    decision = Decision(
        outcome=Outcome.REVIEW,
        category="sales",
        steps=(Step.TICKET_CREATE, Step.REPLY),
        template="ticket-acknowledgement",
        ticket_kind="lead",
        reasons=("unsure: sales at 0.60, below the threshold 0.85",),
    )
    new = messages.NewMessage(
        digest="d" * 64,
        received_at=datetime(2026, 1, 2, tzinfo=UTC),
        raw=RAW,
        message_id="<12@kunde.test>",
        author="anna@kunde.test",
        subject="Bestellung 12",
        envelope=Envelope(sender="anna@kunde.test", recipients=("info@company.test",)),
        verdict=PROVEN,
        classification=Classification(category="sales", confidence=0.6),
        order=ORDER,
        decision=decision,
    )
    with database.transaction() as connection:
        taken = messages.take(connection, new, ["info@company.test"], who="lmtp")
    database.close()
    return taken.id


def test_the_queue_names_the_message_its_state_and_the_reason(config: Config, number: int) -> None:
    with Operator.of(config) as operator:
        (row,) = operator.queue()
    assert (row["item"], row["state"], row["category"]) == (f"m{number}", "review", "sales")
    assert row["why"].startswith("unsure:")


def test_approving_plans_the_steps_and_leaves_the_queue(config: Config, number: int) -> None:
    with Operator.of(config) as operator:
        assert operator.approve(number, "maria") == ["ticket-create", "reply"]
        assert operator.queue() == []
        story = operator.explain(number)
    assert [action["step"] for action in story["actions"]] == ["ticket-create", "reply"]
    assert ("waiting", "approved", "maria") in [
        (event["old"], event["new"], event["who"]) for event in story["events"]
    ]


def test_rejecting_plans_nothing(config: Config, number: int) -> None:
    with Operator.of(config) as operator:
        operator.reject(number, "maria")
        assert operator.queue() == []
        assert operator.explain(number)["actions"] == []


@pytest.mark.parametrize("second", ["approve", "reject"])
def test_the_second_word_is_told_that_somebody_was_faster(
    config: Config, number: int, second: str
) -> None:
    with Operator.of(config) as operator:
        operator.approve(number, "maria")
        with pytest.raises(PermanentFailure, match="not-waiting"):
            getattr(operator, second)(number, "boris")
        assert len(operator.explain(number)["actions"]) == 2


def test_of_many_approvals_at_once_one_counts(config: Config, number: int) -> None:
    outcomes: list[str] = []

    def approve() -> None:
        with Operator.of(config) as operator:
            try:
                outcomes.append(",".join(operator.approve(number, "somebody")))
            except PermanentFailure as failure:
                outcomes.append(failure.reason)

    threads = [threading.Thread(target=approve) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["not-waiting"] * 5 + ["ticket-create,reply"]


def test_the_right_category_lets_a_proven_complete_order_go(config: Config, number: int) -> None:
    with Operator.of(config) as operator:
        assert operator.reclassify(number, "purchase_order", "maria") == "act"
        story = operator.explain(number)
        assert operator.queue() == []
    assert [action["step"] for action in story["actions"]] == ["order-create", "reply"]
    assert story["classification"]["source"] == "person"
    assert story["decision"]["category"] == "purchase_order"


@pytest.mark.parametrize(
    ("verb", "argument", "reason"),
    [
        ("approve", (99, "maria"), "no-such-message"),
        ("reject", (99, "maria"), "no-such-message"),
        ("reclassify", (1, "nonsense", "maria"), "no-such-category"),
        ("explain", (99,), "no-such-message"),
        ("action", (99,), "no-such-action"),
        ("move", (99, "retry", "maria"), "no-such-action"),
    ],
)
def test_what_is_not_there_is_named(
    config: Config, number: int, verb: str, argument: tuple[object, ...], reason: str
) -> None:
    assert number == 1
    with Operator.of(config) as operator, pytest.raises(PermanentFailure) as caught:
        getattr(operator, verb)(*argument)
    assert caught.value.reason == reason
