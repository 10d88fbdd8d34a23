"""`postroom serve`, `doctor`, `db`: running and keeping the installation."""

import asyncio
from typing import Annotated

import typer

from postroom import maillog
from postroom.codec import to_plain

from .options import (
    ConfigOption,
    JsonOption,
    configuration,
    show,
)

database = typer.Typer(help="The database.")


def serve(
    only: Annotated[
        str, typer.Option("--only", help="Run one part alone: milter, lmtp, worker or api.")
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Run the service: milter, LMTP, workers and metrics."""
    from postroom.config import default_path
    from postroom.service.state import prepare_state
    from postroom.supervisor import PARTS, Supervisor, is_supervised, prepared

    if only and only not in PARTS:
        raise typer.BadParameter(f"--only takes one of {', '.join(PARTS)}, not {only!r}")
    settings = configuration(config)
    maillog.configure(settings.log.level, settings.log.format)
    if only:
        from postroom.service import run_part

        if not is_supervised():
            prepare_state(settings)
        run_part(settings, only)
        return
    path = (config or default_path()).resolve()
    with prepared(settings):
        prepare_state(settings)
        asyncio.run(Supervisor(settings, path).run())
    maillog.stopped("service")


def doctor(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Check the installation and say how to mend what is wrong."""
    from postroom.doctor import examine_installation

    findings = examine_installation(configuration(config))
    if json:
        for finding in findings:
            show(finding.plain(), as_json=True)
    else:
        from rich.console import Console
        from rich.markup import escape

        console = Console(soft_wrap=True)
        colours = {"ok": "green", "warning": "yellow", "fault": "red"}
        for finding in findings:
            state = finding.state.value
            console.print(
                f"[{colours[state]}]{state:>7}[/]  {escape(finding.what)}", highlight=False
            )
            if finding.mend:
                console.print(f"         mend: {escape(finding.mend)}", highlight=False)
    if any(finding.is_fault for finding in findings):
        raise typer.Exit(1)


def show_zone(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Print the DNS records that our domains need, ready for a zone file."""
    from postroom import zone
    from postroom.milter.keyring import Keyring, SelectorState

    settings = configuration(config)
    ring = Keyring(settings.dkim_keys_dir)
    keys = [
        key
        for domain in zone.domains(settings)
        for one in ring.selectors(domain)
        if one.state is not SelectorState.RETIRED
        for key in ring.keys(domain, one.name)
    ]
    for record in zone.records(settings, keys):
        if json:
            show(to_plain(record), as_json=True)
        else:
            typer.echo(f"; {record.why}\n{record.zone_line}")
    if settings.zone.mta_sts and not json:
        text = zone.policy_file(settings).replace("\r\n", "\n")
        typer.echo("; to be served at https://mta-sts.DOMAIN/.well-known/mta-sts.txt")
        typer.echo("".join(f";   {line}\n" for line in text.splitlines()), nl=False)


def show_configuration(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Check the configuration and print every key with its value, defaults included.

    Passwords in URLs are shown as ***.
    """
    from postroom.masking import all_masked

    show(all_masked(configuration(config).model_dump(mode="json")), json)


@database.command("upgrade")
def upgrade_database(config: ConfigOption = None) -> None:
    """Bring the database to this version's schema."""
    from postroom.store.engine import Database
    from postroom.store.upgrade import upgrade, version

    settings = configuration(config)
    settings.service.state_dir.mkdir(parents=True, exist_ok=True)
    store = Database(settings.store_url)
    try:
        before = version(store)
        upgrade(store)
        typer.echo(f"database: {before or 'empty'} -> {version(store)}")
    finally:
        store.close()
