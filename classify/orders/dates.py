"""Dates as people write them, in Russian, English, German, French and Spanish.

In: text, the writer's language and the day it was written. Out: dates. A date without a year is
the nearest such day from two months before to ten months after the writing; one whose day and
month cannot be told apart ("03/04/2025" in English) is not read at all.

Limits: "next Friday", "KW 41" and "tomorrow" are not dates here; they stay words.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from .caseless import Caseless
from .numbers import has_digit

_MONTH_STEMS = {
    "янв": 1, "фев": 2, "мар": 3, "апр": 4, "мая": 5, "май": 5, "июн": 6, "июл": 7, "авг": 8,
    "сен": 9, "окт": 10, "ноя": 11, "дек": 12,
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9,
    "oct": 10, "nov": 11, "dec": 12,
    "mär": 3, "mrz": 3, "mai": 5, "okt": 10, "dez": 12,
    "fév": 2, "avr": 4, "juin": 6, "juil": 7, "aoû": 8, "déc": 12,
    "ene": 1, "abr": 4, "ago": 8, "dic": 12,
}  # fmt: skip
_MONTH = (
    r"(?:январ[яь]|феврал[яь]|марта?|апрел[яь]|ма[яй]|июн[яь]|июл[яь]|августа?|сентябр[яь]"
    r"|октябр[яь]"
    r"|ноябр[яь]|декабр[яь]|jan(?:uary|uar|vier)?|feb(?:ruary|ruar|rero)?|mar(?:ch|s"
    r"|zo)?|apr(?:il)?"
    r"|may|mai|june?|juni|july?|juli|aug(?:ust)?|sept?(?:ember|embre|iembre)?|oct(?:ober"
    r"|obre|ubre)?"
    r"|nov(?:ember|embre|iembre)?|dec(?:ember)?|märz|mrz|okt(?:ober)?|dez(?:ember)?|février|fév"
    r"|avril|juin|juillet|août|décembre|enero|abril|mayo|junio|julio|agosto|diciembre"
    r"|янв|фев|мар|апр|авг|сент?|окт|нояб?|дек)"
)
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_NUMERIC = re.compile(r"(?<![\d.,/])(\d{1,2})([./-])(\d{1,2})(?:\2(\d{4}|\d{2}))?(?![\d/]|[.,]\d)")
_DAY_MONTH = Caseless(
    rf"(?<!\d)(\d{{1,2}})(?:\.|st|nd|rd|th)?\s{{0,2}}(?:of "
    rf"|de )?({_MONTH})\b\.?,?(?:\s{{0,2}}(?:de )?(\d{{4}}))?",
)
_MONTH_DAY = Caseless(
    rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:,? (\d{{4}}))?",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A date and where it stands."""

    day: date
    start: int
    end: int


def date_of(text: str, language: str = "", written: date | None = None) -> date | None:
    """The first date in `text`; None when there is none that is sure."""
    return next((found.day for found in dates_in(text, language, written)), None)


@lru_cache(maxsize=256)  # every step of reading a text asks for the same lines
def date_spans(text: str) -> tuple[tuple[int, int], ...]:
    """Where dates stand, also those whose year or order of day and month nobody can tell."""
    if not has_digit(text):
        return ()
    spans = [match.span() for match in _ISO.finditer(text)]
    for match in _NUMERIC.finditer(text):
        first, separator, second = int(match[1]), match[2], int(match[3])
        written_out = len(match[1]) + len(match[3]) >= 3 and len(match[3]) == 2
        if 1 <= min(first, second) <= 12 and max(first, second) <= 31:
            if match[4] or (separator == "." and written_out):
                spans.append(match.span())
    spans += [match.span() for match in _DAY_MONTH.finditer(text)]
    spans += [match.span() for match in _MONTH_DAY.finditer(text)]
    return tuple(spans)


def dates_in(text: str, language: str = "", written: date | None = None) -> list[Found]:
    """Every date in `text` that is sure, in order."""
    if not has_digit(text):
        return []
    found: list[Found] = []
    for match in _ISO.finditer(text):
        _keep(found, match, _made(int(match[1]), int(match[2]), int(match[3])))
    for match in _NUMERIC.finditer(text):
        _keep(found, match, _numeric(match, language, written))
    for match in _DAY_MONTH.finditer(text):
        _keep(found, match, _named(match[1], match[2], match[3], written))
    for match in _MONTH_DAY.finditer(text):
        _keep(found, match, _named(match[2], match[1], match[3], written))
    return sorted(found, key=lambda one: one.start)


