"""The story as a feed: what happened after a place, in order, nothing left out.

In: a database, the name of whoever publishes ("redis", "webhooks", "kafka"). Out: `Happening`s, and
places that are kept in the table `event_sink`. The table `event` is written in the transaction of
what it tells, so it is an outbox for events: what was committed is published, at least once.

Numbers of rows are given before commit. SQLite commits in their order; PostgreSQL need not, so
there only rows are read whose transaction is older than every one that still runs.

A sink that is new begins at the end: nobody is told the past.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, literal_column, select, update

from postroom.codec import from_json
from postroom.envelope import Envelope
from postroom.store.engine import Database
from postroom.store.schema import ACTION, EVENT, EVENT_SINK, MESSAGE

from .events import Happening

_DEATH = EVENT.alias("death")
# True where no transaction can still bring a row with a smaller number.
_SETTLED: ColumnElement[Any] = literal_column(
    "age(event.xmin) > age((pg_snapshot_xmin(pg_current_snapshot()))::xid)"
)


def position(database: Database, sink: str) -> int:
    """How far a sink is; one that is new begins at the end."""
    with database.reading() as connection:
        known = connection.scalar(select(EVENT_SINK.c.position).where(EVENT_SINK.c.name == sink))
    if known is not None:
        return int(known)
    with database.transaction() as connection:
        last = int(connection.scalar(select(func.max(EVENT.c.id))) or 0)
        connection.execute(insert(EVENT_SINK).values(name=sink, position=last))
    return last


def move(connection: Connection, sink: str, old: int, new: int) -> bool:
    """Moves a sink on in the caller's transaction; False when it is not at `old` any more."""
    moved = connection.execute(
        update(EVENT_SINK)
        .where(EVENT_SINK.c.name == sink, EVENT_SINK.c.position == old)
        .values(position=new)
    )
    return moved.rowcount == 1


def move_past(connection: Connection, sink: str, new: int) -> None:
    """Moves a sink on to `new`, from wherever it is; it never goes back."""
    connection.execute(
        update(EVENT_SINK)
        .where(EVENT_SINK.c.name == sink, EVENT_SINK.c.position < new)
        .values(position=new)
    )


def after(database: Database, place: int, limit: int) -> list[Happening]:
    """What happened after a place, in order, at most `limit` rows."""
    settled: ColumnElement[Any] = literal_column("1")
    with database.reading() as connection:
        if connection.dialect.name == "postgresql":
            settled = _SETTLED
        rows = connection.execute(
            _rows(settled).where(EVENT.c.id > place).order_by(EVENT.c.id).limit(limit)
        ).all()
    happenings = []
    for row in rows:
        if not row.settled:
            break
        happenings.append(_happening(row))
    return happenings


def dead(database: Database, limit: int) -> list[Happening]:
    """The rows that tell how actions that are dead now died, oldest first."""
    latest = (
        select(func.max(_DEATH.c.id))
        .where(_DEATH.c.action == ACTION.c.id, _DEATH.c.new == "dead")
        .correlate(ACTION)
        .scalar_subquery()
    )
    with database.reading() as connection:
        rows = connection.execute(
            _rows(literal_column("1"))
            .where(ACTION.c.state == "dead", EVENT.c.id == latest)
            .order_by(EVENT.c.id)
            .limit(limit)
        ).all()
    return [_happening(row) for row in rows]


def _rows(settled: Any) -> Any:
    return (
        select(
            EVENT,
            MESSAGE.c.message_id,
            MESSAGE.c.author,
            MESSAGE.c.category,
            MESSAGE.c.envelope,
            MESSAGE.c.received_at,
            ACTION.c.step,
            ACTION.c.key,
            ACTION.c.result,
            settled.label("settled"),
        )
        .join(MESSAGE, MESSAGE.c.id == EVENT.c.message)
        .join(ACTION, ACTION.c.id == EVENT.c.action, isouter=True)
    )


def _happening(row: Row[Any]) -> Happening:
    recipients = from_json(Envelope, row.envelope).recipients
    return Happening(
        id=row.id,
        at=datetime.fromtimestamp(row.at, UTC),
        kind=row.kind,
        old=row.old,
        new=row.new,
        who=row.who,
        reason=row.reason,
        message=row.message,
        message_id=row.message_id,
        author=row.author,
        category=row.category,
        mailbox=next(iter(recipients), ""),
        received_at=datetime.fromtimestamp(row.received_at, UTC),
        action=row.action,
        step=row.step or "",
        key=row.key or "",
        result=row.result or "",
    )
