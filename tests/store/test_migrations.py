"""The migrated database is what schema.py says, and guards itself."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, insert, inspect, select, text, update

from postroom.failure import PermanentFailure
from postroom.store import upgrade
from postroom.store.engine import Database
from postroom.store.schema import (
    ACTION,
    ACTION_STATES,
    EVENT,
    MESSAGE,
    METADATA,
    REVIEW,
    REVIEW_STATES,
    REVIEW_TRANSITIONS,
    TRANSITIONS,
)
from tests.fakes.store import a_database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return a_database(tmp_path)


def _a_message(connection: Connection) -> int:
    texts = {
        column.name: "" for column in MESSAGE.columns if column.name not in ("id", "raw", "size")
    }
    number: int = connection.execute(
        insert(MESSAGE)
        .values({**texts, "raw": b"", "size": 0, "received_at": 0.0})
        .returning(MESSAGE.c.id)
    ).scalar_one()
    return number


def _an_action(connection: Connection, state: str) -> int:
    number: int = connection.execute(
        insert(ACTION)
        .values(
            message=_a_message(connection),
            key="k",
            step="deliver",
            body="{}",
            created_at=0.0,
            due_at=0.0,
            **_action_facts(state),
        )
        .returning(ACTION.c.id)
    ).scalar_one()
    return number


def _action_facts(state: str) -> dict[str, object]:
    """The columns that a state needs beside itself."""
    return {
        "state": state,
        "lease_until": 1.0 if state == "leased" else None,
        "finished_at": 1.0 if state in ("done", "dead", "dropped") else None,
    }


def _a_review(connection: Connection, state: str) -> int:
    number: int = connection.execute(
        insert(REVIEW)
        .values(message=_a_message(connection), reason="", created_at=0.0, **_review_facts(state))
        .returning(REVIEW.c.id)
    ).scalar_one()
    return number


def _review_facts(state: str) -> dict[str, object]:
    return {"state": state, "decided_at": None if state == "waiting" else 1.0}


def test_migrated_schema_is_the_metadata(database: Database) -> None:
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_migrated_constraints_are_those_of_the_metadata(database: Database, tmp_path: Path) -> None:
    """Alembic compares no CHECK constraints and no ON DELETE; the tables' own words do."""
    described = Database(f"sqlite:///{tmp_path}/described.sqlite")
    METADATA.create_all(described.engine)
    for table in METADATA.tables:
        for question in (
            "get_check_constraints",
            "get_foreign_keys",
            "get_unique_constraints",
            "get_indexes",
            "get_pk_constraint",
        ):
            found, wanted = (
                _sorted(getattr(inspect(one.engine), question)(table))
                for one in (database, described)
            )
            assert found == wanted, (table, question)


def _sorted(answer: Any) -> list[str]:
    rows = answer if isinstance(answer, list) else [answer]
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)


FORBIDDEN = [
    (old, new)
    for old, new in itertools.permutations(ACTION_STATES, 2)
    if new not in TRANSITIONS[old]
]


@pytest.mark.parametrize(("old", "new"), FORBIDDEN)
def test_the_database_refuses_a_forbidden_change_of_an_action(
    database: Database, old: str, new: str
) -> None:
    with database.transaction() as connection:
        number = _an_action(connection, old)
    with pytest.raises(PermanentFailure), database.transaction() as connection:
        connection.execute(update(ACTION).where(ACTION.c.id == number).values(**_action_facts(new)))
    with database.reading() as connection:
        assert connection.scalar(text("SELECT state FROM action")) == old


@pytest.mark.parametrize(
    ("old", "new"), [(old, new) for old, targets in TRANSITIONS.items() for new in targets]
)
def test_the_database_allows_a_named_change_of_an_action(
    database: Database, old: str, new: str
) -> None:
    with database.transaction() as connection:
        number = _an_action(connection, old)
        connection.execute(update(ACTION).where(ACTION.c.id == number).values(**_action_facts(new)))
        assert connection.scalar(text("SELECT state FROM action")) == new


