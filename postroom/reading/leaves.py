"""Every decoded leaf of a message, for the operator who wants to see what is inside.

In: raw octets. Out: `Leaf`s in message order: the parts of encapsulated messages, the contents of
winmail.dat and uuencoded files too. Nothing is judged here.

Limits: those of the structure (mime.py); text keeps its own line ends.
"""

import hashlib
from dataclasses import dataclass, field

from postroom.config import ReadingSection

from .budget import Budget
from .containers import opened
from .content import part_text
from .labels import filename, label
from .mime import parse_message
from .problems import Problems
from .transfer import uuencoded_files

_DEFAULTS = ReadingSection()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One decoded leaf."""

    type: str  # media type, lower case
    filename: str  # a label; empty when none was given
    size: int  # octets after decoding
    sha256: str  # hex, of the decoded octets
    text: str = field(default="", repr=False)  # for text/*, decoded; else empty
    data: bytes = field(default=b"", repr=False)


def leaves(raw: bytes, limits: ReadingSection = _DEFAULTS) -> tuple[Leaf, ...]:
    """The leaves of a message; never raises."""
    problems = Problems()
    found: list[Leaf] = []
    budget = Budget.of(limits)
    waiting = [parse_message(raw, limits, problems)]
    while waiting:
        part = waiting.pop()
        if part.main_type == "multipart" or part.children:
            waiting.extend(reversed(part.children))
            continue
        octets = part.decoded(problems)
        name = filename(part)
        text = part_text(part, problems) if part.main_type == "text" else ""
        found.append(_leaf(part.type, name, octets, text))
        waiting.extend(reversed(opened(part, name, limits, budget, problems)))
        if part.type == "text/plain" and (b"\nbegin " in octets or octets.startswith(b"begin ")):
            for file_name, content, _, _ in uuencoded_files(octets):
                named = label(file_name.decode("utf-8", "replace"))
                found.append(_leaf("application/octet-stream", named, content, ""))
    return tuple(found)


def _leaf(kind: str, name: str, octets: bytes, text: str) -> Leaf:
    return Leaf(
        type=kind,
        filename=name,
        size=len(octets),
        sha256=hashlib.sha256(octets).hexdigest(),
        text=text,
        data=octets,
    )
