"""New text, quoted text and signature of a message.

In: lines of plain text or of html.py. Out: `Division`. A quotation is what a mail program marked
(">", blockquote, a reply container) or what follows an attribution ("On ... wrote:"), a separator
("-----Original Message-----") or a header block ("From: ... Sent: ..."); the words are in
marks.py. Text below or between quoted lines is new text (inline and bottom answers). People write
"On Monday Anna wrote:" too: without marks below it, only a program's attribution in an answer, with
an address or with day and time, makes the rest old. Standard: none; RFC 3676 4.3 for the "-- "
line.

Limits: a quotation without any mark is taken for new text. `unsure` is set where the marks
contradict each other, or where it is open whose words follow an attribution.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import marks
from .budget import LINES
from .text import Line

_QUOTE = re.compile(r"^ {0,3}((?:[>|] {0,2}){1,40})(?<! \| )")  # "»" is a bullet
_ATTRIBUTION_LINES = 4
_BLOCK_LINES = 12  # that a header block may span
_SIGNATURE_LINES = 14
_TRIES = 3_000  # lines that may open a quotation; no honest message has more
_HARD = 6  # of these, what a line near a verb or an address counts for: it costs most to look at
_FRAME = 3  # marks that GroupWise puts before, and behind, what introduces a quotation
_DASHES = frozenset("-_=~+—–*")
_ITEM = re.compile(
    r"\t|\b\d{1,9}(?:[.,]\d{1,3})?\s{0,2}(?:шт|pcs?|pieces?|stk|stück|st|units?|kg|кг|уп|м|unidades|"
    r"uds?|pièces|x|boxes|компл|л|т)\b",
    re.IGNORECASE,
)
_MAY_BE_ITEM = re.compile(r"[\t\d]")  # what each of them has; most lines have neither
_MONEY = re.compile(r"[$€£₽]\s?\d|\d\s?(?:[$€£₽]|руб|eur\b|usd\b|chf\b|rub\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """What is whose in a message's text."""

    new: str = ""
    quoted: str = ""  # without quote marks of the first level
    signature: str = ""
    forwarded: bool = False  # the quoted text is a forward
    unsure: bool = False  # marks contradict; new may hold old text, or old text new
    unannounced: bool = False  # marked lines with nothing above to say whose they are


def plain_lines(text: str, most: int = LINES) -> tuple[Line, ...]:
    """Plain text as lines, at most so many, their quote marks counted and removed."""
    lines = []
    for raw in text.split("\n", most)[:most]:
        depth = 0
        if raw[:4].lstrip(" ")[:1] in (">", "|") and (found := _QUOTE.match(raw)):
            depth = found[1].count(">")
            if depth:
                raw = raw[found.end() :]
        lines.append(Line(text=raw.rstrip(), depth=depth, cited=depth > 0))
    return tuple(lines)


def divide(lines: Sequence[Line], *, answers: bool = True) -> Division:
    """Divides the lines of one message, which answers or forwards another or does not."""
    quoted, forwarded, unsure = _mark_quoted(lines, answers)
    unannounced, listed = _marks_without_source(lines, quoted)
    signed = _mark_signature(lines, quoted)
    new = _text(
        line.text
        for line, old, sign in zip(lines, quoted, signed, strict=True)
        if not old and not sign
    )
    old_text = _text(
        "> " * max(line.depth - 1, 0) + line.text
        for line, old in zip(lines, quoted, strict=True)
        if old
    )
    signature = _text(line.text for line, sign in zip(lines, signed, strict=True) if sign)
    if not new and signature and not any(quoted):
        new, signature = signature, ""  # a message is not its own signature
    return Division(
        new=new,
        quoted=old_text,
        signature=signature,
        forwarded=forwarded,
        unsure=unsure or listed,
        unannounced=unannounced,
    )


def _text(lines: Iterable[str]) -> str:
    text = "\n".join(lines)
    if "\n\n\n" in text:
        text = re.sub(r"\n{3,}", "\n\n", text)
    return text.strip("\n ")


