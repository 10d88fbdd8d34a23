"""What people said messages are: the labels that a model can be trained on.

A label is written in the transaction of the decision it comes from. It has the category we took the
message for beside the one the person gave, so that agreement and mistakes can be told apart.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from .schema import LABEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A person's word on one message."""

    id: int
    message: int
    at: datetime
    who: str
    category: str
    was: str  # what we took it for; the same where the person agreed


def add(
    connection: Connection, message: int, *, category: str, was: str, who: str, now: datetime
) -> None:
    """Keeps a person's word in the caller's transaction."""
    row = {"message": message, "at": now.timestamp(), "who": who, "category": category, "was": was}
    connection.execute(insert(LABEL).values(row))


def labels(connection: Connection, *, after: int = 0, limit: int = 10_000) -> list[Label]:
    """Labels given after the one with this id, oldest first.

    A later label of the same message replaces an earlier one.
    """
    rows = connection.execute(
        select(LABEL).where(LABEL.c.id > after).order_by(LABEL.c.id).limit(limit)
    )
    return [
        Label(
            id=row.id,
            message=row.message,
            at=datetime.fromtimestamp(row.at, UTC),
            who=row.who,
            category=row.category,
            was=row.was,
        )
        for row in rows
    ]
