"""Messages deleted with all that hangs on them: deliveries, actions, attempts, reviews, events.

In: a connection inside the caller's transaction, and message numbers. Which tables hang on a
message is read from the schema's foreign keys, so that a table added later is not forgotten; one
that says ON DELETE SET NULL keeps its rows.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, Select, Table, delete, exists, or_, select

from postroom.decision import Step
from postroom.store.schema import ACTION, MESSAGE, METADATA, REVIEW

# An action in one of these still wants to happen, or wants a person.
UNSETTLED = ("pending", "leased", "waiting", "held", "dead")
# A call of a webhook in one of these keeps no message: its receiver may be gone for good.
_FAILED_CALLS = ("waiting", "dead")
_AT_ONCE = 500  # numbers in one statement; SQLite takes 32,766 parameters


def unsettled() -> Select[tuple[int]]:
    """Numbers of the messages that a person or an action still waits for."""
    reviews = select(REVIEW.c.message).where(REVIEW.c.state == "waiting")
    failed_call = (ACTION.c.step == Step.WEBHOOK.value) & ACTION.c.state.in_(_FAILED_CALLS)
    actions = select(ACTION.c.message).where(ACTION.c.state.in_(UNSETTLED), ~failed_call)
    return select(MESSAGE.c.id).where(or_(MESSAGE.c.id.in_(reviews), MESSAGE.c.id.in_(actions)))


def is_settled(connection: Connection, number: int) -> bool:
    """True when nothing waits for a message any more."""
    waits = unsettled().where(MESSAGE.c.id == number)
    return not connection.scalar(select(exists(waits)))


def delete_messages(connection: Connection, numbers: Sequence[int]) -> None:
    """Deletes these messages and every row that belongs to one of them."""
    for start in range(0, len(numbers), _AT_ONCE):
        chosen = select(MESSAGE.c.id).where(MESSAGE.c.id.in_(numbers[start : start + _AT_ONCE]))
        _delete_below(connection, MESSAGE, chosen)


def _delete_below(connection: Connection, table: Table, chosen: Select[tuple[int]]) -> None:
    for child in METADATA.sorted_tables:
        for key in child.foreign_keys:
            if key.column.table is table and key.ondelete != "SET NULL":
                hanging = select(child).where(key.parent.in_(chosen))
                if "id" in child.c:
                    _delete_below(connection, child, hanging.with_only_columns(child.c.id))
                else:
                    connection.execute(delete(child).where(key.parent.in_(chosen)))
    connection.execute(delete(table).where(table.c.id.in_(chosen)))
