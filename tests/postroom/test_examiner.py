"""The front's work on one message does not hold up the others."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from postroom.classify import aside_model, classifier
from postroom.classify.rulebook import RuleError
from postroom.clock import SystemClock
from postroom.config import CategoryRow, ClassificationSection, Config, ReplySection
from postroom.envelope import Envelope
from postroom.examiner import Examiner
from postroom.failure import TemporaryFailure
from postroom.message import Message
from postroom.reading.pool import WorkerLost, WorkerPool
from postroom.verdict import Verdict
from tests.fakes.leftovers import keeps_nothing
from tests.fakes.letters import letter

LOCAL = Envelope(sender="anna@sender.test", authenticated_user="anna")
UNSURE = "zzqx vrrt"


def message(text: str) -> Message:
    return Message(raw=letter(text), subject="", new_text=text, text=text, language="en")


@pytest.mark.slow
def test_others_are_classified_while_the_encoder_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    may_end, as_it_is = threading.Event(), classifier.Classifier.finish

    def finish(self: classifier.Classifier, begun: classifier.Begun) -> object:
        if begun.takes_long:
            assert may_end.wait(30)
        return as_it_is(self, begun)

    monkeypatch.setattr(classifier.Classifier, "finish", finish)

    async def scene() -> None:
        examiner = Examiner(Config(), SystemClock())
        try:
            slow = asyncio.create_task(examiner.classify(message(UNSURE), Verdict(), Envelope()))
            order = message("Please supply 10 hex bolts M8 against our purchase order 4711.")
            for _ in range(3):
                told = await examiner.classify(order, Verdict(), Envelope())
                assert told.category == "purchase_order"
            assert not slow.done()
            may_end.set()
            assert (await slow).review
        finally:
            examiner.pool.stop()

    asyncio.run(scene())


class LosingPool(WorkerPool):
    """A pool none of whose workers comes to an end."""

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        raise WorkerLost("worker-timeout")


@pytest.mark.slow
def test_an_examination_says_that_the_message_could_not_be_read() -> None:
    examiner = Examiner(Config(), SystemClock())
    found = asyncio.run(examiner(LOCAL, letter("Please send 10 bolts.")))
    assert found.unread == ""
    examiner.pool.stop()
    examiner.pool = LosingPool(Config().reading)
    lost = asyncio.run(examiner(LOCAL, letter("Please send 10 bolts.")))
    assert lost.unread == "worker-timeout"
    assert lost.verdict == found.verdict


ASIDE = "Our gate is open from 7 to 15 on weekdays, ring at door 26."


@pytest.mark.slow
@pytest.mark.parametrize("broken", [False, True])
def test_an_order_in_doubt_is_read_again_without_its_asides(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: bool
) -> None:
    if broken:
        monkeypatch.setattr(aside_model, "load", partial(aside_model.load, tmp_path / "no.npz"))
    asked = "Please send:\n10 bags cement 25 kg\n4 pcs trowel 20 cm"
    examiner = Examiner(Config(), SystemClock())
    try:
        order = asyncio.run(examiner.extract(message(f"{asked}\n\n{ASIDE}\n")))
        assert order.complete is not broken
        assert broken or len(order.lines) == 2
    finally:
        examiner.pool.stop()


@pytest.mark.slow
@pytest.mark.parametrize("is_sure", [True, False])
def test_an_order_without_a_word_for_it_is_one_where_the_classifier_is_sure(
    monkeypatch: pytest.MonkeyPatch, is_sure: bool
) -> None:
    asked: list[str] = []

    def orders(_: classifier.Classifier, of: Message) -> bool:
        asked.append(of.new_text)
        return is_sure

    monkeypatch.setattr(classifier.Classifier, "orders", orders)
    listed = "10 bags cement 25 kg\n4 pcs trowel 20 cm"
    examiner = Examiner(Config(), SystemClock())
    try:
        order = asyncio.run(examiner.extract(message(listed)))
        assert (order.complete, order.problems) == (is_sure, () if is_sure else ("kind-unsure",))
        assert asyncio.run(examiner.extract(message(f"Please send:\n{listed}"))).complete
        assert asked == [listed]  # where a word says it nobody need be asked
        doubtful = asyncio.run(examiner.extract(message(f"{listed}\nor bricks, if cheaper")))
        assert not doubtful.complete
        assert asked == [listed]
    finally:
        examiner.pool.stop()


class BusyPool(WorkerPool):
    """A pool without a free worker."""

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        raise TemporaryFailure("busy")


@pytest.mark.slow
def test_an_examination_that_failed_keeps_nothing_of_the_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    examiner, raw = Examiner(Config(), SystemClock()), letter("Please send 10 bolts.")
    examiner.pool.stop()
    examiner.pool = BusyPool(Config().reading)
    ended: list[bool] = []

    async def authenticate(*_given: object) -> Verdict:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)
        return Verdict()

    monkeypatch.setattr(examiner, "authenticate", authenticate)

    async def scene() -> None:
        with pytest.raises(TemporaryFailure):
            await examiner(LOCAL, raw)
        await asyncio.sleep(0)  # the turn in which the other half hears of it
        assert ended == [True]

    assert keeps_nothing(raw, scene)


@pytest.mark.slow
def test_rules_may_give_the_templates_that_there_are_and_no_others(tmp_path: Path) -> None:
    text = "rules: [{name: a, when: {local: false}, then: {template: %s}}]"
    rules, templates = tmp_path / "own.yaml", tmp_path / "templates"
    templates.mkdir()
    (templates / "returns.de.txt.j2").touch()
    config = Config(
        classification=ClassificationSection(rules_dir=tmp_path),
        reply=ReplySection(templates_dir=templates),
    )
    rules.write_text(text % "return")
    with pytest.raises(RuleError, match="'return' is no template; write returns"):
        Examiner(config, SystemClock())
    for name in ("returns", "order-confirmation"):
        rules.write_text(text % name)
        Examiner(config, SystemClock()).pool.stop()


@pytest.mark.slow
def test_rules_may_give_the_categories_of_the_configuration_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "rules: [{name: a, when: {local: false}, then: {category: returns}}]"
    )
    config = Config(classification=ClassificationSection(rules_dir=tmp_path))
    with pytest.raises(RuleError, match="'returns' is no category"):
        Examiner(config, SystemClock())
    rows = config.categories | {"returns": CategoryRow()}
    examiner = Examiner(config.model_copy(update={"categories": rows}), SystemClock())
    assert examiner.classifier.rule_count > 0
    examiner.pool.stop()
