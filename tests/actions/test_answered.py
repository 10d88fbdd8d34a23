"""What was answered already: counted by sender, by domain, and in all."""

from dataclasses import replace
from datetime import timedelta

import pytest

from postroom.actions import outbox
from postroom.actions.answered import answered
from postroom.actions.gates import Answered, ReplyFacts, facts_of
from postroom.actions.outbox import Done
from postroom.decision import Step
from postroom.store.engine import Database
from tests.fakes import post

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
    with database.transaction() as connection:
        outbox.mark_committed(connection, leased, at)
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
