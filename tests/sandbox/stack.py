"""Everything at once: private Postfix, DNS, ERP, the customers' mail server, and `postroom serve`.

In: nothing, or what is to be different. Out: a running stack in a temporary folder; `send` talks
real SMTP to it. All listeners are on the loopback, all files below the folder.

    folder/postfix   Postfix: etc, spool, state, mail.log
    folder/state     Postroom's database, key and Maildir        folder/run   its sockets
    folder/*.log     what `postroom serve` and the ERP say       folder/erp.sqlite

Limits: serve and the ERP are separate processes that end with this one; DNS and the customers'
mail server are threads of it.
"""

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from postroom.milter.keyring import Keyring, SelectorState
from tests.fakes.dns import DnsServer
from tests.fakes.smtp_sink import SmtpSink

from . import world
from .erp import Erp
from .mails import Mail
from .postfix import ROOT, Postfix, PostfixTrouble, as_root, free_ports
from .processes import Child
from .smtp_client import send
from .waiting import wait_until

_CONFIGURATION = """\
[service]
hostname = "mx.{company}"
mailboxes = [{mailboxes}]
state_dir = "{folder}/state"
run_dir = "{folder}/run"

[milter]
socket = "unix:{folder}/run/milter.sock"
socket_mode = "0666" # Postfix runs as another user; nobody else sees this folder
# Only the host itself; the sandbox's customers are 127.0.0.11 and up.
trusted_networks = ["127.0.0.1/32"]

[lmtp]
socket = "unix:{folder}/run/lmtp.sock"
socket_mode = "0666"

[dns]
resolver = ["{resolver}"]
query_timeout = 1.0
deadline = 3.0

[mailbox]
hr = "{personnel}"

[erp]
base_url = "{erp}"
token_file = "{folder}/erp.token"
timeout = 4.0

[reply]
enabled = true
submit = "127.0.0.1:{submit}"
author = "{author}"
company = "{company_name}"
per_domain_daily = 10000 # a soak is one customer with thousands of orders
daily_limit = 10000

[worker]
backoff = 0.5
backoff_max = 2.0
attempts = {attempts}
lease = 5.0
poll = 0.5

[metrics]
listen = "{metrics}"
"""
_READY_S = 120.0
_DRAIN_S = 140.0  # longer than the supervisor waits for its parts together


