"""One line of a body's text, with what its markup said about it.

Made by html.py from HTML and by quotes.py from plain text; read by quotes.py, which divides new
text from quoted text.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Line(NamedTuple):
    """A line without its line end; a tuple because a message has thousands of them."""

    text: str
    depth: int = 0  # quote marks in front: "> > " is 2
    cited: bool = False  # the sender's program marked it as quoted, by a container or a depth
    signed: bool = False  # the sender's program marked it as signature
    rule: bool = False  # a ruled line stands before it


def joined(lines: Sequence[Line]) -> str:
    """The lines as plain text, quote marks included, without empty lines at either end."""
    return "\n".join("> " * line.depth + line.text if line.depth else line.text for line in lines)
