"""The HTTP API over real HTTP: who may what, once, and what can be downloaded safely."""

import contextlib
import hashlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from postroom.actions.wording import all_of
from postroom.classify import features
from postroom.classify.similar import SIZE, packed
from postroom.reading.pool import WorkerLost
from postroom.store import likeness
from tests.api.room import HTML, NOW, RAW, Installation, serving

LINES = [{"sku": "M8x30", "quantity": "10", "unit": "Stk"}]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with serving(Installation(tmp_path_factory.mktemp("api"), failures_per_minute=10_000)) as up:
        yield up


@pytest.fixture(scope="module")
def clients(room: Installation) -> Iterator[dict[str, httpx.Client]]:
    opened = {role: room.client(role) for role in ("", "viewer", "approver", "admin")}
    yield opened
    for client in opened.values():
        client.close()


@pytest.fixture
def viewer(clients: dict[str, httpx.Client]) -> httpx.Client:
    return clients["viewer"]


@pytest.fixture
def approver(clients: dict[str, httpx.Client]) -> httpx.Client:
    return clients["approver"]


@pytest.fixture
def admin(clients: dict[str, httpx.Client]) -> httpx.Client:
    return clients["admin"]


def etag(client: httpx.Client, path: str) -> dict[str, str]:
    return {"If-Match": client.get(path).headers["ETag"]}


def reason(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["reason"]


# Who may what.

LOOKS = ["/me", "/queue", "/messages/1", "/messages/1/text", "/messages/1/raw", "/templates"]
DECIDES = [
    ("POST", "/messages/999/approve", {}),
    ("POST", "/messages/999/reject", {}),
    ("POST", "/messages/999/correct", {"correction": {"category": "hr"}}),
    ("POST", "/messages/999/forward", {"to": "hr@company.test"}),
    ("POST", "/actions/999/retry", {}),
]
ADMINISTERS: list[tuple[str, str, Any]] = [
    ("POST", "/templates/nothing.de/approve", {"digest": "0" * 64}),
    ("POST", "/templates/nothing.de/revoke", {"digest": "0" * 64}),
    ("GET", "/tokens", None),
    ("POST", "/tokens", {"name": "!", "role": "viewer"}),
    ("DELETE", "/tokens/nobody", None),
    ("GET", "/audit", None),
    ("GET", "/audit/verify", None),
    ("GET", "/labels", None),
]


@pytest.mark.parametrize("path", LOOKS)
@pytest.mark.parametrize("role", ["", "viewer", "approver", "admin"])
def test_everybody_with_a_token_may_look(
    room: Installation, clients: dict[str, httpx.Client], role: str, path: str
) -> None:
    number = room.review()
    answer = clients[role].get(path.replace("/1", f"/{number}"))
    assert answer.status_code == (200 if role else 401)


@pytest.mark.parametrize(("method", "path", "body"), DECIDES)
@pytest.mark.parametrize(
    ("role", "status"), [("", 401), ("viewer", 403), ("approver", 404), ("admin", 404)]
)
def test_approvers_decide(
    clients: dict[str, httpx.Client], role: str, status: int, method: str, path: str, body: Any
) -> None:
    answer = clients[role].request(method, path, json=body, headers={"If-Match": "*"})
    assert answer.status_code == status


@pytest.mark.parametrize(("method", "path", "body"), ADMINISTERS)
@pytest.mark.parametrize(("role", "may"), [("", 401), ("viewer", 403), ("approver", 403)])
def test_only_admins_administer(
    clients: dict[str, httpx.Client], role: str, may: int, method: str, path: str, body: Any
) -> None:
    assert clients[role].request(method, path, json=body).status_code == may
    assert clients["admin"].request(method, path, json=body).status_code in (200, 404, 422)


def test_every_route_but_the_description_wants_a_token(
    clients: dict[str, httpx.Client],
) -> None:
    described = clients[""].get("/openapi.json").json()
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert operation["security"], path
            filled = path.replace("{number}", "1").replace("{title}", "a.de")
            filled = filled.removeprefix("/api/v1").replace("{sha256}", "0" * 64)
            filled = filled.replace("{verb}", "hold").replace("{name}", "x")
            answer = clients[""].request(method, filled, json={})
            assert reason(answer) == (401, "unauthorized"), path
            assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer postroom_" + "A" * 43, "Bearer ü"],
)
def test_what_is_no_token_is_refused(room: Installation, header: str) -> None:
    headers = [(b"Authorization", header.encode())] if header else []
    assert httpx.get(f"{room.base}/api/v1/me", headers=headers).status_code == 401


