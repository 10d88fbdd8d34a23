"""`postroom check`, `read`, `classify`, `extract` and `explain`: look, do nothing."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from postroom import maillog
from postroom.config import Config, name_server
from postroom.failure import Failure

from .options import (
    ConfigOption,
    JsonOption,
    configuration,
    configuration_or_defaults,
    row_number,
    show,
)

_PATIENCE = 60.0  # seconds for drawing a page
rules = typer.Typer(help="The classification rules.")


def _name_server(given: str) -> str:
    """What --resolver says; the command line is wrong where that cannot be one."""
    try:
        if given:
            name_server(given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return given


Files = Annotated[list[str] | None, typer.Argument(help="Messages; - reads standard input.")]
JsonlOption = Annotated[
    bool, typer.Option("--jsonl", help="Answer JSON requests from standard input, line by line.")
]
IpOption = Annotated[str, typer.Option("--ip", help="Address of the client that sent it.")]
HeloOption = Annotated[str, typer.Option("--helo", help="What the client said in HELO.")]
MailFromOption = Annotated[str, typer.Option("--mail-from", help="Envelope sender; <> is null.")]
ResolverOption = Annotated[
    str,
    typer.Option("--resolver", help="HOST:PORT of the name server to ask.", callback=_name_server),
]
NoCacheOption = Annotated[bool, typer.Option("--no-dns-cache", help="Ask for every name anew.")]
NowOption = Annotated[
    datetime | None,
    typer.Option(
        "--now",
        help="Take it for this time (ISO 8601, UTC).",
        formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"],
    ),
]


def check(
    files: Files = None,
    ip: IpOption = "",
    helo: HeloOption = "",
    mail_from: MailFromOption = "",
    resolver: ResolverOption = "",
    no_dns_cache: NoCacheOption = False,
    now: NowOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    jsonl: JsonlOption = False,
) -> None:
    """Authenticate messages: SPF, DKIM, ARC and DMARC."""
    given = {"ip": ip, "helo": helo, "mail_from": mail_from, "now": now}
    dns: dict[str, Any] = {"resolver": (resolver,)} if resolver else {}
    dns |= {"cache_size": 0} if no_dns_cache else {}
    _answer("check", files, config, json, jsonl, given, {"dns": dns})


def read(
    files: Files = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    jsonl: JsonlOption = False,
) -> None:
    """Show what is read from messages."""
    _answer("read", files, config, json, jsonl)


def classify(
    files: Files = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    jsonl: JsonlOption = False,
) -> None:
    """Say what messages are, how sure, and why; of a mailbox (mbox, Maildir) a line for each."""
    from .mailboxes import classify_mailboxes, divided

    mailboxes, single = divided(files or [])
    if mailboxes and jsonl:
        raise typer.BadParameter("name mailboxes, or use --jsonl alone")
    fine = classify_mailboxes(mailboxes, configuration_or_defaults(config), as_json=json)
    if single or not mailboxes:
        _answer("classify", single, config, json, jsonl)
    if not fine:
        raise typer.Exit(1)


def extract(
    files: Files = None,
    template: Annotated[
        Path | None,
        typer.Option("--template", help="Read them by this template, whoever wrote them."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", help="Write a page here that shows the one FILE beside what is read."
        ),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    jsonl: JsonlOption = False,
) -> None:
    """Read the order or invoice in messages or bare documents."""
    taught: dict[str, Any] = {}
    if template is not None:
        from postroom.classify.orders.templatefile import load_templates

        load_templates(template)  # a fault is told once, with its line, before anything is read
        taught = {"orders": {"template": template}}
    if html is not None:
        return _write_page(files or [], html, config, taught)
    _answer("extract", files, config, json, jsonl, changes=taught)


def explain(
    files: Annotated[
        list[str] | None, typer.Argument(help="Messages, or the number of a stored one.")
    ] = None,
    ip: IpOption = "",
    helo: HeloOption = "",
    mail_from: MailFromOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
    jsonl: JsonlOption = False,
) -> None:
    """Say what would be done with messages, or was done with a stored one, and why."""
    numbers = [name for name in files or [] if name.isdecimal() and not Path(name).exists()]
    if numbers:
        from postroom.operating import Operator

        with Operator.of(configuration(config)) as operator:
            for number in numbers:
                show(operator.explain(row_number(number, "no-such-message")), json)
    names = [name for name in files or [] if name not in numbers]
    if names or jsonl or not numbers:
        given = {"ip": ip, "helo": helo, "mail_from": mail_from}
        _answer("explain", names, config, json, jsonl, given)


@rules.command("test")
def rules_test(
    files: Files = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    jsonl: JsonlOption = False,
) -> None:
    """Check the rule files, then show which rules match messages and what they say."""
    _answer("rules", files, config, json, jsonl)


def _answer(
    question: str,
    files: list[str] | None,
    config: Path | None,
    as_json: bool,
    jsonl: bool,
    given: dict[str, Any] | None = None,
    changes: dict[str, Any] | None = None,
) -> None:
    """`changes`: section -> keys that the command line says instead of the configuration."""
    if bool(files) == jsonl:
        raise typer.BadParameter("name at least one FILE, or use --jsonl alone")
    settings = _changed(configuration_or_defaults(config), changes or {})

    async def answer_all() -> bool:
        from postroom.inspection import Inspector

        inspector = Inspector(settings)
        ask: Callable[[Any], Awaitable[dict[str, Any]]] = getattr(inspector, question)
        try:
            if jsonl:
                return await _answer_lines(ask, given or {})
            return await _answer_files(ask, files or [], given or {}, as_json)
        finally:
            inspector.close()

    if not asyncio.run(answer_all()):
        raise typer.Exit(1)


def _changed(settings: Config, changes: dict[str, Any]) -> Config:
    sections = {
        name: getattr(settings, name).model_copy(update=keys)
        for name, keys in changes.items()
        if keys
    }
    return settings.model_copy(update=sections)


def _write_page(files: list[str], html: Path, config: Path | None, changes: dict[str, Any]) -> None:
    """The page of one file, in `html`."""
    if len(files) != 1:
        raise typer.BadParameter("--html shows one FILE")
    settings = _changed(configuration_or_defaults(config), changes)
    # A person waits, not Postfix: a loaded machine may take its time.
    patient = max(_PATIENCE, settings.reading.deadline)
    settings = _changed(settings, {"reading": {"deadline": patient}})

    async def page() -> str:
        from postroom.inspection import Inspector, Request

        inspector = Inspector(settings)
        try:
            name = files[0]
            content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
            filename = "" if name == "-" else Path(name).name
            return await inspector.proof(Request(message=content, filename=filename))
        finally:
            inspector.close()

    try:
        html.write_text(asyncio.run(page()), encoding="utf-8")
    except OSError as error:
        typer.echo(f"postroom: {error.filename or html}: {error.strerror}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{html}: open it in a browser")


async def _answer_files(
    ask: Callable[[Any], Awaitable[dict[str, Any]]],
    files: list[str],
    given: dict[str, Any],
    as_json: bool,
) -> bool:
    from postroom.inspection import Request

    fine = True
    for name in files:
        try:
            content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
            filename = "" if name == "-" else Path(name).name
            answer = await ask(Request(message=content, filename=filename, **given))
        except OSError as error:
            fine = False
            answer = _error("unreadable-file", f"{name}: {error.strerror}")
        except Failure as failure:
            fine = False
            answer = _error(failure.reason, f"{name}: {failure.cause or failure.reason}")
        show({"file": name, **answer}, as_json)
    return fine


async def _answer_lines(
    ask: Callable[[Any], Awaitable[dict[str, Any]]], given: dict[str, Any]
) -> bool:
    """Answers every line in order; a bad line is an answer too, never a stop."""
    from postroom.inspection import RequestError, parse_request

    fine = True
    defaults = {key: value for key, value in given.items() if value}
    while line := await asyncio.to_thread(sys.stdin.buffer.readline):
        if not line.strip():
            continue
        answer: dict[str, Any]
        identity = None
        try:
            request = parse_request(line)
            identity = request.id
            missing = {k: v for k, v in defaults.items() if k not in request.model_fields_set}
            answer = await ask(request.model_copy(update=missing))
        except RequestError as error:
            fine = False
            identity = error.id
            answer = _error(error.reason, error.text)
        except Failure as failure:
            fine = False
            answer = _error(failure.reason, str(failure.cause or failure.reason))
        except Exception as error:  # noqa: BLE001  the session loop: one bad line, one bad answer
            fine = False
            maillog.bug(ask.__name__, error)
            answer = _error("bug", "an internal error; the log has the traceback")
        show({"id": identity, **answer}, as_json=True)
    return fine


def _error(reason: str, text: str) -> dict[str, Any]:
    return {"error": {"reason": reason, "text": text}}
