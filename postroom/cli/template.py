"""`postroom template`: what replies say, and who agreed to it."""

from typing import Annotated

import typer

from .options import ConfigOption, JsonOption, configuration, console, show
from .queue import WhoOption, login

app = typer.Typer(help="Reply templates: look at them, approve them.")

TitleArgument = Annotated[
    str, typer.Argument(help="Name and language, as in order-confirmation.de.")
]
DigestOption = Annotated[
    str, typer.Option("--digest", help="Only if the text still has this digest (or its start).")
]


@app.command("list")
def list_templates(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Every template, and whether replies may be written with it."""
    from postroom.approving import Approver

    with Approver.of(configuration(config)) as approver:
        rows = approver.templates()
    if json:
        for row in rows:
            show(row, as_json=True)
        return
    from rich.table import Table

    columns = ("template", "state", "version", "digest", "decided_by", "decided_at")
    table = Table(*columns, box=None, header_style="bold")
    for row in rows:
        shown = row | {"digest": row["digest"][:12], "version": row["version"] or ""}
        table.add_row(*(str(shown[name]) for name in columns))
    console().print(table)


@app.command("show")
def show_template(
    template: TitleArgument, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """One template: its texts, its versions, and what changed since the last one decided on."""
    from postroom.approving import Approver

    with Approver.of(configuration(config)) as approver:
        show(approver.template(template), json)


@app.command()
def approve(
    template: TitleArgument,
    digest: DigestOption = "",
    who: WhoOption = "",
    config: ConfigOption = None,
) -> None:
    """Let replies be written with exactly this text."""
    from postroom.approving import Approver

    with Approver.of(configuration(config)) as approver:
        version = approver.approve(template, login(who), digest)
    typer.echo(f"approved {template}, version {version}")


@app.command()
def revoke(
    template: TitleArgument,
    digest: DigestOption = "",
    who: WhoOption = "",
    config: ConfigOption = None,
) -> None:
    """Let no reply be written with this text any more."""
    from postroom.approving import Approver

    with Approver.of(configuration(config)) as approver:
        version = approver.revoke(template, login(who), digest)
    typer.echo(f"revoked {template}, version {version}")
