"""What is measured against a bare Postfix: Postroom's milter twice, and others where installed.

In: a folder and the address of a DNS server. Out: `Contender`s, each behind a Unix socket and a
port of one private Postfix, with the CPU time of its processes. Delivery ends in Postfix's
discard transport, so that only the way in is compared.

Limits: Linux; the kernel counts CPU time in ticks of 10 ms per process.
"""

import contextlib
import os
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from .postfix import LOOPBACK, Postfix, free_ports
from .processes import Child, descendants

HOST = "mx.kontor.test"
MAILBOX = "info@kontor.test"
BARE = "bare Postfix"
AUTHENTICATING = "authentication only"
FULL = "full milter"
RSPAMD = "rspamd"
OPENDMARC = "opendkim+opendmarc"
_TICKS_PER_MS = os.sysconf("SC_CLK_TCK") / 1000
_CONFIGURATION = """\
[service]
hostname = "{host}"
mailboxes = ["{mailbox}"]
state_dir = "{folder}/state"
run_dir = "{folder}/run"

[milter]
socket = "unix:{socket}"
socket_mode = "0666" # Postfix runs as another user; nobody else sees this folder
trusted_networks = ["127.0.0.1/32"]

[dns]
resolver = ["{resolver}"]

[metrics]
listen = ""
"""
# What a machine's own rspamd configuration gets on top; the workers we do not need stay away.
_RSPAMD = {
    # Loopback clients are its own people to rspamd, and not checked unless it is told to.
    "options.inc": 'dns {{ nameserver = ["{resolver}"]; }}\ncheck_local = true;\n',
    "dkim.conf": "check_local = true;\n",
    "spf.conf": "check_local = true;\n",
    "dmarc.conf": "check_local = true;\n",
    "dkim_signing.conf": "enabled = false;\n",
    "arc.conf": "sign_local = false;\n",
    "worker-normal.inc": "enabled = false;\n",
    "worker-controller.inc": "enabled = false;\n",
    "worker-fuzzy.inc": "enabled = false;\n",
    "worker-proxy.inc": (
        'bind_socket = "{socket} mode=0666";\nmilter = yes;\ncount = 1;\n'
        'upstream "local" {{ default = yes; self_scan = yes; }}\n'
    ),
    "logging.inc": 'type = "console";\nlevel = "warning";\n',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way of receiving mail."""

    name: str
    endpoints: tuple[Path, ...] = ()  # Unix sockets of its milters, in Postfix's order
    children: tuple[Child, ...] = ()  # its processes; the ones below them count, too
    log: Path | None = None  # what the processes say

    def cpu_ms(self) -> float:
        """CPU milliseconds that its processes have used, the ended ones included."""
        family = [child.pid for child in self.children]
        family += [pid for child in self.children for pid, _line in descendants(child.pid)]
        return sum(_ticks(pid) for pid in family) / _TICKS_PER_MS

    def is_running(self) -> bool:
        """True until one of its processes has ended."""
        return all(child.is_running for child in self.children)

    def answers(self) -> bool:
        """True when all its milters take connections."""
        return all(_answers(endpoint) for endpoint in self.endpoints)

    def stop(self) -> None:
        """Ends its processes."""
        for child in self.children:
            child.stop()

    def log_tail(self) -> str:
        """The end of what its process said."""
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])


class ManyPorts(Postfix):
    """A Postfix with one port for each contender that throws everything away."""

    def __init__(self, folder: Path, contenders: list[Contender]) -> None:
        super().__init__(
            folder, milter=folder, lmtp=folder, mailboxes=(MAILBOX,), colleagues=(), sink_port=0
        )
        self.world_port, self.local_port, *ports = free_ports(2 + len(contenders))
        self._contenders = contenders
        self.ports = {one.name: port for one, port in zip(contenders, ports, strict=True)}

    def _sandbox_parameters(self, transport: Path, mailboxes: Path) -> dict[str, str]:
        return super()._sandbox_parameters(transport, mailboxes) | {
            "smtpd_milters": "",
            "transport_maps": "",
            "virtual_transport": "discard:",
            "default_transport": "discard:",
            "relay_transport": "discard:",
        }

    def _write_configuration(self) -> None:
        super()._write_configuration()
        with (self.configuration / "master.cf").open("a") as services:
            for contender in self._contenders:
                milters = ",".join(f"unix:{endpoint}" for endpoint in contender.endpoints)
                services.write(f"\n{LOOPBACK}:{self.ports[contender.name]} inet n - n - - smtpd\n")
                services.write(f"    -o smtpd_milters={milters}\n")


def bare() -> Contender:
    """Postfix alone."""
    return Contender(name=BARE)


def authenticating(folder: Path, resolver: str) -> Contender:
    """Postroom's milter that only authenticates."""
    return _postroom(
        AUTHENTICATING, folder / "authenticating", resolver, "tests.sandbox.authenticating"
    )


def full(folder: Path, resolver: str) -> Contender:
    """Postroom's milter as it is served: authentication, reading, classification, policy."""
    command = ("postroom", "serve", "--only", "milter", "--config")
    return _postroom(FULL, folder / "full", resolver, *command)


def lmtp(name: str, folder: Path, milter: Contender) -> tuple[Contender, Path]:
    """Postroom's LMTP behind the full milter, with its state; and its configuration."""
    here = folder / "full"
    endpoint = here / "run" / "lmtp.sock"
    configuration = here / "lmtp.toml"
    configuration.write_text(
        (here / "postroom.toml").read_text()
        + f'\n[lmtp]\nsocket = "unix:{endpoint}"\nsocket_mode = "0666"\n'
    )
    command = ["postroom", "serve", "--only", "lmtp", "--config", str(configuration)]
    child = Child([sys.executable, "-m", *command], log=folder / "lmtp.log")
    made = Contender(name=name, endpoints=(endpoint,), children=(child,), log=folder / "lmtp.log")
    return made, configuration


def rspamd(folder: Path, resolver: str) -> Contender | None:
    """The machine's rspamd with its own configuration; None where there is none."""
    program = installed("rspamd")
    if program is None:
        return None
    here = folder / "rspamd"
    endpoint = here / "milter.sock"
    (here / "local.d").mkdir(parents=True)
    for name, text in _RSPAMD.items():
        written = text.format(resolver=resolver, socket=endpoint)
        (here / "local.d" / name).write_text(written)
    places = [f"--var={name}={here}" for name in ("LOCAL_CONFDIR", "DBDIR", "RUNDIR", "LOGDIR")]
    child = Child([program, "--no-fork", "--insecure", *places], log=here / "log")
    return Contender(name=RSPAMD, endpoints=(endpoint,), children=(child,), log=here / "log")


def installed(program: str) -> str | None:
    """Where a server program of this machine is; None where there is none."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin")


def _postroom(name: str, folder: Path, resolver: str, *command: str) -> Contender:
    for sub in ("state", "run"):
        (folder / sub).mkdir(parents=True)
    endpoint = folder / "run" / "milter.sock"
    configuration = folder / "postroom.toml"
    configuration.write_text(
        _CONFIGURATION.format(
            host=HOST, mailbox=MAILBOX, folder=folder, socket=endpoint, resolver=resolver
        )
    )
    child = Child([sys.executable, "-m", *command, str(configuration)], log=folder / "log")
    return Contender(name=name, endpoints=(endpoint,), children=(child,), log=folder / "log")


def _answers(endpoint: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as peer:
        try:
            peer.connect(os.fspath(endpoint))
        except OSError:
            return False
    return True


def _ticks(pid: int) -> int:
    """utime, stime, cutime and cstime of proc_pid_stat(5); 0 for one that is gone."""
    with contextlib.suppress(OSError):
        told = Path(f"/proc/{pid}/stat").read_text()
        # The name in parentheses may itself hold spaces and parentheses.
        fields = told.rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:15])
    return 0
