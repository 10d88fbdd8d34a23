"""One message, taken once: what is stored, what is planned, what the peer is told."""

import asyncio
import dataclasses
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from postroom import stamp
from postroom.classification import Classification
from postroom.classify.decide import QUARANTINE_FOLDER
from postroom.config import RetentionSection
from postroom.decision import Outcome, Step
from postroom.envelope import Envelope
from postroom.examination import Examination
from postroom.failure import PermanentFailure, Reply, TemporaryFailure
from postroom.keeping.retention import purge
from postroom.reading import fields
from postroom.store import messages
from postroom.store.engine import Database
from postroom.store.messages import StoredMessage
from postroom.verdict import Verdict
from tests.fakes.lmtp import connect, serving
from tests.fakes.stages import (
    KEY,
    NOW,
    Stages,
    StandingClock,
    a_mail,
    an_intake,
    examine_by_header,
    intake_config,
)
from tests.fakes.store import a_database

INFO, ORDERS = "info@example.test", "orders@example.test"


class Room:
    """An intake with its database, and questions about what it did."""

    def __init__(self, folder: Path, **section: object) -> None:
        self.config = intake_config(folder, **section)
        self.database = a_database(folder)
        self.stages = Stages()
        self.clock = StandingClock()
        self.intake = an_intake(self.config, self.database, self.stages, self.clock)

    def take(self, raw: bytes, *recipients: str, queue_id: str = "4BX1") -> tuple[Reply, ...]:
        """One transaction through the intake."""
        envelope = Envelope(
            client_address="192.0.2.7",
            sender="anna@sender.test",
            recipients=recipients or (INFO,),
            queue_id=queue_id,
        )
        return asyncio.run(self.intake.take(envelope, raw))

    def stored(self) -> list[StoredMessage]:
        """Every message, oldest first."""
        with self.database.reading() as connection:
            numbers = connection.scalars(text("SELECT id FROM message ORDER BY id")).all()
            found = [messages.message(connection, number) for number in numbers]
        return [one for one in found if one is not None]

    def only(self) -> StoredMessage:
        """The one message there is."""
        (message,) = self.stored()
        return message

    def steps(self) -> Counter[str]:
        """How many actions of each step were planned."""
        return Counter(self._column("SELECT step FROM action"))

    def deliveries(self) -> list[str]:
        """Who was accepted for, over all messages."""
        return sorted(self._column("SELECT recipient FROM delivery"))

    def snapshot(self) -> list[list[object]]:
        """Every row of every table but the bytes."""
        with self.database.reading() as connection:
            return [
                [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table}"))]
                for table in ("message", "delivery", "action", "review", "event")
            ]

    def _column(self, query: str) -> list[str]:
        with self.database.reading() as connection:
            return [row[0] for row in connection.execute(text(query))]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def stamped(raw: bytes, *, queue_id: str = "4BX1", examination: Examination | None = None) -> bytes:
    """The message with the milter's stamp on it."""
    value = stamp.write(
        examination or examine_by_header(raw),
        queue_id=queue_id,
        body=fields.split(raw)[1],
        key=KEY,
        now=NOW,
    )
    return f"{stamp.HEADER}: {value}\r\n".replace("\n\t", "\r\n\t").encode() + raw


def test_a_new_message_is_stored_with_a_delivery_for_each_recipient(room: Room) -> None:
    raw = a_mail(category="other")
    replies = room.take(raw, INFO, ORDERS)
    message = room.only()
    assert [str(reply) for reply in replies] == [f"250 2.0.0 Taken as {message.id}"] * 2
    assert message.raw == raw
    assert message.received_at == NOW
    assert (message.author, message.subject) == ("anna@sender.test", "Bolts")
    assert message.message_id == "<1@sender.test>"
    assert (message.envelope.queue_id, message.envelope.client_address) == ("4BX1", "192.0.2.7")
    assert room.deliveries() == [INFO, ORDERS]
    assert room.steps() == {"deliver": 2}


