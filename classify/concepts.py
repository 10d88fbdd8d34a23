"""The words of concepts.yaml, found in a folded text all at once.

In: a `Folded` text. Out: where a concept is named and which. A word matches where a token
starts; the longest match at a token wins. Prefix hashes of every token are looked up in one
sorted array, so a text of n tokens costs n times the number of different word lengths.

Limits: knows no grammar: "order" is the concept `order` also in "in order to"; telling them
apart is the model's work, from the words and concepts around.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from .text import Folded, Hashes, Places, fold

SHIPPED = Path(__file__).parent / "concepts.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Concepts:
    """The vocabulary, arranged for looking up."""

    names: tuple[str, ...]
    digest: int  # of the file: a model fits one vocabulary only
    hashes: Hashes  # of the words, sorted
    concept: NDArray[np.int64]  # of each hash: index into names
    is_stem: NDArray[np.bool_]  # the word may go on
    lengths: NDArray[np.int64]  # the different word lengths, longest first
    occupied: NDArray[np.bool_]  # by the hash's upper 16 bits: spares most look-ups

    def find(self, text: Folded) -> tuple[Places, NDArray[np.int64]]:
        """(index of the token, concept) of every match, in order."""
        starts = text.starts
        if not len(starts):
            return starts, starts
        ends = starts[:, None] + self.lengths
        fits = ends < len(text.codes)
        ends = np.minimum(ends, len(text.codes) - 1)
        hashes = text.hashes(np.broadcast_to(starts[:, None], ends.shape), ends)
        row, column = np.nonzero(self.occupied[hashes >> np.uint64(48)] & fits)
        wanted = hashes[row, column]
        index = np.minimum(np.searchsorted(self.hashes, wanted), len(self.hashes) - 1)
        whole = text.codes[ends[row, column]] == 32
        good = (self.hashes[index] == wanted) & (whole | self.is_stem[index])
        tokens, first = np.unique(row[good], return_index=True)
        return tokens, self.concept[index[good][first]]


def load(path: Path = SHIPPED) -> Concepts:
    """The vocabulary of a concepts file."""
    content = path.read_bytes()
    table: dict[str, str] = yaml.safe_load(content)
    words: dict[int, tuple[int, bool]] = {}
    lengths = set()
    for number, name in enumerate(table):
        for word in table[name].split():
            text = fold(word.removesuffix("*"))
            length = len(text.codes) - 2
            place = np.array([1], dtype=np.int64)
            words[int(text.hashes(place, place + length)[0])] = (number, word.endswith("*"))
            lengths.add(length)
    hashes = sorted(words)
    occupied = np.zeros(0x10000, dtype=bool)
    occupied[[value >> 48 for value in hashes]] = True
    return Concepts(
        names=tuple(table),
        digest=zlib.crc32(content),
        hashes=np.array(hashes, dtype=np.uint64),
        concept=np.array([words[value][0] for value in hashes], dtype=np.int64),
        is_stem=np.array([words[value][1] for value in hashes], dtype=bool),
        lengths=np.array(sorted(lengths, reverse=True), dtype=np.int64),
        occupied=occupied,
    )
