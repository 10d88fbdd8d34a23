"""What the doctor says of each promise, on installations that break one at a time."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from sqlalchemy import insert

from postroom.config import Config, EventsSection, ReplySection, Service, WebhookSection
from postroom.promises import nothing_lost, replies_safe, secrets_kept, taken_safely
from postroom.readiness import Finding, State
from postroom.service.state import stamp_key
from postroom.store import gonehooks
from postroom.store.schema import ACTION
from tests.fakes.kept import NOW, taken
from tests.fakes.store import a_database

GOOD = {
    "smtpd_forbid_bare_newline": "normalize",
    "message_size_limit": "52428800",
    "milter_content_timeout": "60s",
    "queue_minfree": "157286400",
    "mailbox_size_limit": "0",
    "virtual_mailbox_limit": "52428800",
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
        ("mailbox_size_limit", "51200000"),
        ("virtual_mailbox_limit", "51200000"),
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


@pytest.mark.parametrize("mailbox", ["info@müller-bau.test", "info@xn--mller-bau-q9a.test"])
def test_an_internationalized_mailbox_is_asked_for_in_both_spellings(
    config: Config, mailbox: str
) -> None:
    service = config.service.model_copy(update={"mailboxes": (mailbox,)})
    astray = _bad(
        list(nothing_lost(config.model_copy(update={"service": service}), GOOD, time.time()))
    )
    assert len(astray) == 2
    assert any("info@müller-bau.test" in one for one in astray)
    assert any("info@xn--mller-bau-q9a.test" in one for one in astray)


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


def test_a_webhook_that_is_gone_is_named_with_its_mend(config: Config, tmp_path: Path) -> None:
    hook = WebhookSection(url="http://shop.test/", secret_file=tmp_path / "secret")
    told = config.model_copy(update={"events": EventsSection(webhooks={"shop": hook})})
    database = a_database(config.service.state_dir)
    with database.transaction() as connection:
        gonehooks.remember(connection, "shop", hook.url, NOW)
    database.close()
    (gone,) = (one for one in nothing_lost(told, {}, NOW.timestamp()) if "gone" in one.what)
    assert "webhook shop" in gone.what and "queue resume shop" in gone.mend


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


def test_every_file_with_a_secret_that_a_key_points_to_is_looked_at(tmp_path: Path) -> None:
    def file(name: str) -> str:
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o666)
        return str(tmp_path / name)

    config = Config.model_validate(
        {
            "service": {"secret_file": file("a")},
            "audit": {"key_file": file("b")},
            "erp": {"token_file": file("c"), "password_file": file("d"), "mapping_file": file("x")},
            "tickets": {"token_file": file("e"), "password_file": file("f")},
            "llm": {"token_file": file("g")},
            "redis": {"password_file": file("h")},
            "events": {"webhooks": {"one": {"url": "http://x", "secret_file": file("i")}}},
            "classification": {"model_file": file("x")},
        }
    )
    found = _bad(list(secrets_kept(config)))
    assert sorted(found) == [f"{tmp_path}/{name} can be read by others" for name in "abcdefghi"]


def test_a_key_that_points_to_a_file_is_known_for_a_secret_or_for_none() -> None:
    def files(section: type[BaseModel]) -> Iterator[str]:
        for name, field in section.model_fields.items():
            for kind in (field.annotation, *get_args(field.annotation)):
                if isinstance(kind, type) and issubclass(kind, BaseModel):
                    yield from files(kind)
            if name.endswith("file"):
                yield name

    known = {"mapping_file", "model_file", "file"}  # no secret in these
    secret = {"secret_file", "key_file", "token_file", "password_file"}
    assert set(files(Config)) == known | secret
