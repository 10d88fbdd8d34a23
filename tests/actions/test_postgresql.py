"""The same outbox on PostgreSQL: claims skip what others hold, and nothing waits for nothing."""

import asyncio
import dataclasses
import tempfile
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from postroom.actions import desk, events_feed, outbox, statements
from postroom.actions.answered import one_at_a_time
from postroom.actions.outbox import Done, GivenUp, Later, Leased
from postroom.actions.turn import Places, take_turn
from postroom.actions.worker import Worker
from postroom.audit import AuditLog
from postroom.clock import SystemClock
from postroom.config import Config, WorkerSection
from postroom.decision import Decision, Outcome, Step
from postroom.doorbell import Doorbell
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.operating import Operator
from postroom.order import Order, order_name, order_turn
from postroom.store.engine import Database
from postroom.store.messages import queue_up
from postroom.store.schema import ACTION
from postroom.store.upgrade import upgrade
from tests.fakes import postgresql
from tests.fakes.post import NOW, simple_action, take
from tests.postroom.test_operating import ORDER, put_in_review
from tests.sandbox.postfix import LOOPBACK, free_ports
from tests.sandbox.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(postgresql.missing()), reason=postgresql.missing() or "-"),
]
LATER = NOW + timedelta(seconds=61)


@pytest.fixture(scope="module")
def server() -> Iterator[postgresql.PostgreSql]:
    # Not tmp_path: a unix socket's path must stay short and open to the server's user.
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        with postgresql.PostgreSql(Path(name)) as running:
            yield running


@pytest.fixture
def database(server: postgresql.PostgreSql, request: pytest.FixtureRequest) -> Iterator[Database]:
    opened = Database(server.create(f"t{abs(hash(request.node.name))}"))
    upgrade(opened)
    yield opened
    opened.close()


def put(database: Database, count: int, step: Step = Step.ORDER_CREATE) -> list[int]:
    message = take(database, f"{step.value}{count}")
    actions = [simple_action(f"{step.value}{i}", step) for i in range(count)]
    with database.transaction() as connection:
        return outbox.put(connection, message, actions, NOW, "lmtp")


def states(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(select(ACTION.c.state).order_by(ACTION.c.id)).scalars())


def test_the_whole_life_of_an_order_and_its_reply(database: Database) -> None:
    first = simple_action("order", Step.ORDER_CREATE)
    second = simple_action("reply", Step.REPLY, after=first.key)
    message = take(database, "chain")
    with database.transaction() as connection:
        ids = outbox.put(connection, message, [first, second], NOW, "lmtp")
        assert outbox.put(connection, message, [first, second], NOW, "lmtp") == []
    (leased,) = outbox.lease(database, NOW, 10, 60, "a")
    assert outbox.finish(database, leased, Later(due_at=NOW, reason="erp-http-500"), NOW)
    (leased,) = outbox.lease(database, NOW, 10, 60, "a")
    assert leased.attempt == 2
    assert outbox.finish(database, leased, Done(result="SO-1001"), NOW)
    (reply,) = outbox.lease(database, NOW, 10, 60, "a")
    assert reply.prior_result == "SO-1001"
    with database.transaction() as connection:
        one_at_a_time(connection)
        outbox.mark_committed(connection, reply, NOW)
    assert outbox.reclaim(database, LATER, WorkerSection()) == 1
    assert outbox.finish(database, reply, Done(result="late"), LATER) is False
    row = desk.show(database, ids[1]).row
    assert (row.state, row.reason) == ("dead", "outcome-unknown")
    desk.drop(database, ids[1], LATER, "anna")
    assert [r.state for r in desk.waiting(database)] == []
    assert desk.depth(database, LATER).states["pending"] == 0


def test_a_claim_passes_by_what_another_claim_holds(database: Database) -> None:
    put(database, 4)
    with database.transaction() as connection:
        held = connection.execute(
            statements.DUE,
            {
                "wanted": "pending",
                "of_step": "order-create",
                "at": NOW.timestamp(),
                "most": 2,
            },
        ).all()
        free = outbox.lease(database, NOW, 10, 60, "b")  # would wait here without SKIP LOCKED
    assert len(held) == len(free) == 2
    assert {row.id for row in held}.isdisjoint({leased.id for leased in free})