def test_an_authenticated_order_is_planned_in_the_same_transaction(room: Room) -> None:
    room.take(a_mail(category="purchase_order", order="PO-1"))
    message = room.only()
    assert message.decision.outcome is Outcome.ACT
    assert message.order.number == "PO-1"
    assert room.steps()["order-create"] == 1
    assert room.steps()["deliver"] == 1


def test_the_order_is_read_only_where_the_category_has_one(room: Room) -> None:
    room.take(a_mail(category="support"))
    assert room.stages.extracted == 0
    room.take(a_mail(category="invoice", message_id="<2@sender.test>"))
    assert room.stages.extracted == 1


def test_a_good_stamp_saves_the_examination(room: Room) -> None:
    room.take(stamped(a_mail(category="support")))
    assert room.stages.examined == 0
    assert room.only().classification.category == "support"


def test_a_stamp_is_good_without_a_queue_id_too(room: Room) -> None:
    room.take(stamped(a_mail(category="support")), queue_id="")
    assert room.stages.examined == 0


def _twice(raw: bytes) -> bytes:
    return stamped(stamped(raw))


def _forged(raw: bytes) -> bytes:
    return stamped(raw).replace(b"v=1;k=", b"v=1;k=0", 1)


def _other_body(raw: bytes) -> bytes:
    return stamped(raw) + b"one more line\r\n"


def _other_queue_id(raw: bytes) -> bytes:
    return stamped(raw, queue_id="4BX2")


def _other_author(raw: bytes) -> bytes:
    good = examine_by_header(raw)
    verdict = dataclasses.replace(good.verdict, author="boss@sender.test")
    return stamped(raw, examination=dataclasses.replace(good, verdict=verdict))


def _garbage(raw: bytes) -> bytes:
    return stamp.HEADER.encode() + b": \xff\xfe v=1; p=; b=\r\n" + raw


@pytest.mark.parametrize(
    "damage", [_twice, _forged, _other_body, _other_queue_id, _other_author, _garbage]
)
def test_a_stamp_that_cannot_be_believed_costs_an_examination(
    room: Room, damage: Callable[[bytes], bytes]
) -> None:
    room.take(damage(a_mail(category="support")))
    assert room.stages.examined == 1
    assert room.only().verdict.author == "anna@sender.test"


def test_a_stamp_expires(room: Room) -> None:
    raw = stamped(a_mail(category="support"))
    room.clock.moment += timedelta(seconds=room.config.lmtp.stamp_max_age + 1)
    room.take(raw)
    assert room.stages.examined == 1


def test_an_author_the_examiner_does_not_see_is_not_authenticated(room: Room) -> None:
    raw = a_mail(category="purchase_order", order="PO-1", author="boss@sender.test")
    room.take(b"X-Test-Author: anna@sender.test\r\n" + raw)
    message = room.only()
    assert message.verdict.authenticated_domain == ""
    assert message.decision.outcome is Outcome.REVIEW
    assert room.steps() == {"deliver": 1}


def test_a_redelivery_is_answered_250_and_changes_nothing(room: Room) -> None:
    raw = a_mail(category="purchase_order", order="PO-1")
    room.take(raw, INFO, ORDERS)
    before = room.snapshot()
    room.clock.moment += timedelta(hours=1)
    for recipients in ((INFO, ORDERS), (ORDERS,), ("INFO@EXAMPLE.TEST", INFO)):
        replies = room.take(raw, *recipients)
        assert [str(one) for one in replies] == ["250 2.0.0 Already taken as 1"] * len(recipients)
    assert room.snapshot() == before
    assert room.stages.read_ == 1
    assert room.stages.examined == 1


def test_a_copy_that_came_another_way_is_the_same_message(room: Room) -> None:
    raw = a_mail(category="purchase_order", order="PO-1")
    room.take(b"Received: from a.test by b.test\r\n" + raw, queue_id="4BX1")
    before = room.snapshot()
    room.take(b"Received: from c.test by b.test\r\n" + stamped(raw), queue_id="4BX2")
    assert room.snapshot() == before


