"""A network that reads a message's words in their order: its arithmetic, and its training.

In: `Rows`, the sequences of many mails, and their classes. Out: `Weights`, named arrays that
export.py writes as an ONNX graph, and logits [mail, category].

A token is the sum of the vectors of the word, of its stem, of the concept that begins there, and of
its part of the message; all of them are learnt from our mail. Two gated convolutions over three
tokens each (Dauphin et al., Language Modeling with Gated Convolutional Networks, 2017) look at what
stands beside what; a few attention queries and the maximum over all tokens make of it one vector
for the message (Lin et al., A Structured Self-attentive Sentence Embedding, 2017), a hidden layer
the logits. It is small on purpose: a third of a millisecond a message. Trained by AdamW with
dropout of words and parts, so that it cannot lean on single ones.

Needs PyTorch (the extra `train`), which running does not. The same rows, classes and seed give the
same weights on the same machine with as many threads; PyTorch's own seed is left alone.

Limits: three to seven tokens of context; what depends on a sentence before is not seen.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from . import features, sequence
from .features import Features
from .judge import Classes, Numbers

Weights = dict[str, NDArray[np.float32]]

EMBEDDING, FILTERS, QUERIES, HIDDEN = 48, 64, 4, 96  # widths; larger ones bring nothing more
DILATION = 2  # of the second convolution
_EPOCHS, _BATCH, _RATE, _DECAY, _CLIP = 8, 64, 2e-3, 2e-4, 1.0
_SMOOTHING = 0.05  # of the labels: readers err too
_DROPPED_TOKENS, _DROPPED_WIDTH, _DROPPED, _DROPPED_HIDDEN = 0.15, 0.2, 0.3, 0.2
# How often a part is left out whole (nothing, new text, subject, sender, signature, files, quoted
# text), so that the network learns to do without a telling subject.
_DROPPED_PARTS = (0.0, 0.05, 0.25, 0.3, 0.2, 0.2, 0.2)
_LENGTHS = (48, 80, 112, 160)  # mails of about one length go together; and longer ones
_FAR = -1e9  # added to a logit, it gets no attention

_Batch = tuple[dict[str, Tensor], Tensor]  # row in each table; is there a token


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The tokens of many mails as arrays [mail, token], filled up with 0."""

    indices: dict[str, NDArray[np.int32]]  # of each table: the row in it
    sizes: dict[str, int]  # rows of each table
    lengths: NDArray[np.int64]  # tokens of each mail

    @property
    def bounds(self) -> tuple[int, ...]:
        """Up to how many tokens mails go together."""
        return (*_LENGTHS, self.indices["parts"].shape[1])

    def batch(self, mails: NDArray[np.int64], length: int) -> _Batch:
        """Some mails, `length` tokens of each."""
        chosen = {
            name: torch.from_numpy(array[mails, :length].astype(np.int64))
            for name, array in self.indices.items()
        }
        return chosen, torch.from_numpy(np.arange(length) < self.lengths[mails, None])


def words(found: Sequence[Features], concept_count: int) -> Rows:
    """The words of many mails, by their features."""
    sizes = {
        "words": sequence.BUCKETS,
        "stems": sequence.BUCKETS,
        "concepts": concept_count + 1,
        "parts": features.PARTS + 1,
    }
    lengths = np.array([len(one.sequence.words) for one in found])
    inside = np.arange(features.LONGEST_SEQUENCE) < lengths[:, None]
    indices = {}
    for name in sizes:
        indices[name] = np.zeros(inside.shape, dtype=np.int32)
        indices[name][inside] = np.concatenate([getattr(one.sequence, name) for one in found])
    return Rows(indices=indices, sizes=sizes, lengths=lengths)


def fit(
    given: Rows,
    chosen: NDArray[np.int64],
    truth: Classes,
    weights: Numbers,
    categories: int,
    seed: int,
) -> Weights:
    """The weights of a network trained on the chosen mails."""
    random = np.random.default_rng(seed)
    chance = Generator().manual_seed(seed)
    trained = {
        name: torch.from_numpy(array).requires_grad_()
        for name, array in _start(random, given, categories).items()
    }
    optimiser = torch.optim.AdamW(trained.values(), weight_decay=_DECAY, fused=True)
    for epoch in range(_EPOCHS):
        batches = list(_batches(given, chosen, random))
        for number, index in enumerate(random.permutation(len(batches))):
            length, mails = batches[index]
            said = _logits(trained, given.batch(mails, length), chance)
            optimiser.zero_grad()
            torch.autograd.backward(loss(said, truth[mails], weights[mails]))
            torch.nn.utils.clip_grad_norm_(trained.values(), _CLIP)
            optimiser.param_groups[0]["lr"] = _rate(epoch + number / len(batches))
            optimiser.step()
    return {name: value.detach().numpy() for name, value in trained.items()}


def loss(said: Tensor, truth: Classes, weights: Numbers) -> Tensor:
    """The mean cross-entropy of what is said [mail, category], by the weight of each mail."""
    wrong = functional.cross_entropy(
        said, torch.from_numpy(truth), reduction="none", label_smoothing=_SMOOTHING
    )
    share = torch.from_numpy(weights.astype(np.float32))
    return wrong @ share / share.sum()


