"""A network that reads a message's tokens in their order: its arithmetic, and its training.

In: `Rows`, the sequences of many mails, and their classes. Out: `Weights`, named arrays that
export.py writes as an ONNX graph, and logits [mail, category].

There are two of them, alike but for what a token is. One reads words: a token is the sum of the
vectors of the word, of its stem, of the concept that begins there, and of its part of the message;
all of them are learnt from our mail. The other reads pieces: of the piece, learnt; of what it means
where it stands (pieces.py's context, projected), so that it knows languages; and of the part. It
sees what the whole text means besides, by the layers that the sentence encoder has for that (Iyyer
et al., Deep Unordered Composition Rivals Syntactic Methods for Text Classification, 2015), trained
on with our mail. They err on different mail.

Two gated convolutions over three tokens each (Dauphin et al., Language Modeling with Gated
Convolutional Networks, 2017) look at what stands beside what; a few attention queries and the
maximum over all tokens make of it one vector for the message (Lin et al., A Structured
Self-attentive Sentence Embedding, 2017), a hidden layer the logits. It is small on purpose: a
third of a millisecond a message, besides the contexts. Trained by AdamW with dropout of words and
parts, so that it cannot lean on single ones.

Needs JAX and Optax (the extra `train`), which running does not. The same rows, classes and seed
give the same weights on the same machine.

Limits: three to seven tokens of context; what depends on a sentence before is not seen.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from tempfile import TemporaryFile
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax  # type: ignore[import-untyped]
from numpy.typing import NDArray

from . import features, sequence
from .features import Features
from .judge import Classes, Numbers
from .pieces import ENTRY, WHOLE_TEXT, WIDTH, Pieces, encoder

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
# What contexts and the meaning of the whole are multiplied by, to be of the size of what is learnt.
QUIET, LOUD = 0.3, 10.0
_CAREFUL = 0.1  # of the rate, for what knows much before it sees our mail
_FAR = -1e9  # a logit that gets no attention

# The rate comes in at each step, so that one compiled step serves every training.
_OPTIMISER = optax.chain(
    optax.clip_by_global_norm(_CLIP), optax.scale_by_adam(), optax.add_decayed_weights(_DECAY)
)

_Batch = tuple[dict[str, Any], Any, Any]  # row in each table; contexts or None; is there a token


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The tokens of many mails as arrays [mail, token], filled up with 0."""

    indices: dict[str, NDArray[np.int32]]  # of each table: the row in it; the token's own first
    sizes: dict[str, int]  # rows of each table
    lengths: NDArray[np.int64]  # tokens of each mail
    # What the encoder makes of contexts, [token of all mails, WIDTH], one mail after the other.
    contexts: NDArray[np.float16] | None = None

    @property
    def bounds(self) -> tuple[int, ...]:
        """Up to how many tokens mails go together."""
        return (*_LENGTHS, self.indices["parts"].shape[1])

    def batch(self, mails: NDArray[np.int64], length: int) -> _Batch:
        """Some mails, `length` tokens of each."""
        chosen = {name: array[mails, :length] for name, array in self.indices.items()}
        contexts = None
        if self.contexts is not None:
            first = (np.cumsum(self.lengths) - self.lengths)[mails, None]
            places = np.minimum(first + np.arange(length), len(self.contexts) - 1)
            contexts = self.contexts[places]
        return chosen, contexts, np.arange(length) < self.lengths[mails, None]


def words(found: Sequence[Features], concept_count: int) -> Rows:
    """The words of many mails, by their features."""
    names = ("words", "stems", "concepts", "parts")
    return _rows(
        {name: [getattr(one.sequence, name) for one in found] for name in names},
        dict(zip(names, (sequence.BUCKETS, sequence.BUCKETS, concept_count + 1), strict=False)),
        features.LONGEST_SEQUENCE,
    )


def pieces(found: Sequence[Features], known: Pieces) -> Rows:
    """The pieces of many mails, by their features; some 2 kB of a temporary file for each."""
    arrays = {"pieces": [f.pieces for f in found], "parts": [f.piece_parts for f in found]}
    rows = _rows(arrays, {"pieces": len(known.packed)}, features.MOST_PIECES)
    ends = np.cumsum(rows.lengths)
    with TemporaryFile() as file:
        contexts = np.memmap(file, np.float16, "w+", shape=(int(ends[-1]), WIDTH))
    entry, bias = encoder(ENTRY).values()
    for one, end in zip(found, ends, strict=True):
        contexts[end - len(one.pieces) : end] = known.contexts(one.pieces) @ entry + bias
    return replace(rows, contexts=contexts)


