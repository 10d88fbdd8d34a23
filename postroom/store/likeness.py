"""What stored messages are like: vectors in, numbers of messages and what was said of them out.

A row is written with its message, in the same transaction, and goes with it. The vector is opaque
here (classify/similar.py makes and compares it); `features` says by which features it was made,
and only rows of the same can be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select

from postroom.classification import Classification
from postroom.codec import from_json

from .schema import LIKENESS, MESSAGE, REVIEW

_ADD = insert(LIKENESS)
_NEWER = (
    select(LIKENESS.c.message, LIKENESS.c.vector)
    .where(LIKENESS.c.features == bindparam("features"), LIKENESS.c.message > bindparam("after"))
    .order_by(LIKENESS.c.message.desc())
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known of a past message."""

    message: int
    subject: str
    category: str
    by: str  # the person who said so or let it happen; empty: Postroom alone


def remember(connection: Connection, number: int, features: int, vector: bytes) -> None:
    """Writes what a new message is like."""
    connection.execute(_ADD, {"message": number, "features": features, "vector": vector})


def newer(connection: Connection, features: int, after: int, most: int) -> list[tuple[int, bytes]]:
    """(message, vector) of at most `most` messages with a number above `after`, newest first."""
    asked = {"features": features, "after": after, "most": most}
    return [(row.message, bytes(row.vector)) for row in connection.execute(_NEWER, asked)]


def of(connection: Connection, number: int, features: int) -> bytes | None:
    """The vector of one message, made of these features; None where there is none."""
    stored: bytes | None = connection.scalar(
        select(LIKENESS.c.vector).where(
            LIKENESS.c.message == number, LIKENESS.c.features == features
        )
    )
    return stored


def told(connection: Connection, numbers: Sequence[int]) -> dict[int, Told]:
    """What was said of these messages; those that are gone are missing."""
    rows = connection.execute(
        select(
            MESSAGE.c.id,
            MESSAGE.c.subject,
            MESSAGE.c.category,
            MESSAGE.c.classification,
            REVIEW.c.state,
            REVIEW.c.decided_by,
        )
        .join(REVIEW, REVIEW.c.message == MESSAGE.c.id, isouter=True)
        .where(MESSAGE.c.id.in_(numbers))
    )
    found = {}
    for row in rows:
        corrected = from_json(Classification, row.classification).source == "person"
        by = row.decided_by or "" if row.state == "approved" or corrected else ""
        found[row.id] = Told(
            message=row.id,
            subject=row.subject,
            category=row.category,
            by=by or ("a person" if corrected else ""),
        )
    return found
