"""`postroom dkim`: the keys our domains sign with, and the DNS records that belong to them.

A rotation: `keygen` makes the next pair and prints its records; when they are published,
`activate` lets it sign; a week later, when all mail signed before has arrived, `retire` ends the
old pair and its records can go.
"""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from postroom.config import Config

from .options import ConfigOption, JsonOption, configuration, console, show

if TYPE_CHECKING:
    from postroom.milter.keyring import Keyring, SigningKey

app = typer.Typer(help="The DKIM keys our domains sign with.")

DomainArgument = Annotated[str, typer.Argument(help="A domain of ours.")]
SelectorArgument = Annotated[str, typer.Argument(help="The pair's name, as `dkim list` shows it.")]


@app.command()
def keygen(
    domain: DomainArgument,
    selector: Annotated[
        str, typer.Option("--selector", help="Name of the pair; else year and month.")
    ] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make a pair of keys, RSA and Ed25519, and print the DNS records to publish."""
    settings = configuration(config)
    now = datetime.now(UTC)
    name = selector or f"postroom-{now:%Y%m}"
    keys = _ring(settings).make(_ascii(domain), name, now)
    if json:
        show({"selector": name, "records": [_record(key) for key in keys]}, as_json=True)
        return
    for key in keys:
        typer.echo(key.zone_line)
    typer.echo(
        f"; publish both, then: postroom dkim activate {_ascii(domain)} {name}"
        f"{_not_ours(settings, domain)}"
    )


@app.command("list")
def list_selectors(
    domain: Annotated[str, typer.Argument(help="A domain of ours; else all.")] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show every pair: its state, whether it signs, and whether DNS has its records."""
    settings = configuration(config)
    ring = _ring(settings)
    rows: list[dict[str, Any]] = []
    for one in [_ascii(domain)] if domain else ring.domains():
        signing = {key.selector for key in ring.signing_keys(one)}
        for selector in ring.selectors(one):
            keys = ring.keys(one, selector.name)
            rows.append(
                {
                    "domain": one,
                    "selector": selector.name,
                    "state": selector.state.value,
                    "signs": selector.name in signing,
                    "since": selector.changed.isoformat(timespec="seconds"),
                    "dns": _published(settings, keys),
                    "records": [_record(key) for key in keys],
                }
            )
    if json:
        for row in rows:
            show(row, as_json=True)
        return
    from rich.table import Table

    table = Table("domain", "selector", "state", "signs", "since", "dns", box=None)
    for row in rows:
        signs = "yes" if row["signs"] else ""
        table.add_row(row["domain"], row["selector"], row["state"], signs, row["since"], row["dns"])
    console().print(table if rows else "No keys. Make some with: postroom dkim keygen DOMAIN")


@app.command()
def activate(
    domain: DomainArgument,
    selector: SelectorArgument,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Do not look whether DNS has the records.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Let a pair sign whose records are published; the newest active one signs."""
    from postroom.milter.keyring import SelectorState

    settings = configuration(config)
    name, ring = _ascii(domain), _ring(settings)
    if not unchecked and any(one.name == selector for one in ring.selectors(name)):
        found = _published(settings, ring.keys(name, selector))
        if found != "published":
            typer.echo(f"{selector} of {name}: {found} in DNS; publish:", err=True)
            for key in ring.keys(name, selector):
                typer.echo(key.zone_line, err=True)
            raise typer.Exit(1)
    ring.change(name, selector, SelectorState.ACTIVE, datetime.now(UTC))
    typer.echo(_who_signs(ring, name) + _not_ours(settings, domain))


@app.command()
def retire(domain: DomainArgument, selector: SelectorArgument, config: ConfigOption = None) -> None:
    """Let a pair sign no more; its records stay in DNS until all its mail has arrived."""
    from postroom.milter.keyring import SelectorState

    name, ring = _ascii(domain), _ring(configuration(config))
    ring.change(name, selector, SelectorState.RETIRED, datetime.now(UTC))
    typer.echo(_who_signs(ring, name))


def _ring(config: Config) -> "Keyring":
    from postroom.milter.keyring import Keyring

    return Keyring(config.dkim_keys_dir)


def _ascii(domain: str) -> str:
    from postroom.reading.names import ascii_name

    name = ascii_name(domain)
    if not name:
        raise typer.BadParameter(f"{domain!r} is no domain; write it like example.com")
    return name


def _record(key: "SigningKey") -> dict[str, str]:
    return {"name": key.name, "type": "TXT", "value": key.record, "zone": key.zone_line}


def _who_signs(ring: "Keyring", domain: str) -> str:
    keys = ring.signing_keys(domain)
    return f"{domain}: {keys[0].selector if keys else 'nothing'} signs"


def _not_ours(config: Config, domain: str) -> str:
    from postroom.reading.names import ascii_name

    if _ascii(domain) in map(ascii_name, config.our_domains):
        return ""
    return f"\n; {domain} is not signed for yet: add it to [signing] domains"


def _published(config: Config, keys: "tuple[SigningKey, ...]") -> str:
    """ "published", "missing", "different", or why DNS cannot say."""
    from postroom.failure import TemporaryFailure
    from postroom.milter.keys import PublicKey, read_key
    from postroom.milter.resolver import DnsResolver, RecordType, look_up_all

    async def look_up() -> list[Any]:
        resolver = DnsResolver(config.dns).with_deadline()
        return await look_up_all(resolver, [(key.name, RecordType.TXT) for key in keys])

    states: set[str] = set()
    for key, answer in zip(keys, asyncio.run(look_up()), strict=True):
        if isinstance(answer, TemporaryFailure):
            states.add(answer.reason)
            continue
        wanted = read_key(key.record)
        found = [read_key(text) for text in answer.values]
        if any(isinstance(one, PublicKey) and one == wanted for one in found):
            states.add("published")
        else:
            states.add("different" if found else "missing")
    return ", ".join(sorted(states))
