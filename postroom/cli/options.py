"""Options that several commands share, and the configuration they lead to."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from postroom import maillog
from postroom.config import Config, default_path, load
from postroom.failure import PermanentFailure

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 240  # columns
_DIGITS = 18  # of the largest number that surely fits 64 bits
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Configuration file; else $POSTROOM_CONFIG or /etc/postroom."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object per input, a line each.")]


def configuration(path: Path | None) -> Config:
    """The configuration for a command that needs the installation's own.

    Standard output is for the answer; what is logged meanwhile goes to standard error.
    Raises ConfigError.
    """
    maillog.configure("warning", "text", sys.stderr)
    return load(path or default_path())


def configuration_or_defaults(path: Path | None) -> Config:
    """The configuration, or the defaults where there is no file and none was asked for.

    For commands that only look at messages. Raises ConfigError.
    """
    maillog.configure("warning", "text", sys.stderr)
    if path is None and not default_path().exists():
        return Config()
    return configuration(path)


def row_number(digits: str, reason: str) -> int:
    """The number of a row; raises PermanentFailure with `reason` for what no database can hold."""
    if len(digits.lstrip("0")) > _DIGITS:
        raise PermanentFailure(reason, ValueError(f"{digits} is no number of ours"))
    return int(digits)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Ends the command with a line and status 1 where a file cannot be written."""
    try:
        yield
    except OSError as error:
        typer.echo(f"postroom: {path}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error


def check_writable(path: Path) -> None:
    """Ends the command likewise, before its work, where a file could not be written after it."""
    is_new = not (path.exists() or path.is_symlink())
    with writing(path):
        path.open("ab").close()
        if is_new:
            path.unlink()


def show(answer: Any, as_json: bool) -> None:
    """One answer on standard output: a line of JSON, or YAML for people."""
    if as_json:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    else:
        yaml.safe_dump(answer, sys.stdout, allow_unicode=True, sort_keys=False, width=100)
    sys.stdout.flush()


def console() -> "Console":
    """Where tables are printed; wide where nobody reads along, so that nothing is cut."""
    from rich.console import Console

    found = Console()
    return found if found.is_terminal else Console(width=_WIDE)
