"""What single words mean, in five languages: a table of vectors, and the meaning of a text.

In: a `Folded` text. Out: a unit vector of SIZE numbers for one of its parts: the mean of its
words' vectors, rare words counting more (smooth inverse frequency). Words of different languages
that mean the same lie close together, so what the model learns from one language carries over, and
a word the training never saw still says what it is near to. Looked up in whole arrays, like
concepts.

The table (model/meanings.npz) is made by scripts/meanings.py, which says from what.

Limits: single words only, without order and negation; of a homonym the mean of its meanings.
"""

import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .text import Folded, Hashes

SIZE = 96
SHIPPED = Path(__file__).parent / "model" / "meanings.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanings:
    """The table, arranged for looking up."""

    digest: int  # of the file: a model fits one table only
    hashes: Hashes  # of the words, sorted
    vectors: NDArray[np.int8]  # [word, SIZE]
    weights: NDArray[np.float32]  # of each word: near 1 for a rare one, near 0 for a common one

    def of(self, text: Folded, part: int) -> NDArray[np.float32]:
        """The meaning of one part of a text; all zero where no word of it is known."""
        inside = text.part == part
        wanted = text.hashes(text.starts[inside], text.ends[inside])
        index = np.minimum(np.searchsorted(self.hashes, wanted), len(self.hashes) - 1)
        index = index[self.hashes[index] == wanted]
        summed = self.weights[index] @ self.vectors[index].astype(np.float32)
        length = float(np.sqrt(summed @ summed))
        meaning: NDArray[np.float32] = (summed / length if length else summed).astype(np.float32)
        return meaning


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