def test_another_recipient_of_a_known_message_gets_a_delivery_and_nothing_else(room: Room) -> None:
    raw = a_mail(category="purchase_order", order="PO-1")
    room.take(raw, INFO)
    planned = room.steps()
    replies = room.take(raw, INFO, ORDERS, queue_id="4BX2")
    assert [str(one) for one in replies] == ["250 2.0.0 Taken as 1"] * 2
    assert room.deliveries() == [INFO, ORDERS]
    assert room.steps() - planned == {"deliver": 1}
    assert room.stages.read_ == 1


def test_the_same_queue_id_and_message_id_is_the_same_even_when_bytes_differ(room: Room) -> None:
    room.take(a_mail("one", category="support"), INFO, queue_id="4BX1")
    before = room.snapshot()
    room.take(a_mail("one, with a footer", category="support"), INFO, queue_id="4BX1")
    assert room.snapshot() == before


@pytest.mark.parametrize(
    ("queue_id", "message_id", "tickets"),
    [
        ("4BX1", "<2@sender.test>", 2),  # Postfix uses short queue ids again
        ("4BX2", "<1@sender.test>", 1),  # it was acted on: the other waits for a person
        ("", "<1@sender.test>", 1),
        ("4BX1", "", 2),
    ],
)
def test_other_content_is_another_message_unless_both_names_agree(
    room: Room, queue_id: str, message_id: str, tickets: int
) -> None:
    room.take(a_mail("one", category="support"), queue_id="4BX1")
    room.take(a_mail("two", category="support", message_id=message_id), queue_id=queue_id)
    assert len(room.stored()) == 2
    assert room.steps()["ticket-create"] == tickets


def test_anybody_may_use_a_message_id_again(room: Room) -> None:
    room.take(a_mail("one", category="support"), queue_id="4BX1")
    room.take(a_mail("two", category="support", author="boris@sender.test"), queue_id="4BX2")
    assert [message.decision.outcome for message in room.stored()] == [Outcome.ACT] * 2
    assert room.steps()["ticket-create"] == 2


def test_other_content_under_known_names_reaches_who_lacks_it_but_acts_only_after_a_person(
    room: Room,
) -> None:
    room.take(a_mail("one", category="support"), INFO, queue_id="4BX1")
    room.take(a_mail("two", category="support"), INFO, ORDERS, queue_id="4BX1")
    _, second = room.stored()
    assert second.decision.outcome is Outcome.REVIEW
    assert any(reason.startswith("repeated:") for reason in second.decision.reasons)
    assert room.deliveries() == [INFO, ORDERS]
    assert room.steps() == {"ticket-create": 1, "reply": 1, "deliver": 2}


def test_ten_connections_with_the_same_message_end_in_one_row(room: Room) -> None:
    raw = a_mail(category="purchase_order", order="PO-1")

    async def race() -> list[list[str]]:
        async with serving(room.config, room.intake.take):
            peers = [await connect(room.config) for _ in range(10)]
            for peer in peers:
                await peer.greet()
            answers = [peer.deliver(raw, (INFO, ORDERS), queue_id="4BX1") for peer in peers]
            replies = await asyncio.gather(*answers)
            for peer in peers:
                await peer.close()
            return replies

    replies = asyncio.run(race())
    assert all(line.startswith("250 ") for lines in replies for line in lines)
    assert sum("Taken as 1" in lines[0] for lines in replies) == 1
    assert len(room.stored()) == 1
    assert room.deliveries() == [INFO, ORDERS]
    assert room.steps()["order-create"] == 1
    assert room.steps()["deliver"] == 2


def test_an_order_number_taken_before_goes_to_a_person(room: Room) -> None:
    room.take(a_mail("one", category="purchase_order", order="PO-1"))
    room.take(
        a_mail("two", category="purchase_order", order="po-1", message_id="<2@sender.test>"),
        queue_id="4BX2",
    )
    first, second = room.stored()
    assert (first.decision.outcome, second.decision.outcome) == (Outcome.ACT, Outcome.REVIEW)
    assert room.steps()["order-create"] == 1


