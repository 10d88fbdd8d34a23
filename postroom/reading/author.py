"""The author: the one mailbox of the From field, or why there is none.

In: the raw values of all From fields. Out: an `Author`. A strict parser, because who the author
is decides what Postroom does: whatever two parsers could read differently (several fields or
mailboxes, groups, comments or encoded words inside an address, nested comments, bare CR) is a
problem and never an address. One pass, no recursion. Standards: RFC 5322 3.4 and 3.6.2, RFC 6532.

Limits: obsolete syntax (RFC 5322 4.4: routes, space around "@" or dots) counts as malformed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from postroom.envelope import Address

from .fields import Field
from .names import ascii_name

# Every loop below is possessive: no input makes the parser go back over what it has read.
_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-"
_DOT_ATOM = rf"[{_ATEXT}]++(?:\.[{_ATEXT}]++)*+"
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_ADDRESS = rf"(?P<local>{_DOT_ATOM}|{_QUOTED})@(?P<domain>{_DOT_ATOM})"
_TOKEN = re.compile(
    rf"(?P<space>[ \t]++)|{_ADDRESS}|(?P<word>{_QUOTED}|[{_ATEXT}.]++)"
    rf"|(?P<comment>\((?:[^()\\]|\\.)*+\))|(?P<special>[<,:])"
)
_ANGLE = re.compile(rf"<[ \t]*+{_ADDRESS}[ \t]*+>")
_LONGEST_LOCAL = 256  # RFC 5321 4.5.3.1.1 allows 64 octets
_MOST_TOKENS = 2_000  # words, spaces and comments about one mailbox
_LONGEST_NAME = 1_000  # characters of a display name that are kept
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_CONFUSING = frozenset('@<>,:;"')  # in a comment: some parser may take them for syntax
_NOT_A_NAME = bytes([*range(33), *range(127, 256)])  # octets no field name has


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """The author, or the problem."""

    address: Address | None = None
    problem: str = ""  # "", "missing", "several", "group" or "malformed"


def find_author(fields: Sequence[Field]) -> Author:
    """The author of a message, from its header fields (RFC 5322 3.6.2).

    A field whose name is "From" but for white space, controls or octets above ASCII is one that
    some reader takes for From: beside it no From is certain.
    """
    values = [field.value for field in fields if field.key.strip(_NOT_A_NAME) == b"from"]
    exact = sum(field.key == b"from" for field in fields)
    if len(values) == 1 and exact == 0:
        return Author(problem="malformed")
    return read_author(values)


def read_author(from_values: Sequence[bytes]) -> Author:
    """The author that the raw values of all From fields name (RFC 5322 3.4); never raises."""
    if not from_values:
        return Author(problem="missing")
    if len(from_values) > 1:
        return Author(problem="several")
    value = _FOLD.sub(b"", from_values[0])
    if _CONTROL.search(value):
        return Author(problem="malformed")
    return _read(value.decode("utf-8", "surrogateescape"))


def _read(text: str) -> Author:
    phrase: list[str] = []
    bare: Address | None = None  # an address without angle brackets
    angle: Address | None = None
    position = tokens = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        tokens += 1
        if token is None or tokens > _MOST_TOKENS:
            return Author(problem="malformed")
        position = token.end()
        match token.lastgroup:
            case "space":
                pass
            case "comment" if not _CONFUSING & set(token["comment"]):
                pass
            case "word" if bare is None and angle is None:
                phrase.append(_unquoted(token["word"]))
            case "domain" if bare is None and angle is None and not phrase:
                bare = _address(token["local"], token["domain"], "")
                if bare is None:
                    return Author(problem="malformed")
            case "special":
                match token["special"]:
                    case "," if bare or angle:
                        return Author(problem="several")
                    case ":" if bare is None and angle is None:
                        return Author(problem="group")
                    case "<" if angle is None:
                        found = _ANGLE.match(text, token.start())
                        if found is None:
                            return Author(problem="malformed")
                        angle = _address(found["local"], found["domain"], " ".join(phrase))
                        position = found.end()
                        # "a@b <a@b>" is wrong but clear; with two addresses it is neither.
                        if angle is None or (bare and bare.text != angle.text):
                            return Author(problem="malformed")
                    case _:
                        return Author(problem="malformed")
            case _:
                return Author(problem="malformed")
    address = angle or bare
    return Author(address=address) if address else Author(problem="malformed")


def _address(local: str, domain: str, name: str) -> Address | None:
    plain = _unquoted(local)
    if not 0 < len(plain) <= _LONGEST_LOCAL or not _is_text(plain) or not ascii_name(domain):
        return None
    if "=?" in plain:  # RFC 2047 5: no place for an encoded word, yet some readers decode it
        return None
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return Address(local=plain, domain=domain.lower(), name=shown[:_LONGEST_NAME])


def _unquoted(word: str) -> str:
    if not word.startswith('"'):
        return word
    return re.sub(r"\\(.)", r"\1", word[1:-1])


def _is_text(text: str) -> bool:
    """False when octets that are no UTF-8 are in it."""
    return not any("\udc80" <= character <= "\udcff" for character in text)
