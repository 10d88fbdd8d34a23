"""The operator's desk: what waits for a person, its whole story, and the verbs that move it.

In: an action's number and who asks. Out: typed rows for `postroom queue list` and `queue show`,
figures for the metrics, and state changes that are durable with their event when a verb returns.
A verb never touches an action that a worker holds: it comes back by itself within the lease.

Limits: a list is cut at `limit` rows, oldest first.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    func,
    literal,
    select,
    union_all,
    update,
)

from postroom.decision import Step
from postroom.failure import PermanentFailure
from postroom.store.engine import Database
from postroom.store.schema import ACTION, ATTEMPT, EVENT, MESSAGE, REVIEW, TRANSITIONS

from .outbox import NOT_YET, due_at, moment, tell
from .statements import FIRST_DUE, PRIOR

_STUCK = ("held", "dead", "waiting")
_FORGOTTEN = "forgotten: what it waited for is done; hold and release it, or drop it"
_OPEN = ("pending", "leased", "waiting", "held", "dead")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One thing that waits: an action, or a message in review."""

    kind: str  # "action" or "review"
    id: int  # of the action or the review
    message: int
    step: str  # of the action; empty for a review
    category: str  # of the message
    state: str
    reason: str
    since: datetime  # when the action was planned or the review asked for
    due_at: datetime | None  # next attempt; None for a review or an action that waits for another
    attempts: int  # used since it was planned or retried
    author: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try."""

    number: int
    started_at: datetime
    committed_at: datetime | None  # past the point of no return
    finished_at: datetime | None
    outcome: str  # done, temporary, permanent, lost; empty while open
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of state."""

    at: datetime
    old: str  # empty for the beginning
    new: str
    who: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything about one action."""

    row: QueueRow
    key: str
    after: str  # key of the action waited for, or empty
    version: int  # number of its last change; grows with each
    body: str  # as the ERP or the composer gets it
    result: str
    attempts: tuple[Attempt, ...]
    events: tuple[Event, ...]


def waiting(database: Database, limit: int = 1_000) -> list[QueueRow]:
    """Actions held, dead, backing off or forgotten, then reviews nobody has decided; oldest first.

    Forgotten is one that waits for another that is done: then nobody wakes it any more.
    Raises TemporaryFailure(database).
    """
    is_forgotten = (ACTION.c.due_at >= NOT_YET) & (PRIOR.c.state == "done")
    actions = (
        select(ACTION, MESSAGE.c.category, MESSAGE.c.author, MESSAGE.c.subject)
        .join(MESSAGE, MESSAGE.c.id == ACTION.c.message)
        .join(PRIOR, PRIOR.c.key == ACTION.c.after, isouter=True)
        .where(ACTION.c.state.in_((*_STUCK, "pending")))
        .where((ACTION.c.state != "pending") | is_forgotten)
        .order_by(ACTION.c.id)
        .limit(limit)
    )
    reviews = (
        select(REVIEW, MESSAGE.c.category, MESSAGE.c.author, MESSAGE.c.subject)
        .join(MESSAGE, MESSAGE.c.id == REVIEW.c.message)
        .where(REVIEW.c.state == "waiting")
        .order_by(REVIEW.c.created_at)
        .limit(limit)
    )
    with database.reading() as connection:
        rows = [
            replace(row, reason=_FORGOTTEN) if row.state == "pending" else row
            for row in map(_action_row, connection.execute(actions))
        ]
        rows += [_review_row(row) for row in connection.execute(reviews)]
    return rows


def show(database: Database, action: int) -> Story:
    """The whole story of one action.

    Raises PermanentFailure(no-such-action) and TemporaryFailure(database).
    """
    with database.reading() as connection:
        stories = _stories(connection, ACTION.c.id == action)
    if not stories:
        raise PermanentFailure("no-such-action")
    return stories[0]


def of_message(connection: Connection, message: int) -> list[Story]:
    """The stories of a message's actions, in the order they were planned."""
    return _stories(connection, ACTION.c.message == message)


