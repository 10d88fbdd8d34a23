"""What the pieces of a message mean where they stand: a sentence encoder for many languages.

In: the texts of a message. Out: `Reading`: its pieces in order (SentencePiece; Kudo, Subword
Regularization, 2018), the part of the message of each, and a context for each, which the first
layers of the encoder make of it and of all around it. The layers after those are trained with our
mail and stand in the model's own file (transformer.py, export.py).

The files (model/encoder.*) are made by scripts/encoder.py, which says from what. The table is read
where it lies, so that all processes share it.

Limits: letters that are neither Latin nor Cyrillic are one unknown piece; MOST pieces are looked
at. Layers count in whole numbers of eight bits: contexts of two machines may differ in the third
digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from .features import READ_IN_PIECES
from .runtime import session
from .text import Places

WIDTH, HEADS, EPSILON = 384, 12, 1e-12
FROZEN, TRAINED = 6, 2  # layers that stay as they are, and that are trained on
SHIPPED = Path(__file__).parent / "model" / "encoder.npz"
_OPENING, _BETWEEN, _CLOSING = "query:", "|", "</s>"
MOST = 208  # pieces of a message, with those between the texts
_BLOCK, _BYTES = 32, 18  # numbers of a block of a vector, and its bytes

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A message's pieces in order; one at least."""

    pieces: Places
    parts: Places  # of each: 1 + the number of the text it stands in, 0 for none


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """The vocabulary, its table and the first layers."""

    digest: int  # of all that contexts come from: a model fits one only
    vocabulary: Any  # sentencepiece.SentencePieceProcessor
    packed: NDArray[np.uint8]  # [piece, bytes]: blocks of a step and 32 numbers in four bits
    layers: Any  # onnxruntime.InferenceSession: vectors to contexts

    def read(self, texts: Sequence[str]) -> Reading:
        """The pieces of the texts of a message (features.py's order)."""
        begin = [self.vocabulary.bos_id(), *self.vocabulary.encode(_OPENING)]
        pieces, parts = begin, [0] * len(begin)
        between = self.vocabulary.piece_to_id(_BETWEEN)
        for number, most in READ_IN_PIECES:
            found = self.vocabulary.encode(texts[number].encode("utf-8", "replace"))[:most]
            if found:
                pieces += [*found, between]
                parts += [1 + number] * len(found) + [0]
        pieces[-1] = self.vocabulary.piece_to_id(_CLOSING)
        return Reading(pieces=np.array(pieces), parts=np.array(parts))

    def read_alone(self, text: str, most: int) -> Places:
        """The pieces of one text that belongs to no message; `most` of its own."""
        found = self.vocabulary.encode(text.encode("utf-8", "replace"))[:most]
        begin = [self.vocabulary.bos_id(), *self.vocabulary.encode(_OPENING)]
        return np.array([*begin, *found, self.vocabulary.piece_to_id(_CLOSING)])

    def contexts(self, pieces: Places) -> Vectors:
        """The context [piece, WIDTH] of each piece of a message."""
        rows = self.packed[pieces]
        vectors = unpacked(rows.reshape(-1, _BYTES)).reshape(len(pieces), WIDTH)
        made: list[Vectors] = self.layers.run(None, {"vectors": vectors})
        return made[0]


def unpacked(blocks: NDArray[np.uint8]) -> Vectors:
    """The numbers [block, 32] of blocks [block, 18]."""
    steps = np.ascontiguousarray(blocks[:, :2]).view(np.float16).astype(np.float32)
    numbers = np.empty((len(blocks), _BLOCK), dtype=np.float32)
    half = _BLOCK // 2
    numbers[:, :half] = blocks[:, 2:] & 15
    numbers[:, half:] = blocks[:, 2:] >> 4
    numbers -= 8
    numbers *= steps
    return numbers


@cache
def load(path: Path = SHIPPED) -> Encoder:
    """The vocabulary, table and layers beside a file `encoder.npz`, opened once per process."""
    with np.load(path) as kept:
        digest = int(kept["digest"])
    return Encoder(
        digest=digest,
        vocabulary=sentencepiece.SentencePieceProcessor(model_file=str(path.with_suffix(".model"))),
        packed=np.load(path.with_suffix(".npy"), mmap_mode="r"),
        layers=session(path.with_suffix(".onnx")),
    )


def upper_half(path: Path = SHIPPED) -> dict[str, Vectors]:
    """The weights of the layers after those, "number name" of each, names as in layers.py."""
    with np.load(path) as kept:
        return {name: kept[name].astype(np.float32) for name in kept.files if name != "digest"}
