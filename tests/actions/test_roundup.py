"""A real Roundup: tickets, made once."""

import asyncio
import base64
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from postroom.actions.erp.connect import connect
from postroom.actions.erp.contract import ErpRequest, NotYet
from postroom.config import TicketsSection
from postroom.failure import PermanentFailure
from tests.erps import orders, server
from tests.fakes import post

pytestmark = pytest.mark.slow
EARLIER = post.NOW - timedelta(hours=1)


@pytest.fixture(scope="module")
def settings() -> Iterator[TicketsSection]:
    build = server.prepared("roundup")
    with tempfile.TemporaryDirectory(prefix="roundup-") as name, ExitStack() as stack:
        url = stack.enter_context(server.roundup(Path(name), build))
        (Path(name) / "password").write_text(server.PASSWORD)
        yield TicketsSection(
            kind="roundup", base_url=url, user="admin", timeout=60,
            token_file=Path(name) / "password",
        )  # fmt: skip


def send(settings: TicketsSection, request: ErpRequest) -> str:
    async def conversation() -> str:
        tracker = connect(settings, post.HandClock())
        try:
            return await tracker.send(request)
        finally:
            await tracker.close()

    return asyncio.run(conversation())


def ask(settings: TicketsSection, path: str, **params: str) -> Any:
    login = base64.b64encode(f"admin:{server.PASSWORD}".encode()).decode()
    base = settings.base_url.rstrip("/")
    headers = {"Authorization": f"Basic {login}", "X-Requested-With": "rest", "Origin": base}
    headers["Referer"] = base + "/"
    answer = httpx.get(f"{base}/rest/data/{path}", params=params, headers=headers, timeout=60)
    return answer.json()["data"]


def test_a_ticket_becomes_an_issue_with_its_text(settings: TicketsSection) -> None:
    request = orders.ticket(
        "Насос шумит", priority="high",
        attachments=[{"filename": "pump.jpg", "type": "image/jpeg", "size": 5, "url": ""}],
    )  # fmt: skip
    issue = send(settings, request)
    held = ask(settings, f"issue/{issue}")["attributes"]
    assert held["title"] == "Насос шумит"
    (message,) = held["messages"]
    text = ask(settings, f"msg/{message['id']}")["attributes"]
    assert text["messageid"] == f"<{request.key}@postroom>"
    assert "It hums since Monday." in text["content"]["link"] or "link" in text["content"]


def test_the_same_request_again_is_the_same_issue(settings: TicketsSection) -> None:
    first = send(settings, orders.ticket("Twice"))
    again = ErpRequest(
        **{f: getattr(orders.ticket("Twice"), f) for f in ("step", "key", "body")},
        repeated=True, previous_at=EARLIER,
    )  # fmt: skip
    assert send(settings, again) == first
    assert len(ask(settings, "issue", title="Twice")["collection"]) == 1


def test_a_message_without_its_issue_is_taken_up(settings: TicketsSection) -> None:
    """What an attempt leaves that died between the two requests."""
    request = orders.ticket("Half done")
    tracker = connect(settings, post.HandClock())

    async def message_only() -> str:
        made = await tracker._message(request.key, __import__("json").loads(request.body))  # type: ignore[attr-defined]
        await tracker.close()
        return str(made)

    message = asyncio.run(message_only())
    issue = send(settings, request)
    held = ask(settings, f"issue/{issue}")["attributes"]
    assert [one["id"] for one in held["messages"]] == [message]


def test_it_waits_for_an_earlier_request(settings: TicketsSection) -> None:
    now = post.NOW - timedelta(seconds=1)
    plain = orders.ticket("Settling")
    request = ErpRequest(
        step=plain.step, key=plain.key, body=plain.body, repeated=True, previous_at=now
    )
    with pytest.raises(NotYet):
        send(settings, request)


def test_a_wrong_password_is_permanent(settings: TicketsSection, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong")
    wrong = settings.model_copy(update={"token_file": tmp_path / "password"})
    with pytest.raises(PermanentFailure, match="erp-http-401"):
        send(wrong, orders.ticket("No entry"))


def test_roundup_takes_tickets_only(settings: TicketsSection) -> None:
    with pytest.raises(PermanentFailure, match="erp-cannot"):
        send(settings, orders.order())