def test_a_token_ends_when_it_expires_or_is_revoked(
    room: Installation, admin: httpx.Client
) -> None:
    old = room.token("old", "viewer", expires_at=NOW + timedelta(days=1))
    made = admin.post("/tokens", json={"name": "anna", "role": "viewer", "days": 1})
    assert made.status_code == 201
    secret = made.json()["token"]
    me = f"{room.base}/api/v1/me"
    assert httpx.get(me, headers={"Authorization": f"Bearer {old}"}).status_code == 401
    mine = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(me, headers=mine).json() == {"name": "anna", "role": "viewer"}
    assert reason(admin.post("/tokens", json={"name": "anna", "role": "admin"})) == (
        409,
        "token-exists",
    )
    assert admin.delete("/tokens/anna").status_code == 200
    assert httpx.get(me, headers=mine).status_code == 401
    assert reason(admin.delete("/tokens/anna")) == (409, "already-revoked")
    told = admin.get("/audit", params={"about": "token anna"}).json()
    assert [(row["who"], row["verb"]) for row in told] == [
        ("admin", "token-add"),
        ("admin", "token-revoke"),
    ]


def test_the_database_has_no_token_in_it(room: Installation) -> None:
    for file in room.config.service.state_dir.glob("postroom.sqlite*"):
        content = file.read_bytes()
        for secret in room.secrets.values():
            assert secret.encode() not in content


def test_guessing_is_stopped(tmp_path: Path) -> None:
    with serving(Installation(tmp_path, failures_per_minute=3)) as room:
        me = f"{room.base}/api/v1/me"
        with room.client("viewer") as viewer:
            assert viewer.get("/me").status_code == 200
            for _ in range(3):
                assert httpx.get(me, headers={"Authorization": "Bearer x"}).status_code == 401
            blocked = viewer.get("/me")
        assert blocked.status_code == 429
        assert 0 < int(blocked.headers["Retry-After"]) <= 61


# Once, and on what was seen.


def test_a_review_is_approved_by_one_of_many_at_once(
    room: Installation, approver: httpx.Client
) -> None:
    number = room.review()
    seen = etag(approver, f"/messages/{number}")
    answers: list[int] = []

    def approve() -> None:
        with room.client("approver") as client:
            answer = client.post(f"/messages/{number}/approve", json={}, headers=seen)
            answers.append(answer.status_code)

    threads = [threading.Thread(target=approve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [200] + [412] * 7
    story = approver.get(f"/messages/{number}").json()
    assert [action["step"] for action in story["actions"]] == ["ticket-create", "reply"]
    assert story["review"]["state"] == "approved"
    again = approver.post(f"/messages/{number}/approve", json={}, headers={"If-Match": "*"})
    assert reason(again) == (409, "not-waiting")
    assert again.json()["detail"] == "approver approved it"


def test_nobody_decides_on_what_they_have_not_seen(
    room: Installation, approver: httpx.Client
) -> None:
    path = f"/messages/{room.review()}"
    seen = etag(approver, path)
    assert reason(approver.post(f"{path}/approve", json={})) == (428, "version-needed")
    wrong = {"If-Match": "twelve"}
    assert reason(approver.post(f"{path}/approve", json={}, headers=wrong)) == (400, "bad-version")
    customer = {"correction": {"customer": {"name": "Kunde GmbH"}}, "reason": "phoned"}
    fixed = approver.post(f"{path}/correct", json=customer, headers=seen)
    assert fixed.json() == {"outcome": "review"}
    for verb, body in (("approve", {}), ("reject", {}), ("correct", customer)):
        answer = approver.post(f"{path}/{verb}", json=body, headers=seen)
        assert reason(answer) == (412, "changed-meanwhile")
    rejected = approver.post(f"{path}/reject", json={}, headers=etag(approver, path))
    assert rejected.json() == {"done": True}


def test_a_correction_lets_an_order_go(room: Installation, approver: httpx.Client) -> None:
    path = f"/messages/{room.review()}"
    body = {"correction": {"category": "purchase_order", "number": path, "lines": LINES}}
    answer = approver.post(f"{path}/correct", json=body, headers=etag(approver, path))
    assert answer.json() == {"outcome": "act"}
    story = approver.get(path).json()
    assert story["order"]["lines"][0]["quantity"] == "10"
    assert [action["step"] for action in story["actions"]] == ["order-create", "reply"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"correction": {}}, "bad-correction"),
        ({"correction": {"category": "nonsense"}}, "no-such-category"),
        ({"correction": {"lines": [{"sku": "a", "quantity": "-1"}]}}, "bad-request"),
        ({"correction": {"lines": [{"quantity": "1"}]}}, "bad-correction"),
        ({"correction": {"category": "hr"}, "extra": 1}, "bad-request"),
        ({}, "bad-request"),
        ([], "bad-request"),
        ("x", "bad-request"),
    ],
)
def test_a_bad_correction_is_named(
    room: Installation, approver: httpx.Client, body: Any, expected: str
) -> None:
    path = f"/messages/{room.review()}"
    answer = approver.post(f"{path}/correct", json=body, headers=etag(approver, path))
    assert reason(answer) == (422, expected)
    assert answer.json()["detail"]


