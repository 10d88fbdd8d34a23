"""What happened, told elsewhere: the right events, each once, in order, whatever dies meanwhile."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from postroom.actions import desk, events_feed, outbox
from postroom.actions.events import TYPES, Happening, cloud_event, event_type, failed_entry
from postroom.actions.events_kafka import KafkaSink
from postroom.actions.events_publish import Publisher, RedisSink, Sink, WebhookSink
from postroom.actions.events_webhook import WebhookPerformer, secrets_in, signature, wants
from postroom.actions.outbox import Done, GivenUp, Withheld
from postroom.config import Config, WebhookSection
from postroom.decision import Action, Step
from postroom.failure import Failure, PermanentFailure, TemporaryFailure
from postroom.store import gonehooks
from postroom.store.engine import Database
from postroom.store.schema import ACTION
from tests.fakes import post, redis_server

pytestmark = pytest.mark.slow  # the file as a whole takes seconds

SECRET = b"a secret of at least twenty-four octets"


def happening(**changes: Any) -> Happening:
    facts: dict[str, Any] = {
        "id": 7, "at": post.NOW, "kind": "action", "old": "leased", "new": "done", "who": "worker",
        "reason": "", "message": 3, "message_id": "<17@snab.example>",
        "author": "ivan@snab.example", "category": "purchase_order", "mailbox": post.INFO,
        "received_at": post.NOW, "action": 5, "step": "order-create", "key": "k", "result": "SO-1",
    }  # fmt: skip
    return Happening(**facts | changes)


def a_life(database: Database, name: str, step: Step = Step.ORDER_CREATE) -> tuple[int, int]:
    """A message with an action that is pending; both numbers."""
    number = post.take(database, name)
    with database.transaction() as connection:
        (action,) = outbox.put(
            connection, number, [post.simple_action(name, step)], post.NOW, "lmtp"
        )
    return number, action


def end(database: Database, end: Done | GivenUp | Withheld) -> None:
    for leased in outbox.lease(database, post.NOW, 10, 60.0, "test"):
        outbox.finish(database, leased, end, post.NOW)


# Which events there are, and what they say.


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "order.created"),
        ({"new": "dead"}, "order.failed"),
        ({"new": "dropped"}, "order.dropped"),
        ({"new": "waiting"}, ""),
        ({"new": "leased", "old": "pending"}, ""),
        ({"new": "pending", "old": "dead"}, ""),
        ({"step": "invoice-update"}, "invoice.updated"),
        ({"step": "ticket-create"}, "ticket.created"),
        ({"step": "ticket-create", "new": "dead"}, "ticket.failed"),
        ({"step": "reply"}, "reply.sent"),
        ({"step": "reply", "new": "dropped", "reason": "reply-withheld:loop"}, "reply.withheld"),
        ({"step": "reply", "new": "dropped", "reason": "after-dropped"}, "reply.dropped"),
        ({"step": "deliver"}, ""),
        ({"step": "webhook"}, ""),  # or each event would make another
        ({"step": "webhook", "new": "dead"}, ""),
        ({"kind": "message", "old": "", "new": "taken"}, "email.received"),
        ({"kind": "message", "old": "taken", "new": "corrected"}, ""),
        ({"kind": "review", "old": "", "new": "waiting"}, "review.waiting"),
        ({"kind": "review", "old": "waiting", "new": "approved"}, "review.approved"),
        ({"kind": "review", "old": "waiting", "new": "rejected"}, "review.rejected"),
    ],
)
def test_each_thing_that_happens_has_its_event(changes: dict[str, Any], expected: str) -> None:
    kind = event_type(happening(**changes))
    assert kind == expected
    assert not kind or kind in TYPES


def test_an_event_is_a_cloud_event() -> None:
    event = json.loads(cloud_event(happening(), "mx.firma.test"))
    assert {name: event[name] for name in event if name != "data"} == {
        "specversion": "1.0",
        "id": "7",
        "source": "/postroom/mx.firma.test",
        "type": "order.created",
        "subject": "a5",
        "time": "2026-11-20T12:00:00+00:00",
        "datacontenttype": "application/json",
    }
    assert event["data"]["result"] == "SO-1"
    assert event["data"]["external_ref"] == "k"
    assert event["data"]["mailbox"] == post.INFO


def test_what_a_message_says_is_in_no_event(database: Database) -> None:
    a_life(database, "d1")
    end(database, Done(result="SO-1"))
    for one in events_feed.after(database, 0, 100):
        told = cloud_event(one, "mx")
        assert "Заявка" not in told
        assert "order\\r\\n" not in told


@pytest.mark.parametrize(
    ("reason", "token"),
    [
        ("erp-customer-unknown: anna@kunde.test", "erp-customer-unknown"),
        ("erp-product-unknown: line 1: 7 bolts: long ones", "erp-product-unknown"),
        ("erp-rejected", "erp-rejected"),
        ("", ""),
    ],
)
def test_of_a_reason_the_token_alone_is_published(reason: str, token: str) -> None:
    """Also of rows that were written when events had the whole of it."""
    dead = happening(new="dead", reason=reason)
    assert json.loads(cloud_event(dead, "mx"))["data"]["reason"] == token
    assert failed_entry(dead)["reason"] == token
    asked = happening(kind="review", old="", new="waiting", action=None, reason=reason)
    assert json.loads(cloud_event(asked, "mx"))["data"]["reason"] == token
    shut = happening(step="reply", new="dropped", reason="reply-withheld:loop")
    assert json.loads(cloud_event(shut, "mx"))["data"]["reason"] == "loop"


# The feed.


def test_the_feed_is_the_story_in_order(database: Database) -> None:
    a_life(database, "d1")
    end(database, Done(result="SO-1"))
    found = events_feed.after(database, 0, 100)
    assert [event_type(one) for one in found] == ["email.received", "", "", "order.created"]
    assert [one.id for one in found] == sorted(one.id for one in found)
    assert events_feed.after(database, found[1].id, 1) == [found[2]]


def test_a_new_sink_is_not_told_the_past(database: Database) -> None:
    a_life(database, "d1")
    place = events_feed.position(database, "x")
    assert events_feed.after(database, place, 10) == []
    a_life(database, "d2")
    assert events_feed.position(database, "x") == place
    assert len(events_feed.after(database, place, 10)) == 2


# Redis.


@pytest.fixture
def server() -> Iterator[redis_server.RedisServer]:
    if redis_server.missing():
        pytest.skip(redis_server.missing())
    with tempfile.TemporaryDirectory(prefix="rd-") as name:
        with redis_server.RedisServer(Path(name)) as running:
            yield running


def entries(server: redis_server.RedisServer, stream: str) -> list[dict[str, str]]:
    with server.client() as client:
        found: Any = client.xrange(f"postroom:{stream}")
        return [fields for _, fields in found]


def told(server: redis_server.RedisServer) -> list[tuple[str, str]]:
    return [
        (entry["type"], json.loads(entry["event"])["id"]) for entry in entries(server, "events")
    ]


def running(
    config: Config, database: Database, sinks: Sequence[Sink], done: Callable[[], bool]
) -> None:
    """Publishes until that holds."""

    async def publish() -> None:
        task = asyncio.create_task(Publisher(config, database, sinks).run())
        try:
            async with asyncio.timeout(60):
                while not await asyncio.to_thread(done):
                    await asyncio.sleep(0.02)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            for sink in sinks:
                await sink.close()

    asyncio.run(publish())


def redis_config(server: redis_server.RedisServer) -> Config:
    return post.config(redis={"url": server.url, "timeout": 2.0}, events={"poll": 0.05})


def test_events_stand_in_the_stream_each_once(
    server: redis_server.RedisServer, database: Database
) -> None:
    config = redis_config(server)
    for number in range(3):
        a_life(database, f"d{number}")
    end(database, Done(result="SO-1"))
    sinks = [RedisSink(config, database), RedisSink(config, database)]  # of two hosts
    running(config, database, sinks, lambda: len(told(server)) >= 6)
    kinds = [kind for kind, _ in told(server)]
    assert sorted(kinds) == ["email.received"] * 3 + ["order.created"] * 3
    assert len({number for _, number in told(server)}) == 6


def test_a_publisher_ends_although_a_library_swallows_its_cancellation(database: Database) -> None:
    class Swallowing:
        name = "swallowing"

        async def place(self) -> int:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            return 0

        async def publish(self, place: int, happenings: Sequence[Any]) -> None:
            raise AssertionError

        async def close(self) -> None:
            return

    async def publish() -> None:
        task = asyncio.create_task(Publisher(post.config(), database, [Swallowing()]).run())
        await asyncio.sleep(0.05)
        task.cancel()
        async with asyncio.timeout(20):
            await asyncio.wait({task})

    asyncio.run(publish())


def test_failed_actions_stand_in_a_stream_until_they_are_not(
    server: redis_server.RedisServer, database: Database
) -> None:
    config = redis_config(server)
    events_feed.position(database, "redis")
    _, action = a_life(database, "d1")
    end(database, GivenUp(reason="erp-http-422"))
    desk.retry(database, action, post.NOW, "anna")
    running(
        config, database, [RedisSink(config, database)], lambda: len(entries(server, "failed")) == 2
    )
    dead, alive = entries(server, "failed")
    assert (dead["action"], dead["state"], dead["reason"]) == (str(action), "dead", "erp-http-422")
    assert (alive["action"], alive["state"], alive["who"]) == (str(action), "pending", "anna")
    assert failed_entry(happening()) == {}


@pytest.mark.slow
def test_a_redis_that_died_or_was_flushed_gets_all_of_it_again(
    server: redis_server.RedisServer, database: Database
) -> None:
    config = redis_config(server)
    a_life(database, "d1")
    end(database, GivenUp(reason="erp-http-422"))
    running(config, database, [RedisSink(config, database)], lambda: len(told(server)) == 2)
    before = told(server)
    assert len(entries(server, "failed")) == 1
    with server.client() as client:
        client.flushall()
    running(config, database, [RedisSink(config, database)], lambda: told(server) == before)
    server.kill()
    a_life(database, "d2")
    back = threading.Timer(0.5, server.start)
    back.start()

    def caught_up() -> bool:
        return back.finished.is_set() and not back.is_alive() and len(told(server)) == 3

    running(config, database, [RedisSink(config, database)], caught_up)
    assert told(server)[:2] == before
    assert len(entries(server, "failed")) == 1


@pytest.mark.parametrize("mark", ["", "1"], ids=["ours", "an older Postroom's"])
def test_a_redis_that_came_back_with_less_gets_what_it_lost(
    server: redis_server.RedisServer, database: Database, mark: str
) -> None:
    config = redis_config(server)

    def tell_all() -> None:
        last = events_feed.after(database, 0, 1_000)[-1].id
        sink = RedisSink(config, database)
        running(config, database, [sink], lambda: events_feed.position(database, "redis") == last)

    events_feed.position(database, "redis")
    a_life(database, "d1")
    end(database, Done(result="SO-1"))
    tell_all()
    with server.client() as client:
        if mark:
            client.set("postroom:mark", mark)
        client.save()
    a_life(database, "d2")
    end(database, GivenUp(reason="erp-http-422"))
    a_life(database, "d3")
    end(database, Done(result="SO-3"))
    tell_all()
    before = told(server), entries(server, "failed")
    assert (len(before[0]), len(before[1])) == (6, 1)
    server.kill()
    server.start()
    assert len(told(server)) == 2
    a_life(database, "d4")
    tell_all()
    assert (told(server)[:-1], entries(server, "failed")) == before
    assert told(server)[-1][0] == "email.received"


def test_a_redis_that_loses_its_place_between_two_looks_is_not_told_the_newest_alone(
    server: redis_server.RedisServer, database: Database
) -> None:
    config = redis_config(server)
    events_feed.position(database, "redis")

    async def tell() -> tuple[int, int]:
        sink = RedisSink(config, database)
        a_life(database, "d1")
        place = await sink.place()
        await sink.publish(place, events_feed.after(database, place, 10))
        a_life(database, "d2")
        place = await sink.place()
        with server.client() as client:
            client.flushall()
        await sink.publish(place, events_feed.after(database, place, 10))
        assert told(server) == []
        assert await sink.place() == place
        await sink.publish(place, events_feed.after(database, place, 10))
        await sink.close()
        return place, events_feed.position(database, "redis")

    place, after = asyncio.run(tell())
    assert place < after
    assert [kind for kind, _ in told(server)] == ["email.received"] * 2


# Webhooks.


class Receiver:
    """A program that is told events: it checks signatures, and fails as it is told to."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.attempts: list[tuple[str, int]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        receiver = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers = receiver.answers.pop(0) if receiver.answers else (200, {})
                if not receiver.is_genuine(self.headers, body):
                    status, headers = 401, {}
                receiver.attempts.append((self.headers["webhook-id"], status))
                if status == 200:
                    receiver.taken.append(json.loads(body))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def is_genuine(self, headers: Any, body: bytes) -> bool:
        """What the Standard Webhooks say a receiver does, written without our code."""
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        wanted = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
        return f"v1,{wanted}" in headers["webhook-signature"].split(" ")

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(30)
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def hook_config(receiver: Receiver, folder: Path, types: Sequence[str] = ()) -> Config:
    secret = folder / "secret"
    secret.write_text("whsec_" + base64.b64encode(SECRET).decode() + "\n")
    hook = {"url": receiver.url, "secret_file": secret, "types": list(types)}
    return post.config(events={"poll": 0.05, "timeout": 5.0, "webhooks": {"shop": hook}})


