"""`postroom queue` as an operator types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from postroom.cli import app
from postroom.failure import PermanentFailure
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
