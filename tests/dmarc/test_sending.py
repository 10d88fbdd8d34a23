"""Sending: once, to those who want it, and again only what could not be done."""

import asyncio
import dataclasses
import gzip
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from postroom.config import Config, DmarcReportsSection, Service
from postroom.dmarc import outbound
from postroom.dmarc.published import PublishedPolicy
from postroom.dmarc.seen import Seen
from postroom.dmarc.sending import Outcome, Sender
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.store.engine import Database
from tests.fakes.moment import FixedClock
from tests.fakes.published import Published
from tests.fakes.smtp_sink import SmtpSink
from tests.fakes.store import a_database

TODAY = datetime(2026, 11, 6, 3, 0, tzinfo=UTC)
YESTERDAY = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
ROW = Seen(
    source_ip="192.0.2.1",
    header_from="shop.test",
    envelope_from="shop.test",
    disposition="pass",
    dkim="fail",
    spf="pass",
    spf_domain="shop.test",
    spf_result="pass",
)
SHOP = PublishedPolicy(domain="shop.test", p="reject", report_uris=("mailto:d@shop.test",))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return a_database(tmp_path)


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


class House:
    """One installation on one morning after another."""

    def __init__(self, database: Database, sink: SmtpSink, **section: object) -> None:
        self.database = database
        self.clock = FixedClock(TODAY.timestamp())
        self.lookups = Published({"shop.test": SHOP})
        values = {"enabled": True, "author": "dmarc@firma.test", "submit": sink.address}
        self.config = Config(
            service=Service(hostname="mail.firma.test", mailboxes=("info@firma.test",)),
            dmarc_reports=DmarcReportsSection.model_validate(values | section),
        )

    def see(self, *rows: Seen, at: datetime = YESTERDAY) -> None:
        with self.database.transaction() as connection:
            outbound.add_seen(connection, [(at.timestamp(), row) for row in rows])

    def send(self, *, dry: bool = False) -> list[Outcome]:
        async def run() -> list[Outcome]:
            sender = Sender(self.config, self.database, self.lookups, self.clock)
            return [outcome async for outcome in sender.run(dry=dry)]

        return asyncio.run(run())

    def states(self) -> list[tuple[str, str, str]]:
        return [(one.domain, one.address, one.state) for one in self.send()]

    def left(self) -> int:
        with self.database.reading() as connection:
            days = outbound.days_seen(connection, float("inf"))
            return sum(
                times
                for day in days
                for author in outbound.authors_seen(connection, day)
                for _, times in outbound.count_seen(connection, day, author)
            )


@pytest.fixture
def house(database: Database, sink: SmtpSink) -> House:
    return House(database, sink)


def test_yesterday_is_reported_once_and_today_is_not_over(house: House, sink: SmtpSink) -> None:
    house.see(ROW, ROW, dataclasses.replace(ROW, source_ip="192.0.2.2"))
    house.see(ROW, at=TODAY)
    assert house.states() == [("shop.test", "d@shop.test", "sent")]
    assert house.states() == []
    (mail,) = sink.received()
    assert (mail.sender, mail.recipients) == ("dmarc@firma.test", ("d@shop.test",))
    attachment = message_from_bytes(mail.raw).get_payload()[1]  # type: ignore[index]
    assert "!shop.test!1793836800!1793923199!" in str(attachment.get_filename())  # type: ignore[union-attr]
    assert house.left() == 1


def test_equal_messages_are_counted_together(house: House) -> None:
    house.see(*[ROW] * 7, dataclasses.replace(ROW, disposition="none"))
    (outcome,) = house.send(dry=True)
    assert outcome.rows == 2
    assert b"<count>7</count>" in outcome.xml and b"<count>1</count>" in outcome.xml


