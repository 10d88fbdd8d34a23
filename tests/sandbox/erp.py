"""The sandbox ERP as a process of its own, which can be stopped and started on the same port.

In: a folder for its SQLite file and log. Out: its URL and token for the configuration, and what
it holds, asked over HTTP like anybody would.
"""

import json
import secrets
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from .postfix import LOOPBACK, free_ports
from .processes import Child
from .waiting import wait_until


class Erp:
    """One ERP; use it as a context manager."""

    def __init__(self, folder: Path, *, host: str = LOOPBACK) -> None:
        self._host = host
        self.token = secrets.token_hex(8)
        self._folder = folder
        self._port = free_ports(1)[0]
        self._child: Child | None = None

    def __enter__(self) -> "Erp":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """base_url for the configuration."""
        return f"http://{self._host}:{self._port}"

    def start(self) -> None:
        """Returns when it answers."""
        command = [
            sys.executable,
            "-m",
            "tests.fakes.erp",
            "--host",
            self._host,
            "--port",
            str(self._port),
        ]
        self._child = Child(
            [*command, "--db", str(self._folder / "erp.sqlite"), "--token", self.token],
            log=self._folder / "erp.log",
        )
        wait_until(self._answers, 20, "the ERP to answer")

    def stop(self) -> None:
        """Returns when it is gone; what it knows stays in its file."""
        if self._child is not None:
            self._child.stop()

    def listing(self, kind: str) -> list[dict[str, Any]]:
        """Everything it holds of one kind: orders, invoices or tickets."""
        with urllib.request.urlopen(f"{self.url}/api/{kind}", timeout=10) as answer:
            records: list[dict[str, Any]] = json.load(answer)
        return records

    def misbehave(self, **fault: object) -> None:
        """Puts a fault of tests/fakes/erp.py in the row that meets the next requests."""
        request = urllib.request.Request(
            f"{self.url}/sandbox/faults", data=json.dumps(fault).encode(), method="POST"
        )
        urllib.request.urlopen(request, timeout=10).close()

    def _answers(self) -> bool:
        try:
            self.listing("orders")
        except (urllib.error.URLError, OSError):
            return False
        return True
