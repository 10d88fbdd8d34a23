"""The worker on real sockets: lease, perform, record; wake up, drain, survive."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import select, text

from postroom.actions import desk, outbox
from postroom.actions import plan as planning
from postroom.actions.erp.rest import RestErp
from postroom.actions.outbox import Done, Leased
from postroom.actions.performers import (
    ErpPerformer,
    ForwardPerformer,
    Performer,
    ReplyPerformer,
    ReplyWithheld,
)
from postroom.actions.worker import Worker
from postroom.clock import Clock, SystemClock
from postroom.config import Config
from postroom.decision import Action, Decision, Step
from postroom.doorbell import Doorbell, ring
from postroom.envelope import Address
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.store.engine import Database
from postroom.store.schema import ACTION
from tests.fakes import post
from tests.fakes.erp import Fault, SandboxErp
from tests.fakes.smtp_sink import SmtpSink

FAST = {"backoff": 0.02, "backoff_max": 0.05, "lease": 30.0, "poll": 0.05}


@pytest.fixture
def erp() -> Iterator[SandboxErp]:
    with SandboxErp() as sandbox:
        yield sandbox


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as server:
        yield server


@pytest.fixture
def config(erp: SandboxErp, sink: SmtpSink, tmp_path: Path) -> Config:
    token = tmp_path / "token"
    token.write_text(erp.token)
    return post.config(
        erp={"base_url": erp.url, "token_file": token, "timeout": 5.0},
        reply={"submit": sink.address, "max_age": 1e12, "per_sender_interval": 3_600},
        mailbox={"hr": "hr@firma.test"},
        worker=FAST,
    )


@asynccontextmanager
async def working(
    config: Config,
    database: Database,
    steps: dict[Step, Performer] | None = None,
    clock: Clock | None = None,
    name: str = "bell",
) -> AsyncIterator[Path]:
    """A worker that runs; its doorbell's path."""
    path = Path(config.service.run_dir) / name
    clock = clock or SystemClock()
    erp = RestErp(config.erp, clock)
    bell = Doorbell(path)
    business = ErpPerformer(erp)
    all_steps: dict[Step, Performer] = {
        Step.ORDER_CREATE: business,
        Step.INVOICE_UPDATE: business,
        Step.TICKET_CREATE: business,
        Step.REPLY: ReplyPerformer(config, database, clock),
        Step.FORWARD: ForwardPerformer(config, database),
    }
    worker = Worker(config, database, clock, steps if steps is not None else all_steps, bell)
    task = asyncio.create_task(worker.run())
    try:
        yield path
    finally:
        worker.stop()
        try:
            async with asyncio.timeout(20):
                await task
        finally:
            await erp.close()
            bell.close()


@pytest.fixture
def settings(config: Config, tmp_path: Path) -> Config:
    service = config.service.model_copy(update={"run_dir": tmp_path})
    return config.model_copy(update={"service": service})


async def until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Returns when the condition holds. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def take(
    database: Database,
    config: Config,
    digest: str = "d1",
    *,
    author: str = "ivan@snab.example",
    decision: Decision | None = None,
) -> list[int]:
    """A message with its planned actions; the actions' ids."""
    now = SystemClock().now()
    number = post.take(database, digest, author=author, at=now)
    sender, _, domain = author.partition("@")
    actions = planning.plan(
        decision or post.decision(),
        message=post.message(author=Address(local=sender, domain=domain)),
        verdict=post.verdict(author=author),
        order=post.order(number=digest),
        classification=post.classification(),
        envelope=post.envelope(sender=author),
        digest=digest,
        received_at=now,
        config=config,
    )
    with database.transaction() as connection:
        return outbox.put(connection, number, actions, now, "lmtp")


def states(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(select(ACTION.c.state).order_by(ACTION.c.id)).scalars())


def all_in(database: Database, *wanted: str) -> Callable[[], bool]:
    return lambda: bool(states(database)) and set(states(database)) <= set(wanted)


