"""Address lists as people's programs really write them.

In: a field's raw value. Out: every mailbox that can be found in it. Standards: RFC 5322 3.4 with
the obsolete syntax, RFC 2047 names, RFC 6532. This reader is tolerant and decides nothing: who
the author is, and whether From can be trusted at all, is author.py's strict business.

Limits: comments nest to any depth without recursion; groups are dissolved; routes are dropped;
no more addresses than the limit. Linear in the length of the value.
"""

import re

from postroom.envelope import Address

from . import words
from .problems import Problems

_PIECE = re.compile(
    r'"(?:[^"\\]|\\.)*"?'  # quoted string, perhaps unclosed
    r'|<(?:"(?:[^"\\]|\\.){0,300}+"|[^<>])*+>?'
    r"|[,;:()]|\\."
    r'|[^"<>,;:()\\]+'
    r"|."
)
_QUOTED_LOCAL = re.compile(r'"(?:[^"\\]|\\.){0,300}+"')
_LENGTH = 131_072  # characters of one field looked at
_AROUND = re.compile(r"[ \t]{0,50}([.@])[ \t]{0,50}")  # obsolete white space, RFC 5322 4.4
_ESCAPED = re.compile(r"\\(.)")


def read_addresses(value: bytes, limit: int, problems: Problems) -> tuple[Address, ...]:
    """The mailboxes of one field."""
    text, token = words.plain(value)
    problems.add(token)
    found: list[Address] = []
    mailbox = _Mailbox()
    depth = 0  # of comments
    if len(text) > _LENGTH:
        problems.add("addresses-limit")
    for match in _PIECE.finditer(text[:_LENGTH]):
        piece = match[0]
        if depth or piece == "(":
            depth = max(depth + (piece == "(") - (piece == ")"), 0)
            # Inside a comment a quote or bracket piece may hide its end.
            if len(piece) > 1 and piece[0] in '"<' and ")" in piece:
                depth = max(depth - piece.count(")"), 0)
            mailbox.comment.append(piece)
            continue
        match piece[0]:
            case "," | ";":
                if len(found) >= limit:
                    problems.add("addresses-limit")
                    return tuple(found)
                mailbox.end(found)
                mailbox = _Mailbox()
            case ":" if not mailbox.address:
                mailbox = _Mailbox()  # what stood before is a group's name
            case "<":
                mailbox.take_angle(piece, found)
            case _:
                mailbox.words.append(piece)
    if len(found) >= limit:
        problems.add("addresses-limit")
    else:
        mailbox.end(found)
    return tuple(found)


class _Mailbox:
    """What has been seen of one mailbox."""

    def __init__(self) -> None:
        self.before: list[str] = []  # words before the address in brackets
        self.words: list[str] = []
        self.comment: list[str] = []
        self.address = ""

    def take_angle(self, piece: str, found: list[Address]) -> None:
        if self.address:  # "A <a@b> B <c@d>": the comma is missing
            following, self.words = self.words, []
            self.end(found)
            self.words, self.comment = following, []
        self.before, self.words = self.words, []
        inside = piece.removeprefix("<").removesuffix(">").strip()
        local = _QUOTED_LOCAL.match(inside)
        at = local.end() if local else 0
        inside = inside[:at] + words.without_comments(inside[at:]).strip()
        self.address = inside.rpartition(":")[2] if inside.startswith("@") else inside

    def end(self, found: list[Address]) -> None:
        text = "".join([*self.before, *self.words]).strip()
        if self.address:
            address = make_address(self.address, _name(text) or _comment(self.comment))
            if address:
                found.append(address)
            return
        if "@" in text:
            bare = text if '"' in text else _unwrapped(text)
            name, at_end = _bare(bare)
            address = make_address(at_end, _name(name) or _comment(self.comment))
            if address:
                found.append(address)


def make_address(written: str, name: str = "") -> Address | None:
    """An address from local@domain as written; None without an @ or a part on either side."""
    local, at, domain = written.strip().rpartition("@")
    local, domain = local.strip(), "".join(domain.split()).lower().rstrip(".>,;")
    if not at or not local or not domain:
        return None
    if local.startswith('"') and local.endswith('"') and len(local) > 1:
        local = _ESCAPED.sub(r"\1", local[1:-1])
    return Address(local=words.clean(local), domain=words.clean(domain), name=name)


def _bare(text: str) -> tuple[str, str]:
    """A mailbox without brackets: words before the address are its name."""
    text = _AROUND.sub(r"\1", text)
    if text.startswith('"') or " " not in text:
        return "", text
    words_in_it = text.split()
    with_at = [word for word in words_in_it if "@" in word]
    if len(with_at) == 1 and len(with_at[0]) > 2 and with_at[0][0] != "@":
        rest = " ".join(word for word in words_in_it if word is not with_at[0])
        return rest, _unwrapped(with_at[0].strip('[]"'))
    return "", "".join(words_in_it)


def _unwrapped(address: str) -> str:
    """Without the single quotes around it; one alone may belong to the local part."""
    return address[1:-1] if len(address) > 2 and address[0] == address[-1] == "'" else address


def _name(text: str) -> str:
    if not text:
        return ""
    if '"' in text:
        text = _unquoted(text)
    if "=?" in text:
        text, _ = words.decode_words(text)
    text = words.clean(" ".join(text.split())).strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    return text


def _unquoted(text: str) -> str:
    pieces = []
    for match in _PIECE.finditer(text):
        piece = match[0]
        if piece[0] == '"':
            piece = _ESCAPED.sub(r"\1", piece[1:].removesuffix('"'))
        pieces.append(piece)
    return "".join(pieces)


def _comment(pieces: list[str]) -> str:
    text = "".join(pieces)
    return _name(text[1:-1] if text.endswith(")") else text[1:])