def test_actions_are_moved_once_seen(room: Installation, approver: httpx.Client) -> None:
    number = room.review()
    approver.post(f"/messages/{number}/approve", json={}, headers={"If-Match": "*"})
    action = approver.get(f"/messages/{number}").json()["actions"][0]["action"]
    path = f"/actions/{action}"
    seen = etag(approver, path)
    held = approver.post(f"{path}/hold", json={"reason": "wait"}, headers=seen)
    assert held.json() == {"done": True}
    assert (approver.get(path).json()["state"], approver.get(path).json()["reason"]) == (
        "held",
        "wait",
    )
    stale = approver.post(f"{path}/release", json={}, headers=seen)
    assert reason(stale) == (412, "changed-meanwhile")
    again = approver.post(f"{path}/hold", json={}, headers=etag(approver, path))
    assert reason(again) == (409, "not-possible")
    assert approver.post(f"{path}/eat", json={}, headers=seen).status_code == 422
    for verb in ("release", "drop"):
        answer = approver.post(f"{path}/{verb}", json={}, headers=etag(approver, path))
        assert answer.status_code == 200


def test_mail_is_forwarded_to_colleagues_only(room: Installation, approver: httpx.Client) -> None:
    path = f"/messages/{room.review()}"
    for address, status in (("a@evil.test", 422), ("hr@company.test", 200)):
        answer = approver.post(
            f"{path}/forward", json={"to": address}, headers=etag(approver, path)
        )
        assert answer.status_code == status


# Templates.


def test_a_template_is_approved_as_it_was_seen(room: Installation, admin: httpx.Client) -> None:
    title = "order-confirmation.de"
    seen = admin.get(f"/templates/{title}").json()
    assert (seen["state"], "Guten Tag" in seen["text"]) == ("shipped", True)
    other = admin.post(f"/templates/{title}/approve", json={"digest": "0" * 64})
    assert reason(other) == (412, "template-changed")
    mine = {"digest": seen["digest"]}
    assert admin.post(f"/templates/{title}/approve", json=mine).json() == {"version": 1}
    assert reason(admin.post(f"/templates/{title}/approve", json=mine)) == (409, "already-approved")
    assert admin.post(f"/templates/{title}/revoke", json=mine).status_code == 200
    states = {row["template"]: row["state"] for row in admin.get("/templates").json()}
    assert states[title] == "revoked"
    assert len(states) == len(all_of(room.config.reply))
    assert reason(admin.get("/templates/nothing.de")) == (404, "no-such-template")


# Downloads.