@pytest.mark.parametrize(
    "again",
    [
        b"X-Received: by 2002:a05:6402\r\n" + a_mail(category="purchase_order"),
        b"X-MS-Exchange-CrossTenant-Id: 1\r\n" + a_mail(category="purchase_order"),
        a_mail(category="purchase_order") + b"-- \r\nsent by the list\r\n",
        a_mail(category="purchase_order", message_id="<2@sender.test>"),
    ],
    ids=["another way", "another server", "a footer", "sent again"],
)
def test_an_order_without_a_number_that_comes_twice_goes_to_a_person(
    room: Room, again: bytes
) -> None:
    room.take(a_mail(category="purchase_order"), INFO, queue_id="4BX1")
    room.take(again, ORDERS, queue_id="4BX2")
    first, second = room.stored()
    assert (first.decision.outcome, second.decision.outcome) == (Outcome.ACT, Outcome.REVIEW)
    assert second.decision.reasons[-1].startswith(("order-known:", "repeated:"))
    assert room.deliveries() == [INFO, ORDERS]
    assert room.steps()["order-create"] == 1


def acknowledged(room: Room, ticket: str) -> str:
    """A message has become that ticket; the Message-ID of its acknowledgement."""
    room.take(a_mail("Pump is broken.", category="support"))
    key = room._column("SELECT key FROM action WHERE step = 'reply'")[0]
    with room.database.transaction() as connection:
        for change in (
            "state = 'leased', lease_until = 1",
            f"state = 'done', lease_until = NULL, finished_at = 1, result = '{ticket}'",
        ):
            connection.execute(text(f"UPDATE action SET {change} WHERE step = 'ticket-create'"))
    return f"<{key}.postroom@example.test>"


def in_answer_to(name: str, field: str = "In-Reply-To", **more: str) -> bytes:
    raw = a_mail("It leaks, too.", message_id="<2@sender.test>", **more)
    return f"{field}: {name}\r\n".encode() + raw


@pytest.mark.parametrize("field", ["In-Reply-To", "References"])
def test_what_answers_an_acknowledgement_names_its_ticket(room: Room, field: str) -> None:
    name = acknowledged(room, "8812")
    room.take(in_answer_to(name, field, category="support"), queue_id="4BX2")
    (_, follow_up) = room._column("SELECT body FROM action WHERE step = 'ticket-create'")
    assert json.loads(follow_up)["source"]["follows"] == "8812"
    (_, reply) = room._column("SELECT body FROM action WHERE step = 'reply'")
    assert json.loads(reply)["facts"]["follows"] == "8812"


@pytest.mark.parametrize(
    "name",
    [
        "<00000000-0000-5000-8000-000000000000.postroom@example.test>",
        "<------------------------------------.postroom@example.test>",
        "<1@sender.test>",
    ],
)
def test_what_answers_something_else_is_a_new_ticket(room: Room, name: str) -> None:
    acknowledged(room, "8812")
    room.take(in_answer_to(name, category="support"), queue_id="4BX2")
    (_, ticket) = room._column("SELECT body FROM action WHERE step = 'ticket-create'")
    assert "follows" not in json.loads(ticket)["source"]


def test_an_order_that_answers_an_acknowledgement_is_an_order(room: Room) -> None:
    raw = in_answer_to(acknowledged(room, "8812"), category="purchase_order", order="7")
    room.take(raw, queue_id="4BX2")
    (order,) = room._column("SELECT body FROM action WHERE step = 'order-create'")
    assert "follows" not in json.loads(order)["source"]
    (_, reply) = room._column("SELECT body FROM action WHERE step = 'reply'")
    assert json.loads(reply)["facts"]["follows"] == ""


def test_what_is_ordered_every_week_is_ordered_every_week(room: Room) -> None:
    for week in range(3):
        raw = a_mail(category="purchase_order", message_id=f"<{week}@sender.test>")
        room.take(raw, queue_id=f"4BX{week}")
        room.clock.moment += timedelta(days=7)
    assert room.steps()["order-create"] == 3


