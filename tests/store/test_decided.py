"""What people said of messages is counted without reading what nobody was asked about."""

from pathlib import Path

from sqlalchemy import Connection, event

from postroom.store import decided
from tests.fakes.store import a_database


def _plans(connection: Connection, asked: list[str]) -> list[str]:
    return [
        row.detail
        for sql in tuple(asked)
        for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", ("1",) * sql.count("?"))
    ]


def test_agreement_reads_reviews_alone_and_the_newest_first(tmp_path: Path) -> None:
    """A worker asks every five seconds; most messages are never reviewed."""
    database = a_database(tmp_path)
    with database.reading() as connection:
        asked: list[str] = []
        event.listen(connection, "before_cursor_execute", lambda _c, _k, sql, *_: asked.append(sql))
        assert decided.agreement(connection, newest=200) == {}
        steps = _plans(connection, asked)
    database.close()
    assert [step.split(" USING")[0] for step in steps] == ["SCAN review", "SEARCH message"]
