"""Numbers as people write them: "1 234,50", "1.234,50", "1,234.50", "1'234.50", "20 тыс.".

In: text. Out: `readings`, every value the text can have, the likeliest first; "1.234" has two,
and only its neighbours (quantity x price = total) or the rest of the document can tell. No value
is ever guessed from one place alone: who uses a second-hand reading lowers its confidence.

Limits: at most 15 digits before the mark and 9 behind it; more is a code, not a number. Roman
numerals and fractions other than halves and quarters are not read.
"""

import re
from collections.abc import Iterable
from decimal import Decimal

# Spaces people group digits with (plain, no-break, thin, narrow) and the Swiss apostrophes.
GROUPING = " \u00a0\u2009\u202f'\u2019"
_GROUP = f"[{GROUPING}]"

# A number inside running text. Grouped digits first, so that "12 500,00" is one number.
NUMBER = re.compile(
    rf"\d{{1,3}}(?:{_GROUP}\d{{3}}){{1,4}}(?![\d])(?:[.,]\d{{1,9}}(?!\d))?"
    r"|\d{1,18}(?:[.,]\d{1,9}){0,4}"
)
_WHOLE = re.compile(r"[-+\u2212\u2013]?\d[\d.,]{0,39}")
_SPACED = re.compile(rf"\d{{1,3}}(?:{_GROUP}\d{{3}})+(?:[.,]\d{{1,9}})?")
_DOTTED = re.compile(r"\d{1,3}(?:\.\d{3})+")
_COMMAED = re.compile(r"\d{1,3}(?:,\d{3})+")
_INDIAN = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}")
_HALVES = {"½": Decimal("0.5"), "¼": Decimal("0.25"), "¾": Decimal("0.75")}
_MOST_DIGITS = 15
_DIGIT = re.compile(r"\d")
_DAY = re.compile(r"(?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])")

# The mark between whole part and fraction that a language's writers use.
DECIMAL_MARKS = {"ru": ",", "de": ",", "fr": ",", "es": ",", "en": "."}


def has_digit(text: str) -> bool:
    """True when a digit that `\\d` finds stands in `text`; most lines of a letter have none."""
    return _DIGIT.search(text) is not None


def readings(text: str, mark: str = "") -> tuple[Decimal, ...]:
    """Every value `text` can have, the likeliest first; empty when it is no number.

    `mark` is the decimal mark the document is known to use; empty when unknown.
    """
    text = text.strip().strip(GROUPING)
    if len(text) > 40 or not text:
        return ()
    if text[-1] in _HALVES:
        return _with_half(text, mark)
    sign = -1 if text[0] in "-\u2212\u2013" else 1
    digits = text.lstrip("-+\u2212\u2013")
    if digits[-2:] in (",-", ".-", ",–", ",—", ".–"):  # "15,-" is how Germans write fifteen flat
        digits = digits[:-2]
    if any(char in digits for char in GROUPING):
        if not _SPACED.fullmatch(digits):
            return ()
        digits = "".join(char for char in digits if char not in GROUPING).replace(",", ".")
        return _decimals((digits,), sign)
    if not _WHOLE.fullmatch(digits):
        return ()
    return _decimals(_candidates(digits, mark), sign)


def _with_half(text: str, mark: str) -> tuple[Decimal, ...]:
    half = _HALVES[text[-1]]
    whole = text[:-1].strip()
    if not whole:
        return (half,)
    return tuple(value + half for value in readings(whole, mark))


def _candidates(digits: str, mark: str) -> tuple[str, ...]:
    """The plain spellings of digits with dots and commas in them."""
    dots, commas = digits.count("."), digits.count(",")
    if not dots and not commas:
        return (digits,)
    if dots and commas:
        return _two_marks(digits)
    separator = "." if dots else ","
    grouped = (_DOTTED if dots else _COMMAED).fullmatch(digits)
    if dots + commas > 1:
        if grouped or (commas and _INDIAN.fullmatch(digits)):
            return (digits.replace(separator, ""),)
        return ()  # a date or a version, not a number
    as_decimal = digits.replace(",", ".")
    if not grouped or digits.startswith("0"):
        return (as_decimal,) if not digits.endswith(separator) else (digits[:-1],)
    as_group = digits.replace(separator, "")
    if mark:
        return (as_decimal, as_group) if mark == separator else (as_group, as_decimal)
    return (as_group, as_decimal) if commas else (as_decimal, as_group)


def _two_marks(digits: str) -> tuple[str, ...]:
    """Both marks: the last one is the decimal mark, the other must group by three."""
    last = "." if digits.rfind(".") > digits.rfind(",") else ","
    whole, _, fraction = digits.rpartition(last)
    if last in whole:
        return ()
    shape = _COMMAED if last == "." else _DOTTED
    if not shape.fullmatch(whole) and not (last == "." and _INDIAN.fullmatch(whole)):
        return ()
    return (whole.replace(",", "").replace(".", "") + "." + fraction,)


def _decimals(spellings: Iterable[str], sign: int) -> tuple[Decimal, ...]:
    values = []
    for spelling in spellings:
        whole, _, fraction = spelling.partition(".")
        if len(whole) > _MOST_DIGITS or len(fraction) > 9 or not whole.isascii():
            continue
        values.append(sign * Decimal(spelling.rstrip(".") or "0"))
    return tuple(values)


def decimal_mark(texts: Iterable[str], language: str = "") -> str:
    """The decimal mark a document uses, from its unambiguous numbers; else its language's.

    "12,50" and "1.234,5" speak for the comma, "12.50" for the dot; "1.234" says nothing.
    """
    commas = dots = 0
    for text in texts:
        if "," not in text and "." not in text:
            continue
        for match in NUMBER.finditer(text):
            spelled = match[0]
            tail = max(spelled.rfind(","), spelled.rfind("."))
            if _DAY.fullmatch(spelled) and text.startswith(".", match.end()):
                continue  # "am 12.06.": a day
            if tail < 0 or len(spelled) - tail - 1 == 3 or spelled.count(spelled[tail]) > 1:
                continue
            if spelled[tail] == ",":
                commas += 1
            else:
                dots += 1
    if commas != dots:
        return "," if commas > dots else "."
    return DECIMAL_MARKS.get(language, "")


def exact(value: float | int) -> Decimal:
    """A spreadsheet's number as people see it: 0.1 + 0.2 is 0.3, 12.0 is 12."""
    if isinstance(value, int) or value.is_integer():
        return Decimal(int(value))
    rounded = Decimal(repr(round(value, 9)))
    return rounded.quantize(Decimal(1)) if rounded == rounded.to_integral_value() else rounded


def plain(value: Decimal) -> Decimal:
    """The same value without an exponent and without a trailing run of zeros behind the mark."""
    if value == value.to_integral_value():
        return value.quantize(Decimal(1))
    return Decimal(format(value.normalize(), "f"))
