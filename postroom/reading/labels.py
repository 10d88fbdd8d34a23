"""File names as labels: safe to show, never a path.

In: a part, or a name from inside one. Out: the last path component without control, direction or
null characters, at most 200 characters. Standards: RFC 2183 2.3 (a name is a suggestion), Unicode
UAX 9 (direction marks turn "exe.pdf" round).
"""

import re
import unicodedata

from . import words
from .parts import Part

_PATH = re.compile(r"[/\\\0]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")
_LONGEST = 200


def filename(part: Part) -> str:
    """The name a part carries; empty when it has none."""
    name = part.disposition.get("filename") or part.content_type.get("name")
    return label(name) if name else ""


def label(name: str) -> str:
    """A file name that is safe to show."""
    name = _PATH.split(name)[-1] or _PATH.sub(" ", name)
    name = _BIDI.sub("", words.clean(name))
    name = unicodedata.normalize("NFC", name).strip().strip('"')
    if len(name) <= _LONGEST:
        return name
    stem, dot, ending = name.rpartition(".")
    if dot and len(ending) < 12:
        return f"{stem[: _LONGEST - len(ending) - 1]}.{ending}"
    return name[:_LONGEST]
