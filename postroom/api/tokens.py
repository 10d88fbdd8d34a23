"""Tokens of the HTTP API: made, listed, revoked, recognised.

A token is 256 random bits behind a mark that secret scanners can look for. The database keeps its
SHA-256 only: with so much chance in it a slow hash would add nothing. It is shown once, when it is
made. Names stand in the audit log and are never given twice, not even after a token was revoked.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from postroom.audit import AuditLog
from postroom.failure import PermanentFailure
from postroom.store.engine import Database
from postroom.store.schema import API_ROLES, API_TOKEN

MARK = "postroom_"
ROLES = tuple(API_ROLES)  # each may do what those before it may
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token without its secret."""

    name: str  # whose it is
    role: str  # viewer, approver or admin
    created_at: datetime
    created_by: str
    expires_at: datetime | None  # None: never
    revoked_at: datetime | None  # None: in use

    def may(self, role: str) -> bool:
        """Whether it has at least this role."""
        return ROLES.index(self.role) >= ROLES.index(role)


def add(
    connection: Connection,
    name: str,
    role: str,
    *,
    now: datetime,
    who: str,
    expires_at: datetime | None = None,
) -> str:
    """Makes a token; the secret, which is not kept.

    Raises PermanentFailure bad-token-name, no-such-role or token-exists.
    """
    if not _NAME.fullmatch(name):
        said = "a name is letters, digits and . _ @ -, at most 64"
        raise PermanentFailure("bad-token-name", ValueError(said))
    if role not in API_ROLES:
        raise PermanentFailure("no-such-role", ValueError(f"{role}: one of {', '.join(ROLES)}"))
    if connection.scalar(select(API_TOKEN.c.id).where(API_TOKEN.c.name == name)) is not None:
        raise PermanentFailure("token-exists", ValueError(f"{name}; a name is given once"))
    secret = MARK + secrets.token_urlsafe(32)
    connection.execute(
        insert(API_TOKEN).values(
            name=name,
            role=role,
            digest=_digest(secret),
            created_at=now.timestamp(),
            created_by=who,
            expires_at=None if expires_at is None else expires_at.timestamp(),
        )
    )
    return secret


def told_add(
    audit: AuditLog,
    database: Database,
    name: str,
    role: str,
    *,
    now: datetime,
    who: str,
    expires_at: datetime | None = None,
) -> str:
    """`add` in a transaction of its own, told in the audit log."""
    with audit.recording(database) as recording:
        secret = add(recording.connection, name, role, now=now, who=who, expires_at=expires_at)
        until = expires_at.isoformat() if expires_at else ""
        recording.tell(now, who, "token-add", f"token {name}", role=role, expires_at=until)
    return secret


def told_revoke(audit: AuditLog, database: Database, name: str, *, now: datetime, who: str) -> None:
    """`revoke` in a transaction of its own, told in the audit log."""
    with audit.recording(database) as recording:
        revoke(recording.connection, name, now=now)
        recording.tell(now, who, "token-revoke", f"token {name}")


def listed(connection: Connection) -> list[Token]:
    """Every token there ever was, oldest first."""
    return [_token(row) for row in connection.execute(select(API_TOKEN).order_by(API_TOKEN.c.id))]


def revoke(connection: Connection, name: str, *, now: datetime) -> None:
    """Ends a token for good.

    Raises PermanentFailure no-such-token or already-revoked.
    """
    row = connection.execute(
        select(API_TOKEN).where(API_TOKEN.c.name == name).with_for_update()
    ).one_or_none()
    if row is None:
        raise PermanentFailure("no-such-token", LookupError(name))
    if row.revoked_at is not None:
        raise PermanentFailure("already-revoked", ValueError(name))
    connection.execute(
        update(API_TOKEN).where(API_TOKEN.c.id == row.id).values(revoked_at=now.timestamp())
    )


def recognise(connection: Connection, secret: str, *, now: datetime) -> Token | None:
    """The token with this secret, if it is in use."""
    row = connection.execute(
        select(API_TOKEN).where(API_TOKEN.c.digest == _digest(secret))
    ).one_or_none()
    if row is None or row.revoked_at is not None:
        return None
    if row.expires_at is not None and row.expires_at <= now.timestamp():
        return None
    return _token(row)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _token(row: Row[Any]) -> Token:
    return Token(
        name=row.name,
        role=row.role,
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        created_by=row.created_by,
        expires_at=_moment(row.expires_at),
        revoked_at=_moment(row.revoked_at),
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
