"""X-Postroom-Verdict: the signed stamp that carries the milter's findings to LMTP.

The milter writes it; Postfix keeps it in the queue file; LMTP believes it only when the HMAC
fits, the body is the one that was examined, the queue id is the same and it is not too old.
Anything else claiming to be a stamp is removed at the border (milter) or ignored (LMTP).

    v=1; k=<key id>; t=<unix time>; q=<queue id>; bh=<sha-256 of the body>; p=<payload>; b=<HMAC>

The payload is the JSON of verdict, classification and disposition, base64url. The HMAC is
HMAC-SHA-256 (RFC 2104) over everything before "; b=". White space is not significant, so
folding on the way does no harm. Comparison takes constant time.

Limits: the header section is not covered, because Postfix may rewrite it after the milter;
instead the author inside the verdict must equal the author read later (lmtp/intake.py).
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from .codec import from_json, to_json
from .examination import Examination
from .failure import PermanentFailure

HEADER = "X-Postroom-Verdict"
_FOLD_EVERY = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class StampKey:
    """A shared secret with its name; the name lets keys be rotated."""

    id: str
    secret: bytes

    @classmethod
    def of(cls, secret: bytes) -> "StampKey":
        """The key for a secret; its id is derived, so both ends agree without configuration."""
        return cls(id=hashlib.sha256(b"postroom-key-id:" + secret).hexdigest()[:8], secret=secret)


def body_digest(body: bytes) -> str:
    """SHA-256 of a body with LF line ends and without trailing empty lines, in hex.

    Postfix may add a final line end between milter and LMTP, so the tail is not significant.
    """
    canonical = body.replace(b"\r\n", b"\n").rstrip(b"\n")
    return hashlib.sha256(canonical).hexdigest()


def write(
    examination: Examination, *, queue_id: str, body: bytes, key: StampKey, now: datetime
) -> str:
    """The header's value, folded at 72 octets, for an examination of this body."""
    payload = base64.urlsafe_b64encode(to_json(examination).encode()).decode()
    signed = (
        f"v=1;k={key.id};t={int(now.timestamp())};q={queue_id};bh={body_digest(body)};p={payload}"
    )
    value = f"{signed};b={_mac(signed, key)}"
    pieces = [value[i : i + _FOLD_EVERY] for i in range(0, len(value), _FOLD_EVERY)]
    return "\n\t".join(pieces)


def read(
    value: str,
    *,
    queue_id: str,
    body: bytes,
    keys: tuple[StampKey, ...],
    now: datetime,
    max_age: timedelta,
) -> Examination:
    """The examination behind a stamp.

    `queue_id` is empty when the peer did not tell it (no XFORWARD): then only the body binds.
    Raises PermanentFailure with reason stamp-malformed, stamp-forged, stamp-other-message or
    stamp-expired when it must not be believed.
    """
    compact = "".join(value.split())
    signed, found, mac = compact.rpartition(";b=")
    tags = {name: value for name, _, value in (tag.partition("=") for tag in signed.split(";"))}
    if not found or tags.get("v") != "1":
        raise PermanentFailure("stamp-malformed")
    key = next((key for key in keys if key.id == tags.get("k")), None)
    if key is None or not hmac.compare_digest(_mac(signed, key).encode(), mac.encode()):
        raise PermanentFailure("stamp-forged")
    if tags.get("bh") != body_digest(body) or (queue_id and tags.get("q") != queue_id):
        raise PermanentFailure("stamp-other-message")
    # The HMAC fits, so we wrote every tag ourselves: t is a number and p is base64.
    if now.timestamp() - int(tags["t"]) > max_age.total_seconds():
        raise PermanentFailure("stamp-expired")
    return from_json(Examination, base64.urlsafe_b64decode(tags["p"]))


def _mac(signed: str, key: StampKey) -> str:
    digest = hmac.new(key.secret, signed.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode()
