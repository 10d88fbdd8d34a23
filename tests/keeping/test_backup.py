"""Backups: made while others write, checked, put back, and safe to go on from."""

import errno
import os
import shutil
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import func, select

from postroom.audit import AuditLog
from postroom.config import Config
from postroom.decision import Outcome
from postroom.failure import Failure, PermanentFailure
from postroom.keeping.backup import back_up, backups, check, differing, held_replies, restore
from postroom.keeping.person import erase, of_address
from postroom.milter.keyring import Keyring
from postroom.service.state import stamp_key
from postroom.store.engine import Database
from postroom.store.schema import ACTION, EVENT, MESSAGE
from postroom.store.upgrade import upgrade
from postroom.supervisor import prepared
from tests.fakes.kept import NOW, taken
from tests.fakes.store import a_database


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


def test_what_is_no_backup_of_ours_is_neither_counted_nor_deleted(
    config: Config, database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    for name in ("postroom-etc", "postroom-20270101T000000Z"):  # the second has no manifest
        (folder / name).mkdir(parents=True)
    back_up(config, folder, NOW)
    made = back_up(config, folder, NOW + timedelta(days=1), keep=1)
    assert backups(folder) == [made]
    assert (folder / "postroom-etc").is_dir()


def test_a_backup_ends_although_others_commit_all_the_time(
    config: Config, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite begins anew whenever another commits between two steps, so there is one step only."""
    live = config.service.state_dir / "postroom.sqlite"
    with closing(sqlite3.connect(live)) as rows:
        rows.execute("CREATE TABLE ballast AS SELECT zeroblob(30000000) AS octets")
        rows.commit()
    looks = 0

    class Watched(sqlite3.Connection):
        def backup(self, target: sqlite3.Connection, **how: Any) -> None:
            def commit(_status: int, _remaining: int, _total: int) -> None:
                nonlocal looks
                looks += 1
                assert looks < 5, "no end"
                with closing(sqlite3.connect(live)) as other:
                    other.execute("INSERT INTO ballast VALUES (NULL)")
                    other.commit()

            super().backup(target, progress=commit, **how)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, factory=Watched, **k))
    made = back_up(config, tmp_path / "backups", NOW)
    assert looks == 1 and check(made) == []


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


class _Killed(BaseException):
    """Stands for SIGKILL: nobody clears up."""


@pytest.mark.parametrize("by", [_Killed(), OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize(
    "step", ["shutil.copyfile", "erase_again", "os.fsync", "os.link", "Path.rename"]
)
def test_a_restore_that_comes_to_no_end_leaves_the_database_as_it_was(
    config: Config,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    by: BaseException,
) -> None:
    stamp_key(config)
    taken(config, database, "anna@kunde.test", done=False, reply="pending")
    made = back_up(config, tmp_path / "backups", NOW)
    taken(config, database, "later@kunde.test")
    database.close()

    def ends(*_: Any, **__: Any) -> None:
        raise by

    live = tmp_path / "postroom.sqlite"
    with monkeypatch.context() as patched, pytest.raises((_Killed, Failure)) as caught:
        patched.setattr(f"postroom.keeping.backup.{step}", ends)
        if isinstance(by, _Killed):
            patched.setattr("postroom.keeping.backup._remove", lambda _fresh: None)
        restore(config, made, NOW, "berg")
    if isinstance(caught.value, Failure):
        assert caught.value.reason == "restore" and str(tmp_path) in str(caught.value.cause)
        assert not list(tmp_path.glob("postroom.sqlite.restoring*"))
    assert _subjects(live) == 2
    assert AuditLog(config).problems(database) == []
    database.close()
    restore(config, made, NOW + timedelta(hours=1), "berg")
    assert _subjects(live) == 1 and len(held_replies(database)) == 1
    assert AuditLog(config).problems(database) == []
    assert not list(tmp_path.glob("*.restoring*"))


def test_a_restore_is_told_at_the_audit_logs_end(
    config: Config, database: Database, tmp_path: Path
) -> None:
    erase(config, database, "anna@kunde.test", NOW, "berg")
    made = back_up(config, tmp_path / "backups", NOW)
    erase(config, database, "berta@kunde.test", NOW, "berg")
    database.close()
    with structlog.testing.capture_logs() as told:
        restore(config, made, NOW, "berg")
    log = AuditLog(config)
    assert [one.verb for one in log.entries(database)] == ["erase", "restore"]
    assert log.problems(database) == []
    assert (tmp_path / "audit.head").read_text().split()[0] == "2"
    assert [one["event"] for one in told] == ["audited"]


def _new_host(config: Config, folder: Path) -> tuple[Config, Database]:
    """Another installation that has been started once: it has keys and an audit log of its own."""
    service = config.service.model_copy(update={"state_dir": folder, "run_dir": folder / "run"})
    here = config.model_copy(update={"service": service})
    folder.mkdir()
    database = a_database(folder)
    stamp_key(here)
    erase(here, database, "first@firma.test", NOW, "ansible")
    Keyring(here.dkim_keys_dir).make("firma.test", "a", NOW)
    database.close()
    return here, database


def test_on_a_new_host_the_audit_log_gets_its_key_and_other_keys_are_named(
    config: Config, database: Database, tmp_path: Path
) -> None:
    stamp_key(config)
    Keyring(config.dkim_keys_dir).make("firma.test", "a", NOW)
    Keyring(config.dkim_keys_dir).make("firma.test", "b", NOW)
    erase(config, database, "anna@kunde.test", NOW, "berg")
    made = back_up(config, tmp_path / "backups", NOW)
    here, there = _new_host(config, tmp_path / "new")
    state = here.service.state_dir
    kept = {name: (state / name).read_bytes() for name in ("audit.key", "stamp.key")}
    restore(here, made, NOW, "berg")
    log = AuditLog(here)
    assert log.problems(there) == []
    told = [(one.verb, one.details is not None) for one in log.entries(there)]
    assert told == [("erase", True), ("restore", True)]
    assert (state / "audit.key").read_bytes() == (made / "audit.key").read_bytes()
    (aside,) = state.glob("audit.key.before-restore-*")
    assert aside.read_bytes() == kept["audit.key"] and aside.stat().st_mode & 0o077 == 0
    assert (state / "stamp.key").read_bytes() == kept["stamp.key"]
    pairs = [f"dkim/firma.test/{one}.{kind}.pem" for one in "ab" for kind in ("ed25519", "rsa")]
    assert set(differing(here, made)) == {*pairs, "dkim/firma.test/selectors.json", "stamp.key"}
    shutil.copytree(made / "dkim", here.dkim_keys_dir, dirs_exist_ok=True)
    assert differing(here, made) == ["stamp.key"]


def test_a_key_that_the_backup_s_log_was_written_with_stays(
    config: Config, database: Database, tmp_path: Path
) -> None:
    erase(config, database, "anna@kunde.test", NOW, "berg")
    made = back_up(config, tmp_path / "backups", NOW)
    database.close()
    ours = (tmp_path / "audit.key").read_bytes()
    restore(config, made, NOW, "berg")
    assert (tmp_path / "audit.key").read_bytes() == ours
    assert not list(tmp_path.glob("audit.key.before-restore-*"))
    assert differing(config, made) == []


def test_a_new_host_knows_who_was_erased_before_and_after_the_backup(
    config: Config, database: Database, tmp_path: Path
) -> None:
    for who in ("anna", "berta", "first"):
        taken(config, database, f"{who}@kunde.test")
    old = back_up(config, tmp_path / "backups", NOW)
    erase(config, database, "anna@kunde.test", NOW, "berg")
    made = back_up(config, tmp_path / "backups", NOW + timedelta(hours=1))
    here, there = _new_host(config, tmp_path / "new")
    erase(here, there, "first@kunde.test", NOW + timedelta(hours=2), "berg")
    there.close()
    for number, backup in enumerate((made, old)):
        restore(here, backup, NOW + timedelta(hours=3 + number), "berg")
        with there.reading() as connection:
            assert connection.scalars(select(MESSAGE.c.author)).all() == ["berta@kunde.test"]
        there.close()
    noted = (here.service.state_dir / "erasures.jsonl").read_text().splitlines()
    assert len(noted) == len(set(noted)) == 3


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


def test_numbers_given_out_before_a_restore_are_not_given_again(
    config: Config, database: Database, tmp_path: Path
) -> None:
    """Redis and the receivers of webhooks would take what is new for something they have."""

    def numbers() -> tuple[int, int, int]:
        with database.reading() as connection:
            highest = [select(func.max(table.c.id)) for table in (MESSAGE, ACTION, EVENT)]
            message, action, event = (int(connection.scalar(one) or 0) for one in highest)
        return message, action, event

    made = back_up(config, tmp_path / "backups", NOW)  # of an empty database: no number is kept
    for day in range(3):
        taken(config, database, "anna@kunde.test", days_ago=day)
    before = numbers()
    database.close()
    aside = restore(config, made, NOW, "berg")
    assert not list(tmp_path.glob(f"{aside.name}-*"))
    taken(config, database, "anna@kunde.test")
    after = numbers()
    assert all(new > old + 1_000_000 for new, old in zip(after, before, strict=True))
    # What was replaced says nothing when it is a new one on a new disk, or broken.
    database.close()
    (tmp_path / "postroom.sqlite").write_bytes(b"rust" * 1_000)
    restore(config, made, NOW + timedelta(hours=1), "berg")
    taken(config, database, "berta@kunde.test")
    assert all(new > old + 1_000_000 for new, old in zip(numbers(), before, strict=True))


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


def test_what_came_after_an_erasure_or_was_left_alone_by_it_stays(
    config: Config, database: Database, tmp_path: Path
) -> None:
    gone = taken(config, database, "anna@kunde.test", days_ago=9)
    waiting = taken(config, database, "anna@kunde.test", days_ago=8, outcome=Outcome.REVIEW)
    older = back_up(config, tmp_path / "backups", NOW - timedelta(days=6))
    erased = erase(config, database, "anna@kunde.test", NOW - timedelta(days=5), "berg")
    assert erased.waiting == (waiting,)
    later = taken(config, database, "anna@kunde.test", days_ago=2)
    newer = back_up(config, tmp_path / "backups", NOW)
    database.close()
    for hour, (backup, kept) in enumerate(((older, [waiting]), (newer, [waiting, later]))):
        restore(config, backup, NOW + timedelta(hours=hour), "berg")
        with database.reading() as connection:
            assert of_address(connection, "anna@kunde.test") == kept
        told = [one for one in AuditLog(config).entries(database) if one.verb == "erase"]
        if backup is older:
            assert [one.details for one in told] == [{"messages": [gone], "after": "restore"}]
        database.close()


def test_a_running_service_is_not_pulled_from_under_its_mail(
    config: Config, database: Database, tmp_path: Path
) -> None:
    made = back_up(config, tmp_path / "backups", NOW)
    with prepared(config), pytest.raises(PermanentFailure, match="running"):
        restore(config, made, NOW, "berg")


def test_an_old_backup_that_cannot_be_deleted_stops_nothing(
    config: Config, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "backups"
    back_up(config, folder, NOW)

    def refused(path: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refused)
    with structlog.testing.capture_logs() as told:
        made = back_up(config, folder, NOW + timedelta(days=1), keep=1)
    assert check(made) == []
    assert [one["part"] for one in told if one["event"] == "degraded"] == ["backup"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_what_root_leaves_is_the_services(config: Config, tmp_path: Path) -> None:
    service = 65_534  # nobody
    state = tmp_path / "state"
    config = config.model_copy(
        update={
            "service": config.service.model_copy(
                update={"state_dir": state, "run_dir": tmp_path / "run"}
            )
        }
    )
    state.mkdir()
    os.chown(state, service, service)
    database = Database(config.store_url)
    upgrade(database)
    Keyring(config.dkim_keys_dir).make("firma.test", "a", NOW)
    made = back_up(config, tmp_path / "backups", NOW)
    shutil.rmtree(config.dkim_keys_dir)
    erase(config, database, "anna@kunde.test", NOW, "berg")
    with database.reading():  # a -wal and a -shm are there
        left = [*state.rglob("*")]
        assert [one.name for one in left if one.stat().st_uid != service] == []
        assert {"postroom.sqlite-wal", "audit.lock", "erasures.jsonl"} <= {one.name for one in left}
    database.close()
    restore(config, made, NOW, "berg")
    folders = (state, config.service.run_dir, made.parent)
    left = [*folders, *(one for folder in folders for one in folder.rglob("*"))]
    assert [one for one in left if one.stat().st_uid != service] == []
    assert {"serve.lock", "audit.head", "a.rsa.pem", "manifest.json"} <= {one.name for one in left}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_leaves_nothing_half(
    config: Config, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(Failure, match="backup"):
        back_up(config, tmp_path / "closed" / "b", NOW)
