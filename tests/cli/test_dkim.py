"""`postroom dkim`: a rotation as an operator does it, against a name server on loopback."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.cli import failure_of, postroom, toml
from tests.fakes.dns import DnsServer

pytestmark = pytest.mark.slow  # the file as a whole takes seconds


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


@pytest.fixture
def config(tmp_path: Path, server: DnsServer) -> Path:
    return toml(
        tmp_path / "postroom.toml",
        service={"state_dir": str(tmp_path), "mailboxes": ["info@firma.test"]},
        dns={"resolver": [server.address], "cache_size": 0, "deadline": 2, "query_timeout": 1},
    )


def publish(server: DnsServer, zone_lines: str) -> None:
    for name, strings in re.findall(r"(\S+)\. IN TXT \( (.*) \)", zone_lines):
        server.zone.add(name, "TXT", "".join(re.findall(r'"([^"]*)"', strings)))


def listed(config: Path) -> dict[str, dict[str, object]]:
    lines = postroom(config, "dkim", "list", "--json").stdout.splitlines()
    return {row["selector"]: row for row in map(json.loads, lines)}


def test_a_rotation_from_the_first_key_to_the_next(config: Path, server: DnsServer) -> None:
    made = postroom(config, "dkim", "keygen", "Firma.test", "--selector", "s1")
    assert made.exit_code == 0
    assert made.stdout.count(" IN TXT ( ") == 2
    assert "postroom dkim activate firma.test s1" in made.stdout
    assert listed(config)["s1"]["dns"] == "missing"

    early = postroom(config, "dkim", "activate", "firma.test", "s1")
    assert early.exit_code == 1
    assert listed(config)["s1"]["state"] == "new"

    publish(server, made.stdout)
    assert "s1 signs" in postroom(config, "dkim", "activate", "firma.test", "s1").stdout
    second = postroom(config, "dkim", "keygen", "firma.test", "--selector", "s2")
    assert (listed(config)["s1"]["signs"], listed(config)["s2"]["signs"]) == (True, False)
    publish(server, second.stdout)
    assert "s2 signs" in postroom(config, "dkim", "activate", "firma.test", "s2").stdout
    assert "s2 signs" in postroom(config, "dkim", "retire", "firma.test", "s1").stdout
    rows = listed(config)
    assert [(row["state"], row["signs"], row["dns"]) for row in rows.values()] == [
        ("retired", False, "published"),
        ("active", True, "published"),
    ]
    assert "firma.test" in postroom(config, "dkim", "list").stdout
    assert "nothing signs" in postroom(config, "dkim", "retire", "firma.test", "s2").stdout


def test_a_foreign_record_under_our_name_is_told_from_ours(config: Path, server: DnsServer) -> None:
    made = postroom(config, "dkim", "keygen", "firma.test", "--selector", "s1", "--json")
    rsa, ed = json.loads(made.stdout)["records"]
    server.zone.add(rsa["name"], "TXT", ed["value"])
    server.zone.add(ed["name"], "TXT", ed["value"])
    assert listed(config)["s1"]["dns"] == "different, published"
    assert postroom(config, "dkim", "activate", "firma.test", "s1").exit_code == 1
    unchecked = postroom(config, "dkim", "activate", "firma.test", "s1", "--unchecked")
    assert unchecked.exit_code == 0


def test_without_dns_the_reason_is_named(config: Path, server: DnsServer) -> None:
    postroom(config, "dkim", "keygen", "firma.test", "--selector", "s1")
    server.dead = True
    assert listed(config)["s1"]["dns"] == "dns-timeout"


def test_mistakes_are_named(config: Path) -> None:
    assert postroom(config, "dkim", "keygen", "a b").exit_code == 2
    unknown = postroom(config, "dkim", "activate", "firma.test", "s9")
    assert failure_of(unknown) == "dkim-selector-unknown"
    postroom(config, "dkim", "keygen", "firma.test", "--selector", "s1")
    again = postroom(config, "dkim", "keygen", "firma.test", "--selector", "s1")
    assert failure_of(again) == "dkim-selector-exists"
    assert "No keys" in postroom(config, "dkim", "list", "other.test").stdout


def test_a_domain_that_is_not_ours_gets_keys_and_a_warning(config: Path) -> None:
    made = postroom(config, "dkim", "keygen", "other.test")
    assert made.exit_code == 0
    assert "[signing] domains" in made.stdout