def called(config: Config, database: Database, clock: post.HandClock | None = None) -> list[str]:
    """Makes the calls that are due; how each ended."""
    clock = clock or post.HandClock()

    async def call() -> list[str]:
        performer = WebhookPerformer(config, database, clock)
        ends = []
        for leased in outbox.lease(database, clock.now(), 10, 60.0, "t", [Step.WEBHOOK]):
            try:
                result: Any = await performer(leased)
            except Failure as failure:
                ends.append(f"{type(failure).__name__} {failure.reason}")
                outbox.finish(database, leased, GivenUp(reason=failure.reason), clock.now())
            else:
                ends.append(result.result)
                outbox.finish(database, leased, result, clock.now())
        await performer.close()
        return ends

    return asyncio.run(call())


def webhooks(database: Database) -> int:
    with database.reading() as connection:
        rows = connection.execute(select(ACTION.c.id).where(ACTION.c.step == "webhook"))
        return len(rows.all())


def test_a_hook_gets_signed_events_of_the_types_it_wants(
    receiver: Receiver, database: Database, tmp_path: Path
) -> None:
    config = hook_config(receiver, tmp_path, ["order.*"])
    events_feed.position(database, "webhooks")
    a_life(database, "d1")
    end(database, Done(result="SO-1"))
    sinks = [WebhookSink(config, database), WebhookSink(config, database)]  # of two hosts
    running(config, database, sinks, lambda: webhooks(database) > 0)
    assert called(config, database) == ["200"]
    (event,) = receiver.taken
    assert (event["type"], event["data"]["result"]) == ("order.created", "SO-1")
    assert receiver.attempts == [(f"evt_{event['id']}", 200)]


