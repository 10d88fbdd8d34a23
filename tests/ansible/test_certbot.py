"""The role mail_host with certbot: a company's own ACME server is away, gives, refuses and renews.

Runs only when asked for, as it takes more than a minute:
`POSTROOM_TEST_CERTBOT=1 scripts/test tests/ansible/test_certbot.py`, also with
POSTROOM_TEST_RELEASE. The role alone, on one booted root for the module; the tests tell its life
in order, each standing on the ones before it. The root has a network of its own with the usual
ports; the ACME server and the name server are in another one at the end of a cable, so that what
they ask passes the firewall.

Limits: packages are fetched beforehand, with the machine's network; the rest runs without one.
"""

import contextlib
import os
import smtplib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ansible.acme import Acme, missing
from tests.ansible.booted import BootedRoot, Forbidden
from tests.ansible.mailroom import NEEDS, Host
from tests.ansible.network import Network, joined
from tests.fakes.dns import DnsServer
from tests.sandbox import world
from tests.sandbox.waiting import wait_until

_ADDRESS, _OUTSIDE = "192.0.2.7", "192.0.2.1"  # RFC 5737
_NAME, _LATER, _ELSEWHERE = (f"{host}.{world.COMPANY}" for host in ("mx", "mail", "old"))
_ZONE = {_NAME: [("A", _ADDRESS)], _LATER: [("A", _ADDRESS)], _ELSEWHERE: [("A", _OUTSIDE)]}
_PACKAGES = ("postfix", "sasl2-bin", "libsasl2-modules", "ca-certificates", "certbot", "nftables")
_SMTP, _SUBMISSION, _HTTP = 25, 587, 80
_FILES = '{"mail_host_tls": "files", "mail_host_tls_chain": ["/etc/ssl/mail_room.pem"]}'

pytestmark = [
    *NEEDS,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.skipif(
        not os.environ.get("POSTROOM_TEST_CERTBOT"), reason="POSTROOM_TEST_CERTBOT is not set"
    ),
]


class MailHost(Host):
    """A host with Postfix alone, and what is at the other end of its cable."""

    root: BootedRoot

    def __init__(self, folder: Path, root: BootedRoot, outside: Network, acme: Acme) -> None:
        super().__init__(folder, root)
        self.outside, self.acme = outside, acme
        self._playbook = folder / "mail_host.yml"
        self._playbook.write_text(
            yaml.safe_dump([{"hosts": "all", "roles": ["postroom.mailroom.mail_host"]}])
        )

    def set_up(self, *arguments: str, fails: bool = False) -> str:
        """Plays the role; what Ansible printed."""
        return self.play(*arguments, playbook=str(self._playbook), fails=fails)

    def variables(self) -> dict[str, Any]:
        """What an admin writes."""
        return {
            "mail_host_hostname": _NAME,
            "mail_host_domains": [world.COMPANY],
            "mail_host_mailboxes": [world.INFO],
            "mail_host_certbot_email": f"admin@{world.COMPANY}",
            "mail_host_certbot_server": self.acme.url,
            "mail_host_firewall": "nftables",
        }

    def journal(self) -> str:
        """The ends of the system's, certbot's and the ACME server's."""
        told = self.root.run("journalctl", "-n", "60", "--no-pager", check=False).stdout
        log = "/var/log/letsencrypt/letsencrypt.log"
        own = self.root.read(log) if self.root.exists(log) else ""
        return f"{told}\n{own[-4000:]}\n{self.acme.log()[-4000:]}"

    def offered(self, port: int, name: str = _NAME) -> str:
        """The certificate that the world is offered after STARTTLS, as PEM.

        Raises ssl.SSLError when it is not that name's or does not lead to the ACME server's root.
        """
        trusting = ssl.create_default_context(cadata=self.acme.root)
        with self.outside.inside(), smtplib.SMTP(_ADDRESS, port, timeout=30) as client:
            client.ehlo()
            assert client.docmd("STARTTLS")[0] == 220
            assert client.sock is not None
            with trusting.wrap_socket(client.sock, server_hostname=name) as secured:
                certificate = secured.getpeercert(binary_form=True)
        assert certificate is not None
        return ssl.DER_cert_to_PEM_cert(certificate)

    def kept(self, name: str = _NAME) -> str:
        """The certificate that certbot keeps."""
        return self.root.run("cat", f"/etc/letsencrypt/live/{name}/cert.pem").stdout

    def is_shut(self, port: int) -> bool:
        """True when the world gets no answer from a port, not even a refusal."""
        with self.outside.inside():
            try:
                socket.create_connection((_ADDRESS, port), 1).close()
            except TimeoutError:
                return True
            except ConnectionRefusedError:
                pass
        return False

    def postfix(self) -> str:
        """All that Postfix is told."""
        return self.root.run("sh", "-c", "postconf -n; postconf -M; postconf -P").stdout


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailHost]:
    folder = tmp_path_factory.mktemp("certbot")
    with contextlib.ExitStack() as stack:
        try:
            root = stack.enter_context(BootedRoot(folder))
            ours, outside = (stack.enter_context(Network()) for _ in range(2))
        except (Forbidden, OSError) as forbidden:
            pytest.skip(f"this machine forbids a systemd or a network of our own: {forbidden}")
        root.fetch(*_PACKAGES)
        joined(ours, f"{_ADDRESS}/24", outside, f"{_OUTSIDE}/24")
        with outside.inside():
            stack.enter_context(DnsServer(_ZONE, listen=(_OUTSIDE, 53)))
        (root.folder / "etc/resolv.conf").write_text(f"nameserver {_OUTSIDE}\n")
        acme = Acme(folder, outside, _OUTSIDE)
        stack.callback(acme.stop)
        stack.enter_context(ours.inside())
        root.move()
        yield MailHost(folder, root, outside, acme)


