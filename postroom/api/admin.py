"""Routes: who asks, tokens, the audit log, labels for training."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from postroom.codec import to_plain
from postroom.store.labels import labels

from . import shapes, tokens
from .guard import Admin, Viewer
from .messages import InRoom

router = APIRouter(tags=["administration"])
Name = Annotated[str, Path(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=1_000)]


@router.get("/me", response_model=shapes.Me)
def me(token: Viewer) -> Any:
    """Whose token this is, and its role."""
    return {"name": token.name, "role": token.role}


@router.get("/tokens", response_model=list[shapes.TokenRow])
def token_list(room: InRoom, _token: Admin) -> Any:
    """Every token there ever was, without its secret."""
    with room.database.reading() as connection:
        return [to_plain(token) for token in tokens.listed(connection)]


@router.post("/tokens", response_model=shapes.TokenSecret, status_code=201)
def token_add(asked: shapes.NewToken, room: InRoom, token: Admin) -> Any:
    """Make a token; it is shown this once."""
    now = datetime.now(UTC)
    expires_at = now + timedelta(days=asked.days) if asked.days else None
    secret = tokens.told_add(
        room.audit, room.database, asked.name, asked.role,
        now=now, who=token.name, expires_at=expires_at,
    )  # fmt: skip
    return {"token": secret}


@router.delete("/tokens/{name}", response_model=shapes.Done)
def token_revoke(name: Name, room: InRoom, token: Admin) -> Any:
    """End a token for good."""
    tokens.told_revoke(room.audit, room.database, name, now=datetime.now(UTC), who=token.name)
    return shapes.Done()


@router.get("/audit", response_model=list[shapes.AuditEntry])
def audit(
    room: InRoom,
    _token: Admin,
    about: Annotated[str, Query(max_length=200)] = "",
    by: Annotated[str, Query(max_length=200)] = "",
    limit: Limit = 100,
) -> Any:
    """Who did what; the newest `limit` rows, oldest first."""
    found = room.audit.entries(room.database, subject=about, who=by, limit=limit)
    return [to_plain(entry) for entry in found]


@router.get("/audit/verify", response_model=shapes.AuditState)
def verify(room: InRoom, _token: Admin) -> Any:
    """Whether the audit log is as it was written; reads all of it."""
    problems = room.audit.problems(room.database)
    end = room.audit.end(room.database)
    return {
        "sound": not problems,
        "rows": end.count,
        "head": f"{end.count}:{end.seal}",
        "problems": [to_plain(problem) for problem in problems],
    }


@router.get("/labels", response_model=list[shapes.Label])
def label_list(
    room: InRoom,
    _token: Admin,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Limit = 1_000,
) -> Any:
    """What people said messages are, for training; those after the label with that id."""
    with room.database.reading() as connection:
        return [to_plain(label) for label in labels(connection, after=after, limit=limit)]
