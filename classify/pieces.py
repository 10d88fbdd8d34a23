"""Pieces of words in many languages, and what they mean.

In: text. Out: numbers of pieces (SentencePiece; Kudo, Subword Regularization, 2018); a vector for
each; and the meaning of a text: the mean of its pieces' vectors along their main directions, rare
pieces counting more (smooth inverse frequency; Arora et al., A Simple but Tough-to-Beat Baseline
for Sentence Embeddings, 2017). Pieces of different languages that mean the same lie close together,
so what the model learns from one language carries over; and no word is unknown, since every word is
made of pieces. What a piece means where it stands, encoder.py says.

The files (model/pieces.*) are made by scripts/pieces.py, which says from what. The table is read
where it lies, so that all processes share it.

Limits: letters that are neither Latin nor Cyrillic are one unknown piece. A meaning knows no order
and no negation; the networks do.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from .text import Places

WIDTH = 512  # numbers of a piece's vector
SIZE = 128  # numbers of a meaning
SHIPPED = Path(__file__).parent / "model" / "pieces.npz"
_HALF = WIDTH // 2  # bytes of a row that hold numbers, two each

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """The vocabulary and its table."""

    digest: int  # of all that features come from: a model fits one only
    vocabulary: Any  # sentencepiece.SentencePieceProcessor
    packed: NDArray[np.uint8]  # [piece, bytes]: 4 bits a number, step and least as 16-bit floats
    axes: Vectors  # [WIDTH, SIZE]: the main directions
    weights: Vectors  # of each piece: near 1 for a rare one, near 0 for a common one, 0 for none

    def find(self, text: str) -> Places:
        """The pieces of a text, in order."""
        found: list[int] = self.vocabulary.encode(text.encode("utf-8", "replace"))
        return np.array(found, dtype=np.int64)

    def meaning(self, pieces: Places) -> Vectors:
        """What some pieces mean together, a unit vector [SIZE]; all zero for none."""
        numbers, step, least = self._unpacked(pieces)
        weights = self.weights[pieces]
        summed = ((weights * step) @ numbers + weights @ least) @ self.axes
        length = float(np.sqrt(summed @ summed))
        meaning: Vectors = (summed / length if length else summed).astype(np.float32)
        return meaning

    def _unpacked(self, pieces: NDArray[np.integer[Any]]) -> tuple[Vectors, Vectors, Vectors]:
        """(whole numbers [piece, WIDTH], step, least): a vector is whole numbers x step + least."""
        rows = self.packed[pieces]
        scale = np.ascontiguousarray(rows[:, _HALF:]).view(np.float16).astype(np.float32)
        numbers = np.empty((len(rows), WIDTH), dtype=np.float32)
        numbers[:, :_HALF] = rows[:, :_HALF] & 15
        numbers[:, _HALF:] = rows[:, :_HALF] >> 4
        return numbers, scale[:, 0], scale[:, 1]


@cache
def load(path: Path = SHIPPED) -> Pieces:
    """The vocabulary and table beside a file `pieces.npz`, opened once per process."""
    with np.load(path) as kept:
        return Pieces(
            digest=int(kept["digest"]),
            vocabulary=sentencepiece.SentencePieceProcessor(
                model_file=str(path.with_suffix(".model"))
            ),
            packed=np.load(path.with_suffix(".npy"), mmap_mode="r"),
            axes=kept["axes"].astype(np.float32),
            weights=kept["weights"].astype(np.float32),
        )
