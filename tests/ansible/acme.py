"""An ACME server in a network of its own: Pebble, the test server of Let's Encrypt, from Debian.

In: a folder, a network and the address there. Out: a server whose directory is `url`, over TLS by
a certificate that nobody trusts yet; it asks port 80 of the name, wherever the name server at its
address leads it, and gives certificates that end soon, so that their renewal is due at once.

Limits: needs the program pebble. It forgets everything when it is stopped.
"""

import json
import shutil
import ssl
import subprocess
import urllib.request
from pathlib import Path

from tests.ansible.network import Network
from tests.sandbox.processes import Child
from tests.sandbox.waiting import wait_until

_DIRECTORY, _MANAGEMENT = 14_000, 15_000
_VALID_S = 20 * 86_400  # certbot renews 30 days before the end
# Every order is validated, and at once; no request is refused to exercise the client.
_SETTINGS = ("PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0", "PEBBLE_WFE_NONCEREJECT=0")


def missing() -> str:
    """Why there can be no ACME server here, or empty."""
    return "" if shutil.which("pebble") else "pebble is not installed"


class Acme:
    """One server; it is started once and ends with `stop`, or with this process."""

    def __init__(self, folder: Path, network: Network, address: str) -> None:
        self._folder, self._network, self._address = folder, network, address
        self.url = f"https://{address}:{_DIRECTORY}/dir"
        self.certificate = folder / "acme.crt"  # what a host must trust to talk to it
        self.root = ""  # what it gives leads to this certificate, as PEM
        self._child: Child | None = None

    def start(self) -> None:
        """Returns when it answers."""
        key, settings = self._folder / "acme.key", self._folder / "pebble.json"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=A company", "-addext", f"subjectAltName=IP:{self._address}",
             "-keyout", str(key), "-out", str(self.certificate)],
            check=True,
            capture_output=True,
        )  # fmt: skip
        said = {
            "listenAddress": f"{self._address}:{_DIRECTORY}",
            "managementListenAddress": f"{self._address}:{_MANAGEMENT}",
            "certificate": str(self.certificate),
            "privateKey": str(key),
            "httpPort": 80,
            "tlsPort": 443,
            "certificateValidityPeriod": _VALID_S,
        }
        settings.write_text(json.dumps({"pebble": said}))
        command = ["pebble", "-config", str(settings), "-dnsserver", f"{self._address}:53"]
        with self._network.inside():
            self._child = Child(["env", *_SETTINGS, *command], log=self._folder / "acme.log")
            wait_until(self._answers, 20, "the ACME server to answer", self.log)

    def stop(self) -> None:
        """Harmless when it does not run."""
        if self._child is not None:
            self._child.stop()

    def log(self) -> str:
        """What it wrote."""
        path = self._folder / "acme.log"
        return path.read_text() if path.exists() else ""

    def _answers(self) -> bool:
        trusting = ssl.create_default_context(cafile=str(self.certificate))
        url = f"https://{self._address}:{_MANAGEMENT}/roots/0"
        try:
            with urllib.request.urlopen(url, timeout=10, context=trusting) as answer:
                self.root = answer.read().decode()
        except OSError:
            return False
        return True
