"""The outbox: every action from the moment it is planned until it is done or given up.

In: actions, put in the transaction that takes their message; leases and endings from workers
(turn.py joins them in one transaction, desk.py has the operator's verbs). Out: rows of `action`,
`attempt` and `event`, each change "old -> new" in the transaction that makes it. What keeps an
action from being lost or done twice:

    attempt before act   `lease` writes the attempt in the transaction that claims the action
    leases expire        `reclaim` ends the attempt of a vanished worker as "lost"
    late workers lose    a lease is known by its own name; who no longer holds it changes nothing
    no return            `mark_committed` is written before what cannot be repeated; an attempt
                         that has it and no happy end is "outcome-unknown", never tried again
    order                an action that waits for another (`after`) is not due before that is done;
                         of those with the same `sequence` an earlier one must be done or dropped

SQLite claims under BEGIN IMMEDIATE, PostgreSQL with FOR UPDATE SKIP LOCKED; both read the index
(state, step, due_at) from the start of each step asked for, so that a claim costs the same in a
table of any size, and a step that is held up costs the others nothing.

Limits: workers on several hosts must agree on the time to within a small part of `worker.lease`.
Over 300 lines because everything a worker may change stands here and nowhere else; its SQL is in
statements.py.
"""

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from postroom.config import WorkerSection
from postroom.decision import Action, Step
from postroom.failure import TemporaryFailure, token_of
from postroom.store.engine import Database
from postroom.store.schema import ACTION, ATTEMPT

from .retry import survives_loss
from .statements import (
    ADD,
    AGENDA,
    CLAIM,
    COMMIT,
    DUE,
    END_ACTION,
    END_ATTEMPT,
    HELD,
    HOLDS,
    READY,
    REFUSE,
    START,
    TELL,
    UNDO_ATTEMPT,
    WAKE_FOLLOWERS,
)

NOT_YET = 1e11  # due_at of an action that waits for another; far beyond any date
_LONGEST_REASON = 500  # characters
UNKNOWN = "outcome-unknown"  # reason of a dead action that may have happened


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
    previous_at: datetime | None = None  # when the attempt before this one ended
    prior_result: str = ""  # result of the action waited for, such as the ERP's number


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Whom a reply goes to, as answered.py counts it."""

    author: str  # case-folded address
    sender: str  # likewise, of MAIL FROM
    domain: str  # the organizational domain that was proven


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
    counts: bool = True  # against worker.attempts


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
    ids = []
    for action in actions:
        row = {
            "message": message_id,
            "key": action.key,
            "step": action.step.value,
            "state": "pending",
            "body": action.body,
            "after": action.after,
            "sequence": action.sequence,
            "created_at": now.timestamp(),
            "due_at": due_at(connection, action.after, now),
        }
        new = connection.execute(ADD[connection.dialect.name], row).scalar()
        if new is not None:
            tell(connection, now, message_id, new, old="", new="pending", who=who)
            ids.append(int(new))
    return ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """What the outbox asks for at one moment."""

    ready: frozenset[tuple[Step, str]]  # something of this step and state can be leased now
    expired: bool  # a lease ran out: `reclaim`
    next_at: datetime | None  # when something becomes due or runs out next

    @property
    def due(self) -> bool:
        """Something can be leased now."""
        return bool(self.ready)


def agenda(database: Database, now: datetime) -> Agenda:
    """What is to be done now, and when to look again; takes no lock.

    Raises TemporaryFailure(database).
    """
    with database.reading() as connection:
        return look(connection, now)


def look(connection: Connection, now: datetime) -> Agenda:
    """`agenda`, as the caller's transaction sees it."""
    at = now.timestamp()
    firsts = [row for row in connection.execute(AGENDA) if row.at is not None]
    later = [row.at for row in firsts if at < row.at < NOT_YET]
    past = [row for row in firsts if row.at <= at]
    return Agenda(
        ready=frozenset((Step(row.step), row.state) for row in past if row.state in READY),
        expired=any(row.state not in READY for row in past),
        next_at=moment(min(later)) if later else None,
    )


def lease(
    database: Database,
    now: datetime,
    limit: int,
    lease_s: float,
    owner: str,
    steps: Collection[Step] = tuple(Step),
) -> list[Leased]:
    """Claims up to `limit` due actions of these steps, oldest first, and writes their attempts.

    Durable on return. Raises TemporaryFailure(database or storage-full); then nothing was claimed.
    """
    asked = list(itertools.product(steps, READY))
    with database.transaction() as connection:
        return claim(connection, now, [(asked, limit)], lease_s, owner)


def claim(
    connection: Connection,
    now: datetime,
    wanted: Iterable[tuple[Collection[tuple[Step, str]], int]],
    lease_s: float,
    owner: str,
) -> list[Leased]:
    """`lease` in the caller's transaction: of each group of steps and states, up to its limit."""
    at = now.timestamp()
    rows: list[Row[Any]] = []
    for asked, limit in wanted:
        found: list[Row[Any]] = []
        for step, state in asked:
            which = {"wanted": state, "of_step": step.value, "at": at, "most": limit}
            found += connection.execute(DUE, which).all()
        rows += sorted(found, key=lambda row: (row.due_at, row.id))[:limit]
    claims = [_leased(row, owner, at + lease_s) for row in rows]
    if claims:
        connection.execute(CLAIM, [_claim(one) for one in claims])
        connection.execute(
            START,
            [{"action": one.id, "number": one.attempt, "started_at": at} for one in claims],
        )
        connection.execute(
            TELL, [_event(row.message, row.id, at, row.state, "leased") for row in rows]
        )
    return claims


