"""Health over HTTP, and the vitals that only a look can tell."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from postroom import metrics
from postroom.config import (
    CanarySection,
    Config,
    LmtpSection,
    MilterSection,
    ReplySection,
    Service,
    StoreSection,
)
from postroom.health import serve_health
from postroom.store.canaries import new_message_id
from postroom.vitals import Part, VitalsCollector, certificate_end, look
from tests.fakes.kept import NOW, taken
from tests.fakes.store import a_database

CANARY = "canary@firma.test"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "run").mkdir()
    return Config(
        service=Service(
            mailboxes=("info@firma.test", CANARY), state_dir=tmp_path, run_dir=tmp_path / "run"
        ),
        milter=MilterSection(socket=f"unix:{tmp_path}/run/milter"),
        lmtp=LmtpSection(socket=f"unix:{tmp_path}/run/lmtp", min_free_space=1),
        canary=CanarySection(mailbox=CANARY),
        reply=ReplySection(submit="127.0.0.1:9"),
    )


@pytest.fixture
def url(config: Config) -> Iterator[str]:
    server = serve_health(
        lambda: config, CollectorRegistry(), lambda: {"lmtp": Part(is_up=True, deaths=2, pid=7)},
        "127.0.0.1", 0,
    )  # fmt: skip
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _ask(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def _collected(config: Config) -> list[GaugeMetricFamily]:
    return list(VitalsCollector(lambda: config, dict).collect())


def _listen(config: Config, part: str) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(config.service.run_dir / part))
    server.listen()
    return server


def test_ready_follows_sockets_and_database_and_names_the_mend(config: Config, url: str) -> None:
    assert _ask(f"{url}/live")[0] == 200
    status, told = _ask(f"{url}/ready")
    assert status == 503
    faults = [one for one in json.loads(told)["findings"] if one["state"] == "fault"]
    assert len(faults) == 3 and all(fault["mend"] for fault in faults)
    with _listen(config, "milter"), _listen(config, "lmtp"):
        a_database(config.service.state_dir).close()
        assert _ask(f"{url}/ready")[0] == 200


def test_health_tells_it_all_and_nothing_of_a_message(config: Config, url: str) -> None:
    database = a_database(config.service.state_dir)
    taken(config, database, "anna@kunde.test")
    database.close()
    _status, told = _ask(f"{url}/health")
    story = json.loads(told)
    assert story["parts"]["lmtp"]["deaths"] == 2
    assert story["vitals"]["last_mail"] == NOW.timestamp()
    assert "anna" not in told and "secret" not in told


def test_every_vital_is_exported_under_its_documented_name(config: Config, url: str) -> None:
    database = a_database(config.service.state_dir)
    taken(config, database, "anna@kunde.test")
    database.close()
    _status, told = _ask(f"{url}/metrics")
    exported = {family.name: family for family in text_string_to_metric_families(told)}
    vitals = {value.name for value in vars(metrics).values() if isinstance(value, metrics.Vital)}
    assert vitals <= set(exported)
    assert exported["postroom_part_deaths"].samples[0].labels == {"part": "lmtp"}


def test_without_a_canary_no_interval_tells_to_wait_for_one(config: Config) -> None:
    a_database(config.service.state_dir).close()
    without = config.model_copy(update={"canary": CanarySection()})
    for settings, told in ((config, [300.0]), (without, [])):
        families = {one.name: one for one in _collected(settings)}
        assert [one.value for one in families[metrics.CANARY_INTERVAL.name].samples] == told
        assert families[metrics.CANARY.name].samples == []


def test_what_a_reload_changed_is_what_is_looked_at(config: Config) -> None:
    """Sockets that have moved, and another database."""
    in_force = config
    registry = CollectorRegistry()
    server = serve_health(lambda: in_force, registry, dict, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.server_port}"
    a_database(config.service.state_dir).close()
    moved = config.service.state_dir / "moved"
    moved.mkdir()
    database = a_database(moved)
    taken(config, database, "anna@kunde.test")
    database.close()
    try:
        with _listen(config, "milter"), _listen(config, "lmtp2"):
            assert _ask(f"{url}/ready")[0] == 503
            in_force = config.model_copy(
                update={
                    "lmtp": LmtpSection(socket=f"unix:{config.service.run_dir}/lmtp2"),
                    "store": StoreSection(url=f"sqlite:///{moved}/postroom.sqlite"),
                }
            )
            assert _ask(f"{url}/ready")[0] == 200
            assert registry.get_sample_value(metrics.LAST_MAIL.name) == NOW.timestamp()
    finally:
        server.shutdown()
        server.server_close()


def test_an_unknown_path_says_which_there_are(url: str) -> None:
    status, told = _ask(f"{url}/nothing")
    assert status == 404 and "/ready" in told


def test_canaries_are_no_mail_and_the_usual_is_of_this_hour_of_the_week(config: Config) -> None:
    database = a_database(config.service.state_dir)
    now = NOW.timestamp()
    taken(config, database, CANARY, message_id=new_message_id(config))
    taken(config, database, CANARY, days_ago=1, message_id="<form.1@www.firma.test>")
    for week in (1, 2, 3):
        for minute in range(4):
            taken(config, database, "anna@kunde.test", days_ago=7 * week + minute / 1440)
    taken(config, database, "anna@kunde.test", days_ago=10.5)
    vitals = look(config, database, now)
    database.close()
    assert vitals.last_mail == now - 86_400
    assert vitals.canary == now
    assert vitals.usual_per_hour == 2.0  # 4 mails in two hours, three weeks of history
    assert vitals.oldest_review is None


def test_there_is_no_certificate_where_nobody_answers() -> None:
    assert certificate_end("127.0.0.1:9") is None
