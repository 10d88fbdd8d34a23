"""The operator's word on what waits: once, recorded, and with what follows from it."""

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from postroom.actions import desk
from postroom.actions.plan import PlannedReply
from postroom.audit import AuditLog
from postroom.classification import Classification
from postroom.classify.similar import SIZE
from postroom.codec import from_json
from postroom.config import Config, ErpSection, ReadingSection, Service
from postroom.corrections import said_and_meant
from postroom.decision import Decision, Outcome, Step
from postroom.envelope import Envelope
from postroom.failure import PermanentFailure
from postroom.operating import Operator
from postroom.order import Order, OrderKind, OrderLine
from postroom.store import labels, likeness, messages, partnumbers
from postroom.store.engine import Database
from postroom.store.schema import ACTION, MESSAGE
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
    number = put_in_review(database)
    database.close()
    return number


UNSURE = Decision(
    outcome=Outcome.REVIEW,
    category="sales",
    steps=(Step.TICKET_CREATE, Step.REPLY),
    template="ticket-acknowledgement",
    ticket_kind="lead",
    reasons=("unsure: sales at 0.60, below the threshold 0.85",),
)


SALES = Classification(category="sales", confidence=0.6)


def put_in_review(
    database: Database,
    digest: str = "d",
    decision: Decision = UNSURE,
    classification: Classification = SALES,
    order: Order = ORDER,
) -> int:
    new = messages.NewMessage(
        digest=digest * 64,
        received_at=datetime(2026, 1, 2, tzinfo=UTC),
        raw=RAW,
        message_id="<12@kunde.test>",
        author="anna@kunde.test",
        subject="Bestellung 12",
        envelope=Envelope(sender="anna@kunde.test", recipients=("info@company.test",)),
        verdict=PROVEN,
        classification=classification,
        order=order,
        decision=decision,
    )
    with database.transaction() as connection:
        return messages.take(connection, new, ["info@company.test"], who="lmtp").id


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


def test_the_time_of_a_reply_runs_from_the_approval(config: Config, number: int) -> None:
    before = datetime.now(UTC)
    with Operator.of(config) as operator:
        operator.approve(number, "maria")
    database = Database(config.store_url)
    with database.reading() as connection:
        query = select(ACTION.c.body).where(ACTION.c.step == Step.REPLY.value)
        reply = from_json(PlannedReply, connection.execute(query).scalar_one())
    database.close()
    assert reply.facts.approved_at is not None
    assert reply.facts.approved_at >= before


