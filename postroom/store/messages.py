"""Messages, deliveries, reviews and events: typed values in, rows out, and back.

Each function is one named query on a connection the caller opened, so that several make one
transaction (lmtp/intake.py) or none (`postroom queue list`).

What "already taken" means, from strong to weak:

    digest          one row per distinct content (postroom/reading/digest.py says what counts)
    (digest, rcpt)  one delivery per message and recipient, whatever Postfix repeats
    (queue id, Message-ID, rcpt)  the same delivery even when bytes differ, as when a header was
                    added on the way between two attempts

A queue id alone proves nothing: with enable_long_queue_ids = no Postfix makes it from the inode
and the microsecond and uses it again for other mail.

Limits: a message without Message-ID is recognised by its digest only. Over 300 lines because every
query on these four tables stands here and nowhere else.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from postroom.classification import Classification
from postroom.codec import from_json, to_json
from postroom.decision import Decision, Outcome
from postroom.envelope import Envelope
from postroom.failure import token_of
from postroom.order import Order, is_by_lines, order_mark
from postroom.verdict import Verdict

from .schema import DELIVERY, EVENT, MESSAGE, REVIEW


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message with all that was found out and decided, ready to be stored."""

    digest: str  # content digest in hex, the key of the message
    received_at: datetime
    raw: bytes  # as received, CRLF kept
    message_id: str = ""  # Message-ID header, empty when missing
    author: str = ""  # address, empty when not one
    subject: str = ""
    envelope: Envelope
    verdict: Verdict
    classification: Classification
    order: Order
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage(NewMessage):
    """A row of the message table."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An earlier message, and who got it already."""

    id: int
    recipients: frozenset[str]  # lower case


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What `take` changed."""

    id: int
    is_new: bool  # False: the message was known; its business actions exist already
    recipients: tuple[str, ...]  # deliveries that are new, lower case; empty: nothing changed


class ReviewState(Enum):
    """schema.REVIEW_STATES."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One message in review, as the operator's list shows it."""

    message: int
    state: ReviewState
    reason: str
    created_at: datetime
    decided_at: datetime | None
    decided_by: str  # empty while waiting
    author: str
    subject: str
    category: str
    recipients: tuple[str, ...]  # of the envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a message's story."""

    at: datetime
    kind: str  # "message", "review", "action"
    action: int | None
    old: str
    new: str
    who: str
    reason: str


# Statements that every message needs are built once: building costs more than running them.
_ID_OF_DIGEST = select(MESSAGE.c.id).where(MESSAGE.c.digest == bindparam("digest"))
_NEWEST_OF_NAMES = select(func.max(MESSAGE.c.id)).where(
    MESSAGE.c.message_id == bindparam("message_id"), MESSAGE.c.queue_id == bindparam("queue_id")
)
_RECIPIENTS = select(DELIVERY.c.recipient).where(DELIVERY.c.message == bindparam("number"))
_REVIEW = select(
    REVIEW, MESSAGE.c.author, MESSAGE.c.subject, MESSAGE.c.category, MESSAGE.c.envelope
).join(MESSAGE, MESSAGE.c.id == REVIEW.c.message)
_ONE = select(MESSAGE).where(MESSAGE.c.id == bindparam("number"))
_NOTE = insert(EVENT)
_ADD_REVIEW = insert(REVIEW)

# INSERTs that do nothing, and return nothing, when a row with this key exists. On PostgreSQL they
# wait for a concurrent transaction with the same key, so the row they left alone can be read next.
_DIALECTS = {"sqlite": sqlite, "postgresql": postgresql}
_ADD_MESSAGE = {
    name: dialect.insert(MESSAGE)
    .on_conflict_do_nothing(index_elements=["digest"])
    .returning(MESSAGE.c.id)
    for name, dialect in _DIALECTS.items()
}
_ADD_DELIVERY = {
    name: dialect.insert(DELIVERY)
    .on_conflict_do_nothing(index_elements=["message", "recipient"])
    .returning(DELIVERY.c.recipient)
    for name, dialect in _DIALECTS.items()
}


def take(connection: Connection, new: NewMessage, recipients: Iterable[str], *, who: str) -> Taken:
    """Stores a message once, and one delivery per recipient that has none yet.

    Everything is durable when the caller's transaction is. Two connections with the same message
    end in one row: the unique digest decides, the later one sees `is_new=False`.
    """
    inserted = _insert_message(connection, new)
    if inserted is None:
        number = connection.execute(_ID_OF_DIGEST, {"digest": new.digest}).scalar_one()
        return add_recipients(connection, number, recipients, now=new.received_at)
    _note_new(connection, inserted, new, who)
    taken = add_recipients(connection, inserted, recipients, now=new.received_at)
    return replace(taken, is_new=True)


