"""Runs a command of `postroom` in this process, as the command line would."""

import json
from collections.abc import Mapping
from pathlib import Path

from typer.testing import CliRunner, Result

from postroom.cli import app
from postroom.failure import Failure


def postroom(config: Path, *arguments: str) -> Result:
    """The command's exit status and output."""
    return CliRunner().invoke(app, [*arguments, "--config", str(config)])


def failure_of(result: Result) -> str:
    """The reason a command failed with."""
    assert isinstance(result.exception, Failure), result.exception
    return result.exception.reason


def toml(path: Path, **tables: Mapping[str, object]) -> Path:
    """A configuration file of plain values."""
    lines: list[str] = []
    for name, keys in tables.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
