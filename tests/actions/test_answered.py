"""What was answered already: counted by sender, by domain, and in all."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import update

from postroom.actions import outbox
from postroom.actions.answered import answered, answers
from postroom.actions.gates import Answered, ReplyFacts, ascii_domain, facts_of
from postroom.actions.outbox import Done
from postroom.codec import to_json
from postroom.decision import Step
from postroom.store.engine import Database
from postroom.store.schema import ACTION
from postroom.store.upgrade import upgrade
from tests.fakes import post
from tests.fakes.store import plans

CONFIG = post.config()


def facts(sender: str = "ivan@snab.example", domain: str = "snab.example") -> ReplyFacts:
    found = facts_of(
        message=post.message(), verdict=post.verdict(), classification=post.classification(),
        envelope=post.envelope(), received_at=post.NOW, config=CONFIG, approved=False,
    )  # fmt: skip
    return replace(found, sender=sender, author=sender, aligned_with=domain)


def send(database: Database, name: str, author: str, hours_ago: float = 0.0) -> int:
    """A reply that went out; its action."""
    at = post.NOW - timedelta(hours=hours_ago)
    number = post.take(database, name, author=author, at=at)
    with database.transaction() as connection:
        outbox.put(connection, number, [post.simple_action(name, Step.REPLY)], at, "lmtp")
    (leased,) = outbox.lease(database, at, 1, 60.0, "test")
    domain = ascii_domain(author.rpartition("@")[2]).removeprefix("mail.")
    with database.transaction() as connection:
        outbox.mark_committed(connection, leased, at, answers(facts(author, domain)))
    outbox.finish(database, leased, Done(result="4D3F"), at)
    return leased.id


def count(database: Database, asked: ReplyFacts, besides: int = 0) -> Answered:
    with database.reading() as connection:
        return answered(connection, asked, besides, post.NOW, CONFIG.reply)


def test_replies_are_counted_by_sender_domain_and_day(database: Database) -> None:
    send(database, "1", "ivan@snab.example")
    send(database, "2", "anna@mail.snab.example")
    send(database, "3", "boris@notsnab.example")
    send(database, "4", "clara@snab.example", hours_ago=13)  # yesterday
    assert count(database, facts()) == Answered(today=3, recently=True, domain_today=2)
    other = facts("dora@snab.example")
    assert count(database, other) == Answered(today=3, recently=False, domain_today=2)


@pytest.mark.parametrize("author", ["x@пример.example", "x@xn--e1afmkfd.example"])
def test_a_domain_is_the_same_however_it_is_written(database: Database, author: str) -> None:
    send(database, "1", author)
    asked = facts("y@xn--e1afmkfd.example", "xn--e1afmkfd.example")
    assert count(database, asked).domain_today == 1


def test_the_reply_that_asks_does_not_count_itself(database: Database) -> None:
    own = send(database, "1", "ivan@snab.example")
    assert count(database, facts(), besides=own) == Answered()


def test_a_sender_is_the_same_however_it_is_written(database: Database) -> None:
    send(database, "1", "Ivan@Snab.example")
    assert count(database, facts("ivan@snab.example")).recently


def test_replies_that_went_before_an_upgrade_count_after_it(database: Database) -> None:
    action = send(database, "1", "Ivan@Snab.example")
    old = AlembicConfig()
    old.set_main_option("script_location", "postroom.store:migrations")
    old.set_main_option("path_separator", "os")
    with database.transaction() as connection:
        planned = {"facts": json.loads(to_json(facts("Ivan@Snab.example")))}
        connection.execute(
            update(ACTION).where(ACTION.c.id == action).values(body=json.dumps(planned))
        )
        old.attributes["connection"] = connection
        command.downgrade(old, "0008")
    upgrade(database)
    assert count(database, facts()) == Answered(today=1, recently=True, domain_today=1)


def test_counting_costs_the_same_after_many_replies(database: Database) -> None:
    """Every count is answered by an index that knows the sender, the domain or the limit.

    Where the limit may be high, by the index alone.
    """
    with database.reading() as connection:
        found = plans(connection, lambda: answered(connection, facts(), 0, post.NOW, CONFIG.reply))
    indexes = (
        "COVERING INDEX ix_attempt_committed_at_outcome_action",
        "INDEX ix_attempt_author_committed_at",
        "INDEX ix_attempt_sender_committed_at",
        "COVERING INDEX ix_attempt_domain_committed_at_outcome_action",
    )
    assert len(found) == len(indexes)
    for steps, index in zip(found, indexes, strict=True):
        assert f"SEARCH attempt USING {index} " in " ".join(steps)
