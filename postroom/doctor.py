"""`postroom doctor`: looks at everything Postroom needs and says how to mend what is wrong.

In: the configuration. Out: findings, each ok, a warning or a fault, with a mend. Nothing is
changed or made; a look that fails itself is a fault, and the others go on. Checked: folders and
key, database, disk, sockets, metrics and API, Postfix's settings and its way to us (reach.py), name
servers and the DNS records of our domains, the ERP, the model, the clock, and what each promise
rests on (promises.py).

Limits: Postfix is asked by `postconf` on this host; when Postfix runs elsewhere, that part is a
warning. The clock is compared with the ERP's Date header, within two seconds.
"""

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from . import jobs, zone
from .actions.erp.secret import secret_place
from .config import Config, ErpSection
from .examiner import WORKER_MODULES
from .failure import Failure, TemporaryFailure
from .masking import masked
from .order_readiness import catalogue, recognition, templates
from .promises import nothing_lost, replies_safe, secrets_kept, taken_safely
from .reach import reached, services
from .readiness import Finding, database, fault, folders, ok, sockets, warning

_LARGEST_SKEW_S = 2.0


def examine_installation(config: Config) -> list[Finding]:
    """Every finding, in the order a message meets the things looked at."""
    postfix = _postfix_settings()
    now = datetime.now(UTC).timestamp()
    looks: tuple[tuple[str, Iterator[Finding]], ...] = (
        ("folders", folders(config)),
        ("secrets", secrets_kept(config)),
        ("sockets", sockets(config)),
        ("HTTP", _http(config)),
        ("Postfix", _postfix(config, postfix)),
        ("Postfix's way to us", reached(config, postfix, services())),
        ("taking mail", taken_safely(config, postfix)),
        ("names and DNS", _names(config)),
        ("reading", _reading(config)),
        ("model", _model(config)),
        ("database", database(config)),
        ("what waits", nothing_lost(config, postfix, now)),
        ("replies", replies_safe(config)),
        ("catalogue", catalogue(config.catalogue)),
        ("templates", templates(config.orders)),
        ("OCR", recognition(config.orders)),
        ("ERP", _erp(config.erp)),
        ("ticket system", _erp(config.tickets) if config.tickets.is_set else iter(())),
    )
    return [finding for name, look in looks for finding in _found(name, look)]


def _found(name: str, look: Iterator[Finding]) -> Iterator[Finding]:
    """What a look finds, and a fault in place of the rest where it fails itself."""
    try:
        yield from look
    except Exception as error:  # noqa: BLE001  boundary: what the others find is wanted all the more
        because = getattr(error, "cause", None) or error
        yield fault(
            f"{name}: cannot be looked at ({type(because).__name__}: {because})",
            "check the settings it rests on; when they are right, this is a bug: report it",
        )


def _http(config: Config) -> Iterator[Finding]:
    """Whether somebody listens where metrics and API are to be asked."""
    for key, listen in (("metrics", config.metrics.listen), ("api", config.api.listen)):
        if not listen:
            continue
        host, _, port = listen.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
        except OSError as error:
            yield warning(
                f"{key}.listen {listen} does not answer ({error.strerror or error})",
                "restart the service, a reload does not begin to listen there; then read its log",
            )
        else:
            yield ok(f"{key}.listen {listen} answers")


