"""What must be well for mail to be taken here and now: folders and disk, sockets, database.

In: the configuration. Out: findings, each ok, a warning or a fault, with a mend. Quick, and light
to import, because /ready (health.py) asks often; `postroom doctor` looks at the rest as well.
"""

import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from .config import Config
from .failure import Failure

_COUNTERS_NEED = 4_194_304  # octets; a part has some ten files of 64 KiB, which grow


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


def ok(what: str) -> Finding:
    """A thing that is as it should be."""
    return Finding(state=State.OK, what=what)


def warning(what: str, mend: str) -> Finding:
    """A thing that works, but not as it should."""
    return Finding(state=State.WARNING, what=what, mend=mend)


def fault(what: str, mend: str) -> Finding:
    """A thing that holds up mail or actions."""
    return Finding(state=State.FAULT, what=what, mend=mend)


def readiness(config: Config) -> list[Finding]:
    """What must be well for mail to be taken here and now; quick enough to ask often."""
    return [finding for look in (folders, sockets, database) for finding in look(config)]


def folders(config: Config) -> Iterator[Finding]:
    """Our folders and the space in them."""
    for name, folder in (
        ("service.state_dir", config.service.state_dir),
        ("service.run_dir", config.service.run_dir),
    ):
        if not folder.is_dir():
            yield fault(f"{name} {folder} is missing", f"mkdir -p {folder}, owned by the service")
        elif not os.access(folder, os.W_OK):
            yield fault(f"{name} {folder} is not writable", "run as the service's user, or chown")
        else:
            yield ok(f"{name} {folder}")
    if config.service.state_dir.is_dir():
        free = shutil.disk_usage(config.service.state_dir).free
        if free < config.lmtp.min_free_space:
            yield fault(
                f"{free // 1_048_576} MiB free on {config.service.state_dir}: mail is deferred",
                "make room, or lower lmtp.min_free_space",
            )
        else:
            yield ok(f"{free // 1_048_576} MiB free on {config.service.state_dir}")
    if config.service.run_dir.is_dir():
        if not has_room_for_counters(config.service.run_dir):
            yield warning(
                f"{config.service.run_dir} is full: a part that starts counts nothing",
                "make room there, then systemctl restart postroom",
            )
    if not config.service.mailboxes:
        yield warning(
            "service.mailboxes is empty: every recipient Postfix sends is taken",
            'list the company addresses: mailboxes = ["info@example.com"]',
        )


def has_room_for_counters(run_dir: Path) -> bool:
    """Whether a part can count there.

    Its files are mapped and have holes: on a full file system the kernel kills it (SIGBUS) at the
    first count. One that finds no room counts for nobody, and the mail goes on.
    """
    try:
        return shutil.disk_usage(run_dir).free >= _COUNTERS_NEED
    except OSError:
        return False


def sockets(config: Config) -> Iterator[Finding]:
    """Whether milter and LMTP answer."""
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
            yield fault(
                f"{part} does not answer at {endpoint} ({error.strerror})",
                "start it: systemctl start postroom (or `postroom serve`), then read its log",
            )
        else:
            yield ok(f"{part} answers at {endpoint}")


def is_database_missing(config: Config) -> bool:
    """True where the database is a file that is not there; who opened it would make it."""
    from sqlalchemy import make_url

    url = make_url(config.store_url)
    return url.get_backend_name() == "sqlite" and not os.path.exists(url.database or "")


def database(config: Config) -> Iterator[Finding]:
    """Whether the database is there, answers and is of this version."""
    from .store.engine import Database
    from .store.upgrade import is_current

    if is_database_missing(config):
        yield fault(
            "there is no database", "start the service: the first start makes it (postroom serve)"
        )
        return
    store = Database(config.store_url)
    try:
        if is_current(store):
            yield ok("database is up to date")
        else:
            yield fault("database has another version's schema", "postroom db upgrade")
    except Failure as failure:
        yield fault(f"database: {failure.reason}", "check store.url, rights and disk")
    finally:
        store.close()
