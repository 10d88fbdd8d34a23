"""Likeness: the same is like itself, the like is found in the store, people's words count."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from postroom.classification import Classification
from postroom.classify import concepts, features, memory
from postroom.classify.classifier import Classifier
from postroom.classify.llm import Llm, LlmCalibration
from postroom.classify.memory import Memory
from postroom.classify.second_look import SecondLook, few_shot
from postroom.classify.similar import SIZE, Neighbour, nearest, packed, unpacked, vector
from postroom.config import ClassificationSection, LlmSection
from postroom.decision import Decision, Outcome
from postroom.envelope import Envelope
from postroom.message import Automatic, AutomaticKind, Message
from postroom.order import Order
from postroom.store import likeness, messages
from postroom.store.engine import Database
from postroom.verdict import Verdict
from tests.fakes.llm import LlmServer
from tests.fakes.other_process import said
from tests.fakes.store import a_database

CLASSIFIER = Classifier(ClassificationSection())
PALLETS = "We send back four empty pallets, please collect them at gate two on Monday."
PALLETS_AGAIN = "We send back six empty pallets, please collect them at gate two on Friday."
PRINTER = "The printer on the second floor shows an error and prints nothing."


def mail(text: str) -> Message:
    return Message(raw=b"", new_text=text, text=text, language="en")


def likeness_of(one: str, other: str) -> float:
    made = [CLASSIFIER.vector(mail(text)) for text in (one, other)]
    return float(made[0] @ made[1])


def test_the_same_is_wholly_alike_the_alike_more_than_the_rest() -> None:
    assert likeness_of(PALLETS, PALLETS) == pytest.approx(1.0, abs=1e-5)
    assert likeness_of(PALLETS, PALLETS_AGAIN) > 0.8
    assert likeness_of(PALLETS, PRINTER) < 0.5


def test_nothing_is_like_nothing() -> None:
    empty = vector(features.extract(Message(raw=b""), concepts.load()))
    assert empty.shape == (SIZE,) and not empty.any()
    assert nearest(empty, unpacked([]), 3) == []


def test_the_most_alike_come_first_and_of_equals_the_earlier() -> None:
    asked = np.eye(SIZE, dtype=np.float32)[0]
    known = np.outer([0.5, 0.9, 0.5, 0.1, 0.9, 0.5], asked).astype(np.float32)
    assert [row for row, _ in nearest(asked, known, 4)] == [1, 4, 0, 2]
    assert [row for row, _ in nearest(asked, known, 9)] == [1, 4, 0, 2, 5, 3]


_A_LOOK = f"""
import time
import numpy as np
from postroom.classify.similar import nearest
known = np.random.default_rng(0).random((20_000, {SIZE}), dtype=np.float32)
begun = time.process_time() - time.thread_time()
for row in known[:9]:
    nearest(row, known, 5)
print(time.process_time() - time.thread_time() - begun)
"""


def test_a_look_at_many_messages_keeps_no_other_thread_busy() -> None:
    """What a helper of BLAS takes while it waits is far more than the look itself."""
    assert float(said(_A_LOOK)) < 0.002


def test_a_stored_vector_points_where_it_did() -> None:
    made = CLASSIFIER.vector(mail(PALLETS))
    back = unpacked([packed(made), b"short"])
    assert float(back[0] @ made) > 0.999
    assert not back[1].any()
    assert len(packed(np.zeros(SIZE, dtype=np.float32))) == SIZE


class Store:
    """A store with messages that have a category and perhaps a person's word."""

    def __init__(self, folder: Path) -> None:
        self.database: Database = a_database(folder)

    def add(self, text: str, category: str, source: str = "model") -> int:
        new = messages.NewMessage(
            digest=f"{text}{category}{source}"[:64],
            received_at=datetime(2026, 1, 2, tzinfo=UTC),
            raw=text.encode(),
            subject=text[:20],
            envelope=Envelope(),
            verdict=Verdict(),
            classification=Classification(category=category, source=source),
            order=Order(),
            decision=Decision(outcome=Outcome.DELIVER, category=category, folder="INBOX"),
        )
        with self.database.transaction() as connection:
            number = messages.take(connection, new, ["info@company.test"], who="lmtp").id
            made = packed(CLASSIFIER.vector(mail(text)))
            likeness.remember(connection, number, features.VERSION, made)
        return number


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_the_most_alike_come_first_and_new_ones_are_seen_at_once(store: Store) -> None:
    mind = Memory(store.database)
    assert mind.like(CLASSIFIER.vector(mail(PALLETS)), 3) == ()
    printer = store.add(PRINTER, "support")
    pallets = store.add(PALLETS, "other", source="person")
    found = mind.like(CLASSIFIER.vector(mail(PALLETS_AGAIN)), 3)
    assert [one.message for one in found][0] == pallets
    assert (found[0].category, found[0].by, found[0].subject) == ("other", "a person", PALLETS[:20])
    assert all(one.by == "" for one in found[1:])
    again = store.add(PALLETS_AGAIN, "other")
    assert [one.message for one in mind.like_stored(pallets, 1)] == [again]
    assert printer not in [one.message for one in mind.like_stored(printer, 9)]
    assert mind.like_stored(9_999, 1) == ()


def test_only_the_newest_are_kept_in_mind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST", 3)
    mind = Memory(store.database)
    for number in range(5):
        last = store.add(f"{number} {PALLETS}", "other")
        found = mind.like(CLASSIFIER.vector(mail(PALLETS)), 9)
        assert {one.message for one in found} == set(range(max(last - 2, 1), last + 1))