def test_what_past_messages_are_like_is_read_once(
    config: Config, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []  # after which message

    def newer(_: object, _features: int, after: int, _most: int) -> list[tuple[int, bytes]]:
        asked.append(after)
        return [(99, bytes(SIZE))]

    monkeypatch.setattr(likeness, "of", lambda *_: bytes(SIZE))
    monkeypatch.setattr(likeness, "newer", newer)
    with Operator.of(config) as operator:
        for _ in range(3):
            assert operator.explain(number)["similar"] == []
    assert asked == [0, 99, 99]


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


# Corrections.

LINES = [
    {"sku": "M8x30", "description": "bolt", "quantity": "12.5", "unit": "kg", "unit_price": "2.4"},
    {"gtin": "4006381333931", "quantity": 3},
]


def test_corrected_lines_are_the_ones_that_are_ordered(config: Config, number: int) -> None:
    given = {"category": "purchase_order", "number": "12-A", "lines": LINES, "currency": "EUR"}
    with Operator.of(config) as operator:
        assert operator.correct(number, "maria", given, reason="unit was kg") == "act"
        story = operator.explain(number)
    order = story["order"]
    assert (order["number"], order["currency"], order["complete"]) == ("12-A", "EUR", True)
    assert [(line["sku"], line["quantity"], line["total"]) for line in order["lines"]] == [
        ("M8x30", "12.5", "30.00"),
        ("", "3", None),
    ]
    assert {line["source"] for line in order["lines"]} == {"person"}
    assert order["total"] is None  # a line has no price
    assert [action["step"] for action in story["actions"]] == ["order-create", "reply"]
    body = json.loads(body_of(config, story["actions"][0]["action"]))
    assert [(line["quantity"], line["unit"]) for line in body["lines"]] == [
        ("12.5", "kg"),
        ("3", ""),
    ]


def body_of(config: Config, action: int) -> str:
    database = Database(config.store_url)
    try:
        return desk.show(database, action).body
    finally:
        database.close()


def test_a_corrected_customer_waits_for_the_last_word(config: Config, number: int) -> None:
    """The category is still unsure, so the message stays in review, with the right customer."""
    with Operator.of(config) as operator:
        given = {"customer": {"name": "Kunde GmbH", "tax_id": "DE1"}}
        assert operator.correct(number, "maria", given) == "review"
        buyer = operator.explain(number)["order"]["buyer"]
        assert (buyer["name"], buyer["tax_id"]) == ("Kunde GmbH", "DE1")
        assert operator.approve(number, "maria") == ["ticket-create", "reply"]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "nothing is corrected"),
        ({"customer": None}, "nothing is corrected"),
        ({"categorie": "sales"}, "categorie"),
        ({"lines": []}, "lines"),
        ({"lines": [{"quantity": "1"}]}, "lines.0: needs a sku"),
        ({"lines": [{"sku": "a", "quantity": "0"}]}, "lines.0.quantity"),
        ({"lines": [{"sku": "a", "quantity": "-1"}]}, "lines.0.quantity"),
        ({"lines": [{"sku": "a", "quantity": "NaN"}]}, "lines.0.quantity"),
        ({"lines": [{"sku": "a", "quantity": "1e400"}]}, "lines.0.quantity"),
        ({"lines": [{"sku": "a", "quantity": "many"}]}, "lines.0.quantity"),
        ({"lines": [{"sku": "a\nb", "quantity": "1"}]}, "lines.0.sku"),
        ({"lines": [{"sku": "a" * 999, "quantity": "1"}]}, "lines.0.sku"),
        ({"lines": [{"sku": "a", "quantity": "1", "colour": "red"}]}, "lines.0.colour"),
        ({"currency": "euro"}, "currency"),
        ({"date": "yesterday"}, "date"),
        ({"customer": {"fax": "1"}}, "customer.fax"),
    ],
)
def test_a_bad_correction_is_named_and_changes_nothing(
    config: Config, number: int, given: dict[str, Any], named: str
) -> None:
    with Operator.of(config) as operator:
        before = operator.explain(number)
        with pytest.raises(PermanentFailure) as caught:
            operator.correct(number, "maria", given)
        assert caught.value.reason == "bad-correction"
        assert named in str(caught.value.cause)
        assert operator.explain(number) == before


def test_what_the_customer_calls_it_is_learnt_from_a_correction(
    config: Config, number: int
) -> None:
    lines = [{"sku": "SKU-830-Z", "quantity": 10}]
    with Operator.of(config) as operator:
        operator.correct(number, "maria", {"category": "purchase_order", "lines": lines})
    assert learnt(config, "mail:anna@kunde.test") == {"m8x30": "SKU-830-Z", "bolt": "SKU-830-Z"}


def test_more_lines_than_were_read_teach_nothing(config: Config, number: int) -> None:
    with Operator.of(config) as operator:
        operator.correct(number, "maria", {"lines": LINES})
    assert learnt(config, "mail:anna@kunde.test") == {}


def learnt(config: Config, customer: str) -> dict[str, str]:
    database = Database(config.store_url)
    try:
        with database.reading() as connection:
            return dict(partnumbers.learnt(connection, customer))
    finally:
        database.close()


def test_what_the_catalogue_found_is_learnt_when_a_person_agrees() -> None:
    found = replace(ORDER, lines=(replace(LINE, product="SKU-830-Z"),))
    assert said_and_meant(found, found) == [("M8x30", "SKU-830-Z"), ("bolt", "SKU-830-Z")]
    assert said_and_meant(ORDER, ORDER) == []


