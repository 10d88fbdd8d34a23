"""A worker's turn: what ended is recorded and what is due is claimed, together or not at all."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from postroom.actions import desk, outbox
from postroom.actions.outbox import Done, End, GivenUp, Later, Leased
from postroom.actions.turn import Places, Turn, take_turn
from postroom.config import WorkerSection
from postroom.decision import Step
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.store.engine import Database
from tests.fakes.post import NO_CLAIMS, NOW, simple_action, sqlite_url, take

WORKER = WorkerSection(attempts=3, lease=60.0)
ERP = Places(steps=(Step.ORDER_CREATE, Step.INVOICE_UPDATE), free=4)
POSTFIX = Places(steps=(Step.REPLY, Step.FORWARD), free=4)
MAILBOX = Places(steps=(Step.DELIVER,), free=4)
LANES = (ERP, POSTFIX, MAILBOX)


def put(database: Database, name: str, step: Step, sequence: str = "", after: str = "") -> int:
    action = replace(simple_action(name, step, after), sequence=sequence)
    message = take(database, "one message")
    with database.transaction() as connection:
        (number,) = outbox.put(connection, message, [action], NOW, "lmtp")
    return number


def turn(
    database: Database,
    *ended: tuple[Leased, End],
    places: tuple[Places, ...] = LANES,
    after_s: float = 0.0,
) -> Turn:
    return take_turn(database, NOW + timedelta(seconds=after_s), ended, places, "h:1:a", WORKER)


def ids(found: Turn) -> list[int]:
    return [leased.id for leased in found.leased]


def state(database: Database, action: int) -> str:
    return desk.show(database, action).row.state


def test_the_end_of_an_order_and_the_claim_of_its_reply_are_one_commit(
    database: Database,
) -> None:
    order = put(database, "order", Step.ORDER_CREATE)
    reply = put(database, "reply", Step.REPLY, after=simple_action("order").key)
    first = turn(database)
    assert ids(first) == [order]
    second = turn(database, (first.leased[0], Done(result="SO-1")))
    assert second.held == {first.leased[0].lease}
    assert [(one.id, one.prior_result, one.attempt) for one in second.leased] == [
        (reply, "SO-1", 1)
    ]
    assert state(database, order) == "done"
    story = desk.show(database, reply)
    assert [(one.number, one.outcome) for one in story.attempts] == [(1, "")]
    third = turn(database, (second.leased[0], Done(result="4D3F")))
    assert (third.leased, third.agenda.due, third.agenda.next_at) == ([], False, None)
    assert state(database, reply) == "done"


@pytest.mark.parametrize(
    ("end", "goes"),
    [
        (Done(result="x"), True),
        (Later(due_at=NOW + timedelta(seconds=9), reason="erp-http-500"), False),
        (Later(due_at=NOW, reason="erp-http-500"), False),
        (GivenUp(reason="erp-http-422"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_next_of_a_sequence_is_claimed_once_the_one_before_is_done(
    database: Database, end: End, goes: bool
) -> None:
    order = put(database, "order", Step.ORDER_CREATE, "anna 17")
    change = put(database, "change", Step.ORDER_CREATE, "anna 17")
    first = turn(database)
    assert ids(first) == [order]
    assert (change in ids(turn(database, (first.leased[0], end)))) is goes


def test_each_lane_claims_as_many_as_it_has_places(database: Database) -> None:
    orders = [put(database, f"o{n}", Step.ORDER_CREATE) for n in range(3)]
    invoice = put(database, "i", Step.INVOICE_UPDATE)
    mails = [put(database, f"m{n}", Step.DELIVER) for n in range(3)]
    put(database, "f", Step.FORWARD)
    first = (replace(ERP, free=2), replace(POSTFIX, free=0), replace(MAILBOX, free=1))
    assert ids(turn(database, places=first)) == [*orders[:2], mails[0]]
    second = (replace(ERP, free=9), replace(POSTFIX, free=-1))
    assert ids(turn(database, places=second)) == [orders[2], invoice]


def test_a_lost_lease_records_nothing_and_wakes_nobody(database: Database) -> None:
    order = put(database, "order", Step.ORDER_CREATE)
    reply = put(database, "reply", Step.REPLY, after=simple_action("order").key)
    (late,) = turn(database).leased
    outbox.reclaim(database, NOW + timedelta(seconds=61), WORKER)
    found = turn(database, (late, Done(result="SO-1")), after_s=62)
    assert found.held == set()
    assert ids(found) == [order]  # again, and not the reply
    assert (state(database, order), state(database, reply)) == ("leased", "pending")


def test_what_ran_out_is_taken_back_and_claimed(database: Database) -> None:
    order = put(database, "order", Step.ORDER_CREATE)
    turn(database)
    put(database, "mail", Step.DELIVER)
    (mail,) = turn(database, after_s=59).leased
    again = turn(database, (mail, Done(result="x")), after_s=61)
    assert again.held == {mail.lease}
    assert [(one.id, one.attempt) for one in again.leased] == [(order, 2)]
    assert [one.outcome for one in desk.show(database, order).attempts] == ["lost", ""]


def test_a_look_that_finds_nothing_to_do_takes_no_lock(
    database: Database, database_path: Path
) -> None:
    put(database, "reply", Step.REPLY)
    impatient = Database(sqlite_url(database_path), busy_timeout_s=0.05)
    writer = sqlite3.connect(database_path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert turn(impatient, places=(ERP, MAILBOX)).agenda.due
    with pytest.raises(TemporaryFailure, match="database"):
        turn(impatient)
    writer.close()
    impatient.close()


def test_what_cannot_be_claimed_is_not_recorded_either(database: Database) -> None:
    """All of a turn or nothing: the caller knows what to try again."""
    order = put(database, "order", Step.ORDER_CREATE)
    put(database, "reply", Step.REPLY, after=simple_action("order").key)
    (leased,) = turn(database).leased
    with database.transaction() as connection:
        connection.execute(text(NO_CLAIMS))
    with pytest.raises(PermanentFailure):
        turn(database, (leased, Done(result="SO-1")))
    assert state(database, order) == "leased"
    alone = turn(database, (leased, Done(result="SO-1")), places=())
    assert (alone.held, alone.leased) == ({leased.lease}, [])
    assert state(database, order) == "done"
