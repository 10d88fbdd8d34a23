"""Which sentences of an order are asides: the clerk enters the same lines with or without them.

In: sentences of a mail (orders/asides.py says which). Out: those that are surely asides. Each is
read by the encoder's first layers, as they are (encoder.py); above them a few heads of attention
(Bahdanau et al., 2015) and a small network say how likely it is an aside, bears on the goods, or
orders some. The weights (model/asides.npz) are made by scripts/asides.py from sentences of our own,
classify/corpus/asides; how sure it has to be stands beside them.

Limits: a sentence is judged by itself, without those around it; MOST pieces of it are looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from postroom.order import Doubtful

from . import encoder
from .encoder import Encoder
from .scorer import ModelError

SHIPPED = Path(__file__).parent / "model" / "asides.npz"
KINDS = ("aside", "bears", "goods")  # in the order of the network's answers
MOST = 80  # pieces of a sentence
_EPSILON = 1e-5

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideModel:
    """The weights above the encoder."""

    encoder: Encoder
    weights: dict[str, Vectors]
    surely: float  # the probability from which a grave sentence counts as an aside
    likely: float  # and from which another one does

    def among(self, sentences: Sequence[Doubtful]) -> frozenset[str]:
        """Those of the sentences that are asides; some six milliseconds each.

        Raises ModelError when the runtime fails.
        """
        return frozenset(
            one.text
            for one in sentences
            if self.probabilities(one.text)[0] >= (self.surely if one.is_grave else self.likely)
        )

    def probabilities(self, sentence: str) -> Vectors:
        """How likely the sentence is of each of KINDS. Raises ModelError when the runtime fails."""
        try:
            read = self.encoder.contexts(self.encoder.read_alone(sentence, MOST))
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelError(encoder.SHIPPED, "the runtime failed on a sentence", error) from error
        mean = read.mean(axis=1, keepdims=True)
        spread = np.sqrt(read.var(axis=1, keepdims=True) + _EPSILON)
        seen = (read - mean) / spread * self.weights["norm.weight"] + self.weights["norm.bias"]
        looks = _softmax(self._times(seen, "looks"), axis=0)  # [piece, head]
        said = looks.T @ _gelu(self._times(seen, "said"))  # [head, number]
        together = np.concatenate([said.ravel(), seen.mean(axis=0)])
        answer = self._times(_gelu(self._times(together, "together")), "answer")
        return _softmax(answer, axis=0)

    def _times(self, given: Vectors, name: str) -> Vectors:
        made: Vectors = given @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return made


def _gelu(x: Vectors) -> Vectors:
    """By hyperbolic tangent (Hendrycks and Gimpel, Gaussian Error Linear Units, 2016)."""
    made: Vectors = 0.5 * x * (1 + np.tanh(np.float32(0.7978845608) * (x + 0.044715 * x**3)))
    return made


def _softmax(x: Vectors, axis: int) -> Vectors:
    raised = np.exp(x - x.max(axis=axis, keepdims=True))
    shares: Vectors = raised / raised.sum(axis=axis, keepdims=True)
    return shares


@cache
def load(path: Path = SHIPPED) -> AsideModel:
    """The weights and the encoder, once per process.

    Raises ModelError for a file that is missing, cut, or made for another encoder.
    """
    try:
        known = encoder.load()
        with np.load(path) as kept:
            if int(kept["digest"]) != known.digest:
                raise ValueError("made for another encoder")
            named = {name: kept[name] for name in kept.files if "." in name}
            weights = {name: value.astype(np.float32) for name, value in named.items()}
            return AsideModel(
                encoder=known,
                weights=weights,
                surely=float(kept["surely"]),
                likely=float(kept["likely"]),
            )
    except Exception as error:  # nor have onnxruntime's, sentencepiece's and numpy's
        raise ModelError(path, "cannot be used; reinstall Postroom", error) from error