def test_vectors_of_other_features_are_left_alone(store: Store) -> None:
    number = store.add(PALLETS, "other")
    with store.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE likeness SET features = 999")
    assert Memory(store.database).like_stored(number, 1) == ()
    assert Memory(store.database).like(CLASSIFIER.vector(mail(PALLETS)), 1) == ()


def neighbour(likely: float, category: str, by: str = "maria") -> Neighbour:
    return Neighbour(message=1, likeness=likely, category=category, by=by)


SCORES = {"support": 0.6, "sales": 0.3, "other": 0.1}


@pytest.mark.parametrize(
    ("like", "expected"),
    [
        ([], 0.3),
        ([neighbour(0.7, "sales")], 0.3),
        ([neighbour(0.99, "sales", by="")], 0.3),
        ([neighbour(0.99, "custom")], 0.3),
        ([neighbour(0.95, "sales")], 2.4 / 3.1),
        ([neighbour(0.95, "sales"), neighbour(0.9, "sales")], 2.4 / 3.1),
        ([neighbour(0.8, "sales")], 0.3 * 8**0.5 / (0.7 + 0.3 * 8**0.5)),
    ],
)
def test_what_people_said_of_like_mail_raises_the_odds(
    like: list[Neighbour], expected: float
) -> None:
    after = few_shot(SCORES, like)
    assert after["sales"] == pytest.approx(expected)
    assert sum(after.values()) == pytest.approx(1.0)


UNSURE = Classification(category="sales", confidence=0.55, scores={"sales": 0.55, "other": 0.45})


def look(
    store: Store,
    given: Classification,
    message: Message | None = None,
    llm: Llm | None = None,
    measured: LlmCalibration | None = None,
) -> Classification:
    async def run() -> Classification:
        second = SecondLook(CLASSIFIER, Memory(store.database), 0.85, llm, measured)
        considered = await second(message or mail(PALLETS_AGAIN), given)
        assert considered.features == features.VERSION and len(considered.vector) == SIZE
        if llm is not None:
            await llm.close()
        return considered.classification

    return asyncio.run(run())


def test_an_unsure_message_follows_what_people_said_of_one_like_it(store: Store) -> None:
    number = store.add(PALLETS, "other", source="person")
    given = look(store, UNSURE)
    assert given.category == "other"
    assert 0.55 < given.confidence <= 0.9
    assert given.scores == UNSURE.scores
    assert any(reason.startswith(f"like m{number} (0.") for reason in given.reasons)
    assert any("other 0.45 -> " in reason for reason in given.reasons)


@pytest.mark.parametrize(
    "given",
    [
        replace(UNSURE, confidence=0.9, review=False),
        replace(UNSURE, source="rule"),
        replace(UNSURE, scores={}),
    ],
)
def test_what_is_sure_or_a_rules_or_without_scores_is_left_alone(
    store: Store, given: Classification
) -> None:
    store.add(PALLETS, "other", source="person")
    assert look(store, given) == given


def test_what_a_rule_forced_into_review_stays_there(store: Store) -> None:
    store.add(PALLETS, "sales", source="person")
    forced = replace(UNSURE, scores={"sales": 0.84, "other": 0.16}, confidence=0.84, forced=True)
    for given, waits in ((forced, True), (replace(forced, forced=False), False)):
        after = look(store, given)
        assert (after.category, after.review) == ("sales", waits)
        assert after.confidence >= 0.85


def test_the_second_look_starts_from_what_the_spam_filter_left(store: Store) -> None:
    store.add(PALLETS, "sales", source="person")
    scores = {"sales": 0.84, "spam": 0.16}
    flagged = replace(
        UNSURE, category="spam", scores=scores, weighed={"spam": 0.8, "sales": 0.2}, confidence=0.8
    )
    after = look(store, flagged)
    assert after.review and after.confidence < 0.85
    assert any("past mail like it: sales 0.20 -> " in reason for reason in after.reasons)
    assert (after.scores, after.weighed) == (scores, flagged.weighed)


def test_the_language_model_chooses_among_what_the_spam_filter_left(store: Store) -> None:
    weighed = {"spam": 0.84, "other": 0.15, "sales": 0.01}
    flagged = replace(UNSURE, category="spam", weighed=weighed, confidence=0.84)
    measured = LlmCalibration(model="m", asked={"sales": 100}, right={"sales": 98})
    with LlmServer(lambda _: "sales") as server:
        llm = Llm(LlmSection(enabled=True, model="m", base_url=server.url))
        given = look(store, flagged, llm=llm, measured=measured)
    assert (given.category, given.review) == ("spam", True)


def test_what_a_machine_wrote_is_left_alone(store: Store) -> None:
    store.add(PALLETS, "other", source="person")
    machine = Automatic(kind=AutomaticKind.SYSTEM, why="a header")
    assert look(store, UNSURE, replace(mail(PALLETS_AGAIN), automatic=machine)) == UNSURE


@pytest.mark.parametrize(("right", "is_sure"), [(98, True), (60, False), (None, False)])
def test_a_language_model_decides_only_as_far_as_it_was_measured(
    store: Store, right: int | None, is_sure: bool
) -> None:
    measured = None
    if right is not None:
        measured = LlmCalibration(model="m", asked={"other": 100}, right={"other": right})
    with LlmServer(lambda _: "other") as server:
        llm = Llm(LlmSection(enabled=True, model="m", base_url=server.url))
        given = look(store, UNSURE, llm=llm, measured=measured)
    assert len(server.asked) == 1
    assert (given.category == "other", not given.review) == (is_sure, is_sure)
    assert any("the language model m says other" in reason for reason in given.reasons)
