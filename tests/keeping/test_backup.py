"""Backups: made while others write, checked, put back, and safe to go on from."""

import os
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from postroom.config import Config
from postroom.failure import Failure, PermanentFailure
from postroom.keeping.backup import back_up, backups, check, held_replies, restore
from postroom.keeping.person import erase, of_address
from postroom.service.state import stamp_key
from postroom.store.engine import Database
from postroom.store.schema import ACTION, MESSAGE
from postroom.supervisor import prepared
from tests.fakes.kept import NOW, taken


def _subjects(path: Path) -> int:
    with closing(sqlite3.connect(path)) as rows:
        count: int = rows.execute("SELECT count(*) FROM message").fetchone()[0]
        return count


@pytest.mark.slow
def test_a_backup_is_complete_closed_to_others_and_of_one_moment(
    config: Config, database: Database, tmp_path: Path
) -> None:
    stamp_key(config)
    taken(config, database, "anna@kunde.test")
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set() and number < 500:
            number += 1
            taken(config, database, "busy@kunde.test", days_ago=number, done=False)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = back_up(config, tmp_path / "backups", NOW)
    finally:
        stop.set()
        writer.join()
    assert check(made) == []
    assert _subjects(made / "postroom.sqlite") >= 1
    assert {path.name for path in made.iterdir()} >= {"stamp.key", "manifest.json"}
    assert [oct(path.stat().st_mode & 0o077) for path in made.rglob("*")] == ["0o0"] * len(
        list(made.rglob("*"))
    )
    assert not [path for path in made.parent.iterdir() if path.name.endswith(".partial")]


def test_the_oldest_go_and_the_newest_stay(
    config: Config, database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    made = [back_up(config, folder, NOW + timedelta(days=day), keep=2) for day in range(4)]
    assert backups(folder) == [made[3], made[2]]


def test_a_changed_file_is_noticed_and_not_restored(
    config: Config, database: Database, tmp_path: Path
) -> None:
    made = back_up(config, tmp_path / "backups", NOW)
    with (made / "postroom.sqlite").open("r+b") as file:
        file.seek(5_000)
        file.write(b"rust")
    assert check(made) == ["postroom.sqlite is missing or changed"]
    with pytest.raises(PermanentFailure, match="backup-broken"):
        restore(config, made, NOW, "berg")


def test_a_restore_goes_back_and_keeps_what_was_there(
    config: Config, database: Database, tmp_path: Path
) -> None:
    taken(config, database, "anna@kunde.test")
    made = back_up(config, tmp_path / "backups", NOW)
    taken(config, database, "later@kunde.test")
    database.close()
    aside = restore(config, made, NOW, "berg")
    assert _subjects(tmp_path / "postroom.sqlite") == 1
    assert _subjects(aside) == 2


def test_replies_that_were_open_are_held_after_a_restore(
    config: Config, database: Database, tmp_path: Path
) -> None:
    number = taken(config, database, "anna@kunde.test", done=False, reply="pending")
    made = back_up(config, tmp_path / "backups", NOW)
    database.close()
    restore(config, made, NOW, "berg")
    with database.reading() as connection:
        rows = connection.execute(
            select(ACTION.c.step, ACTION.c.state).where(ACTION.c.message == number)
        )
        states = {row.step: row.state for row in rows}
    assert states == {"deliver": "pending", "reply": "held"}
    assert len(held_replies(database)) == 1


def test_who_was_erased_since_is_erased_again(
    config: Config, database: Database, tmp_path: Path
) -> None:
    taken(config, database, "anna@kunde.test")
    taken(config, database, "berta@kunde.test")
    made = back_up(config, tmp_path / "backups", NOW)
    erase(config, database, "anna@kunde.test", NOW, "berg")
    database.close()
    restore(config, made, NOW, "berg")
    with database.reading() as connection:
        assert of_address(connection, "anna@kunde.test") == []
        assert connection.scalars(select(MESSAGE.c.author)).all() == ["berta@kunde.test"]


def test_a_running_service_is_not_pulled_from_under_its_mail(
    config: Config, database: Database, tmp_path: Path
) -> None:
    made = back_up(config, tmp_path / "backups", NOW)
    with prepared(config), pytest.raises(PermanentFailure, match="running"):
        restore(config, made, NOW, "berg")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_leaves_nothing_half(
    config: Config, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(Failure, match="backup"):
        back_up(config, tmp_path / "closed" / "b", NOW)
