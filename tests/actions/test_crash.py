"""The crash matrix: a real worker process is killed by SIGKILL at every step.

However it dies, and whatever the ERP and Postfix do meanwhile: no action is lost, the ERP has one
effective order, the reply went at most once, and the outbox says the truth about it.
"""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from postroom.actions import desk, outbox
from postroom.actions import plan as planning
from postroom.clock import SystemClock
from postroom.config import Config
from postroom.envelope import Address
from postroom.store.engine import Database
from postroom.store.schema import ACTION, ATTEMPT
from tests.fakes import mortal_worker, post
from tests.fakes.erp import Fault, SandboxErp
from tests.fakes.mortal_worker import Death
from tests.fakes.smtp_sink import SmtpSink


@pytest.fixture
def erp() -> Iterator[SandboxErp]:
    with SandboxErp() as sandbox:
        yield sandbox


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as server:
        yield server


@pytest.fixture
def config(erp: SandboxErp, sink: SmtpSink, database_path: Path, tmp_path: Path) -> Config:
    (tmp_path / "token").write_text(erp.token)
    return post.config(
        service={"hostname": "mx.firma.test", "mailboxes": [post.INFO], "run_dir": str(tmp_path)},
        store={"url": post.sqlite_url(database_path)},
        erp={"base_url": erp.url, "token_file": str(tmp_path / "token"), "timeout": 5.0},
        reply={"submit": sink.address, "per_sender_interval": 1e-6, "daily_limit": 100_000},
        worker={
            "attempts": 5,
            "backoff": 0.02,
            "backoff_max": 0.1,
            "lease": 30.0,
            "poll": 0.05,
        },
    )


def take(database: Database, config: Config, number: int = 17) -> list[int]:
    """One order of a person of its own; the ids of its actions."""
    now = SystemClock().now()
    author = f"person{number}@snab.example"
    actions = planning.plan(
        post.decision(),
        message=post.message(
            author=Address(local=f"person{number}", domain="snab.example"), date=now
        ),
        verdict=post.verdict(author=author),
        order=post.order(number=str(number)),
        classification=post.classification(),
        envelope=post.envelope(sender=author),
        digest=f"d{number}",
        received_at=now,
        config=config,
    )
    message = post.take(database, f"d{number}", author=author, at=now)
    with database.transaction() as connection:
        return outbox.put(connection, message, actions, now, "lmtp")


