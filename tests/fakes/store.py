"""A real, migrated SQLite database per test, migrated once per run."""

import tempfile
from functools import cache
from pathlib import Path

from postroom.store.engine import Database
from postroom.store.upgrade import upgrade


def a_database(folder: Path) -> Database:
    """A migrated, empty database at folder/postroom.sqlite."""
    path = folder / "postroom.sqlite"
    path.write_bytes(_migrated())
    return Database(f"sqlite:///{path}")


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "migrated.sqlite"
        database = Database(f"sqlite:///{path}")
        upgrade(database)
        database.close()  # the last connection folds the write-ahead log into the file
        assert not path.with_name(f"{path.name}-wal").exists()
        return path.read_bytes()