def test_each_day_and_each_policy_domain_has_its_own_report(house: House) -> None:
    other = PublishedPolicy(domain="bar.shop.test", p="none", report_uris=("mailto:b@shop.test",))
    house.lookups.policies |= {"bar.shop.test": other, "foo.shop.test": SHOP}
    rows = [dataclasses.replace(ROW, header_from=name) for name in house.lookups.policies]
    house.see(*rows)
    house.see(ROW, at=YESTERDAY - timedelta(days=1))
    outcomes = house.send()
    assert [(one.day, one.domain, one.rows, one.state) for one in outcomes] == [
        ("2026-11-04", "shop.test", 1, "sent"),
        ("2026-11-05", "bar.shop.test", 1, "sent"),
        ("2026-11-05", "shop.test", 2, "sent"),
    ]
    assert len({one.report_id for one in outcomes}) == 3


def test_a_dry_run_sends_and_changes_nothing(house: House, sink: SmtpSink) -> None:
    house.see(ROW)
    for _ in range(2):
        (outcome,) = house.send(dry=True)
        assert outcome.state == "dry-run" and outcome.xml.startswith(b"<?xml")
    assert (sink.received(), house.left()) == ([], 1)


SILENT = [
    # policy of shop.test, settings, why there is no report
    (dataclasses.replace(SHOP, report_uris=()), {}, "no-rua"),
    (None, {}, "no-policy"),
    (SHOP, {"exclude": ["shop.test"]}, "excluded"),
    (dataclasses.replace(SHOP, domain="mail.shop.test"), {"exclude": ["shop.test"]}, "excluded"),
    (dataclasses.replace(SHOP, domain="firma.test"), {}, "ours"),
    (dataclasses.replace(SHOP, domain="sub.firma.test"), {}, "ours"),
    (dataclasses.replace(SHOP, report_uris=("https://x.test/",)), {}, "no-destination"),
    (dataclasses.replace(SHOP, report_uris=("mailto:d@other.test",)), {}, "no-destination"),
]


@pytest.mark.parametrize(("policy", "section", "why"), SILENT)
def test_some_domains_get_no_report_and_their_rows_go(
    database: Database,
    sink: SmtpSink,
    policy: PublishedPolicy | None,
    section: dict[str, object],
    why: str,
) -> None:
    house = House(database, sink, **section)
    house.lookups.policies["shop.test"] = policy
    house.see(ROW)
    assert [one.state for one in house.send()] == [why]
    assert (sink.received(), house.left()) == ([], 0)


def test_dns_trouble_waits_for_the_next_run(house: House, sink: SmtpSink) -> None:
    house.lookups.policies["shop.test"] = "dns-timeout"
    house.see(ROW)
    assert [(one.state, one.detail) for one in house.send()] == [("later", "dns-timeout")]
    abroad = dataclasses.replace(SHOP, report_uris=("mailto:d@other.test",))
    house.lookups.policies["shop.test"] = abroad
    name = "shop.test._report._dmarc.other.test"
    house.lookups.names[name] = None
    assert [one.state for one in house.send()] == ["later"]
    house.lookups.names[name] = ("v=DMARC1",)
    assert house.states() == [("shop.test", "d@other.test", "sent")]
    assert len(sink.received()) == 1


def test_postfix_trouble_waits_and_those_who_have_it_do_not_get_it_again(
    house: House, sink: SmtpSink
) -> None:
    both = dataclasses.replace(SHOP, report_uris=("mailto:a@shop.test", "mailto:b@shop.test"))
    house.lookups.policies["shop.test"] = both
    house.see(ROW)
    sink.faults["rcpt"].append("451 4.3.0 later")
    assert [(one.address, one.state) for one in house.send()] == [
        ("a@shop.test", "later"),
        ("b@shop.test", "sent"),
    ]
    house.clock.moment += timedelta(days=1)
    assert [(one.address, one.state) for one in house.send()] == [
        ("a@shop.test", "sent"),
        ("b@shop.test", "known"),
    ]
    names = [message_from_bytes(mail.raw)["Message-ID"] for mail in sink.received()]
    assert len(set(names)) == 1
    assert house.left() == 0