def test_what_was_acted_on_is_not_done_again_for_another_copy_of_it(room: Room) -> None:
    raw = a_mail(category="support")
    room.take(raw, INFO, queue_id="4BX1")
    planned = room.steps()
    room.take(b"X-Received: 2\r\n" + raw, ORDERS, queue_id="4BX2")
    _, second = room.stored()
    assert any(reason.startswith("repeated:") for reason in second.decision.reasons)
    assert room.steps() - planned == {"deliver": 1}


def test_a_copy_that_nothing_follows_from_waits_for_nobody(room: Room) -> None:
    raw = a_mail(category="purchase_order", order="17")
    room.take(raw, INFO, queue_id="4BX1")
    room.take(b"Auto-Submitted: auto-replied\r\n" + raw, ORDERS, queue_id="4BX2")
    assert room.stored()[1].decision.outcome is Outcome.DELIVER


def _settle_and_empty(room: Room) -> None:
    """Everything planned is done, and retention.mail has passed."""
    open_, leased, done = ("finished_at IS NULL", "lease_until = 1", "lease_until = NULL")
    with room.database.transaction() as connection:
        connection.execute(text(f"UPDATE action SET state = 'leased', {leased} WHERE {open_}"))
        connection.execute(
            text(f"UPDATE action SET state = 'done', {done}, finished_at = 1 WHERE {open_}")
        )
    room.clock.moment += timedelta(days=31)
    aged = room.config.model_copy(update={"retention": RetentionSection(mail=30)})
    purge(aged, room.database, room.clock.moment)


def test_an_order_number_taken_before_is_known_when_its_content_is_gone(room: Room) -> None:
    room.take(a_mail("one", category="purchase_order", order="PO-1"))
    _settle_and_empty(room)
    for number, order in ((2, "po-1"), (3, "PO-2")):
        mail = a_mail("again", category="purchase_order", order=order, message_id=f"<{number}@s>")
        room.take(mail, queue_id=f"4BX{number}")
    _, again, other = room.stored()
    assert (again.decision.outcome, other.decision.outcome) == (Outcome.REVIEW, Outcome.ACT)


def test_an_emptied_message_reaches_another_recipient_with_its_bytes(room: Room) -> None:
    raw = a_mail(category="purchase_order", order="PO-1")
    room.take(raw, INFO)
    _settle_and_empty(room)
    assert room.only().raw == b""
    planned = room.steps()
    room.take(raw, ORDERS, queue_id="4BX2")
    again = room.only()
    assert (again.raw, again.envelope.sender) == (raw, "anna@sender.test")
    assert room.steps() - planned == {"deliver": 1}
    _settle_and_empty(room)
    assert room.only().raw == b""


@pytest.mark.parametrize("order", ["PO-1", ""])
def test_two_mails_with_one_order_at_the_same_moment_order_once(room: Room, order: str) -> None:
    mails = [
        a_mail(f"mail {number}", category="purchase_order", order=order,
               message_id=f"<{number}@sender.test>")
        for number in range(6)
    ]  # fmt: skip

    async def race() -> None:
        envelopes = [Envelope(recipients=(INFO,), queue_id=f"4BX{n}") for n in range(6)]
        takes = [
            room.intake.take(envelope, raw) for envelope, raw in zip(envelopes, mails, strict=True)
        ]
        await asyncio.gather(*takes)

    asyncio.run(race())
    outcomes = Counter(message.decision.outcome for message in room.stored())
    assert outcomes == {Outcome.ACT: 1, Outcome.REVIEW: 5}
    assert room.steps()["order-create"] == 1


@pytest.mark.parametrize("disposition", ["reject", "quarantine"])
def test_what_the_border_would_refuse_is_taken_and_quarantined(
    room: Room, disposition: str
) -> None:
    raw = a_mail(category="purchase_order", order="PO-1", disposition=disposition)
    (reply,) = room.take(raw)
    message = room.only()
    assert reply.code == 250
    assert message.decision.outcome is Outcome.REVIEW
    assert message.decision.folder == QUARANTINE_FOLDER
    assert room.steps() == {"deliver": 1}


