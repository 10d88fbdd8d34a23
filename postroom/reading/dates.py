"""Date fields and message ids.

In: a field's value as text. Out: an aware datetime or None; message ids with their brackets.
Standards: RFC 5322 3.3 and 4.3 (obsolete zones, two-digit years), 3.6.4; also ISO 8601 and
asctime order, which machines write.

Limits: years 1900 to 2199; a date without a zone is taken as UTC.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

from .words import without_comments

_MONTHS = {
    name: number
    for number, name in enumerate(
        "jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1
    )
}
_ZONES = {
    "edt": -240,
    "est": -300,
    "cdt": -300,
    "cst": -360,
    "mdt": -360,
    "mst": -420,
    "pdt": -420,
    "pst": -480,
    "bst": 60,
    "cet": 60,
    "cest": 120,
    "met": 60,
    "mest": 120,
    "eet": 120,
    "eest": 180,
    "msk": 180,
    "msd": 240,
    "jst": 540,
}
_RFC = re.compile(
    r"(?:[a-z]{2,9}\.?,?\s{0,9})?"
    r"(?P<day>\d{1,2})[\s-]{1,9}(?P<month>[a-z]{3})[a-z]{0,6}\.?[\s-]{1,9}(?P<year>\d{2,4})"
    r"[,\s]{0,9}(?:(?P<hour>\d{1,2})\s{0,3}[:.]\s{0,3}(?P<minute>\d{1,2})"
    r"(?:\s{0,3}[:.]\s{0,3}(?P<second>\d{1,2})(?:[.,]\d{1,9})?)?)?"
    r"\s{0,9}(?P<zone>[+-]\s{0,2}\d{1,4}(?::\d\d)?|[a-z]{1,5}[+-]?\d{0,4})?"
)
_ASCTIME = re.compile(
    r"[a-z]{3,9},?\s{1,9}(?P<month>[a-z]{3})[a-z]{0,6}\s{1,9}(?P<day>\d{1,2}),?\s{1,9}"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?\s{1,9}"
    r"(?P<zone>[a-z]{1,5}|[+-]\d{4})?\s{0,9}(?P<year>\d{4})"
)
_ISO = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?:[t\s]{1,3}(?P<hour>\d{2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:\.\d{1,9})?)?)?\s{0,3}(?P<zone>z|[+-]\d{2}:?\d{2})?"
)
_ID = re.compile(r"<([^<>]{1,998})>")
_BARE_ID = re.compile(r"[^\s<>,;]{1,990}@[^\s<>,;]{1,255}")


def read_date(text: str) -> datetime | None:
    """The date of a Date field; None when nobody can tell."""
    line = " ".join(without_comments(text[:400]).split()).lower()
    for form in (_RFC, _ASCTIME, _ISO):
        if found := form.match(line):
            return _date(found.groupdict())
    if found := _RFC.search(line):
        return _date(found.groupdict())
    return None


def read_ids(text: str, limit: int = 200) -> tuple[str, ...]:
    """The message ids of a Message-ID, References or In-Reply-To field."""
    if "<" in text:
        ids = (f"<{''.join(found[1].split())}>" for found in _ID.finditer(text[:200_000]))
    else:
        ids = (f"<{found[0]}>" for found in _BARE_ID.finditer(text[:20_000]))
    unique: dict[str, None] = {}
    for one in ids:
        unique[one] = None
        if len(unique) >= limit:
            break
    return tuple(unique)


def _date(found: dict[str, str | None]) -> datetime | None:
    month = found["month"] or ""
    number = int(month) if month.isdecimal() else _MONTHS.get(month, 0)
    year = int(found["year"] or 0)
    if len(found["year"] or "") == 2:  # RFC 5322 4.3
        year += 2000 if year < 50 else 1900
    elif len(found["year"] or "") == 3:
        year += 1900
    if not 1900 <= year < 2200:
        return None
    second = min(int(found["second"] or 0), 59)  # a leap second has no datetime
    try:
        naive = datetime(
            year,
            number,
            int(found["day"] or 0),
            int(found["hour"] or 0),
            int(found["minute"] or 0),
            second,
        )
        return naive.replace(tzinfo=_zone(found["zone"] or ""))
    except ValueError:
        return None


def _zone(written: str) -> timezone:
    zone = "".join(written.split())
    if zone[:3] in ("gmt", "utc") and len(zone) > 3:
        zone = zone[3:]
    if zone[:1] in ("+", "-"):
        digits = zone[1:].replace(":", "")
        digits = digits.zfill(2) + "00" if len(digits) <= 2 else digits.zfill(4)
        minutes = int(digits[:2]) * 60 + int(digits[2:4])
        if minutes >= 24 * 60:
            return UTC
        minutes = -minutes if zone[0] == "-" else minutes
    else:
        minutes = _ZONES.get(zone, _ZONES.get(zone[:3], 0) if zone[3:4].isdigit() else 0)
    return timezone(timedelta(minutes=minutes)) if minutes else UTC
