"""What runs in worker processes: top-level functions with picklable arguments and answers.

The answer leaves out what the service has anyway (the raw bytes) and what it must not hold
(attachments' contents), so that a message crosses the process border cheaply.
The document readers are imported where they run, so that the service itself never loads them.
"""

import base64
from dataclasses import replace
from typing import Any

from .config import OrdersSection, ReadingSection
from .message import Message
from .order import Doubtful, Order
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


def extract_order(
    raw: bytes, limits: ReadingSection, section: OrdersSection, asides: frozenset[str]
) -> tuple[Order, tuple[Doubtful, ...]]:
    """The order or invoice in a message, and its sentences that may be asides."""
    return extract_from_text(read(raw, limits), section, asides)


def extract_from_text(
    message: Message, section: OrdersSection, asides: frozenset[str]
) -> tuple[Order, tuple[Doubtful, ...]]:
    """The same of a message that was read before; known asides leave none to ask about."""
    from .classify import orders
    from .teaching import means_of

    order = orders.extract(message, means_of(section), asides)
    return order, () if asides else orders.doubtful(message, order)


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


def extract_document(filename: str, content: bytes, section: OrdersSection) -> Order:
    """The order or invoice in a bare document."""
    from .classify import orders
    from .teaching import means_of

    return orders.extract_document(filename, content, means_of(section))


def proof_page(
    name: str, content: bytes, is_message: bool, limits: ReadingSection, order: Order
) -> str:
    """The page that shows a document or message beside what was read of it."""
    from .classify.orders.shown import parts_of_document, parts_of_message
    from .classify.proof.page import page_of
    from .classify.proof.picture import pictures_of

    if not is_message:
        parts, documents = parts_of_document(name, content), {name: content}
    else:
        message = read(content, limits)
        parts = parts_of_message(message)
        documents = {one.filename or "attachment": one.data for one in message.attachments}
    pictures = {
        named: pictures_of(octets)
        for named, octets in documents.items()
        if b"%PDF-" in octets[:1024]
    }
    return page_of(name, order, parts, pictures)
