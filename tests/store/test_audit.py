"""The audit log shows every change made to it, and keeps its details from readers."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, text, update

from postroom.audit import AuditLog, head_of
from postroom.config import AuditSection, Config, Service
from postroom.failure import PermanentFailure
from postroom.store.audit import Head
from postroom.store.engine import Database
from postroom.store.schema import AUDIT
from tests.fakes.store import a_database

NOW = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return a_database(tmp_path)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(service=Service(state_dir=tmp_path))


@pytest.fixture
def log(config: Config) -> AuditLog:
    return AuditLog(config)


def write(log: AuditLog, database: Database, count: int = 5) -> None:
    for number in range(count):
        with log.recording(database) as recording:
            recording.tell(NOW, "анна", "approve", f"m{number}", reason="ок", was={"sales": 0.5})


def found(log: AuditLog, database: Database) -> list[tuple[int, str]]:
    return [(problem.row, problem.what) for problem in log.problems(database)]


def tamper(database: Database, change: Callable[[Connection], Any]) -> None:
    """What somebody with the database's password, but without the key, can do."""
    with database.transaction() as connection:
        connection.execute(text("DROP TRIGGER audit_no_update"))
        connection.execute(text("DROP TRIGGER audit_no_delete"))
        change(connection)


def test_a_log_that_nobody_touched_is_sound(log: AuditLog, database: Database) -> None:
    assert found(log, database) == []
    write(log, database)
    assert found(log, database) == []
    assert [entry.number for entry in log.entries(database)] == [1, 2, 3, 4, 5]
    (entry,) = log.entries(database, subject="m3")
    assert (entry.who, entry.verb, entry.at) == ("анна", "approve", NOW)
    assert entry.details == {"reason": "ок", "was": {"sales": 0.5}}


@pytest.mark.parametrize(
    "values",
    [{"who": "boris"}, {"verb": "reject"}, {"subject": "m9"}, {"at": 1.0}, {"details": b"x" * 40}],
)
def test_an_edited_row_is_found(log: AuditLog, database: Database, values: dict[str, Any]) -> None:
    write(log, database)
    tamper(database, lambda c: c.execute(update(AUDIT).where(AUDIT.c.id == 3).values(**values)))
    assert found(log, database) == [(3, "changed")]


@pytest.mark.parametrize("row", [1, 3])
def test_a_removed_row_is_found(log: AuditLog, database: Database, row: int) -> None:
    write(log, database)
    tamper(database, lambda c: c.execute(delete(AUDIT).where(AUDIT.c.id == row)))
    assert (row, "missing") in found(log, database)


def test_a_removed_row_whose_place_is_closed_is_found(log: AuditLog, database: Database) -> None:
    write(log, database)

    def close_up(connection: Connection) -> None:
        connection.execute(delete(AUDIT).where(AUDIT.c.id == 3))
        for row in (4, 5):
            connection.execute(update(AUDIT).where(AUDIT.c.id == row).values(id=row - 1))

    tamper(database, close_up)
    assert {(3, "changed"), (3, "unchained"), (5, "cut-off")} <= set(found(log, database))


def test_rows_that_changed_places_are_found(log: AuditLog, database: Database) -> None:
    write(log, database)

    def swap(connection: Connection) -> None:
        for old, new in ((2, 99), (3, 2), (99, 3)):
            connection.execute(update(AUDIT).where(AUDIT.c.id == old).values(id=new))

    tamper(database, swap)
    assert {(2, "changed"), (3, "changed")} <= set(found(log, database))


def test_a_row_put_in_by_somebody_else_is_found(
    log: AuditLog, database: Database, tmp_path: Path
) -> None:
    write(log, database)
    (tmp_path / "other.key").write_text("0" * 64)
    other = Config(
        service=Service(state_dir=tmp_path), audit=AuditSection(key_file=tmp_path / "other.key")
    )
    write(AuditLog(other), database, 1)
    assert (6, "changed") in found(log, database)


@pytest.mark.parametrize("left", [0, 1, 4])
def test_an_end_that_was_cut_off_is_found(log: AuditLog, database: Database, left: int) -> None:
    write(log, database)
    tamper(database, lambda c: c.execute(delete(AUDIT).where(AUDIT.c.id > left)))
    assert found(log, database) == [(left + 1, "cut-off")]