def _stories(connection: Connection, which: ColumnElement[bool]) -> list[Story]:
    rows = connection.execute(
        select(ACTION, MESSAGE.c.category, MESSAGE.c.author, MESSAGE.c.subject)
        .join(MESSAGE, MESSAGE.c.id == ACTION.c.message)
        .where(which)
        .order_by(ACTION.c.id)
    ).all()
    return [_story(connection, row) for row in rows]


def _story(connection: Connection, row: Row[Any]) -> Story:
    attempts = connection.execute(
        select(ATTEMPT).where(ATTEMPT.c.action == row.id).order_by(ATTEMPT.c.number)
    ).all()
    events = connection.execute(
        select(EVENT).where(EVENT.c.action == row.id).order_by(EVENT.c.id)
    ).all()
    return Story(
        row=_action_row(row),
        key=row.key,
        after=row.after,
        version=max((event.id for event in events), default=0),
        body=row.body,
        result=row.result,
        attempts=tuple(_attempt(attempt) for attempt in attempts),
        events=tuple(
            Event(at=moment(e.at), old=e.old, new=e.new, who=e.who, reason=e.reason) for e in events
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How much waits."""

    states: dict[str, int]  # actions in each state that is not final
    oldest_s: float  # how long the oldest due action has been due; 0 when none is
    reviews: int  # messages waiting for a person


def depth(database: Database, now: datetime) -> Depth:
    """Figures for the metrics; reads only what is not finished.

    Raises TemporaryFailure(database).
    """
    # One state at a time: asked for all at once, a planner may read the finished ones too.
    counts = union_all(
        *(select(literal(state), func.count()).where(ACTION.c.state == state) for state in _OPEN)
    )
    reviews = select(func.count()).where(REVIEW.c.state == "waiting")
    with database.reading() as connection:
        found = {str(state): int(number) for state, number in connection.execute(counts)}
        firsts = [row.at for row in connection.execute(FIRST_DUE) if row.at is not None]
        waiting_reviews = connection.execute(reviews).scalar_one()
    return Depth(
        states={state: found.get(state, 0) for state in _OPEN},
        oldest_s=max(0.0, now.timestamp() - min(firsts, default=now.timestamp())),
        reviews=waiting_reviews,
    )


# The operator's verbs: from which states, to which.
_VERBS: dict[str, tuple[tuple[str, ...], str]] = {
    "hold": (("pending", "waiting"), "held"),
    "release": (("held",), "pending"),
    "retry": (("dead", "waiting"), "pending"),
    "drop": (("pending", "waiting", "held", "dead"), "dropped"),
}
assert all(new in TRANSITIONS[old] for olds, new in _VERBS.values() for old in olds)


def move(
    connection: Connection, action: int, verb: str, now: datetime, who: str, reason: str = ""
) -> None:
    """One of the operator's verbs, in the caller's transaction.

        hold      stops an action that is not being worked on, until `release`
        release   frees a held action: it is due now
        retry     sends a dead action on its way again with all its attempts, or a waiting one now;
                  for a reply that died as "outcome-unknown" the operator accepts that it may
                  arrive twice
        drop      decides that an action shall not happen, nor those that wait for it

    Raises PermanentFailure(no-such-action) or, when the action is in a state that does not allow
    it (perhaps since a moment ago), PermanentFailure(not-possible).
    """
    olds, new = _VERBS[verb]
    row = _locked(connection, action)
    if row is None:
        raise PermanentFailure("no-such-action", ValueError(f"a{action}"))
    if row.state not in olds:
        raise PermanentFailure("not-possible", ValueError(f"it is {row.state}"))
    _change(connection, row, new, now, who, reason)
    if new == "dropped":
        _drop_followers(connection, row, now, who)


def drop_dead(
    connection: Connection, step: Step, most: int, now: datetime, who: str, reason: str = ""
) -> int:
    """Drops up to `most` dead actions of a step, and what waits for them; how many there were."""
    rows = connection.execute(
        select(ACTION)
        .where(ACTION.c.state == "dead", ACTION.c.step == step.value)
        .order_by(ACTION.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        _change(connection, row, "dropped", now, who, reason)
        _drop_followers(connection, row, now, who)
    return len(rows)


def version(connection: Connection, action: int) -> int:
    """The number of an action's last change; nobody else changes it until the transaction ends."""
    _locked(connection, action)
    last = connection.scalar(select(func.max(EVENT.c.id)).where(EVENT.c.action == action))
    return int(last or 0)


def hold(database: Database, action: int, now: datetime, who: str, reason: str = "") -> None:
    """`move` in a transaction of its own; durable."""
    with database.transaction() as connection:
        move(connection, action, "hold", now, who, reason)


def release(database: Database, action: int, now: datetime, who: str, reason: str = "") -> None:
    """`move` in a transaction of its own; durable."""
    with database.transaction() as connection:
        move(connection, action, "release", now, who, reason)


def retry(database: Database, action: int, now: datetime, who: str, reason: str = "") -> None:
    """`move` in a transaction of its own; durable."""
    with database.transaction() as connection:
        move(connection, action, "retry", now, who, reason)


def drop(database: Database, action: int, now: datetime, who: str, reason: str = "") -> None:
    """`move` in a transaction of its own; durable."""
    with database.transaction() as connection:
        move(connection, action, "drop", now, who, reason)


def _locked(connection: Connection, action: int) -> Row[Any] | None:
    """The action's row, which nobody else changes until the transaction ends.

    What it waits for is locked before it: so do workers and `drop`, hence nobody waits in a circle.
    """
    after = connection.scalar(select(ACTION.c.after).where(ACTION.c.id == action))
    if after:
        prior = select(ACTION.c.id).where(ACTION.c.key == after)
        connection.execute(prior.with_for_update(read=True))
    return connection.execute(
        select(ACTION).where(ACTION.c.id == action).with_for_update()
    ).one_or_none()


def _change(
    connection: Connection, row: Row[Any], new: str, now: datetime, who: str, reason: str
) -> None:
    values: dict[str, Any] = {"state": new, "reason": reason, "finished_at": None}
    if new == "pending":
        values["due_at"] = due_at(connection, row.after, now)
    if row.state == "dead" and new == "pending":
        values["attempts"] = 0
    if new == "dropped":
        values["finished_at"] = now.timestamp()
    connection.execute(update(ACTION).where(ACTION.c.id == row.id).values(**values))
    tell(connection, now, row.message, row.id, old=row.state, new=new, who=who, reason=reason)


def _drop_followers(connection: Connection, row: Row[Any], now: datetime, who: str) -> None:
    """What waits for a dropped action can never happen; a plan has no circles, so this ends."""
    followers = connection.execute(
        select(ACTION).where(
            ACTION.c.message == row.message,
            ACTION.c.after == row.key,
            ACTION.c.state.in_(("pending", "waiting", "held", "dead")),
        )
    ).all()
    for follower in followers:
        _change(connection, follower, "dropped", now, who, "after-dropped")
        _drop_followers(connection, follower, now, who)


def _action_row(row: Row[Any]) -> QueueRow:
    return QueueRow(
        kind="action",
        id=row.id,
        message=row.message,
        step=Step(row.step).value,
        category=row.category,
        state=row.state,
        reason=row.reason,
        since=moment(row.created_at),
        due_at=moment(row.due_at) if row.due_at < NOT_YET else None,
        attempts=row.attempts,
        author=row.author,
        subject=row.subject,
    )


def _review_row(row: Row[Any]) -> QueueRow:
    return QueueRow(
        kind="review",
        id=row.id,
        message=row.message,
        step="",
        category=row.category,
        state=row.state,
        reason=row.reason,
        since=moment(row.created_at),
        due_at=None,
        attempts=0,
        author=row.author,
        subject=row.subject,
    )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        number=row.number,
        started_at=moment(row.started_at),
        committed_at=None if row.committed_at is None else moment(row.committed_at),
        finished_at=None if row.finished_at is None else moment(row.finished_at),
        outcome=row.outcome or "",
        reason=row.reason,
    )