def test_calls_make_no_calls(receiver: Receiver, database: Database, tmp_path: Path) -> None:
    config = hook_config(receiver, tmp_path)
    events_feed.position(database, "webhooks")
    a_life(database, "d1")
    running(config, database, [WebhookSink(config, database)], lambda: webhooks(database) == 1)
    called(config, database)
    last = events_feed.after(database, 0, 1_000)[-1].id

    def read() -> bool:
        return events_feed.position(database, "webhooks") == last

    running(config, database, [WebhookSink(config, database)], read)
    assert webhooks(database) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((204, {}), "204"),
        ((500, {}), "TemporaryFailure webhook-http-500"),
        ((404, {}), "TemporaryFailure webhook-http-404"),
        ((302, {"Location": "http://127.0.0.1:1/"}), "TemporaryFailure webhook-http-302"),
        ((429, {"Retry-After": "120"}), "RetryLater webhook-http-429"),
        ((429, {"Retry-After": "²"}), "TemporaryFailure webhook-http-429"),
        ((410, {}), "PermanentFailure webhook-gone"),
    ],
)
def test_what_a_hook_answers_decides_whether_it_is_asked_again(
    receiver: Receiver,
    database: Database,
    tmp_path: Path,
    answer: tuple[int, dict[str, str]],
    expected: str,
) -> None:
    config = hook_config(receiver, tmp_path)
    events_feed.position(database, "webhooks")
    post.take(database, "d1")
    running(config, database, [WebhookSink(config, database)], lambda: webhooks(database) == 1)
    receiver.answers.append(answer)
    assert called(config, database) == [expected]


