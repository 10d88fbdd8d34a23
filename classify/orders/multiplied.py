"""What an "x" between numbers means: a size ("600 x 400"), or so many of it ("20 x 110mm pipe").

In: a line and a number in it. Out: whether the number is part of a size; and where a line begins
with a count before a size.

Limits: a count before a size is seen only where it is far smaller than the size, and the line says
no other quantity: a batten of 20 x 110 mm is no twenty of anything.
"""

import re

from .units import Sort, unit_behind

TIMES = "xXхХ×*"
_LENGTH = "(?:мм|см|м|mm|cm|m|inch(?:es)?|in|ft|feet|foot|yds?|yards?|Zoll|дюйм(?:а|ов)?)"
_COUNTING = (Sort.COUNT, Sort.PACK)
# "20 x 110mm pipe", no "20 x 110 x 6"
_COUNTED_SIZE = re.compile(
    rf"(?P<number>[1-9]\d{{0,3}})(?P<sign> ?[{TIMES}]) ?(?P<size>\d{{2,4}})"
    rf" ?(?P<unit>mm|cm|мм|см)\b(?! ?[{TIMES}])"
)
_TIMES_SMALLER = {"mm": 4, "мм": 4, "cm": 8, "см": 8}


def counted_sizes(line: str) -> re.Match[str] | None:
    """The "20 x" (`number`, `sign`) with which a line of pipes of 110 mm begins; None without."""
    match = _COUNTED_SIZE.match(line)
    if match is None or int(match["number"]) * _TIMES_SMALLER[match["unit"]] > int(match["size"]):
        return None
    return match


def in_size(line: str, start: int, end: int) -> bool:
    """One of the numbers of a size written with spaces: "600 x 400 x 300", "DN50 x 20"."""
    before = re.search(rf"\d\w*[ \u00a0]?[{TIMES}][ \u00a0]?$", line[:start][-16:])
    lengths = re.search(rf"\d ?{_LENGTH} ?[{TIMES}] ?$", line[:start][-16:])
    if lengths and re.match(rf" ?{_LENGTH}\b", line[end:]):
        return True  # "50 cm x 50 m"
    spaced = re.search(
        r"(?:[^\W\d]\d+|[^\W\d_][-/.]\d[\w./-]*"
        rf"|\d(?:кг|г|л|мл|м|[kK]?[gG]|[mM]?[lL]|m|lb|oz)) [{TIMES}] ?$",
        line[:start][-24:],
    )
    if spaced and re.match(r"\s*(?:$|=|@|\t|[—–-])", line[end:]):
        return False  # "IP67 × 4", "20kg x 6", "AX-200 x 4"
    unit = unit_behind(line, end)
    if re.search(rf" [{TIMES}] $", line[:start]) and unit and unit.unit.sort in _COUNTING:
        return False  # "Twine 9000 x 4 packs"
    if before and not re.search(rf"\d[{TIMES}]\d+\w* [{TIMES}] $", line[:start][-20:]):
        return True  # but "1200x2400 x 60" is sixty of that size
    follows = re.match(rf"[ \u00a0]?[{TIMES}][ \u00a0]?\d", line[end:])
    if follows and re.search(r"\w[\w.),]*\s+$", line[:start]):
        return True  # "ply 2440 x 1220", but "2 x 5kg" at the start counts
    return bool(
        re.match(
            rf"[ \u00a0]?[{TIMES}][ \u00a0]?\d+(?:[.,]\d+)?(?:[ \u00a0]?[{TIMES}]"
            rf"|[ \u00a0]?(?:мм|mm|см|cm)\b)",
            line[end:],
        )
    )
