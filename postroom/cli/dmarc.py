"""`postroom dmarc`: aggregate reports, those we send and those we get (RFC 9990).

A timer runs `send` once a day. Reports that come by mail are read by the worker as they come;
`read` takes files, `report` shows what all of them say of our domains.
"""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from postroom import maillog

from .options import ConfigOption, JsonOption, configuration, show

app = typer.Typer(help="DMARC aggregate reports: send ours, read those about us.")


@app.command()
def send(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the reports; send and change nothing.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Send the aggregate reports of the days that are over; to be run once a day."""
    from postroom.clock import SystemClock
    from postroom.dmarc.sending import Outcome, Sender
    from postroom.service.dmarc import DnsLookups
    from postroom.store.engine import Database

    settings = configuration(config)
    maillog.configure(settings.log.level, settings.log.format, sys.stderr)
    if not settings.dmarc_reports.enabled:
        typer.echo("dmarc_reports.enabled is false: nothing is recorded, nothing is sent")
        return
    database = Database(settings.store_url)

    async def run() -> None:
        sender = Sender(settings, database, DnsLookups(settings), SystemClock())
        async for outcome in sender.run(dry=dry_run):
            tell(outcome)

    def tell(outcome: Outcome) -> None:
        plain = {name: getattr(outcome, name) for name in _SHOWN}
        if dry_run:
            plain["xml"] = outcome.xml.decode()
        else:
            maillog.dmarc_report(**{name: plain[name] for name in _LOGGED})
        if json:
            show(plain, as_json=True)
            return
        target = f" to {outcome.address}" if outcome.address else ""
        why = f" ({outcome.detail})" if outcome.detail else ""
        typer.echo(f"{outcome.day} {outcome.domain}{target}: {outcome.state}{why}")
        if outcome.xml:
            typer.echo(outcome.xml.decode())

    try:
        asyncio.run(run())
    finally:
        database.close()


_SHOWN = ("day", "domain", "address", "state", "detail", "rows", "report_id")
_LOGGED = ("day", "domain", "address", "state", "detail")


@app.command()
def dead(
    forget: Annotated[
        str, typer.Option("--forget", help="Let this address have reports again.")
    ] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show the addresses that refused our reports and get none for a while."""
    from postroom.dmarc import outbound
    from postroom.store.engine import Database

    settings = configuration(config)
    database = Database(settings.store_url)
    try:
        if forget:
            with database.transaction() as connection:
                known = outbound.revive(connection, forget.lower())
            typer.echo(f"{forget}: {'gets reports again' if known else 'was not on the list'}")
            raise typer.Exit(0 if known else 1)
        since = datetime.now(UTC).timestamp() - settings.dmarc_reports.dead_for
        with database.reading() as connection:
            found = outbound.dead_since(connection, since)
    finally:
        database.close()
    rows: list[dict[str, Any]] = [
        {
            "address": address,
            "since": datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds"),
            "reason": reason,
        }
        for address, (at, reason) in found.items()
    ]
    if json:
        for row in rows:
            show(row, as_json=True)
    elif rows:
        for row in rows:
            typer.echo(f"{row['address']}  {row['since']}  {row['reason']}")
    else:
        typer.echo("No address has refused our reports.")
