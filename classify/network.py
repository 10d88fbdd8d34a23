"""A network that reads a message's tokens in their order: its arithmetic, and its training.

In: `Rows`, the sequences of many mails, and their classes. Out: `Weights`, named arrays that
export.py writes as an ONNX graph, and logits [mail, category].

There are two of them, alike but for what a token is. One reads words: a token is the sum of the
vectors of the word, of its stem, of the concept that begins there, and of its part of the message;
all of them are learnt from our mail. The other reads pieces: of the piece, learnt; of what it
means (pieces.py's vector, projected), so that it knows languages; and of the part. They err on
different mail.

Two gated convolutions over three tokens each (Dauphin et al., Language Modeling with Gated
Convolutional Networks, 2017) look at what stands beside what; a few attention queries and the
maximum over all tokens make of it one vector for the message (Lin et al., A Structured
Self-attentive Sentence Embedding, 2017), a hidden layer the logits. It is small on purpose: a
third of a millisecond a message. Trained by AdamW with dropout of words and parts, so that it
cannot lean on single ones.

Needs JAX and Optax (the extra `train`), which running does not. The same rows, classes and seed
give the same weights on the same machine.

Limits: three to seven tokens of context; what depends on a sentence before is not seen.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax  # type: ignore[import-untyped]
from numpy.typing import NDArray

from . import features, sequence
from .features import Features
from .judge import Classes, Numbers
from .pieces import WIDTH, Pieces

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
QUIET = 0.3  # what vectors of pieces are multiplied by, to be of the size of what is learnt
_FAR = -1e9  # a logit that gets no attention

# The rate comes in at each step, so that one compiled step serves every training.
_OPTIMISER = optax.chain(
    optax.clip_by_global_norm(_CLIP), optax.scale_by_adam(), optax.add_decayed_weights(_DECAY)
)

_Batch = tuple[dict[str, Any], Any, Any]  # row in each table; vectors or None; is there a token


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The tokens of many mails as arrays [mail, token], filled up with 0."""

    indices: dict[str, NDArray[np.int32]]  # of each table: the row in it; the token's own first
    sizes: dict[str, int]  # rows of each table
    lengths: NDArray[np.int64]  # tokens of each mail
    known: Pieces | None = None  # whose vectors the tokens have besides

    @property
    def bounds(self) -> tuple[int, ...]:
        """Up to how many tokens mails go together."""
        longest = max(array.shape[1] for array in self.indices.values())
        return (*_LENGTHS, longest)

    def batch(self, mails: NDArray[np.int64], length: int) -> _Batch:
        """Some mails, `length` tokens of each."""
        chosen = {name: array[mails, :length] for name, array in self.indices.items()}
        vectors = None
        if self.known is not None:
            found = self.known.vectors(chosen["pieces"].ravel())
            vectors = found.reshape(*chosen["pieces"].shape, WIDTH)
        return chosen, vectors, np.arange(length) < self.lengths[mails, None]


def words(found: Sequence[Features], concept_count: int) -> Rows:
    """The words of many mails, by their features."""
    names = ("words", "stems", "concepts", "parts")
    return _rows(
        {name: [getattr(one.sequence, name) for one in found] for name in names},
        dict(zip(names, (sequence.BUCKETS, sequence.BUCKETS, concept_count + 1), strict=False)),
        features.LONGEST_SEQUENCE,
    )


def pieces(found: Sequence[Features], known: Pieces) -> Rows:
    """The pieces of many mails, by their features."""
    arrays = {"pieces": [f.pieces for f in found], "parts": [f.piece_parts for f in found]}
    return _rows(arrays, {"pieces": len(known.packed)}, features.MOST_PIECES, known)


