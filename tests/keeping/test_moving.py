"""A database moved to another one: everything, once, or nothing."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from postroom.actions import outbox
from postroom.config import Config, StoreSection
from postroom.failure import PermanentFailure
from postroom.keeping.deletion import delete_messages
from postroom.keeping.moving import move
from postroom.service.state import prepare_state
from postroom.store.engine import Database
from postroom.store.schema import ACTION, EVENT, METADATA
from postroom.supervisor import prepared
from tests.fakes import postgresql
from tests.fakes.kept import NOW, taken
from tests.fakes.post import sqlite_url


def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Everything in it, table by table."""
    with database.reading() as connection:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in METADATA.sorted_tables
        }


@pytest.fixture
def filled(config: Config, database: Database) -> dict[str, list[tuple[object, ...]]]:
    for number in range(3):
        taken(config, database, f"anna{number}@kunde.test", days_ago=number, reply="review")
    taken(config, database, "late@kunde.test", done=False)
    return rows(database)


def test_every_row_arrives_under_its_number(
    config: Config, filled: dict[str, list[tuple[object, ...]]], tmp_path: Path
) -> None:
    url = sqlite_url(tmp_path / "new.sqlite")
    told: list[tuple[str, int, int]] = []
    moved = move(config, url, lambda *progress: told.append(progress))
    assert moved["message"] == 4
    assert ("message", 4, 4) in told
    there = Database(url)
    assert rows(there) == filled
    there.close()


def test_a_target_that_holds_something_is_left_alone(
    config: Config, filled: dict[str, list[tuple[object, ...]]], tmp_path: Path
) -> None:
    url = sqlite_url(tmp_path / "new.sqlite")
    move(config, url)
    with pytest.raises(PermanentFailure, match="database-not-empty"):
        move(config, url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [("", "database-same"), ("nothing", "database-url"), ("oracle+x://y", "database-url")],
)
def test_an_address_that_cannot_be_meant_is_refused(
    config: Config, database: Database, url: str, reason: str
) -> None:
    with pytest.raises(PermanentFailure, match=reason):
        move(config, url or config.store_url)


def test_nothing_moves_while_the_service_runs(
    config: Config, database: Database, tmp_path: Path
) -> None:
    with prepared(config), pytest.raises(PermanentFailure, match="running"):
        move(config, sqlite_url(tmp_path / "new.sqlite"))


@pytest.fixture
def elsewhere() -> Iterator[str]:
    if postgresql.missing():
        pytest.skip(postgresql.missing())
    # Not tmp_path: a unix socket's path must stay short and open to the server's user.
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        with postgresql.PostgreSql(Path(name)) as running:
            yield running.create("postroom")


@pytest.mark.slow
def test_postgresql_goes_on_where_sqlite_ended(
    config: Config,
    filled: dict[str, list[tuple[object, ...]]],
    database: Database,
    elsewhere: str,
) -> None:
    with database.transaction() as connection:  # a number that was given out is not given again
        delete_messages(connection, [len(filled["message"])])
    kept = rows(database)
    move(config, elsewhere)
    moved = config.model_copy(update={"store": StoreSection(url=elsewhere)})
    prepare_state(moved)
    there = Database(elsewhere)
    try:
        assert rows(there) == kept
        number = taken(moved, there, "next@kunde.test", done=False)
        assert number == 1 + max(int(str(row[0])) for row in filled["message"])
        assert outbox.lease(there, NOW, 10, 60.0, "w")
        with there.reading() as connection:
            highest = connection.scalar(select(func.max(EVENT.c.id)))
            actions = connection.scalar(select(func.count()).select_from(ACTION))
        assert highest and highest > len(filled["event"])
        assert actions == len(kept["action"]) + 1
    finally:
        there.close()
