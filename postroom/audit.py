"""The audit log of one installation: its key, its rows, and where it was last known to end.

In: a configuration. Out: transactions in which what is done and the row that tells it become
durable together, and an answer to "is the log as it was written?". The key stands in
`audit.key_file`, or is made in state_dir at the first start. After each transaction the end of the
log is written to `audit.head` in state_dir, signed with the key, and told to the log on standard
output, so that cutting rows off the end shows even where nobody remembers them.

Limits: the head is written after the commit; a crash between the two leaves the head one
transaction behind. Who puts back an old database together with the old `audit.head` is found only
by a head kept elsewhere (`postroom audit verify --head`).
"""

import contextlib
import fcntl
import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from . import maillog
from .config import Config
from .failure import Failure, PermanentFailure
from .keyfile import secret_at
from .ownership import give_to_owner
from .store import audit as rows
from .store.audit import AuditKey, Entry, Head, Problem
from .store.engine import Database

_NONE = Head(count=0, seal=rows.BEGINNING)


class Recording:
    """One transaction that is told in the audit log."""

    def __init__(self, connection: Connection, key: AuditKey) -> None:
        self.connection = connection
        self.head: Head | None = None
        self._key = key

    def tell(self, now: datetime, who: str, verb: str, subject: str, **details: Any) -> None:
        """Adds a row; durable together with everything else of the transaction."""
        self.head = rows.append(
            self.connection,
            self._key,
            at=now,
            who=who,
            verb=verb,
            subject=subject,
            details={name: value for name, value in details.items() if value not in ("", None)},
        )


class AuditLog:
    """The log of one installation; makes its key when there is none.

    Raises PermanentFailure(secret-unreadable).
    """

    def __init__(self, config: Config) -> None:
        folder = config.service.state_dir
        self._key = AuditKey.of(secret_at(config.audit.key_file or folder / "audit.key"))
        self._head = folder / "audit.head"

    @contextmanager
    def recording(self, database: Database) -> Iterator[Recording]:
        """A write transaction whose deeds are told; raises what `Database.transaction` raises."""
        with self.recording_apart(database) as recording:
            yield recording
        if recording.head is not None:
            self._keep(database, recording.head)

    @contextmanager
    def recording_apart(self, database: Database) -> Iterator[Recording]:
        """The same in a database that is not in its place yet; `keep_end` follows when it is."""
        with database.transaction() as connection:
            yield Recording(connection, self._key)

    def keep_end(self, database: Database) -> None:
        """Writes down where the log ends now. Raises TemporaryFailure(database)."""
        self._keep(database, self.end(database))

    def entries(
        self, database: Database, *, subject: str = "", who: str = "", limit: int = 100
    ) -> list[Entry]:
        """The newest rows, oldest first."""
        with database.reading() as connection:
            return rows.entries(connection, self._key, subject=subject, who=who, limit=limit)

    def tell_end(self, database: Database) -> None:
        """Says in the service's log where the audit log ends."""
        end = self.end(database)
        maillog.audited(row=end.count, seal=end.seal)

    def end(self, database: Database) -> Head:
        """Where the log ends now."""
        with database.reading() as connection:
            return rows.head(connection)

    def problems(self, database: Database, known: Head | None = None) -> list[Problem]:
        """What is wrong with the log, also against a head kept elsewhere.

        Raises TemporaryFailure(database).
        """
        found = []
        kept = self._kept()
        if kept is None:
            said = f"{self._head} is missing or not signed with this key; a cut end would not show"
            found.append(Problem(row=0, what="no-head", text=said))
        with database.reading() as connection:
            if kept is None and rows.head(connection).count == 0:
                found.clear()  # nothing was ever written
            found += rows.problems(connection, self._key, kept or _NONE)
            if known is not None:
                found += rows.problems(connection, self._key, known)
        return sorted(set(found), key=lambda problem: problem.row)

    def _keep(self, database: Database, head: Head) -> None:
        """Writes the head, unless a later one is there; trouble is told, the deed stands.

        A head that the log no longer leads to is evidence, and stays.
        """
        try:
            with _locked(self._head.with_suffix(".lock")):
                kept = self._kept()
                if kept is None and head.count > 1:
                    maillog.degraded(part="audit", reason="head-was-missing")
                if kept is not None and not self._leads_to(database, kept):
                    maillog.degraded(part="audit", reason="head-not-in-log")
                elif kept is None or kept.count < head.count:
                    self._write(head)
        except (OSError, Failure) as error:
            maillog.degraded(part="audit", reason=f"head-not-written: {type(error).__name__}")
        maillog.audited(row=head.count, seal=head.seal)

    def _leads_to(self, database: Database, kept: Head) -> bool:
        with database.reading() as connection:
            return rows.seal_of(connection, kept.count) == kept.seal

    def _write(self, head: Head) -> None:
        draft = self._head.with_suffix(".draft")
        with draft.open("w", encoding="ascii") as file:
            file.write(f"{head.count} {head.seal} {self._signed(head)}\n")
            file.flush()
            os.fsync(file.fileno())
        give_to_owner(draft)
        draft.replace(self._head)

    def _kept(self) -> Head | None:
        try:
            words = self._head.read_text(encoding="ascii").split()
        except (OSError, UnicodeDecodeError):
            return None
        if len(words) != 3 or not words[0].isdecimal() or len(words[0]) > 18:
            return None
        head = Head(count=int(words[0]), seal=words[1])
        return head if hmac.compare_digest(self._signed(head), words[2]) else None

    def _signed(self, head: Head) -> str:
        said = f"head {head.count} {head.seal}".encode()
        return hmac.new(self._key.seal, said, hashlib.sha256).hexdigest()


def head_of(words: str) -> Head:
    """A head as `postroom audit verify` prints it, "12:SEAL".

    Raises PermanentFailure(bad-head).
    """
    count, _, seal = words.partition(":")
    if not count.isdecimal() or len(seal) != len(rows.BEGINNING):
        raise PermanentFailure("bad-head", ValueError("write ROWS:SEAL, as verify prints it"))
    return Head(count=int(count), seal=seal)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w", encoding="ascii") as lock:
        give_to_owner(path)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
