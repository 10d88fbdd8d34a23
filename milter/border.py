"""Headers that only we may write, and which of them came from outside.

In: the guarded fields of a message as it arrived, and our own authserv-id. Out: what to delete,
as (name, index) in the order in which the deletions must be made. Guarded are
Authentication-Results and every X-Postroom-* field. An Authentication-Results of another host is
kept: it is never believed, but it is somebody's evidence.
Standards: RFC 8601 2.2 (syntax of authserv-id) and 5 (removing forged fields).
Limits: an authserv-id hidden in look-alike letters is taken for a stranger's, which it is.
"""

import binascii
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

AUTHENTICATION_RESULTS = "Authentication-Results"
_OURS = "x-postroom-"
# More guarded fields than this are no accident. Postfix walks the whole header once for each
# deletion, so removing thousands of them would cost it minutes: such a message is refused.
MOST_GUARDED = 100
_ENCODED_WORD = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(?<=\?=)\s+(?==\?)")
# Decoded as they say. Of Python's other codecs some are slow, and it is the sender who chooses.
_CHARSETS = re.compile(
    r"(?:utf-8|us-ascii|iso-8859-(?:[1-9]|1[013-6])|windows-125[0-8]|koi8-[ru])(?:\*.*)?",
    re.I | re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One field to delete."""

    name: str  # as written by the sender
    index: int  # 1-based, among the fields of that name in any case
    kind: str  # "authentication-results" or "x-postroom", for the metric


def is_guarded(name: str) -> bool:
    """Whether only we may write a field of that name."""
    lower = name.lower()
    return lower == "authentication-results" or lower.startswith(_OURS)


def forged(fields: Iterable[tuple[str, bytes]], authserv_id: str) -> tuple[Removal, ...]:
    """The fields to delete (RFC 8601 5), last ones first so that no deletion moves another's index.

    `fields` are (name, value) in the order of the message; those that are not guarded may be
    left out.
    """
    own_ids = _spellings(authserv_id)
    seen: Counter[str] = Counter()
    found: list[Removal] = []
    for name, value in fields:
        lower = name.lower()
        seen[lower] += 1
        if lower.startswith(_OURS):
            found.append(Removal(name=name, index=seen[lower], kind="x-postroom"))
        elif lower == "authentication-results" and _claims(value, own_ids):
            found.append(Removal(name=name, index=seen[lower], kind="authentication-results"))
    return tuple(reversed(found))


def claims_to_be(value: bytes, authserv_id: str) -> bool:
    """Whether an Authentication-Results value carries this authserv-id, however it is written."""
    return _claims(value, _spellings(authserv_id))


def _claims(value: bytes, own_ids: frozenset[str]) -> bool:
    text = re.sub(r"[\r\n]+", "", value.decode("utf-8", "replace"))
    if _text_claims(text, own_ids):
        return True
    start = text.partition(";")[0]
    words = list(_ENCODED_WORD.finditer(start))
    if not words:
        return False
    # As RFC 2047 reads it, should somebody decode it first.
    decoded = _ENCODED_WORD.sub(_decoded, _BETWEEN_WORDS.sub("", start))
    if not all(_CHARSETS.fullmatch(word[1]) for word in words):
        return _mentions(decoded, own_ids) or _mentions(text, own_ids)
    return _text_claims(decoded, own_ids)


def _decoded(word: re.Match[str]) -> str:
    """An encoded word's text, in linear time; a charset that is not listed is taken as ASCII."""
    octets = word[3].encode("utf-8", "replace")
    try:
        if word[2] in "qQ":
            octets = binascii.a2b_qp(octets, header=True)
        else:
            octets = binascii.a2b_base64(octets + b"==")  # more padding than needed is passed over
        charset = word[1].partition("*")[0] if _CHARSETS.fullmatch(word[1]) else "latin-1"
        return octets.decode(charset, "replace")
    except binascii.Error:
        return word[3]


def _mentions(text: str, own_ids: frozenset[str]) -> bool:
    plain = "".join(character for character in text.lower() if character.isprintable())
    return any(own in plain for own in own_ids)


def _text_claims(text: str, own_ids: frozenset[str]) -> bool:
    start, well_formed = _before_results(text)
    if not well_formed:
        # Nobody can say what its authserv-id is, so another reader may find ours in it.
        return _mentions(text, own_ids)
    words = start.split()
    if not words:
        return False
    version = 1 if len(words) > 1 and words[-1].isdecimal() else 0
    whole = "".join(words[: len(words) - version])  # RFC 5322 4.4 lets space stand around dots
    return any(_plain(candidate) in own_ids for candidate in (words[0], whole))


def _before_results(text: str) -> tuple[str, bool]:
    """What stands before the first ";", without comments and quotes; False when one never ends."""
    kept: list[str] = []
    depth, quoted, position = 0, False, 0
    while position < len(text):
        character = text[position]
        if character == "\\" and (depth or quoted) and position + 1 < len(text):
            position += 1  # RFC 5322 3.2.1: the next character stands for itself
            if not depth:
                kept.append(text[position])
        elif depth:
            depth += {"(": 1, ")": -1}.get(character, 0)
        elif character == '"':
            quoted = not quoted
        elif quoted:
            kept.append("" if character.isspace() else character)
        elif character == "(":
            depth = 1
            kept.append(" ")
        elif character == ";":
            break
        else:
            kept.append(character)
        position += 1
    return "".join(kept), not depth and not quoted


def _plain(candidate: str) -> str:
    """An authserv-id to compare: visible characters, lower case, cut at what cannot be in it."""
    visible = "".join(character for character in candidate if character.isprintable())
    return re.split(r"[/=<>,;?\[\]:]", visible, maxsplit=1)[0].lower().rstrip(".")


def _spellings(authserv_id: str) -> frozenset[str]:
    """Our id as written and, where the name is internationalized, in its other form (RFC 5890)."""
    own = authserv_id.lower().rstrip(".")
    spellings = {own}
    for turned in (_to_ascii(own), _to_unicode(own)):
        if turned:
            spellings.add(turned.lower())
    return frozenset(spellings)


def _to_ascii(name: str) -> str:
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _to_unicode(name: str) -> str:
    try:
        return name.encode("ascii").decode("idna")
    except UnicodeError:
        return ""