def test_a_hook_that_is_gone_is_told_nothing_until_it_is_another_or_back(
    receiver: Receiver, database: Database, tmp_path: Path
) -> None:
    config = hook_config(receiver, tmp_path, ["email.received"])
    events_feed.position(database, "webhooks")

    def tell(config: Config, name: str) -> None:
        post.take(database, name)
        last = events_feed.after(database, 0, 1_000)[-1].id
        sink = WebhookSink(config, database)
        running(
            config, database, [sink], lambda: events_feed.position(database, "webhooks") >= last
        )

    tell(config, "d1")
    receiver.answers.append((410, {}))
    assert called(config, database) == ["PermanentFailure webhook-gone"]
    with database.reading() as connection:
        assert gonehooks.gone(connection, {"shop": receiver.url}) == {"shop": post.NOW}
    tell(config, "d2")
    assert called(config, database) == []
    receiver.url += "/new"
    tell(hook_config(receiver, tmp_path, ["email.received"]), "d3")
    assert called(hook_config(receiver, tmp_path), database) == ["200"]
    with database.transaction() as connection:
        assert gonehooks.forget(connection, "shop")
    tell(config, "d4")
    assert called(config, database) == ["200"]


def test_a_hook_is_gone_once_wherever_it_is_noticed(database: Database) -> None:
    with database.transaction() as connection:
        said = [
            gonehooks.remember(connection, "shop", url, post.NOW + timedelta(hours=hour))
            for hour, url in enumerate(("http://a/", "http://a/", "http://b/"))
        ]
        assert said == [True, False, True]
        assert gonehooks.gone(connection, {"shop": "http://a/", "other": "http://a/"}) == {}
        later = post.NOW + timedelta(hours=2)
        assert gonehooks.gone(connection, {"shop": "http://b/"}) == {"shop": later}