def _rows(arrays: dict[str, list[NDArray[np.int64]]], sizes: dict[str, int], longest: int) -> Rows:
    lengths = np.array([len(one) for one in arrays["parts"]])
    inside = np.arange(longest) < lengths[:, None]
    indices = {}
    for name, each in arrays.items():
        indices[name] = np.zeros(inside.shape, dtype=np.int32)
        indices[name][inside] = np.concatenate(each)
    return Rows(indices=indices, sizes=sizes | {"parts": features.PARTS + 1}, lengths=lengths)


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
    trained = _start(random, given, categories)
    key = jax.random.key(seed)
    state: Any = _OPTIMISER.init(trained)
    for epoch in range(_EPOCHS):
        batches = list(_batches(given, chosen, random))
        for number, index in enumerate(random.permutation(len(batches))):
            length, mails = batches[index]
            key, drawn = jax.random.split(key)
            trained, state = _step(
                trained, state, _rate(epoch + number / len(batches)), given.batch(mails, length),
                truth[mails], weights[mails].astype(np.float32), drawn,
            )  # fmt: skip
    return {name: np.asarray(value) for name, value in trained.items()}


def logits(given: Rows, chosen: NDArray[np.int64], weights: Weights) -> Numbers:
    """What a network says [mail, category] of the chosen mails."""
    answers = np.zeros((len(chosen), len(weights["output_bias"])))
    place = np.searchsorted(given.bounds, given.lengths[chosen])
    for number, length in enumerate(given.bounds):
        inside = np.flatnonzero(place == number)
        for begin in range(0, len(inside), _BATCH):
            some = inside[begin : begin + _BATCH]
            filled = np.resize(some, _BATCH)  # one shape, compiled once
            said = _ask(weights, given.batch(chosen[filled], length))
            answers[some] = np.asarray(said)[: len(some)]
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


def _start(random: np.random.Generator, given: Rows, categories: int) -> dict[str, Any]:
    width = FILTERS + EMBEDDING
    whole, known = width * (QUERIES + 1), {}
    sizes: dict[str, tuple[tuple[int, ...], float]] = {
        name: ((rows, EMBEDDING), 0.05 if rows >= sequence.BUCKETS else 0.1)
        for name, rows in given.sizes.items()
    }
    if given.contexts is not None:
        sizes["pieces"] = (sizes["pieces"][0], 0.02)
        sizes["projection"] = ((WIDTH, EMBEDDING), 0.06)
        whole, known = whole + WIDTH, encoder(WHOLE_TEXT)
    sizes |= {
        "first": ((3, EMBEDDING, 2 * FILTERS), 0.08),
        "first_bias": ((2 * FILTERS,), 0.0),
        "second": ((3, FILTERS, 2 * FILTERS), 0.08),
        "second_bias": ((2 * FILTERS,), 0.0),
        "queries": ((width, QUERIES), 0.1),
        "hidden": ((whole, HIDDEN), 0.03),
        "hidden_bias": ((HIDDEN,), 0.0),
        "output": ((HIDDEN, categories), 0.1),
        "output_bias": ((categories,), 0.0),
    }
    return {
        name: jnp.asarray((random.standard_normal(size) * spread).astype(np.float32))
        for name, (size, spread) in sizes.items()
    } | {name: jnp.asarray(value) for name, value in known.items()}


def _rate(epoch: float) -> float:
    """Rises through the first epoch, then falls along a cosine."""
    if epoch < 1.0:
        return _RATE * epoch
    return _RATE * 0.5 * (1.0 + math.cos(math.pi * (epoch - 1.0) / (_EPOCHS - 1.0)))


@jax.jit
def _step(
    weights: Any, state: Any, rate: Any, batch: _Batch, truth: Any, share: Any, key: Any
) -> tuple[Any, Any]:
    def loss(given: Any) -> Any:
        said = jax.nn.log_softmax(_logits(given, batch, key))
        wanted = optax.smooth_labels(jax.nn.one_hot(truth, said.shape[1]), _SMOOTHING)
        return -jnp.sum(said * wanted, axis=1) @ share / jnp.sum(share)

    changes: Any
    changes, state = _OPTIMISER.update(jax.grad(loss)(weights), state, weights)
    rates = {name: rate * (_CAREFUL if name in WHOLE_TEXT else 1.0) for name in weights}
    return {name: weights[name] - rates[name] * changes[name] for name in weights}, state


