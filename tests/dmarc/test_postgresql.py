"""The same reports on PostgreSQL: noted, counted, claimed once, taken once, added up."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from postroom.dmarc import inbound, outbound
from postroom.dmarc.received import read_report
from postroom.dmarc.seen import Seen, SignatureSeen
from postroom.store.engine import Database
from postroom.store.upgrade import upgrade
from tests.fakes import postgresql
from tests.fakes.reports import report, row

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(postgresql.missing()), reason=postgresql.missing() or "-"),
]
NOW = datetime(2026, 11, 6, 3, 0, tzinfo=UTC)
DAY = int(NOW.timestamp()) // 86_400 * 86_400 - 86_400
ROW = Seen(
    source_ip="192.0.2.1",
    header_from="shop.test",
    envelope_from="",
    disposition="pass",
    dkim="pass",
    spf="fail",
    signatures=(SignatureSeen(domain="shop.test", selector="s", result="pass"),),
)


@pytest.fixture
def database() -> Iterator[Database]:
    # Not tmp_path: a unix socket's path must stay short and open to the server's user.
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        with postgresql.PostgreSql(Path(name)) as running:
            opened = Database(running.create("dmarc"))
            upgrade(opened)
            yield opened
            opened.close()


def test_both_directions_work(database: Database) -> None:
    with database.transaction() as connection:
        outbound.add_seen(connection, [(DAY + 5.0, ROW)] * 3 + [(DAY - 5.0, ROW)])
    with database.reading() as connection:
        assert outbound.days_seen(connection, NOW.timestamp()) == [DAY - 86_400, DAY]
        assert outbound.authors_seen(connection, DAY) == ["shop.test"]
        assert outbound.count_seen(connection, DAY, "shop.test") == [(ROW, 3)]
    with database.transaction() as connection:
        outbound.make_lot(connection, DAY, ["shop.test"], "lot")
        assert outbound.lots_seen(connection, DAY) == {"lot": ["shop.test"]}
        assert outbound.count_seen(connection, DAY, "shop.test", "lot") == [(ROW, 3)]
        assert outbound.count_seen(connection, DAY, "shop.test", outbound.FRESH) == []
    for wanted in (True, False):
        with database.transaction() as connection:
            claimed = outbound.claim(connection, "r1", "d@shop.test", domain="x.test", now=NOW)
            assert claimed is wanted
    with database.transaction() as connection:
        outbound.settle(connection, "r1", "d@shop.test", "refused", "smtp-550")
        outbound.mark_dead(connection, "d@shop.test", "smtp-550", NOW)
        outbound.mark_dead(connection, "d@shop.test", "bounced", NOW)
        outbound.forget_seen(connection, DAY, ["shop.test"])
        assert outbound.dead_since(connection, 0)["d@shop.test"][1] == "bounced"
        assert outbound.revive(connection, "d@shop.test")
        assert outbound.forget_before(connection, float(DAY)) == 1
        assert outbound.days_seen(connection, NOW.timestamp()) == []

    received = read_report(report(row(count=2**31), row("192.0.2.2", 5, dkim="fail")))
    for new in (True, False):
        with database.transaction() as connection:
            taken = inbound.add_report(
                connection, received, message=None, authenticated="", now=NOW
            )
            assert taken is new
    with database.reading() as connection:
        found = inbound.sources(connection, domain="firma.test", since=0)
        assert [(one.source_ip, one.messages, one.aligned) for one in found] == [
            ("192.0.2.2", 5, 0),
            ("192.0.2.1", 2**31 - 1, 2**31 - 1),
        ]
        assert inbound.count_reports(connection, domain="", since=0) == 1
        assert connection.scalar(text("SELECT count(*) FROM dmarc_row")) == 2