def test_nobody_at_the_submission_port_loses_nothing(house: House) -> None:
    section = house.config.dmarc_reports.model_copy(update={"submit": "127.0.0.1:1"})
    house.config = house.config.model_copy(update={"dmarc_reports": section})
    house.see(ROW)
    assert [(one.state, one.detail) for one in house.send()] == [("later", "smtp-unreachable")]
    assert house.left() == 1


def test_an_address_that_refuses_is_left_alone_for_a_while(house: House, sink: SmtpSink) -> None:
    house.see(ROW)
    sink.faults["rcpt"].append("550 5.1.1 no")
    assert [(one.state, one.detail) for one in house.send()] == [("refused", "smtp-550")]
    assert house.left() == 0
    house.clock.moment += timedelta(days=1)
    house.see(ROW, at=YESTERDAY + timedelta(days=1))
    assert [(one.state, one.detail) for one in house.send()] == [("dead", "smtp-550")]
    house.clock.moment += timedelta(days=31)
    house.see(ROW, at=house.clock.moment - timedelta(days=1))
    assert [one.state for one in house.send()] == ["sent"]
    assert len(sink.received()) == 1


def test_a_refusal_after_the_data_counts_too(house: House, sink: SmtpSink) -> None:
    house.see(ROW)
    sink.faults["dot"].append("554 5.6.0 too much")
    assert [(one.state, one.detail) for one in house.send()] == [("refused", "smtp-554")]


def test_a_refusal_after_the_data_is_of_that_report_and_not_of_the_address(
    house: House, sink: SmtpSink
) -> None:
    house.see(ROW)
    sink.faults["dot"].append("554 5.7.1 content rejected")
    assert [one.state for one in house.send()] == ["refused"]
    house.clock.moment += timedelta(days=1)
    house.see(ROW, at=YESTERDAY + timedelta(days=1))
    assert house.states() == [("shop.test", "d@shop.test", "sent")]


NOT_OF_THE_RECIPIENT = [
    ("rcpt", "554 5.7.1 <d@shop.test>: Relay access denied"),
    ("rcpt", "553 5.7.1 <dmarc@firma.test>: Sender address rejected: not owned by user"),
    ("data", "554 5.5.1 no"),
]


@pytest.mark.parametrize(("moment", "said"), NOT_OF_THE_RECIPIENT)
def test_a_no_that_is_not_of_the_recipient_waits_for_the_next_run(
    house: House, sink: SmtpSink, moment: str, said: str
) -> None:
    house.see(ROW)
    sink.faults[moment].append(said)
    assert [(one.address, one.state) for one in house.send()] == [("d@shop.test", "later")]
    house.clock.moment += timedelta(days=1)
    assert house.states() == [("shop.test", "d@shop.test", "sent")]
    assert house.left() == 0


@pytest.mark.parametrize("moment", ["greeting", "mail"])
def test_a_server_that_takes_nothing_of_ours_ends_the_run_and_nothing_is_lost(
    house: House, sink: SmtpSink, moment: str
) -> None:
    other = PublishedPolicy(domain="bar.test", p="none", report_uris=("mailto:b@bar.test",))
    house.lookups.policies["bar.test"] = other
    house.see(ROW, dataclasses.replace(ROW, header_from="bar.test"))
    sink.faults[moment].append("550 5.7.1 not allowed")
    with pytest.raises(TemporaryFailure, match="dmarc-submit-refused") as refused:
        house.send()
    assert "dmarc@firma.test (smtp-550)" in refused.value.detail
    assert (sink.received(), house.left()) == ([], 2)
    house.clock.moment += timedelta(days=1)
    assert house.states() == [
        ("bar.test", "b@bar.test", "sent"),
        ("shop.test", "d@shop.test", "sent"),
    ]


