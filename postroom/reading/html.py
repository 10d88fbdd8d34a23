"""HTML to lines of text that keep tables as tables and remember what was quoted.

In: HTML as text, hostile. Out: the `Line`s of page.py, or whatever another `Sink` makes of the tags
and texts. This file is the tokenizer: tags, comments, raw text and character references. Standard:
WHATWG HTML 13.2.5, as far as text needs it; no tree is built.

Own code instead of lexbor, because lexbor's tree takes quadratic time: 100,000 nested <div>
(500 kB) cost 25 s, 50,000 attributes of one tag 5 s. Here every input takes linear time.

Limits: a tag with a quote that never closes ends at its first ">"; style sheets are ignored.
"""

import html
import re
from typing import Protocol

from .budget import LINES
from .page import EFFECTIVE, INLINE, Page
from .text import Line

_SIMPLE_TAG = re.compile(
    r"""<(/?)([a-zA-Z][a-zA-Z0-9:]{0,30})((?:[\s/][^<>"']*(?:"[^"<>]*"[^<>"']*)*)?)>"""
)
_TAG_NAME = re.compile(r"/?[a-zA-Z][^\s/>]{0,30}")
_TAG_END = re.compile(r"""[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>""")
_LONGEST_TAG = 100_000  # characters; an inline picture may be an attribute
_ATTRIBUTES = 4_000  # characters of attributes looked at
_RAW = frozenset({"script", "style", "title", "textarea", "noframes", "xmp", "iframe", "noembed"})
_SHOWN_RAW = frozenset({"textarea", "xmp"})


def read_html(source: str, limit: int, lines: int = LINES) -> tuple[tuple[Line, ...], bool]:
    """The text of an HTML document, about so many characters and lines of it, and whether it was
    cut."""
    page = Page(limit, lines)
    read_tags(source, page)
    return page.finish(), page.left <= 0


class Sink(Protocol):
    """What takes the tags and texts of a document, in order."""

    left: int  # characters it still takes; 0 or less ends the reading

    @property
    def is_hidden(self) -> bool:
        """True inside an element that is not shown."""
        ...

    def start_tag(self, tag: str, attributes: str) -> None:
        """A start tag of EFFECTIVE or INLINE, its attributes as written."""

    def end_tag(self, tag: str) -> None:
        """An end tag."""

    def text(self, run: str) -> None:
        """Text between tags, its character references resolved."""


def read_tags(source: str, sink: Sink) -> None:
    """Hands a document's tags and texts to the sink, until it wants no more; in linear time."""
    _Tokenizer(source, sink).run()


class _Tokenizer:
    """One pass over a document."""

    def __init__(self, source: str, sink: Sink) -> None:
        self._source = source
        self._sink = sink
        self._quotes_broken = False

    def run(self) -> None:
        source, sink = self._source, self._sink
        position = 0
        length = len(source)
        while position < length and sink.left > 0:
            opening = source.find("<", position)
            if opening != position:
                self._text(source[position : opening if opening >= 0 else length])
                if opening < 0:
                    return
            tag = _SIMPLE_TAG.match(source, opening)
            if tag is None:
                position = self._markup(opening)
                continue
            slash, name, attributes = tag.groups()
            name = name.lower()
            position = tag.end()
            if slash:
                if name in EFFECTIVE or name in INLINE:
                    sink.end_tag(name)
            elif name in _RAW:
                position = self._raw_text(name, position)
            else:
                self._start(name, attributes)

    def _start(self, name: str, attributes: str) -> None:
        if name in EFFECTIVE:
            self._sink.start_tag(name, attributes[:_ATTRIBUTES])
        elif name in INLINE and (attributes or self._sink.is_hidden):
            self._sink.start_tag(name, attributes[:_ATTRIBUTES])

    def _text(self, run: str) -> None:
        self._sink.text(html.unescape(run) if "&" in run else run)

    def _markup(self, at: int) -> int:
        """A tag that is not simple, or a comment; returns where the next token starts."""
        source = self._source
        following = source[at + 1 : at + 2]
        if following == "!" and source.startswith("--", at + 2):
            if source.startswith(">", at + 4):
                return at + 5
            end = source.find("-->", at + 4)
            return end + 3 if end >= 0 else len(source)
        name = _TAG_NAME.match(source, at + 1)
        if name is None:
            if following in ("!", "?", "/") and following:
                end = source.find(">", at)
                return end + 1 if end >= 0 else len(source)
            self._text("<")
            return at + 1
        end = self._tag_end(name.end())
        if end < 0:
            return len(source)
        tag = name[0].lower()
        if tag.startswith("/"):
            self._sink.end_tag(tag[1:])
        elif tag in _RAW and source[end - 1] != "/":
            return self._raw_text(tag, end + 1)
        else:
            self._start(tag, source[name.end() : min(end, name.end() + _ATTRIBUTES)])
        return end + 1

    def _tag_end(self, start: int) -> int:
        """Where the tag's ">" is, not counting those in quotes."""
        source = self._source
        plain = source.find(">", start)
        if plain < 0 or self._quotes_broken:
            return plain
        inside = source[start:plain]
        if inside.count('"') % 2 == 0 and inside.count("'") % 2 == 0:
            return plain
        found = _TAG_END.match(source, start, start + _LONGEST_TAG)
        if found:
            return found.end() - 1
        self._quotes_broken = True  # looked for once only, or hostile input costs quadratic time
        return plain

    def _raw_text(self, tag: str, start: int) -> int:
        """The text of an element that holds no tags; returns where the next token starts."""
        source = self._source
        closing = re.compile(f"</{tag}", re.IGNORECASE).search(source, start)
        if closing is None:
            return len(source)
        if tag in _SHOWN_RAW:
            self._text(source[start : closing.start()])
        end = source.find(">", closing.end())
        return end + 1 if end >= 0 else len(source)