def test_a_call_of_an_emptied_message_tells_nothing(
    receiver: Receiver, database: Database, tmp_path: Path
) -> None:
    number = post.take(database, "d1")
    call = Action(key="k", step=Step.WEBHOOK, body="{}")
    with database.transaction() as connection:
        outbox.put(connection, number, [call], post.NOW, "events")
    config = hook_config(receiver, tmp_path)
    assert called(config, database) == ["PermanentFailure message-emptied"]
    assert receiver.attempts == []


def test_a_call_made_again_is_the_same_call_signed_anew(
    receiver: Receiver, database: Database, tmp_path: Path
) -> None:
    config = hook_config(receiver, tmp_path)
    events_feed.position(database, "webhooks")
    post.take(database, "d1")
    running(config, database, [WebhookSink(config, database)], lambda: webhooks(database) == 1)
    receiver.answers.append((500, {}))
    clock = post.HandClock()
    called(config, database, clock)
    with database.reading() as connection:
        action = connection.scalar(select(ACTION.c.id).where(ACTION.c.step == "webhook"))
    assert action is not None
    clock.advance(3_600)
    desk.retry(database, action, clock.now(), "anna")
    assert called(config, database, clock) == ["200"]
    assert len({number for number, _ in receiver.attempts}) == 1


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        ("no receiver", "TemporaryFailure webhook-unreachable"),
        ("no secret", "TemporaryFailure webhook-secret"),
        ("no hook", "PermanentFailure webhook-unknown"),
        ("wrong secret", "TemporaryFailure webhook-http-401"),
    ],
)
def test_trouble_with_a_hook_has_its_reason(
    receiver: Receiver, database: Database, tmp_path: Path, trouble: str, expected: str
) -> None:
    config = hook_config(receiver, tmp_path)
    events_feed.position(database, "webhooks")
    post.take(database, "d1")
    running(config, database, [WebhookSink(config, database)], lambda: webhooks(database) == 1)
    match trouble:
        case "no receiver":
            receiver.url = "http://127.0.0.1:1/"
            config = hook_config(receiver, tmp_path)
        case "no secret":
            (tmp_path / "secret").write_text("\n")
        case "no hook":
            config = post.config()
        case "wrong secret":
            (tmp_path / "secret").write_text("another secret")
    assert called(config, database) == [expected]


