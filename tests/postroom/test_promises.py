"""What the doctor says of each promise, on installations that break one at a time."""

import os
import time
from pathlib import Path

import pytest
from sqlalchemy import insert

from postroom.config import Config, ReplySection, Service
from postroom.promises import nothing_lost, replies_safe, secrets_kept, taken_safely
from postroom.readiness import Finding, State
from postroom.service.state import stamp_key
from postroom.store.schema import ACTION
from tests.fakes.kept import NOW, taken
from tests.fakes.store import a_database

GOOD = {
    "smtpd_forbid_bare_newline": "normalize",
    "message_size_limit": "52428800",
    "milter_content_timeout": "60s",
    "queue_minfree": "157286400",
    "transport_maps": "",
}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    a_database(tmp_path).close()
    return Config(
        service=Service(mailboxes=("info@firma.test",), state_dir=tmp_path, run_dir=tmp_path)
    )


def _bad(findings: list[Finding]) -> list[str]:
    return [
        one.what for one in findings if one.state is not State.OK and "in memory" not in one.what
    ]


def test_a_good_postfix_and_database_take_mail_safely(config: Config) -> None:
    assert _bad(list(taken_safely(config, GOOD))) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smtpd_forbid_bare_newline", "no"),
        ("message_size_limit", "0"),
        ("message_size_limit", "99999999"),
        ("milter_content_timeout", "10s"),
        ("queue_minfree", "0"),
    ],
)
def test_one_wrong_setting_of_postfix_is_found_and_named(
    config: Config, name: str, value: str
) -> None:
    found = _bad(list(taken_safely(config, GOOD | {name: value})))
    assert found and name in found[0]


def test_a_mailbox_that_goes_elsewhere_is_named(config: Config) -> None:
    (astray,) = _bad(list(nothing_lost(config, GOOD, time.time())))
    assert "info@firma.test" in astray


def test_an_action_that_nobody_takes_and_a_dead_letter_are_found(config: Config) -> None:
    database = a_database(config.service.state_dir)
    number = taken(config, database, "a@kunde.test", done=False)
    with database.transaction() as connection:
        connection.execute(
            insert(ACTION).values(
                message=number, key="k", step="reply", state="dead", body="{}",
                created_at=1, due_at=1, finished_at=1,
            )
        )  # fmt: skip
    database.close()
    now = NOW.timestamp()
    assert len(_bad(list(nothing_lost(config, {}, now + 60)))) == 1
    late, dead = _bad(list(nothing_lost(config, {}, now + 3_600)))
    assert "60 minutes" in late and "gave up" in dead


def test_replies_want_a_postfix_that_answers(config: Config) -> None:
    assert list(replies_safe(config)) == []
    answering = config.model_copy(
        update={"reply": ReplySection(enabled=True, submit="127.0.0.1:9")}
    )
    assert "127.0.0.1:9" in _bad(list(replies_safe(answering)))[0]


def test_a_secret_that_others_may_read_is_found(config: Config) -> None:
    stamp_key(config)
    assert _bad(list(secrets_kept(config))) == []
    os.chmod(config.service.state_dir / "stamp.key", 0o644)
    assert "stamp.key" in _bad(list(secrets_kept(config)))[0]