def test_a_destination_in_doubt_does_not_keep_the_report_from_the_others(
    house: House, sink: SmtpSink
) -> None:
    uris = ("mailto:x@gone.test", "mailto:d@shop.test")
    house.lookups.policies["shop.test"] = dataclasses.replace(SHOP, report_uris=uris)
    name = "shop.test._report._dmarc.gone.test"
    house.lookups.names[name] = None
    house.see(ROW)
    assert [(one.address, one.state, one.detail[:11]) for one in house.send()] == [
        ("x@gone.test", "later", "dns-timeout"),
        ("d@shop.test", "sent", "4D3F000001"),
    ]
    assert [(one.address, one.state) for one in house.send()] == [
        ("x@gone.test", "later"),
        ("d@shop.test", "known"),
    ]
    house.lookups.names[name] = ("v=DMARC1",)
    assert [one.state for one in house.send()] == ["sent", "known"]
    assert house.left() == 0


def test_who_has_a_report_already_is_not_in_doubt(house: House, sink: SmtpSink) -> None:
    uris = ("mailto:x@other.test", "mailto:d@shop.test")
    house.lookups.policies["shop.test"] = dataclasses.replace(SHOP, report_uris=uris)
    house.lookups.names["shop.test._report._dmarc.other.test"] = ("v=DMARC1",)
    house.see(ROW)
    sink.faults["rcpt"] += ["250 2.1.5 Ok", "451 4.3.0 later"]
    assert [one.state for one in house.send()] == ["sent", "later"]
    house.lookups.names["shop.test._report._dmarc.other.test"] = None
    assert [one.state for one in house.send()] == ["known", "sent"]
    assert house.left() == 0


def reported(sink: SmtpSink) -> list[tuple[str, list[str]]]:
    """Each report taken: for whom, and the authors in it."""
    found = []
    for mail in sink.received():
        packed = message_from_bytes(mail.raw).get_payload()[1].get_payload(decode=True)  # type: ignore[index,union-attr]
        xml = gzip.decompress(packed).decode()  # type: ignore[arg-type]
        found.append((mail.recipients[0], re.findall("<header_from>(.*?)</header_from>", xml)))
    return found


BOTH = dataclasses.replace(SHOP, report_uris=("mailto:a@shop.test", "mailto:b@shop.test"))
SUBDOMAIN = dataclasses.replace(ROW, header_from="sub.shop.test")


@pytest.mark.parametrize("first", [("dns-timeout", BOTH), (BOTH, "dns-timeout")])
def test_no_message_is_reported_twice_to_anybody_while_dns_comes_and_goes(
    house: House, sink: SmtpSink, first: tuple[PublishedPolicy | str, PublishedPolicy | str]
) -> None:
    house.lookups.policies |= {"shop.test": BOTH, "sub.shop.test": first[0]}
    house.see(ROW, SUBDOMAIN)
    sink.faults["rcpt"] += ["250 2.1.5 Ok", "451 4.3.0 later"]
    house.send()
    house.lookups.policies["sub.shop.test"] = first[1]
    house.clock.moment += timedelta(days=1)
    house.send()
    house.lookups.policies["sub.shop.test"] = BOTH
    house.send()
    for address in ("a@shop.test", "b@shop.test"):
        authors = [one for to, of in reported(sink) if to == address for one in of]
        assert sorted(authors) == ["shop.test", "sub.shop.test"]
    assert house.left() == 0


def test_a_report_that_was_made_goes_once_all_its_authors_have_lost_their_policy(
    house: House, sink: SmtpSink
) -> None:
    house.lookups.policies |= {"shop.test": BOTH, "sub.shop.test": BOTH}
    house.see(ROW, SUBDOMAIN)
    sink.faults["rcpt"] += ["250 2.1.5 Ok", "451 4.3.0 later"]
    house.send()
    house.lookups.policies |= {"shop.test": None, "sub.shop.test": "dns-timeout"}
    house.send()
    assert house.left() == 2
    house.lookups.policies["sub.shop.test"] = None
    house.send()
    assert (len(sink.received()), house.left()) == (1, 0)


