"""Several hosts on one machine: Postroom in network namespaces, one Postfix and one database.

In: how many hosts. Out: each host a namespace with an address of its own and a `postroom serve` in
it (milter, LMTP, worker over TCP), all on one PostgreSQL and, where there is one, one Redis.
Postfix has a port for each host's milter, as a site has an MX for each, and knows all LMTP
servers. A host can be lost: everything in its namespace is killed and its address goes away;
and it comes back.

    bridge 10.213.77.1      Postfix, ERP, PostgreSQL, Redis, DNS; the customers' mail server
    10.213.77.11, .12, ...  one host each

Limits: Linux, root, iproute2; the hosts share the machine's disk and clock.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import text

from postroom.milter.keyring import Keyring, SelectorState
from postroom.store.engine import Database
from tests.fakes import postgresql, redis_server
from tests.fakes.dns import DnsServer
from tests.fakes.smtp_sink import SmtpSink

from . import world
from .assembly import Assembly
from .erp import Erp
from .mails import Mail
from .postfix import LOOPBACK, Postfix, PostfixTrouble, free_ports
from .processes import Child
from .smtp_client import send
from .waiting import wait_until

BRIDGE = "10.213.77.1"
_PREFIX = "10.213.77"
_LINK = "prbr0"
_MILTER_PORT, _LMTP_PORT = 12_001, 12_002
_READY_S = 120.0
_DONE_S = 20  # how long Postfix waits for the reply to end of data; longer than lmtp.deadline
_CONFIGURATION = """\
[service]
hostname = "mx.{company}"
mailboxes = [{mailboxes}]
state_dir = "{folder}/state"
run_dir = "{folder}/{name}"
secret_file = "{folder}/stamp.key"

[milter]
socket = "inet:{address}:{milter_port}"
trusted_networks = ["127.0.0.1/32", "{network}"]

[lmtp]
socket = "inet:{address}:{lmtp_port}"
deadline = 15.0

[dns]
resolver = ["{resolver}"]

[reading]
deadline = 12.0

[store]
url = "{store}"

[erp]
base_url = "{erp}"
token_file = "{folder}/erp.token"
timeout = 4.0

[reply]
enabled = true
submit = "{bridge}:{submit}"
author = "{author}"
per_domain_daily = 10000

[worker]
backoff = 0.5
backoff_max = 2.0
attempts = 20
lease = 5.0
poll = 0.5

[metrics]
listen = ""
"""


@cache
def missing() -> str:
    """Why there can be no hosts here, or empty."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "iproute2 is not installed"
    probe = f"pr-probe{os.getpid()}"  # two test processes may ask at a time
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False)
    if made.returncode:
        return f"no network namespaces here: {made.stderr.decode().strip()}"
    subprocess.run(["ip", "netns", "delete", probe], check=False)
    return postgresql.missing() or redis_server.missing()


class Host:
    """One machine of the site; use `start` and `lose`."""

    def __init__(self, number: int, configuration: Path, log: Path) -> None:
        self.name = f"pr-host{number}"
        self.address = f"{_PREFIX}.{10 + number}"
        self._link = f"prv{number}"
        self._configuration, self._log = configuration, log
        self._child: Child | None = None

    def start(self) -> None:
        """Makes the namespace and starts Postroom in it; returns before it is ready."""
        _ip("netns", "add", self.name)
        _ip("link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _ip("link", "set", self._link, "master", _LINK, "up")
        for command in (
            ("addr", "add", f"{self.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", self.name, *command)
        serve = [sys.executable, "-m", "postroom", "serve", "--config", str(self._configuration)]
        self._child = Child(["ip", "netns", "exec", self.name, *serve], log=self._log)

    def lose(self) -> None:
        """Kills everything in it with SIGKILL and takes its address away; harmless when lost."""
        told = subprocess.run(
            ["ip", "netns", "pids", self.name], capture_output=True, text=True, check=False
        )
        for pid in told.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        if self._child is not None:
            self._child.kill()
            self._child = None
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "delete", self._link], capture_output=True, check=False)

    def answers(self) -> bool:
        """True when its milter and its LMTP take connections. Raises PostfixTrouble if it ended."""
        if self._child is not None and not self._child.is_running:
            raise PostfixTrouble("\n".join(_last(self._log)))
        return all(_listens(self.address, port) for port in (_MILTER_PORT, _LMTP_PORT))


