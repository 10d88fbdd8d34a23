"""The outbox's SQL: each statement by name, built once, because building costs more than running.

In: bound values. Out: rows. outbox.py runs them in its transactions.
"""

from sqlalchemy import (
    Integer,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from postroom.decision import Step
from postroom.store.schema import ACTION, ATTEMPT, EVENT, MESSAGE

READY = ("pending", "waiting")  # the states from which an action is leased
PRIOR = ACTION.alias("prior")
EARLIER = ACTION.alias("earlier")
OVERTAKES = (
    select(literal(1))
    .where(
        EARLIER.c.sequence == ACTION.c.sequence,
        # Said again for the index of sequences alone: without it every earlier action is read.
        EARLIER.c.sequence != "",
        EARLIER.c.id < ACTION.c.id,
        EARLIER.c.state.not_in(("done", "dropped")),
    )
    .exists()
)
TRIES = select(func.max(ATTEMPT.c.number)).where(ATTEMPT.c.action == ACTION.c.id).scalar_subquery()
# When the attempt before ended, or was found to have ended: no request of it began later.
LATEST = (
    select(func.max(func.coalesce(ATTEMPT.c.finished_at, ATTEMPT.c.started_at)))
    .where(ATTEMPT.c.action == ACTION.c.id)
    .scalar_subquery()
)

# The oldest due actions of one state and step whose turn it is.
DUE = (
    select(
        ACTION,
        MESSAGE.c.received_at,
        PRIOR.c.result.label("prior_result"),
        TRIES.label("tries"),
        LATEST.label("latest"),
    )
    .join(MESSAGE, MESSAGE.c.id == ACTION.c.message)
    .join(PRIOR, PRIOR.c.key == ACTION.c.after, isouter=True)
    .where(
        ACTION.c.state == bindparam("wanted"),
        ACTION.c.step == bindparam("of_step"),
        ACTION.c.due_at <= bindparam("at"),
        (ACTION.c.after == "") | (PRIOR.c.state == "done"),
        (ACTION.c.sequence == "") | ~OVERTAKES,
    )
    .order_by(ACTION.c.due_at)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(of=ACTION, skip_locked=True)
)
# A claimed action is its new owner's until the lease runs out.
CLAIM = (
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
ADD = {
    name: dialect.insert(ACTION)
    .on_conflict_do_nothing(index_elements=["key"])
    .returning(ACTION.c.id)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
START = insert(ATTEMPT)
TELL = insert(EVENT)
# Is the action still leased by this lease; then its attempt passes the point of no return (COMMIT),
# or the peer says that it did not (REFUSE).
HOLDS = (
    select(ACTION.c.id)
    .where(ACTION.c.id == bindparam("this"), ACTION.c.lease_owner == bindparam("its_lease"))
    .with_for_update()
)
_THIS_ATTEMPT = and_(
    ATTEMPT.c.action == bindparam("this"), ATTEMPT.c.number == bindparam("this_number")
)
COMMIT = (
    update(ATTEMPT)
    .where(_THIS_ATTEMPT)
    .values(
        committed_at=bindparam("now"),
        author=bindparam("its_author"),
        sender=bindparam("its_sender"),
        domain=bindparam("its_domain"),
    )
)
REFUSE = update(ATTEMPT).where(_THIS_ATTEMPT).values(committed_at=None)
# Which of these actions are leased, to whom, and whether past the point of no return.
HELD = (
    select(ACTION.c.lease_owner, ATTEMPT.c.committed_at)
    .join(ATTEMPT, (ATTEMPT.c.action == ACTION.c.id) & ATTEMPT.c.outcome.is_(None))
    .where(ACTION.c.id.in_(bindparam("ids", expanding=True)), ACTION.c.state == "leased")
    .with_for_update(of=ACTION)
)
END_ACTION = (
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
END_ATTEMPT = (
    update(ATTEMPT)
    .where(_THIS_ATTEMPT)
    .values(
        outcome=bindparam("new_outcome"),
        reason=bindparam("new_reason"),
        finished_at=bindparam("now"),
    )
)
# What was postponed was no attempt.
UNDO_ATTEMPT = delete(ATTEMPT).where(_THIS_ATTEMPT)
WAKE_FOLLOWERS = (
    update(ACTION)
    .where(
        ACTION.c.message == bindparam("its_message"),
        ACTION.c.after == bindparam("its_after"),
        ACTION.c.state == "pending",
    )
    .values(due_at=bindparam("new_due"))
)
_FIRSTS = tuple(
    select(
        literal(step.value).label("step"),
        literal(state).label("state"),
        select(func.min(ACTION.c.due_at))
        .where(ACTION.c.state == state, ACTION.c.step == step.value)
        .scalar_subquery()
        .label("at"),
    )
    for step in Step
    for state in READY
)
_FIRST_END = select(literal(""), literal("leased"), func.min(ACTION.c.lease_until)).where(
    ACTION.c.lease_until.is_not(None)
)
# When the first action of each step and state is due; one look at the index for each.
FIRST_DUE = union_all(*_FIRSTS)
# The same, and when the first lease ends.
AGENDA = union_all(*_FIRSTS, _FIRST_END)
# How the latest attempts ended, the newest first.
RECENT = (
    select(ACTION.c.step, ATTEMPT.c.outcome, ATTEMPT.c.reason, ATTEMPT.c.finished_at)
    .join(ACTION, ACTION.c.id == ATTEMPT.c.action)
    .where(ATTEMPT.c.finished_at.is_not(None))
    .order_by(ATTEMPT.c.id.desc())
    .limit(bindparam("most", type_=Integer))
)
