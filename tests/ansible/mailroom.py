"""A mail room made by the playbook in a root, with the sandbox's DNS, ERP and world around it.

In: a folder for files of the test. Out: a `MailRoom`: plays are run against it, its services are
started by hand because no systemd runs there, and mail is sent to its Postfix.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ansible.mailroot import MailRoot, own_release, release
from tests.fakes.dns import DnsServer
from tests.fakes.smtp_sink import SmtpSink
from tests.sandbox import world
from tests.sandbox.erp import Erp
from tests.sandbox.postfix import LOOPBACK, ROOT, free_ports
from tests.sandbox.waiting import wait_until

HERE = Path(__file__).parent
COLLECTION = ROOT / "ansible"
CANARY = f"postroom-canary@{world.COMPANY}"
LOGIN, PASSWORD = f"berg@{world.COMPANY}", "correct horse; battery 'staple'"
_BIN = Path(sys.executable).parent
# What systemd's MemoryDenyWriteExecute and NoNewPrivileges do; prctl(2), 65 is PR_SET_MDWE and
# fails harmlessly before Linux 6.3.
_SANDBOX = (
    "import ctypes, os, sys; call = ctypes.CDLL(None).prctl; call(65, 1, 0, 0, 0);"
    " call(38, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
_SAME_PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
# What a module of tests needs that makes a root.
NEEDS = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a root and enter it"),
    pytest.mark.skipif(shutil.which("debootstrap") is None, reason="debootstrap is not installed"),
    pytest.mark.skipif(
        release() == own_release() and not Path(f"/usr/bin/{_SAME_PYTHON}").exists(),
        reason=f"wheels made here are for {_SAME_PYTHON}, which this release does not have",
    ),
]


class Host:
    """One root that playbooks are run against."""

    patience_s = 600  # for one of them

    def __init__(self, folder: Path, root: MailRoot) -> None:
        self.folder, self.root = folder, root

    def play(self, *arguments: str, playbook: str = "mail_room", fails: bool = False) -> str:
        """Runs a playbook of the collection, or a file; what Ansible printed."""
        variables = self.folder / "variables.yml"
        variables.write_text(yaml.safe_dump(self.variables()), encoding="utf-8")
        named = playbook if "/" in playbook else f"postroom.mailroom.{playbook}"
        done = subprocess.run(
            [str(_BIN / "ansible-playbook"), "-i", self._inventory(), "-e", f"@{variables}",
             named, *arguments],
            capture_output=True,
            text=True,
            timeout=self.patience_s,
            check=False,
            env=ansible_environment(self.folder),
        )  # fmt: skip
        if (done.returncode != 0) != fails:
            raise AssertionError(done.stdout[-12_000:] + done.stderr[-4_000:] + self.journal())
        return done.stdout

    def variables(self) -> dict[str, Any]:
        """What an admin writes."""
        raise NotImplementedError

    def journal(self) -> str:
        """The end of what the services wrote."""
        raise NotImplementedError

    def _inventory(self) -> str:
        path = self.folder / "inventory.yml"
        host = {
            "ansible_connection": "mailroot",
            "ansible_host": str(self.root.pid),
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_become": False,  # nsenter is root already
        }
        path.write_text(yaml.safe_dump({"all": {"hosts": {"mailroom": host}}}), encoding="utf-8")
        return str(path)


class MailRoom(Host):
    """One host, and what it talks to."""

    def __init__(self, folder: Path, root: MailRoot, wheels: Path) -> None:
        super().__init__(folder, root)
        self.wheel = next(wheels.glob("postroom-*.whl"))
        self.keys = world.Keys()
        self.smtp, self.submission, self.metrics = free_ports(3)
        self.dns: DnsServer
        self.sink: SmtpSink
        self.erp: Erp

    @contextlib.contextmanager
    def neighbours(self) -> Iterator[None]:
        """DNS, the ERP and the customers' mail server, for as long as the block lasts."""
        with contextlib.ExitStack() as stack:
            self.dns = stack.enter_context(DnsServer(_world_without_us(self.keys)))
            self.sink = stack.enter_context(SmtpSink(self.folder / "sent"))
            self.erp = stack.enter_context(Erp(self.folder))
            yield

    def make_certificate(self) -> None:
        """What certbot would bring: key and certificate of the host in one file."""
        host = f"mx.{world.COMPANY}"
        self.root.run(
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"),
            *("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"),
            *("-keyout", "/etc/ssl/mail_room.pem", "-out", "/etc/ssl/mail_room.crt"),
        )
        self.root.run("sh", "-c", "cat /etc/ssl/mail_room.crt >>/etc/ssl/mail_room.pem")

    def variables(self) -> dict[str, Any]:
        """What an admin writes into mail_room.yml, and what a root without systemd needs."""
        return {
            "mail_host_hostname": f"mx.{world.COMPANY}",
            "mail_host_domains": [world.COMPANY],
            "mail_host_mailboxes": [*world.MAILBOXES, CANARY],
            "mail_host_aliases": {f"postmaster@{world.COMPANY}": world.INFO},
            "mail_host_smtp": f"{LOOPBACK}:{self.smtp}",
            "mail_host_submission": f"{LOOPBACK}:{self.submission}",
            "mail_host_interfaces": LOOPBACK,
            "mail_host_protocols": "ipv4",
            "mail_host_networks": [f"{LOOPBACK}/32"],
            "mail_host_users": [{"name": LOGIN, "password": PASSWORD}],
            "mail_host_tls": "files",
            "mail_host_tls_chain": ["/etc/ssl/mail_room.pem"],
            "mail_host_systemd": False,
            "mail_host_parameters": {
                # Nothing leaves this machine, nothing asks its DNS; no syslog listens here.
                "maillog_file": "/var/log/postfix.log",
                "smtpd_peername_lookup": "no",
                "smtp_host_lookup": "native",
                "smtp_dns_support_level": "disabled",
                "default_transport": f"smtp:[{LOOPBACK}]:{self.sink.port}",
                "queue_run_delay": "1s",
                "minimal_backoff_time": "1s",
                "maximal_backoff_time": "2s",
            },
            "postroom_wheel": str(self.wheel),
            "postroom_wheelhouse": "/srv",
            "postroom_hostname": f"mx.{world.COMPANY}",
            "postroom_mailboxes": list(world.MAILBOXES),
            "postroom_canary_mailbox": CANARY,
            "postroom_erp_url": self.erp.url,
            "postroom_erp_token": self.erp.token,
            "postroom_reply_enabled": True,
            "postroom_company": world.COMPANY_NAME,
            "postroom_trusted_networks": [f"{LOOPBACK}/32"],
            "postroom_resolvers": [self.dns.address],
            "postroom_submit": f"{LOOPBACK}:{self.smtp}",
            "postroom_metrics": f"{LOOPBACK}:{self.metrics}",
            "postroom_options": {"lmtp": {"deadline": 90}, "erp": {"timeout": 15}},
            "postroom_zone": {"addresses": [LOOPBACK], "tls_reports": world.INFO},
            "postroom_systemd": False,
        }

    def publish(self) -> None:
        """What an admin does with the zone that Postroom prints: it goes to the name server."""
        told = self.postroom("dns", "--json").stdout
        for line in told.splitlines():
            record = yaml.safe_load(line)
            self.dns.zone.add(record["name"], record["kind"], record["value"])

    def start(self) -> None:
        """Starts Postfix and Postroom; returns when both answer."""
        self.root.run("install", "-d", "-o", "postroom", "-g", "postroom", "-m", "0750",
                      "/run/postroom")  # fmt: skip
        self.root.run("postfix", "start")
        self.root.start(
            *("/var/log/postroom.log", "runuser", "-u", "postroom", "--"),
            *("python3", "-c", _SANDBOX, "/opt/postroom/current/bin/python", "-P", "-m"),
            *("postroom", "serve", "--config", "/etc/postroom/postroom.toml"),
        )
        wait_until(
            lambda: self.root.exists("/run/postroom/lmtp.sock") or self._socket("lmtp"),
            90,
            "postroom serve to open its sockets",
            self.journal,
        )

    def postroom(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a command of Postroom inside, as its user."""
        return self.root.run("runuser", "-u", "postroom", "--", "postroom", *arguments, check=check)

    def journal(self) -> str:
        """The ends of both logs."""
        told = []
        for log in ("/var/log/postroom.log", "/var/log/postfix.log"):
            if self.root.exists(log):
                told += [f"--- {log}", *self.root.read(log).splitlines()[-40:]]
        return "\n".join(told)

    def _socket(self, part: str) -> bool:
        found = self.root.run("test", "-S", f"/run/postroom/{part}.sock", check=False)
        return found.returncode == 0


def ansible_environment(folder: Path) -> dict[str, str]:
    """Ansible's settings: a copy of this checkout's collection, nothing of the user's own."""
    place = folder / "collections" / "ansible_collections" / "postroom" / "mailroom"
    if not place.exists():
        shutil.copytree(COLLECTION, place)  # links followed, as a build of the collection does
    return {
        "PATH": f"{_BIN}:{os.environ['PATH']}:/usr/sbin:/sbin",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
        "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection_plugins"),
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_NOCOLOR": "True",
        "ANSIBLE_LOCALHOST_WARNING": "False",
    }


def played(
    folder: Path, play: dict[str, Any], variables: dict[str, Any], *, fails: bool = False
) -> str:
    """Runs a play against this machine itself, to change `folder` alone; what Ansible printed."""
    here = {"hosts": "localhost", "connection": "local", "gather_facts": False}
    (folder / "play.yml").write_text(yaml.safe_dump([here | play]), encoding="utf-8")
    (folder / "site.yml").write_text(yaml.safe_dump(variables), encoding="utf-8")
    done = subprocess.run(
        [str(_BIN / "ansible-playbook"), "-i", "localhost,", "-e", f"@{folder / 'site.yml'}",
         "-e", f"ansible_python_interpreter={sys.executable}", str(folder / "play.yml")],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=folder,
        env=ansible_environment(folder),
    )  # fmt: skip
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def _world_without_us(keys: world.Keys) -> dict[str, list[tuple[str, str]]]:
    ours = {world.COMPANY, f"mx.{world.COMPANY}", f"_dmarc.{world.COMPANY}"}
    return {name: rows for name, rows in world.records(keys).items() if name not in ours}
