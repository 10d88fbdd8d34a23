"""The outbox: every action from the moment it is planned until it is done or given up.

In: actions, put in the transaction that takes their message; leases and endings from workers
(desk.py has the operator's verbs). Out: rows of `action`, `attempt` and `event`, each change
"old -> new" in the transaction that makes it. What keeps an action from being lost or done twice:

    attempt before act   `lease` writes the attempt in the transaction that claims the action
    leases expire        `reclaim` ends the attempt of a vanished worker as "lost"
    late workers lose    a lease is known by its own name; who no longer holds it changes nothing
    no return            `mark_committed` is written before what cannot be repeated; an attempt
                         that has it and no happy end is "outcome-unknown", never tried again
    order                an action that waits for another (`after`) is not due before that is done

SQLite claims under BEGIN IMMEDIATE, PostgreSQL with FOR UPDATE SKIP LOCKED; both read the index
(state, due_at) from its start, so that a claim costs the same in a table of any size.

Limits: workers on several hosts must agree on the time to within a small part of `worker.lease`.
Over 300 lines because everything a worker may change stands here and nowhere else.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Integer, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from postroom.config import WorkerSection
from postroom.decision import Action, Step
from postroom.failure import TemporaryFailure
from postroom.store.engine import Database
from postroom.store.schema import ACTION, ATTEMPT, EVENT, MESSAGE

from .retry import survives_loss

NOT_YET = 1e11  # due_at of an action that waits for another; far beyond any date
_LONGEST_REASON = 500  # characters
UNKNOWN = "outcome-unknown"  # reason of a dead action that may have happened

_PRIOR = ACTION.alias("prior")
_TRIES = select(func.max(ATTEMPT.c.number)).where(ATTEMPT.c.action == ACTION.c.id).scalar_subquery()
_LATEST = (
    select(func.max(ATTEMPT.c.started_at)).where(ATTEMPT.c.action == ACTION.c.id).scalar_subquery()
)

# The statements of every attempt, built once: building them anew costs more than running them.

# The oldest due actions of one state whose turn it is.
DUE = (
    select(
        ACTION,
        MESSAGE.c.received_at,
        _PRIOR.c.result.label("prior_result"),
        _TRIES.label("tries"),
        _LATEST.label("latest"),
    )
    .join(MESSAGE, MESSAGE.c.id == ACTION.c.message)
    .join(_PRIOR, _PRIOR.c.key == ACTION.c.after, isouter=True)
    .where(
        ACTION.c.state == bindparam("wanted"),
        ACTION.c.due_at <= bindparam("at"),
        (ACTION.c.after == "") | (_PRIOR.c.state == "done"),
    )
    .order_by(ACTION.c.due_at)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(of=ACTION, skip_locked=True)
)
# A claimed action is its new owner's until the lease runs out.
_CLAIM = (
    update(ACTION)
    .where(ACTION.c.id == bindparam("this"))
    .values(
        state="leased",
        attempts=bindparam("new_attempts"),
        lease_until=bindparam("new_until"),
        lease_owner=bindparam("new_owner"),
        reason="",
    )
)
_START = insert(ATTEMPT)
_TELL = insert(EVENT)
# Which of these actions are leased, to whom, and whether past the point of no return.
_HELD = (
    select(ACTION.c.lease_owner, ATTEMPT.c.committed_at)
    .join(ATTEMPT, (ATTEMPT.c.action == ACTION.c.id) & ATTEMPT.c.outcome.is_(None))
    .where(ACTION.c.id.in_(bindparam("ids", expanding=True)), ACTION.c.state == "leased")
    .with_for_update(of=ACTION)
)
_END_ACTION = (
    update(ACTION)
    .where(ACTION.c.id == bindparam("this"))
    .values(
        state=bindparam("new_state"),
        reason=bindparam("new_reason"),
        result=bindparam("new_result"),
        due_at=bindparam("new_due"),
        finished_at=bindparam("new_finished"),
        attempts=ACTION.c.attempts - bindparam("given_back"),
        lease_until=None,
        lease_owner=None,
    )
)
_END_ATTEMPT = (
    update(ATTEMPT)
    .where(ATTEMPT.c.action == bindparam("this"), ATTEMPT.c.number == bindparam("this_number"))
    .values(
        outcome=bindparam("new_outcome"),
        reason=bindparam("new_reason"),
        finished_at=bindparam("now"),
    )
)
# What was postponed was no attempt.
_UNDO_ATTEMPT = delete(ATTEMPT).where(
    ATTEMPT.c.action == bindparam("this"), ATTEMPT.c.number == bindparam("this_number")
)
_WAKE_FOLLOWERS = (
    update(ACTION)
    .where(
        ACTION.c.message == bindparam("its_message"),
        ACTION.c.after == bindparam("its_after"),
        ACTION.c.state == "pending",
    )
    .values(due_at=bindparam("new_due"))
)
_FIRST_DUE = select(func.min(ACTION.c.due_at)).where(ACTION.c.state == bindparam("wanted"))
_FIRST_END = select(func.min(ACTION.c.lease_until)).where(ACTION.c.state == "leased")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """An action in a worker's hands."""

    id: int
    message: int  # its message's row
    key: str
    step: Step
    body: str
    attempt: int  # number of this attempt, 1-based, over the action's whole life
    attempts: int  # tries used of worker.attempts, this one included
    lease: str  # this lease's own name
    lease_until: datetime
    created_at: datetime
    received_at: datetime  # when LMTP took the message
    previous_at: datetime | None = None  # when the attempt before this one began
    prior_result: str = ""  # result of the action waited for, such as the ERP's number


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It happened."""

    result: str  # ERP id, queue id of a reply, file name


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """It did not happen, or nobody knows and repeating is harmless."""

    due_at: datetime
    reason: str
    detail: str = ""  # for the operator; stored beside the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponed:
    """It was not even tried: the attempt does not count."""

    due_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """It will not be tried again by itself."""

    reason: str
    detail: str = ""  # for the operator; stored beside the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """It shall not happen: a gate of the reply is shut."""

    reason: str


End = Done | Later | Postponed | GivenUp | Withheld


def put(
    connection: Connection, message_id: int, actions: Iterable[Action], now: datetime, who: str
) -> list[int]:
    """Adds actions to the caller's transaction; the ids of those that were new.

    An action whose key is known already changes nothing, so that a message taken twice is
    acted on once.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    ids = []
    for action in actions:
        new = connection.execute(
            dialect.insert(ACTION)
            .values(
                message=message_id,
                key=action.key,
                step=action.step.value,
                state="pending",
                body=action.body,
                after=action.after,
                created_at=now.timestamp(),
                due_at=due_at(connection, action.after, now),
            )
            .on_conflict_do_nothing(index_elements=["key"])
            .returning(ACTION.c.id)
        ).scalar()
        if new is not None:
            tell(connection, now, message_id, new, old="", new="pending", who=who)
            ids.append(int(new))
    return ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """What the outbox asks for at one moment."""

    due: bool  # something can be leased now
    expired: bool  # a lease ran out: `reclaim`
    next_at: datetime | None  # when something becomes due or runs out next


