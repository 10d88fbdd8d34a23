"""The words of concepts.yaml, found in a folded text all at once.

In: a `Folded` text. Out: where a concept is named and which. A word matches where a token
starts; the longest match at a token wins. Prefix hashes of every token are looked up in one
sorted array, so a text of n tokens costs n times the number of different word lengths.

Limits: knows no grammar: "order" is the concept `order` also in "in order to"; telling them
apart is the model's work, from the words and concepts around.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from . import pieces
from .pieces import Pieces
from .text import SPACE, Folded, Hashes, Places, fold

_OPENING = 3  # letters of a token that are looked at first
_UPPER = np.uint64(48)  # shift that leaves a hash's upper 16 bits
_AT_ONCE, _LONGEST = 128, 60  # words that are folded together, and characters of each
SHIPPED = Path(__file__).parent / "concepts.yaml"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was built


class _Word(NamedTuple):
    """A word of the file, folded."""

    hash: int
    length: int
    opening: int  # hash of its first letters
    first: int  # length of its first token


@dataclass(frozen=True, slots=True, kw_only=True)
class Concepts:
    """The vocabulary, arranged for looking up."""

    names: tuple[str, ...]
    numbers: dict[str, int]  # of each name: its place among them
    digest: int  # of this and of `pieces`: a model fits one vocabulary only
    pieces: Pieces  # of words, and what they mean
    hashes: Hashes  # of the words, sorted
    concept: NDArray[np.int64]  # of each hash: index into names
    is_stem: NDArray[np.bool_]  # the word may go on
    lengths: NDArray[np.int64]  # the different word lengths, longest first
    occupied: NDArray[np.bool_]  # by a word's hash's upper 16 bits: spares most look-ups
    openings: NDArray[np.bool_]  # likewise by the hash of its first letters: spares most tokens

    def find(self, text: Folded) -> tuple[Places, NDArray[np.int64]]:
        """(index of the token, concept) of every match, in order."""
        starts = text.starts
        first = text.hashes(starts, np.minimum(starts + _OPENING, text.ends))
        (likely,) = self.openings[first >> _UPPER].nonzero()
        starts = starts[likely, None]
        # A length that reaches beyond the text is cut there, and its hash is then a shorter one's.
        ends = np.minimum(starts + self.lengths, len(text.codes) - 1)
        hashes = text.hashes(starts, ends)
        (places,) = self.occupied[hashes.ravel() >> _UPPER].nonzero()
        wanted, end = hashes.ravel()[places], ends.ravel()[places]
        index = np.minimum(self.hashes.searchsorted(wanted), len(self.hashes) - 1)
        whole = text.codes[end] == SPACE
        (good,) = ((self.hashes[index] == wanted) & (whole | self.is_stem[index])).nonzero()
        tokens = places[good] // len(self.lengths)
        best = np.ones(len(tokens), dtype=bool)  # of each token the first, which is the longest
        best[1:] = tokens[1:] != tokens[:-1]
        return likely[tokens[best]], self.concept[index[good[best]]]


@cache
def load(path: Path = SHIPPED) -> Concepts:
    """The vocabulary of a concepts file, read once per process."""
    content = path.read_bytes()
    table: dict[str, str] = yaml.load(content, Loader=_LOADER)
    known = pieces.load()
    written = [(number, word) for number, name in enumerate(table) for word in table[name].split()]
    words: dict[int, tuple[int, bool]] = {}
    lengths, openings = set(), set()
    for (number, word), found in zip(written, _folded([w for _, w in written]), strict=True):
        is_stem = word.endswith("*")
        if is_stem and found.first == found.length < _OPENING:
            raise ValueError(f"{path}: {word} is too short for a stem")
        words[found.hash] = (number, is_stem)
        lengths.add(found.length)
        openings.add(found.opening)
    hashes = sorted(words)
    return Concepts(
        names=tuple(table),
        numbers={name: number for number, name in enumerate(table)},
        digest=zlib.crc32(content, known.digest),
        pieces=known,
        hashes=np.array(hashes, dtype=np.uint64),
        concept=np.array([words[value][0] for value in hashes], dtype=np.int64),
        is_stem=np.array([words[value][1] for value in hashes], dtype=bool),
        lengths=np.array(sorted(lengths, reverse=True), dtype=np.int64),
        occupied=_marked(words),
        openings=_marked(openings),
    )


def _folded(written: list[str]) -> Iterator[_Word]:
    """Each word folded, many at a time."""
    for begin in range(0, len(written), _AT_ONCE):
        words = [word.removesuffix("*") for word in written[begin : begin + _AT_ONCE]]
        text = fold(*words)
        first, last = text.bounds[:-1], text.bounds[1:] - 1
        if max(map(len, words)) > _LONGEST or (last < first).any():
            raise ValueError(f"one of {words} is too long or no word")
        starts, ends, inner = text.starts[first], text.ends[last], text.ends[first]
        yield from map(
            _Word,
            text.hashes(starts, ends).tolist(),
            (ends - starts).tolist(),
            text.hashes(starts, np.minimum(starts + _OPENING, inner)).tolist(),
            (inner - starts).tolist(),
        )


def _marked(hashes: Iterable[int]) -> NDArray[np.bool_]:
    """True at the upper 16 bits of each hash."""
    marked = np.zeros(0x10000, dtype=bool)
    marked[[value >> 48 for value in hashes]] = True
    return marked
