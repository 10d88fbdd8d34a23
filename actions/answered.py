"""What was answered already, and the point of no return of the next answer.

In: the transaction that is about to let a reply go. Out: counts for gates.py, read from the
attempts that were past the point of no return. Counting and committing happen in one
transaction, one worker at a time, so that two replies to one sender cannot both pass a gate that
lets one through. Each count reads an index alone, up to its limit: after ten thousand others of
the day a reply takes some milliseconds more.

Limits: a reply whose fate is unknown counts as sent.
"""

from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    func,
    literal,
    select,
    text,
)

from postroom.config import ReplySection
from postroom.store.schema import ATTEMPT

from .gates import Answered, ReplyFacts
from .outbox import Answers

_LOCK = 5_710_018  # any number of ours; PostgreSQL's advisory locks are named by numbers
_WENT = ATTEMPT.c.outcome.is_(None) | ATTEMPT.c.outcome.in_(("done", "lost"))


def _count(*which: ColumnElement[bool]) -> Select[int]:
    """How many other replies of that kind went since a moment, counted up to a limit."""
    went = select(literal(1)).where(
        ATTEMPT.c.committed_at >= bindparam("since"),
        _WENT,
        ATTEMPT.c.action != bindparam("besides"),
        *which,
    )
    most = bindparam("most", type_=Integer)
    return select(func.count()).select_from(went.limit(most).subquery())


# Built once, because building costs more than running.
_ALL = _count()
_FOR_DOMAIN = _count(ATTEMPT.c.domain == bindparam("of_domain"))
_FOR_PEOPLE = tuple(  # each by an index of its own, which an OR would not use
    _count(column.in_(bindparam("people", expanding=True)))
    for column in (ATTEMPT.c.author, ATTEMPT.c.sender)
)


def one_at_a_time(connection: Connection) -> None:
    """Waits until no other transaction counts replies; SQLite's write lock does so already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})


def answers(facts: ReplyFacts) -> Answers:
    """Whom a reply with these facts answers."""
    return Answers(
        author=facts.author.casefold(), sender=facts.sender.casefold(), domain=facts.aligned_with
    )


def answered(
    connection: Connection, facts: ReplyFacts, action: int, now: datetime, reply: ReplySection
) -> Answered:
    """How many replies went today, and whether this sender got one lately; `action` not counted.

    The counts end at the limits of `reply`.
    """
    asked = answers(facts)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    lately = now - timedelta(seconds=reply.per_sender_interval)
    people = [asked.author, asked.sender]

    def sent(statement: Select[int], since: datetime, most: int, **which: object) -> int:
        bounds = {"since": since.timestamp(), "besides": action, "most": most}
        return connection.execute(statement, bounds | which).scalar_one()

    return Answered(
        today=sent(_ALL, midnight, reply.daily_limit),
        recently=any(sent(one, lately, 1, people=people) for one in _FOR_PEOPLE),
        domain_today=sent(_FOR_DOMAIN, midnight, reply.per_domain_daily, of_domain=asked.domain),
    )