def agenda(database: Database, now: datetime) -> Agenda:
    """What is to be done now, and when to look again; takes no lock.

    Raises TemporaryFailure(database).
    """
    at = now.timestamp()
    with database.reading() as connection:
        ready = [
            connection.execute(_FIRST_DUE, {"wanted": state}).scalar()
            for state in ("pending", "waiting")
        ]
        ends = connection.execute(_FIRST_END).scalar()
    times = [t for t in ready if t is not None]
    later = [t for t in (*times, *([] if ends is None else [ends])) if at < t < NOT_YET]
    return Agenda(
        due=any(t <= at for t in times),
        expired=ends is not None and ends <= at,
        next_at=moment(min(later)) if later else None,
    )


def lease(
    database: Database, now: datetime, limit: int, lease_s: float, owner: str
) -> list[Leased]:
    """Claims up to `limit` due actions, oldest first, and writes their attempts; durable.

    Raises TemporaryFailure(database or storage-full); then nothing was claimed.
    """
    at = now.timestamp()
    with database.transaction() as connection:
        rows: list[Row[Any]] = []
        for state in ("pending", "waiting"):
            rows += connection.execute(DUE, {"wanted": state, "at": at, "most": limit}).all()
        rows = sorted(rows, key=lambda row: (row.due_at, row.id))[:limit]
        claims = [_leased(row, owner, at + lease_s) for row in rows]
        if claims:
            connection.execute(_CLAIM, [_claim(claim) for claim in claims])
            connection.execute(_START, [_start(claim, at) for claim in claims])
            connection.execute(
                _TELL,
                [
                    _event(claim, at, row.state, "leased", "")
                    for row, claim in zip(rows, claims, strict=True)
                ],
            )
    return claims


