"""Everything a database holds, taken to another one: from SQLite to PostgreSQL as a house grows.

In: the configuration, whose database is the source, and the URL of an empty one. Out: the same rows
under the same ids there, in one transaction, so that a move that fails leaves the target empty.
The service must be stopped: what it took meanwhile would stay behind. Keys, Maildirs and the audit
log's anchor are files and stay where they are.

Limits: rows are compared by number, not octet by octet; the source is left as it is, for a person
to put aside when all is well.
"""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Integer, Table, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from postroom.config import Config
from postroom.failure import PermanentFailure
from postroom.store.engine import Database
from postroom.store.schema import METADATA
from postroom.store.upgrade import is_current, upgrade

from .backup import stopped

_ROWS_AT_ONCE = 200  # a message's raw bytes may be megabytes

# Told before a table and after each part of it: its name, rows done, rows in all.
Tell = Callable[[str, int, int], None]


def move(config: Config, url: str, tell: Tell = lambda _table, _done, _all: None) -> dict[str, int]:
    """Copies every table; rows per table. Durable on return.

    Raises PermanentFailure: running, database-url, database-same, database-old (upgrade the
    source first), database-not-empty (the target); TemporaryFailure(database).
    """
    target = _open(url)
    source = Database(config.store_url)
    try:
        if make_url(config.store_url) == make_url(url):
            raise PermanentFailure("database-same")
        with stopped(config):
            if not is_current(source):
                raise PermanentFailure("database-old", RuntimeError("run postroom db upgrade"))
            upgrade(target)
            # The source's write lock, so that a command of an operator cannot slip in between.
            with source.transaction() as old, target.transaction() as new:
                return _copy(old, new, tell)
    finally:
        source.close()
        target.close()


def _open(url: str) -> Database:
    try:
        return Database(url)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise PermanentFailure("database-url", error) from error


def _copy(old: Connection, new: Connection, tell: Tell) -> dict[str, int]:
    filled = [table.name for table in METADATA.sorted_tables if _count(new, table)]
    if filled:
        raise PermanentFailure("database-not-empty", RuntimeError(f"rows in {', '.join(filled)}"))
    copied: dict[str, int] = {}
    for table in METADATA.sorted_tables:
        number = _count(old, table)
        tell(table.name, 0, number)
        done = 0
        for rows in _rows(old, table):
            new.execute(table.insert(), rows)
            done += len(rows)
            tell(table.name, done, number)
        _count_on(old, new, table)
        if _count(new, table) != number:
            raise PermanentFailure("database-not-empty", RuntimeError(f"{table.name} differs"))
        copied[table.name] = number
    return copied


def _rows(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    ordered = select(table).order_by(*table.primary_key.columns)
    found = connection.execute(ordered.execution_options(yield_per=_ROWS_AT_ONCE))
    for rows in found.mappings().partitions():
        yield [dict(row) for row in rows]


def _count(connection: Connection, table: Table) -> int:
    return int(connection.scalar(select(func.count()).select_from(table)) or 0)


def _count_on(old: Connection, new: Connection, table: Table) -> None:
    """Lets PostgreSQL's counter go on behind the highest id that was ever given out."""
    key = list(table.primary_key.columns)
    numbered = len(key) == 1 and isinstance(key[0].type, Integer) and not key[0].foreign_keys
    if new.dialect.name != "postgresql" or not numbered:
        return
    sequence = new.scalar(select(func.pg_get_serial_sequence(f'"{table.name}"', key[0].name)))
    highest = new.scalar(select(func.max(key[0]))) or 0
    if old.dialect.name == "sqlite":  # the newest rows may be gone: erased, or left to a restore
        given = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        highest = max(highest, old.scalar(given, {"name": table.name}) or 0)
    if sequence and highest:
        new.execute(text("SELECT setval(:name, :value)"), {"name": sequence, "value": highest})
