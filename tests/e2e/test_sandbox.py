"""The sandbox itself: built from the shipped fragments, and gone when its owner is gone."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.postfix import ROOT, parameters_of
from tests.sandbox.processes import kill
from tests.sandbox.waiting import wait_until


def test_continuation_lines_and_comments_are_read_like_postfix_does() -> None:
    text = "# a comment\na = 1\nb = 2,\n# between\n   3\n\nc =\n"
    assert parameters_of(text) == {"a": "1", "b": "2, 3", "c": ""}


@pytest.mark.parametrize("name", ["main.cf", "mail_host.cf"])
def test_the_readme_explains_every_parameter_of_a_fragment(name: str) -> None:
    readme = (ROOT / "postfix/README.md").read_text()
    parameters = parameters_of((ROOT / f"postfix/{name}.fragment").read_text())
    assert [name for name in parameters if f"`{name}" not in readme] == []


@pytest.mark.parametrize("name", ["master.cf", "submission.cf"])
def test_the_readme_explains_every_option_of_a_service(name: str) -> None:
    readme = (ROOT / "postfix/README.md").read_text()
    options = [
        line.split("-o ", 1)[1].strip()
        for line in (ROOT / f"postfix/{name}.fragment").read_text().splitlines()
        if line.startswith("  -o ")
    ]
    assert [option for option in options if f"`{option}`" not in readme] == []


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder that other users may pass through, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="postroom-killed-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.e2e
@pytest.mark.slow
def test_nothing_keeps_running_when_the_sandbox_is_killed(folder: Path) -> None:
    told = folder / "demo.txt"
    with told.open("w") as output:
        demo = subprocess.Popen(
            [sys.executable, "-m", "tests.sandbox.demo", "--keep"],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TMPDIR": str(folder)},
        )
    try:
        # A mail was answered: Postfix, DNS, the ERP and all parts of Postroom run.
        wait_until(lambda: " 250 " in told.read_text(), 90, "a mail to be taken", told.read_text)
    finally:
        kill(demo.pid)
        demo.wait(60)
    wait_until(
        lambda: not _processes_of(folder),
        90,
        "everything to end",
        lambda: "\n".join(_processes_of(folder)),
    )


def _processes_of(folder: Path) -> list[str]:
    """Command lines of the processes that name the folder in their arguments or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:
            continue
        if any(os.fsencode(folder) in word for word in words):
            found.append(words[0].replace(b"\0", b" ").decode(errors="replace"))
    return found
