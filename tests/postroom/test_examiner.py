"""The front's work on one message does not hold up the others."""

import asyncio
import threading

import pytest

from postroom.classify import classifier
from postroom.clock import SystemClock
from postroom.config import Config
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
