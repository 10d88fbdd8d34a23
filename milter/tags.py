"""tag=value lists, the syntax that DKIM, ARC and DMARC share.

In: the list as text. Out: a dict of its tags in order, or None when the list is malformed, which
makes the whole signature or record unusable. Standard: RFC 6376 3.2.
"""

import base64
import binascii
import re

# FWS at both ends of a value is not part of it; inside it stays for the tag's own rule.
_SPEC = re.compile(r"[ \t\r\n]*([A-Za-z][A-Za-z0-9_]*)[ \t\r\n]*=([^;]*)", re.ASCII)
_FWS = " \t\r\n"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_DELETE_FWS = str.maketrans("", "", _FWS)


def read_tags(text: str) -> dict[str, str] | None:
    """The tags of a list; None for a duplicate tag, a bare word or an empty tag (RFC 6376 3.2)."""
    if _CONTROL.search(text):
        return None
    specs = text.split(";")
    if not specs[-1].strip(_FWS):
        specs.pop()
    tags: dict[str, str] = {}
    for spec in specs:
        found = _SPEC.fullmatch(spec)
        if found is None or found[1] in tags:
            return None
        tags[found[1]] = found[2].strip(_FWS)
    return tags


def without_space(value: str) -> str:
    """The value with all folding white space removed."""
    return value.translate(_DELETE_FWS)


def read_base64(value: str) -> bytes | None:
    """The octets of a base64 value that may be folded; None when it is none or empty."""
    try:
        return base64.b64decode(without_space(value), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def read_number(value: str, digits: int) -> int | None:
    """An unsigned decimal of at most so many digits; None for anything else."""
    if value.isascii() and value.isdigit() and len(value) <= digits:
        return int(value)
    return None