def test_a_machine_s_mail_the_border_would_refuse_is_quarantined_too(room: Room) -> None:
    raw = b"Auto-Submitted: auto-replied\r\n" + a_mail(category="support", disposition="reject")
    room.take(raw)
    assert room.only().decision.folder == QUARANTINE_FOLDER
    assert room.steps() == {"deliver": 1}


def test_spam_the_border_would_refuse_is_filed_as_junk(room: Room) -> None:
    room.take(a_mail(category="spam", disposition="reject"))
    assert room.only().decision.folder == "Junk"
    assert room.only().decision.outcome is Outcome.DELIVER


def test_bytes_that_kill_their_reader_are_taken_for_a_person(room: Room) -> None:
    room.stages.read_failure = PermanentFailure("worker-timeout")
    (reply,) = room.take(a_mail(category="other"))
    assert reply.code == 250
    assert room.only().decision.outcome is Outcome.REVIEW
    assert "worker-timeout" in room.only().decision.reasons[-1]


def test_what_only_the_milter_could_not_read_is_classified_anew(room: Room) -> None:
    raw = a_mail(category="purchase_order", order="PO-1")
    unread = dataclasses.replace(
        examine_by_header(raw), classification=Classification(), unread="worker-timeout"
    )
    room.take(stamped(raw, examination=unread))
    message = room.only()
    assert message.decision.outcome is Outcome.ACT
    assert message.verdict == unread.verdict
    assert room.steps()["order-create"] == 1
    assert room.stages.examined == 0


def test_what_neither_could_read_is_taken_for_a_person(room: Room) -> None:
    room.stages.read_failure = PermanentFailure("worker-timeout")
    raw = a_mail(category="purchase_order", order="PO-1")
    unread = dataclasses.replace(
        examine_by_header(raw),
        verdict=Verdict(),
        classification=Classification(),
        unread="worker-timeout",
    )
    room.take(stamped(raw, examination=unread))
    assert room.only().decision.outcome is Outcome.REVIEW


def test_a_document_that_kills_its_reader_is_taken_for_a_person(room: Room) -> None:
    room.stages.extract_failure = PermanentFailure("worker-memory")
    room.take(a_mail(category="purchase_order", order="PO-1"))
    message = room.only()
    assert message.decision.outcome is Outcome.REVIEW
    assert message.order.problems == ("worker-memory",)
    assert "order-create" not in room.steps()


def test_a_message_that_cannot_be_examined_is_taken_for_a_person(room: Room) -> None:
    room.stages.examine_failure = PermanentFailure("worker-crashed")
    (reply,) = room.take(a_mail(category="purchase_order", order="PO-1"))
    assert reply.code == 250
    message = room.only()
    assert message.decision.outcome is Outcome.REVIEW
    assert message.verdict.authenticated_domain == ""
    assert room.steps() == {"deliver": 1}


def test_trouble_that_may_pass_stores_nothing(room: Room) -> None:
    room.stages.read_failure = TemporaryFailure("busy")
    with pytest.raises(TemporaryFailure):
        room.take(a_mail())
    assert room.stored() == []
    room.stages.read_failure = None
    assert room.take(a_mail())[0].code == 250


def test_a_message_that_takes_too_long_is_deferred(tmp_path: Path) -> None:
    room = Room(tmp_path, deadline=0.1)
    room.stages.read_waits = True
    with pytest.raises(TemporaryFailure) as caught:
        room.take(a_mail())
    assert caught.value.reason == "deadline"
    assert room.stored() == []


def test_a_locked_database_is_451_and_taken_when_it_is_free(room: Room, tmp_path: Path) -> None:
    impatient = Database(f"sqlite:///{tmp_path}/postroom.sqlite", busy_timeout_s=0.05)
    intake = an_intake(room.config, impatient, room.stages, room.clock)
    with room.database.transaction():
        locked = asyncio.run(_serve_once(room, intake.take, a_mail()))
    assert locked == "451 4.3.0 Local problem, try again later"
    assert asyncio.run(_serve_once(room, intake.take, a_mail())) == "250 2.0.0 Taken as 1"