def test_the_signature_is_that_of_the_standard_s_own_example() -> None:
    (secret,) = secrets_in("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    signed = signature(
        [secret],
        id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_secret_signs_while_they_are_changed() -> None:
    both = secrets_in("new secret\n\nold secret\n")
    one, two = signature(both, id="1", timestamp=2, body=b"x").split(" ")
    assert one == signature(both[:1], id="1", timestamp=2, body=b"x")
    assert two == signature(both[1:], id="1", timestamp=2, body=b"x")
    for text in ("", "\n \n", "whsec_%%%"):
        with pytest.raises(ValueError):
            secrets_in(text)


@pytest.mark.parametrize(
    ("types", "kind", "expected"),
    [
        ((), "order.created", True),
        (("order.created",), "order.created", True),
        (("order.created",), "order.failed", False),
        (("order.*",), "order.failed", True),
        (("order.*",), "orders.failed", False),
        (("reply.*", "review.waiting"), "review.waiting", True),
    ],
)
def test_hooks_choose_what_they_are_told(types: tuple[str, ...], kind: str, expected: bool) -> None:
    hook = WebhookSection(url="http://x/", secret_file=Path("x"), types=types)
    assert wants(hook, kind) is expected


# Kafka: against a stand-in for aiokafka's producer; there is no broker here.


class Producer:
    """Takes records; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.records: list[tuple[str, bytes, bytes]] = []
        self.failures = failures
        self.stopped = 0

    async def start(self) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("KafkaConnectionError")

    async def stop(self) -> None:
        self.stopped += 1

    async def send(self, topic: str, value: bytes, *, key: bytes, headers: Any) -> Any:
        assert headers == [("content-type", b"application/cloudevents+json")]
        self.records.append((topic, key, value))
        confirmed = asyncio.get_running_loop().create_future()
        confirmed.set_result(None)
        return confirmed


def test_kafka_gets_records_keyed_by_message_after_it_came_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = Producer(failures=2)
    monkeypatch.setattr("postroom.actions.events_kafka.make_producer", lambda _config: producer)
    config = post.config(events={"poll": 0.05, "kafka_brokers": ["127.0.0.1:9"]})
    events_feed.position(database, "kafka")
    message, _ = a_life(database, "d1")
    end(database, Done(result="SO-1"))
    sink = KafkaSink(config, database)
    running(config, database, [sink], lambda: len(producer.records) == 2)
    kinds = [json.loads(value)["type"] for _, _, value in producer.records]
    assert kinds == ["email.received", "order.created"]
    assert {(topic, key) for topic, key, _ in producer.records} == {
        ("postroom.events", f"m{message}".encode())
    }
    assert producer.stopped == 3  # after each failure, and at the end


def test_a_real_producer_that_finds_no_broker_is_trouble_that_may_pass(database: Database) -> None:
    pytest.importorskip("aiokafka")
    config = post.config(events={"kafka_brokers": ["127.0.0.1:9"], "timeout": 1.0})
    sink = KafkaSink(config, database)

    async def publish() -> None:
        with pytest.raises(TemporaryFailure, match="kafka"):
            await sink.publish(0, [happening()])
        await sink.close()

    asyncio.run(publish())


def test_one_sink_that_is_dead_holds_up_no_other(
    receiver: Receiver, database: Database, tmp_path: Path
) -> None:
    config = hook_config(receiver, tmp_path)

    class Dead(WebhookSink):
        name = "dead"

        async def place(self) -> int:
            raise PermanentFailure("dead")

    events_feed.position(database, "webhooks")
    post.take(database, "d1")
    sinks = [Dead(config, database), WebhookSink(config, database)]
    running(config, database, sinks, lambda: webhooks(database) == 1)


def test_a_call_is_tried_for_days(receiver: Receiver, tmp_path: Path) -> None:
    from postroom.actions.retry import next_time

    config = hook_config(receiver, tmp_path)
    facts: dict[str, Any] = {"step": Step.WEBHOOK, "chance": 0.5, "worker": config.worker}
    failure = TemporaryFailure("webhook-http-500")
    for days, expected in ((4, True), (6, False)):
        due = next_time(
            failure, attempts=50, created_at=post.NOW, now=post.NOW + timedelta(days=days), **facts
        )
        assert (due is not None) is expected
