"""The digest by which a message that arrives again is recognised.

In: raw octets. Out: SHA-256 in hex, equal for two copies of one message although each way adds its
own trace fields. Covered: every other header field, unfolded, white space runs collapsed, in
order; then the body with line ends normalised and empty lines at its end removed. A message
without a Message-ID is digested as it is: a phone gateway sends the same line twice and means it
twice; their Received fields differ, while an LMTP client's second try is the same octets.

Limits: a list that rewrites subject or body makes another message of it.
"""

import hashlib

from . import fields

_TRACE = frozenset(
    b"received return-path delivered-to x-original-to authentication-results dkim-signature "
    b"received-spf".split()
)
_TRACE_PREFIXES = (b"arc-", b"x-postroom-")


def content_digest(raw: bytes) -> str:
    """The digest of a message; never raises."""
    split, body = fields.split(raw)
    if not any(one.key == b"message-id" and one.value.strip() for one in split):
        return hashlib.sha256(raw).hexdigest()
    digest = hashlib.sha256()
    for one in split:
        key = one.key
        if key in _TRACE or key.startswith(_TRACE_PREFIXES):
            continue
        digest.update(key + b":" + b" ".join(one.value.split()) + b"\n")
    digest.update(b"\n")
    digest.update(_normalised(body))
    return digest.hexdigest()


def _normalised(body: bytes) -> bytes:
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return body.rstrip(b"\n")
