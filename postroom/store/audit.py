"""Rows of the audit log: who did what, each sealed together with the row before.

In: a key and what happened. Out: a row in the caller's transaction; all rows back, deciphered;
what is wrong with them. The seal is HMAC-SHA256 (RFC 2104) over every column and the seal of the
row before; details are AES-256-GCM, bound to the other columns. Both keys are derived from one
secret (HKDF, RFC 5869). Rows are numbered without gaps.

A changed, removed, inserted or moved row breaks the chain and is found by `problems`. So is a log
whose end was cut off, as long as a `Head` taken later is known (postroom/audit.py keeps one).

Limits: who has the secret can write a new history. Not found: an end that was cut off behind every
head known.
"""

import hashlib
import hmac
import json
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, Row, insert, select, text

from .schema import AUDIT

BEGINNING = "0" * 64  # what the first row names as the seal before it
_NONCE = 12  # octets, NIST SP 800-38D 5.2.1.1
_LOCK = 5_710_019  # any number of ours; PostgreSQL's advisory locks are named by numbers
_LONGEST_VERB = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditKey:
    """The two keys of a log."""

    seal: bytes
    details: bytes

    @classmethod
    def of(cls, secret: bytes) -> "AuditKey":
        """Both keys from one secret."""
        return cls(seal=_derived(secret, b"seal"), details=_derived(secret, b"details"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a log ended at some moment."""

    count: int  # rows; 0: an empty log
    seal: str  # of the last one


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row, deciphered."""

    number: int
    at: datetime
    who: str
    verb: str
    subject: str
    details: dict[str, Any] | None  # None: this key cannot read them


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a log."""

    row: int  # where it shows
    what: str  # missing, changed, unchained, cut-off or other-head
    text: str


def append(
    connection: Connection,
    key: AuditKey,
    *,
    at: datetime,
    who: str,
    verb: str,
    subject: str,
    details: dict[str, Any],
) -> Head:
    """Adds a row to the caller's transaction, one at a time; where the log then ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})
    before = head(connection)
    row: dict[str, Any] = {
        "id": before.count + 1,
        "at": at.timestamp(),
        "who": _clean(who),
        "verb": verb[:_LONGEST_VERB],
        "subject": _clean(subject),
        "previous": before.seal,
    }
    row["details"] = _enciphered(key, row, details)
    row["seal"] = _seal(key, row)
    connection.execute(insert(AUDIT).values(row))
    return Head(count=row["id"], seal=row["seal"])


def head(connection: Connection) -> Head:
    """Where the log ends now."""
    last = connection.execute(
        select(AUDIT.c.id, AUDIT.c.seal).order_by(AUDIT.c.id.desc()).limit(1)
    ).one_or_none()
    return Head(count=last.id, seal=last.seal) if last else Head(count=0, seal=BEGINNING)


def is_sealed_with(connection: Connection, key: AuditKey) -> bool:
    """Whether the newest row was written with this key; False where there is no row."""
    newest = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return row is not None and hmac.compare_digest(_seal(key, dict(row._mapping)), row.seal)


def seal_of(connection: Connection, number: int) -> str:
    """The seal of a row as it stands there; empty where there is no such row."""
    return connection.scalar(select(AUDIT.c.seal).where(AUDIT.c.id == number)) or ""


def entries(
    connection: Connection, key: AuditKey, *, subject: str = "", who: str = "", limit: int = 100
) -> list[Entry]:
    """The newest rows about a subject or of a person, or of all; oldest first."""
    wanted = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)
    if subject:
        wanted = wanted.where(AUDIT.c.subject == subject)
    if who:
        wanted = wanted.where(AUDIT.c.who == who)
    return [_entry(key, row) for row in reversed(connection.execute(wanted).all())]


def problems(connection: Connection, key: AuditKey, known: Head) -> Iterator[Problem]:
    """What is wrong with the log, in its order; nothing, when all of it is as it was written.

    `known` is where it ended at an earlier moment; Head(count=0, ...) when that is not known.
    """
    previous, number = BEGINNING, 0
    for row in connection.execute(select(AUDIT).order_by(AUDIT.c.id)):
        columns = row._mapping
        if columns["id"] != number + 1:
            lost = f"rows {number + 1} to {columns['id'] - 1} are gone"
            yield Problem(row=number + 1, what="missing", text=lost)
        elif columns["previous"] != previous:
            said = f"row {columns['id']} was not written after the row before it"
            yield Problem(row=columns["id"], what="unchained", text=said)
        if not hmac.compare_digest(_seal(key, dict(columns)), columns["seal"]):
            said = f"row {columns['id']} is not as it was written, or was written with another key"
            yield Problem(row=columns["id"], what="changed", text=said)
        previous, number = columns["seal"], columns["id"]
        if number == known.count and previous != known.seal:
            said = f"row {number} is not the one that was last known to be there"
            yield Problem(row=number, what="other-head", text=said)
    if number < known.count:
        said = f"the log ends at row {number}, but had {known.count} rows"
        yield Problem(row=number + 1, what="cut-off", text=said)


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"postroom audit " + purpose).derive(secret)


def _seal(key: AuditKey, row: dict[str, Any]) -> str:
    """The HMAC of a row; each field with its length, so that none can borrow from the next."""
    fields = [
        struct.pack(">qd", row["id"], row["at"]),
        *(row[name].encode() for name in ("who", "verb", "subject", "previous")),
        bytes(row["details"]),
    ]
    framed = b"".join(struct.pack(">q", len(field)) + field for field in fields)
    return hmac.new(key.seal, framed, hashlib.sha256).hexdigest()


def _bound_to(row: dict[str, Any]) -> bytes:
    return json.dumps([row[name] for name in ("id", "at", "who", "verb", "subject")]).encode()


def _enciphered(key: AuditKey, row: dict[str, Any], details: dict[str, Any]) -> bytes:
    nonce = os.urandom(_NONCE)
    said = json.dumps(details, ensure_ascii=False, sort_keys=True, default=str)
    plain = said.encode("utf-8", "replace")
    return nonce + AESGCM(key.details).encrypt(nonce, plain, _bound_to(row))


def _entry(key: AuditKey, row: Row[Any]) -> Entry:
    columns = dict(row._mapping)
    stored = bytes(columns["details"])
    details: dict[str, Any] | None
    try:
        plain = AESGCM(key.details).decrypt(stored[:_NONCE], stored[_NONCE:], _bound_to(columns))
        details = json.loads(plain)
    except (InvalidTag, ValueError):
        details = None
    return Entry(
        number=columns["id"],
        at=datetime.fromtimestamp(columns["at"], UTC),
        who=columns["who"],
        verb=columns["verb"],
        subject=columns["subject"],
        details=details,
    )


def _clean(value: str) -> str:
    """Text a database takes: PostgreSQL has no NUL, neither has lone surrogates."""
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