def test_what_people_said_is_kept_for_training(config: Config, number: int) -> None:
    with Operator.of(config) as operator:
        operator.reclassify(number, "support", "maria")
    database = Database(config.store_url)
    with database.reading() as connection:
        (label,) = labels.labels(connection)
        assert labels.labels(connection, after=label.id) == []
    database.close()
    assert (label.message, label.category, label.was, label.who) == (
        number, "support", "sales", "maria",
    )  # fmt: skip


def test_agreement_is_a_label_too_and_rejection_is_none(config: Config, number: int) -> None:
    with Operator.of(config) as operator:
        operator.approve(number, "maria")
    database = Database(config.store_url)
    with database.reading() as connection:
        (label,) = labels.labels(connection)
    database.close()
    assert (label.category, label.was) == ("sales", "sales")


# Nobody decides on what they have not seen.


def test_a_decision_on_what_changed_since_it_was_seen_is_refused(
    config: Config, number: int
) -> None:
    with Operator.of(config) as operator:
        seen = operator.explain(number)["version"]
        operator.correct(number, "boris", {"customer": {"name": "Kunde"}}, version=seen)
        for decide in (
            lambda: operator.approve(number, "maria", version=seen),
            lambda: operator.reject(number, "maria", version=seen),
            lambda: operator.correct(number, "maria", {"category": "support"}, version=seen),
            lambda: operator.forward(number, "hr@company.test", "maria", version=seen),
        ):
            with pytest.raises(PermanentFailure, match="changed-meanwhile"):
                decide()
        assert operator.approve(number, "maria", version=operator.explain(number)["version"])


def test_an_action_that_changed_since_it_was_seen_is_not_moved(config: Config, number: int) -> None:
    with Operator.of(config) as operator:
        operator.approve(number, "maria")
        action = operator.explain(number)["actions"][0]["action"]
        seen = operator.action(action)["version"]
        operator.move(action, "hold", "boris", version=seen, reason="customer called")
        assert operator.action(action)["reason"] == "customer called"
        with pytest.raises(PermanentFailure, match="changed-meanwhile"):
            operator.move(action, "drop", "maria", version=seen)
        operator.move(action, "release", "maria", version=operator.action(action)["version"])


# A correction answers no doubt that it says nothing of.


def held(
    config: Config,
    *reasons: str,
    classification: Classification = replace(SALES, confidence=0.97, review=False),  # noqa: B008
) -> int:
    """A message in review for these reasons, and for no other."""
    database = Database(config.store_url)
    upgrade(database)
    decision = replace(UNSURE, reasons=reasons, folder="Quarantine")
    number = put_in_review(database, decision=decision, classification=classification)
    database.close()
    return number


@pytest.mark.parametrize(
    "doubt",
    [
        "repeated: this queue id and Message-ID came before with other content",
        "unexamined: the examination ended in worker-deadline",
        "quarantine: the border's answer was quarantine",
        "unreadable: reading it ended in worker-memory",
    ],
)
def test_what_was_doubtful_at_receipt_waits_on_after_a_correction(
    config: Config, doubt: str
) -> None:
    number = held(config, doubt)
    with Operator.of(config) as operator:
        for given in ({"customer": {"name": "Kunde GmbH"}}, {"category": "purchase_order"}):
            assert operator.correct(number, "maria", given) == "review"
            decision = operator.explain(number)["decision"]
            assert (decision["reasons"][0], decision["folder"]) == (doubt, "Quarantine")
            assert decision["reasons"].count(doubt) == 1
        assert operator.approve(number, "maria") == ["order-create", "reply"]


def test_who_says_that_it_is_spam_ends_the_review_of_what_was_kept_out(config: Config) -> None:
    number = held(config, "quarantine: the border's answer was quarantine")
    with Operator.of(config) as operator:
        assert operator.reclassify(number, "spam", "maria") == "deliver"
        assert operator.queue() == operator.explain(number)["actions"] == []


def test_what_a_rule_forced_into_review_leaves_it_by_a_persons_category_alone(
    config: Config,
) -> None:
    forced = replace(SALES, confidence=0.97, forced=True)
    number = held(config, "forced: a rule asks for a person", classification=forced)
    with Operator.of(config) as operator:
        assert operator.correct(number, "maria", {"customer": {"name": "Kunde"}}) == "review"
        assert operator.reclassify(number, "sales", "maria") == "act"