def run(talk: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await talk()

    asyncio.run(main())


def test_an_order_is_entered_and_confirmed_once(
    settings: Config, database: Database, erp: SandboxErp, sink: SmtpSink
) -> None:
    order, reply = take(database, settings)

    async def talk() -> None:
        async with working(settings, database):
            await until(all_in(database, "done"))

    run(talk)
    (record,) = erp.records("orders")
    (answer,) = sink.received()
    assert record["id"] == desk.show(database, order).result == "SO-1001"
    assert desk.show(database, reply).result == answer.queue_id
    assert answer.sender == ""
    assert answer.recipients == ("ivan@snab.example",)
    assert answer.in_reply_to == "<17@snab.example>"
    assert "SO-1001" in answer.body


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(kind="status", status=500)] * 2,
        [Fault(kind="status", status=429, headers={"Retry-After": "0"})],
        [Fault(kind="garbage", committed=True)],
        [Fault(kind="no-id"), Fault(kind="drop-after")],
        [Fault(kind="drop-before"), Fault(kind="drop-after")],
    ],
)
def test_trouble_that_passes_ends_in_one_order(
    settings: Config, database: Database, erp: SandboxErp, sink: SmtpSink, faults: list[Fault]
) -> None:
    erp.faults.extend(faults)
    take(database, settings)

    async def talk() -> None:
        async with working(settings, database):
            await until(all_in(database, "done"))

    run(talk)
    assert erp.effective() == 1
    assert len(sink.received()) == 1
    assert len({(call.key, call.body) for call in erp.calls}) == 1
    assert len(erp.calls) == len(faults) + 1


def test_three_attempts_and_then_the_dead_letters(
    settings: Config, database: Database, erp: SandboxErp, sink: SmtpSink
) -> None:
    erp.faults.extend([Fault(kind="status", status=503)] * 9)
    order, reply = take(database, settings)

    async def talk() -> None:
        async with working(settings, database):
            await until(lambda: states(database) == ["dead", "pending"])
            erp.faults.clear()
            desk.retry(database, order, SystemClock().now(), "anna")
            await until(all_in(database, "done"))

    run(talk)
    assert len(erp.calls) == 4
    assert erp.effective() == 1
    assert len(sink.received()) == 1
    assert reply


def test_an_erp_that_says_no_is_not_asked_again(
    settings: Config, database: Database, erp: SandboxErp
) -> None:
    erp.faults.append(Fault(kind="status", status=422))
    take(database, settings)

    async def talk() -> None:
        async with working(settings, database):
            await until(lambda: states(database) == ["dead", "pending"])

    run(talk)
    assert len(erp.calls) == 1


def test_a_forward_goes_out_as_it_came(
    settings: Config, database: Database, sink: SmtpSink
) -> None:
    hr = post.decision(category="hr", steps=(Step.FORWARD,), template="")
    sink.faults["dot"].append("drop-after")
    take(database, settings, decision=hr)

    async def talk() -> None:
        async with working(settings, database):
            await until(all_in(database, "done"))

    run(talk)
    first, second = sink.received()  # the answer was lost once: two copies, never none
    assert first.raw == second.raw == post.message().raw
    assert (second.sender, second.recipients) == ("info@firma.test", ("hr@firma.test",))


# Replies: at most once, and never against a gate.


def test_a_reply_whose_answer_is_lost_is_not_sent_again(
    settings: Config, database: Database, sink: SmtpSink
) -> None:
    sink.faults["dot"].append("drop-after")
    _, reply = take(database, settings)

    async def talk() -> None:
        async with working(settings, database):
            await until(all_in(database, "done", "dead"))

    run(talk)
    row = desk.show(database, reply).row
    assert (row.state, row.reason) == ("dead", "outcome-unknown")
    assert len(sink.received()) == 1


@pytest.mark.parametrize("moment", ["greeting", "mail", "rcpt", "data", "dot"])
def test_a_reply_refused_for_now_is_sent_later_once(
    settings: Config, database: Database, sink: SmtpSink, moment: str
) -> None:
    sink.faults[moment].append("451 4.3.0 later")
    take(database, settings)

    async def talk() -> None:
        async with working(settings, database):
            await until(all_in(database, "done", "dead"))

    run(talk)
    assert set(states(database)) == {"done"}
    assert len(sink.received()) == 1


def test_a_shut_gate_drops_the_reply_with_its_reason(
    settings: Config, database: Database, erp: SandboxErp, sink: SmtpSink
) -> None:
    silent = settings.model_copy(
        update={"reply": settings.reply.model_copy(update={"enabled": False})}
    )
    _, reply = take(database, silent)

    async def talk() -> None:
        async with working(silent, database):
            await until(all_in(database, "done", "dropped"))

    run(talk)
    row = desk.show(database, reply).row
    assert (row.state, row.reason) == ("dropped", "reply-withheld:disabled")
    assert (erp.effective(), sink.received()) == (1, [])