def _postfix_settings() -> dict[str, str]:
    """Postfix's settings as postconf(1) on this host says them; empty where it does not.

    Where one names another, the value of that stands in its place.
    """
    try:
        printed = subprocess.run(
            ["postconf", "-x"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = (line.partition(" = ") for line in printed.splitlines())
    return {name: value for name, _, value in lines}


def _postfix(config: Config, settings: Mapping[str, str]) -> Iterator[Finding]:
    if not settings:
        yield warning(
            "Postfix's settings cannot be read",
            "run doctor on Postfix's host, with postconf in the PATH",
        )
        return
    yield ok(f"Postfix {settings.get('mail_version', '?')}")
    if config.milter.socket in settings.get("smtpd_milters", ""):
        yield ok("smtpd_milters names our socket")
    else:
        yield fault(
            "smtpd_milters does not name our socket: mail is not checked before the queue",
            f"postconf -e smtpd_milters={config.milter.socket}",
        )
    if settings.get("milter_default_action") != "tempfail":
        yield fault(
            "milter_default_action is not tempfail: mail passes unchecked while we are down",
            "postconf -e milter_default_action=tempfail",
        )
    if settings.get("lmtp_send_xforward_command") != "yes":
        yield warning(
            "lmtp_send_xforward_command is not yes: stamps are bound to the body alone",
            "postconf -e lmtp_send_xforward_command=yes",
        )
    if settings.get("lmtp_line_length_limit") != "0":
        yield warning(
            "lmtp_line_length_limit is not 0: a message with longer lines loses its stamp",
            "postconf -e lmtp_line_length_limit=0",
        )
    if settings.get("enable_long_queue_ids") != "yes":
        yield warning(
            "enable_long_queue_ids is not yes: queue ids are used again for other mail",
            "postconf -e enable_long_queue_ids=yes",
        )


def _names(config: Config) -> Iterator[Finding]:
    from .milter.keyring import Keyring, SelectorState, SigningKey
    from .milter.resolver import Answer, DnsResolver, RecordType, look_up_all

    ring = Keyring(config.dkim_keys_dir)
    keys: list[SigningKey] = []
    try:
        for domain in zone.domains(config):
            active = [one for one in ring.selectors(domain) if one.state is SelectorState.ACTIVE]
            keys += [key for one in active for key in ring.keys(domain, one.name)]
            if not active:
                yield warning(
                    f"{domain} has no active DKIM key: what we send is not signed",
                    f"postroom dkim keygen {domain}, publish, postroom dkim activate",
                )
    except Failure as failure:
        yield fault(f"DKIM keys: {failure}", f"check the rights in {config.dkim_keys_dir}")
    wanted = zone.records(config, keys)

    async def look_up() -> list[Answer | TemporaryFailure]:
        questions = [(record.name, RecordType[record.kind]) for record in wanted]
        return await look_up_all(DnsResolver(config.dns).with_deadline(), questions)

    try:
        answers = asyncio.run(look_up())
    except Failure as failure:
        yield fault(
            f"no name server can be asked ({failure.cause or failure.reason})",
            "mend dns.resolver, or /etc/resolv.conf where that is empty",
        )
        return
    for record, answer in zip(wanted, answers, strict=True):
        label = f"{record.name} {record.kind} ({record.why})"
        if isinstance(answer, Failure):
            yield fault(
                f"{label}: {answer.reason}", "check dns.resolver and the network's firewall"
            )
            return
        trouble = record.trouble(answer.values)
        if trouble:
            yield fault(f"{label} {trouble}", f"publish {record.zone_line}")
        else:
            yield ok(f"{record.name} {record.kind} is published")


def _reading(config: Config) -> Iterator[Finding]:
    from .reading.pool import WorkerPool

    async def read() -> None:
        pool = WorkerPool(config.reading.model_copy(update={"workers": 1}), WORKER_MODULES)
        try:
            await pool.run(jobs.read_message, b"Subject: doctor\r\n\r\n", config.reading)
        finally:
            pool.stop()

    try:
        asyncio.run(read())
    except Failure as failure:
        yield fault(
            f"a worker process cannot read a message ({failure.reason})",
            "run `postroom read FILE` to see why; reinstall postroom if a module is missing",
        )
    else:
        yield ok("worker processes read messages")


def _model(config: Config) -> Iterator[Finding]:
    from .actions import wording
    from .classify.classifier import Classifier

    try:
        classifier = Classifier(
            config.classification,
            config.models_dir,
            config.categories.keys(),
            templates=lambda: wording.names(config.reply),
        )
    except Failure as failure:
        yield fault(f"classification: {failure}", "postroom rules test FILE")
        return
    if classifier.model_name and classifier.model_fault:
        yield warning(f"the site's model: {classifier.model_fault}", "postroom model train")
    elif classifier.model_name:
        yield ok(f"model {classifier.model_name}")
    else:
        yield fault(
            "the model cannot be loaded: rules go alone and much mail waits for a person",
            "reinstall postroom, or mend classification.model_file",
        )


def _erp(section: ErpSection) -> Iterator[Finding]:
    name = section.destination
    if section.kind == "commerceml" and section.is_set:
        yield ok(f"1C comes for orders at {section.listen}")
        return
    if not section.base_url:
        yield warning(
            "erp.base_url is empty: orders, invoices and tickets wait in review",
            "set [erp] base_url and token_file",
        )
        return
    for key, named in (("token", section.token_file), ("password", section.password_file)):
        file = named and secret_place(named)
        # One that is still relative is the service's credential, which only the service can see.
        if file and file.is_absolute() and not os.access(file, os.R_OK):
            yield fault(f"{name}.{key}_file {file} cannot be read", f"create it, mode 0400: {file}")
    who = "the ERP" if name == "erp" else "the ticket system"
    try:
        answer = httpx.get(section.base_url, timeout=section.timeout)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield fault(
            f"{who} does not answer at {masked(section.base_url)} ({type(error).__name__})",
            f"check {name}.base_url, the network and the system; actions wait meanwhile",
        )
        return
    yield ok(f"{who} answers at {masked(section.base_url)}")
    yield from _clock(answer.headers.get("Date", ""), who)


def _clock(said: str, who: str) -> Iterator[Finding]:
    try:
        there = parsedate_to_datetime(said)
    except (TypeError, ValueError, OverflowError):
        return
    if there.tzinfo is None:  # "-0000": UTC, said without a zone (RFC 5322 3.3)
        there = there.replace(tzinfo=UTC)
    skew = abs((datetime.now(UTC) - there).total_seconds())
    if skew > _LARGEST_SKEW_S:
        yield warning(
            f"our clock and that of {who} differ by {skew:.0f} s",
            "run an NTP client (systemd-timesyncd or chrony) on both",
        )
    else:
        yield ok(f"our clock and that of {who} agree")
