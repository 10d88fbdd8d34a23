"""The network: the graph that is shipped says what was trained, and order is read."""

from pathlib import Path

import numpy as np
import pytest

from postroom.classify import concepts, export, features, network, scorer, sequence
from postroom.classify.scorer import Model
from postroom.envelope import Address
from postroom.message import Attachment, Message

VOCABULARY = concepts.load()
MESSAGES = [
    Message(raw=b"", subject="Order 5", new_text="please send five boxes of paper"),
    Message(raw=b""),
    Message(
        raw=b"",
        author=Address(local="snab", domain="stroy.example", name="Отдел снабжения"),
        subject="заявка",
        new_text="нужны болты М8х30, двести штук " * 60,
        quoted_text="прайс",
        attachments=(Attachment(filename="Заявка.xlsx", type="text/csv", size=1, sha256=""),),
    ),
]
FACTS = {
    "format": scorer.FORMAT,
    "features": features.VERSION,
    "buckets": features.BUCKETS,
    "concepts": VOCABULARY.digest,
    "name": "some",
    "categories": ["one", "two", "three"],
    "calibration": {"spread": 0.0, "unfamiliar": 0.0, "languages": {}},
    "training": {},
}


def some_weights(rows: network.Rows) -> network.Weights:
    """Of a network that was hardly trained, on classes that mean nothing."""
    chosen = np.arange(len(MESSAGES))
    return network.fit(rows, chosen, chosen, np.ones(len(MESSAGES)), len(MESSAGES), 0)


@pytest.mark.slow
def test_the_shipped_graph_says_what_the_trained_network_says(tmp_path: Path) -> None:
    found = [features.extract(message, VOCABULARY) for message in MESSAGES]
    rows = network.rows(found, VOCABULARY.meanings, len(VOCABULARY.names))
    weights = some_weights(rows)
    wanted = network.logits(rows, np.arange(len(found)), weights)
    stored = export.Stored(
        table=np.zeros((features.BUCKETS, 4), dtype=np.float16),
        meaning=np.zeros((features.MEANING, 3), dtype=np.float32),
        bias=np.zeros(3, dtype=np.float32),
        network=weights,
    )
    export.write(tmp_path / "some.onnx", stored, FACTS)
    model = Model(tmp_path / "some.onnx", VOCABULARY)
    for one, logits in zip(found, wanted, strict=True):
        scores = model.score(one)
        assert scores.in_order == pytest.approx(logits, abs=0.02)
        assert (
            max(scores.probabilities, key=lambda name: scores.probabilities[name])
            == (
                FACTS["categories"][int(logits.argmax())]  # type: ignore[index]
            )
        )


def test_a_sequence_has_each_part_in_its_turn_and_no_more_than_its_share() -> None:
    found = features.extract(MESSAGES[2], VOCABULARY).sequence
    runs = [int(part) for part in found.parts[np.flatnonzero(np.diff(found.parts, prepend=-1))]]
    assert len(runs) == len(set(runs)) and runs[0] != runs[-1]
    assert len(found.words) <= features.LONGEST_SEQUENCE
    assert (np.bincount(found.parts) <= 150).all()
    assert 0 < int(found.words.min()) and int(found.words.max()) < sequence.BUCKETS
    assert found.concepts.any() and (found.meanings >= 0).any()


def test_words_in_another_order_are_another_sequence() -> None:
    one, other = (
        features.extract(Message(raw=b"", new_text=text), VOCABULARY).sequence
        for text in ("paid not broken", "broken not paid")
    )
    assert one.words.tolist() == other.words.tolist()[::-1]


@pytest.mark.parametrize("text", ["", " \n", "\x00\x01", "..."])
def test_where_there_are_no_words_the_sequence_is_one_of_nothing(text: str) -> None:
    found = features.extract(Message(raw=b"", new_text=text), VOCABULARY).sequence
    assert found.words.tolist() == [0] and found.meanings.tolist() == [-1]
