"""Export: the graph that is shipped says what was trained."""

from pathlib import Path

import numpy as np
import pytest

from postroom.classify import (
    concepts,
    encoder,
    export,
    features,
    fitting,
    scorer,
)
from postroom.classify.scorer import Model
from tests.classify.mails import MESSAGES

VOCABULARY = concepts.load()
FACTS = {
    "format": scorer.FORMAT,
    "features": features.VERSION,
    "buckets": features.BUCKETS,
    "concepts": VOCABULARY.digest,
    "encoder": encoder.load().digest,
    "name": "some",
    "categories": ["one", "two", "three"],
    "early": {"languages": {}, "categories": {}},
    "whole": {"temperature": 1.5, "languages": {}, "categories": {}},
    "training": {},
}


@pytest.mark.slow
@pytest.mark.parametrize("enough", [0.0, 1.0])
@pytest.mark.parametrize("worlds", [(0, 0, 0), (1, 2, 1), (2, 1, 2, 1, 0, 0)])
def test_the_shipped_graph_says_what_was_trained(
    tmp_path: Path, worlds: tuple[int, ...], enough: float
) -> None:
    messages = (MESSAGES * 2)[: len(worlds)]
    found = [features.extract(message, VOCABULARY) for message in messages]
    every = np.arange(len(found))
    words, contexts = fitting.in_order(found, VOCABULARY)
    data = fitting.Data(
        rows=fitting.matrix(found, words_only=False),
        known=fitting.matrix(found, words_only=True),
        words=words,
        contexts=contexts,
        truth=every % len(MESSAGES),
        weights=np.ones(len(found)),
        groups=every,
        languages=("en",) * len(found),
        segments=("",) * len(found),
        sources=("",) * len(found),
        worlds=np.array(worlds),
        is_certain=np.ones(len(found), dtype=bool),
        categories=("one", "two", "three"),
    )
    fitted = fitting.fit(data, every, 0)
    export.write(tmp_path / "some.onnx", export.stored(fitted), FACTS | {"enough": enough})
    model = Model(tmp_path / "some.onnx", VOCABULARY)
    wanted = fitted.answers(data, every)
    probabilities_wanted = wanted.calibrated(model.facts.cascade)
    of_words, of_encoder = fitted.networks_say(data, every)
    in_order = of_words + (of_encoder if enough else 0.0)
    linear = fitted.linear.logits(data.rows)
    for number, one in enumerate(found):
        scores = model.score(one)
        # The encoder counts in eight bits, which costs up to a twentieth of its word.
        close = 0.02 + 0.05 * float(np.abs(of_encoder[number]).max()) * bool(enough)
        assert scores.in_order == pytest.approx(in_order[number], abs=close)
        if not any(worlds):  # with one expert, what features said adds up
            said = scores.contributions.sum(axis=0) + scores.meaning + fitted.linear.bias[:3]
            assert said == pytest.approx(linear[number], abs=0.02)
        assert scores.signs.inbox == pytest.approx(wanted.early.signs[number].inbox, abs=0.01)
        assert scores.signs.familiarity == pytest.approx(wanted.early.signs[number].familiarity)
        assert scores.signs.words == wanted.early.signs[number].words
        probabilities = [scores.probabilities[name] for name in data.categories]
        assert probabilities == pytest.approx(probabilities_wanted[number], abs=close)
