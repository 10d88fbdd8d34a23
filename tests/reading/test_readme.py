"""The README of reading lists what is there: every problem token and every file."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "postroom" / "reading"
README = (FOLDER / "README.md").read_text("utf-8")
TOKEN = re.compile(
    r'"((?:[a-z]+-)+(?:limit|broken|repaired|guessed|refused|missing|unsure|new-text|encrypted))"'
    r'|problems\.add\("([a-z-]+)"\)|, "(encrypted)"'
)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_every_problem_token_is_listed(path: Path) -> None:
    for found in TOKEN.finditer(path.read_text("utf-8")):
        token = next(filter(None, found.groups()))
        assert f"`{token}`" in README, token


@pytest.mark.parametrize("path", sorted(FOLDER.glob("[a-z]*.py")), ids=lambda path: path.name)
def test_every_file_is_in_the_reading_order(path: Path) -> None:
    assert f"`{path.name}`" in README
