"""What of a line is the name of goods: all but its figures and the little words that led to them.

In: a line and the figures that were used. Out: the description, or what stands behind the quantity.
"""

import re
from collections.abc import Sequence

from .figures import Figure

_DANGLING = re.compile(
    r"(?i)(?:^[\s,;:.\-–—=|*)\t+]+|[\s,;:\-–—=|*(\t@+/]+$|[\s,(]+(?:по|по цене|за|at|à|je"
    r"|zu je|zu|for|für|на сумму|цена|price|preis|кол-во|количество|qty\.?|menge|anzahl|"
    r"в количестве|итого|total|ges\.?|x|х|×|of|von|и|and|und)[\s:.]*$|^(?:of|von|de|штук"
    r"|шт\.?|x|х|×)\s+)"
)
_PER_ONE = re.compile(
    r"(?i)^\s*(?:/\s?(?:шт|st|stk|pcs|ea|м|кг|ед|m|kg|l|ft|roll|box|stück)\b\.?|за шт\.?|each\b"
    r"|pro (?:stück"
    r"|st)\b\.?|per (?:pc|piece|unit)\b)"
)
_POLITE_END = re.compile(
    r"(?i)[\s.,!;]+(?:спасибо|пожалуйста|danke|bitte|thanks|thank you|thx|please|pls|merci"
    r"|gracias)\b.{0,30}$"
)
_TIMES = frozenset("xXхХ×")
_QUOTED = re.compile(
    r"[\"„“«](?P<title>[^\"„“”«»]+)[\"“”»]"
)  # a title is quoted, its quotes are not
_WORD_CHAR = re.compile(r"\w")


def description_of(line: str, used: Sequence[Figure]) -> str:
    """The line without its figures and the little words that led to them."""
    parts: list[str] = []
    position = 0
    for figure in sorted(used, key=lambda one: one.start):
        parts.append(line[position : figure.start])
        position = max(position, figure.end)
    parts.append(line[position:])
    cleaned = [_without_dangling(part) for part in parts]
    said = (part for part in cleaned if _WORD_CHAR.search(part) and part not in _TIMES)
    joined = " ".join(" ".join(said).split())
    quoted = _QUOTED.fullmatch(joined)
    return quoted["title"] if quoted else joined


def behind(line: str, quantity: Figure, *prices: Figure | None) -> str:
    """What stands behind the quantity besides prices."""
    spans = [(one.start, one.end) for one in prices if one and one.start >= quantity.end]
    position, parts = quantity.end, []
    for start, end in sorted(spans):
        parts.append(_without_dangling(line[position:start]))
        position = max(position, end)
    return "".join([*parts, _without_dangling(line[position:])])


def _without_dangling(part: str) -> str:
    part = _PER_ONE.sub("", part)
    for _ in range(4):
        trimmed = _DANGLING.sub("", part)
        if trimmed == part:
            break
        part = trimmed
    part = _POLITE_END.sub("", part)
    if part.count("(") < part.count(")"):
        part = part.rstrip(") .")
    return part.strip(" \t.") if part.strip(" \t.") else ""
