"""A message at the door: who it is, and whether the milter's stamp on it can be believed.

In: envelope, raw bytes and the keys of the stamp. Out: an `Arrival`, made in one pass over the
header section and the body, before anything heavy is done. X-Postroom-Verdict is believed only
when exactly one stands in the header and postroom/stamp.py accepts it; several mean that somebody
came past the border, which removes foreign ones.

Limits: the stamp does not cover the header; findings.py compares the authors for that.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from postroom import maillog, metrics, stamp
from postroom.envelope import Envelope
from postroom.examination import Examination
from postroom.failure import PermanentFailure
from postroom.reading import fields
from postroom.reading.digest import content_digest

_STAMP = stamp.HEADER.lower().encode()
_MESSAGE_ID = re.compile(rb"<[^<>\x00-\x20\x7f]{1,995}>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What is known of a message before it is read."""

    envelope: Envelope
    raw: bytes
    received_at: datetime
    digest: str  # of the content, hex
    message_id: str  # as it stands in the header, with brackets; empty without one
    stamped: Examination | None  # what the milter found, when its stamp can be believed


def arrive(
    envelope: Envelope,
    raw: bytes,
    *,
    keys: tuple[stamp.StampKey, ...],
    now: datetime,
    max_age: timedelta,
) -> Arrival:
    """The arrival of a message; says in log and metrics why a stamp is not believed."""
    header, body = fields.split(raw)
    stamped, state = _stamped(
        [one.value for one in header if one.key == _STAMP],
        queue_id=envelope.queue_id,
        body=body,
        keys=keys,
        now=now,
        max_age=max_age,
    )
    metrics.STAMPS.labels(state).inc()
    if state not in ("valid", "missing"):
        maillog.stamp_ignored(queue_id=envelope.queue_id, reason=state)
    return Arrival(
        envelope=envelope,
        raw=raw,
        received_at=now,
        digest=content_digest(raw),
        message_id=_message_id(header),
        stamped=stamped,
    )


def _stamped(
    stamps: list[bytes],
    *,
    queue_id: str,
    body: bytes,
    keys: tuple[stamp.StampKey, ...],
    now: datetime,
    max_age: timedelta,
) -> tuple[Examination | None, str]:
    match stamps:
        case []:
            return None, "missing"
        case [only]:
            pass
        case _:
            return None, "stamp-several"
    try:
        examination = stamp.read(
            only.decode("ascii", "replace"),
            queue_id=queue_id,
            body=body,
            keys=keys,
            now=now,
            max_age=max_age,
        )
    except PermanentFailure as failure:
        return None, failure.reason
    return examination, "valid"


def _message_id(header: tuple[fields.Field, ...]) -> str:
    """The first Message-ID, RFC 5322 3.6.4."""
    for one in header:
        if one.key == b"message-id":
            found = _MESSAGE_ID.search(fields.unfold(one.value))
            return found[0].decode("utf-8", "replace") if found else ""
    return ""
