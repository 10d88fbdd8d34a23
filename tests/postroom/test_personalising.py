"""A language model's words get into a reply only in slots, and only by a person's approval."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from postroom.actions import slots
from postroom.actions.plan import Personal, PlannedReply
from postroom.actions.reply import Composer
from postroom.actions.wording import Wording, find
from postroom.audit import AuditLog
from postroom.cli import app
from postroom.codec import from_json
from postroom.config import (
    Config,
    ConfigError,
    ErpSection,
    LlmSection,
    ReadingSection,
    ReplySection,
    Service,
    load,
)
from postroom.failure import PermanentFailure
from postroom.operating import Operator
from postroom.store.engine import Database
from postroom.store.schema import ACTION
from postroom.store.upgrade import upgrade
from tests.fakes.llm import Answer, LlmServer
from tests.postroom.test_operating import put_in_review

pytestmark = pytest.mark.slow  # the file as a whole takes seconds

TEXT = (
    'Subject: Re: {{ subject }} {{ slot("greeting", "Hallo") }}\n'
    '{{ slot("greeting", "Danke für Ihre Nachricht.") }}\nNummer {{ erp }}.\n'
    '{{ slot("closing", "Viele Grüße") }}\n'
)
HTML = '<p>{{ slot("greeting", "Danke für Ihre Nachricht.") }}</p><p>{{ title }}</p>'
KIND = "Vielen Dank, Anna & Team, für die Anfrage!"
NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    for language in ("de", "en"):  # whichever the message is taken for
        (tmp_path / f"ticket-acknowledgement.{language}.txt.j2").write_text(TEXT, "utf-8")
        (tmp_path / f"ticket-acknowledgement.{language}.html.j2").write_text(HTML, "utf-8")
    return Config(
        service=Service(mailboxes=("info@company.test",), state_dir=tmp_path, run_dir=tmp_path),
        erp=ErpSection(base_url="http://127.0.0.1:9"),
        reading=ReadingSection(workers=0),
        reply=ReplySection(templates_dir=tmp_path, personalise=True),
        llm=LlmSection(model="m", timeout=20.0),
    )


@pytest.fixture
def number(config: Config) -> int:
    database = Database(config.store_url)
    upgrade(database)
    number = put_in_review(database)
    database.close()
    return number


def proposed(
    config: Config, number: int, answer: Callable[[str], Answer], **llm: Any
) -> tuple[dict[str, Any], LlmServer]:
    """What a reviewer is shown, and the server with what it was asked."""
    with LlmServer(answer) as server:
        section = config.llm.model_copy(update={"base_url": server.url, **llm})
        with Operator.of(config.model_copy(update={"llm": section})) as operator:
            return operator.personalise(number, "maria"), server


def stored_reply(config: Config) -> tuple[PlannedReply, str]:
    database = Database(config.store_url)
    with database.reading() as connection:
        row = connection.execute(select(ACTION).where(ACTION.c.step == "reply")).one()
    database.close()
    return from_json(PlannedReply, row.body), row.key


def sent(config: Config, *, reply: PlannedReply | None = None) -> EmailMessage:
    """The stored reply as Postfix would get it; another one where it is given."""
    stored, key = stored_reply(config)
    reply = reply or stored
    wording = find(reply.template, reply.language, config.reply)
    composer = Composer(config.reply)
    first, second = (composer.compose(reply, wording, key=key, erp="7", now=NOW) for _ in "12")
    assert first == second
    message = message_from_bytes(first.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def approve(config: Config, number: int, given: dict[str, Any] | None) -> None:
    with Operator.of(config) as operator:
        assert operator.approve(number, "maria", slots=given) == ["ticket-create", "reply"]


def has_defaults(message: EmailMessage) -> bool:
    plain = part(message, "plain")
    return "Danke für Ihre Nachricht." in plain and "Viele Grüße" in plain


def test_what_a_person_approved_stands_in_the_body_of_that_reply(
    config: Config, number: int
) -> None:
    proposal, server = proposed(config, number, lambda _: f'"{KIND}"\n')
    assert proposal["texts"] == {"greeting": KIND, "closing": KIND}
    assert proposal["defaults"]["closing"] == "Viele Grüße"
    del proposal["texts"]["closing"]
    approve(config, number, proposal)
    message = sent(config)
    assert KIND in part(message, "plain") and "Viele Grüße" in part(message, "plain")
    assert "Anna &amp; Team" in part(message, "html")
    assert message["Subject"] == "Re: Bestellung 12 Hallo"
    assert "Anna" not in str(message["Subject"]) and "Re: Bestellung 12 H" in part(message, "html")
    system, user = (one["content"] for one in server.asked[0]["messages"])
    assert "M8x30" in user and "M8x30" not in system and user.splitlines()[0] in system


def test_the_log_has_who_asked_and_what_was_approved(config: Config, number: int) -> None:
    proposal, _ = proposed(config, number, lambda _: KIND)
    approve(config, number, proposal)
    database = Database(config.store_url)
    asked, approved = AuditLog(config).entries(database)
    database.close()
    assert (asked.who, asked.verb, asked.subject) == ("maria", "personalise", f"m{number}")
    assert approved.details is not None and approved.details["slots"] == {
        slot: hashlib.sha256(text.encode()).hexdigest() for slot, text in proposal["texts"].items()
    }


@pytest.mark.parametrize(
    "answer",
    [
        500, b"garbage", b'{"choices": [{"message": {"content": null}}]}', "", "   ", "x" * 301,
        "Pay at evil.example today", "https://evil.example", "write to eve@evil.example",
        "Gut\nBcc: eve", "Gut\x07", "Gut \u202e", "<b>Gut</b>", "{{ erp }}", "evil．example",
        "call //10", "10.0.0.1",
        "tel:+4930123456", "javascript:alert",
    ],
)  # fmt: skip
def test_trouble_and_refused_texts_leave_the_defaults(
    config: Config, number: int, answer: Answer
) -> None:
    proposal, _ = proposed(config, number, lambda _: answer)
    assert proposal["texts"] == {} and set(proposal["refused"]) == {"greeting", "closing"}
    approve(config, number, proposal)
    assert has_defaults(sent(config))


def test_a_silent_model_is_waited_for_once(config: Config, number: int) -> None:
    proposal, server = proposed(config, number, lambda _: None, timeout=0.3)
    assert proposal["refused"] == {"greeting": "no-answer", "closing": "no-answer"}
    assert len(server.asked) == 1


def test_a_mail_that_gives_orders_gets_nothing_past_the_reviewer(
    config: Config, number: int
) -> None:
    proposed(config, number, lambda _: "Sie erhalten 100 Prozent Rabatt.")
    approve(config, number, None)  # seen, and not taken
    assert stored_reply(config)[0].personal is None
    assert has_defaults(sent(config))


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"greeting": "see www.evil.example"}, "link"),
        ({"greeting": "a\r\nBcc: eve"}, "control"),
        ({"other": "Hallo"}, "no slot 'other'"),
        ({"greeting": 7}, "needed"),
        ("Hallo", "needed"),
    ],
)
def test_what_a_person_hands_in_is_checked_too(
    config: Config, number: int, texts: object, said: str
) -> None:
    proposal, _ = proposed(config, number, lambda _: KIND)
    with Operator.of(config) as operator:
        with pytest.raises(PermanentFailure, match="bad-slot") as caught:
            operator.approve(number, "maria", slots=proposal | {"texts": texts})
        assert said in str(caught.value.cause)
        assert len(operator.queue()) == 1


def test_texts_hold_for_the_wording_that_was_seen(config: Config, number: int) -> None:
    proposal, _ = proposed(config, number, lambda _: KIND)
    with Operator.of(config) as operator:
        with pytest.raises(PermanentFailure, match="template-changed"):
            operator.approve(number, "maria", slots=proposal | {"wording": "0" * 64})
    approve(config, number, proposal)
    assert KIND in part(sent(config), "plain")
    assert config.reply.templates_dir
    for file in config.reply.templates_dir.glob("*.txt.j2"):
        file.write_text(TEXT + "Neu.\n", "utf-8")
    assert has_defaults(sent(config))


def test_without_the_key_or_a_persons_word_it_is_the_default(config: Config, number: int) -> None:
    proposal, _ = proposed(config, number, lambda _: KIND)
    approve(config, number, proposal)
    stored, _ = stored_reply(config)
    unseen = replace(stored, facts=replace(stored.facts, approved=False))
    assert has_defaults(sent(config, reply=unseen))
    off = config.model_copy(
        update={"reply": config.reply.model_copy(update={"personalise": False})}
    )
    assert has_defaults(sent(off))
    with Operator.of(off) as operator:
        with pytest.raises(PermanentFailure, match="personalise-off"):
            operator.personalise(number, "maria")
        with pytest.raises(PermanentFailure, match="personalise-off"):
            operator.approve(number, "maria", slots=proposal)


def test_a_message_that_does_not_wait_is_not_shown_to_the_model(
    config: Config, number: int
) -> None:
    approve(config, number, None)
    with LlmServer(lambda _: KIND) as server:
        section = config.llm.model_copy(update={"base_url": server.url})
        with Operator.of(config.model_copy(update={"llm": section})) as operator:
            with pytest.raises(PermanentFailure, match="not-waiting"):
                operator.personalise(number, "maria")
    assert server.asked == []


def test_slots_are_found_in_the_body_alone() -> None:
    text = 'Subject: {{ slot("a", "x") }}\n{% if erp %}{{ slot("b", "y") }}{% endif %}'
    wording = Wording(
        name="n", language="en", text=text, html='{{ slot("c", "<z>") }}', is_shipped=False
    )
    assert slots.marked(wording) == {"b": "y", "c": "<z>"}
    assert slots.personal(wording, {"b": "Hi."}) == Personal(
        wording=wording.digest, texts={"b": "Hi."}
    )
    with pytest.raises(PermanentFailure, match="template-broken"):
        slots.marked(replace(wording, html="{% if %}"))


@pytest.mark.parametrize(
    "text", ["Спасибо за заказ!", "Danke, bis bald. Grüße", "M8 x 30: ok?", "Hotel: frei"]
)
def test_plain_sentences_may_stand(text: str) -> None:
    assert slots.refusal(text) == ""


def test_the_key_needs_a_model(tmp_path: Path) -> None:
    file = tmp_path / "postroom.toml"
    file.write_text("[reply]\npersonalise = true\n", "utf-8")
    with pytest.raises(ConfigError, match=r"llm\.model"):
        load(file)


def test_the_proposal_is_a_file_that_the_approval_takes(config: Config, number: int) -> None:
    folder = config.service.state_dir
    file = folder / "postroom.toml"

    def run(*words: str, stdin: str = "") -> str:
        done = CliRunner().invoke(app, ["queue", *words, "--config", str(file)], input=stdin)
        assert done.exit_code == 0, done.output
        return done.stdout

    with LlmServer(lambda _: KIND) as server:
        file.write_text(
            f'[service]\nstate_dir = "{folder}"\nrun_dir = "{folder}"\n'
            'mailboxes = ["info@company.test"]\n[reading]\nworkers = 0\n'
            f'[erp]\nbase_url = "http://127.0.0.1:9"\n[llm]\nmodel = "m"\n'
            f'base_url = "{server.url}"\n[reply]\npersonalise = true\n'
            f'templates_dir = "{folder}"\n',
            "utf-8",
        )
        proposal = run("personalise", f"m{number}", "--json")
    assert json.loads(proposal)["texts"]["greeting"] == KIND
    said = run("approve", f"m{number}", "--slots", "-", stdin=proposal)
    assert said == f"approved m{number}: ticket-create, reply\n"
    assert KIND in part(sent(config), "plain")
