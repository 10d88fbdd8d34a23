"""The encoder's upper half: reproducible, and a mail's answer is its own."""

import numpy as np
import pytest
import torch

from postroom.classify import concepts, encoder, features, network, transformer
from postroom.message import Message

TEXTS = (
    "please send five boxes of paper", "die Pumpe ist kaputt", "счёт за март не оплачен", "",
    "please pay our invoice, the amount is due " * 20, "hello", "спасибо " * 90, "nochmals danke",
)  # fmt: skip
EVERY = np.arange(len(TEXTS))


@pytest.fixture(scope="module")
def given() -> transformer.Contexts:
    known = concepts.load()
    found = [features.extract(Message(raw=b"", new_text=text), known).texts for text in TEXTS]
    return transformer.contexts(found, encoder.load())


def fitted(given: transformer.Contexts, seed: int = 0) -> network.Weights:
    return transformer.fit(given, EVERY, EVERY % 2, np.ones(len(TEXTS)), 2, seed)


def test_contexts_lie_one_mail_after_the_other(given: transformer.Contexts) -> None:
    assert len(given.contexts) == len(given.parts) == given.lengths.sum()
    batch = given.batch(np.array([5, 0]))
    alone = given.batch(np.array([5]))
    assert batch.inside.sum(1).tolist() == given.lengths[[5, 0]].tolist()
    assert torch.equal(batch.contexts[0, : given.lengths[5]], alone.contexts[0])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_leaves_that_of_pytorch_alone(
    given: transformer.Contexts,
) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    one, again, other = fitted(given), fitted(given), fitted(given, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert all((one[name] == again[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)


@pytest.mark.slow
def test_what_is_said_of_a_mail_does_not_depend_on_the_mails_beside_it(
    given: transformer.Contexts,
) -> None:
    weights = fitted(given)
    together = transformer.logits(given, EVERY, weights)
    for mail in EVERY.tolist():
        alone = transformer.logits(given, np.array([mail]), weights)
        assert alone[0] == pytest.approx(together[mail], abs=0.05)
