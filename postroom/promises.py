"""Whether this installation can keep what Postroom promises (contract: commit before 250, nothing
lost, nothing twice, no reply to the wrong one, no secret told).

In: the configuration, Postfix's settings, the database. Out: findings for `postroom doctor`. Each
function is one promise; what Postfix must do for it stands beside what we must.

    taken_safely    250 after commit: the disk keeps what it is given; Postfix waits for our answer
    nothing_lost    what is due gets done; what gave up is seen; mail of every mailbox comes to us
    replies_safe    replies go out where they shall, with texts that a person has approved
    secrets_kept    files with secrets are their owner's alone
"""

import socket
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import Connection, func, select

from .actions.erp.secret import secret_place
from .config import Config
from .failure import Failure
from .readiness import Finding, fault, is_database_missing, ok, warning
from .reading.names import ascii_address, unicode_name
from .store import gonehooks
from .store.engine import Database
from .store.schema import ACTION

_LATE_S = 300.0  # a due action that nobody has begun for so long
_IN_MEMORY = ("tmpfs", "ramfs")
_ON_A_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs")  # where SQLite's locks may lie
_DURABLE_POSTGRESQL = (("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on"))


def taken_safely(config: Config, postfix: Mapping[str, str]) -> Iterator[Finding]:
    """250 is said only after the commit, and the commit is on disk."""
    if config.store_url.startswith("sqlite"):
        kind = _file_system(config.service.state_dir)
        if kind in _IN_MEMORY:
            yield warning(
                f"service.state_dir is in memory ({kind}): a restart of the host loses mail",
                "put it on a disk",
            )
        elif kind in _ON_A_NETWORK:
            yield warning(
                f"service.state_dir is on {kind}, whose locks SQLite cannot rely on",
                "put it on a local disk, or use PostgreSQL (store.url)",
            )
    yield from _commits(config)
    if not postfix:
        return
    if postfix.get("smtpd_forbid_bare_newline", "no") not in ("yes", "normalize", "reject"):
        yield fault(
            "smtpd_forbid_bare_newline is off: one mail can smuggle in another (CVE-2023-51764)",
            "postconf -e smtpd_forbid_bare_newline=normalize",
        )
    limit = int(postfix.get("message_size_limit", "0") or "0")
    smallest = min(config.milter.max_size, config.lmtp.max_size)
    if limit == 0 or limit > smallest:
        yield warning(
            f"message_size_limit is {limit or 'none'}: Postfix takes what we refuse later",
            f"postconf -e message_size_limit={smallest}",
        )
    for program, name in (("local", "mailbox_size_limit"), ("virtual", "virtual_mailbox_limit")):
        holds = int(postfix.get(name, "0") or "0")
        if holds and (limit == 0 or holds < limit):
            yield fault(
                f"{name} is {holds}, less than message_size_limit: Postfix's {program} does not "
                "start, and mail for other mailboxes of this host waits",
                f"postconf -e {name}=0",
            )
    content = _seconds(postfix.get("milter_content_timeout", "300s"))
    if content <= config.milter.deadline:
        yield fault(
            f"milter_content_timeout is {content:.0f} s, our answer may take "
            f"{config.milter.deadline:.0f} s (milter.deadline)",
            "postconf -e milter_content_timeout=60s",
        )
    if int(postfix.get("queue_minfree", "0") or "0") < int(1.5 * limit):
        yield warning(
            "queue_minfree is too small: Postfix's queue may fill the disk while we defer",
            "postconf -e queue_minfree=157286400",
        )


def nothing_lost(config: Config, postfix: Mapping[str, str], now: float) -> Iterator[Finding]:
    """Mail of every mailbox comes to us, and what follows from it gets done or is seen."""
    astray = [
        mailbox
        for mailbox in (both for one in config.service.mailboxes for both in _spellings(one))
        if postfix and config.lmtp.socket not in transport_of(mailbox, postfix)
    ]
    for mailbox in astray:
        yield fault(
            f"Postfix does not bring mail for {mailbox} to us",
            f"add to the transport table: {mailbox} postroom:{config.lmtp.socket}; postfix reload",
        )
    if postfix and config.service.mailboxes and not astray:
        yield ok("Postfix brings the mail of every mailbox to us")
    if is_database_missing(config):
        return  # the look at the database says so
    database = Database(config.store_url)
    try:
        with database.reading() as connection:
            yield from _outbox(connection, now)
            yield from _hooks(config, connection)
    except Failure:
        return  # the look at the database says so
    finally:
        database.close()


def replies_safe(config: Config) -> Iterator[Finding]:
    """Replies can leave, and only with texts that a person has approved."""
    if not config.reply.enabled:
        return
    host, _, port = config.reply.submit.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5) as peer:
            greeting = peer.recv(512)
    except OSError as error:
        yield fault(
            f"reply.submit {config.reply.submit} does not answer ({error.strerror or error})",
            "check reply.submit and that Postfix listens there; replies wait meanwhile",
        )
        return
    if greeting.startswith(b"220"):
        yield ok(f"replies leave through {config.reply.submit}")
    else:
        yield fault(
            f"reply.submit {config.reply.submit} does not greet with 220",
            "check that it is an SMTP port of the Postfix beside us",
        )


