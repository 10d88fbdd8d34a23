"""What one person may ask for: everything we have of an address, and that it be erased.

In: an address. Out: an archive with every message of theirs, as it came and with what became of
it; or the number of messages that are gone, from the database and from the Maildirs.

Theirs is a message whose author or whose envelope sender is the address, or was before retention
emptied it. An erasure is noted in state_dir/erasures.jsonl by the address's SHA-256, so that a
backup that is put back later is cleaned again (backup.py), and so that it can be proved without
keeping the address.

Standards: GDPR articles 15 (access), 17 (erasure), 20 (portability).

Limits: what was handed on is not ours to delete: the ERP's records, mail forwarded or delivered
by LMTP, and Postfix's log have owners of their own. A message that still waits for something is
not erased; decide or drop it first.
"""

import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, or_, select

from postroom.audit import AuditLog, Recording
from postroom.codec import from_json
from postroom.config import Config
from postroom.envelope import Envelope
from postroom.lmtp.mailboxes import maildir_of
from postroom.lmtp.maildir import mailbox_name
from postroom.ownership import give_to_owner
from postroom.reading.names import mailbox_of
from postroom.store import emptied
from postroom.store.engine import Database
from postroom.store.schema import (
    ACTION,
    ATTEMPT,
    DELIVERY,
    EMPTIED,
    EVENT,
    LABEL,
    MESSAGE,
    PART_NUMBER,
    REVIEW,
)

from .deletion import delete_messages, is_settled

_ESCAPE = "\\"
_MAIL = "mail:"  # partcode.customer_of
_NOTED = "erasures.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What an erasure came to."""

    messages: int
    copies: int  # files in Maildirs
    waiting: tuple[int, ...]  # messages left alone, because something still waits for them


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One that was noted."""

    at: float  # seconds since 1970; what came later is not meant
    waiting: frozenset[int]  # messages that were left alone


def export(database: Database, address: str, archive: Path) -> int:
    """Writes a ZIP of everything of the address, mode 0600; the number of messages in it.

    Each message is N.eml, the bytes as received, and N.json, what was found out and done, and
    what people said it is; part_numbers.json is what the person calls our products, if known.
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
            for table in (DELIVERY, REVIEW, ACTION, EVENT, LABEL):
                story[f"{table.name}s"] = _rows(
                    connection, select(table).where(table.c.message == number)
                )
            actions = select(ACTION.c.id).where(ACTION.c.message == number)
            story["attempts"] = _rows(
                connection, select(ATTEMPT).where(ATTEMPT.c.action.in_(actions))
            )
            zipped.writestr(f"{number}.json", json.dumps(story, ensure_ascii=False, indent=1))
        is_theirs = PART_NUMBER.c.customer == _MAIL + address.strip().lower()
        learnt = _rows(connection, select(PART_NUMBER).where(is_theirs))
        if learnt:
            zipped.writestr("part_numbers.json", json.dumps(learnt, ensure_ascii=False, indent=1))
    return len(numbers)


def erase(config: Config, database: Database, address: str, now: datetime, who: str) -> Erased:
    """Deletes everything of the address; durable when it returns."""
    digest = address_digest(address)
    with AuditLog(config).recording(database) as recording:
        connection = recording.connection
        numbers = of_address(connection, address)
        settled = [number for number in numbers if is_settled(connection, number)]
        waiting = tuple(number for number in numbers if number not in settled)
        _note(config.service.state_dir, digest, now, waiting)  # durable before the first row goes
        copies = copies_of(config, connection, settled)
        delete_messages(connection, settled)
        _forget_part_numbers(connection, {digest: now.timestamp()})
        recording.tell(now, who, "erase", f"person {digest[:12]}", messages=len(settled))
    database.fold_in()  # SQLite's -wal still has what was deleted
    removed = remove_copies(config, copies)
    return Erased(messages=len(settled), copies=removed, waiting=waiting)


def erase_again(recording: Recording, state_dir: Path, now: datetime, who: str) -> list[int]:
    """Deletes what was erased once and came back with a backup; the messages' numbers.

    What came after the erasure stays, and so does what was left alone then. Each person of whom
    something is deleted has a row in the audit log that names the messages.
    """
    connection = recording.connection
    noted = erasures(state_dir)
    theirs: dict[str, set[int]] = {}
    for digest, number, received_at in _recognised(connection) if noted else ():
        erasure = noted.get(digest)
        if erasure and received_at <= erasure.at and number not in erasure.waiting:
            theirs.setdefault(digest, set()).add(number)
    for digest, numbers in theirs.items():
        found = sorted(numbers)
        recording.tell(now, who, "erase", f"person {digest[:12]}", messages=found, after="restore")
    _forget_part_numbers(connection, {digest: erasure.at for digest, erasure in noted.items()})
    deleted = sorted(set().union(*theirs.values()))
    delete_messages(connection, deleted)
    return deleted


