"""What people said of messages is counted without reading what nobody was asked about."""

from pathlib import Path

from postroom.store import decided
from tests.fakes.store import a_database, plans


def test_agreement_reads_reviews_alone_and_the_newest_first(tmp_path: Path) -> None:
    """A worker asks every five seconds; most messages are never reviewed."""
    database = a_database(tmp_path)
    with database.reading() as connection:
        assert decided.agreement(connection, newest=200) == {}
        found = plans(connection, lambda: decided.agreement(connection, newest=200))
    database.close()
    steps = [step for plan in found for step in plan]
    assert [step.split(" USING")[0] for step in steps] == ["SCAN review", "SEARCH message"]