def test_an_end_cut_off_and_written_anew_is_found(log: AuditLog, database: Database) -> None:
    """By somebody who can make the program write, such as an operator."""
    write(log, database)
    tamper(database, lambda c: c.execute(delete(AUDIT).where(AUDIT.c.id > 3)))
    write(log, database, 1)
    assert (5, "cut-off") in found(log, database)
    write(log, database, 3)
    assert log.end(database).count == 7
    assert (5, "other-head") in found(log, database)  # not even when it is longer again


def test_a_head_that_is_missing_or_forged_is_told(
    log: AuditLog, database: Database, tmp_path: Path
) -> None:
    write(log, database)
    (tmp_path / "audit.head").write_text(f"1 {'0' * 64} {'0' * 64}\n")
    assert found(log, database) == [(0, "no-head")]
    (tmp_path / "audit.head").unlink()
    assert found(log, database) == [(0, "no-head")]


def test_a_head_kept_elsewhere_finds_what_an_old_copy_of_all_hides(
    log: AuditLog, database: Database, tmp_path: Path
) -> None:
    write(log, database, 2)
    old = (tmp_path / "audit.head").read_bytes()
    write(log, database, 2)
    end = log.end(database)
    tamper(database, lambda c: c.execute(delete(AUDIT).where(AUDIT.c.id > 2)))
    (tmp_path / "audit.head").write_bytes(old)
    assert log.problems(database) == []  # the limit that audit.py names
    known = head_of(f"{end.count}:{end.seal}")
    assert [p.what for p in log.problems(database, known)] == ["cut-off"]
    other = Head(count=2, seal="f" * 64)
    assert [p.what for p in log.problems(database, other)] == ["other-head"]


def test_details_are_not_in_the_database_in_clear(
    log: AuditLog, database: Database, tmp_path: Path
) -> None:
    with log.recording(database) as recording:
        recording.tell(NOW, "anna", "correct", "m1", buyer="Geheim & Söhne", note="GEHEIMWORT")
    database.close()
    for file in tmp_path.iterdir():
        assert b"GEHEIM" not in file.read_bytes()
        assert "Söhne".encode() not in file.read_bytes()


def test_another_key_reads_no_details(log: AuditLog, database: Database, tmp_path: Path) -> None:
    write(log, database, 1)
    (tmp_path / "audit.key").write_text("0" * 64)
    stranger = AuditLog(Config(service=Service(state_dir=tmp_path)))
    (entry,) = stranger.entries(database)
    assert (entry.subject, entry.details) == ("m0", None)
    assert (1, "changed") in found(stranger, database)


def test_the_database_refuses_to_change_or_delete_a_row(log: AuditLog, database: Database) -> None:
    write(log, database, 1)
    for change in (update(AUDIT).values(who="x"), delete(AUDIT)):
        with pytest.raises(PermanentFailure), database.transaction() as connection:
            connection.execute(change)


def test_what_is_undone_leaves_no_row_and_no_head(
    log: AuditLog, database: Database, tmp_path: Path
) -> None:
    write(log, database, 1)
    head = (tmp_path / "audit.head").read_bytes()
    with pytest.raises(ZeroDivisionError), log.recording(database) as recording:
        recording.tell(NOW, "anna", "approve", "m9")
        _ = 1 / 0
    assert (tmp_path / "audit.head").read_bytes() == head
    with database.reading() as connection:
        assert connection.execute(select(AUDIT.c.id)).scalars().all() == [1]


def test_the_key_is_made_once_for_its_owner_alone(log: AuditLog, tmp_path: Path) -> None:
    key = tmp_path / "audit.key"
    assert key.stat().st_mode & 0o777 == 0o600
    before = key.read_bytes()
    AuditLog(Config(service=Service(state_dir=tmp_path)))
    assert key.read_bytes() == before
    assert len(before.strip()) == 64


def test_an_empty_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "audit.key").write_text("\n")
    with pytest.raises(PermanentFailure, match="secret-unreadable"):
        AuditLog(Config(service=Service(state_dir=tmp_path)))


@pytest.mark.parametrize("words", ["", "x", "5", "5:abc", "-1:" + "0" * 64])
def test_a_head_that_is_none_is_refused(words: str) -> None:
    with pytest.raises(PermanentFailure, match="bad-head"):
        head_of(words)
