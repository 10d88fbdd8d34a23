"""What runs in worker processes: top-level functions with picklable arguments and answers.

The answer leaves out what the service has anyway (the raw bytes) and what it must not hold
(attachments' contents), so that a message crosses the process border cheaply.
The document readers are imported where they run, so that the service itself never loads them.
"""

import base64
from dataclasses import replace
from typing import Any

from .config import ReadingSection
from .message import Message
from .order import Order
from .reading.leaves import leaves
from .reading.reader import read


def read_message(raw: bytes, limits: ReadingSection) -> Message:
    """The message's view without raw bytes and without attachments' contents."""
    message = read(raw, limits)
    attachments = tuple(replace(attachment, data=b"") for attachment in message.attachments)
    return replace(message, raw=b"", attachments=attachments)


def read_part(raw: bytes, limits: ReadingSection, sha256: str) -> tuple[str, bytes] | None:
    """Name and contents of the attachment with that digest, or None."""
    for attachment in read(raw, limits).attachments:
        if attachment.sha256 == sha256:
            return attachment.filename, attachment.data
    return None


def read_messages(raws: list[bytes], limits: ReadingSection) -> list[Message]:
    """Several messages as `read_message` gives them: one crossing of the border for all."""
    return [read_message(raw, limits) for raw in raws]


def extract_order(raw: bytes, limits: ReadingSection) -> Order:
    """The order or invoice in a message."""
    from .classify import orders

    return orders.extract(read(raw, limits))


def read_leaves(raw: bytes, limits: ReadingSection) -> list[dict[str, Any]]:
    """Every decoded MIME leaf, ready for JSON: `data` in base64, `text` for text/* only."""
    return [
        {
            "type": leaf.type,
            "filename": leaf.filename,
            "size": leaf.size,
            "sha256": leaf.sha256,
            "text": leaf.text,
            "data": base64.b64encode(leaf.data).decode(),
        }
        for leaf in leaves(raw, limits)
    ]


def extract_document(filename: str, content: bytes) -> Order:
    """The order or invoice in a bare document."""
    from .classify import orders

    return orders.extract_document(filename, content)
