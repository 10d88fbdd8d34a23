"""Retention: what is kept longer than [retention] says is emptied, then deleted.

In: the configuration and the time. Out: how much went, per kind. Three ages apart:

    mail     the message's bytes and every text read from it are emptied; numbers, dates,
             category, outcome, states and the story stay, so that "what happened to it" can
             still be answered, of each reason the token; and digests of author, sender and order
             (store/emptied.py), so that neither an order nor a person's wish is forgotten
    audit    the rows themselves go, with actions, attempts and events
    reports  DMARC: what was seen, sent, and read from others' reports

A message that somebody or something still waits for is left alone, whatever its age.

Limits: a message whose row is gone would be taken as a new one if it were delivered again, hence
the lower bound of the ages (Postfix gives up after five days); its order's number is new again.
SQLite gives the space back to later messages, not to the file system.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, select, update

from postroom.classification import Classification
from postroom.codec import from_json, to_json
from postroom.config import Config
from postroom.decision import Decision, Outcome
from postroom.envelope import Envelope
from postroom.failure import token_of
from postroom.order import Order, OrderKind, order_name
from postroom.store import emptied
from postroom.store.engine import Database
from postroom.store.messages import ReviewState
from postroom.store.schema import (
    ACTION,
    ATTEMPT,
    DMARC_REPORT,
    DMARC_SEEN,
    DMARC_SENT,
    MESSAGE,
    REVIEW,
)
from postroom.verdict import Verdict

from .deletion import delete_messages, unsettled

_AT_ONCE = 200  # messages in one transaction, so that mail is not kept waiting for its turn
_CONTENT = select(
    MESSAGE.c.id,
    MESSAGE.c.author,
    MESSAGE.c.order_number,
    MESSAGE.c.envelope,
    MESSAGE.c.decision,
    REVIEW.c.state.label("review"),  # null where there never was one
).outerjoin(REVIEW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """How many rows went."""

    emptied: int = 0  # messages that lost their content
    deleted: int = 0  # messages that are gone
    reports: int = 0  # rows of DMARC reports


def purge(config: Config, database: Database, now: datetime) -> Purged:
    """Does what the three ages ask for, in short transactions."""
    ages = config.retention
    purged = Purged(
        deleted=sum(_delete(database, _before(now, ages.audit))) if ages.audit else 0,
        emptied=sum(_empty(database, _before(now, ages.mail))) if ages.mail else 0,
        reports=_reports(database, _before(now, ages.reports)) if ages.reports else 0,
    )
    if purged != Purged():
        database.fold_in()  # SQLite's -wal still has what was there
    return purged


def _before(now: datetime, days: int) -> float:
    return (now - timedelta(days=days)).timestamp()


def _empty(database: Database, before: float) -> Iterator[int]:
    """Empties the content of old messages; how many, transaction by transaction."""
    while True:
        with database.transaction() as connection:
            rows = connection.execute(
                _CONTENT.where(MESSAGE.c.received_at < before, MESSAGE.c.size > 0)
                .where(MESSAGE.c.id.not_in(unsettled()))
                .limit(_AT_ONCE)
            ).all()
            for row in rows:
                _empty_one(connection, row)
        yield len(rows)
        if len(rows) < _AT_ONCE:
            return


def _empty_one(connection: Connection, row: Any) -> None:
    """Empties the message of a row of _CONTENT."""
    number, decided = row.id, from_json(Decision, row.decision)
    is_taken = decided.outcome is Outcome.ACT or row.review == ReviewState.APPROVED.value
    sender = from_json(Envelope, row.envelope).sender.lower()
    order = order_name(row.author, row.order_number) if is_taken else ""
    emptied.remember(connection, number, row.author, sender, order)
    # The folder is for one who gets the message yet: what was in quarantine goes there again.
    decision = Decision(
        outcome=decided.outcome,
        category=decided.category,
        folder=decided.folder,
        reasons=("purged: content older than retention.mail",),
    )
    kept = {
        "raw": b"",
        "size": 0,
        "subject": "",
        "author": "",
        "message_id": "",
        "order_number": "",
        "envelope": to_json(Envelope()),
        "verdict": to_json(Verdict()),
        "classification": to_json(Classification(category=decided.category, review=False)),
        "order": to_json(Order(kind=OrderKind.NONE)),
        "decision": to_json(decision),
    }
    connection.execute(update(MESSAGE).where(MESSAGE.c.id == number).values(**kept))
    # What an action was asked to do quotes the message, its sequence has author and order number
    # (nothing waits for one that has ended), and a reply's attempt names the sender.
    theirs = ACTION.c.message == number
    actions = select(ACTION.c.id).where(theirs)
    tried = ATTEMPT.c.action.in_(actions)
    connection.execute(update(ACTION).where(theirs).values(body="{}", sequence=""))
    connection.execute(update(ATTEMPT).where(tried).values(author="", sender="", domain=""))
    _cut_reasons(connection, ACTION, theirs)
    _cut_reasons(connection, ATTEMPT, tried)
    why = "; ".join(map(token_of, decided.reasons))
    connection.execute(update(REVIEW).where(REVIEW.c.message == number).values(reason=why))


def _cut_reasons(connection: Connection, table: Table, which: ColumnElement[bool]) -> None:
    """Leaves the token of each reason: what follows it may quote the message."""
    rows = connection.execute(select(table.c.id, table.c.reason).where(which)).all()
    for row in rows:
        token = token_of(row.reason)
        if token != row.reason:
            connection.execute(update(table).where(table.c.id == row.id).values(reason=token))


def _delete(database: Database, before: float) -> Iterator[int]:
    while True:
        with database.transaction() as connection:
            numbers = connection.scalars(
                select(MESSAGE.c.id)
                .where(MESSAGE.c.received_at < before)
                .where(MESSAGE.c.id.not_in(unsettled()))
                .limit(_AT_ONCE)
            ).all()
            delete_messages(connection, numbers)
        yield len(numbers)
        if len(numbers) < _AT_ONCE:
            return


def _reports(database: Database, before: float) -> int:
    with database.transaction() as connection:
        return sum(
            connection.execute(delete(column.table).where(column < before)).rowcount
            for column in (DMARC_SEEN.c.at, DMARC_SENT.c.at, DMARC_REPORT.c.taken_at)
        )
