"""Rows of a list that name goods and say no number: "- Toner HP" below "- Coffee 3 kg".

In: the lines of a text, which of them were read as list lines, and which of those have a dash
before their number. Out: whether some row of the list says no number. A row is known by standing
between two that were read, by the bullet or number that it shares with its neighbour, by the dash
behind which a neighbour says how many, or by its small letters in a list of such.

Limits: at the end of a list a bare row that begins with a capital may be the writer's name, as may
a single word; they are left alone.
"""

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise, takewhile

from .doubt_words import ASIDE, PAPERWORK
from .figures import figures
from .item import unbulleted
from .numbers import has_digit
from .prose import breaks_off, only_noise
from .prose_words import LEAD_WORDS, POLITE, VERB

_FEW_WORDS = 4
_BETWEEN = 3  # lines from a row to its neighbour at most
_WORD = re.compile(r"[^\W\d_]{2,}")
# "Toner HP -", "bin liners - loads"
_DASHED = re.compile(
    r"\s*\S[^:=]{0,60}?(?P<dash>\s[-–—]|:|\s=)\s*(?![A-ZÄÖÜА-ЯЁ])(?P<number>(?:[^\W\d_]+\s?){0,3})[.!]?\s*"
)


def has_gap(
    lines: Sequence[str],
    listed: AbstractSet[int],
    dashed: AbstractSet[int],
    tabled: AbstractSet[int] = frozenset(),
) -> bool:
    """True when a row of the list names something and says no number.

    `dashed`: of the listed those with a dash before the number; `tabled`: what tables took.
    """
    if any(_lies_between(lines, place, listed) for place in range(1, len(lines) - 1)):
        return True
    read = listed | tabled
    return any(
        _shares_bullet(lines[place], lines[beside])
        or (beside in dashed and _shares_dash(lines[place], lines[beside], place - beside))
        or (place == beside + 1 and _is_alike(lines[place], lines[beside]))
        for beside in listed
        for place in _neighbours(lines, beside, read)
        if _names_goods(lines[place])
    )


def heads_of_rows(lines: Sequence[str]) -> frozenset[str]:
    """The lines that add what stands below them, with its numbers: "And for the kitchen:".

    A heading that holds a number itself is looked at like any other line.
    """
    return frozenset(
        line
        for line, below in pairwise(line for line in lines if line.strip())
        if not has_digit(line) and figures(unbulleted(below))
        if line.rstrip().endswith(":") or breaks_off(line, below)
    )


def _lies_between(lines: Sequence[str], place: int, listed: AbstractSet[int]) -> bool:
    line = lines[place].strip()
    if place in listed or place - 1 not in listed:
        return False
    following = range(place + 1, min(len(lines), place + _BETWEEN + 1))
    if not any(behind in listed for behind in takewhile(lambda one: lines[one].strip(), following)):
        return False
    before = unbulleted(lines[place - 1].strip())
    opening = next((char for char in before if char.isalpha()), "")
    goes_on = line[:1] in "(+&" or (line[:1].islower() and not opening.islower())
    return bool(line) and not goes_on and not line.endswith(":") and not only_noise(line)


def _neighbours(lines: Sequence[str], beside: int, read: AbstractSet[int]) -> Iterator[int]:
    """The lines near one of the list, up to what else was read on either side."""
    for step in (-1, 1):
        for place in range(beside + step, beside + step * (_BETWEEN + 1), step):
            if not 0 <= place < len(lines) or place in read:
                break
            if lines[place].strip():
                yield place


def _names_goods(line: str) -> bool:
    """True for a line without a number that may name goods."""
    bare = unbulleted(line.strip())
    if any(map(str.isdigit, bare)) or bare.endswith((":", "?")) or only_noise(bare):
        return False
    if PAPERWORK.search(bare) or POLITE.match(bare):
        return False
    return any(word not in LEAD_WORDS for word in _WORD.findall(bare.lower()))


def _shares_bullet(line: str, beside: str) -> bool:
    return bool(_bullet(line)) and _bullet(line) == _bullet(beside)


def _shares_dash(line: str, beside: str, apart: int) -> bool:
    """True right below a row with the same dash, or right above it with nothing behind the dash."""
    match = _DASHED.fullmatch(line)
    if match is None or not re.search(rf"{re.escape(match['dash'])}\s*\d", beside):
        return False
    return apart == 1 or (apart == -1 and not match["number"] and match["dash"] != ":")


def _is_alike(line: str, beside: str) -> bool:
    """True for a few words in small letters right below a row in small letters: "bin liners"."""
    opening = next((char for char in beside if char.isalpha()), "")
    words = _WORD.findall(line.lower())
    return (
        line.strip()[0].islower()
        and opening.islower()
        and 2 <= len(line.split()) <= _FEW_WORDS
        and not ASIDE.search(line)
        and not VERB.search(f" {line}")
        and not any(word in LEAD_WORDS for word in words)
    )


def _bullet(line: str) -> str:
    """The mark before a row; "1" for any number of its own."""
    text = line.strip()
    mark = text[: len(text) - len(unbulleted(text))].strip(" \t.)(:")
    return "1" if any(map(str.isdigit, mark)) else mark[:1]
