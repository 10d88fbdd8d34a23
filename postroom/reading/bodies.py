"""The best text of a message, out of its plain and its HTML form.

In: the segments of content.py. Out: `Body`: lines for quotes.py and the text of the whole message.
The plain form is taken where it says as much as the HTML; it does not when it is a stub ("your
program cannot show HTML") or when it lost the rows of a table, which is how order lists arrive.
Standard: RFC 2046 5.1.4 leaves the choice to us.

Limits: text is cut at the limit; "text-limit" says so.
"""

import re
from dataclasses import dataclass

from postroom.config import ReadingSection

from .content import Content, Segment
from .html import read_html
from .problems import Problems
from .quotes import LINES, plain_lines
from .text import Line, joined

_STUB = 60  # characters; a plain text below it may only say that there is HTML
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The message's text, chosen."""

    lines: tuple[Line, ...]
    text: str
    html: str  # every HTML part, joined


def best_body(content: Content, limits: ReadingSection, problems: Problems) -> Body:
    """The best text of the message."""
    lines: list[Line] = []
    left = limits.max_text
    for segment in content.segments:
        if left <= 0:
            problems.add("text-limit")
            break
        chosen = _best_lines(segment, left, problems)
        left -= sum(len(line.text) + 1 for line in chosen)
        if lines and chosen:
            lines.append(Line(text=""))
        lines.extend(chosen)
    text = joined(lines).strip("\n")
    return Body(
        lines=tuple(lines), text=text[: limits.max_text], html=content.html[: limits.max_text]
    )


def _best_lines(segment: Segment, limit: int, problems: Problems) -> tuple[Line, ...]:
    plain = "\n".join(segment.plain)
    html = "\n".join(segment.html)
    if html and (not plain.strip() or _may_say_more(plain, html)):
        if len(html) > limit:
            problems.add("text-limit")
        from_html = read_html(html[:limit], limit)
        if not plain.strip() or _says_more(plain, from_html):
            return from_html
    if len(plain) > limit or plain.count("\n") > LINES:
        problems.add("text-limit")
    return plain_lines(plain[:limit])


def _may_say_more(plain: str, html: str) -> bool:
    """Worth reading the HTML although there is a plain text: a stub, or tables in the HTML."""
    if len(plain) < _STUB * 5 and len(html) > 4 * len(plain):
        return True
    return html.count("<td") + html.count("<TD") + html.count("<th") >= 6


def _says_more(plain: str, from_html: tuple[Line, ...]) -> bool:
    """The plain text is a stub, or lost the rows of a table."""
    length = sum(len(line.text) for line in from_html)
    if len(plain.strip()) < _STUB and length > 4 * len(plain):
        return True
    rows = [
        [cell for cell in line.text.split("\t") if cell]
        for line in from_html
        if line.text.count("\t") >= 2
    ][:20]
    rows = [row for row in rows if len(row) >= 3 and any(map(_DIGIT.search, row))]
    if not rows:
        return False
    lines = "\n".join("".join(line.split()) for line in plain[:200_000].splitlines())
    kept = sum("".join("".join(row).split())[:300] in lines for row in rows)
    return kept * 2 < len(rows)