def test_a_turn_records_and_claims_while_another_holds_a_claim(database: Database) -> None:
    first = simple_action("order", Step.ORDER_CREATE)
    second = simple_action("reply", Step.REPLY, after=first.key)
    message = take(database, "chain")
    with database.transaction() as connection:
        _, reply = outbox.put(connection, message, [first, second], NOW, "lmtp")
    (leased,) = outbox.lease(database, NOW, 1, 60, "a")
    put(database, 2)
    places = [Places(steps=tuple(Step), free=9)]
    with database.transaction() as connection:
        wanted = {"wanted": "pending", "of_step": "order-create", "at": NOW.timestamp(), "most": 1}
        (held,) = connection.execute(statements.DUE, wanted).all()
        ended = [(leased, Done(result="SO-1"))]
        turn = take_turn(database, NOW, ended, places, "a", WorkerSection())
    assert turn.held == {leased.lease}
    assert reply in {one.id for one in turn.leased}
    assert held.id not in {one.id for one in turn.leased}
    assert len(turn.leased) == 2
    again = take_turn(database, LATER + timedelta(hours=1), [], places, "b", WorkerSection())
    assert len(again.leased) == 3  # two leases ran out, one action was held by the other


def held_reply(database: Database) -> tuple[Leased, int]:
    """An order in a worker's hands, and the number of its reply, which an operator holds."""
    first = simple_action("order", Step.ORDER_CREATE)
    second = simple_action("reply", Step.REPLY, after=first.key)
    message = take(database, "chain")
    with database.transaction() as connection:
        _, reply = outbox.put(connection, message, [first, second], NOW, "lmtp")
    desk.hold(database, reply, NOW, "anna")
    (leased,) = outbox.lease(database, NOW, 10, 60, "a")
    return leased, reply


