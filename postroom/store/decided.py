"""What was said of messages, by us and by people: labels to learn from, and how often both agree.

A message that a person rejected is no label: it says that nothing shall follow, not what it is.
One that retention has emptied is none either: neither its text nor the model's word is left.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from postroom.classification import Classification
from postroom.codec import from_json

from .schema import MESSAGE, REVIEW

_HAS_CONTENT = MESSAGE.c.size > 0  # false once retention.mail has emptied it


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A message whose category a person said or let stand."""

    message: int
    raw: bytes
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the model proposed for a message."""

    proposed: str  # its best guess; empty when it had none
    confidence: float  # of that guess


def labelled(connection: Connection) -> list[Labelled]:
    """Messages that a person approved or corrected, oldest first."""
    rows = connection.execute(_reviewed(MESSAGE.c.id, MESSAGE.c.raw).order_by(MESSAGE.c.id))
    return [
        Labelled(message=row.id, raw=bytes(row.raw), category=row.category)
        for row, _ in _by_people(rows)
    ]


def said(connection: Connection, *, newest: int) -> list[Said]:
    """What was proposed for the newest messages."""
    rows = connection.scalars(
        select(MESSAGE.c.classification)
        .where(_HAS_CONTENT)
        .order_by(MESSAGE.c.id.desc())
        .limit(newest)
    )
    return [_said(from_json(Classification, row)) for row in rows]


def agreement(connection: Connection, *, newest: int) -> dict[str, tuple[int, int]]:
    """Category a person said -> (messages, those for which the model's best guess was it).

    Of the newest messages that were reviewed.
    """
    # By the review's column: its index is read from the end, and no message that had no review.
    rows = connection.execute(_reviewed().order_by(REVIEW.c.message.desc()).limit(newest))
    counts: dict[str, tuple[int, int]] = {}
    for row, classification in _by_people(rows):
        mails, agreed = counts.get(row.category, (0, 0))
        hit = _said(classification).proposed == row.category
        counts[row.category] = (mails + 1, agreed + hit)
    return counts


def _reviewed(*columns: ColumnElement[Any]) -> Select[Any]:
    joined = select(MESSAGE.c.category, MESSAGE.c.classification, REVIEW.c.state).join(
        REVIEW, REVIEW.c.message == MESSAGE.c.id
    )
    return joined.add_columns(*columns).where(_HAS_CONTENT)


def _by_people(rows: Any) -> Iterator[tuple[Row[Any], Classification]]:
    """Those rows that hold a person's word."""
    for row in rows:
        classification = from_json(Classification, row.classification)
        if row.state == "approved" or classification.source == "person":
            yield row, classification


def _said(classification: Classification) -> Said:
    scores = classification.scores
    best = max(scores, key=lambda name: scores[name]) if scores else ""
    return Said(proposed=best, confidence=scores.get(best, 0.0))
