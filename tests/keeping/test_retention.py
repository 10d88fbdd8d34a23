"""Retention: content first, rows later, and never what somebody still waits for."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from postroom.actions import desk, outbox
from postroom.actions.outbox import GivenUp, Later
from postroom.codec import to_json
from postroom.config import Config
from postroom.decision import Action, Decision, Outcome, Step
from postroom.keeping.retention import purge
from postroom.operating import Operator
from postroom.store import messages
from postroom.store.emptied import is_known
from postroom.store.engine import Database
from postroom.store.schema import ACTION, ATTEMPT, EMPTIED, EVENT, MESSAGE, REVIEW
from tests.fakes.kept import NOW, taken


def _stored(database: Database, number: int) -> messages.StoredMessage | None:
    with database.reading() as connection:
        return messages.message(connection, number)


def test_content_goes_after_its_days_and_the_story_stays(
    config: Config, database: Database
) -> None:
    old = taken(config, database, "anna@kunde.test", days_ago=31)
    young = taken(config, database, "anna@kunde.test", days_ago=29)
    assert purge(config, database, NOW).emptied == 1
    kept, emptied = _stored(database, young), _stored(database, old)
    assert kept and kept.raw and emptied and emptied.raw == b""
    told = json.dumps(Operator(config, database).explain(old), ensure_ascii=False)
    assert "anna" not in told and "secret" not in told
    assert "support" in told and '"new": "taken"' in told
    assert purge(config, database, NOW).emptied == 0, "once is enough"


def test_of_reasons_and_sequences_nothing_is_left_that_names_a_customer(
    config: Config, database: Database
) -> None:
    number = taken(config, database, "anna@kunde.test", days_ago=31, outcome=Outcome.REVIEW)
    order = Action(key="o", step=Step.ORDER_CREATE, body="{}", sequence="o anna@kunde.test 12")
    with database.transaction() as connection:
        quoting = ("order-incomplete: line 1: for Anna; soon: anna", "unsure: of anna")
        decided = to_json(Decision(outcome=Outcome.REVIEW, category="support", reasons=quoting))
        connection.execute(update(MESSAGE).values(decision=decided))
        connection.execute(update(REVIEW).values(reason="; ".join(quoting)))
        approved = messages.ReviewState.APPROVED
        messages.decide_review(connection, number, approved, who="berg", now=NOW, reason="")
        (action,) = outbox.put(connection, number, [order], NOW, "lmtp")
    (leased,) = outbox.lease(database, NOW, 1, 60, "w")
    gone = GivenUp(reason="erp-customer-unknown", detail="anna@kunde.test: not there")
    outbox.finish(database, leased, gone, NOW)
    desk.drop(database, action, NOW, "berg", "done by hand")
    assert purge(config, database, NOW).emptied == 1
    with database.reading() as connection:
        for table in (ACTION, ATTEMPT, REVIEW, EVENT):
            assert "anna" not in str(connection.execute(select(table)).all()).lower(), table.name
        assert connection.scalars(select(REVIEW.c.reason)).all() == ["order-incomplete; unsure"]
        assert connection.scalars(select(ATTEMPT.c.reason)).all() == ["erp-customer-unknown"]
    story = [event.reason for event in desk.show(database, action).events]
    assert "erp-customer-unknown" in story and "done by hand" in story


def test_rows_go_after_the_days_of_the_audit(config: Config, database: Database) -> None:
    old = taken(config, database, "anna@kunde.test", days_ago=91)
    young = taken(config, database, "anna@kunde.test", days_ago=89)
    purged = purge(config, database, NOW)
    assert (purged.deleted, purged.emptied) == (1, 1)
    assert _stored(database, old) is None
    assert _stored(database, young) is not None


def test_what_waits_for_a_person_or_an_action_is_left_alone(
    config: Config, database: Database
) -> None:
    waiting = taken(config, database, "a@kunde.test", days_ago=99, outcome=Outcome.REVIEW)
    unsent = taken(config, database, "b@kunde.test", days_ago=99, done=False)
    purged = purge(config, database, NOW)
    assert (purged.deleted, purged.emptied) == (0, 0)
    for number in (waiting, unsent):
        left = _stored(database, number)
        assert left and left.raw


@pytest.mark.parametrize("state", ["waiting", "dead"])
def test_a_call_of_a_webhook_that_failed_keeps_nothing(
    config: Config, database: Database, state: str
) -> None:
    call = Action(key="call", step=Step.WEBHOOK, body='{"event": "anna@kunde.test"}')
    for days_ago, expected in ((31, "emptied"), (91, "deleted")):
        number = taken(config, database, "anna@kunde.test", days_ago=days_ago)
        with database.transaction() as connection:
            outbox.put(connection, number, [replace(call, key=expected)], NOW, "events")
        (leased,) = outbox.lease(database, NOW, 1, 60, "w", [Step.WEBHOOK])
        end = GivenUp(reason="webhook-gone")
        later = Later(due_at=NOW + timedelta(hours=1), reason="webhook-unreachable")
        outbox.finish(database, leased, end if state == "dead" else later, NOW)
        assert getattr(purge(config, database, NOW), expected) == 1
    with database.reading() as connection:
        assert connection.scalars(
            select(ACTION.c.body).where(ACTION.c.step == "webhook")
        ).all() == ["{}"]


def test_nothing_goes_where_no_age_is_set(config: Config, database: Database) -> None:
    number = taken(config, database, "anna@kunde.test", days_ago=9_999)
    forever = config.retention.model_copy(update={"mail": 0, "audit": 0, "reports": 0})
    purge(config.model_copy(update={"retention": forever}), database, NOW)
    assert _stored(database, number) is not None


def test_an_emptied_message_keeps_its_folder(config: Config, database: Database) -> None:
    old = taken(config, database, "anna@kunde.test", days_ago=31)
    with database.transaction() as connection:
        quarantined = func.replace(MESSAGE.c.decision, '"INBOX"', '"Quarantine"')
        connection.execute(update(MESSAGE).values(decision=quarantined))
    purge(config, database, NOW)
    emptied = _stored(database, old)
    assert emptied and (emptied.raw, emptied.decision.folder) == (b"", "Quarantine")


def test_emptied_messages_are_remembered_by_digests_that_go_with_the_row(
    config: Config, database: Database
) -> None:
    taken(config, database, "anna@kunde.test", sender="bounce@kunde.test", days_ago=31)
    purge(config, database, NOW)
    with database.reading() as connection:
        assert all(is_known(connection, f"{who}@kunde.test") for who in ("anna", "bounce"))
        kept = str(connection.execute(select(EMPTIED)).all())
        assert not is_known(connection, "")
    assert "kunde" not in kept
    purge(config, database, NOW + timedelta(days=60))
    with database.reading() as connection:
        assert connection.execute(select(EMPTIED)).all() == []


@pytest.mark.slow
def test_many_go_in_several_transactions(config: Config, database: Database) -> None:
    for day in range(450):
        taken(config, database, "anna@kunde.test", days_ago=100 + day, done=False)
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE action SET state = 'dropped', finished_at = 1")
    assert purge(config, database, NOW).deleted == 450