def in_the_way(database: Database, thread: threading.Thread) -> bool:
    """Whether the thread waits for a lock, or has waited for none."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with database.reading() as connection:
        return not thread.is_alive() or bool(connection.scalar(text(waiting)))


def test_a_reply_released_while_its_order_ends_is_sent(database: Database) -> None:
    leased, reply = held_reply(database)
    release = threading.Thread(target=desk.release, args=(database, reply, LATER, "anna"))
    with database.transaction() as connection:
        outbox.record(connection, [(leased, Done(result="SO-1"))], NOW)
        release.start()
        wait_until(lambda: in_the_way(database, release), 30, "the release to wait")
    release.join(30)
    assert [one.id for one in outbox.lease(database, LATER, 10, 60, "b")] == [reply]


def test_an_order_that_ends_while_its_reply_is_released_wakes_it(database: Database) -> None:
    leased, reply = held_reply(database)
    done = (database, leased, Done(result="SO-1"), NOW)
    end = threading.Thread(target=outbox.finish, args=done)
    with database.transaction() as connection:
        desk.move(connection, reply, "release", NOW, "anna")
        end.start()
        wait_until(lambda: in_the_way(database, end), 30, "the end to wait")
    end.join(30)
    assert [one.id for one in outbox.lease(database, LATER, 10, 60, "b")] == [reply]


def test_who_drops_an_order_and_who_releases_its_reply_wait_in_no_circle(
    database: Database,
) -> None:
    leased, reply = held_reply(database)
    outbox.finish(database, leased, GivenUp(reason="erp-http-422"), NOW)
    drop = threading.Thread(target=desk.drop, args=(database, leased.id, NOW, "boris"))
    with database.transaction() as connection:
        assert desk.version(connection, reply) > 0
        drop.start()
        wait_until(lambda: in_the_way(database, drop), 30, "the drop to wait")
        desk.move(connection, reply, "release", NOW, "anna")
    drop.join(30)
    assert states(database) == ["dropped", "dropped"]


def test_many_claimers_at_once_never_claim_the_same(database: Database) -> None:
    put(database, 200)
    claimed: list[Leased] = []
    lock = threading.Lock()

    def claim(owner: str) -> None:
        while found := outbox.lease(database, NOW, 7, 60, owner):
            with lock:
                claimed.extend(found)

    threads = [threading.Thread(target=claim, args=(f"o{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(claimed) == len({leased.id for leased in claimed}) == 200


def test_two_workers_finish_everything_once(database: Database, tmp_path: Path) -> None:
    put(database, 60, Step.DELIVER)
    seen: list[int] = []

    async def perform(leased: Leased) -> Done:
        seen.append(leased.id)
        return Done(result="x")

    async def main() -> None:
        bells = [Doorbell(tmp_path / str(n)) for n in range(2)]
        steps = {Step.DELIVER: perform}
        workers = [Worker(Config(), database, SystemClock(), steps, bell) for bell in bells]
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.run())
            while set(states(database)) != {"done"}:
                await asyncio.sleep(0.02)
            for worker in workers:
                worker.stop()
        for bell in bells:
            bell.close()

    asyncio.run(main())
    assert sorted(seen) == sorted(set(seen))
    assert len(seen) == 60


def test_counting_replies_waits_for_whoever_counts_already(database: Database) -> None:
    waited = threading.Event()

    def count() -> None:
        with database.transaction() as connection:
            one_at_a_time(connection)
            waited.set()

    with database.transaction() as connection:
        one_at_a_time(connection)
        thread = threading.Thread(target=count)
        thread.start()
        assert not waited.wait(0.3)
    assert waited.wait(60)
    thread.join(10)


def test_a_dead_letter_is_refused_what_the_schema_forbids(database: Database) -> None:
    put(database, 1)
    (leased,) = outbox.lease(database, NOW, 1, 60, "a")
    outbox.finish(database, leased, GivenUp(reason="x"), NOW)
    with pytest.raises(PermanentFailure), database.transaction() as connection:
        connection.execute(text("UPDATE action SET state = 'done'"))
    assert states(database) == ["dead"]


def test_a_claim_reads_the_index_when_the_table_is_full(database: Database) -> None:
    """With most rows done, the planner must not look at them."""
    with database.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO message (digest, queue_id, message_id, received_at, size, raw, author,"
                " subject, category, outcome, order_number, envelope, verdict, classification,"
                " \"order\", decision) SELECT n::text, '', '', 0, 0, '', '', '', '', "
                "'act', '', '', '', '', '', '' FROM generate_series(1, 5000) n"
            )
        )
        connection.execute(
            text(
                'INSERT INTO action (message, "key", step, state, body, "after", attempts,'
                " created_at, due_at, finished_at, result, reason) SELECT 1 + n % 5000, n::text,"
                " 'deliver', 'done', '', '', 1, 0, n, 0, '', '' FROM generate_series(1, 20000) n"
            )
        )
    put(database, 50)
    with database.transaction() as connection:
        connection.execute(text("ANALYZE"))
        wanted = {"wanted": "pending", "of_step": "order-create", "at": NOW.timestamp(), "most": 8}
        statement = statements.DUE.params(wanted).compile(
            dialect=connection.dialect, compile_kwargs={"literal_binds": True}
        )
        plan = connection.execute(text(f"EXPLAIN {statement}".replace(":", r"\:"))).scalars().all()
    steps = "\n".join(plan)
    assert "ix_action_state_step_due_at" in steps, steps
    assert "Seq Scan on action" not in steps, steps


def test_the_audit_log_is_one_chain_whoever_writes_at_once(
    database: Database, tmp_path: Path
) -> None:
    config = Config.model_validate({"service": {"state_dir": tmp_path}})
    log = AuditLog(config)

    def write(name: str) -> None:
        for number in range(10):
            with log.recording(database) as recording:
                recording.tell(NOW, name, "approve", f"m{number}")

    writers = [threading.Thread(target=write, args=(name,)) for name in ("anna", "boris")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert (log.end(database).count, log.problems(database)) == (20, [])
    for change in ("UPDATE audit SET who = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(PermanentFailure), database.transaction() as connection:
            connection.execute(text(change))


def test_the_feed_of_events_waits_for_a_smaller_number_that_is_not_committed_yet(
    database: Database,
) -> None:
    message = take(database, "m")
    actions = [simple_action(name) for name in ("slow", "fast")]
    place = events_feed.after(database, 0, 100)[-1].id
    with database.transaction() as slow:
        outbox.put(slow, message, actions[:1], NOW, "lmtp")
        with database.transaction() as fast:
            outbox.put(fast, message, actions[1:], NOW, "lmtp")
        assert events_feed.after(database, place, 100) == []  # a smaller number is still to come
    found = events_feed.after(database, place, 100)
    assert len(found) == 2
    assert [one.id for one in found] == sorted(one.id for one in found)


def test_a_database_that_takes_no_writes_after_a_fail_over_is_a_temporary_failure(
    server: postgresql.PostgreSql,
) -> None:
    standby = Database(server.create("standby"))
    with standby.transaction() as connection:
        read_only = "ALTER DATABASE standby SET default_transaction_read_only = on"
        connection.execute(text(read_only))
    standby.close()
    with pytest.raises(TemporaryFailure, match="database"), standby.transaction() as connection:
        connection.execute(text("CREATE TABLE anything (id integer)"))
    standby.close()


def test_a_session_gives_a_lost_host_up_in_seconds() -> None:
    # Over TCP: on a unix socket the server has no use for these.
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        listen = (LOOPBACK, free_ports(1)[0])
        with postgresql.PostgreSql(Path(name), listen=listen) as running:
            opened = Database(running.create("lost"))
            with opened.reading() as connection:
                told = [
                    connection.execute(text(f"SHOW {setting}")).scalar_one()
                    for setting in (
                        "idle_in_transaction_session_timeout",
                        "tcp_keepalives_idle",
                        "tcp_keepalives_interval",
                        "tcp_keepalives_count",
                        "tcp_user_timeout",
                    )
                ]
            opened.close()
    assert told == ["10s", "5", "5", "2", "10000"]


def test_an_order_from_an_author_in_another_case_waits_for_its_turn(database: Database) -> None:
    order = order_name("anna@sender.test", "PO-1")
    with database.transaction() as first:
        queue_up(first, order)
        with database.transaction() as second:
            second.execute(text("SET LOCAL lock_timeout = 100"))
            with pytest.raises(OperationalError):
                queue_up(second, order_name("Anna@Sender.test", "po-1"))
            second.rollback()


def test_an_endless_order_number_fits_the_index(database: Database) -> None:
    endless = dataclasses.replace(ORDER, number="".join(map(chr, range(0x10000, 0x10FA0))))
    first = put_in_review(database, "a", order=endless)
    assert put_in_review(database, "b", order=endless) == first + 1


def site(database: Database, folder: Path) -> Config:
    return Config.model_validate(
        {
            "service": {"state_dir": folder, "run_dir": folder},
            "erp": {"base_url": "http://127.0.0.1:9"},
            "reading": {"workers": 0},
            "store": {"url": database.url},
        }
    )


@pytest.mark.parametrize("order", [ORDER, dataclasses.replace(ORDER, number="")], ids=["12", "-"])
def test_a_correction_waits_for_who_takes_the_same_order(
    database: Database, tmp_path: Path, order: Order
) -> None:
    number = put_in_review(database, "a", order=order)
    outcomes: list[str] = []

    def correct() -> None:
        operator = Operator(site(database, tmp_path), database)
        outcomes.append(operator.reclassify(number, "purchase_order", "maria"))

    with database.transaction() as taking:
        queue_up(taking, order_turn("anna@kunde.test", order))
        thread = threading.Thread(target=correct)
        thread.start()
        wait_until(lambda: is_queued(database), 30, "the correction to wait")
        act = Decision(outcome=Outcome.ACT, category="purchase_order", steps=(Step.ORDER_CREATE,))
        put_in_review(database, "b", act, order=order)
    thread.join(30)
    assert outcomes == ["review"]


def is_queued(database: Database) -> bool:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with database.reading() as connection:
        return bool(connection.scalar(text(waiting)))


def test_of_many_who_decide_at_once_one_counts(database: Database, tmp_path: Path) -> None:
    number, config = put_in_review(database), site(database, tmp_path)
    outcomes: list[str] = []

    def decide(verb: str) -> None:
        try:
            getattr(Operator(config, database), verb)(number, verb)
            outcomes.append("done")
        except PermanentFailure as failure:
            outcomes.append(failure.reason)

    threads = [threading.Thread(target=decide, args=(verb,)) for verb in ("approve", "reject") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["done"] + ["not-waiting"] * 7
    assert len(AuditLog(config).entries(database)) == 1