async def _serve_once(
    room: Room, take: Callable[[Envelope, bytes], Awaitable[tuple[Reply, ...]]], raw: bytes
) -> str:
    async with serving(room.config, take):
        peer = await connect(room.config)
        await peer.greet()
        (reply,) = await peer.deliver(raw, (INFO,))
        await peer.close()
        return reply


def test_a_full_disk_is_452_and_taken_when_there_is_room(room: Room) -> None:
    """SQLite's page limit stands in for the disk: the same error, and room can be made again."""
    with room.database.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    large = a_mail(("x" * 900 + "\r\n") * 400)
    refused = asyncio.run(_serve_once(room, room.intake.take, large))
    assert refused == "452 4.3.1 Insufficient system storage, try again later"
    assert room.stored() == []
    room.database.close()  # a new connection has no limit
    taken = asyncio.run(_serve_once(room, room.intake.take, large))
    assert taken == "250 2.0.0 Taken as 1"


def test_a_message_without_any_header_is_taken(room: Room) -> None:
    for number, raw in enumerate((b"", b"\r\n", b"no header at all\r\n", b"\x00\xff" * 100)):
        (reply,) = room.take(raw, queue_id=f"4BX{number}")
        assert reply.code == 250
    assert [message.raw for message in room.stored()][0] == b""
    assert len(room.stored()) == 4


def test_every_step_of_the_story_is_told(room: Room) -> None:
    room.take(a_mail(category="purchase_order", order="PO-1", verdict="none"))
    with room.database.reading() as connection:
        story = messages.events(connection, 1)
    assert [(one.kind, one.new) for one in story] == [
        ("message", "taken"),
        ("review", "waiting"),
        ("action", "pending"),
    ]
    assert {one.who for one in story} == {"lmtp"}


def test_an_unauthenticated_verdict_is_stored_as_the_examiner_gave_it(room: Room) -> None:
    room.take(a_mail(category="purchase_order", order="PO-1", verdict="fail"))
    stored = room.only()
    assert isinstance(stored.verdict, Verdict)
    assert stored.verdict.dmarc.result.value == "fail"
    assert Step.ORDER_CREATE.value not in room.steps()


# Poison: what fails in a way nobody foresaw.


class Broken(ValueError):
    """A bug."""


@pytest.mark.parametrize("stage", ["read", "examine", "extract"])
def test_a_message_that_nobody_can_take_is_parked_in_review(room: Room, stage: str) -> None:
    setattr(room.stages, f"{stage}_failure", Broken("secret"))
    raw = a_mail(category="purchase_order", order="17")
    for _ in range(2):
        with pytest.raises(Broken):
            room.take(raw)
        assert room.stored() == []
    (reply,) = room.take(raw)
    assert reply.code == 250
    message = room.only()
    assert message.raw == raw
    assert message.decision.outcome is Outcome.REVIEW
    assert message.decision.reasons == ("poison: taking it failed 3 times (Broken); see the log",)
    assert room.steps() == {"deliver": 1}
    setattr(room.stages, f"{stage}_failure", None)
    assert room.take(raw)[0].text.startswith("Already taken")


def test_failures_that_are_foreseen_are_never_counted(room: Room) -> None:
    room.stages.read_failure = TemporaryFailure("busy")
    for _ in range(5):
        with pytest.raises(TemporaryFailure):
            room.take(a_mail())
    room.stages.read_failure = None
    room.take(a_mail())
    assert room.only().decision.reasons != ()


def test_each_message_is_counted_by_itself_and_over_restarts(room: Room) -> None:
    for _ in range(2):
        room.intake = an_intake(room.config, room.database, room.stages, room.clock)
        room.stages.read_failure = Broken()
        for said in ("one", "two"):
            with pytest.raises(Broken):
                room.take(a_mail(said, message_id=f"<{said}@x>"))
    room.take(a_mail("one", message_id="<one@x>"))
    assert len(room.stored()) == 1