def mark_committed(connection: Connection, leased: Leased, now: datetime) -> None:
    """Says in the caller's transaction that the attempt is past the point of no return.

    Raises TemporaryFailure(lease-lost) when the lease is no longer held: then do not go on.
    """
    held = connection.execute(
        select(ACTION.c.id)
        .where(ACTION.c.id == leased.id, ACTION.c.lease_owner == leased.lease)
        .with_for_update()
    ).scalar()
    if held is None:
        raise TemporaryFailure("lease-lost")
    connection.execute(_attempt(leased).values(committed_at=now.timestamp()))


def mark_refused(connection: Connection, leased: Leased) -> None:
    """Takes `mark_committed` back: the peer said that it did not take it."""
    connection.execute(_attempt(leased).values(committed_at=None))


def finish(database: Database, leased: Leased, end: End, now: datetime) -> bool:
    """`finish_all` for one attempt."""
    return leased.lease in finish_all(database, [(leased, end)], now)


def finish_all(database: Database, ended: Sequence[tuple[Leased, End]], now: datetime) -> set[str]:
    """Records how attempts ended, in one transaction; durable.

    Returns the names of the leases that were still held; of the others nothing is recorded. An
    attempt past the point of no return that does not end as Done is given up as
    "outcome-unknown". Raises TemporaryFailure(database or storage-full); then nothing was
    recorded and calling again is harmless.
    """
    at = now.timestamp()
    with database.transaction() as connection:
        held = {
            row.lease_owner: row.committed_at
            for row in connection.execute(_HELD, {"ids": [leased.id for leased, _ in ended]})
        }
        ours = [(leased, end) for leased, end in ended if leased.lease in held]
        ends = [
            _ended(leased, end, at, committed=held[leased.lease] is not None)
            for leased, end in ours
        ]
        if ends:
            connection.execute(_END_ACTION, ends)
            undone = [end for end in ends if end["given_back"]]
            tried = [end for end in ends if not end["given_back"]]
            if tried:
                connection.execute(_END_ATTEMPT, tried)
            if undone:
                connection.execute(_UNDO_ATTEMPT, undone)
            connection.execute(
                _TELL,
                [
                    _event(leased, at, "leased", end["new_state"], end["new_reason"])
                    for (leased, _), end in zip(ours, ends, strict=True)
                ],
            )
        done = [leased for leased, end in ours if isinstance(end, Done)]
        if done:
            connection.execute(_WAKE_FOLLOWERS, [_follower(leased, at) for leased in done])
    return set(held) & {leased.lease for leased, _ in ended}


def reclaim(
    database: Database, now: datetime, worker: WorkerSection, gone: Collection[str] = ()
) -> int:
    """Takes back what vanished workers held; how many actions that were. Durable.

    A lease is taken back when it ran out, or at once when its owner is one of `gone`. The
    action is pending again; it is dead when it has used up its attempts (reason "worker-lost"),
    or when the attempt was past the point of no return ("outcome-unknown").
    """
    at = now.timestamp()
    with database.transaction() as connection:
        rows = connection.execute(
            select(ACTION).where(ACTION.c.state == "leased").with_for_update(skip_locked=True)
        ).all()
        lost = [r for r in rows if r.lease_until <= at or r.lease_owner.partition("/")[0] in gone]
        for row in lost:
            _lose(connection, row, now, worker)
    return len(lost)


def owners(database: Database) -> set[str]:
    """Who holds leases now."""
    with database.reading() as connection:
        leases = connection.execute(
            select(ACTION.c.lease_owner).where(ACTION.c.state == "leased")
        ).scalars()
        return {str(lease).partition("/")[0] for lease in leases}


def due_at(connection: Connection, after: str, now: datetime) -> float:
    """When an action that waits for `after` may start: now, or not yet."""
    if not after:
        return now.timestamp()
    state = connection.execute(select(ACTION.c.state).where(ACTION.c.key == after)).scalar()
    return now.timestamp() if state == "done" else NOT_YET


def _leased(row: Row[Any], owner: str, until: float) -> Leased:
    number = (row.tries or 0) + 1
    return Leased(
        id=row.id,
        message=row.message,
        key=row.key,
        step=Step(row.step),
        body=row.body,
        attempt=number,
        attempts=row.attempts + 1,
        lease=f"{owner}/{row.id}.{number}",
        lease_until=moment(until),
        created_at=moment(row.created_at),
        received_at=moment(row.received_at),
        previous_at=None if row.latest is None else moment(row.latest),
        prior_result=row.prior_result or "",
    )


