"""A text as folded characters and tokens, hashed in whole arrays at once.

In: any string, 10 MB or binary garbage included; only the first characters are looked at. Out:
a `Folded` text: lower case, digits as shapes ("1 284,50" becomes "0 000 00"), invisible
characters gone, its tokens' places, and 64-bit hashes of any stretch of it. Everything is done
by numpy over arrays of code points, so the cost is linear and no input can make it worse.
The hash is our own polynomial modulo 2^64: the same on every machine and in every process.

Limits: characters beyond the Basic Multilingual Plane (emoji) all become one symbol; scripts
without spaces (Chinese) come out as long tokens and are seen through their character n-grams.
"""

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Hashes = NDArray[np.uint64]

LONGEST = 16_384  # folded characters; half as many are read, as symbols may double

SPACE = 32
_DIGIT, _DROPPED = 48, 0
_ASTRAL = 0xFFFF  # stands for every character above the BMP
SEPARATOR = "\x01"  # parts one text from the next in `fold`
_SYMBOLS = frozenset("$€£₽№%@#!?+=*&§¥¢<>") | {chr(_ASTRAL), SEPARATOR}
_MIX, _TURN = np.uint64(0xBF58476D1CE4E5B9), np.uint64(29)
_BASE = 0x9E3779B97F4A7C15  # odd, so that it can be divided by modulo 2^64


def _fold(code: int) -> int:
    char = chr(code)
    category = unicodedata.category(char)
    if category in ("Cf", "Mn", "Me", "Cs"):
        return _DROPPED  # soft hyphens, zero-width characters, combining marks
    if category == "Nd":
        return _DIGIT
    if category.startswith("L"):
        lower = char.lower()
        plain = unicodedata.normalize("NFKD", lower)[:1] or lower
        # Accents are noise in hurried Latin, Greek and Cyrillic, but й is no и; elsewhere they
        # make other letters.
        has_accents = code < 0x530 or 0x1E00 <= code < 0x2000
        return ord(plain) if has_accents and char not in "йЙ" else ord(lower[0])
    return code if char in _SYMBOLS else SPACE


# What the table need not be asked for, two thirds of it: ideographs and syllables stand for
# themselves, halves of characters for nothing, what is private for a space.
_THEMSELVES = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xAC00, 0xD7A4))
_HALVES, _PRIVATE = (0xD800, 0xE000), (0xE000, 0xF900)


def _table() -> NDArray[np.uint16]:
    folded = np.arange(0x10000, dtype=np.uint16)
    folded[slice(*_HALVES)], folded[slice(*_PRIVATE)] = _DROPPED, SPACE
    begin = 0
    for known, end in (*_THEMSELVES, _HALVES, _PRIVATE, (0x10000, 0x10000)):
        folded[begin:known] = [_fold(code) for code in range(begin, known)]
        begin = end
    return folded


_FOLD = _table()
_IS_SYMBOL = np.zeros(0x10000, dtype=bool)
_IS_SYMBOL[[ord(char) for char in _SYMBOLS]] = True


def _powers(base: int) -> Hashes:
    powers, value = [], 1
    for _ in range(LONGEST + 1):
        powers.append(value)
        value = value * base % 2**64
    return np.array(powers, dtype=np.uint64)


_POWER = _powers(_BASE)
_INVERSE = _powers(pow(_BASE, -1, 2**64))
COUNTED = np.arange(LONGEST)  # 0, 1, 2 ..., to be sliced

