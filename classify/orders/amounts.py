"""Sums of money by what stands beside a number: "£4.15", "600р", "USD41.00", "@ R899.00".

In: a line and where a number stands in it. Out: whether a sign or code of a currency stands there.

Limits: the "R" of South Africa begins codes as well; it is money behind "@" or before cents.
"""

import re

from .currency import LEADING, MARK

MONEY_BEHIND = re.compile(rf"[ \u00a0\u202f]?{MARK}", re.IGNORECASE)
MONEY_BEFORE = re.compile(rf"(?:[€$£₽¥₴₸₹]|\b(?:{LEADING})|\bRs\.?) ?$")
FLAT = "/-"  # "Rs. 182/-": a hundred and eighty-two, flat
PRICE_SIGN = re.compile(r"(?:@|(?<!\w)à)\s?$")
CENTS = re.compile(r"[.,]\d\d$")
_GLUED = re.compile(rf"(?<!\w)(?:{LEADING}|Rs\.?)$")
_RAND = re.compile(r"(?<![\w.-])R ?$")


def is_sum(line: str, start: int, end: int) -> bool:
    """True for "USD41.00" and "R899.00": money, no code."""
    return _GLUED.search(line[max(0, start - 6) : start]) is not None or (
        rand(line, start, end) is not None
    )


def rand(line: str, start: int, end: int) -> re.Match[str] | None:
    """The sign of South African rand, which also begins codes: behind "@", or before cents."""
    match = _RAND.search(line[max(0, start - 8) : start]) if "R" in line else None
    if match is None:
        return None
    sold = CENTS.search(line[start:end]) or PRICE_SIGN.search(line[: start - len(match[0])][-3:])
    return match if sold and line[end : end + 1] not in ("/", "-") else None