def test_one_sender_gets_one_reply_in_the_interval_even_from_two_workers(
    settings: Config, database: Database, erp: SandboxErp, sink: SmtpSink
) -> None:
    for number in range(6):
        take(database, settings, f"d{number}")
    take(database, settings, "other", author="anna@snab.example")

    async def talk() -> None:
        async with working(settings, database), working(settings, database, name="second"):
            await until(all_in(database, "done", "dropped"))

    run(talk)
    assert erp.effective() == 7
    assert sorted(m.recipients for m in sink.received()) == [
        ("anna@snab.example",),
        ("ivan@snab.example",),
    ]
    with database.reading() as connection:
        reasons = connection.execute(
            select(ACTION.c.reason).where(ACTION.c.state == "dropped")
        ).scalars()
        assert set(reasons) == {"reply-withheld:sender-interval"}


def test_the_daily_limit_counts_all_senders(
    settings: Config, database: Database, sink: SmtpSink
) -> None:
    limited = settings.model_copy(
        update={"reply": settings.reply.model_copy(update={"daily_limit": 2})}
    )
    for number in range(5):
        take(database, limited, f"d{number}", author=f"person{number}@snab.example")

    async def talk() -> None:
        async with working(limited, database):
            await until(all_in(database, "done", "dropped"))

    run(talk)
    assert len(sink.received()) == 2


# The loop itself.


def put(database: Database, count: int = 1, step: Step = Step.DELIVER) -> None:
    now = SystemClock().now()
    number = post.take(database, f"m{time.monotonic_ns()}", at=now)
    actions = [post.simple_action(f"{number}-{i}", step) for i in range(count)]
    with database.transaction() as connection:
        outbox.put(connection, number, actions, now, "lmtp")


class Recorder:
    """A performer that remembers, and does what the test wants."""

    def __init__(self, act: Callable[[Leased], Awaitable[None]] | None = None) -> None:
        self.seen: list[Leased] = []
        self.started_at: list[float] = []
        self.running = self.most = 0
        self._act = act

    async def __call__(self, leased: Leased) -> Done:
        self.started_at.append(time.monotonic())
        self.seen.append(leased)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self._act:
                await self._act(leased)
        finally:
            self.running -= 1
        return Done(result="x")


def test_the_first_attempt_starts_soon_after_the_ring(settings: Config, database: Database) -> None:
    """How soon is the bench's to measure; here: long before anybody would look by himself."""
    slow_poll = settings.model_copy(
        update={"worker": settings.worker.model_copy(update={"poll": 30.0})}
    )
    recorder = Recorder()
    delays: list[float] = []

    async def talk() -> None:
        async with working(slow_poll, database, {Step.DELIVER: recorder}) as bell:
            for _ in range(9):
                await asyncio.to_thread(put, database)
                rung = time.monotonic()
                ring(bell)
                await until(lambda: len(recorder.seen) > len(delays))
                delays.append(recorder.started_at[-1] - rung)
                await until(all_in(database, "done"))

    run(talk)
    assert sorted(delays)[len(delays) // 2] < 10, delays


def test_a_lost_ring_costs_at_most_the_poll(settings: Config, database: Database) -> None:
    async def talk() -> None:
        async with working(settings, database, {Step.DELIVER: Recorder()}):
            await asyncio.to_thread(put, database)
            await until(all_in(database, "done"))

    run(talk)


def test_no_more_than_the_configured_number_run_at_once(
    settings: Config, database: Database
) -> None:
    recorder = Recorder(lambda _: asyncio.sleep(0.01))
    put(database, 40)

    async def talk() -> None:
        async with working(settings, database, {Step.DELIVER: recorder}):
            await until(all_in(database, "done"))

    run(talk)
    assert recorder.most == settings.worker.concurrency == 8
    assert len(recorder.seen) == 40


def test_stopping_finishes_what_runs_and_starts_nothing_new(
    settings: Config, database: Database
) -> None:
    released = asyncio.Event()

    async def wait(_: Leased) -> None:
        await released.wait()

    recorder = Recorder(wait)
    put(database, 20)

    async def talk() -> None:
        async with working(settings, database, {Step.DELIVER: recorder}):
            await until(lambda: len(recorder.seen) == 8)
            asyncio.get_running_loop().call_later(0.2, released.set)

    run(talk)
    assert sorted(states(database)) == ["done"] * 8 + ["pending"] * 12


@pytest.mark.slow
def test_two_workers_share_the_work_without_doing_any_twice(
    settings: Config, database: Database
) -> None:
    one, two = Recorder(), Recorder()
    put(database, 100)

    async def talk() -> None:
        async with (
            working(settings, database, {Step.DELIVER: one}),
            working(settings, database, {Step.DELIVER: two}, name="second"),
        ):
            await until(all_in(database, "done"))

    run(talk)
    ids = [leased.id for leased in one.seen + two.seen]
    assert len(ids) == len(set(ids)) == 100
    assert one.seen and two.seen


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failure", "state", "reason"),
    [
        (ValueError("a bug"), "dead", "bug"),
        (TemporaryFailure("busy"), "dead", "busy"),
        (PermanentFailure("no"), "dead", "no"),
        (ReplyWithheld("list"), "dropped", "reply-withheld:list"),
    ],
)
def test_one_action_s_trouble_stays_its_own(
    settings: Config, database: Database, failure: Exception, state: str, reason: str
) -> None:
    async def fail(leased: Leased) -> None:
        if leased.id == 1:
            raise failure

    put(database, 3, Step.ORDER_CREATE)

    async def talk() -> None:
        async with working(settings, database, {Step.ORDER_CREATE: Recorder(fail)}):
            await until(all_in(database, "done", state))

    run(talk)
    assert states(database) == [state, "done", "done"]
    assert desk.show(database, 1).row.reason == reason


