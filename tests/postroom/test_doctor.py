"""The doctor: every look is had, whatever another comes upon, and nothing is made."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postroom import doctor
from postroom.config import (
    ApiSection,
    Config,
    DnsSection,
    ErpSection,
    MetricsSection,
    Service,
)
from postroom.failure import PermanentFailure
from postroom.readiness import Finding, State, ok


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    for look in ("_reading", "_model"):  # those that take their time
        monkeypatch.setattr(doctor, look, lambda _config: iter(()))
    return Config(
        service=Service(state_dir=tmp_path, run_dir=tmp_path),
        dns=DnsSection.model_construct(resolver=("no-ip:53",)),  # fails at once
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

    def fails(_config: Config) -> Iterator[Finding]:
        yield from ()
        raise PermanentFailure("of-its-own", ValueError("no-ip"))

    monkeypatch.setattr(doctor, "sockets", breaks)
    monkeypatch.setattr(doctor, "_names", fails)
    found = doctor.examine_installation(config)
    said = {one.what: one for one in found}
    assert "as far as it goes" in said
    broken = said["sockets: cannot be looked at (ZeroDivisionError: of ours)"]
    assert broken.is_fault and broken.mend
    (failed,) = [one for one in found if one.what.startswith("names and DNS: cannot")]
    assert "no-ip" in failed.what
    assert "there is no database" in said


def test_name_servers_that_cannot_be_asked_are_a_fault_of_the_settings(config: Config) -> None:
    (found,) = [one for one in doctor.examine_installation(config) if "name server" in one.what]
    assert found.is_fault and "dns.resolver" in found.mend


@pytest.mark.parametrize("said", ["", "soon", "Mon, 30 Nov 99999999999999999999 09:00:00 GMT"])
def test_a_clock_that_says_no_time_is_not_compared(said: str) -> None:
    assert list(doctor._clock(said, "the ERP")) == []


def test_where_metrics_and_api_shall_be_asked_somebody_must_listen(config: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        there = f"127.0.0.1:{listening.getsockname()[1]}"
        asked = config.model_copy(
            update={"metrics": MetricsSection(listen=there), "api": ApiSection(listen=there)}
        )
        assert [one.state for one in doctor._http(asked)] == [State.OK, State.OK]
    api, metrics = sorted(doctor._http(asked), key=lambda one: one.what)
    assert api.what.startswith("api.listen") and metrics.what.startswith("metrics.listen")
    assert {api.state, metrics.state} == {State.WARNING} and "restart" in api.mend
    off = config.model_copy(update={"metrics": MetricsSection(listen="")})
    assert list(doctor._http(off)) == []


@pytest.mark.slow
def test_a_setting_of_postfix_that_names_another_has_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "message_size_limit = 777\nvirtual_mailbox_limit = $message_size_limit\n"
    (tmp_path / "main.cf").write_text(f"compatibility_level = 3.6\n{said}", encoding="utf-8")
    (tmp_path / "master.cf").touch()
    monkeypatch.setenv("MAIL_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin")
    assert doctor._postfix_settings()["virtual_mailbox_limit"] == "777"


def _of_erp(**keys: Any) -> list[Finding]:
    return list(doctor._erp(ErpSection(base_url="http://anna:geheim@127.0.0.1:9/x", **keys)))


@pytest.mark.parametrize("key", ["token_file", "password_file"])
def test_a_secret_of_the_erp_must_be_readable_where_it_can_be_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    def missed(file: str) -> list[str]:
        return [one.what for one in _of_erp(**{key: file}) if "cannot be read" in one.what]

    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert missed("erp.token") == []  # systemd shows it to the service alone
    assert missed(f"{tmp_path}/erp.token")[0].startswith(f"erp.{key} {tmp_path}/erp.token")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert missed("erp.token")
    (tmp_path / "erp.token").write_text("x", encoding="utf-8")
    assert missed("erp.token") == [] and missed(f"{tmp_path}/erp.token") == []


def test_a_password_in_the_erps_address_is_not_said() -> None:
    (found,) = _of_erp()
    assert "http://anna:***@127.0.0.1:9/x" in found.what and "geheim" not in str(found)


@pytest.mark.parametrize("zone", ["-0000", "+0000", "GMT"])
def test_the_clock_of_who_says_no_zone_is_compared_all_the_same(zone: str) -> None:
    (found,) = doctor._clock(f"Mon, 01 Jan 2024 11:00:00 {zone}", "the ERP")
    assert found.state is State.WARNING and "differ" in found.what
