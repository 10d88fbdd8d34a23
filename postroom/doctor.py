"""`postroom doctor`: looks at everything Postroom needs and says how to mend what is wrong.

In: the configuration. Out: findings, each ok, a warning or a fault, with a mend. Nothing is
changed. Checked: folders and key, database, disk, sockets, Postfix's settings, name servers and
the DNS records of our domains, the ERP, the model, the clock.

Limits: Postfix is asked by `postconf` on this host; when Postfix runs elsewhere, that part is a
warning. The clock is compared with the ERP's Date header, within two seconds.
"""

import asyncio
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from pathlib import Path

import httpx

from . import jobs
from .config import Config
from .examiner import WORKER_MODULES
from .failure import Failure

_LARGEST_SKEW_S = 2.0


class State(Enum):
    """How a thing is."""

    OK = "ok"
    WARNING = "warning"  # works, but not as it should
    FAULT = "fault"  # mail or actions will be held up


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at."""

    state: State
    what: str
    mend: str = ""

    @property
    def is_fault(self) -> bool:
        """True when something must be mended."""
        return self.state is State.FAULT

    def plain(self) -> dict[str, str]:
        """The finding ready for JSON."""
        return {"state": self.state.value, "what": self.what, "mend": self.mend}


def _ok(what: str) -> Finding:
    return Finding(state=State.OK, what=what)


def _warning(what: str, mend: str) -> Finding:
    return Finding(state=State.WARNING, what=what, mend=mend)


def _fault(what: str, mend: str) -> Finding:
    return Finding(state=State.FAULT, what=what, mend=mend)


def examine_installation(config: Config) -> list[Finding]:
    """Every finding, in the order a message meets the things looked at."""
    looks: tuple[Callable[[Config], Iterator[Finding]], ...] = (
        _folders,
        _sockets,
        _postfix,
        _names,
        _reading,
        _model,
        _database,
        _erp,
    )
    return [finding for look in looks for finding in look(config)]


def _folders(config: Config) -> Iterator[Finding]:
    for name, folder in (
        ("service.state_dir", config.service.state_dir),
        ("service.run_dir", config.service.run_dir),
    ):
        if not folder.is_dir():
            yield _fault(f"{name} {folder} is missing", f"mkdir -p {folder}, owned by the service")
        elif not os.access(folder, os.W_OK):
            yield _fault(f"{name} {folder} is not writable", "run as the service's user, or chown")
        else:
            yield _ok(f"{name} {folder}")
    if config.service.state_dir.is_dir():
        free = shutil.disk_usage(config.service.state_dir).free
        if free < config.lmtp.min_free_space:
            yield _fault(
                f"{free // 1_048_576} MiB free on {config.service.state_dir}: mail is deferred",
                "make room, or lower lmtp.min_free_space",
            )
        else:
            yield _ok(f"{free // 1_048_576} MiB free on {config.service.state_dir}")
    if not config.service.mailboxes:
        yield _warning(
            "service.mailboxes is empty: every recipient Postfix sends is taken",
            'list the company addresses: mailboxes = ["info@example.com"]',
        )
    key = config.service.secret_file or config.service.state_dir / "stamp.key"
    if key.exists() and stat.S_IMODE(key.stat().st_mode) & 0o077:
        yield _fault(f"{key} can be read by others", f"chmod 600 {key}")


def _sockets(config: Config) -> Iterator[Finding]:
    for part, endpoint in (("milter", config.milter.socket), ("lmtp", config.lmtp.socket)):
        kind, _, rest = endpoint.partition(":")
        try:
            if kind == "unix":
                with socket.socket(socket.AF_UNIX) as peer:
                    peer.settimeout(2)
                    peer.connect(rest)
            else:
                host, _, port = rest.rpartition(":")
                socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
        except OSError as error:
            yield _fault(
                f"{part} does not answer at {endpoint} ({error.strerror})",
                "start it: systemctl start postroom (or `postroom serve`), then read its log",
            )
        else:
            yield _ok(f"{part} answers at {endpoint}")


def _postfix(config: Config) -> Iterator[Finding]:
    names = (
        "smtpd_milters",
        "milter_default_action",
        "virtual_transport",
        "transport_maps",
        "lmtp_send_xforward_command",
        "lmtp_line_length_limit",
        "mail_version",
        "enable_long_queue_ids",
    )
    try:
        printed = subprocess.run(
            ["postconf", *names], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        yield _warning(
            f"Postfix's settings cannot be read ({type(error).__name__})",
            "run doctor on Postfix's host, with postconf in the PATH",
        )
        return
    lines = (line.partition(" = ") for line in printed.splitlines())
    settings = {name: value for name, _, value in lines}
    yield _ok(f"Postfix {settings.get('mail_version', '?')}")
    if config.milter.socket in settings.get("smtpd_milters", ""):
        yield _ok("smtpd_milters names our socket")
    else:
        yield _fault(
            "smtpd_milters does not name our socket: mail is not checked before the queue",
            f"postconf -e smtpd_milters={config.milter.socket}",
        )
    if settings.get("milter_default_action") != "tempfail":
        yield _fault(
            "milter_default_action is not tempfail: mail passes unchecked while we are down",
            "postconf -e milter_default_action=tempfail",
        )
    if settings.get("lmtp_send_xforward_command") != "yes":
        yield _warning(
            "lmtp_send_xforward_command is not yes: stamps are bound to the body alone",
            "postconf -e lmtp_send_xforward_command=yes",
        )
    if settings.get("lmtp_line_length_limit") != "0":
        yield _warning(
            "lmtp_line_length_limit is not 0: a message with longer lines loses its stamp",
            "postconf -e lmtp_line_length_limit=0",
        )
    if settings.get("enable_long_queue_ids") != "yes":
        yield _warning(
            "enable_long_queue_ids is not yes: queue ids are used again for other mail",
            "postconf -e enable_long_queue_ids=yes",
        )


def _names(config: Config) -> Iterator[Finding]:
    domains = sorted({mailbox.rpartition("@")[2] for mailbox in config.service.mailboxes})
    wanted = [
        (owner, kind, start)
        for domain in domains
        for owner, kind, start in (
            (domain, "MX", ""),
            (domain, "TXT", "v=spf1"),
            (f"_dmarc.{domain}", "TXT", "v=DMARC1"),
        )
    ]
    yield from asyncio.run(_look_up(config, wanted))


async def _look_up(config: Config, wanted: list[tuple[str, str, str]]) -> list[Finding]:
    from .milter.resolver import DnsResolver, RecordType

    resolver = DnsResolver(config.dns)
    findings: list[Finding] = []
    for owner, kind, start in wanted:
        label = f"{owner} {kind} {start}".strip()
        try:
            answer = await resolver.look_up(owner, RecordType[kind])
        except Failure as failure:
            mend = "check dns.resolver and the network's firewall"
            return [*findings, _fault(f"{label}: {failure.reason}", mend)]
        if any(value.startswith(start) for value in answer.values):
            findings.append(_ok(f"{label} is published"))
        else:
            findings.append(_warning(f"{label} is not published", "publish it in the zone"))
    return findings


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
        yield _fault(
            f"a worker process cannot read a message ({failure.reason})",
            "run `postroom read FILE` to see why; reinstall postroom if a module is missing",
        )
    else:
        yield _ok("worker processes read messages")


def _model(config: Config) -> Iterator[Finding]:
    from .classify.classifier import Classifier

    try:
        classifier = Classifier(config.classification, config.models_dir)
    except Failure as failure:
        yield _fault(f"classification: {failure}", "postroom rules test FILE")
        return
    if classifier.model_name:
        yield _ok(f"model {classifier.model_name}")
    else:
        yield _fault(
            "the model cannot be loaded: rules go alone and much mail waits for a person",
            "reinstall postroom, or mend classification.model_file",
        )


def _database(config: Config) -> Iterator[Finding]:
    from .store.engine import Database
    from .store.upgrade import is_current

    database = Database(config.store_url)
    try:
        if is_current(database):
            yield _ok("database is up to date")
        else:
            yield _fault("database has another version's schema", "postroom db upgrade")
    except Failure as failure:
        yield _fault(f"database: {failure.reason}", "check store.url, rights and disk")
    finally:
        database.close()


def _erp(config: Config) -> Iterator[Finding]:
    if not config.erp.base_url:
        yield _warning(
            "erp.base_url is empty: orders, invoices and tickets wait in review",
            "set [erp] base_url and token_file",
        )
        return
    token: Path | None = config.erp.token_file
    if token is not None and not os.access(token, os.R_OK):
        yield _fault(f"erp.token_file {token} cannot be read", f"create it, mode 0400: {token}")
    try:
        answer = httpx.get(config.erp.base_url, timeout=config.erp.timeout)
    except httpx.HTTPError as error:
        yield _fault(
            f"the ERP does not answer at {config.erp.base_url} ({type(error).__name__})",
            "check erp.base_url, the network and the ERP; actions wait meanwhile",
        )
        return
    yield _ok(f"the ERP answers at {config.erp.base_url}")
    yield from _clock(answer.headers.get("Date", ""))


def _clock(said: str) -> Iterator[Finding]:
    try:
        there = parsedate_to_datetime(said)
    except (TypeError, ValueError):
        return
    skew = abs((datetime.now(UTC) - there).total_seconds())
    if skew > _LARGEST_SKEW_S:
        yield _warning(
            f"our clock and the ERP's differ by {skew:.0f} s",
            "run an NTP client (systemd-timesyncd or chrony) on both",
        )
    else:
        yield _ok("our clock and the ERP's agree")
