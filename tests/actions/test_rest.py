"""The generic ERP over real HTTP: which answer means what."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from postroom import __version__
from postroom.actions import plan as planning
from postroom.actions.erp.contract import ErpRequest, RetryLater
from postroom.actions.erp.rest import RestErp
from postroom.config import ErpSection
from postroom.decision import Step
from postroom.failure import PermanentFailure, TemporaryFailure
from tests.fakes import post
from tests.fakes.erp import Fault, SandboxErp


@pytest.fixture
def sandbox() -> Iterator[SandboxErp]:
    with SandboxErp(token="right") as erp:
        yield erp


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("right\nsecond line\n")
    return path


def request(number: str = "17") -> ErpRequest:
    action = planning.plan(
        post.decision(), message=post.message(), verdict=post.verdict(),
        order=post.order(number=number), classification=post.classification(),
        envelope=post.envelope(), digest=number, received_at=post.NOW, config=post.config(),
    )[0]  # fmt: skip
    return ErpRequest(step=action.step, key=action.key, body=action.body, repeated=False)


@asynccontextmanager
async def connector(url: str, token: Path | None, timeout: float = 5.0) -> AsyncIterator[RestErp]:
    config = ErpSection(base_url=url, token_file=token, timeout=timeout)
    erp = RestErp(config, post.HandClock())
    try:
        yield erp
    finally:
        await erp.close()


def send(url: str, token: Path | None, *requests: ErpRequest, timeout: float = 5.0) -> list[str]:
    async def talk() -> list[str]:
        async with connector(url, token, timeout) as erp:
            return [await erp.send(one) for one in requests]

    return asyncio.run(talk())


def test_a_new_order_gets_its_number(sandbox: SandboxErp, token: Path) -> None:
    assert send(sandbox.url, token, request()) == ["SO-1001"]
    (order,) = sandbox.records("orders")
    assert order["order_number"] == "17"
    (call,) = sandbox.calls
    assert call.agent == f"postroom/{__version__}"
    assert (call.key, call.body) == (request().key, request().body.encode())


def test_the_same_request_again_is_the_same_order(sandbox: SandboxErp, token: Path) -> None:
    assert send(sandbox.url, token, request(), request()) == ["SO-1001", "SO-1001"]
    assert sandbox.effective() == 1


def test_every_step_has_its_path(sandbox: SandboxErp, token: Path) -> None:
    order = request()
    for step, path in [
        (Step.INVOICE_UPDATE, "/api/invoices/update"),
        (Step.TICKET_CREATE, "/api/tickets/create"),
    ]:
        # An order is no invoice, so the schema refuses it; what counts is where it arrived.
        with pytest.raises(PermanentFailure, match="erp-http-400"):
            wrong = ErpRequest(step=step, key=order.key, body=order.body, repeated=False)
            send(sandbox.url, token, wrong)
        assert sandbox.calls[-1].path == path


def test_the_same_key_with_another_body_is_refused_for_good(
    sandbox: SandboxErp, token: Path
) -> None:
    first, other = request("17"), request("18")
    other = ErpRequest(step=other.step, key=first.key, body=other.body, repeated=False)
    with pytest.raises(PermanentFailure, match="erp-http-422"):
        send(sandbox.url, token, first, other)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (202, TemporaryFailure),
        (204, TemporaryFailure),
        (301, PermanentFailure),
        (302, PermanentFailure),
        (307, PermanentFailure),
        (400, PermanentFailure),
        (401, PermanentFailure),
        (403, PermanentFailure),
        (404, PermanentFailure),
        (408, TemporaryFailure),
        (409, TemporaryFailure),
        (410, PermanentFailure),
        (412, PermanentFailure),
        (413, PermanentFailure),
        (422, PermanentFailure),
        (425, TemporaryFailure),
        (429, TemporaryFailure),
        (500, TemporaryFailure),
        (502, TemporaryFailure),
        (503, TemporaryFailure),
        (504, TemporaryFailure),
        (599, TemporaryFailure),
    ],
)
def test_each_status_is_temporary_or_permanent_as_the_contract_says(
    sandbox: SandboxErp, token: Path, status: int, kind: type[Exception]
) -> None:
    headers = {"Location": f"{sandbox.url}/elsewhere"} if 300 <= status < 400 else {}
    sandbox.faults.append(Fault(kind="status", status=status, headers=headers))
    with pytest.raises(kind, match=f"^erp-http-{status}$"):
        send(sandbox.url, token, request())
    assert len(sandbox.calls) == 1  # redirects are not followed


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("99999999999", 86_400),
        (format_datetime(post.NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(post.NOW - timedelta(seconds=90), usegmt=True), 0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_read_as_seconds_or_as_a_date(
    sandbox: SandboxErp, token: Path, status: int, value: str, seconds: float
) -> None:
    sandbox.faults.append(Fault(kind="status", status=status, headers={"Retry-After": value}))
    with pytest.raises(RetryLater) as failure:
        send(sandbox.url, token, request())
    assert failure.value.retry_after_s == seconds


@pytest.mark.parametrize(
    "value",
    [
        *("soon", "-5", "1.5", "١٢", "Fri, 99 Foo 2026", ""),
        "Mon, 30 Nov 99999999999999999999 09:00:00 GMT",
        "Mon, 30 Nov 2026 09:00:00 +99999999999999999999",
    ],
)
def test_a_senseless_retry_after_is_no_more_than_temporary(
    sandbox: SandboxErp, token: Path, value: str
) -> None:
    headers = {"Retry-After": value.encode().decode("latin-1")}
    sandbox.faults.append(Fault(kind="status", status=429, headers=headers))
    with pytest.raises(TemporaryFailure) as failure:
        send(sandbox.url, token, request())
    assert not isinstance(failure.value, RetryLater)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(kind="garbage"), "erp-garbage"),
        (Fault(kind="garbage", committed=True), "erp-garbage"),
        (Fault(kind="no-id"), "erp-no-id"),
        (Fault(kind="drop-before"), "erp-connection-lost"),
        (Fault(kind="drop-after"), "erp-connection-lost"),
        (Fault(kind="hang", seconds=20), "erp-timeout"),
        (Fault(kind="hang", seconds=20, committed=True), "erp-timeout"),
    ],
)
def test_what_nobody_knows_is_asked_again_under_the_same_key(
    sandbox: SandboxErp, token: Path, fault: Fault, reason: str
) -> None:
    sandbox.faults.append(fault)
    with pytest.raises(TemporaryFailure, match=f"^{reason}$"):
        send(sandbox.url, token, request(), timeout=0.3)
    assert send(sandbox.url, token, request()) == ["SO-1001"]
    assert sandbox.effective() == 1


def test_nobody_at_home_is_temporary(token: Path) -> None:
    with pytest.raises(TemporaryFailure, match="erp-unreachable"):
        send("http://127.0.0.1:1", token, request())


# What our sandbox is too well-behaved to say: raw answers.


@asynccontextmanager
async def raw_server(raw: bytes, finished: threading.Event | None = None) -> AsyncIterator[str]:
    """Answers with these bytes; drips blanks after them until `finished`, where one is given."""

    class Conversation(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.close_connection = True
            try:
                self.wfile.write(raw)
                while finished and not finished.wait(0.05):
                    self.wfile.write(b" ")
            except OSError:
                return

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Conversation)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(body: bytes, extra: str = "") -> bytes:
    return f"HTTP/1.1 201 Created\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (answer(b'{"id": "A-1"}'), "A-1"),
        (answer(b'{"id": 4711}'), "4711"),
        (answer(b'{"id": ""}'), "erp-no-id"),
        (answer(b'{"id": null}'), "erp-no-id"),
        (answer(b'{"id": true}'), "erp-no-id"),
        (answer(b'{"id": {"x": 1}}'), "erp-no-id"),
        (answer(b'{"id": "a\\nb"}'), "erp-no-id"),
        (answer(b'{"id": "' + b"x" * 300 + b'"}'), "erp-no-id"),
        (answer(b'["id"]'), "erp-no-id"),
        (answer(b""), "erp-garbage"),
        (answer(b"[" * 60_000), "erp-garbage"),
        (answer(b'{"id": "A-1", "x": "' + b"x" * 70_000 + b'"}'), "erp-garbage"),
        (answer(b"\x1f\x8b\x08", "Content-Encoding: gzip\r\n"), "erp-garbage"),
        (b"SMTP? 220\r\n", "erp-connection-lost"),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{", "erp-connection-lost"),
    ],
)
def test_only_a_usable_id_is_an_answer(token: Path, raw: bytes, outcome: str) -> None:
    async def talk() -> str:
        async with raw_server(raw) as url, connector(url, token) as erp:
            try:
                return await erp.send(request())
            except TemporaryFailure as failure:
                return failure.reason

    assert asyncio.run(talk()) == outcome


def test_an_answer_that_drips_for_ever_ends_at_the_timeout(token: Path) -> None:
    stop = threading.Event()

    async def talk() -> None:
        head = b"HTTP/1.1 201 Created\r\nContent-Length: 60000\r\n\r\n"
        async with raw_server(head, stop) as url:
            try:
                async with connector(url, token, timeout=0.4) as erp:
                    with pytest.raises(TemporaryFailure, match="erp-timeout"):
                        await erp.send(request())
            finally:
                stop.set()

    started = datetime.now(UTC)
    asyncio.run(talk())
    assert datetime.now(UTC) - started < timedelta(seconds=5)


@pytest.mark.parametrize("content", ["", "\n", "с кириллицей", "a\x07b"])
def test_a_token_that_cannot_be_used_is_temporary(
    sandbox: SandboxErp, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "bad"
    path.write_text(content, encoding="utf-8")
    for file in (path, tmp_path / "missing"):
        with pytest.raises(TemporaryFailure, match="erp-token-unreadable"):
            send(sandbox.url, file, request())
    assert sandbox.calls == []


def test_a_wrong_token_is_permanent(sandbox: SandboxErp, tmp_path: Path) -> None:
    path = tmp_path / "wrong"
    path.write_text("wrong")
    with pytest.raises(PermanentFailure, match="erp-http-401"):
        send(sandbox.url, path, request())
