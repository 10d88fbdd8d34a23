"""Messages inside a message: attached, or quoted as a forward.

In: the message parts of content.py, or the quoted text of quotes.py. Out: `Forwarded`s with the
author they claim, and the text to read when the message has none of its own. Nothing here is
authenticated: act on who forwarded, never on who is claimed. Standards: RFC 2046 5.2.1; header
blocks as in marks.py.

Limits: five attached messages are opened, none inside those; a quoted forward is the first one.
A forward is told from an answer without words by the subject and References alone.
"""

from itertools import islice

from postroom.config import ReadingSection
from postroom.envelope import Address
from postroom.message import Forwarded

from . import marks, words
from .addresses import read_addresses
from .bodies import best_body
from .budget import Budget
from .content import Content, sort_parts
from .dates import read_date
from .parts import Part
from .problems import Problems
from .quotes import Division, divide, plain_lines

_OPENED = 5
_HEADER_LINES = 14
_TRIVIAL_LINES = 3


def attached(
    content: Content, limits: ReadingSection, budget: Budget, problems: Problems
) -> list[tuple[Forwarded, Content]]:
    """The message/rfc822 parts, read, with what each holds."""
    found = []
    for part in content.messages[:_OPENED]:
        if part.children:
            root = part.children[0]
            inside = sort_parts(root, limits, budget, problems)
            body = best_body(inside, budget, problems)
            division = divide(body.lines)
            if division.unsure:
                problems.add("quotes-unsure")
            found.append((_read(root, division, body.text, problems), inside))
    return found


def _read(root: Part, division: Division, text: str, problems: Problems) -> Forwarded:
    authors = read_addresses(root.field(b"from"), 1, problems)
    return Forwarded(
        author=authors[0] if authors else None,
        subject=words.decode(root.field(b"subject"))[0],
        date=read_date(words.decode(root.field(b"date"))[0]),
        text=division.new or text,
        attached=True,
    )


def quoted(text: str, marked: bool, problems: Problems) -> Forwarded | None:
    """The forward that a quoted text begins with; None when it is no forward.

    `marked`: a line said that it is one. Then a header nobody can read does not matter.
    """
    lines = text.split("\n")
    start = 0
    while start < min(len(lines), 6) and not marks.header_kind(lines[start].lstrip("> ")):
        start += 1
    header, end = _header(lines, start)
    if "from" not in header or len(header) < 2:
        if not marked:
            return None
        if not header:
            end = _behind_separator(lines)
    body = _without_depth(lines[end:])
    division = divide(plain_lines(body))
    if division.unsure:
        problems.add("quotes-unsure")
    return Forwarded(
        author=_claimed(header["from"], problems) if "from" in header else None,
        subject=header.get("subject", ""),
        date=read_date(header.get("sent", "")),
        text=division.new or body.strip(),
    )


def _header(lines: list[str], start: int) -> tuple[dict[str, str], int]:
    """The fields of a quoted header block by kind, and the line behind it."""
    header: dict[str, str] = {}
    end = start
    for index in range(start, min(start + _HEADER_LINES, len(lines))):
        line = lines[index].lstrip("> ").replace("*", "")
        kind = marks.header_kind(line)
        if kind:
            header.setdefault(kind, line.partition(":")[2].strip())
            end = index + 1
        elif not line:
            if header and index > end:
                break
        elif index > end + 1:
            break
    return header, end


def _behind_separator(lines: list[str]) -> int:
    """The first line that is not part of the line that says "forwarded" (Notes wraps it)."""
    for index, line in enumerate(lines[:4]):
        if line.strip() and not marks.FORWARD.match(line) and not line.rstrip().endswith("--"):
            return index
    return 0


def _without_depth(lines: list[str]) -> str:
    """One quote mark less on every line, where all lines have one."""
    if all(line.startswith(">") or not line.strip() for line in lines):
        lines = [line.removeprefix(">").removeprefix(" ") for line in lines]
    return "\n".join(lines).strip("\n")


def _claimed(written: str, problems: Problems) -> Address | None:
    """Outlook writes "Name [mailto:a@b]", Notes "Name/Org@Org", people only a name."""
    text = written.replace("[mailto:", "<").replace("]", ">") if "[" in written else written
    if "<mailto:" in text:
        text = text.partition("<mailto:")[0]
    found = read_addresses(text.encode("utf-8", "replace"), 1, problems)
    if found:
        return found[0]
    name = words.clean(written)[:200]
    return Address(local="", domain="", name=name) if name else None


def follows(subject: str, references: tuple[str, ...]) -> bool:
    """True when a message answers or hands on another, which its program then quotes."""
    return bool(references or marks.ANSWERS.match(subject) or marks.FORWARDS.match(subject))


def is_answer(subject: str, references: tuple[str, ...]) -> bool:
    """True when a message answers another: what it quotes was said before, and is not handed on."""
    if marks.FORWARDS.match(subject):
        return False
    return bool(references) or marks.ANSWERS.match(subject) is not None


def says_nothing(own: str) -> bool:
    """True when the forwarding person added no words of their own, or only "see below"."""
    said = (stripped for line in own.split("\n") if (stripped := line.strip()))
    lines = list(islice(said, _TRIVIAL_LINES + 1))
    return len(lines) <= _TRIVIAL_LINES and all(map(marks.TRIVIAL.match, lines))