class SharedPostfix(Postfix):
    """One Postfix with a port for each host's milter, which knows every host's LMTP."""

    def __init__(self, folder: Path, addresses: list[str], *, sink_port: int) -> None:
        self._addresses = addresses
        super().__init__(
            folder,
            milter=folder,
            lmtp=folder,
            mailboxes=world.MAILBOXES,
            colleagues=(world.PERSONNEL,),
            sink_port=sink_port,
        )
        self.world_port, self.local_port, self.submit_port, *self.ports = free_ports(
            3 + len(addresses)
        )

    def _sandbox_parameters(self, transport: Path, mailboxes: Path) -> dict[str, str]:
        # "inet:" stands once, in front of the whole list.
        lmtp = "inet:" + ", ".join(f"{address}:{_LMTP_PORT}" for address in self._addresses)
        lines = (f"{mailbox} postroom:{lmtp}\n" for mailbox in self._mailboxes)
        transport.write_text("".join(lines) + f"{world.PERSONNEL} {self._sink}\n")
        return super()._sandbox_parameters(transport, mailboxes) | {
            "smtpd_milters": "",
            "inet_interfaces": "all",
            "smtp_bind_address": "",
            "mynetworks": f"{LOOPBACK}/32, {_PREFIX}.0/24",
        }

    def _write_configuration(self) -> None:
        super()._write_configuration()
        master = self.configuration / "master.cf"
        # A host that is lost says no goodbye; a test cannot wait for it as long as a site can.
        master.write_text(master.read_text().replace("timeout=120s", f"timeout={_DONE_S}s"))
        with (self.configuration / "master.cf").open("a") as services:
            services.write(f"\n{BRIDGE}:{self.submit_port} inet n - n - - smtpd\n")
            for port, address in zip(self.ports, self._addresses, strict=True):
                services.write(f"\n{LOOPBACK}:{port} inet n - n - - smtpd\n")
                services.write(f"    -o smtpd_milters=inet:{address}:{_MILTER_PORT}\n")


