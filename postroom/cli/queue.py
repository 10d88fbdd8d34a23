"""`postroom queue`: what waits for a person, and the person's word.

Numbers are written with a letter: m12 is message 12 in review, a34 is action 34 of the outbox.
"""

import getpass
import json as json_text
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import ConfigOption, JsonOption, configuration, row_number, show

app = typer.Typer(help="The operator's queue: review, failed actions, dead letters.")

ItemArgument = Annotated[str, typer.Argument(help="m12 (message in review) or a34 (action).")]
WhoOption = Annotated[
    str, typer.Option("--as", help="Who decides, for the audit trail; else the login name.")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")]
VersionOption = Annotated[
    int | None,
    typer.Option("--version", help="Only if nothing changed since `queue show` said this."),
]
_NUMBER = re.compile(r"([ma])(\d+)")


def _parse(item: str) -> tuple[str, int]:
    match = _NUMBER.fullmatch(item)
    if not match:
        raise typer.BadParameter(f"{item!r}: write m12 for a message in review, a34 for an action")
    missing = "no-such-message" if match[1] == "m" else "no-such-action"
    return match[1], row_number(match[2], missing)


def _only(item: str, letter: str, verb: str) -> int:
    kind, number = _parse(item)
    if kind != letter:
        meant = "a message in review (m12)" if letter == "m" else "an action (a34)"
        raise typer.BadParameter(f"{verb} takes {meant}, not {item!r}")
    return number


def login(given: str) -> str:
    """Who decides: the name given, or the login name."""
    return given or getpass.getuser()


@app.command("list")
def list_items(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Messages in review and actions that wait, are held or gave up."""
    from postroom.operating import Operator

    with Operator.of(configuration(config)) as operator:
        rows = operator.queue()
    if json:
        for row in rows:
            show(row, as_json=True)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("item", "state", "since", "what", "why", box=None, header_style="bold")
    for row in rows:
        cells = (str(row[name]) for name in ("item", "state", "since", "what", "why"))
        table.add_row(*map(escape, cells))
    console = Console()
    console.print(table if rows else "Nothing waits.")


@app.command("show")
def show_item(
    item: ItemArgument,
    raw: Annotated[bool, typer.Option("--raw", help="The message itself, as it came.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Everything known about a message or an action."""
    from postroom.operating import Operator

    kind, number = _parse(item)
    with Operator.of(configuration(config)) as operator:
        if raw:
            sys.stdout.buffer.write(operator.raw(_only(item, "m", "show --raw")))
            return
        answer = operator.explain(number) if kind == "m" else operator.action(number)
    show(answer, json)


@app.command()
def personalise(
    item: ItemArgument,
    who: WhoOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Ask the language model for texts for the slots of a reply; `approve --slots` uses them."""
    from postroom.operating import Operator

    number = _only(item, "m", "personalise")
    with Operator.of(configuration(config)) as operator:
        answer = operator.personalise(number, login(who))
    show(answer, json)


@app.command()
def approve(
    item: ItemArgument,
    slots: Annotated[
        Path | None,
        typer.Option("--slots", help="A JSON file from `queue personalise`; - is stdin."),
    ] = None,
    reason: ReasonOption = "",
    version: VersionOption = None,
    who: WhoOption = "",
    config: ConfigOption = None,
) -> None:
    """Let a message in review have its planned steps."""
    from postroom.operating import Operator

    number = _only(item, "m", "approve")
    texts = _object_in(slots) if slots else None
    with Operator.of(configuration(config)) as operator:
        planned = operator.approve(number, login(who), reason=reason, version=version, slots=texts)
    typer.echo(f"approved {item}: {', '.join(planned) or 'nothing to do'}")


@app.command()
def reject(
    item: ItemArgument,
    reason: ReasonOption = "",
    version: VersionOption = None,
    who: WhoOption = "",
    config: ConfigOption = None,
) -> None:
    """Decide that nothing follows from a message in review."""
    from postroom.operating import Operator

    number = _only(item, "m", "reject")
    with Operator.of(configuration(config)) as operator:
        operator.reject(number, login(who), reason=reason, version=version)
    typer.echo(f"rejected {item}")


@app.command()
def reclassify(
    item: ItemArgument,
    category: Annotated[str, typer.Argument(help="The right category.")],
    who: WhoOption = "",
    config: ConfigOption = None,
) -> None:
    """Correct a message's category; what follows from it is decided anew."""
    from postroom.operating import Operator

    number = _only(item, "m", "reclassify")
    with Operator.of(configuration(config)) as operator:
        outcome = operator.reclassify(number, category, login(who))
    typer.echo(f"reclassified {item} as {category}: {outcome}")


@app.command()
def correct(
    item: ItemArgument,
    correction: Annotated[
        Path, typer.Argument(help="A JSON file: category, number, lines, customer; - is stdin.")
    ],
    reason: ReasonOption = "",
    version: VersionOption = None,
    who: WhoOption = "",
    config: ConfigOption = None,
) -> None:
    """Correct category, order lines or customer; what follows is decided anew."""
    from postroom.operating import Operator

    number = _only(item, "m", "correct")
    given = _object_in(correction)
    with Operator.of(configuration(config)) as operator:
        outcome = operator.correct(number, login(who), given, reason=reason, version=version)
    typer.echo(f"corrected {item}: {outcome}")


@app.command()
def forward(
    item: ItemArgument,
    to: Annotated[str, typer.Argument(help="A colleague's address, in one of our domains.")],
    close: Annotated[
        bool, typer.Option("--close", help="End the review; nothing else follows.")
    ] = False,
    reason: ReasonOption = "",
    version: VersionOption = None,
    who: WhoOption = "",
    config: ConfigOption = None,
) -> None:
    """Hand a message to a colleague, as it came."""
    from postroom.operating import Operator

    number = _only(item, "m", "forward")
    with Operator.of(configuration(config)) as operator:
        action = operator.forward(
            number, to, login(who), close=close, reason=reason, version=version
        )
    typer.echo(f"forwarded {item} to {to}: a{action}")


def _object_in(path: Path) -> dict[str, Any]:
    try:
        given = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        found = json_text.loads(given)
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise typer.BadParameter(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{path} holds no JSON object")
    return found


def _move(
    item: str, verb: str, who: str, reason: str, version: int | None, config: Path | None
) -> None:
    from postroom.operating import Operator

    number = _only(item, "a", verb)
    with Operator.of(configuration(config)) as operator:
        operator.move(number, verb, login(who), reason=reason, version=version)
    typer.echo(f"{verb} {item}: done")


def _action_verb(verb: str, text: str) -> None:
    def command(
        item: ItemArgument,
        reason: ReasonOption = "",
        version: VersionOption = None,
        who: WhoOption = "",
        config: ConfigOption = None,
    ) -> None:
        _move(item, verb, who, reason, version, config)

    command.__doc__ = text
    app.command(verb)(command)


_action_verb("hold", "Stop an action before it is done.")
_action_verb("release", "Let a held action go on.")
_action_verb("retry", "Try a dead or waiting action again now.")


@app.command()
def drop(
    item: Annotated[str, typer.Argument(help="a34 (action); none with --step.")] = "",
    step: Annotated[
        str, typer.Option("--step", help="`webhook`: every call of a webhook that gave up.")
    ] = "",
    reason: ReasonOption = "",
    version: VersionOption = None,
    who: WhoOption = "",
    config: ConfigOption = None,
) -> None:
    """Decide that an action shall not happen, or with --step every dead call of a webhook."""
    if bool(item) == bool(step) or step not in ("", "webhook") or (step and version is not None):
        raise typer.BadParameter("name one action (a34), or --step webhook")
    if not step:
        _move(item, "drop", who, reason, version, config)
        return
    from postroom.webhooks import Caller

    with Caller.of(configuration(config)) as caller:
        dropped = caller.drop_dead(login(who), reason)
    typer.echo(f"dropped {dropped} calls of webhooks")


@app.command()
def resume(
    name: Annotated[str, typer.Argument(help="Of a webhook, as in [events.webhooks.NAME].")],
    reason: ReasonOption = "",
    who: WhoOption = "",
    config: ConfigOption = None,
) -> None:
    """Tell a webhook that said it is gone (410) what happens from now on."""
    from postroom.webhooks import Caller

    with Caller.of(configuration(config)) as caller:
        caller.resume(name, login(who), reason)
    typer.echo(f"{name} is told again")