def test_raw_mail_is_saved_not_shown(room: Installation, viewer: httpx.Client) -> None:
    number = room.review()
    answer = viewer.get(f"/messages/{number}/raw")
    assert answer.content == RAW % number or answer.content.startswith(b"From: Anna")
    assert answer.headers["Content-Type"] == "message/rfc822"
    assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="m{number}.eml"')
    assert answer.headers["Content-Security-Policy"].startswith("sandbox;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_message_is_told_with_the_past_ones_like_it(
    room: Installation, viewer: httpx.Client
) -> None:
    past, number = room.review(), room.review()
    vector = packed(np.eye(1, SIZE, dtype=np.float32)[0])
    with room.database.transaction() as connection:
        for one in (past, number):
            likeness.remember(connection, one, features.VERSION, vector)
    (similar,) = viewer.get(f"/messages/{number}").json()["similar"]
    assert similar == {
        "message": past,
        "likeness": 1.0,
        "category": "sales",
        "by": "",
        "subject": "Bestellung 12",
    }


def test_a_part_is_saved_as_octets_under_a_harmless_name(
    room: Installation, viewer: httpx.Client
) -> None:
    number = room.review()
    (part,) = viewer.get(f"/messages/{number}/text").json()["attachments"]
    assert (part["type"], part["sha256"]) == ("text/html", hashlib.sha256(HTML).hexdigest())
    answer = viewer.get(f"/messages/{number}/attachments/{part['sha256']}")
    assert answer.content == HTML
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox;")
    named = answer.headers["Content-Disposition"]
    assert named.startswith("attachment; filename=")
    for mark in ("..", "/", "\\", "%2F", "%E2%80%AE", "\r", "%0D", "%22"):
        assert mark not in named
    missing = viewer.get(f"/messages/{number}/attachments/{'0' * 64}")
    assert reason(missing) == (404, "no-such-attachment")


def test_every_answer_forbids_what_a_page_could_do(clients: dict[str, httpx.Client]) -> None:
    for answer in (
        clients[""].get("/me"),
        clients[""].get("/openapi.json"),
        clients["viewer"].get("/queue"),
        clients["viewer"].get("/nothing"),
        clients["viewer"].post("/me"),
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in answer.headers


# Hostile requests.


def test_a_body_that_is_too_large_is_refused(room: Installation, approver: httpx.Client) -> None:
    path = f"/messages/{room.review()}/approve"
    large = b'{"reason": "' + b"x" * 2_000_000 + b'"}'
    assert approver.post(path, content=large, headers={"If-Match": "*"}).status_code == 413

    def chunks() -> Iterator[bytes]:
        yield from (large[at : at + 65_536] for at in range(0, len(large), 65_536))

    assert approver.post(path, content=chunks(), headers={"If-Match": "*"}).status_code == 413


def half_a_post(room: Installation) -> socket.socket:
    """A connection with a whole head, whose body does not come."""
    _, _, port = room.base.rpartition(":")
    connection = socket.create_connection(("127.0.0.1", int(port)), timeout=30)
    connection.sendall(
        b"POST /api/v1/tokens HTTP/1.1\r\nHost: postroom.test\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    )
    return connection


def test_connections_that_ask_nothing_shut_nobody_out_and_are_closed(
    room: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroom.service.web._HEAD_S", 0.5)
    _, _, port = room.base.rpartition(":")
    with contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", int(port)), timeout=30))
            for _ in range(70)
        ]
        idle[0].sendall(b"GET /api/v1/me HTTP/1.1\r\nHost: ")  # never ends its head
        idle[1].sendall(b"GET /api/v1/me HTTP/1.1\r\nHost: postroom.test\r\n\r\nGET ")
        with room.client("viewer") as viewer:
            assert viewer.get("/me").status_code == 200
        assert all(connection.recv(1) == b"" for connection in (idle[0], *idle[2:]))
        answer = b"".join(iter(lambda: idle[1].recv(65_536), b""))
        assert answer.startswith(b"HTTP/1.1 401 ")


def test_one_request_too_many_is_told_to_come_again(room: Installation) -> None:
    with contextlib.ExitStack() as stack, room.client("viewer") as viewer:
        for _ in range(64):
            stack.enter_context(half_a_post(room))
        busy = wait_for(lambda: viewer.get("/me"), lambda answer: answer.status_code == 503)
        assert reason(busy) == (503, "busy")
        assert int(busy.headers["Retry-After"]) > 0
        assert busy.headers["X-Content-Type-Options"] == "nosniff"
        stack.close()
        wait_for(lambda: viewer.get("/me"), lambda answer: answer.status_code == 200)


def test_a_body_that_does_not_come_gives_its_place_back(
    room: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroom.api.edge._BODY_S", 0.2)
    with half_a_post(room) as connection:
        assert connection.recv(65_536).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "path",
    ["/messages/0", "/messages/-1", "/messages/99999999999", "/messages/1e3", "/messages/%00"],
)
def test_a_number_that_is_none_is_refused(viewer: httpx.Client, path: str) -> None:
    assert viewer.get(path).status_code == 422


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"null", b"[[[[[[", b"{" * 100_000])
def test_a_body_that_is_no_json_is_refused(
    room: Installation, approver: httpx.Client, body: bytes
) -> None:
    headers = {"If-Match": "*", "Content-Type": "application/json"}
    path = f"/messages/{room.review()}/approve"
    assert approver.post(path, content=body, headers=headers).status_code == 422