def _claim(claim: Leased) -> dict[str, Any]:
    return {
        "this": claim.id,
        "new_attempts": claim.attempts,
        "new_until": claim.lease_until.timestamp(),
        "new_owner": claim.lease,
    }


def _start(claim: Leased, at: float) -> dict[str, Any]:
    return {"action": claim.id, "number": claim.attempt, "started_at": at}


def _ended(leased: Leased, end: End, at: float, *, committed: bool) -> dict[str, Any]:
    """What an ending writes into the action and its attempt."""
    row: dict[str, Any] = {
        "this": leased.id,
        "this_number": leased.attempt,
        "now": at,
        "new_finished": at,
        "new_due": at,
        "new_result": "",
        "new_reason": "",
        "given_back": 0,
    }
    match end:
        case Done(result=result):
            return row | {"new_state": "done", "new_outcome": "done", "new_result": result}
        case _ if committed:
            return row | {"new_state": "dead", "new_outcome": "lost", "new_reason": UNKNOWN}
        case Later(due_at=due_at, reason=reason, detail=detail):
            row |= {"new_finished": None, "new_due": due_at.timestamp()}
            row |= {"new_reason": _explained(reason, detail)}
            return row | {"new_state": "waiting", "new_outcome": "temporary"}
        case Postponed(due_at=due_at, reason=reason):
            row |= {"new_finished": None, "new_due": due_at.timestamp(), "new_reason": reason}
            return row | {"new_state": "waiting", "new_outcome": "temporary", "given_back": 1}
        case GivenUp(reason=reason, detail=detail):
            row |= {"new_reason": _explained(reason, detail)}
            return row | {"new_state": "dead", "new_outcome": "permanent"}
        case Withheld(reason=reason):
            row |= {"new_reason": reason}
            return row | {"new_state": "dropped", "new_outcome": "permanent"}


def _explained(reason: str, detail: str) -> str:
    return f"{reason}: {detail}"[:_LONGEST_REASON] if detail else reason


def _follower(leased: Leased, at: float) -> dict[str, Any]:
    return {"its_message": leased.message, "its_after": leased.key, "new_due": at}


def _event(leased: Leased, at: float, old: str, new: str, reason: str) -> dict[str, Any]:
    return {
        "at": at,
        "message": leased.message,
        "action": leased.id,
        "kind": "action",
        "old": old,
        "new": new,
        "who": "worker",
        "reason": reason,
    }


def _lose(connection: Connection, row: Row[Any], now: datetime, worker: WorkerSection) -> None:
    attempts = connection.execute(
        select(ATTEMPT).where(ATTEMPT.c.action == row.id).order_by(ATTEMPT.c.number)
    ).all()
    losses = 1 + sum(attempt.outcome == "lost" for attempt in attempts)
    survives = survives_loss(Step(row.step), attempts=row.attempts, losses=losses, worker=worker)
    committed = attempts[-1].committed_at is not None
    state = "pending" if survives and not committed else "dead"
    reason = UNKNOWN if committed else "worker-lost"
    connection.execute(
        update(ATTEMPT)
        .where(ATTEMPT.c.id == attempts[-1].id)
        .values(outcome="lost", reason=reason, finished_at=now.timestamp())
    )
    values: dict[str, Any] = {"state": state, "lease_until": None, "lease_owner": None}
    values |= {"reason": reason, "due_at": now.timestamp()}
    values |= {"finished_at": now.timestamp()} if state == "dead" else {}
    connection.execute(update(ACTION).where(ACTION.c.id == row.id).values(**values))
    tell(connection, now, row.message, row.id, old="leased", new=state, who="worker", reason=reason)


def _attempt(leased: Leased) -> Any:
    return update(ATTEMPT).where(ATTEMPT.c.action == leased.id, ATTEMPT.c.number == leased.attempt)


def tell(
    connection: Connection,
    now: datetime,
    message: int,
    action: int,
    *,
    old: str,
    new: str,
    who: str,
    reason: str = "",
) -> None:
    """Writes one event of an action into the caller's transaction."""
    connection.execute(
        insert(EVENT).values(
            at=now.timestamp(),
            message=message,
            action=action,
            kind="action",
            old=old,
            new=new,
            who=who,
            reason=reason,
        )
    )


def moment(seconds: float) -> datetime:
    """A column's seconds as an aware time."""
    return datetime.fromtimestamp(seconds, UTC)
