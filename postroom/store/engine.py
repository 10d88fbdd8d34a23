"""The database behind a URL, opened so that a commit is on disk when it returns.

SQLite: WAL with synchronous=FULL, foreign keys on, BEGIN IMMEDIATE for every write so that two
writers queue instead of failing half-way, zeros over what is deleted (secure_delete). PostgreSQL:
its defaults (synchronous_commit on), and short time-outs towards a peer that is gone.
Trouble with the database becomes TemporaryFailure here; nothing above knows SQLAlchemy's errors.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.ownership import give_to_owner

BUSY_TIMEOUT_S = 10.0  # how long a writer waits for its turn
# PostgreSQL ends a transaction whose client says nothing for so long; ours never pause inside one.
_IDLE_IN_TRANSACTION_S = 10
_READ_ONLY = "25006"  # SQLSTATE read_only_sql_transaction: after a fail-over, until we are led on
_NO_TABLE = "42P01"  # SQLSTATE undefined_table
_FOLDING_S = 1.0  # how long writers may wait for the -wal to be emptied
_SILENCE_S = 5  # of a peer, before it is asked whether it is there


class Database:
    """An engine with the two ways of using it: `transaction` to write, `reading` to look."""

    def __init__(self, url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.url = url
        self._engine = _engine(url, busy_timeout_s)
        self._turn: AbstractContextManager[None] = (
            _Turn(busy_timeout_s) if url.startswith("sqlite") else nullcontext()
        )

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine, for the migrations."""
        return self._engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One write transaction; durable when the block ends, undone when it raises.

        Raises TemporaryFailure(storage-full or database) for trouble that may pass.
        """
        with _translated(), self._turn, self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for SELECTs that takes no write lock.

        Raises TemporaryFailure(database).
        """
        with _translated(), self._engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def fold_in(self) -> None:
        """Folds SQLite's -wal into the database and empties it; changes nothing elsewhere.

        What was deleted is then in neither. Does nothing while somebody still reads what was there
        before, such as a backup: mail is not kept waiting for that.
        Raises TemporaryFailure(database).
        """
        file = make_url(self.url).database
        if self.url.startswith("sqlite") and file:
            with _translated(), closing(sqlite3.connect(file, timeout=_FOLDING_S)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Gives the connections back."""
        self._engine.dispose()


class _Turn:
    """One writer of this process at a time.

    SQLite would make them wait for each other as well, but by sleeping and asking again.
    """

    def __init__(self, timeout_s: float) -> None:
        self._lock = threading.Lock()
        self._timeout_s = timeout_s

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=self._timeout_s):
            raise TemporaryFailure("database", TimeoutError("another writer has not ended"))

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        full = "full" in str(error.orig).lower() or "no space" in str(error.orig).lower()
        reason = "storage-full" if full else "database"
        raise TemporaryFailure(reason, _not_made(error) or error) from error
    except (sqlite3.Error, PoolTimeout) as error:
        # Raised outside a statement: while a connection is opened, or waited for.
        raise TemporaryFailure("database", error) from error
    except DBAPIError as error:
        if error.connection_invalidated or getattr(error.orig, "sqlstate", "") == _READ_ONLY:
            raise TemporaryFailure("database", error) from error
        raise PermanentFailure("database", _not_made(error) or error) from error


def _not_made(error: DBAPIError) -> LookupError | None:
    """What to do where there is no database yet; the driver tells a statement instead."""
    said = str(error.orig)
    if "no such table" in said or getattr(error.orig, "sqlstate", "") == _NO_TABLE:
        return LookupError("it has no tables yet: start the service, or run `postroom db upgrade`")
    if "unable to open database file" in said:
        return LookupError("its file cannot be opened: start the service first, or use its user")
    return None


def _connect_args(url: str) -> dict[str, Any]:
    """What PostgreSQL is told when we connect, so that neither side waits for one that is gone.

    A host that loses its power says no goodbye: its open transaction, and the locks it holds, would
    last until TCP gives it up, after a quarter of an hour or two hours by default. The first
    setting ends one that waits for its next statement, the others one that waits for the rest of a
    batch.
    """
    if not url.startswith("postgresql"):
        return {}
    session = {
        "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION_S * 1000,
        "tcp_keepalives_idle": _SILENCE_S,
        "tcp_keepalives_interval": _SILENCE_S,
        "tcp_keepalives_count": 2,
        # What was sent and is not acknowledged keeps keep-alives from being sent at all.
        "tcp_user_timeout": 2 * _SILENCE_S * 1000,
    }
    return {
        "options": " ".join(f"-c {name}={value}" for name, value in session.items()),
        "connect_timeout": _SILENCE_S,
        "keepalives_idle": _SILENCE_S,
        "keepalives_interval": _SILENCE_S,
        "keepalives_count": 2,
        "tcp_user_timeout": 2 * _SILENCE_S * 1000,
    }


def _engine(url: str, busy_timeout_s: float) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, connect_args=_connect_args(url))
    engine = create_engine(
        url,
        # The connection used last has the pages and statements that are wanted next.
        pool_use_lifo=True,
        connect_args={"timeout": busy_timeout_s, "check_same_thread": False},
    )

    file = make_url(url).database

    @event.listens_for(engine, "connect")
    def _open(connection: sqlite3.Connection, _record: Any) -> None:
        if file and file != ":memory:":
            give_to_owner(Path(file))  # before there is a -wal, which belongs to whom the file does
        # The driver's own BEGIN comes too late (before the first write only); we say it ourselves.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # zeros where something was deleted

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
