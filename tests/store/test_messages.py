"""Messages, deliveries, reviews: once each, whoever comes how often."""

import dataclasses
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from postroom.classification import Classification
from postroom.decision import Decision, Outcome, Step
from postroom.envelope import Envelope
from postroom.failure import TemporaryFailure
from postroom.order import Delivery, Order, OrderKind, OrderLine, order_key
from postroom.store import messages, repeats
from postroom.store.engine import Database
from postroom.store.messages import NewMessage, ReviewState
from postroom.verdict import DmarcResult, Result, Verdict
from tests.fakes.store import a_database

NOW = datetime(2026, 11, 5, 9, 30, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return a_database(tmp_path)


def a_message(digest: str = "d1", **changes: object) -> NewMessage:
    new = NewMessage(
        digest=digest,
        received_at=NOW,
        raw=b"Subject: x\r\n\r\n\xff\x00\r\n",
        message_id="<1@sender.test>",
        author="Anna@Sender.test",
        subject="Заказ",
        envelope=Envelope(
            sender="a@sender.test", recipients=("info@example.test",), queue_id="4BX1"
        ),
        verdict=Verdict(
            author="anna@sender.test",
            dmarc=DmarcResult(
                result=Result.PASS, domain="sender.test", aligned=("spf:sender.test",)
            ),
        ),
        classification=Classification(category="purchase_order", confidence=0.97, review=False),
        order=Order(kind=OrderKind.ORDER, number="PO 17-a", complete=True),
        decision=Decision(
            outcome=Outcome.ACT, category="purchase_order", steps=(Step.ORDER_CREATE,)
        ),
    )
    return dataclasses.replace(new, **changes)  # type: ignore[arg-type]


def for_review(digest: str = "d1") -> NewMessage:
    decision = Decision(
        outcome=Outcome.REVIEW, category="purchase_order", reasons=("unauthenticated: no proof",)
    )
    return a_message(digest, decision=decision)


def test_what_was_stored_comes_back_as_it_was(database: Database) -> None:
    new = a_message()
    with database.transaction() as connection:
        taken = messages.take(connection, new, ["info@example.test"], who="lmtp")
    with database.reading() as connection:
        stored = messages.message(connection, taken.id)
    assert stored is not None
    expected = dataclasses.asdict(dataclasses.replace(new, author="anna@sender.test"))
    assert dataclasses.asdict(stored) == expected | {"id": taken.id}


def test_a_message_that_is_not_there_is_none(database: Database) -> None:
    with database.reading() as connection:
        assert messages.message(connection, 99) is None
        assert messages.find_by_digest(connection, "nothing") is None


def test_the_same_digest_is_stored_once_and_each_recipient_once(database: Database) -> None:
    with database.transaction() as connection:
        first = messages.take(connection, a_message(), ["info@example.test"], who="lmtp")
        second = messages.take(
            connection, a_message(), ["INFO@Example.test", "orders@example.test"], who="lmtp"
        )
        third = messages.take(connection, a_message(), ["orders@example.test"], who="lmtp")
    assert (first.is_new, first.recipients) == (True, ("info@example.test",))
    assert (second.id, second.is_new) == (first.id, False)
    assert second.recipients == ("orders@example.test",)
    assert third.recipients == ()
    with database.reading() as connection:
        known = messages.find_by_digest(connection, "d1")
    assert known is not None
    assert known.recipients == {"info@example.test", "orders@example.test"}


def test_a_queue_id_alone_or_a_message_id_alone_finds_nothing(database: Database) -> None:
    with database.transaction() as connection:
        messages.take(connection, a_message(), ["info@example.test"], who="lmtp")
    with database.reading() as connection:
        assert messages.find_by_queue_id(connection, "4BX1", "<1@sender.test>") is not None
        assert messages.find_by_queue_id(connection, "4BX1", "") is None
        assert messages.find_by_queue_id(connection, "4BX1", "<2@sender.test>") is None
        assert messages.find_by_queue_id(connection, "", "<1@sender.test>") is None
        assert messages.find_by_queue_id(connection, "4BX2", "<1@sender.test>") is None


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        messages.take(connection, for_review(), ["info@example.test"], who="lmtp")
        raise ZeroDivisionError
    with database.reading() as connection:
        assert messages.find_by_digest(connection, "d1") is None
        assert messages.reviews(connection) == []


def test_ten_threads_with_the_same_message_make_one_row(database: Database) -> None:
    taken: list[messages.Taken] = []

    def bring() -> None:
        with database.transaction() as connection:
            taken.append(messages.take(connection, a_message(), ["info@example.test"], who="lmtp"))

    threads = [threading.Thread(target=bring) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({one.id for one in taken}) == 1
    assert sorted(one.is_new for one in taken) == [False] * 9 + [True]
    assert [one.recipients for one in taken].count(("info@example.test",)) == 1


KNOWN_ORDERS = [
    # author, number, known?
    ("anna@sender.test", "PO 17-a", True),
    ("ANNA@sender.test", "po17-A", True),
    ("anna@sender.test", "PO 18", False),
    ("boris@sender.test", "PO 17-a", False),
    ("anna@sender.test", "", False),
    ("anna@sender.test", "  ", False),
    ("", "PO 17-a", False),
]


@pytest.mark.parametrize(("author", "number", "known"), KNOWN_ORDERS)
def test_an_order_is_known_by_author_and_number(
    database: Database, author: str, number: str, known: bool
) -> None:
    with database.transaction() as connection:
        messages.take(connection, a_message(), ["info@example.test"], who="lmtp")
        assert repeats.known_order(connection, author, number) is known


def test_a_message_does_not_know_its_own_order(database: Database) -> None:
    with database.transaction() as connection:
        messages.take(connection, a_message("d1"), ["info@example.test"], who="lmtp")
        assert not repeats.known_order(connection, "anna@sender.test", "PO17A-", besides="d1")
        assert not repeats.known_order(connection, "anna@sender.test", "PO17-A", besides="d1")
        assert repeats.known_order(connection, "anna@sender.test", "PO17-A", besides="d2")


@pytest.mark.parametrize("kind", [OrderKind.ORDER_CHANGE, OrderKind.INVOICE, OrderKind.NONE])
def test_only_an_order_makes_its_number_known(database: Database, kind: OrderKind) -> None:
    with database.transaction() as connection:
        other = a_message(order=Order(kind=kind, number="PO 17-a"))
        messages.take(connection, other, ["info@example.test"], who="lmtp")
        assert not repeats.known_order(connection, "anna@sender.test", "PO 17-a")


def test_an_order_in_review_is_known_once_it_is_approved(database: Database) -> None:
    with database.transaction() as connection:
        number = messages.take(connection, for_review(), ["info@example.test"], who="lmtp").id
        assert not repeats.known_order(connection, "anna@sender.test", "PO 17-a")
        assert messages.decide_review(connection, number, ReviewState.APPROVED, who="olga", now=NOW)
        assert repeats.known_order(connection, "anna@sender.test", "PO 17-a")


def test_a_rejected_order_stays_unknown(database: Database) -> None:
    with database.transaction() as connection:
        number = messages.take(connection, for_review(), ["info@example.test"], who="lmtp").id
        messages.decide_review(connection, number, ReviewState.REJECTED, who="olga", now=NOW)
        assert not repeats.known_order(connection, "anna@sender.test", "PO 17-a")


def test_endless_order_numbers_are_told_apart_in_little_room() -> None:
    endless = "Ж" * 4_000
    keys = [order_key(number) for number in (endless, endless + "1", endless.lower())]
    assert [len(key) for key in keys] == [200] * 3
    assert keys[0] == keys[2] != keys[1]
    assert order_key(keys[0]) == keys[0]


BOLTS = OrderLine(line=1, description="Bolt  M8", quantity=Decimal("10.0"), unit="pcs")
NUTS = OrderLine(line=2, sku="n-8", quantity=Decimal(3))
NO_NUMBER = Order(kind=OrderKind.ORDER, lines=(BOLTS, NUTS), complete=True)


def _changed(**changes: object) -> Order:
    return dataclasses.replace(
        NO_NUMBER,
        lines=(dataclasses.replace(BOLTS, **changes), NUTS),  # type: ignore[arg-type]
    )


SAME_LINES = [
    # the order, how many days later, known?
    (NO_NUMBER, 0, True),
    (NO_NUMBER, 5, True),
    (NO_NUMBER, -5, True),  # taken while the other waited
    (NO_NUMBER, 7, False),  # ordered every week
    (_changed(description="BOLT M8", quantity=Decimal(10)), 0, True),
    (_changed(unit_price=Decimal(1), source="order.xlsx:A5"), 0, True),
    (dataclasses.replace(NO_NUMBER, lines=(NUTS, BOLTS)), 0, True),
    (_changed(quantity=Decimal(100)), 0, False),
    (_changed(description="Bolt M10"), 0, False),
    (_changed(unit="kg"), 0, False),
    (dataclasses.replace(NO_NUMBER, lines=(BOLTS,)), 0, False),
    (dataclasses.replace(NO_NUMBER, delivery=Delivery(address="Elsewhere 1")), 0, False),
    (dataclasses.replace(NO_NUMBER, delivery=Delivery(date=date(2026, 11, 9))), 0, False),
    (dataclasses.replace(NO_NUMBER, kind=OrderKind.NONE), 0, False),
    (Order(kind=OrderKind.ORDER), 0, False),
]


@pytest.mark.parametrize(("order", "days", "known"), SAME_LINES)
def test_an_order_without_a_number_is_known_by_its_lines_for_some_days(
    database: Database, order: Order, days: int, known: bool
) -> None:
    at = NOW + timedelta(days=days)
    with database.transaction() as connection:
        new = a_message("d1", order=NO_NUMBER)
        messages.take(connection, new, ["info@example.test"], who="lmtp")
        messages.take(connection, a_message("d2", order=Order()), ["x@example.test"], who="lmtp")
        for author, is_theirs in (("anna@sender.test", True), ("boris@sender.test", False)):
            asked = repeats.is_ordered(connection, author, order, at=at, besides="d2")
            assert asked is (known and is_theirs)
        assert not repeats.is_ordered(connection, "anna@sender.test", order, at=at, besides="d1")


def test_an_order_without_a_number_that_was_corrected_is_known_as_it_was_read(
    database: Database,
) -> None:
    person = _changed(sku="B-8")
    with database.transaction() as connection:
        for digest in ("d1", "d2"):
            new = dataclasses.replace(for_review(digest), order=NO_NUMBER)
            messages.take(connection, new, ["info@example.test"], who="lmtp")
        one = messages.message(connection, 1)
        assert one is not None
        fixed = dataclasses.replace(one, order=person)
        assert messages.redecide(connection, fixed, who="olga", now=NOW)
        messages.decide_review(connection, 1, ReviewState.APPROVED, who="olga", now=NOW)
        numbered = dataclasses.replace(person, number="PO 1")
        for order in (NO_NUMBER, person, numbered):  # of the second, as read and as corrected
            asked = repeats.is_ordered(connection, "anna@sender.test", order, at=NOW, besides="d2")
            assert asked


def test_a_message_is_sent_again_when_its_author_s_message_id_was_acted_on(
    database: Database,
) -> None:
    with database.transaction() as connection:
        messages.take(connection, a_message("d1"), ["info@example.test"], who="lmtp")
        waiting = dataclasses.replace(for_review("d2"), message_id="<2@sender.test>")
        messages.take(connection, waiting, ["info@example.test"], who="lmtp")
        for author, message_id, besides, again in (
            ("ANNA@sender.test", "<1@sender.test>", "d9", True),
            ("anna@sender.test", "<1@sender.test>", "d1", False),  # itself
            ("boris@sender.test", "<1@sender.test>", "d9", False),  # anybody may write it
            ("anna@sender.test", "<2@sender.test>", "d9", False),  # nothing followed from it
            ("anna@sender.test", "", "d9", False),
            ("", "<1@sender.test>", "d9", False),
        ):
            said = repeats.is_sent_again(connection, author, message_id, besides=besides)
            assert said is again


def test_only_the_first_word_on_a_review_counts(database: Database) -> None:
    with database.transaction() as connection:
        number = messages.take(connection, for_review(), ["info@example.test"], who="lmtp").id
    later = NOW + timedelta(hours=1)
    with database.transaction() as connection:
        assert messages.decide_review(
            connection, number, ReviewState.REJECTED, who="olga", now=later, reason="spam"
        )
    with database.transaction() as connection:
        assert not messages.decide_review(
            connection, number, ReviewState.APPROVED, who="pavel", now=later
        )
        assert not messages.decide_review(
            connection, 99, ReviewState.APPROVED, who="pavel", now=later
        )
    with database.reading() as connection:
        (review,) = messages.reviews(connection, ReviewState.REJECTED)
        story = messages.events(connection, number)
    assert (review.decided_by, review.decided_at) == ("olga", later)
    assert [(one.kind, one.old, one.new, one.who) for one in story] == [
        ("message", "", "taken", "lmtp"),
        ("review", "", "waiting", "lmtp"),
        ("review", "waiting", "rejected", "olga"),
    ]


def test_reviews_are_listed_oldest_first_with_what_a_person_needs(database: Database) -> None:
    with database.transaction() as connection:
        for days in (2, 1):
            new = dataclasses.replace(
                for_review(f"d{days}"), received_at=NOW - timedelta(days=days)
            )
            messages.take(connection, new, ["info@example.test"], who="lmtp")
        found = messages.reviews(connection)
        assert messages.reviews(connection, limit=1) == found[:1]
    assert [one.created_at for one in found] == [NOW - timedelta(days=2), NOW - timedelta(days=1)]
    assert found[0].reason == "unauthenticated: no proof"
    assert found[0].recipients == ("info@example.test",)
    assert (found[0].author, found[0].subject) == ("anna@sender.test", "Заказ")


def test_reclassifying_changes_a_waiting_message_only(database: Database) -> None:
    decision = Decision(outcome=Outcome.DELIVER, category="hr", folder="HR")
    classification = Classification(category="hr", confidence=1.0, source="person")
    with database.transaction() as connection:
        number = messages.take(connection, for_review(), ["info@example.test"], who="lmtp").id
        before = messages.message(connection, number)
        assert before is not None
        order = Order(kind=OrderKind.ORDER, number=" z-1 ", complete=True)
        corrected = dataclasses.replace(
            before, classification=classification, decision=decision, order=order
        )
        seen = messages.version(connection, number)
        assert messages.redecide(connection, corrected, who="olga", now=NOW)
        assert messages.version(connection, number) > seen
        assert messages.message(connection, number) == corrected
        messages.decide_review(connection, number, ReviewState.APPROVED, who="olga", now=NOW)
        assert repeats.known_order(connection, "anna@sender.test", "Z-1")
        assert not messages.redecide(connection, corrected, who="pavel", now=NOW)
        changes = [one for one in messages.events(connection, number) if one.new == "corrected"]
    assert [(one.who, one.reason) for one in changes] == [("olga", "purchase_order -> hr")]


@pytest.mark.parametrize("text", ["nul \x00 inside", "lone \ud800 surrogate", "x" * 100_000])
def test_text_no_database_likes_is_stored_all_the_same(database: Database, text: str) -> None:
    new = a_message(subject=text, message_id=text, author=text)
    with database.transaction() as connection:
        number = messages.take(connection, new, ["info@example.test"], who=text).id
        stored = messages.message(connection, number)
    assert stored is not None
    assert "\x00" not in stored.subject
    stored.subject.encode()


def test_a_locked_database_is_a_temporary_failure(database: Database, tmp_path: Path) -> None:
    impatient = Database(f"sqlite:///{tmp_path}/postroom.sqlite", busy_timeout_s=0.05)
    with database.transaction():
        with pytest.raises(TemporaryFailure) as caught, impatient.transaction():
            pass
        with impatient.reading() as connection:  # looking is possible meanwhile
            assert messages.find_by_digest(connection, "d1") is None
    assert caught.value.reason == "database"


def test_a_full_disk_is_a_temporary_failure_that_undoes_everything(database: Database) -> None:
    """A page limit makes SQLite say "database or disk is full", as a full disk does."""
    with database.transaction() as connection:
        messages.take(connection, a_message("small"), ["info@example.test"], who="lmtp")
    with pytest.raises(TemporaryFailure) as caught, database.transaction() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 4}")
        large = a_message("large", raw=b"x" * 1_000_000)
        messages.take(connection, large, ["info@example.test"], who="lmtp")
    assert caught.value.reason == "storage-full"
    with database.reading() as connection:
        assert messages.find_by_digest(connection, "large") is None
        assert messages.find_by_digest(connection, "small") is not None
