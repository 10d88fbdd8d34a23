"""What one person may ask for: everything we have of an address, and that it be erased.

In: an address. Out: an archive with every message of theirs, as it came and with what became of
it; or the number of messages that are gone, from the database and from the Maildirs.

Theirs is a message whose author or whose envelope sender is the address. An erasure is noted in
state_dir/erasures.jsonl by the address's SHA-256, so that a backup that is put back later is
cleaned again (backup.py), and so that it can be proved without keeping the address.

Standards: GDPR articles 15 (access), 17 (erasure), 20 (portability).

Limits: what was handed on is not ours to delete: the ERP's records, mail forwarded or delivered
by LMTP, and Postfix's log have owners of their own. A message that still waits for something is
not erased; decide or drop it first.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, or_, select

from postroom.audit import AuditLog
from postroom.codec import from_json
from postroom.config import Config
from postroom.envelope import Envelope
from postroom.lmtp.maildir import mailbox_name
from postroom.store.engine import Database
from postroom.store.schema import ACTION, ATTEMPT, DELIVERY, EVENT, MESSAGE, REVIEW

from .deletion import delete_messages, is_settled

_ESCAPE = "\\"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What an erasure came to."""

    messages: int
    copies: int  # files in Maildirs
    waiting: tuple[int, ...]  # messages left alone, because something still waits for them


def export(database: Database, address: str, archive: Path) -> int:
    """Writes a ZIP of everything of the address, mode 0600; the number of messages in it.

    Each message is N.eml, the bytes as received, and N.json, what was found out and done.
    """
    descriptor = os.open(archive, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with (
        os.fdopen(descriptor, "w+b") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped,
        database.reading() as connection,
    ):
        numbers = of_address(connection, address)
        for number in numbers:
            row = connection.execute(select(MESSAGE).where(MESSAGE.c.id == number)).one()._mapping
            zipped.writestr(f"{number}.eml", bytes(row["raw"]))
            story = {name: _plain(value) for name, value in row.items() if name != "raw"}
            for table in (DELIVERY, REVIEW, ACTION, EVENT):
                story[f"{table.name}s"] = _rows(
                    connection, select(table).where(table.c.message == number)
                )
            actions = select(ACTION.c.id).where(ACTION.c.message == number)
            story["attempts"] = _rows(
                connection, select(ATTEMPT).where(ATTEMPT.c.action.in_(actions))
            )
            zipped.writestr(f"{number}.json", json.dumps(story, ensure_ascii=False, indent=1))
    return len(numbers)


def erase(config: Config, database: Database, address: str, now: datetime, who: str) -> Erased:
    """Deletes everything of the address; durable when it returns."""
    digest = address_digest(address)
    _note(config.service.state_dir, digest, now)
    with AuditLog(config).recording(database) as recording:
        connection = recording.connection
        numbers = of_address(connection, address)
        settled = [number for number in numbers if is_settled(connection, number)]
        copies = copies_of(connection, settled)
        delete_messages(connection, settled)
        recording.tell(now, who, "erase", f"person {digest[:12]}", messages=len(settled))
    removed = remove_copies(config, copies)
    waiting = tuple(number for number in numbers if number not in settled)
    return Erased(messages=len(settled), copies=removed, waiting=waiting)


def erase_again(connection: Connection, state_dir: Path) -> int:
    """Deletes what was erased once and came back with a backup; the number of messages."""
    noted = erasures(state_dir)
    if not noted:
        return 0
    rows = connection.execute(select(MESSAGE.c.id, MESSAGE.c.author, MESSAGE.c.envelope))
    numbers = [
        row.id
        for row in rows
        if {address_digest(one) for one in (row.author, _sender(row.envelope)) if one} & noted
    ]
    delete_messages(connection, numbers)
    return len(numbers)


def of_address(connection: Connection, address: str) -> list[int]:
    """Numbers of the messages whose author or envelope sender is the address, oldest first."""
    wanted = address.strip().lower()
    escaped = wanted.replace(_ESCAPE, _ESCAPE * 2).replace("%", r"\%").replace("_", r"\_")
    rows = connection.execute(
        select(MESSAGE.c.id, MESSAGE.c.author, MESSAGE.c.envelope)
        .where(
            or_(
                MESSAGE.c.author == wanted,
                func.lower(MESSAGE.c.envelope).like(f"%{escaped}%", escape=_ESCAPE),
            )
        )
        .order_by(MESSAGE.c.id)
    )
    return [row.id for row in rows if wanted in (row.author, _sender(row.envelope))]


def address_digest(address: str) -> str:
    """An address as erasures are noted: it can be recognised, not read."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


def erasures(state_dir: Path) -> set[str]:
    """Digests of every address that was erased."""
    path = state_dir / "erasures.jsonl"
    if not path.exists():
        return set()
    return {json.loads(line)["address_sha256"] for line in path.read_text("ascii").splitlines()}


def _note(state_dir: Path, digest: str, now: datetime) -> None:
    line = json.dumps({"at": now.isoformat(timespec="seconds"), "address_sha256": digest})
    descriptor = os.open(
        state_dir / "erasures.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
    )
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def _sender(envelope: str) -> str:
    return from_json(Envelope, envelope).sender.lower()


def copies_of(connection: Connection, numbers: Sequence[int]) -> list[tuple[str, str]]:
    """(mailbox's folder, file's key) of every copy that was put into a Maildir."""
    rows = connection.execute(
        select(ACTION.c.key, ACTION.c.body).where(
            ACTION.c.message.in_(numbers), ACTION.c.step == "deliver"
        )
    )
    told = [(json.loads(row.body).get("recipient", ""), row.key) for row in rows]
    return [(mailbox_name(recipient), key) for recipient, key in told if recipient]


def remove_copies(config: Config, copies: Sequence[tuple[str, str]]) -> int:
    """Removes copies wherever in their mailboxes a mail program has moved them; how many."""
    root = config.maildir_root
    found = [path for mailbox, key in copies for path in (root / mailbox).rglob(f"{key}.postroom*")]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _rows(connection: Connection, query: Any) -> list[dict[str, Any]]:
    return [
        {name: _plain(value) for name, value in row._mapping.items()}
        for row in connection.execute(query)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return datetime.fromtimestamp(value, UTC).isoformat()
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