def test_a_server_that_is_away_is_named_and_postfix_is_left_alone(host: MailHost) -> None:
    told = host.set_up(fails=True)
    assert f"no certificate for {_NAME} from {host.acme.url}" in told
    assert "Connection refused" in told
    assert not host.root.exists("/etc/postfix/main.cf")


def test_a_server_that_is_not_trusted_is_told_from_one_that_is_away(host: MailHost) -> None:
    host.acme.start()
    told = host.set_up("--tags", "tls", fails=True)
    assert "certificate verify failed" in told and "update-ca-certificates" in told


def test_a_fresh_host_offers_what_the_server_gave(host: MailHost) -> None:
    trusted = host.root.folder / "usr/local/share/ca-certificates/acme.crt"
    trusted.write_text(host.acme.certificate.read_text())
    host.root.run("update-ca-certificates")
    host.set_up()
    assert _offers_what_it_keeps(host)


def test_the_second_run_changes_nothing(host: MailHost) -> None:
    assert "changed=0" in host.set_up()


def test_what_is_renewed_is_offered_without_a_hand(host: MailHost) -> None:
    assert host.is_shut(8080) and not host.is_shut(_HTTP), "the firewall stands"
    timer = host.root.show("certbot.timer", "ActiveState", "UnitFileState", "Triggers")
    assert timer == {
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "Triggers": "certbot.service",
    }
    before = host.kept()
    host.root.systemctl("start", "certbot.service")
    assert host.kept() != before
    wait_until(lambda: _offers_what_it_keeps(host), 20, "the reload", host.journal)


def test_a_refusal_says_why_and_leaves_postfix_as_it_was(host: MailHost) -> None:
    before = host.postfix()
    told = host.set_up("-e", f"mail_host_hostname={_ELSEWHERE}", fails=True)
    assert f"no certificate for {_ELSEWHERE}" in told
    assert "port 80 must be reached" in told
    assert f"http://{_ELSEWHERE}:80/.well-known/acme-challenge/" in told, "what the server said"
    assert host.postfix() == before
    assert host.offered(_SMTP) == host.kept()


def test_certbot_is_asked_once_the_firewall_lets_it_be_answered(host: MailHost) -> None:
    host.set_up("--tags", "firewall", "-e", _FILES)
    assert host.is_shut(_HTTP), "as on a host that brought its own certificate"
    host.set_up("-e", f"mail_host_hostname={_LATER}")
    assert host.offered(_SMTP, _LATER) == host.kept(_LATER)


def _offers_what_it_keeps(host: MailHost) -> bool:
    return {host.offered(port) for port in (_SMTP, _SUBMISSION)} == {host.kept()}