def test_a_report_that_was_made_is_not_made_again_for_another_policy_domain(
    house: House, sink: SmtpSink
) -> None:
    house.lookups.policies |= {"shop.test": BOTH, "a.shop.test": BOTH}
    house.see(ROW, dataclasses.replace(ROW, header_from="a.shop.test"))
    sink.faults["rcpt"] += ["250 2.1.5 Ok", "451 4.3.0 later"]
    house.send()
    house.lookups.policies["a.shop.test"] = dataclasses.replace(BOTH, domain="a.shop.test")
    assert [(one.domain, one.state) for one in house.send()] == [
        ("shop.test", "known"),
        ("shop.test", "sent"),
    ]
    assert reported(sink) == [
        (f"{name}@shop.test", ["a.shop.test", "shop.test"]) for name in ("a", "b")
    ]


def test_a_day_is_reported_whole_or_dropped_whole(house: House, sink: SmtpSink) -> None:
    house.lookups.policies["shop.test"] = BOTH
    house.see(ROW, at=YESTERDAY.replace(hour=1))
    house.see(ROW)
    sink.faults["rcpt"] += ["250 2.1.5 Ok", "451 4.3.0 later"]
    house.send()
    house.clock.moment = YESTERDAY + timedelta(days=5)
    assert [one.state for one in house.send()] == ["known", "sent"]
    assert house.left() == 0


def test_a_report_nobody_knows_the_fate_of_is_not_sent_again(house: House, sink: SmtpSink) -> None:
    house.see(ROW)
    sink.faults["dot"].append("drop-after")
    assert [(one.state, one.detail) for one in house.send()] == [("sent", "unknown")]
    house.see(ROW)
    assert [one.state for one in house.send()] == ["known"]
    assert len(sink.received()) == 1


def test_a_claim_of_another_run_is_respected(house: House, sink: SmtpSink) -> None:
    house.see(ROW)
    (outcome,) = house.send(dry=True)
    with house.database.transaction() as connection:
        assert outbound.claim(
            connection, outcome.report_id, "d@shop.test", domain="shop.test", now=TODAY
        )
        assert not outbound.claim(
            connection, outcome.report_id, "d@shop.test", domain="shop.test", now=TODAY
        )
    assert [one.state for one in house.send()] == ["known"]
    assert sink.received() == []


@pytest.mark.parametrize(("limit", "state"), [("500", "too-large"), ("10k", "sent")])
def test_a_size_limit_is_kept(house: House, limit: str, state: str) -> None:
    uris = (f"mailto:d@shop.test!{limit}",)
    house.lookups.policies["shop.test"] = dataclasses.replace(SHOP, report_uris=uris)
    house.see(ROW)
    assert [one.state for one in house.send()] == [state]
    assert house.left() == 0


def test_what_is_too_old_is_dropped(house: House, sink: SmtpSink) -> None:
    house.see(ROW, at=TODAY - timedelta(days=6))
    house.see(ROW, at=TODAY - timedelta(days=4))
    assert [one.day for one in house.send()] == ["2026-11-02"]
    assert house.left() == 0


def test_many_domains_are_looked_up_and_each_gets_its_own(house: House, sink: SmtpSink) -> None:
    names = [f"d{number}.test" for number in range(70)]
    for name in names:
        uris = (f"mailto:r@{name}",)
        house.lookups.policies[name] = PublishedPolicy(domain=name, p="none", report_uris=uris)
    house.see(*(dataclasses.replace(ROW, header_from=name) for name in names))
    assert {one.state for one in house.send()} == {"sent"}
    assert {mail.recipients[0] for mail in sink.received()} == {f"r@{name}" for name in names}


def test_without_an_author_nothing_is_sent(database: Database, sink: SmtpSink) -> None:
    with pytest.raises(PermanentFailure, match="dmarc-no-author"):
        House(database, sink, author=None).send()