def _rows(
    arrays: dict[str, list[NDArray[np.int64]]],
    sizes: dict[str, int],
    longest: int,
    known: Pieces | None = None,
) -> Rows:
    lengths = np.array([len(one) for one in arrays["parts"]])
    inside = np.arange(longest) < lengths[:, None]
    indices = {}
    for name, each in arrays.items():
        indices[name] = np.zeros(inside.shape, dtype=np.int32)
        indices[name][inside] = np.concatenate(each)
    sizes = sizes | {"parts": features.PARTS + 1}
    return Rows(indices=indices, sizes=sizes, lengths=lengths, known=known)


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


def folded(weights: Weights, known: Pieces) -> Weights:
    """The weights of a network of pieces with all that a piece adds to a token in one table.

    What is learnt of a piece and its projected vector are added before anything else is done, so a
    message needs their sum only.
    """
    rest = {name: value for name, value in weights.items() if name != "projection"}
    pieces = weights["pieces"].copy()
    for some in np.array_split(np.arange(len(pieces)), 1 + len(pieces) // 4096):
        pieces[some] += known.vectors(some) @ (QUIET * weights["projection"])
    return rest | {"pieces": pieces}


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
    own = next(iter(given.sizes))
    sizes: dict[str, tuple[tuple[int, ...], float]] = {
        name: ((rows, EMBEDDING), 0.05 if rows >= sequence.BUCKETS else 0.1)
        for name, rows in given.sizes.items()
    }
    if given.known is not None:
        sizes["projection"] = ((WIDTH, EMBEDDING), 0.09)
        sizes[own] = (sizes[own][0], 0.02)
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
        name: jnp.asarray((random.standard_normal(size) * spread).astype(np.float32))
        for name, (size, spread) in sizes.items()
    }


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

    changes, state = _OPTIMISER.update(jax.grad(loss)(weights), state, weights)
    return jax.tree.map(lambda value, change: value - rate * change, weights, changes), state


def _logits(weights: Any, batch: _Batch, key: Any = None) -> Any:
    """The logits of a batch; with a key some tokens and numbers are left out at random."""
    indices, vectors, is_token = batch
    keys = None if key is None else jax.random.split(key, 6)
    if keys is not None:
        is_token = _some_parts(keys[5], indices["parts"], is_token)
    own = "words" if vectors is None else "pieces"
    tokens = weights[own][indices[own]]
    if keys is not None:  # the word itself unknown, its stem or meaning known
        tokens *= jax.random.bernoulli(keys[0], 1 - _DROPPED_TOKENS, is_token.shape)[..., None]
    for name in sorted(indices.keys() - {own}):
        tokens = tokens + weights[name][indices[name]]
    if vectors is not None:
        tokens = tokens + (QUIET * vectors) @ weights["projection"]
    if keys is not None:
        tokens *= jax.random.bernoulli(keys[1], 1 - _DROPPED_TOKENS, is_token.shape)[..., None]
        tokens = _dropped(keys[2], tokens, _DROPPED_WIDTH, (len(tokens), 1, tokens.shape[2]))
    there = is_token[..., None]
    tokens = tokens * there
    near = _gated(tokens, weights["first"], weights["first_bias"], 1) * there
    near = near + _gated(near, weights["second"], weights["second_bias"], DILATION) * there
    seen = jnp.concatenate([near, tokens], axis=-1)
    attention = jax.nn.softmax(jnp.where(there, seen @ weights["queries"], _FAR), axis=1)
    attended = jnp.einsum("btq,btw->bqw", attention, seen).reshape(len(tokens), -1)
    highest = jnp.max(jnp.where(there, seen, _FAR), axis=1)
    whole = jnp.concatenate([attended, highest], axis=-1)
    if keys is not None:
        whole = _dropped(keys[3], whole, _DROPPED)
    hidden = jax.nn.relu(whole @ weights["hidden"] + weights["hidden_bias"])
    if keys is not None:
        hidden = _dropped(keys[4], hidden, _DROPPED_HIDDEN)
    return hidden @ weights["output"] + weights["output_bias"]


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