def of_address(connection: Connection, address: str) -> list[int]:
    """Numbers of the messages whose author or envelope sender is the address, oldest first.

    Those that retention has emptied are recognised by what they left behind.
    """
    wanted = address.strip().lower()
    if not wanted:
        return []
    left = set(connection.scalars(emptied.with_name(wanted)))
    escaped = wanted.replace(_ESCAPE, _ESCAPE * 2).replace("%", r"\%").replace("_", r"\_")
    rows = connection.execute(
        select(MESSAGE.c.id, MESSAGE.c.author, MESSAGE.c.envelope)
        .where(
            or_(
                MESSAGE.c.author == wanted,
                MESSAGE.c.id.in_(emptied.with_name(wanted)),
                func.lower(MESSAGE.c.envelope).like(f"%{escaped}%", escape=_ESCAPE),
            )
        )
        .order_by(MESSAGE.c.id)
    )
    return [
        row.id for row in rows if row.id in left or wanted in (row.author, _sender(row.envelope))
    ]


def address_digest(address: str) -> str:
    """An address as erasures are noted: it can be recognised, not read."""
    return emptied.digest_of(address.strip().lower())


def erasures(state_dir: Path) -> dict[str, Erasure]:
    """Digest of every address that was erased -> its last erasure."""
    path = state_dir / _NOTED
    lines = path.read_text("ascii").splitlines() if path.exists() else []
    return {
        noted["address_sha256"]: Erasure(
            at=datetime.fromisoformat(noted["at"]).timestamp(),
            waiting=frozenset(noted.get("waiting", ())),  # not in lines of older versions
        )
        for noted in map(json.loads, lines)
    }


def take_erasures(state_dir: Path, backup: Path) -> None:
    """Adds what a backup knows of erasures to what is noted here; durable.

    In the order of their time: the last one of a person counts.
    """
    lines: dict[str, None] = {}
    for folder in (backup, state_dir):
        path = folder / _NOTED
        if path.exists():
            lines |= dict.fromkeys(path.read_text("ascii").splitlines())
    if lines:
        ordered = sorted(lines, key=lambda line: datetime.fromisoformat(json.loads(line)["at"]))
        path = state_dir / _NOTED
        draft = path.with_name(f"{_NOTED}.restoring")
        draft.touch(mode=0o600)
        with draft.open("w", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in ordered)
            file.flush()
            os.fsync(file.fileno())
        give_to_owner(draft)
        draft.rename(path)


def _recognised(connection: Connection) -> Iterator[tuple[str, int, float]]:
    """(digest of an address, message's number, when it came) of every message."""
    rows = select(MESSAGE.c.id, MESSAGE.c.received_at, MESSAGE.c.author, MESSAGE.c.envelope)
    for row in connection.execute(rows):
        for address in filter(None, (row.author, _sender(row.envelope))):
            yield address_digest(address), row.id, row.received_at
    left = select(EMPTIED.c.digest, EMPTIED.c.message, MESSAGE.c.received_at).join(MESSAGE)
    for old in connection.execute(left):
        yield old.digest, old.message, old.received_at


def _forget_part_numbers(connection: Connection, erased: Mapping[str, float]) -> None:
    """Forgets what these persons called our products; `erased` is digest -> up to when.

    Who is a customer by a tax number is a company, not a person.
    """
    customer = PART_NUMBER.c.customer
    persons = select(customer).distinct().where(customer.startswith(_MAIL))
    for person in connection.scalars(persons).all():
        until = erased.get(address_digest(person.removeprefix(_MAIL)))
        if until is not None:
            theirs = (customer == person) & (PART_NUMBER.c.confirmed_at <= until)
            connection.execute(delete(PART_NUMBER).where(theirs))


def _note(state_dir: Path, digest: str, now: datetime, waiting: Sequence[int]) -> None:
    line = json.dumps({"at": now.isoformat(), "address_sha256": digest, "waiting": waiting})
    path = state_dir / _NOTED
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    give_to_owner(path)


def _sender(envelope: str) -> str:
    return from_json(Envelope, envelope).sender.lower()


def copies_of(
    config: Config, connection: Connection, numbers: Sequence[int]
) -> list[tuple[str, str]]:
    """(mailbox's folder, file's key) of every copy that may have been put into a Maildir.

    An action that was emptied does not name its recipient any more, so each is looked for in the
    mailbox of every recipient of the message: as configured, and as the recipient was written.
    """
    rows = connection.execute(
        select(DELIVERY.c.recipient, ACTION.c.key)
        .join(ACTION, ACTION.c.message == DELIVERY.c.message)
        .where(DELIVERY.c.message.in_(numbers), ACTION.c.step == "deliver")
    )
    return [
        (mailbox_name(mailbox), row.key)
        for row in rows
        for mailbox in {maildir_of(row.recipient, config), mailbox_of(row.recipient)}
    ]


def remove_copies(config: Config, copies: Sequence[tuple[str, str]]) -> int:
    """Removes copies wherever in their mailboxes a mail program has moved them; how many."""
    keys: dict[str, set[str]] = {}
    for mailbox, key in copies:
        keys.setdefault(mailbox, set()).add(key)
    found = [
        path
        for mailbox, wanted in keys.items()
        for path in (config.maildir_root / mailbox).rglob("*.postroom*")
        if path.name.partition(".postroom")[0] in wanted
    ]
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
