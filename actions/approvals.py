"""Which wordings of replies a person approved, who and when, each version with its text.

In: a wording and a connection. Out: whether replies may be written with it. An approval is bound
to the digest: an edited template is another one, and unapproved. A shipped template counts as
approved by its release where `reply.trust_shipped` is set, until somebody revokes it. What is
decided here is told in the audit log by the caller (postroom/approving.py), in one transaction.

    shipped      the text of the release; nobody decided on it here
    approved     a person approved this very text
    revoked      a person took that back
    unapproved   nobody has seen this text; it was written or edited since
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from postroom.config import ReplySection
from postroom.failure import PermanentFailure
from postroom.store.schema import TEMPLATE

from .wording import Wording

MAY_BE_USED = ("shipped", "approved")
# Asked twice for each reply, so built once.
_EXACT = select(TEMPLATE).where(
    TEMPLATE.c.name == bindparam("its_name"),
    TEMPLATE.c.language == bindparam("its_language"),
    TEMPLATE.c.digest == bindparam("its_digest"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known about one wording."""

    state: str  # shipped, approved, revoked or unapproved
    version: int  # of the texts decided on under its name; 0 when nobody decided on it
    decided_by: str  # or empty
    decided_at: datetime | None


def standing(connection: Connection, wording: Wording, config: ReplySection) -> Standing:
    """Whether a wording may be used, and who said so."""
    row = _row(connection, wording)
    if row is not None:
        return _standing(row)
    state = "shipped" if wording.is_shipped and config.trust_shipped else "unapproved"
    return Standing(state=state, version=0, decided_by="", decided_at=None)


def may_be_used(connection: Connection, wording: Wording, config: ReplySection) -> bool:
    """Whether replies may be written with it."""
    return standing(connection, wording, config).state in MAY_BE_USED


def approve(connection: Connection, wording: Wording, now: datetime, who: str) -> int:
    """Approves exactly this text; its version.

    Raises PermanentFailure(already-approved).
    """
    row = _row(connection, wording)
    if row is not None and row.state == "approved":
        raise PermanentFailure("already-approved", ValueError(f"by {row.decided_by}"))
    return _decide(connection, wording, row, "approved", now, who)


def revoke(connection: Connection, wording: Wording, now: datetime, who: str) -> int:
    """Takes the approval of exactly this text back, also a shipped one's; its version.

    Raises PermanentFailure(already-revoked).
    """
    row = _row(connection, wording)
    if row is not None and row.state == "revoked":
        raise PermanentFailure("already-revoked", ValueError(f"by {row.decided_by}"))
    return _decide(connection, wording, row, "revoked", now, who)


def history(connection: Connection, name: str, language: str) -> list[dict[str, Any]]:
    """Every text decided on under a name, oldest first."""
    rows = connection.execute(
        select(TEMPLATE)
        .where(TEMPLATE.c.name == name, TEMPLATE.c.language == language)
        .order_by(TEMPLATE.c.version)
    )
    return [
        {
            "version": row.version,
            "state": row.state,
            "digest": row.digest,
            "decided_by": row.decided_by,
            "decided_at": datetime.fromtimestamp(row.decided_at, UTC).isoformat(),
            "text": row.text,
            "html": row.html,
        }
        for row in rows
    ]


def _row(connection: Connection, wording: Wording) -> Row[Any] | None:
    which = {"its_name": wording.name, "its_language": wording.language}
    return connection.execute(_EXACT, which | {"its_digest": wording.digest}).one_or_none()


def _decide(
    connection: Connection,
    wording: Wording,
    row: Row[Any] | None,
    state: str,
    now: datetime,
    who: str,
) -> int:
    decision = {"state": state, "decided_at": now.timestamp(), "decided_by": who}
    if row is not None:
        connection.execute(update(TEMPLATE).where(TEMPLATE.c.id == row.id).values(**decision))
        return int(row.version)
    version = _next_version(connection, wording)
    connection.execute(
        insert(TEMPLATE).values(
            name=wording.name,
            language=wording.language,
            version=version,
            digest=wording.digest,
            text=wording.text,
            html=wording.html,
            **decision,
        )
    )
    return version


def _next_version(connection: Connection, wording: Wording) -> int:
    newest = connection.scalar(
        select(func.max(TEMPLATE.c.version)).where(
            TEMPLATE.c.name == wording.name, TEMPLATE.c.language == wording.language
        )
    )
    return 1 + (newest or 0)


def _standing(row: Row[Any]) -> Standing:
    return Standing(
        state=row.state,
        version=row.version,
        decided_by=row.decided_by,
        decided_at=datetime.fromtimestamp(row.decided_at, UTC),
    )
