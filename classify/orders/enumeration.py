"""Lines of a list that bring their own number, which is no quantity: 1, 2, 3 or 10, 20, 30.

In: the lines of a text and what tables took of them. Out: the places of those that count
themselves and have another number behind the first; and those whose number in brackets is none of
theirs but says how many.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from .figures import counts_things, figures
from .multiplied import TIMES
from .units import Sort, unit_behind

_BRACKETED = re.compile(r"\s*[-–—•*]?\s*\((?P<number>\d{1,4})\)\s+(?P<rest>\S.*)")
_COUNT = re.compile(r"\s*\d{1,3}(?:[. ]?\d{3})?(?=\s)")
_LEAST_PAIRS = 2
_TIMES = re.compile(rf" ?[{TIMES}](?=\s)")
_NUMBERED = re.compile(r"\s*(\d{1,4})[.)]?\s+\S")


def enumerated_among(
    lines: Sequence[str], tabled: set[int], language: str = "", mark: str = ""
) -> set[int]:
    """Lines that count themselves: 1, 2, 3 or 10, 20, 30 in front, another number behind."""
    starts: list[tuple[int, int]] = []
    for place, line in enumerate(lines):
        match = _NUMBERED.match(line)
        if match and place not in tabled and not _counts(line, match.end(1)):
            starts.append((place, int(match[1])))
    found: set[int] = set()
    run: list[tuple[int, int]] = []
    for place, number in [*starts, (-1, -1)]:
        step = number - run[-1][1] if run else 0
        if (
            run
            and step in (1, 10)
            and place - run[-1][0] <= 3
            and (len(run) == 1 or step == run[1][1] - run[0][1])
        ):
            run.append((place, number))
            continue
        if len(run) >= 2 and run[0][1] in (1, 10):
            counted = [one for one, _ in run]
            others = sum(len(figures(lines[one], language, mark)) >= 2 for one in counted)
            if others * 3 >= 2 * len(counted):
                found |= set(counted)
        run = [(place, number)]
    return found


def counted_apart(lines: Sequence[str], taken: set[int]) -> dict[int, str]:
    """Lines as they are read whose count stands in brackets before them, or below them."""
    return {**counted_in_brackets(lines, taken), **counted_below(lines, taken)}


def counted_in_brackets(lines: Sequence[str], taken: set[int]) -> dict[int, str]:
    """Lines that begin with how many in brackets, written "2 x": "(2) brake disc", "(12) filter".

    Numbers that go up by one count the lines, and so do those of lines that say another quantity.
    """
    begun = [
        (place, match)
        for place, line in enumerate(lines)
        if "(" in line and place not in taken and (match := _BRACKETED.match(line))
    ]
    numbers = [int(match["number"]) for _, match in begun]
    steps = [after - before for before, after in pairwise(numbers)]
    if not steps or 0 in numbers or len(set(steps)) == 1 and steps[0] in (1, 10):
        return {}
    if sum(_says_quantity(match["rest"]) for _, match in begun) * 2 > len(begun):
        return {}
    return {place: _counted(match) for place, match in begun}


def counted_below(lines: Sequence[str], taken: set[int]) -> dict[int, str]:
    """Lines of pairs, the goods and below them how many, with their count; the counts empty.

    A block of such pairs begins with goods and ends with a count, so that neither a heading above
    nor a count that stands before its goods shifts them.
    """
    found: dict[int, str] = {}
    block: list[int] = []
    blocks: list[list[int]] = [block]
    for place, line in enumerate(lines):
        if line.strip() and place not in taken:
            block.append(place)
        else:
            block = []
            blocks.append(block)
    pairs = [pair for one in blocks for pair in _pairs(lines, one)]
    if len(pairs) >= _LEAST_PAIRS:
        for goods, count in pairs:
            found[goods] = f"{lines[goods].rstrip()}\tqty: {lines[count].strip()}"
            found[count] = ""
    return found


def _pairs(lines: Sequence[str], block: Sequence[int]) -> list[tuple[int, int]]:
    """The pairs of a block; none where a line of it is neither goods nor a count in its turn."""
    if block and lines[block[0]].rstrip().endswith(":"):
        block = block[1:]
    pairs = list(zip(block[::2], block[1::2], strict=False))
    whole = len(block) % 2 == 0 and all(
        _is_count(lines[count]) and not _is_count(lines[goods]) and _names(lines[goods])
        for goods, count in pairs
    )
    return pairs if whole else []


def _is_count(line: str) -> bool:
    """True for "24 Rollen" and no more."""
    match = _COUNT.match(line)
    if match is None or not _counts(line, match.end()):
        return False
    unit = unit_behind(line, match.end())
    return unit is not None and not line[unit.end :].strip(" .")


def _names(line: str) -> bool:
    """True for what may name goods and says no quantity, nor goes on on the next line."""
    text = line.strip()
    return text[:1].isalnum() and text[-1] not in ":?!,;-–" and not _says_quantity(text)


def _says_quantity(text: str) -> bool:
    return any(counts_things(one) or one.labelled or one.times for one in figures(text))


def _counted(match: re.Match[str]) -> str:
    unit = unit_behind(f"0 {match['rest']}", 1)
    return f"{match['number']} {'' if unit else 'x '}{match['rest']}"


def _counts(line: str, end: int) -> bool:
    """True when a number that begins a line counts by what stands behind it: "2 cases", "2 x"."""
    if _TIMES.match(line, end):
        return True
    unit = unit_behind(line, end)
    return unit is not None and unit.unit.sort in (Sort.COUNT, Sort.PACK)
