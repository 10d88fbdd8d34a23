"""A real HTTP server of ours on loopback, and a message in review for each test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from postroom.api import tokens
from postroom.api.app import application
from postroom.audit import AuditLog
from postroom.classification import Classification
from postroom.config import Config
from postroom.decision import Decision, Outcome, Step
from postroom.envelope import Envelope
from postroom.order import Order
from postroom.service.web import web_server
from postroom.store import messages
from postroom.verdict import DmarcResult, Result, Verdict
from tests.fakes.store import a_database

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HTML = b"<script>alert(1)</script>"
RAW = (
    b"From: Anna <anna@kunde.test>\r\nTo: info@company.test\r\nSubject: Bestellung 12\r\n"
    b"Message-ID: <%d@kunde.test>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n'
    b"Bitte liefern Sie 10 Stk. M8x30.\r\n--b\r\nContent-Type: text/html\r\n"
    b"Content-Disposition: attachment; filename*=utf-8''..%%2F%%E2%%80%%AEgpj.evil%%22%%0D.html"
    b"\r\n\r\n" + HTML + b"\r\n--b--\r\n"
)


class Installation:
    """A database with tokens for each role, and a client for each."""

    def __init__(self, folder: Path, **api: object) -> None:
        self.database = a_database(folder)
        self.config = Config.model_validate(
            {
                "service": {
                    "mailboxes": ["info@company.test"],
                    "state_dir": folder,
                    "run_dir": folder,
                },
                "erp": {"base_url": "http://127.0.0.1:9"},
                "reading": {"workers": 0},
                "api": {"listen": "127.0.0.1:0", **api},
            }
        )
        self.audit = AuditLog(self.config)
        self.secrets = {role: self.token(role, role) for role in tokens.ROLES}
        self.base = ""
        self._count = 0

    def token(self, name: str, role: str, expires_at: datetime | None = None) -> str:
        with self.database.transaction() as connection:
            return tokens.add(connection, name, role, now=NOW, who="test", expires_at=expires_at)

    def client(self, role: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.secrets[role]}"} if role else {}
        return httpx.Client(base_url=f"{self.base}/api/v1", headers=headers, timeout=60)

    def review(self) -> int:
        """A message in review, unsure whether it is a sales enquiry."""
        self._count += 1
        new = messages.NewMessage(
            digest=f"{self._count:064d}",
            received_at=NOW,
            raw=RAW % self._count,
            message_id=f"<{self._count}@kunde.test>",
            author="anna@kunde.test",
            subject="Bestellung 12",
            envelope=Envelope(sender="anna@kunde.test", recipients=("info@company.test",)),
            verdict=Verdict(
                author="anna@kunde.test",
                dmarc=DmarcResult(result=Result.PASS, domain="kunde.test"),
            ),
            classification=Classification(category="sales", confidence=0.6),
            order=Order(),
            decision=Decision(
                outcome=Outcome.REVIEW,
                category="sales",
                steps=(Step.TICKET_CREATE, Step.REPLY),
                template="ticket-acknowledgement",
                ticket_kind="lead",
                reasons=("unsure: sales at 0.60, below the threshold 0.85",),
            ),
        )
        with self.database.transaction() as connection:
            return messages.take(connection, new, ["info@company.test"], who="lmtp").id


@contextmanager
def serving(installation: Installation) -> Iterator[Installation]:
    """The API over real HTTP, on a port the system chose."""
    server = web_server(application(installation.config), "127.0.0.1:0")
    ready = threading.Event()
    ports: list[int] = []
    startup = server.startup

    async def started(sockets: list[object] | None = None) -> None:
        await startup(sockets)  # type: ignore[arg-type]
        ports.append(server.servers[0].sockets[0].getsockname()[1])
        ready.set()

    server.startup = started  # type: ignore[method-assign, assignment]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert ready.wait(60)
        installation.base = f"http://127.0.0.1:{ports[0]}"
        yield installation
    finally:
        server.should_exit = True
        thread.join(30)
        installation.database.close()
