"""`postroom dmarc`: aggregate reports, those we send and those we get (RFC 9990).

A timer runs `send` once a day. Reports that come by mail are read by the worker as they come;
`read` takes files, `report` shows what all of them say of our domains.
"""

import asyncio
import sys
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from postroom import maillog

from .options import ConfigOption, JsonOption, configuration, console, show

if TYPE_CHECKING:
    from postroom.dmarc.taking import Taker

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
        list[str] | None,
        typer.Option(
            "--forget",
            metavar="ADDRESS|all",
            help="Let this address have reports again, or all; can be given more than once.",
        ),
    ] = None,
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
                wanted = list(outbound.dead_since(connection, 0)) if "all" in forget else forget
                known = [outbound.revive(connection, one.lower()) for one in wanted]
            for one, was in zip(wanted, known, strict=True):
                typer.echo(f"{one}: {'gets reports again' if was else 'was not on the list'}")
            raise typer.Exit(0 if all(known) else 1)
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


@app.command()
def read(
    files: Annotated[list[str], typer.Argument(help="Mails or reports; - is standard input.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Take the aggregate reports in files into the store; those that came by mail are there."""
    from postroom.clock import SystemClock
    from postroom.dmarc.taking import Taker
    from postroom.reading.pool import WorkerPool
    from postroom.store.engine import Database

    settings = configuration(config)
    maillog.configure(settings.log.level, settings.log.format, sys.stderr)

    async def run() -> bool:
        database = Database(settings.store_url)
        pool = WorkerPool(settings.reading, ("postroom.dmarc.arrival",))
        taker = Taker(settings, database, SystemClock(), pool.run)
        fine = True
        try:
            for name in files:
                said = await _taken(taker, name)
                fine = fine and not any(one.startswith(_NOT_READ) for one in said)
                if json:
                    show({"file": name, "reports": said}, as_json=True)
                else:
                    typer.echo(f"{name}: {'; '.join(said)}")
        finally:
            pool.stop()
            database.close()
        return fine

    if not asyncio.run(run()):
        raise typer.Exit(1)


_NOT_READ = ("unreadable:", "nothing:")


async def _taken(taker: "Taker", name: str) -> list[str]:
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        return [f"unreadable: {error.strerror}"]
    return await taker.take(content) or ["nothing: no aggregate report in it"]


@app.command()
def report(
    domain: Annotated[
        str, typer.Option("--domain", help="Only reports about this domain of ours.")
    ] = "",
    since: Annotated[
        datetime | None,
        typer.Option("--since", help="Only reports that end then or later.", formats=["%Y-%m-%d"]),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show who sends mail as our domains, and whether it is aligned, as others report it."""
    from postroom.dmarc import inbound
    from postroom.reading.names import ascii_name
    from postroom.store.engine import Database

    database = Database(configuration(config).store_url)
    name = ascii_name(domain)
    if domain and not name:
        raise typer.BadParameter(f"{domain!r} is no domain; write it like example.com")
    start = since.replace(tzinfo=UTC).timestamp() if since else 0.0
    try:
        with database.reading() as connection:
            found = inbound.sources(connection, domain=name, since=start)
            reports = inbound.count_reports(connection, domain=name, since=start)
    finally:
        database.close()
    if json:
        for source in found:
            plain = {field.name: getattr(source, field.name) for field in fields(source)}
            show(plain | {"last": source.last.isoformat()}, as_json=True)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        *("source", "author", "messages", "aligned", "dkim", "spf", "refused", "reporters", "last"),
        box=None,
    )
    for source in found:
        counts = (source.messages, source.aligned, source.dkim, source.spf, source.refused)
        table.add_row(
            source.source_ip,
            escape(source.header_from),
            *map(str, counts),
            str(source.reporters),
            f"{source.last:%Y-%m-%d}",
        )
    out = console()
    out.print(table if found else "No reports.")
    if found:
        messages = sum(source.messages for source in found)
        aligned = sum(source.aligned for source in found)
        out.print(f"{reports} reports, {messages} messages, {aligned} of them aligned")