def _mark_quoted(lines: Sequence[Line], answers: bool) -> tuple[list[bool], bool, bool]:
    """For each line whether it is quoted; whether by a forward; whether that is unsure."""
    quoted = [line.cited or line.depth > 0 for line in lines]
    last_marked = max((at for at, old in enumerate(quoted) if old), default=-1)
    forwarded = unsure = own_above = False
    count = len(lines)
    index = 0
    tries = _TRIES
    while index < count:
        text = lines[index].text
        kind, end = "", index
        if text and len(text) <= marks.LONGEST and tries and _may_open(lines, quoted, index):
            tries = max(tries - (_HARD if _is_hard(lines, index) else 1), 0)
            kind, end = _opening(lines, quoted, index)
        if not kind:
            if quoted[index] and text and not forwarded and _is_forward(text):
                forwarded = True
            own_above = own_above or bool(text and not quoted[index])
            index += 1
            continue
        forwarded = forwarded or kind == "forward"
        following = _next_text(lines, end)
        if kind == "attribution" and following is not None:
            _mark_initials(lines, quoted, following)
        marked_below = following is not None and quoted[following]
        if kind == "attribution" and not marked_below:
            said = " ".join(line.text.strip() for line in lines[index:end])
            is_own = marks.FIRST_PERSON.search(said) is not None
            if is_own or not (answers and _names_a_message(said)):
                # A sentence, it seems; but what follows may be another's words.
                unsure = unsure or not is_own
                own_above = True
                index = end
                continue
        for at in range(index, end):
            quoted[at] = True
        if marked_below:
            index = end
            continue
        is_part = end <= last_marked and following is not None
        if kind == "attribution" and (is_part or not own_above):
            # Marked quotations further down, but text at once: an inline answer to a one-line
            # attribution, or a program that marks only part. Or "X writes to the list:" above a
            # whole message: quoting all of it would leave nothing. The text is kept as new.
            unsure = True
            index = end
            continue
        stop = _forward_end(lines, end) if kind == "forward" else count
        for at in range(end, stop):
            quoted[at] = True
        index = stop
    return quoted, forwarded, unsure


def _names_a_message(said: str) -> bool:
    """Whether an attribution says enough of whom and when to be a program's."""
    if marks.TOLD.search(said):
        return False
    return bool(marks.ADDRESS.search(said) or (marks.DAY.search(said) and marks.TIME.search(said)))


def _mark_initials(lines: Sequence[Line], quoted: list[bool], following: int) -> None:
    """Marks the quoted lines of The Bat, where the one below an attribution is such."""
    if not quoted[following] and marks.INITIALS.match(lines[following].text[:20]):
        for at in range(following, len(lines)):
            quoted[at] = quoted[at] or marks.INITIALS.match(lines[at].text[:20]) is not None


def _marks_without_source(lines: Sequence[Line], quoted: Sequence[bool]) -> tuple[bool, bool]:
    """Whether the first marked lines have no introduction, and whether any follow "Please send:".

    People set ">" before the lines of a list, or indent it: then it is no quotation.
    """
    unannounced = listed = False
    first = True  # nothing quoted stands above
    above = ""  # the author's own line above, empty behind anything quoted
    for line, old in zip(lines, quoted, strict=True):
        if not line.text:
            continue
        headed = above.endswith(":")
        if line.depth and (first or headed) and not (_introduces(above) or _introduces(line.text)):
            unannounced = unannounced or first
            listed = listed or headed
        first = first and not old
        above = "" if old else line.text
    return unannounced, listed


def _introduces(text: str) -> bool:
    text = text[: marks.LONGEST]
    return bool(
        _says_who(text)
        or marks.SEPARATOR.match(text)
        or marks.FORWARD.match(text)
        or marks.header_kind(text)
    )


def _is_forward(text: str) -> bool:
    return bool(marks.FORWARD.match(text)) and len(text) < 160


def _next_text(lines: Sequence[Line], start: int) -> int | None:
    for index in range(start, min(start + 6, len(lines))):
        if lines[index].text:
            return index
    return None


def _forward_end(lines: Sequence[Line], start: int) -> int:
    for index in range(start, len(lines)):
        text = lines[index].text
        if text[:1] in "-_=*~—– " and len(text) < 160 and marks.FORWARD_END.match(text):
            return index + 1
    return len(lines)


