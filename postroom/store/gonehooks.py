"""Webhooks that answered 410 Gone: they are told nothing more until something changes.

In: a hook's name and address as configured. Out: which of them are gone. A hook whose address was
changed in the configuration is another one; a person may say that one is back (`forget`).

The address is kept as a digest: it may hold a secret.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from .schema import GONE_HOOK

_REMEMBER = {
    name: new.on_conflict_do_update(
        index_elements=["name"],
        set_={"url": new.excluded.url, "since": new.excluded.since},
        where=GONE_HOOK.c.url != new.excluded.url,
    ).returning(GONE_HOOK.c.name)
    for name, new in (
        ("sqlite", sqlite.insert(GONE_HOOK)),
        ("postgresql", postgresql.insert(GONE_HOOK)),
    )
}


def remember(connection: Connection, name: str, url: str, now: datetime) -> bool:
    """Keeps that a hook is gone; False when that was known."""
    row = {"name": name, "url": _digest(url), "since": now.timestamp()}
    written = connection.execute(_REMEMBER[connection.dialect.name], row)
    return written.scalar_one_or_none() is not None


def gone(connection: Connection, urls: Mapping[str, str]) -> dict[str, datetime]:
    """Name -> since when, of those hooks (name -> address) that are gone."""
    rows = connection.execute(select(GONE_HOOK).where(GONE_HOOK.c.name.in_(urls))).all()
    return {
        row.name: datetime.fromtimestamp(row.since, UTC)
        for row in rows
        if row.url == _digest(urls[row.name])
    }


def forget(connection: Connection, name: str) -> bool:
    """Forgets that a hook is gone; False when that was not known."""
    return bool(connection.execute(delete(GONE_HOOK).where(GONE_HOOK.c.name == name)).rowcount)


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()