def _keep(found: list[Found], match: re.Match[str], day: date | None) -> None:
    overlaps = any(one.start < match.end() and match.start() < one.end for one in found)
    if day and not overlaps:
        found.append(Found(day=day, start=match.start(), end=match.end()))


def _made(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if 1990 <= year <= 2100 else None
    except ValueError:
        return None


def _numeric(match: re.Match[str], language: str, written: date | None) -> date | None:
    first, separator, second = int(match[1]), match[2], int(match[3])
    if separator == "-" and not match[4]:
        return None  # "10-12" is a range far more often
    if separator == "/" and not match[4]:
        return None  # "30/50" is a size
    year = _year(match[4])
    if separator == "/" and language in ("en", "other", ""):
        if first <= 12 and second <= 12 and first != second:
            return None  # month or day first: nobody can tell
        if second > 12:
            first, second = second, first
    if year is None:
        if len(match[1]) + len(match[3]) < 3 or len(match[3]) < 2:
            return None  # "2.5"
        return _nearest(second, first, written)
    return _made(year, second, first)


def _year(text: str | None) -> int | None:
    if not text:
        return None
    return int(text) if len(text) == 4 else 2000 + int(text)


def _named(day: str, month: str, year: str | None, written: date | None) -> date | None:
    stem = month.lower()
    number = next((_MONTH_STEMS[stem[:n]] for n in (4, 3) if stem[:n] in _MONTH_STEMS), 0)
    if not number:
        return None
    if year:
        return _made(int(year), number, int(day))
    return _nearest(number, int(day), written)


def _nearest(month: int, day: int, written: date | None) -> date | None:
    if written is None:
        return None
    for year in (written.year, written.year + 1, written.year - 1):
        made = _made(year, month, day)
        if made and written - timedelta(days=62) <= made <= written + timedelta(days=303):
            return made
    return None


# "с 10 до 14", "bis 10 Uhr", "from 9 to 5": opening hours, unless a unit follows.
_HOURS = Caseless(
    r"\b(?:с|from|von|between|zwischen)\s\d{1,2}(?:[:.]\d\d)?\s?(?:ч\.?|h|uhr|am|pm)?\s?"
    r"(?:до|to|bis|and|und|-)\s?\d{1,2}(?:[:.]\d\d)?(?=\s?(?:ч\b|час|h\b|uhr|am\b|pm\b|[.,;)]|$))"
)
# "open 7-4", "Monday to Friday, 9 to 5", "Mo-Fr 7-16": the same beside a day.
_DAY_HOURS = Caseless(
    r"\b(?:open|opening hours|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|mo|di|mi|do|fr|sa|so|mon"
    r"|tues?|weds?|thu(?:rs?)?|fri|sat|sun|пн|вт|ср|чт|пт|сб|вс|geöffnet|ежедневно)[.,:]?\s"
    r"(?P<hours>\d{1,2}(?:[:.]\d\d)?\s?(?:-|–|to|bis|до)\s?\d{1,2}(?:[:.]\d\d)?)"
    r"(?!\w)(?!\s?(?:шт|кг|stk|kg|pcs|box|x\s))"
)
# "Friday before 8, if you can": a day, and an hour that nothing is counted by.
DAY = (
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|tomorrow|today"
    r"|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|morgen|heute|понедельник|вторник|среду"
    r"|четверг"
    r"|пятницу|субботу|воскресенье|завтра|сегодня)(?: (?:morning|afternoon|evening|früh|vormittag"
    r"|утром))?,?"
)
HOUR_ENDS = (
    r"(?=\W*$|[,;!]|\s(?:if|please|pls|am|pm|uhr|o'?clock|at the latest|bitte|wenn|falls"
    r"|spätestens|утра"
    r"|вечера|если|пожалуйста)\b)"
)
_DAY_AND_HOUR = Caseless(
    rf"\b{DAY} (?:before|by|after|until|till|at|ab|bis|vor|nach|um|до|после|к|с)"
    rf" (?P<hours>1?\d|2[0-4]){HOUR_ENDS}"
)


@lru_cache(maxsize=256)  # every step of reading a text asks for the same lines
def hour_spans(line: str) -> tuple[tuple[int, int], ...]:
    """Where opening hours stand."""
    if not has_digit(line):
        return ()
    days = [
        match.span("hours")
        for pattern in (_DAY_HOURS, _DAY_AND_HOUR)
        for match in pattern.finditer(line)
    ]
    return (*(match.span() for match in _HOURS.finditer(line)), *days)
