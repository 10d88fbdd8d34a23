"""`postroom db backup|restore|purge`, `person` and `canary`: what timers run and GDPR asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroom.codec import to_plain

from .options import ConfigOption, JsonOption, configuration, show
from .queue import WhoOption, login

if TYPE_CHECKING:
    from postroom.config import Config
    from postroom.store.engine import Database

person = typer.Typer(help="What one person may ask for: a copy of their mail, and its erasure.")

AddressArgument = Annotated[str, typer.Argument(help="The person's address, as author or sender.")]


def backup(
    folder: Annotated[Path, typer.Argument(help="Where backups lie; made when missing.")],
    keep: Annotated[int, typer.Option("--keep", help="Delete all but so many; 0 keeps all.")] = 0,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Copy database and keys into a new folder below FOLDER, while everything runs."""
    from postroom.keeping.backup import back_up

    place = back_up(configuration(config), folder, datetime.now(UTC), keep=keep)
    show({"backup": str(place)}, json)


def restore(
    folder: Annotated[Path, typer.Argument(help="One backup, as `db backup` made it.")],
    who: WhoOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Put a backup in the place of the database; the service must be stopped.

    The database it replaces is kept. Replies that were open are held: look whether they were
    sent before you release them. `differing_keys` names the backup's keys that are not those here.
    """
    from postroom.keeping.backup import differing, held_replies
    from postroom.keeping.backup import restore as put_back

    settings = configuration(config)
    aside = put_back(settings, folder, datetime.now(UTC), login(who))
    with _database(settings) as database:
        held = held_replies(database)
    done = {"restored": str(folder), "before": str(aside), "held_replies": held}
    show(done | {"differing_keys": differing(settings, folder)}, json)


def purge(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Empty and delete what is older than [retention] says; to be run once a day."""
    from postroom.keeping.retention import purge as purge_old

    settings = configuration(config)
    with _database(settings) as database:
        show(to_plain(purge_old(settings, database, datetime.now(UTC))), json)


def move(
    url: Annotated[str, typer.Argument(help="The empty database to fill, as in store.url.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Copy everything into another database, such as PostgreSQL; the service must be stopped.

    Afterwards set store.url, start the service, and put the old database aside.
    """
    from rich.console import Console
    from rich.progress import Progress

    from postroom.keeping.moving import move as move_to

    with Progress(transient=True, console=Console(stderr=True)) as progress:
        bar = progress.add_task("moving")

        def tell(table: str, done: int, number: int) -> None:
            progress.update(bar, description=table, completed=done, total=number)

        moved = move_to(configuration(config), url, tell)
    show({"moved": {name: rows for name, rows in moved.items() if rows}}, json)


@person.command("export")
def export_person(
    address: AddressArgument,
    out: Annotated[Path, typer.Option("--out", help="The ZIP archive to write, mode 0600.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write everything we have of an address into an archive."""
    from postroom.failure import PermanentFailure
    from postroom.keeping.person import export

    with _database(configuration(config)) as database:
        try:
            number = export(database, address, out)
        except OSError as error:
            raise PermanentFailure("archive", error) from error
    show({"address": address, "messages": number, "archive": str(out)}, json)


@person.command("erase")
def erase_person(
    address: AddressArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    who: WhoOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Delete everything we have of an address, in the database and in Maildirs."""
    from postroom.keeping.person import erase

    if not yes:
        typer.confirm(f"Delete all mail of {address} for good?", abort=True)
    settings = configuration(config)
    with _database(settings) as database:
        erased = erase(settings, database, address, datetime.now(UTC), login(who))
    show(to_plain(erased), json)
    if erased.waiting:
        typer.echo("some messages still wait for something; decide or drop them first", err=True)
        raise typer.Exit(1)


def canary(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Send a mail through Postfix to canary.mailbox and wait for its arrival."""
    from postroom.keeping.canary import fly

    settings = configuration(config)
    with _database(settings) as database:
        seconds = fly(settings, database, datetime.now(UTC))
    show({"arrived": True, "seconds": round(seconds, 2)}, json)


@contextmanager
def _database(config: "Config") -> "Iterator[Database]":
    from postroom.store.engine import Database

    database = Database(config.store_url)
    try:
        yield database
    finally:
        database.close()
