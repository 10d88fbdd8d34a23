"""`postroom audit`: who did what, and whether the log of it is as it was written."""

from typing import Annotated

import typer

from .options import ConfigOption, JsonOption, configuration, console, show

app = typer.Typer(help="The audit log: who did what.")


@app.command("list")
def list_entries(
    subject: Annotated[str, typer.Option("--about", help="Only about m12, a34 ...")] = "",
    who: Annotated[str, typer.Option("--by", help="Only what this person did.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="The newest so many.")] = 100,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """What people did, oldest first."""
    from postroom.audit import AuditLog
    from postroom.codec import to_plain
    from postroom.store.engine import Database

    settings = configuration(config)
    database = Database(settings.store_url)
    try:
        found = AuditLog(settings).entries(database, subject=subject, who=who, limit=limit)
    finally:
        database.close()
    rows = [to_plain(entry) for entry in found]
    if json:
        for row in rows:
            show(row, as_json=True)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table("row", "at", "who", "did", "to", "details", box=None, header_style="bold")
    for row in rows:
        facts = row["details"]
        said = "(unreadable)" if facts is None else ", ".join(f"{k}={v}" for k, v in facts.items())
        cells = (str(row["number"]), row["at"][:19], row["who"], row["verb"], row["subject"], said)
        table.add_row(*map(escape, cells))
    console().print(table if rows else "Nothing was done yet.")


@app.command()
def verify(
    known: Annotated[
        str, typer.Option("--head", help="An end of the log kept elsewhere, as ROWS:SEAL.")
    ] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Check that no row was changed, removed, moved or cut off; print where the log ends."""
    from postroom.audit import AuditLog, head_of
    from postroom.codec import to_plain
    from postroom.store.engine import Database

    settings = configuration(config)
    database = Database(settings.store_url)
    try:
        log = AuditLog(settings)
        problems = log.problems(database, head_of(known) if known else None)
        end = log.end(database)
    finally:
        database.close()
    head = f"{end.count}:{end.seal}"
    if json:
        found = [to_plain(problem) for problem in problems]
        show({"sound": not found, "rows": end.count, "head": head, "problems": found}, True)
    else:
        for problem in problems:
            typer.echo(f"{problem.what}: {problem.text}")
        typer.echo(f"{end.count} rows, {'NOT as written' if problems else 'as written'}")
        typer.echo(f"head {head}")
    if problems:
        raise typer.Exit(1)
