"""After the queue, mail of which the classifier is unsure gets a second look.

In: a message and its unsure `Classification`. Out: the same, or a better one, with reasons.

    1. Past messages very much like it of which a person said what they are: each raises the odds
       of its category, from nothing at a likeness of 0.7 to eightfold at 0.9 and more. Measured on
       real mail: the message most alike has the same category in 74 % of cases between 0.7 and
       0.8, in 87 % between 0.8 and 0.9, in 96 % above (with equal classes it would be 26 %).
    2. A language model, where one is configured (llm.py).

Both start from the scores as a trusted spam filter's word left them. What a rule said, what a
machine wrote, and what is sure already is left as it is, and what is forced into review stays
there. Trouble of the store or the endpoint leaves the classification as it was: the message only
waits for a person.
"""

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from postroom import maillog
from postroom.classification import Classification
from postroom.failure import TemporaryFailure
from postroom.message import Message

from . import features
from .classifier import Classifier
from .llm import Llm, LlmCalibration
from .memory import Memory
from .similar import Neighbour, Vector, packed

_LOOKED_AT = 5  # past messages
_ALIKE, _THE_SAME = 0.7, 0.9  # likeness from which a past message counts, and counts fully
_MOST = math.log(8.0)
_SHOWN = 0.6  # likeness from which a past message is named in the reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """A classification that had its second look, and what the message is like, to be stored."""

    classification: Classification
    features: int  # version of the features the vector was made from
    vector: bytes


class SecondLook:
    """Memory and, where configured, a language model."""

    def __init__(
        self,
        classifier: Classifier,
        memory: Memory,
        threshold: float,
        llm: Llm | None = None,
        measured: LlmCalibration | None = None,
    ) -> None:
        self._classifier = classifier
        self._memory = memory
        self._threshold = threshold
        self._llm = llm
        self._measured = measured or LlmCalibration()

    async def __call__(self, message: Message, given: Classification) -> Considered:
        """The classification after the second look; raises nothing."""
        vector = await asyncio.to_thread(self._classifier.vector, message)
        if self._is_worth_it(message, given):
            given = await self._look(message, vector, given)
        return Considered(classification=given, features=features.VERSION, vector=packed(vector))

    async def _look(
        self, message: Message, vector: Vector, given: Classification
    ) -> Classification:
        try:
            like = await asyncio.to_thread(self._memory.like, vector, _LOOKED_AT)
        except TemporaryFailure as failure:
            maillog.degraded(part="memory", reason=failure.reason)
            like = ()
        seen = self._with_past(given, like)
        if seen.confidence >= self._threshold or self._llm is None:
            return seen
        category = await self._llm.ask(message, seen.likely)
        return seen if category is None else self._with_answer(seen, category, self._llm.model)

    def _is_worth_it(self, message: Message, given: Classification) -> bool:
        is_unsure = given.confidence < self._threshold and given.source == "model"
        return is_unsure and bool(given.scores) and not message.automatic.is_automatic

    def _with_past(self, given: Classification, like: Iterable[Neighbour]) -> Classification:
        like = tuple(like)
        reasons = tuple(
            f"like m{one.message} ({one.likeness:.2f}): {one.category}"
            + (f", said {one.by}" if one.by else "")
            for one in like
            if one.likeness >= _SHOWN
        )
        before = given.likely
        after = few_shot(before, like)
        if after == before:
            return replace(given, reasons=(*given.reasons, *reasons))
        best = max(after, key=lambda name: after[name])
        changed = f"past mail like it: {best} {before[best]:.2f} -> {after[best]:.2f}"
        return self._told(given, best, after[best], (*reasons, changed))

    def _with_answer(self, given: Classification, category: str, model: str) -> Classification:
        confidence = self._measured.confidence(model, category)
        if confidence < self._threshold:
            hint = f"the language model {model} says {category}; not sure enough to act on"
            return replace(given, reasons=(*given.reasons, hint))
        reason = f"the language model {model} says {category}, right in {confidence:.0%} of cases"
        return self._told(given, category, confidence, (reason,))

    def _told(
        self, given: Classification, category: str, confidence: float, reasons: tuple[str, ...]
    ) -> Classification:
        """The model's scores stay what they were; category, confidence and reasons change."""
        is_sure = confidence >= self._threshold
        return replace(
            given,
            category=category,
            confidence=round(confidence, 4),
            review=given.forced or (given.review and not is_sure),
            reasons=(*given.reasons, *reasons),
        )


def few_shot(scores: Mapping[str, float], like: Iterable[Neighbour]) -> dict[str, float]:
    """The probabilities, with the odds of what people said of past messages raised."""
    raised: dict[str, float] = {}
    for one in like:
        if one.by and one.category in scores and one.likeness > _ALIKE:
            share = min(1.0, (one.likeness - _ALIKE) / (_THE_SAME - _ALIKE))
            raised[one.category] = max(raised.get(one.category, 0.0), share * _MOST)
    if not raised:
        return dict(scores)
    weights = {name: p * math.exp(raised.get(name, 0.0)) for name, p in scores.items()}
    whole = sum(weights.values())
    return {name: weight / whole for name, weight in weights.items()}
