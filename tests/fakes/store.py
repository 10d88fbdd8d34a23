"""A real, migrated SQLite database per test, migrated once per run."""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, event

from postroom.store.engine import Database
from postroom.store.upgrade import upgrade


def a_database(folder: Path) -> Database:
    """A migrated, empty database at folder/postroom.sqlite."""
    path = folder / "postroom.sqlite"
    path.write_bytes(_migrated())
    return Database(f"sqlite:///{path}")


def plans(connection: Connection, ask: Callable[[], object]) -> list[list[str]]:
    """Of each statement that `ask` runs, the steps in which SQLite would find its rows."""
    asked: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda _c, _k, sql, *_: asked.append(sql))
    ask()
    return [
        [
            row.detail
            for row in connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {sql}", ("1",) * sql.count("?")
            )
        ]
        for sql in tuple(asked)
    ]


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "migrated.sqlite"
        database = Database(f"sqlite:///{path}")
        upgrade(database)
        database.close()  # the last connection folds the write-ahead log into the file
        assert not path.with_name(f"{path.name}-wal").exists()
        return path.read_bytes()
