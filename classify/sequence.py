"""The words of a message in the order they stand in, as numbers for the network.

In: a `Folded` text, the concepts found of its tokens. Out: `Sequence`, an entry for
each token that is looked at: subject first, then who wrote, the files' names, the new text, the
signature and the quoted text. Where the linear model sees which words there are, the network
(network.py, export.py) sees which stand beside which: "paid already" and "not paid".

Limits: of each part the first tokens only; a mail that says what it wants in its third hundred
words is read by features.py alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .text import Folded, Hashes, Places, mixed

BITS = 15
BUCKETS = 1 << BITS  # rows of the tables of words and of stems; row 0 is no word
STEM = 5  # letters of a word taken for its stem
_SHIFT = np.uint64(64 - BITS)
_WORD, _STEMS = np.uint64(1), np.uint64(2)  # salts


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """Tokens in order; all arrays are as long, one at least."""

    words: Places  # row in the table of words
    stems: Places  # row in the table of stems
    concepts: Places  # 1 + the concept that begins here, 0 for none
    parts: Places  # 1 + the part of the message it stands in, 0 for no token


_NOTHING = Sequence(
    words=np.zeros(1, dtype=np.int64),
    stems=np.zeros(1, dtype=np.int64),
    concepts=np.zeros(1, dtype=np.int64),
    parts=np.zeros(1, dtype=np.int64),
)


def sequence(text: Folded, concepts: Places, most: tuple[tuple[int, int], ...]) -> Sequence:
    """The sequence of a text: of each (part, count) the first tokens, in that order.

    `concepts` has an entry for each token of the text.
    """
    bounds = text.bounds.tolist()
    chosen = np.concatenate(
        [np.arange(bounds[part], min(bounds[part] + count, bounds[part + 1]))
         for part, count in most]
    )  # fmt: skip
    if not len(chosen):
        return _NOTHING
    starts, ends = text.starts[chosen], text.ends[chosen]
    return Sequence(
        words=_rows(text.words[chosen], _WORD),
        stems=_rows(text.hashes(starts, np.minimum(starts + STEM, ends)), _STEMS),
        concepts=concepts[chosen],
        parts=text.part[chosen] + 1,
    )


def _rows(hashes: Hashes, salt: np.uint64) -> NDArray[np.int64]:
    return np.maximum((mixed(hashes, salt) >> _SHIFT).astype(np.int64), 1)
