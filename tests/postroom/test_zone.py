"""The zone: what is printed is what is looked for, and what will do is not called wrong."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.config import Config, Service, ZoneSection
from postroom.milter.keyring import Keyring
from postroom.zone import Record, policy_file, records

CONFIG = Config(
    service=Service(hostname="mx.firma.test", mailboxes=("info@firma.test", "a@other.test")),
    zone=ZoneSection(
        addresses=("192.0.2.7", "2001:db8::7"),
        dmarc_reports="info@firma.test",
        tls_reports="info@firma.test",
        mta_sts="testing",
    ),
)


def test_every_record_that_is_printed_is_found_good_when_published(tmp_path: Path) -> None:
    keys = Keyring(tmp_path).make("firma.test", "s1", datetime(2026, 11, 5, tzinfo=UTC))
    wanted = records(CONFIG, keys)
    assert [record.trouble([record.value]) for record in wanted] == [""] * len(wanted)
    assert {record.trouble([]) for record in wanted} == {"is not published"}
    names = {(record.name, record.kind) for record in wanted}
    assert ("7.2.0.192.in-addr.arpa", "PTR") in names
    assert ("_mta-sts.other.test", "TXT") in names
    assert ("s1._domainkey.firma.test", "TXT") in names


@pytest.mark.parametrize(
    ("kind", "value", "answer", "trouble"),
    [
        ("MX", "10 mx.firma.test.", ["20 MX.firma.test"], ""),
        ("MX", "10 mx.firma.test.", ["10 mx.elsewhere.test"], "is 10 mx.elsewhere.test"),
        ("AAAA", "2001:db8::7", ["2001:DB8:0:0::7"], ""),
        ("TXT", "v=spf1 mx -all", ["v=spf1 include:_spf.example -all", "other"], ""),
        ("TXT", "v=spf1 mx -all", ["v=spf1 a", "v=spf1 mx"], "is published 2 times; receivers"),
        ("TXT", "v=DMARC1; p=none", ["v=DMARC1; p=reject; rua=mailto:x@y.test"], ""),
        ("TXT", "v=DMARC1; p=none", ["v=spf1 mx"], "is not published"),
        ("TXT", "v=DKIM1; k=ed25519; p=AAAA", ["v=DKIM1; p=BBBB"], "has another key"),
    ],
)
def test_what_dns_says_is_judged(kind: str, value: str, answer: list[str], trouble: str) -> None:
    record = Record(name="x.test", kind=kind, value=value, why="")
    assert record.trouble(answer).startswith(trouble) if trouble else not record.trouble(answer)


def test_long_values_are_split_as_a_zone_file_wants_it() -> None:
    record = Record(name="x.test", kind="TXT", value="v=DKIM1; p=" + "A" * 600, why="")
    strings = re.findall(r'"([^"]*)"', record.zone_line)
    assert max(map(len, strings)) == 255
    assert "".join(strings) == record.value


def test_a_changed_policy_gets_another_id() -> None:
    changed = CONFIG.model_copy(
        update={"zone": CONFIG.zone.model_copy(update={"mta_sts": "enforce"})}
    )
    told = [
        [record.value for record in records(config, []) if "STSv1" in record.value]
        for config in (CONFIG, changed)
    ]
    assert told[0] != told[1]
    assert policy_file(changed).split("\r\n")[1] == "mode: enforce"
