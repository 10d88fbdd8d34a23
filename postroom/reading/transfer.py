"""Content-Transfer-Encoding: decoding that never fails and never stops half-way.

In: octets as they stand in the message and the declared encoding, however misspelt. Out: the
decoded octets. Standards: RFC 2045 section 6; uuencode (POSIX) as x-uuencode and inside text.

Limits: broken base64 loses at most the last incomplete group of each run; yEnc and BinHex are
left as they stand.
"""

import binascii
import re
from collections.abc import Iterator

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_ALPHABET))
_NOT_BASE64_BUT_PAD = bytes(set(_NOT_BASE64) - {ord("=")})
_BASE64_AND_SPACE = _ALPHABET + b"= \t\r\n"
_TRAILING = re.compile(rb"[ \t](?=\r?\n)")
_UU_BEGIN = re.compile(rb"^begin[ \t]+([0-7]{3,4})[ \t]+([^\r\n]{1,255})\r?$", re.MULTILINE)


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
    return b"".join(_run(run) for run in kept.split(b"=") if run)


def _run(letters: bytes) -> bytes:
    spare = len(letters) % 4
    if spare == 1:  # six bits make no octet
        letters = letters[:-1]
    elif spare:
        letters += b"=" * (4 - spare)
    return binascii.a2b_base64(letters)


def quoted_printable_decode(octets: bytes) -> bytes:
    """RFC 2045 6.7; white space that transport added at line ends is not part of the text."""
    if b" \n" in octets or b"\t\n" in octets or b" \r\n" in octets or b"\t\r\n" in octets:
        octets = b"\n".join(
            line[:-1].rstrip(b" \t") + b"\r" if line.endswith(b"\r") else line.rstrip(b" \t")
            for line in octets.split(b"\n")
        )
    return binascii.a2b_qp(octets)


def uuencoded_files(octets: bytes) -> Iterator[tuple[bytes, bytes, int, int]]:
    """Each uuencoded file in a text: name, content, where it begins and ends."""
    position = 0
    while opening := _UU_BEGIN.search(octets, position):
        lines: list[bytes] = []
        position = opening.end() + 1
        complete = False
        while 0 < position < len(octets):
            end = octets.find(b"\n", position)
            line = octets[position : end if end >= 0 else len(octets)].rstrip(b"\r")
            position = end + 1 if end >= 0 else len(octets)
            if line.rstrip(b" \t") == b"end":
                complete = True
                break
            decoded = _uu_line(line)
            if decoded is None:
                break
            lines.append(decoded)
        if lines and complete:
            yield opening[2].strip(), b"".join(lines), opening.start(), min(position, len(octets))
        position = max(position, opening.end())


def _uu_line(line: bytes) -> bytes | None:
    """One line decoded; None for a line that cannot be uuencode."""
    if not line:
        return b""
    count = (line[0] - 32) & 63
    if not 32 <= line[0] <= 96:
        return None
    needed = (count + 2) // 3 * 4
    body = line[1 : 1 + needed].ljust(needed)  # trailing spaces get lost on the way
    try:
        return binascii.a2b_uu(line[:1] + body)[:count]
    except binascii.Error:
        return None