def _may_open(lines: Sequence[Line], quoted: list[bool], index: int) -> bool:
    """The cheap part of the question: most lines have no colon and no rule."""
    text = lines[index].text
    if quoted[index]:
        return lines[index].depth == _FRAME and not (index and quoted[index - 1])
    return (
        ":" in text
        or text.startswith(">" * _FRAME)
        or text.lstrip(" >*")[:1] in _DASHES
        or marks.ATTRIBUTION_START.match(text) is not None
    )


def _is_hard(lines: Sequence[Line], index: int) -> bool:
    near = lines[index : index + _ATTRIBUTION_LINES]
    text = " ".join(line.text[: marks.LONGEST] for line in near).lower()
    return "@" in text or _has_verb_stem(text)


def _opening(lines: Sequence[Line], quoted: list[bool], index: int) -> tuple[str, int]:
    """What introduces a quotation at this line, and the line after it; "" when nothing does."""
    text = lines[index].text
    if lines[index].depth == _FRAME or text.startswith(">" * _FRAME):
        return _framed(lines, index)
    if text.lstrip(" >*")[:1] in _DASHES:
        if _is_forward(text):
            return "forward", index + 1
        if marks.SEPARATOR.match(text):
            return "separator", index + 1
        if marks.SIGNATURE_RULE.match(text):
            following = _next_text(lines, index + 1)
            if following is not None and _header_block(lines, following):
                return "separator", following
        return "", index
    if text.endswith(":") and _is_forward(text):
        return "forward", index + 1
    if 0 < text.find(":") < 30 and (end := _header_block(lines, index)):
        return "separator", end
    if end := _attribution(lines, quoted, index):
        return "attribution", end
    return "", index


def _framed(lines: Sequence[Line], start: int) -> tuple[str, int]:
    """GroupWise's ">>> Name 30.11.2026 12:00 >>>" or ">>> On ... wrote:", which may be wrapped.

    Its marks look like those of a quotation in a quotation, but stand alone.
    """
    joined = ""
    for index in range(start, min(start + _ATTRIBUTION_LINES, len(lines))):
        text = lines[index].text.strip()
        if not text or (lines[index].depth and index > start):
            break
        joined = f"{joined} {text}" if joined else text
        if len(joined) > marks.LONGEST:
            break
        if joined.endswith(">" * _FRAME) and (
            marks.DATE.search(joined) or marks.ADDRESS.search(joined)
        ):
            return "separator", index + 1
        if joined.endswith(":") and _is_attribution(joined):
            return "attribution", index + 1
    return "", start


def _header_block(lines: Sequence[Line], start: int) -> int:
    """The line after a block of From, Sent, To, Subject; 0 when none starts here."""
    first = marks.header_kind(lines[start].text)
    if not first or first == "extra":
        return 0
    kinds = {first}
    end = start + 1
    gap = 0
    for index in range(start + 1, min(start + _BLOCK_LINES, len(lines))):
        text = lines[index].text
        kind = marks.header_kind(text)
        if kind:
            kinds.add(kind)
            end = index + 1
            gap = 0
            continue
        # A long To list goes on over the next lines; an empty line ends the block, unless the
        # program wrote one between any two of its headers.
        gap += 1
        if gap > (1 if not text else 3):
            break
    known = kinds & {"from", "sent", "to", "subject"}
    ruled = lines[start].rule
    # Without a date or an address it may be a way bill ("From: works 1, To: works 2"), unless it
    # stands apart from the text.
    apart = ruled or start == 0 or not lines[start - 1].text
    dated = "sent" in known or apart or marks.ADDRESS.search(lines[start].text)
    if "from" in known and len(known) >= 3 and dated:
        return end
    if len(known) >= 4 or (ruled and len(known) >= 2):
        return end
    if {"from", "sent"} <= known or {"from", "subject"} <= known:
        return end if first == "from" and marks.ADDRESS.search(lines[start].text) else 0
    return 0


