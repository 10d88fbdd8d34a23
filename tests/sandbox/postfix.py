"""A private Postfix: own configuration, queue and data directories, loopback ports above 10000.

In: where the milter and LMTP sockets will be, which mailboxes exist, which port takes outgoing
mail. Out: a running Postfix that is built from the fragments in postfix/, plus what only a
sandbox needs (short retry times, no look-ups, nothing leaves this machine). The system's own
Postfix and /etc/postfix are never touched.

A small root shell holds a pipe to this process and stops Postfix when the pipe closes: on
`stop()`, on an exception, and when this process is killed.

Limits: needs root, directly or by sudo, because Postfix's master does.
"""

import contextlib
import json
import os
import random
import re
import shutil
import smtplib
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
FIRST_PORT, LAST_PORT = 10_025, 30_000  # below the kernel's range for outgoing connections
_SBIN = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"

# $1 is the configuration directory, $2 the queue. "cat" returns when our end of the pipe is closed.
_KEEPER = """
chown -R 0:0 "$1" && install -d -o 0 -g 0 -m 755 "$2" && postfix -c "$1" start >&2 || exit 1
echo started
cat >/dev/null
postfix -c "$1" stop >&2 2>/dev/null
for i in 1 2 3 4 5 6 7 8 9 10; do
    postfix -c "$1" status >/dev/null 2>&1 || exit 0
    sleep 0.3
done
postfix -c "$1" abort >&2 2>/dev/null
"""

