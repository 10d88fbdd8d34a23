"""A sandbox ERP: the generic contract over real HTTP on the loopback, kept in SQLite.

In: POST /api/orders/create, /api/invoices/update, /api/tickets/create with Bearer token and
Idempotency-Key. Out: 201 {"id": "SO-1001"}, 200 for the same key and body again, 422 for the
same key with another body, 400 for a body that the JSON Schema does not describe, 401 without
the token. GET /api/orders (invoices, tickets) lists what exists, oldest first; GET /api/calls
tells how often each path was asked.

Faults are put in a row and meet the next POSTs, one each: from Python with `faults.append`, from
outside with POST /sandbox/faults {"kind": "status", "status": 500, "times": 3}.

    python -m tests.fakes.erp --port 8090 --db erp.sqlite --token secret

Limits: one process; what it knows survives a restart when --db names a file.
"""

import argparse
import json
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from jsonschema import Draft202012Validator

_SCHEMAS = Path(__file__).parents[2] / "actions" / "erp" / "schema"
_KINDS = {  # path -> (listing, schema, prefix of the ids, first number)
    "/api/orders/create": ("orders", "order.json", "SO", 1001),
    "/api/invoices/update": ("invoices", "invoice.json", "INV", 2001),
    "/api/tickets/create": ("tickets", "ticket.json", "T", 301),
}
_TABLE = """
CREATE TABLE IF NOT EXISTS record (
    listing TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL UNIQUE, body TEXT NOT NULL, created_at REAL NOT NULL,
    PRIMARY KEY (listing, number)
)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to one request instead of a proper answer."""

    kind: Literal["status", "hang", "garbage", "no-id", "drop-before", "drop-after", "slow"]
    status: int = 500  # for "status"
    headers: dict[str, str] = field(default_factory=dict)  # such as Retry-After, for "status"
    seconds: float = 30.0  # for "hang" (no answer at all) and "slow" (before the answer)
    committed: bool = False  # for "hang" and "garbage": after the record was made


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One POST as it arrived."""

    path: str
    key: str
    body: bytes
    agent: str


class SandboxErp:
    """The ERP; use it as a context manager, or `start` and `close` it."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        db: str = ":memory:",
        token: str = "sandbox",
    ) -> None:
        self.token = token
        self._host = host
        self.faults: deque[Fault] = deque()
        self.calls: list[Call] = []
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self._database = sqlite3.connect(db, check_same_thread=False, isolation_level=None)
        self._database.execute(_TABLE)
        self._validators = {
            name: Draft202012Validator(
                json.loads((_SCHEMAS / name).read_text(encoding="utf-8")),
                format_checker=Draft202012Validator.FORMAT_CHECKER,
            )
            for _, name, _, _ in _KINDS.values()
        }
        self._server = _Server((host, port), _Conversation)
        self._server.erp = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """base_url for the configuration."""
        return f"http://{self._host}:{self._server.server_address[1]}"

    def start(self) -> "SandboxErp":
        """Answers from now on."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stops answering; ends requests that hang."""
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._database.close()

    def __enter__(self) -> "SandboxErp":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def records(self, listing: str) -> list[dict[str, Any]]:
        """What exists: orders, invoices or tickets, with their ids, oldest first."""
        with self.lock:
            rows = self._database.execute(
                "SELECT id, body, created_at FROM record WHERE listing = ? ORDER BY number",
                (listing,),
            ).fetchall()
        return [{"id": id_, "created_at": at, **json.loads(body)} for id_, body, at in rows]

    def effective(self, listing: str = "orders") -> int:
        """How many orders, invoices or tickets really exist."""
        with self.lock:
            rows = self._database.execute(
                "SELECT count(*) FROM record WHERE listing = ?", (listing,)
            )
            return int(rows.fetchone()[0])

    def take(self, path: str, key: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and answer for one well-formed request; commits before it returns."""
        listing, schema, prefix, first = _KINDS[path]
        try:
            fields = json.loads(body)
        except ValueError:
            return 400, {"error": "no JSON"}
        problems = [error.message for error in self._validators[schema].iter_errors(fields)]
        if problems or not key:
            return 400, {"error": problems or ["Idempotency-Key is missing"]}
        with self.lock:
            known = self._database.execute(
                "SELECT id, body FROM record WHERE key = ?", (key,)
            ).fetchone()
            if known:
                same = known[1].encode() == body
                return (200, {"id": known[0]}) if same else (422, {"error": "key used before"})
            number = self._database.execute(
                "SELECT coalesce(max(number) + 1, ?) FROM record WHERE listing = ?",
                (first, listing),
            ).fetchone()[0]
            identifier = f"{prefix}-{number}"
            self._database.execute(
                "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)",
                (listing, number, identifier, key, body.decode(), time.time()),
            )
        return 201, {"id": identifier}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    erp: SandboxErp

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that was killed is no error here."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    @property
    def _erp(self) -> SandboxErp:
        assert isinstance(self.server, _Server)
        return self.server.erp

    def do_POST(self) -> None:
        erp = self._erp
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        if len(body) < length:
            return self._hang_up()  # the caller died in the middle: this was no request
        if self.path == "/sandbox/faults":
            wish = json.loads(body)
            times = int(wish.pop("times", 1))
            erp.faults.extend([Fault(**wish)] * times)
            return self._answer(200, {"waiting": len(erp.faults)})
        key = self.headers.get("Idempotency-Key", "")
        with erp.lock:
            erp.calls.append(
                Call(path=self.path, key=key, body=body, agent=self.headers.get("User-Agent", ""))
            )
        if self.headers.get("Authorization") != f"Bearer {erp.token}":
            return self._answer(401, {"error": "token"})
        if self.path not in _KINDS:
            return self._answer(404, {"error": "no such path"})
        try:
            fault = erp.faults.popleft()
        except IndexError:
            return self._answer(*erp.take(self.path, key, body))
        return self._misbehave(fault, key, body)

    def do_GET(self) -> None:
        erp = self._erp
        listing = self.path.removeprefix("/api/")
        if listing == "calls":
            with erp.lock:
                return self._answer(200, dict(Counter(call.path for call in erp.calls)))
        if listing in [names[0] for names in _KINDS.values()]:
            return self._answer(200, erp.records(listing))
        return self._answer(404, {"error": "no such path"})

    def _misbehave(self, fault: Fault, key: str, body: bytes) -> None:
        erp = self._erp
        match fault.kind:
            case "status":
                # What real ones do: their insides in the body, for nobody to log.
                self._answer(fault.status, {"trace": "Traceback: secret"}, fault.headers)
            case "hang":
                if fault.committed:
                    erp.take(self.path, key, body)
                erp.closing.wait(fault.seconds)
                self._hang_up()
            case "slow":
                erp.closing.wait(fault.seconds)
                self._answer(*erp.take(self.path, key, body))
            case "garbage":
                if fault.committed:
                    erp.take(self.path, key, body)
                self._send(200, b"<html>\xff not json", {})
            case "no-id":
                erp.take(self.path, key, body)
                self._answer(201, {"status": "ok"})
            case "drop-before":
                self._hang_up()
            case "drop-after":
                erp.take(self.path, key, body)
                self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True

    def _answer(self, status: int, answer: object, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(answer, ensure_ascii=False).encode(), headers or {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the caller went away, killed perhaps

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps quiet; `calls` has it all."""


def main() -> None:
    """Runs until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="A sandbox ERP on the loopback")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--db", default=":memory:")
    parser.add_argument("--token", default="sandbox")
    options = parser.parse_args()
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with SandboxErp(
        host=options.host, port=options.port, db=options.db, token=options.token
    ) as erp:
        print(erp.url, flush=True)
        signal.sigwait(signals)


if __name__ == "__main__":
    main()
