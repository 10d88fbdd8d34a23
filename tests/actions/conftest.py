"""A migrated database for every test, made once and copied."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.store.engine import Database
from postroom.store.upgrade import upgrade
from tests.fakes.post import sqlite_url


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "postroom.sqlite"
    database = Database(sqlite_url(path))
    upgrade(database)
    database.close()  # the last connection folds the write-ahead log into the file
    return path


@pytest.fixture
def database_path(empty_database: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(empty_database, tmp_path / "postroom.sqlite"))


@pytest.fixture
def database(database_path: Path) -> Iterator[Database]:
    opened = Database(sqlite_url(database_path))
    yield opened
    opened.close()