def _attribution(lines: Sequence[Line], quoted: list[bool], start: int) -> int:
    """The line after an attribution of one to four lines; 0 when none starts here."""
    joined = ""
    complete = 0  # behind a line that could be the last, but has no colon
    for index in range(start, min(start + _ATTRIBUTION_LINES, len(lines))):
        text = lines[index].text
        if not text or (quoted[index] and index > start):
            break
        joined = f"{joined} {text.strip()}" if joined else text.strip()
        if len(joined) > marks.LONGEST:
            break
        if index > start and not _may_continue(lines[start].text):
            break
        if _is_attribution(joined):
            if joined.rstrip(" *").endswith(":"):
                return index + 1
            complete = complete or index + 1
        following = _next_text(lines, index + 1)
        if (
            joined.endswith(":")
            and following is not None
            and quoted[following]
            and (marks.DATE.search(joined) or marks.ADDRESS.search(joined))
        ):
            return index + 1
    return complete


def _may_continue(first: str) -> bool:
    """Only a line that already looks like an attribution is joined with the next."""
    return bool(
        marks.ATTRIBUTION_START.match(first)
        or marks.DATE_FIRST.match(first)
        or marks.ADDRESS.search(first)
    )


def _is_attribution(joined: str) -> bool:
    starts = marks.ATTRIBUTION_START.match(joined) is not None
    if _says_who(joined):
        if joined.rstrip(" *").endswith(":"):
            return bool(starts or marks.DATE.search(joined) or marks.ADDRESS.search(joined))
        return starts and not joined.endswith(".") and marks.DATE.search(joined) is not None
    if "@" in joined and (starts or marks.DATE_FIRST.match(joined)):
        return bool(marks.ENDS_WITH_ADDRESS.search(joined) and marks.DATE.search(joined))
    return False


def _says_who(text: str) -> bool:
    """Whether "X wrote:" ends the text."""
    start = max(len(text) - marks.VERB_REACH, 0)
    if not _has_verb_stem(text[start:].lower()):
        return False
    return marks.ATTRIBUTION_VERB.search(text, start) is not None


def _has_verb_stem(lowered: str) -> bool:
    return any(stem in lowered for stem in marks.VERB_STEMS)


def _mark_signature(lines: Sequence[Line], quoted: list[bool]) -> list[bool]:
    """For each line whether it belongs to the author's signature."""
    signed = [line.signed and not old for line, old in zip(lines, quoted, strict=True)]
    end = len(lines)
    while end > 0:
        if quoted[end - 1]:
            end -= 1
            continue
        start = end
        while start > 0 and not quoted[start - 1]:
            start -= 1
            if marks.POSTSCRIPT.match(lines[start].text):
                break  # the author's words again, whatever signature stands above
        if (mark := _signature_start(lines, signed, start, end)) is not None:
            for at in range(mark, end):
                signed[at] = True
        end = start
    return signed


def _signature_start(lines: Sequence[Line], signed: list[bool], start: int, end: int) -> int | None:
    """The first line of the signature that ends a stretch of new text, if there is one."""
    block: list[str] = []  # the stretch's last lines, last first
    found: int | None = None
    for index in range(end - 1, start - 1, -1):
        text = lines[index].text
        if not text or signed[index]:
            continue
        if len(block) > _SIGNATURE_LINES * 2 or _is_item(text[:200]):
            break
        if len(text) <= 160 and marks.MAY_SIGN.match(text) and _is_signature(text, block):
            found = index
        block.append(text)
    return found


def _is_item(text: str) -> bool:
    return _MAY_BE_ITEM.search(text) is not None and _ITEM.search(text) is not None


def _is_signature(first: str, block: list[str]) -> bool:
    """Whether a line opens a signature that consists of it and the lines in `block`."""
    longest = max(map(len, block), default=0)
    if marks.SIGNATURE_MARK.match(first):
        return longest <= 2_000
    if marks.MOBILE.match(first):
        return len(block) <= 4
    if len(block) > _SIGNATURE_LINES:
        return False
    if marks.SIGNATURE_RULE.match(first):
        return any(map(marks.FOOTER.search, block)) and not any(map(_MONEY.search, block))
    said = [text for text in block if not marks.FOOTER.search(text)]
    return max(map(len, said), default=0) <= 160 and sum(map(len, said)) <= 800