def secrets_kept(config: Config) -> Iterator[Finding]:
    """Files with secrets are read by their owner, and by the service's group at most."""
    state = config.service.state_dir
    secrets = [
        config.service.secret_file or state / "stamp.key",
        config.audit.key_file or state / "audit.key",
        *config.secret_files,
        *map(secret_place, config.secret_files),
        *(config.dkim_keys_dir.glob("*/*.pem") if config.dkim_keys_dir.is_dir() else []),
    ]
    for path in dict.fromkeys(secrets):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue  # missing ones are found where they are used
        if mode & 0o037:
            yield fault(f"{path} can be read by others", f"chmod 600 {path}")
    if config.log.level == "debug":
        yield warning('log.level is "debug": more is written than needed', "set it to info")


def _commits(config: Config) -> Iterator[Finding]:
    if is_database_missing(config):
        return
    database = Database(config.store_url)
    try:
        with database.reading() as connection:
            if connection.dialect.name == "sqlite":
                level = connection.exec_driver_sql("PRAGMA synchronous").scalar()
                loose = [] if level in (2, 3) else [f"synchronous = {level}"]
            else:
                loose = [
                    f"{name} = {value}"
                    for name, wanted in _DURABLE_POSTGRESQL
                    if (value := connection.exec_driver_sql(f"SHOW {name}").scalar()) != wanted
                ]
    except Failure:
        return
    finally:
        database.close()
    if loose:
        yield fault(
            f"a commit may be lost when the host dies: {', '.join(loose)}",
            "set it to on in postgresql.conf, at least for this database",
        )
    else:
        yield ok("a commit is on disk when it returns")


def _outbox(connection: Connection, now: float) -> Iterator[Finding]:
    oldest = connection.scalar(
        select(func.min(ACTION.c.due_at)).where(
            ACTION.c.state.in_(("pending", "waiting")), ACTION.c.due_at < now - _LATE_S
        )
    )
    if oldest is not None:
        yield fault(
            f"an action is due for {(now - oldest) / 60:.0f} minutes: no worker takes it",
            "postroom queue list; is the worker up (postroom serve, its log)?",
        )
    dead = connection.scalar(
        select(func.count()).select_from(ACTION).where(ACTION.c.state == "dead")
    )
    if dead:
        yield warning(f"{dead} actions gave up and want a person", "postroom queue list")


def _hooks(config: Config, connection: Connection) -> Iterator[Finding]:
    urls = {name: hook.url for name, hook in config.events.webhooks.items()}
    for name, since in gonehooks.gone(connection, urls).items():
        yield warning(
            f"webhook {name} said on {since:%Y-%m-%d} that it is gone (410): it is told nothing",
            f"set its url in [events.webhooks], or postroom queue resume {name} when it is back",
        )


def _spellings(mailbox: str) -> Iterator[str]:
    """A mailbox as Postfix's tables may be asked for it: with U-labels, with A-labels."""
    local, _, domain = mailbox.rpartition("@")
    yield from dict.fromkeys((mailbox, f"{local}@{unicode_name(domain)}", ascii_address(mailbox)))


def transport_of(mailbox: str, postfix: Mapping[str, str]) -> str:
    """Where Postfix sends mail for a mailbox, as its tables say; empty where none does."""
    tables = postfix.get("transport_maps", "").replace(",", " ").split()
    for wanted in (mailbox, mailbox.rpartition("@")[2]):
        for table in tables:
            try:
                found = subprocess.run(
                    ["postmap", "-q", wanted, table],
                    capture_output=True,
                    text=True,
                    timeout=10,
                    check=False,
                )
            except (OSError, subprocess.SubprocessError):
                return ""
            if found.returncode == 0:
                return found.stdout
    return postfix.get("virtual_transport", "")


def _file_system(folder: Path) -> str:
    """The kind of file system a folder is on, as the kernel names it; empty where it says none."""
    best, kind = "", ""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
        resolved = str(folder.resolve())
    except OSError:
        return ""
    for line in lines:
        _device, place, found, *_rest = line.split(" ")
        place = place.replace("\\040", " ")
        below = place == "/" or resolved == place or resolved.startswith(f"{place}/")
        if below and len(place) >= len(best):
            best, kind = place, found
    return kind


def _seconds(value: str) -> float:
    """A time of Postfix's, such as "60s" or "5m" (postconf(5))."""
    units = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
    number, unit = (value[:-1], value[-1:]) if value[-1:] in units else (value, "s")
    return float(number) * units[unit] if number.isdecimal() else 0.0