def logits(given: Rows, chosen: NDArray[np.int64], weights: Weights) -> Numbers:
    """What a network says [mail, category] of the chosen mails."""
    known = {name: torch.from_numpy(array) for name, array in weights.items()}
    answers = np.zeros((len(chosen), len(weights["output_bias"])))
    place = np.searchsorted(given.bounds, given.lengths[chosen])
    for number, length in enumerate(given.bounds):
        inside = np.flatnonzero(place == number)
        for begin in range(0, len(inside), _BATCH):
            some = inside[begin : begin + _BATCH]
            answers[some] = _logits(known, given.batch(chosen[some], length)).numpy()
    return answers


def _batches(
    given: Rows, chosen: NDArray[np.int64], random: np.random.Generator
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """(length, mails no longer than it), a batch; the last is filled up with some of the rest."""
    shuffled = random.permutation(chosen)
    place = np.searchsorted(given.bounds, given.lengths[shuffled])
    for number, length in enumerate(given.bounds):
        inside = shuffled[place == number]
        if len(inside):
            surplus = -len(inside) % _BATCH
            inside = np.concatenate([inside, random.choice(inside, surplus)])
            for mails in np.split(inside, len(inside) // _BATCH):
                yield length, mails


def _start(random: np.random.Generator, given: Rows, categories: int) -> Weights:
    width = FILTERS + EMBEDDING
    sizes: dict[str, tuple[tuple[int, ...], float]] = {
        name: ((rows, EMBEDDING), 0.05 if rows >= sequence.BUCKETS else 0.1)
        for name, rows in given.sizes.items()
    }
    sizes |= {
        "first": ((3, EMBEDDING, 2 * FILTERS), 0.08),
        "first_bias": ((2 * FILTERS,), 0.0),
        "second": ((3, FILTERS, 2 * FILTERS), 0.08),
        "second_bias": ((2 * FILTERS,), 0.0),
        "queries": ((width, QUERIES), 0.1),
        "hidden": ((width * (QUERIES + 1), HIDDEN), 0.03),
        "hidden_bias": ((HIDDEN,), 0.0),
        "output": ((HIDDEN, categories), 0.1),
        "output_bias": ((categories,), 0.0),
    }
    return {
        name: (random.standard_normal(size) * spread).astype(np.float32)
        for name, (size, spread) in sizes.items()
    }


def _rate(epoch: float) -> float:
    """Rises through the first epoch, then falls along a cosine."""
    if epoch < 1.0:
        return _RATE * epoch
    return _RATE * 0.5 * (1.0 + math.cos(math.pi * (epoch - 1.0) / (_EPOCHS - 1.0)))


def _logits(weights: dict[str, Tensor], batch: _Batch, chance: Generator | None = None) -> Tensor:
    """The logits of a batch; with a chance some tokens and numbers are left out at random."""
    indices, is_token = batch
    tables = {name: functional.embedding(rows, weights[name]) for name, rows in indices.items()}
    there = heard = is_token[..., None].float()
    if chance is not None:
        there = _some_parts(chance, indices["parts"], is_token)[..., None].float()
        heard = there * _kept(chance, there.shape, _DROPPED_TOKENS)
        # The word itself unknown, its stem or meaning known.
        tables["words"] = tables["words"] * _kept(chance, there.shape, _DROPPED_TOKENS)
    tokens = tables["words"] + tables["stems"] + tables["concepts"] + tables["parts"]
    if chance is not None:
        tokens = _dropped(chance, tokens, _DROPPED_WIDTH, (len(tokens), 1, EMBEDDING))
    tokens = tokens * heard
    near = _gated(tokens, weights["first"], weights["first_bias"], 1) * there
    near = near + _gated(near, weights["second"], weights["second_bias"], DILATION) * there
    seen = torch.cat([near, tokens], dim=-1)
    far = (1 - there) * _FAR
    attention = torch.softmax(seen @ weights["queries"] + far, dim=1)
    attended = attention.transpose(1, 2) @ seen
    highest = (seen + far).max(dim=1).values
    whole = torch.cat([attended.flatten(1), highest], dim=-1)
    if chance is not None:
        whole = _dropped(chance, whole, _DROPPED)
    hidden = torch.relu(whole @ weights["hidden"] + weights["hidden_bias"])
    if chance is not None:
        hidden = _dropped(chance, hidden, _DROPPED_HIDDEN)
    return hidden @ weights["output"] + weights["output_bias"]


def _some_parts(chance: Generator, parts: Tensor, is_token: Tensor) -> Tensor:
    """Whether there is a token, some parts being left out; of a message never all."""
    kept = torch.bernoulli(
        (1 - torch.tensor(_DROPPED_PARTS)).expand(len(parts), -1), generator=chance
    )
    left = is_token & kept.gather(1, parts).bool()
    return torch.where(left.any(dim=1, keepdim=True), left, is_token)


def _gated(tokens: Tensor, filters: Tensor, bias: Tensor, dilation: int) -> Tensor:
    """A convolution [mail, token, width]: one product with each token beside its neighbours."""
    shifts = (dilation, 0, -dilation)
    beside = torch.cat([functional.pad(tokens, (0, 0, by, -by)) for by in shifts], dim=-1)
    return functional.glu(functional.linear(beside, filters.flatten(0, 1).T, bias))


def _dropped(
    chance: Generator, values: Tensor, share: float, shape: tuple[int, ...] | None = None
) -> Tensor:
    return values * (_kept(chance, shape or values.shape, share) / (1 - share))


def _kept(chance: Generator, shape: tuple[int, ...], share: float) -> Tensor:
    """1 for what is kept, 0 for the share left out."""
    return torch.empty(shape).bernoulli_(1 - share, generator=chance)