def test_what_people_did_is_told_under_the_token_s_name(
    room: Installation, approver: httpx.Client, admin: httpx.Client
) -> None:
    number = room.review()
    body = {"reason": "fine"}
    approver.post(f"/messages/{number}/approve", json=body, headers={"If-Match": "*"})
    (row,) = admin.get("/audit", params={"about": f"m{number}"}).json()
    assert (row["who"], row["verb"], row["details"]["reason"]) == ("approver", "approve", "fine")
    assert admin.get("/audit/verify").json()["sound"] is True
    labels = admin.get("/labels").json()
    assert (labels[-1]["message"], labels[-1]["category"]) == (number, "sales")
    assert admin.get("/labels", params={"after": labels[-1]["id"]}).json() == []


@pytest.mark.slow
def test_the_part_of_the_service_serves_and_ends_in_order(tmp_path: Path) -> None:
    room = Installation(tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    toml = tmp_path / "postroom.toml"
    toml.write_text(
        f'[service]\nstate_dir = "{tmp_path}"\nrun_dir = "{tmp_path}"\n[metrics]\nlisten = ""\n'
        f'[api]\nlisten = "127.0.0.1:{port}"\n'
    )
    command = [sys.executable, "-P", "-m", "postroom", "serve", "--only", "api"]
    process = subprocess.Popen([*command, "--config", str(toml)], stdout=subprocess.DEVNULL)
    try:
        room.base = f"http://127.0.0.1:{port}"
        with room.client("viewer") as client:
            me = wait_for(lambda: client.get("/me"))
            assert me.json() == {"name": "viewer", "role": "viewer"}
            assert "Server" not in me.headers
            number = room.review()
            text = client.get(f"/messages/{number}/text").json()  # read in a worker process
            assert text["new_text"].startswith("Bitte liefern Sie")
    finally:
        process.terminate()
        assert process.wait(60) == 0
        room.database.close()


def wait_for(
    ask: Callable[[], httpx.Response], good: Callable[[httpx.Response], bool] = lambda _: True
) -> httpx.Response:
    """The first good answer. Raises httpx.ConnectError or TimeoutError after a minute."""
    until = time.monotonic() + 60
    while True:
        try:
            answer = ask()
            if good(answer):
                return answer
            if time.monotonic() > until:
                raise TimeoutError(answer.text)
        except httpx.ConnectError:
            if time.monotonic() > until:
                raise
        time.sleep(0.05)


def test_a_message_that_breaks_its_reader_is_said_to_be_unreadable(
    room: Installation, approver: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise WorkerLost("worker-timeout")

    monkeypatch.setattr("postroom.jobs.read_message", lost)
    path = f"/messages/{room.review()}"
    assert reason(approver.get(f"{path}/text")) == (422, "worker-timeout")
    approved = approver.post(f"{path}/approve", json={}, headers={"If-Match": "*"})
    assert reason(approved) == (422, "worker-timeout")
    rejected = approver.post(f"{path}/reject", json={}, headers={"If-Match": "*"})
    assert rejected.status_code == 200