class Site(Assembly):
    """All of it; use it as a context manager."""

    def __init__(self, hosts: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="postroom-"))
        self.folder.chmod(0o711)
        self.keys = world.Keys()
        self.hosts: list[Host] = []
        self._number = hosts
        super().__init__()
        self.dns: DnsServer
        self.erp: Erp
        self.sink: SmtpSink
        self.postfix: SharedPostfix
        self.redis: redis_server.RedisServer
        self.database: Database

    def send(self, mail: Mail, first: int) -> str:
        """Sends as a mail server does that knows an MX per host: the next one when one fails."""
        ports = self.postfix.ports
        reply = ""
        for step in range(len(ports)):
            try:
                reply = send(ports[(first + step) % len(ports)], mail)
            except OSError as error:
                reply = f"421 {type(error).__name__}"
            if not reply.startswith("4"):
                break
        return reply

    def rows(self, query: str) -> list[Any]:
        """What the shared database answers."""
        with self.database.reading() as connection:
            return list(connection.execute(text(query)).all())

    def journal(self) -> str:
        """The ends of all logs."""
        unfinished = self.rows(
            "SELECT m.message_id, m.outcome, m.decision, a.step, a.state, a.reason, a.lease_owner"
            " FROM message m LEFT JOIN action a ON a.message = m.id"
            " WHERE a.state <> 'done' OR m.outcome <> 'act'"
        )
        logs = [*sorted(self.folder.glob("host*.log")), self.folder / "erp.log"]
        told = [f"--- {log.name}\n" + "\n".join(_last(log)) for log in logs if log.exists()]
        told += ["--- not done", *(str(tuple(row)) for row in unfinished)]
        sessions = self.rows(
            "SELECT client_addr, state, wait_event, now() - xact_start, left(query, 60)"
            " FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()"
        )
        told += ["--- open transactions", *(str(tuple(row)) for row in sessions)]
        return "\n".join([*told, "--- postfix", self.postfix.tail(30)])

    def _start(self) -> None:
        self._open.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._bridge()
        self.sink = self._open.enter_context(SmtpSink(self.folder / "sent"))
        self.dns = self._open.enter_context(DnsServer(world.records(self.keys), listen=(BRIDGE, 0)))
        self.erp = self._open.enter_context(Erp(self.folder, host=BRIDGE))
        store = self._open.enter_context(_store())
        self.database = Database(store)
        self._open.callback(self.database.close)
        (self.folder / "redis").mkdir()
        self.redis = self._open.enter_context(
            redis_server.RedisServer(self.folder / "redis", listen=(BRIDGE, free_ports(1)[0]))
        )
        addresses = [f"{_PREFIX}.{10 + number}" for number in range(1, self._number + 1)]
        self.postfix = SharedPostfix(self.folder / "postfix", addresses, sink_port=self.sink.port)
        self._prepare()
        for number, address in enumerate(addresses, start=1):
            configuration = self.folder / f"host{number}.toml"
            configuration.write_text(self._configuration(f"host{number}", address, store))
            host = Host(number, configuration, self.folder / f"host{number}.log")
            host.lose()  # what a killed run may have left
            self.hosts.append(host)
            self._open.callback(host.lose)
        # One after the other: the first makes the tables and the rest finds them.
        for host in self.hosts:
            host.start()
            wait_until(host.answers, _READY_S, f"{host.name} to listen", self._log)
        self._open.enter_context(self.postfix)

    def _bridge(self) -> None:
        subprocess.run(["ip", "link", "delete", _LINK], capture_output=True, check=False)
        _ip("link", "add", _LINK, "type", "bridge")
        self._open.callback(_ip, "link", "delete", _LINK)
        _ip("addr", "add", f"{BRIDGE}/24", "dev", _LINK)
        _ip("link", "set", _LINK, "up")

    def _prepare(self) -> None:
        """What an operator gives every host: one stamp key, DKIM keys, the ERP's token."""
        (self.folder / "state").mkdir()
        (self.folder / "stamp.key").write_bytes(os.urandom(32))
        (self.folder / "stamp.key").chmod(0o600)
        (self.folder / "erp.token").write_text(self.erp.token + "\n")
        (self.folder / "erp.token").chmod(0o600)
        ring, now = Keyring(self.folder / "state" / "dkim"), datetime.now(UTC)
        ring.make(world.COMPANY, "s0", now)
        ring.change(world.COMPANY, "s0", SelectorState.ACTIVE, now)

    def _configuration(self, name: str, address: str, store: str) -> str:
        told = _CONFIGURATION.format(
            company=world.COMPANY,
            mailboxes=", ".join(f'"{mailbox}"' for mailbox in world.MAILBOXES),
            folder=self.folder,
            name=name,
            address=address,
            milter_port=_MILTER_PORT,
            lmtp_port=_LMTP_PORT,
            bridge=BRIDGE,
            network=f"{_PREFIX}.0/24",
            resolver=self.dns.address,
            store=store,
            erp=self.erp.url,
            submit=self.postfix.submit_port,
            author=world.INFO,
        )
        return told + f'\n[redis]\nurl = "{self.redis.url}"\n'

    def _log(self) -> str:
        return "\n".join(line for host in self.folder.glob("host*.log") for line in _last(host))


@contextlib.contextmanager
def _store() -> Iterator[str]:
    # A short path of its own: the server's socket lies there, and its user must get in.
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        port = free_ports(1)[0]
        with postgresql.PostgreSql(Path(name), listen=(BRIDGE, port)) as server:
            yield server.create("postroom")


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PostfixTrouble(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _listens(address: str, port: int) -> bool:
    with socket.socket() as peer:
        peer.settimeout(1)
        return peer.connect_ex((address, port)) == 0


def _last(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-25:]


def patiently(site: Site, mail: Mail, first: int, give_up_s: float = 120.0) -> str:
    """Comes again while told 4xx, like a patient mail server; the last reply."""
    until = time.monotonic() + give_up_s
    while True:
        reply = site.send(mail, first)
        if not reply.startswith("4") or time.monotonic() > until:
            return reply
        time.sleep(0.3)
