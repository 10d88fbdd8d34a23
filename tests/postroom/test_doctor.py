"""The doctor: every look is had, whatever another comes upon, and nothing is made."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom import doctor
from postroom.config import Config, DnsSection, Service
from postroom.readiness import Finding, State, ok


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    for look in ("_reading", "_model"):  # those that take their time
        monkeypatch.setattr(doctor, look, lambda _config: iter(()))
    return Config(
        service=Service(state_dir=tmp_path, run_dir=tmp_path),
        dns=DnsSection(resolver=("no-ip:53",)),
    )


def test_before_the_first_start_the_database_is_missed_and_not_made(
    config: Config, tmp_path: Path
) -> None:
    found = doctor.examine_installation(config)
    (missed,) = [one for one in found if one.what == "there is no database"]
    assert missed.state is State.FAULT and "first start" in missed.mend
    assert not list(tmp_path.iterdir())


def test_a_look_that_fails_itself_is_a_fault_and_the_others_go_on(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_config: Config) -> Iterator[Finding]:
        yield ok("as far as it goes")
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(doctor, "sockets", breaks)
    found = doctor.examine_installation(config)
    said = {one.what: one for one in found}
    assert "as far as it goes" in said
    broken = said["sockets: cannot be looked at (ZeroDivisionError: of ours)"]
    assert broken.is_fault and broken.mend
    (resolver,) = [one for one in found if one.what.startswith("names and DNS: cannot")]
    assert "no-ip" in resolver.what
    assert "there is no database" in said


@pytest.mark.parametrize("zone", ["-0000", "+0000", "GMT"])
def test_the_clock_of_who_says_no_zone_is_compared_all_the_same(zone: str) -> None:
    (found,) = doctor._clock(f"Mon, 01 Jan 2024 11:00:00 {zone}", "the ERP")
    assert found.state is State.WARNING and "differ" in found.what
