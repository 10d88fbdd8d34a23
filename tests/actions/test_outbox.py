"""The outbox: nothing is lost, nothing is claimed twice, every change leaves an event."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.dialects import sqlite

from postroom.actions import desk, outbox, statements
from postroom.actions.outbox import Done, GivenUp, Later, Leased, Withheld
from postroom.config import WorkerSection
from postroom.decision import Step
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.store.engine import Database
from postroom.store.schema import ACTION, ATTEMPT, EVENT
from tests.fakes.post import NOW, simple_action, take

WORKER = WorkerSection(attempts=3)
LATER = NOW + timedelta(seconds=61)


def put(database: Database, *names: str, step: Step = Step.ORDER_CREATE) -> list[int]:
    message = take(database, "-".join(names) or "none")
    with database.transaction() as connection:
        return outbox.put(connection, message, [simple_action(n, step) for n in names], NOW, "lmtp")


def put_chain(database: Database) -> tuple[int, int]:
    """An ERP action and the reply that waits for it."""
    first = simple_action("order", Step.ORDER_CREATE)
    second = simple_action("reply", Step.REPLY, after=first.key)
    message = take(database, "chain")
    with database.transaction() as connection:
        one, two = outbox.put(connection, message, [first, second], NOW, "lmtp")
    return one, two


def lease_one(database: Database, at: timedelta = timedelta()) -> Leased:
    (leased,) = outbox.lease(database, NOW + at, 1, 60, "host:1:a")
    return leased


def state(database: Database, action: int) -> tuple[str, str]:
    row = desk.show(database, action).row
    return row.state, row.reason


def events(database: Database, action: int) -> list[str]:
    return [f"{e.old} -> {e.new}".strip() for e in desk.show(database, action).events]


def outcomes(database: Database, action: int) -> list[str]:
    return [attempt.outcome for attempt in desk.show(database, action).attempts]


def test_the_attempt_is_written_in_the_transaction_that_claims(database: Database) -> None:
    (action,) = put(database, "a")
    leased = lease_one(database)
    story = desk.show(database, action)
    assert story.row.state == "leased"
    assert [(a.number, a.outcome, a.finished_at) for a in story.attempts] == [(1, "", None)]
    assert leased.attempt == 1


def test_a_done_action_has_its_result_and_its_story(database: Database) -> None:
    (action,) = put(database, "a")
    assert outbox.finish(database, lease_one(database), Done(result="SO-1001"), NOW)
    story = desk.show(database, action)
    assert (story.row.state, story.result) == ("done", "SO-1001")
    assert events(database, action) == ["-> pending", "pending -> leased", "leased -> done"]
    assert outcomes(database, action) == ["done"]


def test_a_leased_action_is_not_leased_again(database: Database) -> None:
    put(database, "a")
    lease_one(database)
    assert outbox.lease(database, NOW, 10, 60, "host:2:b") == []


def test_the_oldest_due_action_comes_first_whatever_its_state(database: Database) -> None:
    (old,) = put(database, "old")
    outbox.finish(
        database, lease_one(database), Later(due_at=NOW - timedelta(hours=1), reason="x"), NOW
    )
    put(database, "new")
    assert lease_one(database).id == old


def test_a_failed_attempt_waits_until_it_is_due(database: Database) -> None:
    (action,) = put(database, "a")
    due_at = NOW + timedelta(seconds=30)
    outbox.finish(database, lease_one(database), Later(due_at=due_at, reason="erp-http-500"), NOW)
    assert state(database, action) == ("waiting", "erp-http-500")
    assert outbox.lease(database, NOW + timedelta(seconds=29), 10, 60, "o") == []
    agenda = outbox.agenda(database, NOW)
    assert (agenda.due, agenda.expired, agenda.next_at) == (False, False, due_at)
    assert lease_one(database, timedelta(seconds=30)).attempt == 2


def test_an_action_given_up_is_a_dead_letter(database: Database) -> None:
    (action,) = put(database, "a")
    outbox.finish(database, lease_one(database), GivenUp(reason="erp-http-422"), NOW)
    assert state(database, action) == ("dead", "erp-http-422")
    assert outbox.lease(database, LATER, 10, 60, "o") == []


def test_a_withheld_reply_is_dropped_with_its_reason(database: Database) -> None:
    (action,) = put(database, "a", step=Step.REPLY)
    outbox.finish(database, lease_one(database), Withheld(reason="reply-withheld:list"), NOW)
    assert state(database, action) == ("dropped", "reply-withheld:list")


def test_a_known_key_changes_nothing(database: Database) -> None:
    message = take(database, "x")
    action = simple_action("a")
    with database.transaction() as connection:
        assert len(outbox.put(connection, message, [action], NOW, "lmtp")) == 1
        changed = replace(action, body="{}")
        assert outbox.put(connection, message, [changed], NOW, "lmtp") == []
    assert lease_one(database).body == action.body


def test_an_action_is_put_with_its_message_or_not_at_all(database: Database) -> None:
    message = take(database, "x")
    with pytest.raises(RuntimeError), database.transaction() as connection:
        outbox.put(connection, message, [simple_action("a")], NOW, "lmtp")
        raise RuntimeError
    assert outbox.lease(database, NOW, 10, 60, "o") == []


# Order: what waits for another action.


def test_a_reply_is_not_due_before_the_order_is_entered(database: Database) -> None:
    order, reply = put_chain(database)
    leased = outbox.lease(database, LATER, 10, 60, "o")
    assert [action.id for action in leased] == [order]
    assert outbox.agenda(database, LATER).due is False
    assert outbox.finish(database, leased[0], Done(result="SO-1001"), LATER)
    (second,) = outbox.lease(database, LATER, 10, 60, "o")
    assert (second.id, second.prior_result) == (reply, "SO-1001")


def test_a_reply_does_not_go_while_the_order_is_a_dead_letter(database: Database) -> None:
    order, reply = put_chain(database)
    outbox.finish(database, lease_one(database), GivenUp(reason="erp-http-422"), NOW)
    assert outbox.lease(database, LATER, 10, 60, "o") == []
    desk.retry(database, order, LATER, "anna")
    leased = lease_one(database, LATER - NOW)
    outbox.finish(database, leased, Done(result="SO-1001"), LATER)
    assert lease_one(database, LATER - NOW).id == reply


def test_dropping_the_order_drops_the_reply_that_waits_for_it(database: Database) -> None:
    order, reply = put_chain(database)
    desk.drop(database, order, NOW, "anna", "test order")
    assert state(database, order) == ("dropped", "test order")
    assert state(database, reply) == ("dropped", "after-dropped")


def test_a_reply_that_nobody_will_wake_is_listed(database: Database) -> None:
    _, reply = put_chain(database)
    outbox.finish(database, lease_one(database), Done(result="SO-1"), NOW)
    with database.transaction() as connection:
        forgotten = {"due_at": outbox.NOT_YET}
        connection.execute(update(ACTION).where(ACTION.c.id == reply).values(**forgotten))
    (row,) = desk.waiting(database)
    assert (row.id, row.state, row.reason.partition(":")[0]) == (reply, "pending", "forgotten")
    desk.hold(database, reply, NOW, "anna")
    desk.release(database, reply, NOW, "anna")
    assert desk.waiting(database) == []
    assert lease_one(database).id == reply


def test_a_released_reply_still_waits_for_its_order(database: Database) -> None:
    order, reply = put_chain(database)
    desk.hold(database, reply, NOW, "anna")
    leased = lease_one(database)
    outbox.finish(database, leased, Done(result="SO-1"), NOW)
    assert outbox.lease(database, NOW, 10, 60, "o") == []
    desk.release(database, reply, NOW, "anna")
    assert lease_one(database).id == reply
    assert order == leased.id


# Leases that run out, workers that come late.


def test_an_expired_lease_comes_back_by_itself(database: Database) -> None:
    (action,) = put(database, "a")
    lease_one(database)
    assert outbox.agenda(database, NOW).expired is False
    assert outbox.agenda(database, LATER).expired is True
    assert outbox.reclaim(database, LATER, WORKER) == 1
    assert state(database, action) == ("pending", "worker-lost")
    assert outcomes(database, action) == ["lost"]
    assert lease_one(database, LATER - NOW).attempt == 2


def test_a_living_lease_is_left_alone(database: Database) -> None:
    (action,) = put(database, "a")
    lease_one(database)
    assert outbox.reclaim(database, NOW + timedelta(seconds=59), WORKER) == 0
    assert state(database, action) == ("leased", "")


def test_what_a_vanished_worker_held_comes_back_at_once(database: Database) -> None:
    (mine,) = put(database, "a")
    lease_one(database)
    (other,) = put(database, "b")
    outbox.lease(database, NOW, 1, 60, "host:2:b")
    assert outbox.owners(database) == {"host:1:a", "host:2:b"}
    assert outbox.reclaim(database, NOW, WORKER, {"host:1:a"}) == 1
    assert state(database, mine)[0] == "pending"
    assert state(database, other)[0] == "leased"


def test_an_action_that_kills_its_worker_is_parked(database: Database) -> None:
    (action,) = put(database, "poison")
    at = NOW
    for _ in range(3):
        assert len(outbox.lease(database, at, 1, 60, "o")) == 1
        at += timedelta(seconds=61)
        outbox.reclaim(database, at, WORKER)
    assert state(database, action) == ("dead", "worker-lost")
    assert outcomes(database, action) == ["lost", "lost", "lost"]


def test_a_delivery_survives_failures_but_not_endless_losses(database: Database) -> None:
    (action,) = put(database, "mail", step=Step.DELIVER)
    at = NOW
    for _ in range(5):
        (leased,) = outbox.lease(database, at, 1, 60, "o")
        outbox.finish(database, leased, Later(due_at=at, reason="lmtp-down"), at)
    for expected in ("pending", "pending", "dead"):
        outbox.lease(database, at, 1, 60, "o")
        at += timedelta(seconds=61)
        outbox.reclaim(database, at, WORKER)
        assert state(database, action)[0] == expected


@pytest.mark.parametrize(
    "end", [Done(result="SO-1"), Later(due_at=NOW, reason="x"), GivenUp(reason="x")]
)
def test_a_late_worker_cannot_finish(database: Database, end: outbox.End) -> None:
    (action,) = put(database, "a")
    late = lease_one(database)
    outbox.reclaim(database, LATER, WORKER)
    fresh = lease_one(database, LATER - NOW)
    assert outbox.finish(database, late, end, LATER) is False
    assert state(database, action)[0] == "leased"
    assert outcomes(database, action) == ["lost", ""]
    assert outbox.finish(database, fresh, Done(result="SO-2"), LATER) is True


def test_a_late_worker_cannot_pass_the_point_of_no_return(database: Database) -> None:
    put(database, "a", step=Step.REPLY)
    late = lease_one(database)
    outbox.reclaim(database, LATER, WORKER)
    lease_one(database, LATER - NOW)
    with pytest.raises(TemporaryFailure, match="lease-lost"):
        with database.transaction() as connection:
            outbox.mark_committed(connection, late, LATER)


# The point of no return.


def commit(database: Database, leased: Leased) -> None:
    with database.transaction() as connection:
        outbox.mark_committed(connection, leased, NOW)


def test_a_reply_lost_past_the_point_of_no_return_is_never_tried_again(
    database: Database,
) -> None:
    (action,) = put(database, "a", step=Step.REPLY)
    commit(database, lease_one(database))
    outbox.reclaim(database, LATER, WORKER)
    assert state(database, action) == ("dead", "outcome-unknown")
    assert outbox.lease(database, LATER, 10, 60, "o") == []


@pytest.mark.parametrize("end", [Later(due_at=NOW, reason="bug"), GivenUp(reason="smtp-550")])
def test_an_unhappy_end_past_the_point_of_no_return_is_unknown(
    database: Database, end: outbox.End
) -> None:
    (action,) = put(database, "a", step=Step.REPLY)
    leased = lease_one(database)
    commit(database, leased)
    assert outbox.finish(database, leased, end, NOW)
    assert state(database, action) == ("dead", "outcome-unknown")
    assert outcomes(database, action) == ["lost"]


def test_a_refusal_takes_the_point_of_no_return_back(database: Database) -> None:
    (action,) = put(database, "a", step=Step.REPLY)
    leased = lease_one(database)
    commit(database, leased)
    with database.transaction() as connection:
        outbox.mark_refused(connection, leased)
    outbox.finish(database, leased, Later(due_at=LATER, reason="smtp-451"), NOW)
    assert state(database, action) == ("waiting", "smtp-451")


# The operator's verbs.


def test_hold_stops_and_release_frees(database: Database) -> None:
    (action,) = put(database, "a")
    desk.hold(database, action, NOW, "anna", "customer called")
    assert state(database, action) == ("held", "customer called")
    assert outbox.lease(database, NOW, 10, 60, "o") == []
    desk.release(database, action, NOW, "anna")
    assert lease_one(database).id == action
    story = desk.show(database, action)
    assert [e.who for e in story.events] == ["lmtp", "anna", "anna", "worker"]


def test_retry_gives_a_dead_letter_all_its_attempts_and_new_numbers(database: Database) -> None:
    (action,) = put(database, "a")
    for _ in range(3):
        outbox.finish(database, lease_one(database), Later(due_at=NOW, reason="x"), NOW)
    outbox.finish(database, lease_one(database), GivenUp(reason="x"), NOW)
    desk.retry(database, action, NOW, "anna")
    leased = lease_one(database)
    assert (leased.attempt, leased.attempts) == (5, 1)


def test_retry_makes_a_waiting_action_due_now(database: Database) -> None:
    (action,) = put(database, "a")
    far = NOW + timedelta(hours=1)
    outbox.finish(database, lease_one(database), Later(due_at=far, reason="x"), NOW)
    desk.retry(database, action, NOW, "anna")
    assert lease_one(database).id == action


@pytest.mark.parametrize(
    ("verb", "states"),
    [
        ("hold", ("leased", "held", "done", "dead", "dropped")),
        ("release", ("leased", "waiting", "done", "dead", "dropped", "pending")),
        ("retry", ("leased", "held", "done", "dropped", "pending")),
        ("drop", ("leased", "done", "dropped")),
    ],
)
def test_a_verb_is_refused_where_it_makes_no_sense(
    database: Database, verb: str, states: tuple[str, ...]
) -> None:
    for wanted in states:
        action = in_state(database, wanted)
        with pytest.raises(PermanentFailure, match="not-possible"):
            getattr(desk, verb)(database, action, NOW, "anna")
        assert state(database, action)[0] == wanted


def in_state(database: Database, wanted: str) -> int:
    (action,) = put(database, f"in-{wanted}")
    match wanted:
        case "held":
            desk.hold(database, action, NOW, "anna")
        case "dropped":
            desk.drop(database, action, NOW, "anna")
        case "leased" | "done" | "dead" | "waiting":
            leased = lease_one(database)
            far = NOW + timedelta(days=1)
            ends: dict[str, outbox.End] = {
                "done": Done(result="1"),
                "dead": GivenUp(reason="x"),
                "waiting": Later(due_at=far, reason="x"),
            }
            if wanted in ends:
                outbox.finish(database, leased, ends[wanted], NOW)
    return action


@pytest.mark.parametrize("verb", ["hold", "release", "retry", "drop"])
def test_a_verb_on_no_action_says_so(database: Database, verb: str) -> None:
    with pytest.raises(PermanentFailure, match="no-such-action"):
        getattr(desk, verb)(database, 4711, NOW, "anna")


def test_the_schema_itself_refuses_a_forbidden_change(database: Database) -> None:
    action = in_state(database, "done")
    with pytest.raises(PermanentFailure), database.transaction() as connection:
        connection.execute(
            update(ACTION).where(ACTION.c.id == action).values(state="pending", finished_at=None)
        )


def test_the_desk_lists_what_is_stuck_and_counts_what_is_open(database: Database) -> None:
    for wanted in ("held", "dead", "waiting", "done", "dropped", "pending"):
        in_state(database, wanted)
    assert [row.state for row in desk.waiting(database)] == ["held", "dead", "waiting"]
    depth = desk.depth(database, NOW + timedelta(seconds=5))
    assert depth.states == {"pending": 1, "leased": 0, "waiting": 1, "held": 1, "dead": 1}
    assert depth.oldest_s == 5


def test_an_action_that_waits_for_another_is_not_late(database: Database) -> None:
    _, reply = put_chain(database)
    lease_one(database)
    assert desk.depth(database, LATER).oldest_s == 0
    assert desk.show(database, reply).row.due_at is None


def test_every_change_of_state_has_its_event(database: Database) -> None:
    """Replays the events and finds the states the table has."""
    for wanted in ("held", "dead", "waiting", "done", "dropped", "leased", "pending"):
        in_state(database, wanted)
    with database.reading() as connection:
        told: dict[int, str] = {}
        for row in connection.execute(select(EVENT).where(EVENT.c.kind == "action")):
            assert told.get(row.action, "") == row.old
            told[row.action] = row.new
        found = connection.execute(select(ACTION.c.id, ACTION.c.state)).all()
        open_attempts = connection.execute(
            select(ATTEMPT.c.action).where(ATTEMPT.c.outcome.is_(None))
        ).scalars()
        leased = [row.id for row in found if row.state == "leased"]
        assert list(open_attempts) == leased
    assert told == {row.id: row.state for row in found}


@pytest.mark.parametrize("waiting", ["pending", "waiting"])
def test_a_claim_reads_the_index_from_its_start(database: Database, waiting: str) -> None:
    wanted = {"wanted": waiting, "of_step": "deliver", "at": NOW.timestamp(), "most": 8}
    query = statements.DUE.params(wanted).compile(
        dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
    )
    with database.reading() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").fetchall()
    steps = [row[3] for row in plan]
    assert steps[0].startswith("SEARCH action USING INDEX ix_action_state_step_due_at (state=? AND")
    assert not any("TEMP B-TREE" in step or step.startswith("SCAN") for step in steps), steps
    # Of those whose turn comes before, only the ones of the same sequence are read.
    assert "SEARCH earlier USING INDEX ix_action_sequence_id (sequence=? AND id<?)" in steps