# Nobody orders twice without knowing it.


def orders_in_review(config: Config, *digests: str, order: Order = ORDER) -> list[int]:
    """Messages with the same order of the same author, which a person must complete."""
    database = Database(config.store_url)
    upgrade(database)
    decision = Decision(
        outcome=Outcome.REVIEW,
        category="purchase_order",
        steps=(Step.ORDER_CREATE, Step.REPLY),
        template="order-confirmation",
        reasons=("order-incomplete: unit-missing",),
    )
    numbers = [put_in_review(database, digest, decision, order=order) for digest in digests]
    database.close()
    return numbers


def test_an_order_that_was_taken_meanwhile_is_shown_before_it_is_approved(config: Config) -> None:
    first, second = orders_in_review(config, "a", "b")
    with Operator.of(config) as operator:
        seen = operator.explain(first)["version"]
        assert operator.approve(second, "boris") == ["order-create", "reply"]
        with pytest.raises(PermanentFailure, match="changed-meanwhile") as refused:
            operator.approve(first, "maria", version=seen)
        assert str(refused.value.cause).startswith("order-known: order 12")
        story = operator.explain(first)
        assert (story["actions"], story["review"]["state"]) == ([], "waiting")
        assert [reason.split(":")[0] for reason in story["decision"]["reasons"]] == [
            "order-incomplete",
            "order-known",
        ]
        assert "order-known" in operator.queue()[0]["why"]
        with pytest.raises(PermanentFailure, match="changed-meanwhile"):
            operator.approve(first, "maria", version=seen)
        assert operator.approve(first, "maria", version=story["version"])


def test_an_order_without_a_number_that_was_taken_meanwhile_is_shown_too(config: Config) -> None:
    first, second = orders_in_review(config, "a", "b", order=replace(ORDER, number=""))
    with Operator.of(config) as operator:
        assert operator.approve(second, "boris") == ["order-create", "reply"]
        with pytest.raises(PermanentFailure, match="changed-meanwhile") as refused:
            operator.approve(first, "maria")
        assert str(refused.value.cause).startswith("order-known: the same lines")
        fixed = {"category": "purchase_order", "number": "12"}
        assert operator.correct(first, "maria", fixed) == "review"
        assert operator.approve(first, "maria") == ["order-create", "reply"]


