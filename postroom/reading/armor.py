"""PGP armor inside plain text: clear-signed text unwrapped, encrypted text recognised.

In: plain text. Out: the text inside, and a token. Standard: RFC 9580 section 7 (cleartext signature
framework, dash-escaping) and 6.2. Signatures are not verified.
"""

import re

_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"
_SIGNATURE_END = "-----END PGP SIGNATURE-----"
_ENCRYPTED = "-----BEGIN PGP MESSAGE-----"
_HEADER = re.compile(r"(?:[A-Za-z-]{1,40}: [^\n]{0,200}\n)*\n?")


def unwrap(text: str) -> tuple[str, str]:
    """The readable text, and "encrypted" when there is something nobody here can read."""
    if "-----BEGIN PGP " not in text:
        return text, ""
    if _ENCRYPTED in text:
        return text, "encrypted"
    start = text.find(_SIGNED)
    if start < 0:
        return text, ""
    content = start + len(_SIGNED) + 1
    if header := _HEADER.match(text, content):
        content = header.end()
    end = text.find(_SIGNATURE, content)
    if end < 0:
        return text, ""
    after = text.find(_SIGNATURE_END, end)
    rest = text[after + len(_SIGNATURE_END) :] if after >= 0 else ""
    inside = "\n".join(line.removeprefix("- ") for line in text[content:end].split("\n"))
    return text[:start] + inside.rstrip("\n") + rest, ""
