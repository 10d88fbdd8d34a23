"""What single words mean, in five languages: a table of vectors, and the meaning of a text.

In: a `Folded` text. Out: unit vectors of SIZE numbers, one for each word or one for several: the
mean of their vectors, rare words counting more (smooth inverse frequency). Words of different
languages that mean the same lie close together, so what the model learns from one language carries
over, and a word the training never saw still says what it is near to. Looked up in whole arrays,
like concepts.

The table (model/meanings.npz) is made by scripts/meanings.py, which says from what.

Limits: single words only, without order and negation; of a homonym the mean of its meanings.
"""

import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .text import Folded, Hashes, Places

SIZE = 96
SHIPPED = Path(__file__).parent / "model" / "meanings.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanings:
    """The table, arranged for looking up."""

    digest: int  # of the file: a model fits one table only
    hashes: Hashes  # of the words, sorted
    vectors: NDArray[np.int8]  # [word, SIZE]
    weights: NDArray[np.float32]  # of each word: near 1 for a rare one, near 0 for a common one

    def find(self, text: Folded) -> Places:
        """Of each token the row of its vector, -1 where the table does not know it."""
        rows = np.minimum(self.hashes.searchsorted(text.words), len(self.hashes) - 1)
        return np.where(self.hashes[rows] == text.words, rows, -1)

    def mean(self, rows: Places) -> NDArray[np.float32]:
        """The meaning of the words of some rows together; all zero where none is known."""
        known = rows[rows >= 0]
        summed = self.weights[known] @ self.vectors[known].astype(np.float32)
        length = float(np.sqrt(summed @ summed))
        meaning: NDArray[np.float32] = (summed / length if length else summed).astype(np.float32)
        return meaning

    def each(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """The unit vector [word, SIZE] of each word by itself; zero for an unknown one."""
        found = self.vectors[rows].astype(np.float32)
        found[rows < 0] = 0.0
        lengths = np.sqrt(np.einsum("ij,ij->i", found, found))
        units: NDArray[np.float32] = found / np.maximum(lengths, 1.0)[:, None]
        return units


@cache
def load(path: Path = SHIPPED) -> Meanings:
    """The table of a file, read once per process."""
    content = path.read_bytes()
    with np.load(path) as table:
        return Meanings(
            digest=zlib.crc32(content),
            hashes=table["hashes"],
            vectors=table["vectors"],
            weights=table["weights"].astype(np.float32),
        )
