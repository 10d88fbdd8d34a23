"""`postroom template` and `postroom audit` as an admin uses them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from postroom.cli import app
from postroom.failure import PermanentFailure
from tests.fakes.store import a_database

TITLE = "order-confirmation.de"


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    a_database(tmp_path).close()
    (tmp_path / "own").mkdir()
    path = tmp_path / "postroom.toml"
    path.write_text(
        f'[service]\nstate_dir = "{tmp_path}"\nmailboxes = ["info@firma.test"]\n'
        f'[reply]\ntemplates_dir = "{tmp_path}/own"\n'
    )
    return path


def run(toml: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(toml)])


def answers(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code in (0, 1), result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def write_own(toml: Path, text: str) -> None:
    (toml.parent / "own" / f"{TITLE}.txt.j2").write_text(text, encoding="utf-8")


def standing(toml: Path) -> dict[str, Any]:
    rows = {row["template"]: row for row in answers(run(toml, "template", "list", "--json"))}
    assert len(rows) == 6
    return rows[TITLE]


def test_a_template_s_life_is_told_in_the_audit_log(toml: Path) -> None:
    assert standing(toml)["state"] == "shipped"
    write_own(toml, "Subject: Hallo\nGuten Tag\n")
    assert (standing(toml)["state"], standing(toml)["may_be_used"]) == ("unapproved", False)
    done = run(toml, "template", "approve", TITLE, "--as", "anna")
    assert done.stdout == f"approved {TITLE}, version 1\n"
    assert (standing(toml)["state"], standing(toml)["decided_by"]) == ("approved", "anna")
    write_own(toml, "Subject: Hallo\nGuten Abend\n")
    (shown,) = answers(run(toml, "template", "show", TITLE, "--json"))
    assert shown["state"] == "unapproved"
    assert "-Guten Tag" in shown["changes"]["text"]
    assert "+Guten Abend" in shown["changes"]["text"]
    assert [version["state"] for version in shown["versions"]] == ["approved"]
    write_own(toml, "Subject: Hallo\nGuten Tag\n")
    assert run(toml, "template", "revoke", TITLE, "--as", "boris").exit_code == 0
    rows = answers(run(toml, "audit", "list", "--about", f"template {TITLE}", "--json"))
    assert [(row["who"], row["verb"]) for row in rows] == [
        ("anna", "template-approve"),
        ("boris", "template-revoke"),
    ]
    assert rows[0]["details"]["version"] == 1
    (sound,) = answers(run(toml, "audit", "verify", "--json"))
    assert (sound["sound"], sound["rows"]) == (True, 2)


def test_what_was_edited_since_it_was_seen_is_not_approved(toml: Path) -> None:
    write_own(toml, "Subject: Hallo\nGuten Tag\n")
    seen = standing(toml)["digest"]
    write_own(toml, "Subject: Hallo\nGuten Abend\n")
    result = run(toml, "template", "approve", TITLE, "--digest", seen[:12])
    assert isinstance(result.exception, PermanentFailure)
    assert result.exception.reason == "template-changed"
    assert standing(toml)["state"] == "unapproved"
    assert answers(run(toml, "audit", "list", "--json")) == []


def test_a_template_that_is_not_there_is_named(toml: Path) -> None:
    result = run(toml, "template", "approve", "nothing.de")
    assert isinstance(result.exception, PermanentFailure)
    assert result.exception.reason == "no-such-template"


def test_people_get_tables(toml: Path) -> None:
    assert TITLE in run(toml, "template", "list").stdout
    assert "Nothing was done yet." in run(toml, "audit", "list").stdout
    run(toml, "template", "approve", TITLE, "--as", "[bold]anna[/]")
    assert "[bold]anna[/]" in run(toml, "audit", "list").stdout
    assert "1 rows, as written" in run(toml, "audit", "verify").stdout


def test_verify_fails_where_the_log_was_cut(toml: Path) -> None:
    run(toml, "template", "approve", TITLE, "--as", "anna")
    (before,) = answers(run(toml, "audit", "verify", "--json"))
    a_database(toml.parent).close()  # an empty one in its place
    result = run(toml, "audit", "verify", "--head", before["head"])
    assert result.exit_code == 1
    assert "cut-off" in result.stdout
