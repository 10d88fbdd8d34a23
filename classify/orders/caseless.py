"""Patterns of words, whatever their case, some five times as fast as `re.IGNORECASE`.

In: a pattern in small letters. Out: `Caseless`, which looks for it in the text's small letters.
Where a pattern has a hundred alternatives, `re` passes over those that begin with another letter,
but not with IGNORECASE, where it tries each one at each place.

`Phrases` are quicker still: a line none of whose words begins as one of them does is not searched.

Limits: a match has the right places but small letters; whoever wants the words as written takes
them from the text. Patterns that tell capitals from small letters stay with `re`.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

_LINE = 500  # characters up to which a text is kept with its small letters


def lowered(text: str) -> str:
    """The text in small letters, every character at its place."""
    return _lowered_line(text) if len(text) <= _LINE else _lowered(text)


def _lowered(text: str) -> str:
    small = text.lower()
    # "İ" would become two characters.
    return small if len(small) == len(text) else text.replace("İ", "i").lower()


_lowered_line = lru_cache(maxsize=512)(_lowered)  # many patterns look at the same line


_WORD = re.compile(r"[^\W\d_]+")
_BEGINS = re.compile(r"(?:\(\?<!.*?\))?(?P<word>[^\W\d_]+)(?P<next>.?)", re.DOTALL)
_SAME_WORD = frozenset("\\[(?*+{")  # behind the letters a phrase begins with: the word may go on
_BEGINNING = 3  # letters by which a word is known


@lru_cache(maxsize=256)
def _beginnings(text: str) -> frozenset[str]:
    """The first letters of every word of a line."""
    return frozenset(word[:_BEGINNING] for word in _WORD.findall(lowered(text)))


class Caseless:
    """A compiled pattern that is looked for in the small letters of a text."""

    __slots__ = ("_pattern",)

    def __init__(self, pattern: str) -> None:
        """Raises ValueError for a pattern with capitals, which could match nothing."""
        bare = re.sub(r"\\.|\?P<\w+>", "", pattern)
        if bare != bare.lower() or "(?i)" in pattern:
            raise ValueError(f"write it in small letters and without (?i): {pattern[:60]}")
        self._pattern = re.compile(pattern)

    def search(self, text: str, start: int = 0) -> re.Match[str] | None:
        """The first match at `start` or behind it."""
        return self._pattern.search(lowered(text), start)

    def match(self, text: str, start: int = 0) -> re.Match[str] | None:
        """The match that begins at `start`."""
        return self._pattern.match(lowered(text), start)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Every match, in order."""
        return self._pattern.finditer(lowered(text))

    def sub(self, replacement: str, text: str) -> str:
        """The text with `replacement` for every match, all else as it was written."""
        kept: list[str] = []
        position = 0
        for match in self.finditer(text):
            kept += [text[position : match.start()], replacement]
            position = match.end()
        return "".join([*kept, text[position:]])


class Phrases:
    """Phrases, one a line or parted by " / ", each a pattern that begins with letters.

    A text without any word that begins with those letters is passed over without a search.
    """

    __slots__ = ("_pattern", "beginnings")

    def __init__(self, phrases: str, apart: bool = False) -> None:
        """`apart`: only where spaces part a phrase from what is around it, not in "all-purpose".

        Raises ValueError for a phrase by whose first letters no word could be known.
        """
        lines = [line for line in re.split(r"\n| / ", phrases) if line]
        self.beginnings = frozenset(_beginning(line) for line in lines)
        before, behind = (r"(?<!\S)", r"(?=[\s,.;:!?]|$)") if apart else (r"\b", r"(?!\w)")
        self._pattern = Caseless(rf"{before}(?:{'|'.join(lines)}){behind}")

    def search(self, text: str) -> re.Match[str] | None:
        """The first match."""
        if self.beginnings.isdisjoint(_beginnings(text)):
            return None
        return self._pattern.search(text)

    def sub(self, replacement: str, text: str) -> str:
        """The text with `replacement` for every match."""
        return self._pattern.sub(replacement, text)


def may_say(text: str, beginnings: frozenset[str]) -> bool:
    """False when no word of a text begins as any of these phrases does."""
    return not beginnings.isdisjoint(_beginnings(text))


def _beginning(phrase: str) -> str:
    """The letters that any word must begin with with which the phrase could begin."""
    match = _BEGINS.match(phrase)
    word = match["word"] if match else ""
    goes_on = match is not None and match["next"] in _SAME_WORD and match["next"] != ""
    if match and phrase[match.end("word") :].startswith(("\\b", "(?!")):
        goes_on = False
    if match and match["next"] and match["next"] in "?*":
        word = word[:-1]
    if not word or (goes_on and len(word) < _BEGINNING):
        raise ValueError(f"begin it with three letters or a whole word: {phrase[:60]}")
    return word[:_BEGINNING]