def mark_committed(
    connection: Connection, leased: Leased, now: datetime, answers: Answers | None = None
) -> None:
    """Says in the caller's transaction that the attempt is past the point of no return.

    Raises TemporaryFailure(lease-lost) when the lease is no longer held: then do not go on.
    """
    which = {"this": leased.id, "its_lease": leased.lease}
    if connection.execute(HOLDS, which).scalar() is None:
        raise TemporaryFailure("lease-lost")
    whom = answers or Answers(author="", sender="", domain="")
    connection.execute(
        COMMIT,
        {
            "this": leased.id,
            "this_number": leased.attempt,
            "now": now.timestamp(),
            "its_author": whom.author,
            "its_sender": whom.sender,
            "its_domain": whom.domain,
        },
    )


def mark_refused(connection: Connection, leased: Leased) -> None:
    """Takes `mark_committed` back: the peer said that it did not take it."""
    connection.execute(REFUSE, {"this": leased.id, "this_number": leased.attempt})


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
    with database.transaction() as connection:
        return record(connection, ended, now)


def record(connection: Connection, ended: Sequence[tuple[Leased, End]], now: datetime) -> set[str]:
    """`finish_all` in the caller's transaction."""
    at = now.timestamp()
    held = {
        row.lease_owner: row.committed_at
        for row in connection.execute(HELD, {"ids": [leased.id for leased, _ in ended]})
    }
    ours = [(leased, end) for leased, end in ended if leased.lease in held]
    ends = [
        _ended(leased, end, at, committed=held[leased.lease] is not None) for leased, end in ours
    ]
    if ends:
        connection.execute(END_ACTION, ends)
        undone = [end for end in ends if end["undo"]]
        tried = [end for end in ends if not end["undo"]]
        if tried:
            connection.execute(END_ATTEMPT, tried)
        if undone:
            connection.execute(UNDO_ATTEMPT, undone)
        connection.execute(
            TELL,
            [
                # Events are never changed: what retention has to take stands with the attempt.
                _event(one.message, one.id, at, "leased", end["new_state"], reason=token)
                for (one, _), end in zip(ours, ends, strict=True)
                for token in (token_of(end["new_reason"]),)
            ],
        )
    if done := [leased for leased, end in ours if isinstance(end, Done)]:
        connection.execute(
            WAKE_FOLLOWERS,
            [{"its_message": one.message, "its_after": one.key, "new_due": at} for one in done],
        )
    return {leased.lease for leased, _ in ours}


def reclaim(
    database: Database, now: datetime, worker: WorkerSection, gone: Collection[str] = ()
) -> int:
    """Takes back what vanished workers held; how many actions that were. Durable.

    A lease is taken back when it ran out, or at once when its owner is one of `gone`. The
    action is pending again; it is dead when it has used up its attempts (reason "worker-lost"),
    or when the attempt was past the point of no return ("outcome-unknown").
    """
    with database.transaction() as connection:
        return take_back(connection, now, worker, gone)


def take_back(
    connection: Connection, now: datetime, worker: WorkerSection, gone: Collection[str] = ()
) -> int:
    """`reclaim` in the caller's transaction."""
    at = now.timestamp()
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
    """When an action that waits for `after` may start: now, or not yet.

    Waits for who is just ending that, and keeps it from ending before the transaction does: whoever
    ends it wakes only the followers that it sees (WAKE_FOLLOWERS).
    """
    if not after:
        return now.timestamp()
    prior = select(ACTION.c.state).where(ACTION.c.key == after).with_for_update(read=True)
    state = connection.execute(prior).scalar()
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
        "undo": False,
    }
    match end:
        case Done(result=result):
            return row | {"new_state": "done", "new_outcome": "done", "new_result": result}
        case _ if committed:
            return row | {"new_state": "dead", "new_outcome": "lost", "new_reason": UNKNOWN}
        case Later(due_at=due_at, reason=reason, detail=detail, counts=counts):
            row |= {"new_finished": None, "new_due": due_at.timestamp()}
            row |= {"given_back": int(not counts)}
            row |= {"new_reason": _explained(reason, detail)}
            return row | {"new_state": "waiting", "new_outcome": "temporary"}
        case Postponed(due_at=due_at, reason=reason):
            row |= {"new_finished": None, "new_due": due_at.timestamp(), "new_reason": reason}
            return row | {
                "new_state": "waiting",
                "new_outcome": "temporary",
                "given_back": 1,
                "undo": True,
            }
        case GivenUp(reason=reason, detail=detail):
            row |= {"new_reason": _explained(reason, detail)}
            return row | {"new_state": "dead", "new_outcome": "permanent"}
        case Withheld(reason=reason):
            row |= {"new_reason": reason}
            return row | {"new_state": "dropped", "new_outcome": "permanent"}


def _explained(reason: str, detail: str) -> str:
    return f"{reason}: {detail}"[:_LONGEST_REASON] if detail else reason


def _event(
    message: int, action: int, at: float, old: str, new: str, who: str = "worker", reason: str = ""
) -> dict[str, Any]:
    return {
        "at": at,
        "message": message,
        "action": action,
        "kind": "action",
        "old": old,
        "new": new,
        "who": who,
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
    connection.execute(TELL, _event(message, action, now.timestamp(), old, new, who, reason))


def moment(seconds: float) -> datetime:
    """A column's seconds as an aware time."""
    return datetime.fromtimestamp(seconds, UTC)
