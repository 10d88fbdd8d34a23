"""DKIM signatures on the mail that our own domains send.

In: a message that one of our own clients submitted, as Postfix will send it on. Out: the values
of DKIM-Signature fields, one by RSA and one by Ed25519 (RFC 8463 3 asks for both while not
everybody reads the second), to be put in front of it. relaxed/relaxed, t=, never l= and never x=.
From is listed once more than it occurs, so that none can be added (RFC 6376 8.15).

A message is signed when its one author's domain is ours and has an active selector, and when it
has not been through this house before: what carries our Authentication-Results or stamp came from
somewhere and is passed on, and our signature would vouch for a stranger's text.
Standards: RFC 6376 3.5, 5; RFC 8301; RFC 8463.

Limits: a next hop that takes no 8-bit text makes Postfix re-encode the body, and lines above 998
octets are broken; either invalidates the signature.
"""

import base64
import hashlib
from collections.abc import Sequence

from postroom import metrics
from postroom.clock import Clock
from postroom.config import Config
from postroom.reading.author import find_author
from postroom.reading.names import ascii_name
from postroom.stamp import HEADER as STAMP

from . import border
from .canonical import CanonicalMessage
from .keyring import Keyring, SigningKey

# RFC 6376 5.4.1, and what says how the text is to be read and answered.
_SIGNED = (
    *("From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To"),
    *("References", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    *("Auto-Submitted", "List-Id", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post"),
    *("List-Subscribe", "List-Post", "List-Owner", "List-Archive"),
)
_MOST_OF_ONE_NAME = 10  # occurrences signed; more are no mail that anybody wrote
_LINE = 72  # octets of a line of the field


class Signer:
    """Signs for the domains of one installation; safe to be called from any thread."""

    def __init__(self, config: Config, keyring: Keyring, clock: Clock) -> None:
        self._domains = frozenset(filter(None, map(ascii_name, config.our_domains)))
        self._hostname = config.service.hostname
        self._keyring = keyring
        self._clock = clock

    def __call__(self, raw: bytes) -> tuple[str, ...]:
        """The signatures of a submitted message; none when it is not one of ours to sign.

        Raises TemporaryFailure(dkim-key) when an active key cannot be read.
        """
        message = CanonicalMessage(raw)
        author = find_author(message.fields).address
        domain = ascii_name(author.domain) if author else ""
        if domain not in self._domains or self._has_passed(message):
            return ()
        keys = self._keyring.signing_keys(domain)
        if keys:
            metrics.SIGNED.labels(domain).inc()
        return signatures(message, keys, int(self._clock.now().timestamp()))

    def _has_passed(self, message: CanonicalMessage) -> bool:
        """Whether the message has been through our own border already."""
        results = border.AUTHENTICATION_RESULTS.lower().encode()
        return bool(message.named(STAMP.lower().encode())) or any(
            border.claims_to_be(message.fields[index].value, self._hostname)
            for index in message.named(results)
        )


def signatures(message: CanonicalMessage, keys: Sequence[SigningKey], now: int) -> tuple[str, ...]:
    """The value of a DKIM-Signature field for each key, folded (RFC 6376 3.5, 5.5)."""
    names = _names(message)
    body_hash = base64.b64encode(message.body_digest("relaxed", None)).decode() if keys else ""
    header = b"".join(field.raw for field in message.fields)
    return tuple(_signature(header, names, body_hash, key, now) for key in keys)


def _names(message: CanonicalMessage) -> list[str]:
    """h=: every occurrence of what is signed, and From once more (RFC 6376 5.4, 8.15)."""
    names: list[str] = []
    for name in _SIGNED:
        occurs = len(message.named(name.lower().encode()))
        names += [name] * min(occurs, _MOST_OF_ONE_NAME)
    return [*names, "From"]


def _signature(header: bytes, names: list[str], body_hash: str, key: SigningKey, now: int) -> str:
    lines = [
        f"v=1; a={key.algorithm}; c=relaxed/relaxed; d={key.domain};",
        f"s={key.selector}; t={now};",
        *_folded_names(names),
        f"bh={body_hash};",
        "b=",
    ]
    unsigned = "\r\n\t".join(lines)
    own = CanonicalMessage(f"DKIM-Signature: {unsigned}\r\n".encode() + header + b"\r\n")
    covered = [name.lower().encode() for name in names]
    octets = own.header_octets(covered, 0, "relaxed")
    signed = base64.b64encode(key.sign(hashlib.sha256(octets).digest())).decode()
    pieces = [signed[start : start + _LINE] for start in range(0, len(signed), _LINE)]
    return unsigned + "\r\n\t".join(pieces)


def _folded_names(names: list[str]) -> list[str]:
    lines = ["h="]
    for name in names:
        if len(lines[-1]) + len(name) >= _LINE:
            lines.append("")
        lines[-1] += f"{name}:"
    lines[-1] = lines[-1].removesuffix(":") + ";"
    return lines
