"""The operator's commands (contract section 3).

Each command takes --config; those that answer take --json (one JSON object per input, a line
each) or, for questions about messages, --jsonl (a conversation on stdin and stdout). Exit
status: 0 done, 1 some input failed, 2 the command line or the configuration is wrong.
Modules are imported where they are used, so that a command starts without loading the rest.
"""

import sys
from typing import NoReturn

import typer

from postroom import __version__
from postroom.config import ConfigError
from postroom.failure import Failure

from . import api, audit, dkim, dmarc, erp, inspect, keep, model, queue, template, upkeep

app = typer.Typer(
    name="postroom",
    help="The mailroom of a company address: checks, reads, classifies and acts on its mail.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(queue.app, name="queue")
app.add_typer(template.app, name="template")
app.add_typer(audit.app, name="audit")
app.add_typer(api.app, name="api")
app.add_typer(erp.app, name="erp")
app.add_typer(dkim.app, name="dkim")
app.add_typer(dmarc.app, name="dmarc")
app.add_typer(upkeep.database, name="db")
app.add_typer(model.app, name="model")
app.add_typer(keep.person, name="person")
upkeep.database.command("backup")(keep.backup)
upkeep.database.command("restore")(keep.restore)
upkeep.database.command("purge")(keep.purge)
upkeep.database.command("move")(keep.move)
app.add_typer(inspect.rules, name="rules")
app.command()(inspect.check)
app.command()(inspect.read)
app.command()(inspect.classify)
app.command()(inspect.extract)
app.command()(inspect.explain)
app.command()(upkeep.serve)
app.command()(upkeep.doctor)
app.command()(keep.canary)
app.command("dns")(upkeep.show_zone)
app.command("config")(upkeep.show_configuration)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> NoReturn:
    """The entry point: runs a command and turns failures into messages and exit statuses."""
    try:
        app(standalone_mode=True)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
    except Failure as failure:
        typer.echo(f"postroom: {failure.reason}{_because(failure)}", err=True)
        sys.exit(1)
    sys.exit(0)


def _because(failure: Failure) -> str:
    """What the failure itself says (a rules file's line and mend), else its cause."""
    own = str(failure)
    told = own if own != failure.reason else str(failure.detail or failure.cause or "")
    return f": {told}" if told else ""