def add_recipients(
    connection: Connection, number: int, recipients: Iterable[str], *, now: datetime
) -> Taken:
    """Adds a delivery for each recipient of a known message that has none yet."""
    added = tuple(
        recipient
        for recipient in dict.fromkeys(recipient.lower() for recipient in recipients)
        if _insert_delivery(connection, number, recipient, now)
    )
    return Taken(id=number, is_new=False, recipients=added)


def find_by_digest(connection: Connection, digest: str) -> Known | None:
    """The message with this content, or None."""
    number = connection.scalar(_ID_OF_DIGEST, {"digest": digest})
    return None if number is None else Known(id=number, recipients=_recipients(connection, number))


def find_by_queue_id(connection: Connection, queue_id: str, message_id: str) -> Known | None:
    """The newest message with this queue id and this Message-ID, or None.

    Both must be given: a queue id alone is used again by Postfix, a Message-ID alone may be
    anybody's.
    """
    if not queue_id or not message_id:
        return None
    names = {"queue_id": clean(queue_id), "message_id": clean(message_id)}
    number = connection.scalar(_NEWEST_OF_NAMES, names)
    return None if number is None else Known(id=number, recipients=_recipients(connection, number))


def message(connection: Connection, number: int) -> StoredMessage | None:
    """The message with our number, raw bytes included, or None."""
    row = connection.execute(_ONE, {"number": number}).one_or_none()
    return None if row is None else _stored(row)


def queue_up(connection: Connection, *names: str) -> None:
    """Makes transactions that name the same thing run one after the other.

    SQLite's write lock does so already; PostgreSQL takes an advisory lock per name, in an order
    that cannot deadlock, and gives it back at the end of the transaction.
    """
    if connection.dialect.name == "postgresql":
        lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
        for name in sorted({clean(name) for name in names if name}):
            connection.execute(lock, {"name": name})


def reviews(
    connection: Connection, state: ReviewState = ReviewState.WAITING, *, limit: int = 1_000
) -> list[Review]:
    """Messages in review in that state, oldest first."""
    rows = connection.execute(
        _REVIEW.where(REVIEW.c.state == state.value)
        .order_by(REVIEW.c.created_at, REVIEW.c.id)
        .limit(limit)
    )
    return [_review(row) for row in rows]


def review(connection: Connection, number: int) -> Review | None:
    """The review of a message, or None when it never was in review."""
    row = connection.execute(_REVIEW.where(REVIEW.c.message == number)).one_or_none()
    return None if row is None else _review(row)


def version(connection: Connection, number: int, *, lock: bool = False) -> int:
    """The number of a message's last change by a person; 0 when there is no such message.

    Every change writes an event, so it grows with each. With `lock` nobody else changes the review
    until the caller's transaction ends.
    """
    if lock:
        connection.execute(select(REVIEW.c.id).where(REVIEW.c.message == number).with_for_update())
    last = connection.scalar(
        select(func.max(EVENT.c.id)).where(EVENT.c.message == number, EVENT.c.kind != "action")
    )
    return int(last or 0)


def decide_review(
    connection: Connection,
    number: int,
    decision: ReviewState,
    *,
    who: str,
    now: datetime,
    reason: str = "",
) -> bool:
    """Writes a person's word on a message that waits; False when somebody else was faster.

    Whoever gets True must do what follows (approved: put the actions) in the same transaction.
    """
    changed = connection.execute(
        update(REVIEW)
        .where(REVIEW.c.message == number, REVIEW.c.state == ReviewState.WAITING.value)
        .values(state=decision.value, decided_at=now.timestamp(), decided_by=clean(who))
    ).rowcount
    if changed:
        note(
            connection,
            message_id=number,
            kind="review",
            old=ReviewState.WAITING.value,
            new=decision.value,
            who=who,
            now=now,
            reason=reason,
        )
    return bool(changed)


def redecide(
    connection: Connection, corrected: StoredMessage, *, who: str, now: datetime, reason: str = ""
) -> bool:
    """Writes another classification, order and decision for a message that waits in review.

    False when it does not wait (any more). Its review is told the new reasons if a person must
    still look; else `decide_review` ends it. `reason` is for the story; empty: what changed.
    """
    number, decision = corrected.id, corrected.decision
    waits = select(REVIEW.c.id).where(
        REVIEW.c.message == number, REVIEW.c.state == ReviewState.WAITING.value
    )
    before = connection.execute(
        select(MESSAGE.c.category, MESSAGE.c.order_number)
        .where(MESSAGE.c.id == number, waits.exists())
        .with_for_update()
    ).one_or_none()
    if before is None:
        return False
    is_moved = before.category != decision.category
    mark = clean(order_mark(corrected.order))
    if is_by_lines(mark) and is_by_lines(before.order_number):
        mark = before.order_number  # as it was read: so it is read when it is sent again
    connection.execute(
        update(MESSAGE)
        .where(MESSAGE.c.id == number)
        .values(
            category=clean(decision.category),
            outcome=decision.outcome.value,
            order_number=mark,
            classification=to_json(corrected.classification),
            order=to_json(corrected.order),
            decision=to_json(decision),
        )
    )
    if decision.outcome is Outcome.REVIEW:
        why = clean("; ".join(decision.reasons))
        connection.execute(update(REVIEW).where(REVIEW.c.message == number).values(reason=why))
    note(
        connection,
        message_id=number,
        kind="message",
        old="taken",
        new="corrected",
        who=who,
        now=now,
        reason=reason or (f"{before.category} -> {decision.category}" if is_moved else "order"),
    )
    return True