# service type private unpriv chroot wakeup maxproc command; nothing runs in a chroot.
# The queue manager is woken every 5 s instead of 300: what it found "still being delivered" rests
# for a minute, and then lies in the incoming queue until new mail comes or it is woken.
_MASTER = """
{world} inet n - n - - smtpd
{local} inet n - n - - smtpd
    -o syslog_name=postfix/submission
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 5 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class PostfixTrouble(Exception):
    """Postfix is missing, may not be started, or does not answer; the text says the mend."""


class Postfix:
    """One private Postfix; use it as a context manager."""

    def __init__(
        self,
        folder: Path,
        *,
        milter: Path,
        lmtp: Path,
        mailboxes: tuple[str, ...],  # served by Postroom
        colleagues: tuple[str, ...] = (),  # others of the company; their mail goes to the sink
        sink_port: int,
    ) -> None:
        self.folder = folder
        self.configuration = folder / "etc"
        self.log = folder / "mail.log"
        self.world_port = 0  # where the world delivers
        self.local_port = 0  # where Postroom and the host's own programs submit
        self._milter, self._lmtp = milter, lmtp
        self._mailboxes, self._colleagues = mailboxes, colleagues
        self._sink = f"smtp:[{LOOPBACK}]:{sink_port}"
        self._spool = str(folder / "spool")
        self._keeper: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Postfix":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def choose_ports(self) -> None:
        """Fixes the ports before the start, for those who must write them down first."""
        self.world_port, self.local_port = free_ports(2)

    def start(self) -> None:
        """Starts and returns when both ports answer. Raises PostfixTrouble."""
        if shutil.which("postfix", path=_SBIN) is None:
            raise PostfixTrouble("Postfix is not installed; run scripts/setup")
        self._write_configuration()
        with (self.folder / "start.log").open("w") as errors:
            self._keeper = subprocess.Popen(
                [*as_root(), "sh", "-c", _KEEPER, "keeper", str(self.configuration), self._spool],
                env=os.environ | {"PATH": _SBIN},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,  # Ctrl-C is ours to answer
            )
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline().strip() != "started":
            self.stop()
            raise PostfixTrouble(f"Postfix did not start:\n{self.tail(10)}")
        for port in (self.world_port, self.local_port):
            self._wait_for_greeting(port)

    def stop(self) -> None:
        """Stops Postfix and waits until it is gone; harmless when it is not running."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        assert keeper.stdin is not None and keeper.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            keeper.stdin.close()
        keeper.wait(timeout=30)
        keeper.stdout.close()

    def queue(self) -> list[dict[str, Any]]:
        """What waits in the queue, as `postqueue -j` tells it."""
        told = self._run("postqueue", "-j")
        return [json.loads(line) for line in told.splitlines()]

    def flush(self) -> None:
        """Asks for a delivery attempt of everything that waits, now."""
        self._run("postqueue", "-f")

    def tail(self, lines: int = 40) -> str:
        """The end of Postfix's log, or of what it said while starting."""
        for log in (self.log, self.folder / "start.log"):
            if log.exists() and log.stat().st_size:
                return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def parameter(self, name: str) -> str:
        """A parameter's value in force."""
        return self._run("postconf", "-h", name).strip()

    def _run(self, command: str, *arguments: str) -> str:
        done = subprocess.run(
            [*as_root(), command, "-c", str(self.configuration), *arguments],
            env=os.environ | {"PATH": _SBIN},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        if done.returncode:
            raise PostfixTrouble(f"{command} failed: {done.stderr.strip()}")
        return done.stdout

    def _write_configuration(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.configuration.mkdir(exist_ok=True)
        if not self.world_port:
            self.choose_ports()
        transport = self.configuration / "postroom_transport"
        transport.write_text(
            "".join(f"{mailbox} postroom:unix:{self._lmtp}\n" for mailbox in self._mailboxes)
            + "".join(f"{mailbox} {self._sink}\n" for mailbox in self._colleagues)
        )
        mailboxes = self.configuration / "mailboxes"
        known = (*self._mailboxes, *self._colleagues)
        mailboxes.write_text("".join(f"{mailbox} ok\n" for mailbox in known))
        parameters = parameters_of((ROOT / "postfix/main.cf.fragment").read_text())
        parameters |= self._sandbox_parameters(transport, mailboxes)
        lines = (f"{name} = {value}\n" for name, value in parameters.items())
        (self.configuration / "main.cf").write_text("".join(lines))
        services = _MASTER.format(
            world=f"{LOOPBACK}:{self.world_port}", local=f"{LOOPBACK}:{self.local_port}"
        )
        fragment = (ROOT / "postfix/master.cf.fragment").read_text()
        (self.configuration / "master.cf").write_text(services + fragment)

    def _sandbox_parameters(self, transport: Path, mailboxes: Path) -> dict[str, str]:
        domains = sorted({mailbox.rpartition("@")[2] for mailbox in self._mailboxes})
        return {
            # Where the fragments speak of /run and /etc.
            "smtpd_milters": f"unix:{self._milter}",
            "transport_maps": f"texthash:{transport}",
            # Ours alone.
            "compatibility_level": "3.6",
            "queue_directory": self._spool,
            "data_directory": str(self.folder / "state"),
            "maillog_file": str(self.log),
            "maillog_file_prefixes": str(self.folder),
            "multi_instance_enable": "no",
            "myhostname": f"mx.{domains[0]}",
            "myorigin": domains[0],
            "mydestination": "",
            "virtual_mailbox_domains": " ".join(domains),
            "virtual_mailbox_maps": f"texthash:{mailboxes}",
            "virtual_alias_maps": "",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            # Customers come from 127.0.0.11 and up: they are strangers, not our network.
            "inet_interfaces": LOOPBACK,
            "inet_protocols": "ipv4",
            "mynetworks": f"{LOOPBACK}/32",
            "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
            # Nothing asks the real DNS, nothing leaves this machine.
            "smtpd_peername_lookup": "no",
            "smtp_dns_support_level": "disabled",
            "smtp_host_lookup": "native",
            "default_transport": self._sink,
            "relay_transport": self._sink,
            "smtp_bind_address": LOOPBACK,
            "smtp_tls_security_level": "none",
            "smtpd_tls_security_level": "none",
            "notify_classes": "",
            # A test does not wait five minutes for the next attempt.
            "queue_run_delay": "1s",
            "minimal_backoff_time": "1s",
            "maximal_backoff_time": "2s",
            "transport_retry_time": "1s",
        }

    def _wait_for_greeting(self, port: int) -> None:
        until = time.monotonic() + 15
        while True:
            try:
                with smtplib.SMTP(LOOPBACK, port, timeout=5):
                    return
            except (OSError, smtplib.SMTPException) as error:
                if time.monotonic() > until:
                    self.stop()
                    raise PostfixTrouble(f"port {port}: {error}\n{self.tail()}") from error
                time.sleep(0.05)


def as_root() -> list[str]:
    """What to put before a command that needs root: nothing, or sudo.

    Raises PostfixTrouble when there is neither.
    """
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        raise PostfixTrouble("a private Postfix needs root: run this as root, or install sudo")
    return ["sudo"]


def free_ports(count: int) -> list[int]:
    """TCP ports of the loopback that nobody listens on, in a row as far as possible."""
    found: list[int] = []
    # A random start, so that two sandboxes at the same moment do not want the same ones.
    for port in range(random.randrange(FIRST_PORT, LAST_PORT - 1_000), LAST_PORT):
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise PostfixTrouble("no free loopback port between 10000 and 30000")


def parameters_of(text: str) -> dict[str, str]:
    """The parameters of a main.cf, continuation lines joined (postconf(5))."""
    joined = re.sub(r"\n[ \t]+", " ", re.sub(r"(?m)^\s*#.*\n?", "", text))
    found = {}
    for line in joined.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            found[name.strip()] = value.strip()
    return found
