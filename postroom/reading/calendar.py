"""Calendar objects: what an invitation says, and that it is one.

In: the octets of a text/calendar part. Out: `Calendar`, or ValueError for what is no iCalendar.
Standards: RFC 5545 (content lines, folding, text escapes), RFC 5546 (METHOD). A calendar with a
METHOD is a scheduling message: it is answered by calendars, never by us.

Limits: times are kept as written; recurrence is not worked out; no more than 1 MB and 10,000
lines.
"""

import re
from dataclasses import dataclass

from . import charsets

_OCTETS = 1_048_576
_LINES = 10_000
_FOLD = re.compile(r"\n[ \t]")
_LINE = re.compile(
    r"([A-Za-z0-9-]{1,60})((?:;[^:\"]{0,500}(?:\"[^\"\n]{0,500}\"[^:\"]{0,500}){0,20})?):(.*)\Z",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\([\\;,nN])")
_COMPONENTS = frozenset({"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The first event, task, journal entry or free/busy time of a calendar."""

    method: str = ""  # REQUEST, REPLY, CANCEL ...; empty: published data, not a message
    component: str = ""  # VEVENT, VTODO, VJOURNAL, VFREEBUSY; empty when it holds none of them
    uid: str = ""
    sequence: int = 0
    summary: str = ""
    description: str = ""
    location: str = ""
    organizer: str = ""  # address without "mailto:"
    attendees: tuple[str, ...] = ()
    start: str = ""  # as written: 20240312T160000Z
    end: str = ""


def read_calendar(octets: bytes, charset: str = "") -> Calendar:
    """The calendar in these octets; raises ValueError when there is none."""
    text = charsets.decode(octets[:_OCTETS], charset or "utf-8")[0]
    text = _FOLD.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = [line for line in text.split("\n", _LINES)[:_LINES] if line.strip()]
    if not lines or lines[0].strip().upper() != "BEGIN:VCALENDAR":
        raise ValueError("does not begin with BEGIN:VCALENDAR")
    return _read(lines)


def _read(lines: list[str]) -> Calendar:
    open_components: list[str] = []
    method = component = ""
    first: dict[str, str] = {}
    attendees: list[str] = []
    for line in lines:
        found = _LINE.match(line[:10_000])
        if found is None:
            continue  # other programs' garbage between good lines
        name, value = found[1].upper(), found[3].strip()
        if name == "BEGIN":
            open_components.append(value.upper())
            if not component and value.upper() in _COMPONENTS:
                component = value.upper()
        elif name == "END":
            if not open_components or open_components[-1] != value.upper():
                raise ValueError(f"END:{value[:30]} closes nothing")
            if open_components.pop() == component:
                break
        elif open_components == ["VCALENDAR"] and name == "METHOD":
            method = value.upper()[:20]
        elif open_components and open_components[-1] == component:
            if name == "ATTENDEE" and len(attendees) < 1_000:
                attendees.append(_address(value))
            else:
                first.setdefault(name, value)
    if "VCALENDAR" in open_components[1:]:
        raise ValueError("calendar inside a calendar")
    return Calendar(
        method=method,
        component=component,
        uid=first.get("UID", ""),
        sequence=_number(first.get("SEQUENCE", "")),
        summary=_unescaped(first.get("SUMMARY", "")),
        description=_unescaped(first.get("DESCRIPTION", "")),
        location=_unescaped(first.get("LOCATION", "")),
        organizer=_address(first.get("ORGANIZER", "")),
        attendees=tuple(attendees),
        start=first.get("DTSTART", ""),
        end=first.get("DTEND", first.get("DUE", "")),
    )


def _address(value: str) -> str:
    return value[7:] if value[:7].lower() == "mailto:" else value


def _number(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def _unescaped(value: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)
