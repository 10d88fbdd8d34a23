"""How alike two messages are: a short vector for each, the cosine of two vectors.

In: `Features`, and where a model scored them what each feature said. Out: a unit vector of SIZE
numbers. Every feature of the text is thrown onto four places by its bucket's bits, with a sign
(a count sketch), so the product of two vectors is, but for noise of about 1/sqrt(SIZE), that of the
features themselves: nothing is learnt, and vectors made by different models can be compared.
Told what the model said, features that speak for a category weigh more than filler.

Limits: alike in words and concepts, in whichever language; two mails that say the same in other
words and name no common concept are not found.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .features import Features

SIZE = 256
Vector = NDArray[np.float32]

_PLACES = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93],
    dtype=np.uint64,
)  # odd multipliers, one for each place of a feature
_SHIFT = np.uint64(64 - 9)  # 8 bits of place, one of sign
_UNKNOWN = 0.25  # weight of a feature the model says nothing of, among ones it does


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A past message that is alike."""

    message: int  # our number
    likeness: float  # cosine, -1..1
    category: str
    by: str  # who said the category: a person's login, or empty for Postroom itself
    subject: str = ""


def vector(found: Features, contributions: NDArray[np.float32] | None = None) -> Vector:
    """The unit vector of a message; all zero where its text has no feature.

    `contributions` is the model's [feature, category] table for these features.
    """
    weights = found.weights * found.is_text
    if contributions is not None:
        weights = weights * _importance(found, contributions)
    spread = found.ids.astype(np.uint64)[:, None] * _PLACES >> _SHIFT
    signs = (spread & np.uint64(1)).astype(np.float32) * 2 - 1
    places = (spread >> np.uint64(1)).astype(np.int64)
    summed = np.bincount(places.ravel(), (signs * weights[:, None]).ravel(), minlength=SIZE)
    length = float(np.sqrt(summed @ summed))
    return (summed / length if length else summed).astype(np.float32)


def nearest(asked: Vector, known: NDArray[np.float32], count: int) -> list[tuple[int, float]]:
    """(row, cosine) of the rows of `known` most alike, the most alike first."""
    if not len(known):
        return []
    # Not `known @ asked`: BLAS divides that among threads when there are some 1,800 rows, and its
    # helpers then wait for more by spinning, at many times the CPU of the product.
    likeness = np.einsum("ij,j->i", known, asked)
    near = np.arange(len(known))
    if count < len(known):  # sorting them all would take as long as the product
        near = np.flatnonzero(likeness >= np.partition(likeness, -count)[-count])
    best = near[np.argsort(-likeness[near], kind="stable")][:count]
    return [(int(row), float(likeness[row])) for row in best]


def packed(made: Vector) -> bytes:
    """A vector as it is stored: one signed octet a number, of the largest one."""
    top = float(np.abs(made).max(initial=0.0)) or 1.0
    return np.round(made * (127 / top)).astype(np.int8).tobytes()


def unpacked(stored: list[bytes]) -> NDArray[np.float32]:
    """The unit vectors of stored ones, a row each; of another size than SIZE: a row of zeros."""
    whole = [row if len(row) == SIZE else bytes(SIZE) for row in stored]
    rows = np.frombuffer(b"".join(whole), dtype=np.int8).reshape(len(whole), SIZE)
    numbers = rows.astype(np.float32)
    lengths = np.sqrt((numbers * numbers).sum(axis=1, keepdims=True))
    numbers /= np.maximum(lengths, 1.0)
    return numbers


def _importance(found: Features, contributions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each feature how much it tells categories apart, 1 for the average one that tells."""
    centred = contributions - contributions.mean(axis=1, keepdims=True)
    told = np.sqrt((centred * centred).sum(axis=1)) / np.maximum(found.weights, 1e-9)
    speaks = told > 1e-6
    average = float(told[speaks].mean()) if speaks.any() else 1.0
    importance: NDArray[np.float32] = np.maximum(told / average, _UNKNOWN).astype(np.float32)
    return importance