def note(
    connection: Connection,
    *,
    message_id: int,
    kind: str,
    old: str,
    new: str,
    who: str,
    now: datetime,
    action: int | None = None,
    reason: str = "",
) -> None:
    """Appends one line to a message's story."""
    connection.execute(
        _NOTE,
        {
            "at": now.timestamp(),
            "message": message_id,
            "action": action,
            "kind": kind,
            "old": old,
            "new": new,
            "who": clean(who),
            "reason": clean(reason),
        },
    )


def events(connection: Connection, number: int) -> list[Event]:
    """A message's story, in the order it happened."""
    rows = connection.execute(select(EVENT).where(EVENT.c.message == number).order_by(EVENT.c.id))
    return [
        Event(
            at=_moment(row.at),
            kind=row.kind,
            action=row.action,
            old=row.old,
            new=row.new,
            who=row.who,
            reason=row.reason,
        )
        for row in rows
    ]


def _insert_message(connection: Connection, new: NewMessage) -> int | None:
    """The new row's id, or None when the digest is known."""
    number: int | None = connection.execute(
        _ADD_MESSAGE[connection.dialect.name],
        {
            "digest": new.digest,
            "queue_id": clean(new.envelope.queue_id)[:64],
            "message_id": clean(new.message_id),
            "received_at": new.received_at.timestamp(),
            "size": len(new.raw),
            "raw": new.raw,
            "author": clean(new.author).lower(),
            "subject": clean(new.subject),
            "category": clean(new.decision.category),
            "outcome": new.decision.outcome.value,
            "order_number": clean(order_mark(new.order)),
            "envelope": to_json(new.envelope),
            "verdict": to_json(new.verdict),
            "classification": to_json(new.classification),
            "order": to_json(new.order),
            "decision": to_json(new.decision),
        },
    ).scalar_one_or_none()
    return number


def _note_new(connection: Connection, number: int, new: NewMessage, who: str) -> None:
    now = new.received_at
    note(connection, message_id=number, kind="message", old="", new="taken", who=who, now=now)
    if new.decision.outcome is Outcome.REVIEW:
        reason = "; ".join(new.decision.reasons)
        waiting = ReviewState.WAITING.value
        row = {"message": number, "state": waiting, "reason": clean(reason)}
        connection.execute(_ADD_REVIEW, row | {"created_at": now.timestamp()})
        note(
            connection,
            message_id=number,
            kind="review",
            old="",
            new=waiting,
            who=who,
            now=now,
            reason="; ".join(map(token_of, new.decision.reasons)),  # rows that are never changed
        )


def _insert_delivery(connection: Connection, number: int, recipient: str, now: datetime) -> bool:
    row = {"message": number, "recipient": clean(recipient), "accepted_at": now.timestamp()}
    statement = _ADD_DELIVERY[connection.dialect.name]
    return connection.execute(statement, row).scalar_one_or_none() is not None


def _recipients(connection: Connection, number: int) -> frozenset[str]:
    return frozenset(connection.scalars(_RECIPIENTS, {"number": number}))


def _review(row: Row[Any]) -> Review:
    return Review(
        message=row.message,
        state=ReviewState(row.state),
        reason=row.reason,
        created_at=_moment(row.created_at),
        decided_at=None if row.decided_at is None else _moment(row.decided_at),
        decided_by=row.decided_by or "",
        author=row.author,
        subject=row.subject,
        category=row.category,
        recipients=from_json(Envelope, row.envelope).recipients,
    )


def _stored(row: Row[Any]) -> StoredMessage:
    columns = row._mapping
    return StoredMessage(
        id=columns["id"],
        digest=columns["digest"],
        received_at=_moment(columns["received_at"]),
        raw=bytes(columns["raw"]),
        message_id=columns["message_id"],
        author=columns["author"],
        subject=columns["subject"],
        envelope=from_json(Envelope, columns["envelope"]),
        verdict=from_json(Verdict, columns["verdict"]),
        classification=from_json(Classification, columns["classification"]),
        order=from_json(Order, columns["order"]),
        decision=from_json(Decision, columns["decision"]),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def clean(value: str) -> str:
    """Text a database takes: PostgreSQL has no NUL, neither has lone surrogates."""
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
