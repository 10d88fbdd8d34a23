"""`postroom api`: tokens of the HTTP API."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from .options import ConfigOption, JsonOption, configuration, console, show
from .queue import WhoOption, login

app = typer.Typer(help="The HTTP API.")
token = typer.Typer(help="Who may use the API.")
app.add_typer(token, name="token")

_DAYS = 36_500  # a hundred years
NameArgument = Annotated[str, typer.Argument(help="Whose it is; stands in the audit log.")]


@token.command("add")
def add(
    name: NameArgument,
    role: Annotated[str, typer.Option("--role", help="viewer, approver or admin.")] = "viewer",
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=_DAYS, help="Until it expires; else never.")
    ] = None,
    who: WhoOption = "",
    config: ConfigOption = None,
) -> None:
    """Make a token and print it; it is not kept, so this is the only time."""
    from postroom.api import tokens
    from postroom.audit import AuditLog
    from postroom.store.engine import Database

    settings = configuration(config)
    now = datetime.now(UTC)
    database = Database(settings.store_url)
    try:
        secret = tokens.told_add(
            AuditLog(settings),
            database,
            name,
            role,
            now=now,
            who=login(who),
            expires_at=now + timedelta(days=days) if days else None,
        )
    finally:
        database.close()
    typer.echo(secret)


@token.command("list")
def list_tokens(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Every token there ever was, without its secret."""
    from postroom.api import tokens
    from postroom.codec import to_plain
    from postroom.store.engine import Database

    database = Database(configuration(config).store_url)
    try:
        with database.reading() as connection:
            rows = [to_plain(found) for found in tokens.listed(connection)]
    finally:
        database.close()
    if json:
        for row in rows:
            show(row, as_json=True)
        return
    from rich.table import Table

    columns = ("name", "role", "created_at", "created_by", "expires_at", "revoked_at")
    table = Table(*columns, box=None, header_style="bold")
    for row in rows:
        table.add_row(*(str(row[name] or "")[:64] for name in columns))
    console().print(table if rows else "No tokens.")


@token.command("revoke")
def revoke(name: NameArgument, who: WhoOption = "", config: ConfigOption = None) -> None:
    """End a token for good."""
    from postroom.api import tokens
    from postroom.audit import AuditLog
    from postroom.store.engine import Database

    settings = configuration(config)
    database = Database(settings.store_url)
    try:
        now = datetime.now(UTC)
        tokens.told_revoke(AuditLog(settings), database, name, now=now, who=login(who))
    finally:
        database.close()
    typer.echo(f"revoked {name}")
