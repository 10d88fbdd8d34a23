"""What was answered already, and the point of no return of the next answer.

In: the transaction that is about to let a reply go. Out: counts for gates.py, read from the
attempts that were past the point of no return. Counting and committing happen in one
transaction, one worker at a time, so that two replies to one sender cannot both pass a gate that
lets one through.

Limits: a reply whose fate is unknown counts as sent.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, text

from postroom.codec import from_json
from postroom.config import ReplySection
from postroom.envelope import Envelope
from postroom.store.schema import ACTION, ATTEMPT, MESSAGE

from .gates import Answered, ReplyFacts, belongs

_LOCK = 5_710_018  # any number of ours; PostgreSQL's advisory locks are named by numbers
_WENT = ATTEMPT.c.outcome.is_(None) | ATTEMPT.c.outcome.in_(("done", "lost"))


def one_at_a_time(connection: Connection) -> None:
    """Waits until no other transaction counts replies; SQLite's write lock does so already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})


def answered(
    connection: Connection, facts: ReplyFacts, action: int, now: datetime, reply: ReplySection
) -> Answered:
    """How many replies went today, and whether this sender got one lately; `action` not counted."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Answered(
        today=_sent_since(connection, midnight, action),
        recently=_was_answered(
            connection, facts, action, now - timedelta(seconds=reply.per_sender_interval)
        ),
        domain_today=_sent_to_domain(connection, facts, action, midnight),
    )


def _sent_since(connection: Connection, since: datetime, action: int) -> int:
    return connection.execute(
        select(func.count()).where(
            ATTEMPT.c.committed_at >= since.timestamp(), _WENT, ATTEMPT.c.action != action
        )
    ).scalar_one()


def _sent_to_domain(connection: Connection, facts: ReplyFacts, action: int, since: datetime) -> int:
    """Replies to authors under the domain that is authenticated, however they write it."""
    authors = connection.execute(
        select(MESSAGE.c.author)
        .select_from(ATTEMPT)
        .join(ACTION, ACTION.c.id == ATTEMPT.c.action)
        .join(MESSAGE, MESSAGE.c.id == ACTION.c.message)
        .where(ATTEMPT.c.committed_at >= since.timestamp(), _WENT, ATTEMPT.c.action != action)
    ).scalars()
    return sum(belongs(author.rpartition("@")[2], facts.aligned_with) for author in authors)


def _was_answered(connection: Connection, facts: ReplyFacts, action: int, since: datetime) -> bool:
    people = {facts.sender.casefold(), facts.author.casefold()}
    rows = connection.execute(
        select(MESSAGE.c.author, MESSAGE.c.envelope)
        .select_from(ATTEMPT)
        .join(ACTION, ACTION.c.id == ATTEMPT.c.action)
        .join(MESSAGE, MESSAGE.c.id == ACTION.c.message)
        .where(ATTEMPT.c.committed_at >= since.timestamp(), _WENT, ATTEMPT.c.action != action)
    )
    return any(
        {row.author.casefold(), from_json(Envelope, row.envelope).sender.casefold()} & people
        for row in rows
    )
