"""The attachments of a message: decoded, named, digested, and looked at from outside.

In: the documents of content.py. Out: `Attachment`s. A picture shown inside the text is told from a
document, so that a logo is not an order and a photographed order is not a logo. Standards: RFC
2183, RFC 2392 (cid:).

Limits: as many as configured; archives.py names what each would unfold to.
"""

import hashlib

from postroom.config import ReadingSection
from postroom.message import Attachment

from .archives import inspect
from .content import Content
from .labels import filename
from .parts import Part
from .problems import Problems

INSIDE_MESSAGE = "inside-message"  # problem of a document that came in an attached message
_LOGO_SIZE = 10_240  # octets; an inline picture below it is decoration, referenced or not


def attachments(
    content: Content, html: str, limits: ReadingSection, problems: Problems
) -> tuple[Attachment, ...]:
    """The documents and the messages inside, in message order within each kind."""
    found: list[Attachment] = []
    for part in [*content.documents, *content.messages]:
        if len(found) >= limits.max_attachments:
            problems.add("attachments-limit")
            break
        found.append(_attachment(part, html, limits, problems))
    return tuple(found)


def _attachment(part: Part, html: str, limits: ReadingSection, problems: Problems) -> Attachment:
    octets = part.decoded(problems)
    listing = inspect(octets, limits)
    for problem in listing.problems:
        problems.add("attachment-encrypted" if problem == "encrypted" else problem)
    return Attachment(
        filename=filename(part) or _message_name(part),
        type=part.type,
        size=len(octets),
        sha256=hashlib.sha256(octets).hexdigest(),
        charset=part.content_type.get("charset"),
        inline=_is_inline(part, html, len(octets)),
        members=listing.members,
        problems=(*listing.problems, INSIDE_MESSAGE) if part.inside_message else listing.problems,
        data=octets,
    )


def _message_name(part: Part) -> str:
    return "message.eml" if part.children else ""


def _is_inline(part: Part, html: str, size: int) -> bool:
    """A picture shown inside the text rather than a document."""
    if part.main_type != "image":
        return False
    identity = part.field(b"content-id").decode("ascii", "replace").strip("<> ")
    if identity and f"cid:{identity}" in html:
        return True
    return (part.disposition.value == "inline" or bool(identity)) and size < _LOGO_SIZE