_LOST = "\ufffd"  # stands where a decoder could not go on
# A line drawn of dashes, dots or stars is one sign; question marks stand for a letter each.
_DRAWN = re.compile(rf"([^\w\s?{_LOST}]|_)\1+")
_ODD = re.compile(r"[\W_]")
_UNPRINTABLE = ("Cc", "Cn", "Co", "Cs")
_FEW = 20  # of so many characters one may be unprintable


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Folded texts: tokens joined by single spaces, one space before and after."""

    codes: NDArray[np.uint16]
    starts: Places  # of each token
    ends: Places
    words: Hashes  # of each token whole
    part: Places  # of each token: which of the texts it stands in
    bounds: Places  # of each text: its first token; and how many there are
    sizes: Places  # of each text: how many codes it takes, the separator before it included
    sums: Hashes  # prefix sums of the polynomial, one longer than codes

    def hashes(self, starts: Places, ends: Places) -> Hashes:
        """One hash for each stretch [start, end); the two are broadcast together."""
        stretch: Hashes = (self.sums[ends] - self.sums[starts]) * _INVERSE[starts]
        return stretch

    def every(self, length: int) -> Hashes:
        """The hash of the stretch of a length at each place where there is one."""
        sums = self.sums[length:] - self.sums[: max(len(self.sums) - length, 0)]
        stretches: Hashes = sums * _INVERSE[: len(sums)]
        return stretches

    def slice(self, start: int, end: int) -> str:
        """The folded characters of one stretch."""
        return self.codes[start:end].tobytes().decode("utf-16-le", "replace")


def fold(*texts: str) -> Folded:
    """The folded form of several texts, LONGEST characters together; the caller cuts each."""
    joined = f" {SEPARATOR} ".join(text.replace(SEPARATOR, " ") for text in texts)
    raw = joined[: LONGEST // 2].encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(raw, dtype=np.uint32)
    folded = _FOLD[np.minimum(codes, _ASTRAL)]
    folded = folded[folded != _DROPPED]
    folded = _one_space(_shorten_numbers(folded))
    (gaps,) = (folded == SPACE).nonzero()
    starts, ends = gaps[:-1] + 1, gaps[1:]
    parting = folded[starts] == ord(SEPARATOR)
    (partings,) = parting.nonzero()
    sums = np.zeros(len(folded) + 1, dtype=np.uint64)
    (folded * _POWER[: len(folded)]).cumsum(out=sums[1:])
    edges = np.concatenate(([0], starts[partings], [len(folded)]))
    count = len(partings)
    bounds = np.concatenate(([0], partings - COUNTED[:count], [len(starts) - count]))
    starts, ends = starts[~parting], ends[~parting]
    return Folded(
        codes=folded,
        sizes=edges[1:] - edges[:-1],
        starts=starts,
        ends=ends,
        words=(sums[ends] - sums[starts]) * _INVERSE[starts],
        part=COUNTED[: count + 1].repeat(bounds[1:] - bounds[:-1]),
        bounds=bounds,
        sums=sums,
    )


def is_garbled(*texts: str) -> bool:
    """Whether texts are mostly no letters or digits, or hold control characters as no text does.

    What a gateway turned into question marks, or bytes that were never text.
    """
    seen = "".join(_DRAWN.sub(r"\1", " ".join(texts)).split())
    odd = [_kind(char) for char in _ODD.findall(seen)]
    whole = len(seen) - odd.count("Cf")  # soft hyphens, zero-width characters: nothing to see
    unprintable = sum(kind in _UNPRINTABLE for kind in odd)
    signs = unprintable + sum(kind[0] in "PS" for kind in odd)
    return 2 * signs > whole or _FEW * unprintable > whole


def _kind(char: str) -> str:
    """The character's category in Unicode; what stands for a lost one belongs to none."""
    return "Cn" if char == _LOST else unicodedata.category(char)


def mixed(hashes: Hashes, salts: Hashes | np.uint64) -> Hashes:
    """The hashes with their bits mixed, for the upper ones to be buckets; other salts, others."""
    once = (hashes ^ salts) * _MIX
    twice: Hashes = (once ^ (once >> _TURN)) * _MIX
    return twice


def _shorten_numbers(codes: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Runs of more than four digits become four: an account and an order number look alike."""
    digit = codes == _DIGIT
    if len(codes) < 5 or not digit.any():
        return codes
    surplus = np.zeros(len(codes), dtype=bool)
    surplus[4:] = digit[4:] & digit[3:-1] & digit[2:-2] & digit[1:-3] & digit[:-4]
    return codes[~surplus]


def _one_space(codes: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Tokens apart by exactly one space, symbols as tokens of their own."""
    symbol = _IS_SYMBOL[codes]
    steps = np.ones(len(codes), dtype=np.int64)
    steps[1:] += symbol[1:] | symbol[:-1]
    places = steps.cumsum()
    padded = np.full(int(steps.sum()) + 2, SPACE, dtype=np.uint16)
    padded[places] = codes
    space = padded == SPACE
    keep = np.ones(len(padded), dtype=bool)
    keep[1:] = ~(space[1:] & space[:-1])
    return padded[keep]
