"""The network: it learns from the order of words, the same from the same, and order is read."""

import numpy as np
import pytest
import torch

from postroom.classify import concepts, features, network, sequence
from postroom.message import Message
from tests.classify.mails import MESSAGES

VOCABULARY = concepts.load()
ORDERED = [
    Message(raw=b"", new_text=f"{'abcdefghij'[n % 10] * 5} {text} {n}")
    for n in range(64)
    for text in ("the bill is paid not broken", "the bill is broken not paid")
]


def rows(messages: list[Message]) -> network.Rows:
    found = [features.extract(message, VOCABULARY) for message in messages]
    return network.words(found, len(VOCABULARY.names))


def fitted(given: network.Rows, seed: int) -> network.Weights:
    every = np.arange(len(given.lengths))
    return network.fit(given, every, every % 2, np.ones(len(every)), 2, seed)


@pytest.mark.slow
def test_what_only_the_order_of_words_tells_is_learnt() -> None:
    given = rows(ORDERED)
    every = np.arange(len(ORDERED))
    said = network.logits(given, every, fitted(given, 0))
    assert (said.argmax(axis=1) == every % 2).mean() > 0.95


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_leaves_the_seed_of_others_alone() -> None:
    given = rows(MESSAGES)
    before = torch.get_rng_state()
    first, second, other = (fitted(given, seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert all((first[name] == second[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)
    assert {array.dtype for array in first.values()} == {np.dtype(np.float32)}
    assert first["first"].shape == (3, network.EMBEDDING, 2 * network.FILTERS)
    assert first["second"].shape == (3, network.FILTERS, 2 * network.FILTERS)


@pytest.mark.slow
def test_what_is_said_of_a_mail_does_not_depend_on_the_mails_beside_it() -> None:
    given = rows(MESSAGES * 30)
    weights = fitted(given, 0)
    together = network.logits(given, np.arange(len(MESSAGES) * 30), weights)
    alone = [network.logits(given, np.array([mail]), weights)[0] for mail in range(len(MESSAGES))]
    assert together == pytest.approx(np.tile(alone, (30, 1)), abs=1e-4)
    assert len(np.unique(alone, axis=0)) == len(MESSAGES)


def test_what_follows_the_last_token_of_a_mail_changes_nothing() -> None:
    given = rows(MESSAGES[:1])
    untrained = network._start(np.random.default_rng(0), given, 3)
    known = {name: torch.from_numpy(array) for name, array in untrained.items()}
    short, long = (
        network._logits(known, given.batch(np.array([0]), length)).numpy()
        for length in (int(given.lengths[0]), given.bounds[-1])
    )
    assert short == pytest.approx(long, abs=1e-5)


def test_a_sequence_has_each_part_in_its_turn_and_no_more_than_its_share() -> None:
    found = features.extract(MESSAGES[2], VOCABULARY).sequence
    runs = [int(part) for part in found.parts[np.flatnonzero(np.diff(found.parts, prepend=-1))]]
    assert len(runs) == len(set(runs)) and runs[0] != runs[-1]
    assert len(found.words) <= features.LONGEST_SEQUENCE
    assert (np.bincount(found.parts) <= 150).all()
    assert 0 < int(found.words.min()) and int(found.words.max()) < sequence.BUCKETS
    assert found.concepts.any()


def test_words_in_another_order_are_another_sequence() -> None:
    one, other = (
        features.extract(Message(raw=b"", new_text=text), VOCABULARY).sequence
        for text in ("paid not broken", "broken not paid")
    )
    assert one.words.tolist() == other.words.tolist()[::-1]


@pytest.mark.parametrize("text", ["", " \n", "\x00\x01", "..."])
def test_where_there_are_no_words_the_sequence_is_one_of_nothing(text: str) -> None:
    found = features.extract(Message(raw=b"", new_text=text), VOCABULARY).sequence
    assert found.words.tolist() == [0]
