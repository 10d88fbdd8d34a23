"""Content-Transfer-Encoding: decoding that never fails and never stops half-way.

In: octets as they stand in the message and the declared encoding, however misspelt. Out: the
decoded octets. Standards: RFC 2045 section 6; uuencode (POSIX) as x-uuencode and inside text.

Limits: broken base64 loses at most the last incomplete group of each run; yEnc and BinHex are
left as they stand. The constants below cap how many runs, lines and files are looked at.
"""

import binascii
import re
from collections.abc import Iterator

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_ALPHABET))
_NOT_BASE64_BUT_PAD = bytes(set(_NOT_BASE64) - {ord("=")})
_RUNS = 100_000  # of base64 in one part that end with padding; more are read as one
_QP_LINES = 1_000_000  # of quoted-printable, beyond which trailing white space stays
_UU_FILES = 500  # in one text
_BASE64_AND_SPACE = _ALPHABET + b"= \t\r\n"
_UU_BEGIN = re.compile(rb"^begin[ \t]+([0-7]{3,4})[ \t]+([^\r\n]{1,255})\r?$", re.MULTILINE)
_UU_END = re.compile(rb"^end[ \t]*\r?$", re.MULTILINE)


def encoding(declared: bytes) -> str:
    """The canonical name: base64, quoted-printable, uuencode or identity.

    Senders write `base64 `, `base64;`, `"base64"` and `BASE64 (comment)`.
    """
    word = re.split(rb"[;(\s]", declared.strip(b" \t\r\n\"';"), maxsplit=1)[0]
    match word.strip(b"\"'").lower():
        case b"base64" | b"base-64" | b"b":
            return "base64"
        case b"quoted-printable" | b"quotedprintable" | b"qp" | b"quoted":
            return "quoted-printable"
        case b"x-uuencode" | b"uuencode" | b"x-uue" | b"uue" | b"x-uu":
            return "uuencode"
        case _:
            return "identity"


def decode(octets: bytes, name: str) -> tuple[bytes, str]:
    """The octets decoded by an encoding of `encoding`, and "encoding-broken" or nothing."""
    match name:
        case "base64":
            if _is_no_base64(octets):
                return octets, "encoding-broken"
            return base64_decode(octets), ""
        case "quoted-printable":
            return quoted_printable_decode(octets), ""
        case "uuencode":
            for _, content, _, _ in uuencoded_files(octets):
                return content, ""
            return octets, "encoding-broken" if octets.strip() else ""
        case _:
            return octets, ""


def _is_no_base64(octets: bytes) -> bool:
    """Plain text under a wrong label: many characters that base64 has not."""
    probe = octets[:4_096]
    foreign = len(probe.translate(None, _BASE64_AND_SPACE))
    return foreign * 20 > len(probe)


def base64_decode(octets: bytes) -> bytes:
    """Base64 with whatever lies between the groups; padding in the middle starts a new run.

    Text behind the padding (a footer that a list added) is not base64 and is left out.
    """
    pad = octets.find(b"=")
    if pad < 0 or not octets[pad:].translate(None, _NOT_BASE64):
        try:
            return binascii.a2b_base64(octets)
        except binascii.Error:
            return _run(octets.translate(None, _NOT_BASE64))
    if octets[pad:].translate(None, _BASE64_AND_SPACE):
        return _run(octets[:pad].translate(None, _NOT_BASE64))
    kept = octets.translate(None, _NOT_BASE64_BUT_PAD)
    *runs, rest = kept.split(b"=", _RUNS)
    return b"".join([_run(run) for run in runs if run]) + _run(rest.replace(b"=", b""))


def _run(letters: bytes) -> bytes:
    spare = len(letters) % 4
    if spare == 1:  # six bits make no octet
        letters = letters[:-1]
    elif spare:
        letters += b"=" * (4 - spare)
    return binascii.a2b_base64(letters)


def quoted_printable_decode(octets: bytes) -> bytes:
    """RFC 2045 6.7; white space that transport added at line ends is not part of the text."""
    newlines = octets.count(b"\n")
    # Looking for white space takes longer than removing it where lines are few and huge.
    if 0 < newlines <= _QP_LINES and (newlines * 200 < len(octets) or _has_trailing_space(octets)):
        octets = b"\n".join(
            line[:-1].rstrip(b" \t") + b"\r" if line.endswith(b"\r") else line.rstrip(b" \t")
            for line in octets.split(b"\n")
        )
    return binascii.a2b_qp(octets)


def _has_trailing_space(octets: bytes) -> bool:
    return b" \n" in octets or b"\t\n" in octets or b" \r\n" in octets or b"\t\r\n" in octets


def uuencoded_files(octets: bytes) -> Iterator[tuple[bytes, bytes, int, int]]:
    """Each uuencoded file in a text: name, content, where it begins and ends."""
    position = found = 0
    closing: re.Match[bytes] | None = None
    while found < _UU_FILES and (opening := _UU_BEGIN.search(octets, position)):
        if closing is None or closing.start() < opening.end():
            closing = _UU_END.search(octets, opening.end())
            if closing is None:
                return  # no file ends behind here
        lines: list[bytes] = []
        position = opening.end() + 1
        while position < closing.start():
            end = octets.index(b"\n", position)
            decoded = _uu_line(octets[position:end].rstrip(b"\r"))
            if decoded is None:
                break
            lines.append(decoded)
            position = end + 1
        if lines and position >= closing.start():
            found += 1
            position = min(closing.end() + 1, len(octets))
            yield opening[2].strip(), b"".join(lines), opening.start(), position


def _uu_line(line: bytes) -> bytes | None:
    """One line decoded; None for a line that cannot be uuencode."""
    if not line:
        return b""
    if not 32 <= line[0] <= 96:
        return None
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:  # rubbish behind the octets that are counted
        count = (line[0] - 32) & 63
        try:
            return binascii.a2b_uu(line[: 1 + (count + 2) // 3 * 4])
        except binascii.Error:
            return None
