"""What one person may ask for: all of theirs, nothing of others'."""

import json
import zipfile
from pathlib import Path

import pytest

from postroom.audit import AuditLog
from postroom.config import Config
from postroom.decision import Outcome
from postroom.keeping.person import erase, export, of_address
from postroom.keeping.retention import purge
from postroom.store.engine import Database
from postroom.store.labels import add
from postroom.store.partnumbers import learn, learnt
from tests.fakes.kept import NOW, taken


def _numbers(database: Database, address: str) -> list[int]:
    with database.reading() as connection:
        return of_address(connection, address)


def _copies(config: Config) -> list[Path]:
    return [path for path in config.maildir_root.rglob("*.postroom*") if path.is_file()]


def test_an_export_has_the_bytes_and_the_story_of_theirs_alone(
    config: Config, database: Database, tmp_path: Path
) -> None:
    number = taken(config, database, "anna@kunde.test")
    taken(config, database, "berta@kunde.test")
    archive = tmp_path / "anna.zip"
    assert export(database, "Anna@Kunde.test", archive) == 1
    assert archive.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(archive) as zipped:
        assert set(zipped.namelist()) == {f"{number}.eml", f"{number}.json"}
        assert zipped.read(f"{number}.eml").endswith(b"A secret of anna@kunde.test\r\n")
        story = json.loads(zipped.read(f"{number}.json"))
    assert story["envelope"]["sender"] == "anna@kunde.test"
    assert [action["state"] for action in story["actions"]] == ["done"]


def test_an_export_has_what_people_said_of_their_mail_and_what_they_call_our_products(
    config: Config, database: Database, tmp_path: Path
) -> None:
    number = taken(config, database, "anna@kunde.test")
    with database.transaction() as connection:
        add(connection, number, category="sales", was="support", who="berg", now=NOW)
        for customer in ("mail:anna@kunde.test", "mail:berta@kunde.test", "tax:DE1"):
            learn(connection, customer, [(f"bolt of {customer}", "A-1")], who="berg", now=NOW)
    export(database, " Anna@kunde.test", tmp_path / "anna.zip")
    with zipfile.ZipFile(tmp_path / "anna.zip") as zipped:
        story = json.loads(zipped.read(f"{number}.json"))
        learnt = json.loads(zipped.read("part_numbers.json"))
    assert [label["category"] for label in story["labels"]] == ["sales"]
    assert [row["said"] for row in learnt] == ["bolt of mail:anna@kunde.test"]


def test_an_archive_that_is_there_is_not_overwritten(
    config: Config, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "a.zip").write_text("mine")
    with pytest.raises(FileExistsError):
        export(database, "anna@kunde.test", tmp_path / "a.zip")


@pytest.mark.parametrize("address", ["%@kunde.test", "ann_@kunde.test", "kunde.test", ""])
def test_an_address_is_no_pattern(config: Config, database: Database, address: str) -> None:
    taken(config, database, "anna@kunde.test")
    assert _numbers(database, address) == []


def test_an_erasure_takes_rows_bytes_and_copies(config: Config, database: Database) -> None:
    mine = taken(config, database, "anna@kunde.test")
    sent = taken(config, database, "list@kunde.test", sender="anna@kunde.test")
    other = taken(config, database, "berta@kunde.test")
    moved = next(path for path in _copies(config) if b"anna@kunde.test\r\n" in path.read_bytes())
    (moved.parents[1] / ".Later" / "cur").mkdir(parents=True)
    moved.rename(moved.parents[1] / ".Later" / "cur" / f"{moved.name}:2,S")
    assert set(_numbers(database, "anna@kunde.test")) == {mine, sent}
    erased = erase(config, database, "anna@kunde.test", NOW, "berg")
    assert (erased.messages, erased.copies, erased.waiting) == (2, 2, ())
    assert _numbers(database, "anna@kunde.test") == []
    assert _numbers(database, "berta@kunde.test") == [other]
    assert [b"berta" in path.read_bytes() for path in _copies(config)] == [True]
    with database.reading() as connection:
        for table in ("delivery", "action", "event"):
            rows = connection.exec_driver_sql(f"SELECT count(DISTINCT message) FROM {table}")
            assert rows.scalar() == 1, table


def test_an_erasure_takes_copies_of_mail_to_an_extension_and_learnt_part_numbers(
    config: Config, database: Database
) -> None:
    taken(config, database, "anna@kunde.test", recipient="info+orders@firma.test")
    with database.transaction() as connection:
        for customer in ("mail:anna@kunde.test", "mail:berta@kunde.test", "tax:DE1"):
            learn(connection, customer, [("bolt", "A-1")], who="berg", now=NOW)
    assert erase(config, database, "Anna@kunde.test", NOW, "berg").copies == 1
    assert _copies(config) == []
    with database.reading() as connection:
        assert not learnt(connection, "mail:anna@kunde.test")
        assert learnt(connection, "mail:berta@kunde.test") and learnt(connection, "tax:DE1")


def test_an_erasure_leaves_no_bytes_in_the_files_of_the_database(
    config: Config, database: Database
) -> None:
    folder = config.service.state_dir
    taken(config, database, "anna@kunde.test")
    erase(config, database, "anna@kunde.test", NOW, "berg")
    files = list(folder.glob("postroom.sqlite*"))
    assert [path.name for path in files if b"A secret of anna" in path.read_bytes()] == []


def test_an_erasure_finds_what_retention_has_emptied(config: Config, database: Database) -> None:
    taken(config, database, "anna@kunde.test", days_ago=31)
    taken(config, database, "berta@kunde.test", days_ago=31)
    assert purge(config, database, NOW).emptied == 2
    assert erase(config, database, "", NOW, "berg").messages == 0
    erased = erase(config, database, "anna@kunde.test", NOW, "berg")
    assert (erased.messages, erased.copies) == (1, 1)
    assert [b"berta" in path.read_bytes() for path in _copies(config)] == [True]


def test_an_erasure_is_noted_without_the_address(config: Config, database: Database) -> None:
    taken(config, database, "anna@kunde.test")
    erase(config, database, "anna@kunde.test", NOW, "berg")
    noted = (config.service.state_dir / "erasures.jsonl").read_text()
    assert "address_sha256" in noted and "anna" not in noted
    (entry,) = AuditLog(config).entries(database)
    assert (entry.who, entry.verb) == ("berg", "erase")
    assert "anna" not in f"{entry.subject}{entry.details}"


def test_what_waits_is_named_and_stays(config: Config, database: Database) -> None:
    number = taken(config, database, "anna@kunde.test", outcome=Outcome.REVIEW)
    assert erase(config, database, "anna@kunde.test", NOW, "berg").waiting == (number,)
    assert _numbers(database, "anna@kunde.test") == [number]