def test_a_step_nobody_can_carry_out_is_a_dead_letter(settings: Config, database: Database) -> None:
    put(database, 1, Step.FORWARD)

    async def talk() -> None:
        async with working(settings, database, {}):
            await until(all_in(database, "dead"))

    run(talk)
    assert desk.show(database, 1).row.reason == "no-performer"


def test_an_attempt_ends_before_its_lease_does(settings: Config, database: Database) -> None:
    short = settings.model_copy(
        update={"worker": settings.worker.model_copy(update={"lease": 0.5, "attempts": 1})}
    )
    put(database, 1, Step.ORDER_CREATE)

    async def hang(_: Leased) -> None:
        await asyncio.Event().wait()

    async def talk() -> None:
        async with working(short, database, {Step.ORDER_CREATE: Recorder(hang)}):
            await until(all_in(database, "dead"))

    run(talk)
    assert desk.show(database, 1).row.reason == "deadline"


def test_leases_of_a_process_that_is_gone_come_back_at_the_start(
    settings: Config, database: Database
) -> None:
    put(database, 2)
    now = SystemClock().now()
    outbox.lease(database, now, 1, 3_600, f"{socket.gethostname()}:4194304:dead")
    outbox.lease(database, now, 1, 3_600, "another-host:4194304:alive")
    recorder = Recorder()

    async def talk() -> None:
        async with working(settings, database, {Step.DELIVER: recorder}):
            await until(lambda: len(recorder.seen) == 1 and "done" in states(database))

    run(talk)
    assert sorted(states(database)) == ["done", "leased"]


def test_a_database_that_is_away_stops_nothing_for_good(
    settings: Config, database: Database, database_path: Path
) -> None:
    """The table is gone for a while, as a stand-in for any error the database gives."""
    recorder = Recorder()

    async def talk() -> None:
        async with working(settings, database, {Step.DELIVER: recorder}):
            with database.transaction() as connection:
                connection.execute(text("ALTER TABLE action RENAME TO away"))
            await asyncio.sleep(3 * settings.worker.poll)
            with database.transaction() as connection:
                connection.execute(text("ALTER TABLE away RENAME TO action"))
            await asyncio.to_thread(put, database)
            await until(all_in(database, "done"))

    run(talk)
    assert database_path.exists()


def test_trouble_with_claiming_costs_no_ending(settings: Config, database: Database) -> None:
    """What ended is recorded though the next action cannot be claimed, and is not done again."""

    def refuse_claims(_: Leased) -> None:
        with database.transaction() as connection:
            connection.execute(text(post.NO_CLAIMS))
        put(database)

    async def act(leased: Leased) -> None:
        if leased.id == 1:
            await asyncio.to_thread(refuse_claims, leased)

    recorder = Recorder(act)
    put(database)

    async def talk() -> None:
        async with working(settings, database, {Step.DELIVER: recorder}):
            await until(lambda: states(database) == ["done", "pending"])
            with database.transaction() as connection:
                connection.execute(text("DROP TRIGGER no_claims"))
            await until(all_in(database, "done"))

    run(talk)
    assert [leased.id for leased in recorder.seen] == [1, 2]


def test_an_action_taken_by_a_person_s_approval_quotes_the_same_key(
    settings: Config, database: Database
) -> None:
    first = take(database, settings)
    assert len(first) == 2
    action: Action = planning.plan(
        post.decision(), message=post.message(), verdict=post.verdict(), order=post.order(),
        classification=post.classification(), envelope=post.envelope(), digest="d1",
        received_at=post.NOW, config=settings, approved=True,
    )[0]  # fmt: skip
    with database.transaction() as connection:
        assert outbox.put(connection, 1, [action], post.NOW, "anna") == []
