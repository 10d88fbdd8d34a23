"""`postroom queue` as an operator types it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from postroom.actions import outbox
from postroom.actions.outbox import GivenUp
from postroom.cli import app
from postroom.decision import Action, Step
from postroom.failure import PermanentFailure
from postroom.store import gonehooks
from postroom.store.engine import Database
from tests.postroom.test_operating import RAW, config, number

__all__ = ["config", "number"]  # fixtures


@pytest.fixture
def toml(tmp_path: Path, number: int) -> Path:
    assert number == 1
    path = tmp_path / "postroom.toml"
    path.write_text(
        f'[service]\nstate_dir = "{tmp_path}"\nrun_dir = "{tmp_path}"\n'
        'mailboxes = ["info@company.test"]\n'
        '[erp]\nbase_url = "http://127.0.0.1:9"\n[reading]\nworkers = 0\n'
    )
    return path


def run(toml: Path, *words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["queue", *words, "--config", str(toml)], input=stdin)


def test_the_message_can_be_seen_as_it_came(toml: Path) -> None:
    assert run(toml, "show", "m1", "--raw").stdout_bytes == RAW


def test_a_correction_comes_from_a_file_or_from_standard_input(toml: Path) -> None:
    given = toml.parent / "right.json"
    given.write_text('{"customer": {"name": "Kunde GmbH"}}')
    assert run(toml, "correct", "m1", str(given)).stdout == "corrected m1: review\n"
    lines = {"category": "purchase_order", "lines": [{"sku": "M8", "quantity": 2}]}
    done = run(toml, "correct", "m1", "-", "--as", "anna", stdin=json.dumps(lines))
    assert done.stdout == "corrected m1: act\n"
    story = json.loads(run(toml, "show", "m1", "--json").stdout)
    assert story["order"]["buyer"]["name"] == "Kunde GmbH"
    assert story["review"]["decided_by"] == "anna"


@pytest.mark.parametrize("words", [("correct", "m1"), ("approve", "m1", "--slots")])
@pytest.mark.parametrize("name", ["missing.json", ".", "latin1.json"])
def test_a_file_that_cannot_be_read_is_a_mistake_of_usage(
    toml: Path, words: tuple[str, ...], name: str
) -> None:
    (toml.parent / "latin1.json").write_bytes('{"customer": {"name": "Müller"}}'.encode("latin-1"))
    done = run(toml, *words, str(toml.parent / name))
    assert done.exit_code == 2 and str(toml.parent / name)[:9] in done.output


@pytest.mark.parametrize("verb", ["show", "hold", "retry", "reject"])
@pytest.mark.parametrize("digits", ["9" * 23, "9" * 5000, "0" * 30 + "7"])
def test_a_number_that_no_database_holds_is_no_item_of_ours(
    toml: Path, verb: str, digits: str
) -> None:
    letter = "m" if verb == "reject" else "a"
    failure = run(toml, verb, f"{letter}{digits}").exception
    assert isinstance(failure, PermanentFailure)
    assert failure.reason == ("no-such-message" if letter == "m" else "no-such-action")


def test_nor_can_it_be_explained(toml: Path) -> None:
    done = CliRunner().invoke(app, ["explain", "9" * 23, "--config", str(toml)])
    assert isinstance(done.exception, PermanentFailure)
    assert done.exception.reason == "no-such-message"


@pytest.mark.parametrize("text", ["{", "[1]", "7", ""])
def test_what_is_no_correction_is_a_mistake_of_usage(toml: Path, text: str) -> None:
    assert run(toml, "correct", "m1", "-", stdin=text).exit_code == 2


def test_the_version_that_was_seen_guards_a_decision(toml: Path) -> None:
    seen = json.loads(run(toml, "show", "m1", "--json").stdout)["version"]
    assert run(toml, "forward", "m1", "anton@company.test").exit_code == 0
    refused = run(toml, "approve", "m1", "--version", str(seen + 99))
    assert isinstance(refused.exception, PermanentFailure)
    assert refused.exception.reason == "changed-meanwhile"
    done = run(toml, "approve", "m1", "--version", str(seen), "--reason", "fine")
    assert done.stdout == "approved m1: ticket-create, reply\n"
    action = json.loads(run(toml, "show", "m1", "--json").stdout)["actions"][1]
    moved = run(toml, "hold", f"a{action['action']}", "--version", str(action["version"]))
    assert moved.exit_code == 0


NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def dead(toml: Path, step: Step, count: int) -> None:
    """So many actions of a step that gave up."""
    database = Database(f"sqlite:///{toml.parent}/postroom.sqlite")
    actions = [Action(key=f"{step.value}{n}", step=step, body="{}") for n in range(count)]
    with database.transaction() as connection:
        outbox.put(connection, 1, actions, NOW, "test")
    gave_up = [
        (leased, GivenUp(reason="x"))
        for leased in outbox.lease(database, NOW, count, 60.0, "w", [step])
    ]
    outbox.finish_all(database, gave_up, NOW)
    database.close()


def test_dead_calls_of_webhooks_are_dropped_in_one_command_and_nothing_else_is(toml: Path) -> None:
    dead(toml, Step.WEBHOOK, 600)  # more than a transaction takes
    dead(toml, Step.ORDER_CREATE, 1)
    done = run(toml, "drop", "--step", "webhook", "--as", "anna", "--reason", "old shop")
    assert done.stdout == "dropped 600 calls of webhooks\n"
    assert "order-create" in run(toml, "list").stdout
    assert "webhook" not in run(toml, "list").stdout
    again = run(toml, "drop", "--step", "webhook", "--as", "anna")
    assert again.stdout == "dropped 0 calls of webhooks\n"
    log = CliRunner().invoke(app, ["audit", "list", "--json", "--config", str(toml)]).stdout
    assert [json.loads(line)["details"] for line in log.splitlines()] == [
        {"calls": calls, "reason": "old shop"} for calls in (500, 100)
    ]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("a1", "--step", "webhook"),
        ("--step", "order-create"),
        ("--step", "webhook", "--version", "1"),
    ],
)
def test_drop_takes_one_action_or_the_calls_of_webhooks(toml: Path, words: tuple[str, ...]) -> None:
    assert run(toml, "drop", *words).exit_code == 2


def test_a_webhook_that_was_gone_is_resumed_once(toml: Path) -> None:
    database = Database(f"sqlite:///{toml.parent}/postroom.sqlite")
    with database.transaction() as connection:
        gonehooks.remember(connection, "shop", "http://shop.test/", NOW)
    database.close()
    assert run(toml, "resume", "shop", "--as", "anna").stdout == "shop is told again\n"
    again = run(toml, "resume", "shop", "--as", "anna")
    assert isinstance(again.exception, PermanentFailure)
    assert again.exception.reason == "hook-not-gone"
