"""The best text of a message, out of its plain and its HTML form.

In: the segments of content.py. Out: `Body`: lines for quotes.py and the text of the whole message.
The plain form is taken where it says as much as the HTML; it does not when it is a stub ("your
program cannot show HTML") or when it lost the rows of a table, which is how order lists arrive.
Standard: RFC 2046 5.1.4 leaves the choice to us.

Limits: text is cut where the budget ends (budget.py).
"""

import re
from dataclasses import dataclass
from html import unescape

from .budget import Budget
from .content import Content, Segment
from .html import read_html
from .problems import Problems
from .quotes import plain_lines
from .text import Line, joined

_STUB = 60  # characters; a plain text below it may only say that there is HTML
_ROWS = 20  # of the HTML's tables that are looked for in the plain text
_ROWS_SEEN = 500  # without any that could be lost
_ROW_LENGTH = 20_000  # characters of source
_ROW_COMPARED = 300  # characters of text
_TAG = re.compile(r"<[^<>]*>")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The message's text, chosen."""

    lines: tuple[Line, ...]
    text: str
    html: str  # every HTML part, joined


def best_body(content: Content, budget: Budget, problems: Problems) -> Body:
    """The best text of the message."""
    lines: list[Line] = []
    most = budget.text
    html = content.html[: budget.html]
    for segment in content.segments:
        if budget.text <= 0 or budget.lines <= 0:
            problems.add("text-limit")
            break
        chosen = _best_lines(segment, budget, problems)
        budget.text -= sum(len(line.text) + 1 for line in chosen)
        budget.lines -= len(chosen)
        if lines and chosen:
            lines.append(Line(text=""))
        lines.extend(chosen)
    text = joined(lines).strip("\n")
    return Body(lines=tuple(lines), text=text[: max(most, 0)], html=html)


def _best_lines(segment: Segment, budget: Budget, problems: Problems) -> tuple[Line, ...]:
    plain = "\n".join(segment.plain)
    html = "\n".join(segment.html)
    if html and (not plain.strip() or _may_say_more(plain, html)):
        from_html = _lines_of_html(html, budget, problems)
        if not plain.strip() or _says_more(plain, from_html):
            return from_html
    if len(plain) > budget.text or plain.count("\n") > budget.lines:
        problems.add("text-limit")
    return plain_lines(plain[: budget.text], budget.lines)


def _lines_of_html(html: str, budget: Budget, problems: Problems) -> tuple[Line, ...]:
    if len(html) > budget.html:
        problems.add("text-limit")
        html = html[: max(budget.html, 0)]
    budget.html -= len(html)
    lines, cut = read_html(html, budget.text, budget.lines)
    problems.add("text-limit" if cut else "")
    return lines


def _may_say_more(plain: str, html: str) -> bool:
    """Worth reading the HTML although there is a plain text: a stub, or tables in the HTML."""
    if len(plain) < _STUB * 5 and len(html) > 4 * len(plain):
        return True
    cells = html.count("<td") + html.count("<TD") + html.count("<th")
    return cells >= 6 and not _keeps_rows(plain, html)


def _keeps_rows(plain: str, html: str) -> bool:
    """True when no row of the HTML's tables is lost in the plain text: a look at the source that
    saves reading all of it. False where the source is not plain enough to tell."""
    if "<TR" in html or "<TD" in html:
        return False
    lines = _squeezed(plain)
    position = seen = compared = 0
    while seen < _ROWS_SEEN and compared < _ROWS and (start := html.find("<tr", position)) >= 0:
        position = html.find("</tr", start, start + _ROW_LENGTH)
        row = html[start : max(position, start)]
        if not row or "<table" in row:
            return False
        seen += 1
        if row.count("<td") + row.count("<th") >= 3:
            text = "".join(unescape(_TAG.sub("", row)).split())
            if _DIGIT.search(text):
                compared += 1
                if text[:_ROW_COMPARED] not in lines:
                    return False
    return 0 < seen < _ROWS_SEEN


def _squeezed(plain: str) -> str:
    """The text without white space within its lines."""
    return "\n".join("".join(line.split()) for line in plain[:200_000].splitlines())


def _says_more(plain: str, from_html: tuple[Line, ...]) -> bool:
    """The plain text is a stub, or lost the rows of a table."""
    length = sum(len(line.text) for line in from_html)
    if len(plain.strip()) < _STUB and length > 4 * len(plain):
        return True
    rows = [
        [cell for cell in line.text.split("\t") if cell]
        for line in from_html
        if line.text.count("\t") >= 2
    ][:_ROWS]
    rows = [row for row in rows if len(row) >= 3 and any(map(_DIGIT.search, row))]
    if not rows:
        return False
    lines = _squeezed(plain)
    kept = sum("".join("".join(row).split())[:_ROW_COMPARED] in lines for row in rows)
    return kept * 2 < len(rows)