def test_of_two_reviews_of_one_order_at_once_one_is_approved(config: Config) -> None:
    outcomes: list[str] = []

    def approve(number: int) -> None:
        with Operator.of(config) as operator:
            try:
                outcomes.append(",".join(operator.approve(number, "somebody")))
            except PermanentFailure as failure:
                outcomes.append(failure.reason)

    threads = [
        threading.Thread(target=approve, args=(number,))
        for number in orders_in_review(config, "a", "b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["changed-meanwhile", "order-create,reply"]


# Forwarding.


def test_a_colleague_gets_the_message_and_the_review_goes_on(config: Config, number: int) -> None:
    with Operator.of(config) as operator:
        action = operator.forward(number, "anton@company.test", "maria")
        assert operator.action(action)["step"] == "forward"
        assert [row["item"] for row in operator.queue()] == [f"m{number}"]
        with pytest.raises(PermanentFailure, match="forwarded-already"):
            operator.forward(number, "anton@company.test", "boris")
        operator.forward(number, "berta@company.test", "maria", close=True)
        assert operator.queue() == []
        assert operator.explain(number)["review"]["state"] == "rejected"


@pytest.mark.parametrize(
    "address", ["o'neil@company.test", "a.b+c_d-e=f@Company.test", "мария@company.test"]
)
def test_a_colleague_may_have_any_plain_name(config: Config, number: int, address: str) -> None:
    with Operator.of(config) as operator:
        assert operator.forward(number, address, "maria") > 0


@pytest.mark.parametrize(
    "address",
    [
        *("", "x", "@company.test", "a@other.test", "a@company.test.evil.test"),
        *("a b@company.test", "a\r\nRCPT@company.test", "a\x00@company.test"),
        *("x%evil.test@company.test", "evil.test!x@company.test", "a@evil.test@company.test"),
        *('"a@evil.test"@company.test', '"a%evil.test"@company.test', '"a"@company.test'),
        *("@evil.test:a@company.test", "<a@evil.test>@company.test", "a\\@evil.test@company.test"),
        *(
            "<a@company.test>",
            "a@evil.test,b@company.test",
            "-oQ/x@company.test",
            "a@company.test ",
        ),
    ],
)
def test_mail_of_customers_goes_to_colleagues_only(
    config: Config, number: int, address: str
) -> None:
    with Operator.of(config) as operator:
        with pytest.raises(PermanentFailure, match="forward-outside"):
            operator.forward(number, address, "maria")
        assert operator.explain(number)["actions"] == []


def test_what_retention_has_emptied_is_not_forwarded_as_nothing(
    config: Config, number: int
) -> None:
    database = Database(config.store_url)
    with database.transaction() as connection:
        connection.execute(update(MESSAGE).values(raw=b"", size=0))
    database.close()
    with Operator.of(config) as operator:
        with pytest.raises(PermanentFailure, match="not-possible"):
            operator.forward(number, "anton@company.test", "maria")
        assert operator.explain(number)["actions"] == []


# Who did what.


def test_every_deed_is_in_the_audit_log_and_nothing_else_is(config: Config, number: int) -> None:
    with Operator.of(config) as operator:
        operator.correct(number, "maria", {"customer": {"name": "Kunde"}}, reason="phoned")
        operator.forward(number, "anton@company.test", "maria")
        operator.approve(number, "boris", reason="fine")
        for verb in ("reject", "approve"):
            with pytest.raises(PermanentFailure):
                getattr(operator, verb)(number, "clara")
        first = operator.explain(number)["actions"][1]["action"]
        operator.move(first, "hold", "maria", reason="wait")
        operator.move(first, "drop", "maria")
        with pytest.raises(PermanentFailure):
            operator.move(first, "release", "clara")
    database = Database(config.store_url)
    log = AuditLog(config)
    told = [(e.who, e.verb, e.subject, e.details) for e in log.entries(database)]
    assert log.problems(database) == []
    database.close()
    assert [row[:3] for row in told] == [
        ("maria", "correct", f"m{number}"),
        ("maria", "forward", f"m{number}"),
        ("boris", "approve", f"m{number}"),
        ("maria", "hold", f"a{first}"),
        ("maria", "drop", f"a{first}"),
    ]
    details = told[0][3]
    assert details is not None
    assert details["changed"] == ["customer.name"]
    assert len(details["order_before"]) == 64 and details["order_before"] != details["order_after"]
    assert (told[2][3] or {})["planned"] == ["ticket-create", "reply"]


def test_the_audit_log_quotes_neither_order_nor_customer(config: Config, number: int) -> None:
    """Its rows outlive the message and whoever is erased."""
    customer = {"name": "Anna Privat", "email": "anna@home.test"}
    lines = [{"sku": "M8x30", "description": "Bolt for Anna", "quantity": "7.5"}]
    given = {"category": "purchase_order", "number": "PO-99", "customer": customer, "lines": lines}
    with Operator.of(config) as operator:
        operator.correct(number, "maria", given)
    database = Database(config.store_url)
    (entry,) = AuditLog(config).entries(database)
    database.close()
    told = json.dumps(entry.details).lower()
    assert not [word for word in ("anna", "m8x30", "bolt", "7.5", "po-99") if word in told]
    assert {"number", "lines", "customer.email"} <= set((entry.details or {})["changed"])
    assert (entry.details or {})["became"] == "purchase_order"


@pytest.mark.parametrize(
    ("verb", "argument", "reason"),
    [
        ("approve", (99, "maria"), "no-such-message"),
        ("reject", (99, "maria"), "no-such-message"),
        ("reclassify", (1, "nonsense", "maria"), "no-such-category"),
        ("correct", (99, "maria", {"category": "support"}), "no-such-message"),
        ("forward", (99, "a@company.test", "maria"), "no-such-message"),
        ("raw", (99,), "no-such-message"),
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