@pytest.mark.parametrize(("old", "new"), list(itertools.permutations(REVIEW_STATES, 2)))
def test_a_review_is_decided_once(database: Database, old: str, new: str) -> None:
    with database.transaction() as connection:
        number = _a_review(connection, old)
    change = update(REVIEW).where(REVIEW.c.id == number).values(**_review_facts(new))
    if new in REVIEW_TRANSITIONS[old]:
        with database.transaction() as connection:
            connection.execute(change)
        return
    with pytest.raises(PermanentFailure), database.transaction() as connection:
        connection.execute(change)


@pytest.mark.parametrize("state", ["", "unheard-of", "PENDING"])
def test_no_action_has_a_state_nobody_named(database: Database, state: str) -> None:
    with pytest.raises(PermanentFailure), database.transaction() as connection:
        _an_action(connection, state)


def test_a_lease_and_its_end_belong_together(database: Database) -> None:
    for facts in (
        {"state": "leased", "lease_until": None},
        {"state": "pending", "lease_until": 1.0},
        {"state": "done", "finished_at": None},
        {"state": "pending", "finished_at": 1.0},
    ):
        with pytest.raises(PermanentFailure), database.transaction() as connection:
            number = _an_action(connection, "pending")
            connection.execute(update(ACTION).where(ACTION.c.id == number).values(**facts))


def test_the_story_is_append_only(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(
            insert(EVENT).values(
                at=0.0, message=_a_message(connection), kind="message", old="", new="taken", who="x"
            )
        )
    with pytest.raises(PermanentFailure), database.transaction() as connection:
        connection.execute(update(EVENT).values(who="somebody else"))


def test_messages_emptied_before_lose_what_their_actions_said_of_them(database: Database) -> None:
    quoting = {"sequence": "order anna 12", "reason": "erp-rejected: anna: 12"}
    with database.transaction() as connection:
        emptied = _an_action(connection, "dropped")
        connection.execute(update(ACTION).values(**quoting))
        connection.execute(update(MESSAGE).values(digest="d"))
        kept = connection.scalar(
            insert(ACTION)
            .values(message=_a_message(connection), key="k2", step="deliver", body="{}")
            .values(created_at=0.0, due_at=0.0, **_action_facts("dropped"), **quoting)
            .returning(ACTION.c.id)
        )
        whole = select(ACTION.c.message).where(ACTION.c.id == kept).scalar_subquery()
        connection.execute(update(MESSAGE).where(MESSAGE.c.id == whole).values(size=7))
        connection.execute(text("UPDATE alembic_version SET version_num = '0013'"))
    upgrade.upgrade(database)
    with database.reading() as connection:
        rows = connection.execute(select(ACTION.c.id, ACTION.c.sequence, ACTION.c.reason)).all()
    assert sorted(rows) == [
        (emptied, "", "erp-rejected"),
        (kept, "order anna 12", "erp-rejected: anna: 12"),
    ]


def test_upgrading_twice_changes_nothing_and_says_the_version(database: Database) -> None:
    assert upgrade.version(database) == upgrade.newest()
    upgrade.upgrade(database)
    assert upgrade.is_current(database)


def test_an_empty_database_has_no_version(tmp_path: Path) -> None:
    empty = Database(f"sqlite:///{tmp_path}/empty.sqlite")
    assert upgrade.version(empty) == ""
    assert not upgrade.is_current(empty)


def test_a_database_of_a_newer_postroom_is_left_alone(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(PermanentFailure) as caught:
        upgrade.upgrade(database)
    assert caught.value.reason == "database-newer"
    assert not upgrade.is_current(database)


@pytest.mark.slow
def test_two_processes_that_upgrade_at_once_both_succeed(tmp_path: Path) -> None:
    program = (
        "import sys; from postroom.store.engine import Database;"
        "from postroom.store.upgrade import upgrade, is_current;"
        "database = Database(sys.argv[1]); upgrade(database); assert is_current(database)"
    )
    command = [sys.executable, "-c", program, f"sqlite:///{tmp_path}/both.sqlite"]
    both = [subprocess.Popen(command, cwd=tmp_path, env=os.environ) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
