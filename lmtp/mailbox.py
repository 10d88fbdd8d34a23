"""Hands a message on to the people's mailbox: a Maildir, or the next LMTP server.

In: the bytes as stored and what the copy's headers shall say. Out: where the copy lies. The copy
is the message as received, octet for octet, with our fields in front (RFC 5321 4.4: Return-Path
first) and without fields of those names that came along, so that a Sieve rule can trust them:

    Return-Path: <sender>
    Delivered-To: recipient
    X-Postroom-Category: invoice; confidence=0.97
    X-Postroom-Message: 17

service.py gives `deliver` to the workers, because actions may not import this stage.

Limits: delivered at least once. A Maildir finds its own file again after a crash (maildir.py); a
next LMTP server may get a second copy when its answer was lost (onward.py).
"""

import asyncio
import re

from postroom.config import Config
from postroom.reading import fields

from . import maildir, onward
from .mailboxes import maildir_of

_OURS = frozenset(
    (b"x-postroom-verdict", b"x-postroom-category", b"x-postroom-message", b"return-path")
)
_BREAKS = re.compile(r"[\x00-\x1f\x7f]+")


async def deliver(
    raw: bytes,
    *,
    config: Config,
    recipient: str,
    sender: str,  # of the envelope; empty for the null sender
    folder: str,  # "INBOX", "Orders"
    key: str,  # of the action: the same key never makes a second file
    category: str,
    confidence: float,
    message: int,  # our number
    repeated: bool,  # an attempt with this key was begun before
) -> str:
    """Delivers one copy and says where it lies; durable on return.

    Raises TemporaryFailure(storage-full, mailbox, mailbox-unreachable, mailbox-deferred) and
    PermanentFailure(mailbox-refused).
    """
    content = copy(
        raw,
        recipient=recipient,
        sender=sender,
        category=category,
        confidence=confidence,
        message=message,
    )
    if config.mailbox.kind == "lmtp" and config.mailbox.lmtp is not None:
        return await onward.hand_on(
            content,
            endpoint=config.mailbox.lmtp,
            hostname=config.service.hostname,
            sender=sender,
            recipient=recipient,
        )
    return await asyncio.to_thread(
        maildir.store,
        config.maildir_root,
        maildir_of(recipient, config),
        folder,
        key,
        content,
        repeated=repeated,
    )


def copy(
    raw: bytes, *, recipient: str, sender: str, category: str, confidence: float, message: int
) -> bytes:
    """The message as people get it."""
    end = b"\r\n" if b"\r\n" in raw[:4096] else b"\n"
    front = (
        f"Return-Path: <{_one_line(sender)}>",
        f"Delivered-To: {_one_line(recipient)}",
        f"X-Postroom-Category: {_one_line(category)}; confidence={confidence:.2f}",
        f"X-Postroom-Message: {message}",
    )
    return b"".join(line.encode() + end for line in front) + _without_ours(raw)


def _without_ours(raw: bytes) -> bytes:
    header, _ = fields.split(raw)
    if not any(one.key in _OURS for one in header):
        return raw
    length = sum(len(one.raw) for one in header)
    # The fields stand together behind a byte-order mark, if there is one.
    start = raw.index(header[0].raw)
    kept = b"".join(one.raw for one in header if one.key not in _OURS)
    return raw[:start] + kept + raw[start + length :]


def _one_line(value: str) -> str:
    return _BREAKS.sub("?", value)