def _logits(weights: Any, batch: _Batch, key: Any = None) -> Any:
    """The logits of a batch; with a key some tokens and numbers are left out at random."""
    indices, contexts, is_token = batch
    keys = None if key is None else jax.random.split(key, 6)
    heard = is_token
    if keys is not None:
        is_token = _some_parts(keys[5], indices["parts"], is_token)
        heard = is_token & jax.random.bernoulli(keys[1], 1 - _DROPPED_TOKENS, is_token.shape)
    own = "words" if contexts is None else "pieces"
    tokens = weights[own][indices[own]]
    if keys is not None:  # the word itself unknown, its stem or meaning known
        tokens *= jax.random.bernoulli(keys[0], 1 - _DROPPED_TOKENS, is_token.shape)[..., None]
    for name in sorted(indices.keys() - {own}):
        tokens = tokens + weights[name][indices[name]]
    if contexts is not None:
        contexts = contexts.astype(jnp.float32)
        tokens = tokens + (QUIET * contexts) @ weights["projection"]
    if keys is not None:
        tokens = _dropped(keys[2], tokens, _DROPPED_WIDTH, (len(tokens), 1, tokens.shape[2]))
    tokens = tokens * heard[..., None]
    there = is_token[..., None]
    near = _gated(tokens, weights["first"], weights["first_bias"], 1) * there
    near = near + _gated(near, weights["second"], weights["second_bias"], DILATION) * there
    seen = jnp.concatenate([near, tokens], axis=-1)
    attention = jax.nn.softmax(jnp.where(there, seen @ weights["queries"], _FAR), axis=1)
    attended = jnp.einsum("btq,btw->bqw", attention, seen).reshape(len(tokens), -1)
    highest = jnp.max(jnp.where(there, seen, _FAR), axis=1)
    parts = [attended, highest]
    if contexts is not None:
        parts.append(_whole_text(weights, contexts, heard))
    whole = jnp.concatenate(parts, axis=-1)
    if keys is not None:
        whole = _dropped(keys[3], whole, _DROPPED)
    hidden = jax.nn.relu(whole @ weights["hidden"] + weights["hidden_bias"])
    if keys is not None:
        hidden = _dropped(keys[4], hidden, _DROPPED_HIDDEN)
    return hidden @ weights["output"] + weights["output_bias"]


def _whole_text(weights: Any, contexts: Any, heard: Any) -> Any:
    """What the whole text means, by the encoder's own layers: [mail, WIDTH]."""
    count = jnp.maximum(jnp.sum(heard, axis=1, keepdims=True), 1)
    mean = jnp.einsum("bt,btw->bw", heard.astype(jnp.float32), contexts) / jnp.sqrt(count)
    first = jax.nn.relu(mean @ weights["whole_first"])
    second = jax.nn.relu(mean @ weights["whole_past_first"] + first @ weights["whole_second"])
    third = jax.nn.relu(second @ weights["whole_third"])
    meant = jnp.tanh(second @ weights["whole_past_third"] + third @ weights["whole_fourth"])
    length = jnp.sum(meant * meant, axis=1, keepdims=True)
    return LOUD * meant * jax.lax.rsqrt(jnp.maximum(length, 1e-6))


def _some_parts(key: Any, parts: Any, is_token: Any) -> Any:
    """Whether there is a token, some parts being left out; of a message never all."""
    kept = jax.random.bernoulli(
        key, 1 - jnp.array(_DROPPED_PARTS), (len(parts), features.PARTS + 1)
    )
    left = is_token & jnp.take_along_axis(kept, parts, axis=1)
    return jnp.where(left.any(axis=1, keepdims=True), left, is_token)


_ask = jax.jit(_logits)


def _gated(tokens: Any, filters: Any, bias: Any, dilation: int) -> Any:
    both = jax.lax.conv_general_dilated(
        tokens, filters, (1,), "SAME", rhs_dilation=(dilation,),
        dimension_numbers=("NWC", "WIO", "NWC"),
    )  # fmt: skip
    values, gates = jnp.split(both + bias, 2, axis=-1)
    return values * jax.nn.sigmoid(gates)


def _dropped(key: Any, values: Any, share: float, shape: tuple[int, ...] | None = None) -> Any:
    kept = jax.random.bernoulli(key, 1 - share, values.shape if shape is None else shape)
    return values * kept / (1 - share)
