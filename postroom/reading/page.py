"""The page an HTML document makes, as lines of text: blocks, lists, tables, quotations.

In: the tags and texts of html.py, in order. Out: `Line`s. A row of a table of short cells becomes
one line with a tab between cells; any other table is layout and its cells follow each other. Reply
containers of Gmail, Yahoo, Outlook, Apple Mail, Thunderbird, Proton, GMX and Mail.ru make their
lines cited, signature containers signed. What people type below or between the old text, but inside
such a container, is theirs where the program tells it apart: Gmail by a blockquote, Outlook on the
web by its names of classes.

Limits: no style sheets; only `style="display:none"` hides. Tables nested deeper than the limit are
read as blocks; rowspan is ignored. Longer than other files because a page has one state that all
tags share.
"""

import re
from dataclasses import dataclass, field

from .text import Line

_TABLE_DEPTH = 20
_CELL_LENGTH = 400  # characters; a table with longer cells is layout, not data
_COLUMNS = 200  # of one row; more cells continue it
_SPANNED_ROWS = 5_000  # of one table in which colspan counts
_ATTRIBUTE = re.compile(
    r"""[\s"'](class|id|name|style|type|colspan|data-smartmail)\s{0,9}=\s{0,9}"""
    r"""("[^"]*"|'[^']*'|[^\s>"']+)""",
    re.IGNORECASE,
)
_BLOCKS = frozenset(
    "div p h1 h2 h3 h4 h5 h6 ul ol li dl dt dd blockquote pre table tr form fieldset center "
    "address section article header footer nav main figure figcaption body html hr aside "
    "legend details summary caption thead tbody tfoot option".split()
)
_PARAGRAPHS = frozenset("p h1 h2 h3 h4 h5 h6 ul ol dl table blockquote pre hr".split())
# Tags that change the page, and tags that matter only when their style hides them.
EFFECTIVE = _BLOCKS | {"br", "td", "th"}
INLINE = frozenset({"span", "a", "font", "b", "i", "u", "em", "strong", "small"})
_CONTAINERS = frozenset({"div", "section", "blockquote", "hr", "span"})
_HIDDEN = re.compile(r"display\s{0,3}:\s{0,3}none|mso-hide\s{0,3}:\s{0,3}all", re.IGNORECASE)
_INDENT = re.compile(r"border\s{0,3}:\s{0,3}(?:none|0)|border-left\s{0,3}:\s{0,3}none", re.I)
_CITED_CLASS = re.compile(
    r"(?:^|\s)(?:gmail_quote(?:_container)?|gmail_extra_quote|yahoo_quoted|protonmail_quote|"
    r"zmail_extra|moz-cite-prefix|moz-forward-container|gmail_attr|tutanota_quote|wps_quote|"
    r"ms-outlook-mobile-reference-message|reply_quote|quoted-text|"
    r"mailru-blockquote)(?:\s|$)",
    re.IGNORECASE,
)
# Containers of an attribution and the blockquote it introduces.
_REPLY_CLASS = re.compile(
    r"(?:^|\s)(?:gmail_quote(?:_container)?|protonmail_quote)(?:\s|$)", re.IGNORECASE
)
_ATTRIBUTION_LINES = 3  # above that blockquote; a forward has the headers there, and no blockquote
_CITED_ID = re.compile(
    r"^(?:x_)*(?:olk_src_body_section|mail-editor-reference-message-container|replysplit|"
    r"yahoo_quoted_\d+|isForwardContent|isReplyContent|forwardcontent|"
    r"oriMsgHtmlSeperator|quoted_header)$",
    re.IGNORECASE,
)
_REST_CITED_ID = re.compile(r"^(?:x_)*(?:divrplyfwdmsg|stopspelling|appendonsend)$", re.I)
# Outlook on the web writes "x_" before each class and id of what it quotes, not of what is typed.
_PREFIXED = re.compile(r"(?:^|\s)x_")
_TYPED = re.compile(r"(?:^|\s)elementToProof(?:\s|$)")
_SIGNED = re.compile(
    r"(?:^|\s)(?:gmail_signature|moz-signature|ms-outlook-mobile-signature|"
    r"applemailsignature|protonmail_signature_block|yahoo-signature|signature)(?:\s|$)",
    re.IGNORECASE,
)
# The line Outlook draws above From/Sent, and Windows Mail's.
_RULED = re.compile(
    r"border-top\s{0,3}:\s{0,3}(?:solid\s{1,3}#[0-9a-f]{6}|#[0-9a-f]{6}\s{1,3}\d{0,2}(?:pt|px)?"
    r"\s{0,3}solid|(?:[\d.]+(?:pt|px))\s{1,3}solid)|border-top-style\s{0,3}:\s{0,3}solid",
    re.IGNORECASE,
)


