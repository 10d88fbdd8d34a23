"""How much one message may make us read, however many parts it is spread over.

In: the limits. Out: a `Budget` that content.py, containers.py and bodies.py draw from, for the
message itself and for the messages inside it together. What is beyond it stays unread, and
"text-limit" or "containers-limit" says so.

Limits: `max_text` and `max_containers`; lines are capped too, because each costs more than its
octets.
"""

from dataclasses import dataclass

from postroom.config import ReadingSection

_OCTETS = 4  # that one character can take, in any charset
LINES = 50_000  # of text; more are one message in a million, and hostile


@dataclass(slots=True, kw_only=True)
class Budget:
    """What is left."""

    octets: int  # of text parts, decoded from their charset
    html: int  # characters of HTML source
    text: int  # characters of text
    containers: int  # winmail.dat and S/MIME
    lines: int = LINES

    @classmethod
    def of(cls, limits: ReadingSection) -> "Budget":
        """The budget of one message."""
        most = limits.max_text
        return cls(octets=_OCTETS * most, html=most, text=most, containers=limits.max_containers)
