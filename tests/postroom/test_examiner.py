"""The front's work on one message does not hold up the others."""

import asyncio
import threading
from pathlib import Path

import pytest

from postroom.classify import classifier
from postroom.classify.rulebook import RuleError
from postroom.clock import SystemClock
from postroom.config import CategoryRow, ClassificationSection, Config
from postroom.envelope import Envelope
from postroom.examiner import Examiner
from postroom.message import Message
from postroom.verdict import Verdict
from tests.fakes.letters import letter

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
