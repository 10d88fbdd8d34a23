"""The docs do not lie: references equal the code, links lead somewhere, commands exist."""

import re
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup as Group

from postroom.cli import app
from scripts.reference import PAGES

ROOT = Path(__file__).resolve().parent.parent
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCS += [
    page
    for folder in ("milter", "lmtp", "classify", "actions", "postfix", "ansible", "packaging")
    for page in sorted((ROOT / folder).rglob("*.md"))
]


@pytest.mark.parametrize("page", sorted(PAGES))
def test_reference_page_equals_the_code(page: str) -> None:
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), "run .venv/bin/python scripts/reference.py"


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), target


def _commands(group: Group, before: str = "postroom") -> set[str]:
    found = set()
    for name, command in group.commands.items():
        found.add(f"{before} {name}")
        if isinstance(command, Group):
            found |= _commands(command, f"{before} {name}")
    return found


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_named_in_docs_exist(page: Path) -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, Group)
    known = _commands(root)
    first_words = {command.split()[1] for command in known}
    for line in re.findall(r"postroom ([a-z]+(?: [a-z]+)?)", page.read_text(encoding="utf-8")):
        word, _, second = line.partition(" ")
        if word not in first_words:
            continue
        subcommands = {c.split()[2] for c in known if c.startswith(f"postroom {word} ")}
        if second and subcommands:
            assert second in subcommands, f"postroom {line}"


def test_every_file_named_in_the_flow_exists() -> None:
    text = (ROOT / "docs" / "flow.md").read_text(encoding="utf-8")
    folder = ""
    for name in re.findall(r"`([\w/*]+\.(?:py|yaml))`", text):
        if "/" in name and not name.startswith("rules/"):
            folder = name.rpartition("/")[0]
            assert (ROOT / name).exists(), name
        else:
            assert list((ROOT / folder).glob(name)), f"{folder}/{name}"


def test_every_command_is_in_the_man_page() -> None:
    manual = (ROOT / "docs" / "postroom.1").read_text(encoding="utf-8")
    root = typer.main.get_command(app)
    assert isinstance(root, Group)
    groups = {command.rpartition(" ")[0] for command in _commands(root)} - {"postroom"}
    for command in _commands(root) - groups:
        assert f".SS {command}".replace("-", r"\-") in manual, command


def test_every_alert_has_a_place_in_the_runbook() -> None:
    alerts = re.findall(r"alert: (\w+)", (ROOT / "monitoring/alerts.yml").read_text("utf-8"))
    runbook = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert alerts and [name for name in alerts if f"\n### {name}\n" not in runbook] == []