def until(condition: Callable[[], bool], timeout_s: float = 90.0) -> None:
    """Returns when the condition holds. Raises TimeoutError."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)


def states(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(select(ACTION.c.state).order_by(ACTION.c.id)).scalars())


def settled(database: Database) -> bool:
    """Nothing is in flight and nothing will happen by itself."""
    with database.reading() as connection:
        rows = connection.execute(select(ACTION.c.state, ACTION.c.due_at)).all()
    return all(
        row.state in ("done", "dead", "dropped")
        or (row.state == "pending" and row.due_at >= outbox.NOT_YET)
        for row in rows
    )


def die(config: Config, death: Death) -> None:
    """A worker that kills itself."""
    process = mortal_worker.start(config, death)
    process.join(20)
    assert process.exitcode == -9, "the worker did not come to the place where it should die"
    process.close()


def finish(config: Config, database: Database) -> None:
    """A healthy worker does what is left."""
    process = mortal_worker.start(config)
    try:
        until(lambda: mortal_worker.is_ready(config, process) and settled(database))
        process.terminate()
        process.join(20)
        assert process.exitcode == 0
        process.close()
    except BaseException:
        mortal_worker.kill(process)
        raise


# Write transactions of a worker with one order and one reply, in order: 1 claims the order,
# 2 records its end and claims the reply, 3 is the reply's point of no return, 4 records its end.
BEFORE_NO_RETURN = [
    *(Death(at=at, transaction=n) for n in (1, 2) for at in ("before", "inside", "after")),
    Death(at="before", transaction=3),
    Death(at="inside", transaction=3),
    Death(at="answered"),
]
PAST_NO_RETURN = [
    Death(at="after", transaction=3),
    Death(at="before", transaction=4),
    Death(at="inside", transaction=4),
]


@pytest.mark.slow
@pytest.mark.parametrize("death", BEFORE_NO_RETURN, ids=str)
def test_a_death_before_the_point_of_no_return_leaves_no_trace(
    config: Config, database: Database, erp: SandboxErp, sink: SmtpSink, death: Death
) -> None:
    take(database, config)
    die(config, death)
    finish(config, database)
    assert states(database) == ["done", "done"]
    assert erp.effective() == 1
    assert len(sink.received()) == 1
    assert len({(call.key, call.body) for call in erp.calls}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("death", PAST_NO_RETURN, ids=str)
def test_a_death_past_the_point_of_no_return_leaves_the_reply_to_the_operator(
    config: Config, database: Database, erp: SandboxErp, sink: SmtpSink, death: Death
) -> None:
    _, reply = take(database, config)
    die(config, death)
    finish(config, database)
    row = desk.show(database, reply).row
    assert (row.state, row.reason) == ("dead", "outcome-unknown")
    assert erp.effective() == 1
    assert len(sink.received()) == (1 if death.transaction == 4 else 0)


@pytest.mark.slow
def test_a_death_after_the_last_record_changes_nothing(
    config: Config, database: Database, erp: SandboxErp, sink: SmtpSink
) -> None:
    take(database, config)
    die(config, Death(at="after", transaction=4))
    finish(config, database)
    assert states(database) == ["done", "done"]
    assert (erp.effective(), len(sink.received())) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("committed", [False, True], ids=["not-entered", "entered"])
def test_a_death_while_the_erp_is_silent(
    config: Config, database: Database, erp: SandboxErp, sink: SmtpSink, committed: bool
) -> None:
    """The request has left; nobody knows whether the ERP did it."""
    erp.faults.append(Fault(kind="hang", committed=committed))
    take(database, config)
    process = mortal_worker.start(config)
    until(lambda: len(erp.calls) == 1 and erp.effective() == int(committed))
    mortal_worker.kill(process)
    finish(config, database)
    assert states(database) == ["done", "done"]
    assert erp.effective() == 1
    assert len(sink.received()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "fault", "sent", "state"),
    [
        ("rcpt", "hang", 1, "done"),
        ("data", "hang", 1, "done"),
        ("dot", "hang", 0, "dead"),
        ("dot", "hang-after", 1, "dead"),
    ],
)
def test_a_death_while_postfix_is_silent(
    config: Config,
    database: Database,
    sink: SmtpSink,
    moment: str,
    fault: str,
    sent: int,
    state: str,
) -> None:
    sink.faults[moment].append(fault)
    _, reply = take(database, config)
    process = mortal_worker.start(config)
    until(lambda: not sink.faults[moment] and "leased" in states(database))
    mortal_worker.kill(process)
    finish(config, database)
    assert desk.show(database, reply).row.state == state
    assert len(sink.received()) == sent


@pytest.mark.slow
def test_a_poison_action_is_parked_after_its_attempts_and_stops_nobody(
    config: Config, database: Database, erp: SandboxErp
) -> None:
    poison, _ = take(database, config, 1)
    for _ in range(config.worker.attempts):
        die(config, Death(at="answered"))
    healthy, _ = take(database, config, 2)
    finish(config, database)
    row = desk.show(database, poison).row
    assert (row.state, row.reason) == ("dead", "worker-lost")
    assert desk.show(database, healthy).row.state == "done"
    assert erp.effective() == 2  # the ERP had entered it at the first attempt, once
    desk.retry(database, poison, SystemClock().now(), "anna")
    finish(config, database)
    assert set(states(database)) == {"done"}
    assert erp.effective() == 2


FAULTS = [
    Fault(kind="status", status=500),
    Fault(kind="status", status=429, headers={"Retry-After": "0"}),
    Fault(kind="garbage", committed=True),
    Fault(kind="no-id"),
    Fault(kind="drop-before"),
    Fault(kind="drop-after"),
    Fault(kind="slow", seconds=0.05),
    Fault(kind="slow", seconds=0.2),
]
SMTP_FAULTS = [("rcpt", "451 4.3.0 later"), ("dot", "451 4.3.0 later"), ("dot", "drop-after")]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_a_random_schedule_of_deaths_and_faults(
    config: Config, database: Database, erp: SandboxErp, sink: SmtpSink, seed: int
) -> None:
    """Two workers, killed at random moments; an ERP and a Postfix with random faults."""
    chance = random.Random(seed)
    orders = 6
    for number in range(orders):
        take(database, config, number)
        if chance.random() < 0.5:
            erp.faults.append(chance.choice(FAULTS))
    moment, fault = chance.choice(SMTP_FAULTS)
    sink.faults[moment].append(fault)
    for _ in range(3):
        workers = [mortal_worker.start(config) for _ in range(2)]
        time.sleep(chance.uniform(0.02, 0.3))
        for process in workers:
            mortal_worker.kill(process)
    finish(config, database)
    check(database, erp, sink, orders, config)


def check(database: Database, erp: SandboxErp, sink: SmtpSink, orders: int, config: Config) -> None:
    for action in stuck_by_losses(database):
        desk.retry(database, action, SystemClock().now(), "anna")
    finish(config, database)
    assert erp.effective() == orders, "an order was lost or entered twice"
    keys: dict[str, set[bytes]] = {}
    for call in erp.calls:
        keys.setdefault(call.key, set()).add(call.body)
    assert all(len(bodies) == 1 for bodies in keys.values())
    sent = [message.recipients for message in sink.received()]
    assert len(sent) == len(set(sent)), "a reply went twice"
    with database.reading() as connection:
        rows = connection.execute(select(ACTION)).all()
        open_attempts = connection.execute(
            select(ATTEMPT.c.id).where(ATTEMPT.c.outcome.is_(None))
        ).all()
    assert open_attempts == []
    for row in rows:
        if row.step == "reply":
            assert (row.state, row.reason) in (("done", ""), ("dead", "outcome-unknown"))
        else:
            assert row.state == "done"
    done = sum(row.step == "reply" and row.state == "done" for row in rows)
    assert done <= len(sent) <= orders


def stuck_by_losses(database: Database) -> list[int]:
    """Actions that used up their attempts; an operator would send them on their way again."""
    return [
        row.id
        for row in desk.waiting(database)
        if row.state == "dead" and row.reason != outbox.UNKNOWN
    ]