_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u200e\u200f"))
_INVISIBLE[0xA0] = " "
_INVISIBLE[0] = None


@dataclass(slots=True)
class _Table:
    """A table being read: finished rows of cells, each cell its lines."""

    rows: list[list[list[Line]]] = field(default_factory=list)
    nested: bool = False  # holds another table, so it is layout
    in_cell: bool = False  # the current sink is a cell's


@dataclass(slots=True)
class _Reply:
    """An open container whose lines are cited."""

    is_reply: bool  # holds an attribution and its blockquote
    start: int  # lines written before it
    quote: int = 0  # open blockquotes, with that one; 0: not seen yet, -1: it is a forward
    is_answered: bool = False  # its blockquote is closed: no longer cited


class Page:
    """Tags and texts in, lines out."""

    def __init__(self, characters: int, lines: int) -> None:
        self.left = characters  # 0 or less: no more is read
        self._lines_left = lines
        self._sinks: list[list[Line]] = [[]]  # document, then the open cell of each table
        self._tables: list[_Table] = []
        self._pieces: list[str] = []  # of the line being written
        self._space = False  # white space waits for a word to follow
        self._gap = False  # an empty line is due before the next one
        self._rule = False
        self._pre = 0
        self._quotes: list[bool] = []  # open blockquotes: whether each is a quotation
        self._depth = 0  # quotations among them
        self._containers: list[str] = []  # open <div>s: "", "cited", "reply", "signed", "typed"
        self._cited = self._signed = self._typed = 0
        self._replies: list[_Reply] = []  # open containers that are cited, outermost first
        self._rest_cited = self._prefixed = False
        self._written = 0  # lines that are not empty
        self._hidden: tuple[str, int] = ("", 0)  # tag that hides, how often it is open
        self._lists: list[int] = []  # open lists: -1 for bullets, else the last number
        self._skipped_tables = 0

    @property
    def is_hidden(self) -> bool:
        """True inside an element that is not shown."""
        return bool(self._hidden[0])

    def finish(self) -> tuple[Line, ...]:
        """Closes what is open and returns the lines."""
        self._end_line()
        while self._tables:
            self._end_table()
        lines = self._sinks[0]
        while lines and not lines[-1].text:
            lines.pop()
        return tuple(lines)

    # -- elements ----------------------------------------------------------------------------

    def start_tag(self, tag: str, attributes: str) -> None:
        """A start tag of EFFECTIVE or INLINE."""
        if self._hidden[0]:
            if tag == self._hidden[0] == "p" or (self._hidden[0] == "p" and tag in _PARAGRAPHS):
                self._hidden = ("", 0)  # a paragraph ends where the next begins
            else:
                if tag == self._hidden[0]:
                    self._hidden = (tag, self._hidden[1] + 1)
                return
        found = _attributes(tag, attributes) if attributes else {}
        if tag not in ("br", "hr") and "style" in found and _HIDDEN.search(found["style"]):
            self._hidden = (tag, 1)
            return
        if tag == "br":
            self._end_line(force=True)
            return
        if tag in _BLOCKS:
            self._end_line()
            self._gap = self._gap or tag in _PARAGRAPHS
        match tag:
            case "div" | "section" | "span":
                self._open_container(tag, found)
            case "blockquote":
                quotation = not (
                    found.get("type") != "cite"
                    and "gmail_quote" not in found.get("class", "")
                    and _INDENT.search(found.get("style", ""))
                )
                self._quotes.append(quotation)
                self._depth += quotation
                self._open_reply(found.get("class", ""))
            case "table":
                self._start_table()
            case "tr":
                self._start_row()
            case "td" | "th":
                self._start_cell(found.get("colspan", ""))
            case "hr":
                self._rule = True
                self._mark_rest(found.get("id", ""))
            case "ul" | "ol":
                self._lists.append(-1 if tag == "ul" else 0)
            case "li":
                self._start_item()
            case "pre":
                self._pre += 1
            case "p" if _RULED.search(found.get("style", "")):
                self._rule = True
            case _:
                pass

    def end_tag(self, tag: str) -> None:
        """An end tag."""
        if self._hidden[0]:
            if tag == self._hidden[0]:
                left = self._hidden[1] - 1
                self._hidden = (tag, left) if left else ("", 0)
            return
        if tag in _BLOCKS:
            self._end_line()
            self._gap = self._gap or tag in _PARAGRAPHS
        match tag:
            case "div" | "section" if self._containers:
                self._close_container()
            case "blockquote" if self._quotes:
                self._close_reply()
                self._depth -= self._quotes.pop()
            case "table":
                if self._skipped_tables:
                    self._skipped_tables -= 1
                elif self._tables:
                    self._end_table()
            case "td" | "th" if not self._skipped_tables:
                self._end_line()
            case "ul" | "ol" if self._lists:
                self._lists.pop()
            case "pre" if self._pre:
                self._pre -= 1
            case _:
                pass

    def _open_container(self, tag: str, found: dict[str, str]) -> None:
        kind = self._kind(tag, found)
        if tag == "span":
            return
        if _RULED.search(found.get("style", "")):
            self._rule = True
        if kind in ("cited", "reply"):
            self._replies.append(_Reply(is_reply=kind == "reply", start=self._written))
            self._cited += 1
        self._containers.append(kind)
        self._signed += kind == "signed"
        self._typed += kind == "typed"

    def _kind(self, tag: str, found: dict[str, str]) -> str:
        """What a container says of its lines."""
        label, key = found.get("class", ""), found.get("id", "")
        if not (label or key or "data-smartmail" in found or "name" in found):
            return ""
        kind = ""
        if _REPLY_CLASS.search(label):
            kind = "reply"
        elif _CITED_CLASS.search(label) or _CITED_ID.match(key) or found.get("name") == "quote":
            kind = "cited"
        elif (
            _SIGNED.search(label) or _SIGNED.search(key) or found.get("data-smartmail")
        ) and tag != "span":
            kind = "signed"
        elif self._prefixed and _TYPED.search(label):
            kind = "typed"
        self._mark_rest(key)
        if self._rest_cited and not self._prefixed:
            self._prefixed = bool(_PREFIXED.search(label) or _PREFIXED.match(key))
        return kind

    def _close_container(self) -> None:
        kind = self._containers.pop()
        if kind in ("cited", "reply"):
            self._cited -= not self._replies.pop().is_answered
        self._signed -= kind == "signed"
        self._typed -= kind == "typed"

    def _open_reply(self, label: str) -> None:
        """Remembers the blockquote that an innermost reply container is there for."""
        if self._replies and _REPLY_CLASS.search(label):
            reply = self._replies[-1]
            if reply.is_reply and not reply.quote:
                near = self._written - reply.start <= _ATTRIBUTION_LINES
                reply.quote = len(self._quotes) if near else -1

    def _close_reply(self) -> None:
        """Behind that blockquote, what is in the container and in no other is the author's."""
        if self._replies and self._replies[-1].quote == len(self._quotes):
            reply = self._replies[-1]
            self._cited -= not reply.is_answered
            reply.is_answered = True

    def _mark_rest(self, key: str) -> None:
        if key and _REST_CITED_ID.match(key):
            self._rest_cited = True

    def _start_item(self) -> None:
        if not self._lists or self._lists[-1] < 0:
            mark = "- "
        else:
            self._lists[-1] += 1
            mark = f"{self._lists[-1]}. "
        self._pieces.append(mark)

    # -- tables ------------------------------------------------------------------------------

    def _start_table(self) -> None:
        if len(self._tables) >= _TABLE_DEPTH:
            self._skipped_tables += 1
            return
        if self._tables:
            self._tables[-1].nested = True
        self._tables.append(_Table())
        self._sinks.append([])

    def _start_row(self) -> None:
        self._end_line()
        if self._tables and not self._skipped_tables:
            self._end_cell()
            self._tables[-1].rows.append([])

    def _start_cell(self, span: str) -> None:
        self._end_line()
        if not self._tables or self._skipped_tables:
            return
        self._end_cell()
        table = self._tables[-1]
        if not table.rows or len(table.rows[-1]) >= _COLUMNS:
            table.rows.append([])
        self._sinks[-1] = []
        table.rows[-1].append(self._sinks[-1])
        table.in_cell = True
        if span.isdecimal() and len(span) < 3 and len(table.rows) < _SPANNED_ROWS:
            table.rows[-1].extend([] for _ in range(min(int(span), 20) - 1))

    def _end_cell(self) -> None:
        """Text between cells belongs to none; it becomes a row of its own above the open one."""
        table, sink = self._tables[-1], self._sinks[-1]
        if sink and not table.in_cell:
            table.rows.insert(max(len(table.rows) - 1, 0), [sink])
        self._sinks[-1] = []
        table.in_cell = False
        self._gap = False

    def _end_table(self) -> None:
        self._end_line()
        self._end_cell()
        table = self._tables.pop()
        self._sinks.pop()
        target = self._sinks[-1]
        rows = [row for row in table.rows if any(row)]
        if not table.nested and max((len(row) for row in rows), default=0) > 1 and _is_data(rows):
            if target and target[-1].text:
                target.append(self._line(""))
            for row in rows:
                first = next(cell[0] for cell in row if cell)
                text = "\t".join(" ".join(line.text for line in cell if line.text) for cell in row)
                target.append(
                    Line(
                        text=text.rstrip("\t"),
                        depth=first.depth,
                        cited=first.cited,
                        signed=first.signed,
                        rule=first.rule,
                    )
                )
        else:
            for row in rows:
                for cell in row:
                    target.extend(cell)
        self._gap = True

    # -- lines -------------------------------------------------------------------------------

    def text(self, run: str) -> None:
        """Text between tags, its character references resolved."""
        if self._hidden[0]:
            return
        if self._pre:
            self._preformatted(run)
            return
        if not run.isascii():
            run = run.translate(_INVISIBLE)
        words = run.split()
        if not words:
            self._space = self._space or bool(run)
            return
        if (
            (self._space or run[0].isspace())
            and self._pieces
            and not self._pieces[-1].endswith(" ")
        ):
            self._pieces.append(" ")
        piece = " ".join(words)
        self.left -= len(piece)
        self._pieces.append(piece)
        self._space = run[-1].isspace()

    def _preformatted(self, run: str) -> None:
        first, *others = run.translate(_INVISIBLE).split("\n")
        self.left -= len(run)
        self._pieces.append(first.rstrip("\r"))
        for one in others:
            self._end_line(force=True)
            self._pieces.append(one.rstrip("\r"))

    def _end_line(self, force: bool = False) -> None:
        text = "".join(self._pieces)
        text = text.rstrip() if self._pre else text.strip()
        self._pieces.clear()
        self._space = False
        sink = self._sinks[-1]
        if not text:
            if force and sink and (sink[-1].text or self._pre):
                sink.append(self._line(""))
            return
        if self._gap and sink and sink[-1].text:
            sink.append(self._line(""))
        self._gap = False
        sink.append(self._line(text))
        self._rule = False
        self._written += 1
        self._lines_left -= 1
        if self._lines_left <= 0:
            self.left = 0

    def _line(self, text: str) -> Line:
        return Line(
            text=text,
            depth=self._depth,
            cited=(self._rest_cited and not self._typed) or self._cited > 0 or self._depth > 0,
            signed=self._signed > 0,
            rule=self._rule and bool(text),
        )


def _attributes(tag: str, written: str) -> dict[str, str]:
    """The attributes that matter, for tags and values that can matter."""
    if tag not in _CONTAINERS:
        small = written.lower()
        if "none" not in small and "colspan" not in small and "border-top" not in small:
            if "mso-hide" not in small:
                return {}
    return {name.lower(): value.strip("\"'") for name, value in _ATTRIBUTE.findall(written)}


def _is_data(rows: list[list[list[Line]]]) -> bool:
    """A table of short cells; layout tables hold whole paragraphs."""
    for row in rows:
        for cell in row:
            if len(cell) > 12 or sum(len(line.text) for line in cell) > _CELL_LENGTH:
                return False
    return True