class Stack:
    """One sandbox; use it as a context manager."""

    def __init__(self, *, attempts: int = 3, separate: bool = False) -> None:
        """`attempts` of an action; `separate`: every part a process that can be away on its own."""
        self.folder = Path(tempfile.mkdtemp(prefix="postroom-"))
        self.folder.chmod(0o711)  # Postfix, another user, passes through to its own folder
        self.keys = world.Keys()
        self.failed = False  # set it, and the folder stays
        self.tells = True  # a failure prints the ends of the logs
        self._attempts, self._separate = attempts, separate
        self._children: dict[str, Child] = {}
        self._open = contextlib.ExitStack()
        self.configuration = self.folder / "postroom.toml"
        self.log = self.folder / "serve.log"
        self.dns: DnsServer
        self.sink: SmtpSink
        self.erp: Erp
        self.postfix: Postfix
        self.metrics_port = 0

    def __enter__(self) -> "Stack":
        try:
            self._start()
        except BaseException:
            self.failed = True
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.failed = self.failed or (kind is not None and issubclass(kind, Exception))
        self._close()

    @property
    def database(self) -> Path:
        """Postroom's SQLite file."""
        return self.folder / "state" / "postroom.sqlite"

    @property
    def maildir(self) -> Path:
        """The folder with one Maildir per mailbox."""
        return self.folder / "state" / "mail"

    @property
    def sent(self) -> Path:
        """The folder with every mail that reached the customers' mail server."""
        return self.folder / "sent"

    @property
    def milter_socket(self) -> Path:
        """Where Postfix reaches the milter."""
        return self.folder / "run" / "milter.sock"

    @property
    def lmtp_socket(self) -> Path:
        """Where Postfix reaches LMTP."""
        return self.folder / "run" / "lmtp.sock"

    @property
    def serve(self) -> Child:
        """The supervisor, where the parts are not separate."""
        return self._children["serve"]

    def start_serve(self) -> None:
        """Starts `postroom serve`; returns before it is ready."""
        self.start_part("serve", [])

    def start_part(self, part: str, only: list[str] | None = None) -> None:
        """Starts one part as a process of its own; returns before it is ready."""
        only = ["--only", part] if only is None else only
        command = [sys.executable, "-m", "postroom", "serve", *only]
        self._children[part] = Child([*command, "--config", str(self.configuration)], log=self.log)

    def stop_part(self, part: str) -> None:
        """Lets one part drain and end."""
        self._children[part].stop(_DRAIN_S)

    def action_states(self, message_id: str) -> set[str]:
        """States of the actions of the message with that Message-ID."""
        url = f"file:{self.database}?mode=ro"
        with contextlib.closing(sqlite3.connect(url, uri=True, timeout=10)) as rows:
            found = rows.execute(
                "SELECT state FROM action JOIN message ON message.id = action.message"
                " WHERE message_id = ?",
                (message_id,),
            ).fetchall()
        return {state for (state,) in found}

    def wait_until_ready(self, timeout_s: float = _READY_S) -> None:
        """Returns when milter and LMTP answer. Raises TimeoutError; PostfixTrouble if one ends."""

        def is_ready() -> bool:
            if not all(child.is_running for child in self._children.values()):
                raise PostfixTrouble(f"postroom serve ended:\n{_tail(self.log, 20)}")
            return all(_listens(path) for path in (self.milter_socket, self.lmtp_socket))

        wait_until(is_ready, timeout_s, "postroom serve to open its sockets")

    def send(self, mail: Mail) -> str:
        """Sends a mail over SMTP from its party's address; the reply as "250 2.0.0 ...".

        An answer of 4xx or 5xx is returned, not raised. Raises OSError when the connection breaks.
        """
        return send(self.postfix.world_port, mail)

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `postroom ARGUMENTS --config ...` and returns what it printed."""
        return subprocess.run(
            [sys.executable, "-m", "postroom", *arguments, "--config", str(self.configuration)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=ROOT,
            # postconf(1), which doctor asks, then speaks of our Postfix and not of the host's.
            env=os.environ | {"MAIL_CONFIG": str(self.postfix.configuration)},
        )

    def journal(self, lines: int = 25) -> str:
        """The ends of all logs, for a person who must find out what went wrong."""
        told = [f"folder: {self.folder}"]
        for name, text in (
            ("postroom serve", _tail(self.log, lines)),
            ("postfix", self.postfix.tail(lines) if hasattr(self, "postfix") else ""),
            ("erp", _tail(self.folder / "erp.log", lines)),
        ):
            told += [f"--- {name}", text]
        return "\n".join(told)

    def _start(self) -> None:
        for name in ("state", "run"):
            (self.folder / name).mkdir()
        (self.folder / "run").chmod(0o711)
        self.sink = self._open.enter_context(SmtpSink(self.sent))
        self.dns = self._open.enter_context(DnsServer(world.records(self.keys)))
        self.erp = self._open.enter_context(Erp(self.folder))
        self.postfix = Postfix(
            self.folder / "postfix",
            milter=self.milter_socket,
            lmtp=self.lmtp_socket,
            mailboxes=world.MAILBOXES,
            colleagues=(world.PERSONNEL,),
            sink_port=self.sink.port,
        )
        self._write_configuration()
        self._publish_keys()
        self._open.callback(self._stop_children)
        if self._separate:
            for part in ("lmtp", "worker", "milter"):
                self.start_part(part)
        else:
            self.start_serve()
        self._open.enter_context(self.postfix)
        self.wait_until_ready()

    def _write_configuration(self) -> None:
        self.postfix.choose_ports()
        self.metrics_port = free_ports(1)[0]
        token = self.folder / "erp.token"
        token.write_text(self.erp.token + "\n")
        token.chmod(0o600)
        self.configuration.write_text(
            _CONFIGURATION.format(
                company=world.COMPANY,
                company_name=world.COMPANY_NAME,
                mailboxes=", ".join(f'"{mailbox}"' for mailbox in world.MAILBOXES),
                folder=self.folder,
                resolver=self.dns.address,
                personnel=world.PERSONNEL,
                erp=self.erp.url,
                submit=self.postfix.local_port,
                author=world.INFO,
                attempts=self._attempts,
                # Parts on their own would each want the same port.
                metrics="" if self._separate else f"127.0.0.1:{self.metrics_port}",
            )
        )

    def _publish_keys(self) -> None:
        """Keys as an operator has them, so that replies leave signed."""
        ring, now = Keyring(self.folder / "state" / "dkim"), datetime.now(UTC)
        for key in ring.make(world.COMPANY, "s0", now):
            self.dns.zone.add(key.name, "TXT", key.record)
        ring.change(world.COMPANY, "s0", SelectorState.ACTIVE, now)

    def _stop_children(self) -> None:
        for child in self._children.values():
            child.stop(_DRAIN_S)

    def _close(self) -> None:
        self._open.close()
        if self.failed and self.tells:
            print(self.journal(60), file=sys.stderr)
        if not self.failed:
            subprocess.run([*as_root(), "rm", "-rf", str(self.folder / "postfix")], check=False)
            shutil.rmtree(self.folder, ignore_errors=True)


def stop_on_signals() -> None:
    """Makes SIGTERM and SIGHUP end this process like Ctrl-C, so that everything is stopped."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as peer:
        try:
            peer.connect(os.fspath(path))
        except OSError:
            return False
    return True


def _tail(path: Path, lines: int) -> str:
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
