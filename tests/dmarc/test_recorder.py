"""The recorder: rows are written beside the mail path, and nothing of it ever waits."""

import time
from pathlib import Path

from postroom import metrics
from postroom.config import Config, DmarcReportsSection
from postroom.dmarc.outbound import count_seen, days_seen
from postroom.dmarc.recorder import Recorder
from postroom.store.engine import Database
from tests.dmarc.test_seen import CONFIG, ENVELOPE, HUMAN, examined, verdict
from tests.fakes.milter_process import wait_until
from tests.fakes.moment import FixedClock
from tests.fakes.store import a_database


def rows(database: Database) -> int:
    with database.reading() as connection:
        days = days_seen(connection, float("inf"))
        return sum(n for day in days for _, n in count_seen(connection, day, "shop.test"))


def counted(state: str) -> float:
    return float(metrics.DMARC_SEEN.labels(state)._value.get())


def test_what_is_noted_is_written_together(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    recorder = Recorder(CONFIG, database, FixedClock())
    recorder.start()
    for _ in range(1_200):
        recorder.note(ENVELOPE, examined(verdict()), HUMAN)
    recorder.stop()
    assert rows(database) == 1_200


def test_stopping_writes_what_is_left_and_ends_at_once(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    recorder = Recorder(CONFIG, database, FixedClock())
    recorder.start()
    recorder.stop()
    assert recorder.is_over
    recorder = Recorder(CONFIG, database, FixedClock())
    recorder.note(ENVELOPE, examined(verdict()), HUMAN)
    recorder.start()
    recorder.stop()
    assert rows(database) == 1


def test_a_dead_database_costs_rows_and_no_time(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/no/such/folder.sqlite")
    recorder = Recorder(CONFIG, database, FixedClock(), waiting=50, pause_s=0.01)
    recorder.start()
    before = counted("dropped")
    started = time.monotonic()
    for _ in range(2_000):
        recorder.note(ENVELOPE, examined(verdict()), HUMAN)
    assert time.monotonic() - started < 10  # waiting for each would take 20 s
    assert counted("dropped") - before >= 1_400
    recorder.stop()


def test_what_waited_for_the_database_is_written_when_it_is_back(tmp_path: Path) -> None:
    later = tmp_path / "later"
    database = Database(f"sqlite:///{later}/postroom.sqlite")
    recorder = Recorder(CONFIG, database, FixedClock(), pause_s=0.01)
    recorder.start()
    for _ in range(3):
        recorder.note(ENVELOPE, examined(verdict()), HUMAN)
    later.mkdir()
    a_database(later)
    wait_until(lambda: rows(database) == 3)
    recorder.stop()


def test_a_database_without_the_table_loses_the_batch_and_goes_on(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/empty.sqlite")
    recorder = Recorder(CONFIG, database, FixedClock(), pause_s=0.01)
    recorder.start()
    recorder.note(ENVELOPE, examined(verdict()), HUMAN)
    recorder.stop()
    assert recorder.is_over


def test_messages_that_are_not_reported_leave_no_row(tmp_path: Path) -> None:
    config = Config(dmarc_reports=DmarcReportsSection(author="dmarc@firma.test"))
    database = a_database(tmp_path)
    recorder = Recorder(config, database, FixedClock())
    recorder.start()
    recorder.note(ENVELOPE, examined(verdict(policy=None)), HUMAN)
    recorder.stop()
    assert rows(database) == 0
