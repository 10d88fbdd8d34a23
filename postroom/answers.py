"""The JSON shapes that commands answer with (contract section 3): values in, plain dicts out.

Fields may be added here, never removed or renamed.
"""

from typing import Any

from .classification import Classification
from .codec import to_plain
from .envelope import Address
from .examination import Examination
from .message import Message
from .order import Order
from .verdict import Disposition, Verdict


def check_answer(
    verdict: Verdict, disposition: Disposition, reason: str, header: str
) -> dict[str, Any]:
    """The answer of `postroom check`."""
    return {
        **to_plain(verdict),
        "authenticated_domain": verdict.authenticated_domain,
        "disposition": disposition.value,
        "reason": reason,
        "authentication_results": header,
    }


def read_answer(message: Message) -> dict[str, Any]:
    """The answer of `postroom read`."""
    return {
        "subject": message.subject,
        "from": _written(message.author) if message.author else _first(message.authors),
        "to": [_written(address) for address in message.to],
        "cc": [_written(address) for address in message.cc],
        "date": message.date.isoformat() if message.date else "",
        "message_id": message.message_id,
        "text": message.text,
        "new_text": message.new_text,
        "quoted_text": message.quoted_text,
        "signature": message.signature,
        "language": message.language,
        "attachments": [
            {
                "filename": attachment.filename,
                "type": attachment.type,
                "size": attachment.size,
                "sha256": attachment.sha256,
                "inline": attachment.inline,
            }
            for attachment in message.attachments
        ],
        "automatic": {
            "is": message.automatic.is_automatic,
            "kind": message.automatic.kind.value,
            "why": message.automatic.why,
            "doubtful": message.automatic.doubtful,
        },
        "problems": list(message.problems),
    }


def classify_answer(classification: Classification) -> dict[str, Any]:
    """The answer of `postroom classify`."""
    plain: dict[str, Any] = to_plain(classification)
    return plain


def extract_answer(order: Order) -> dict[str, Any]:
    """The answer of `postroom extract`."""
    plain: dict[str, Any] = to_plain(order)
    return plain


def examination_answer(examination: Examination, header: str) -> dict[str, Any]:
    """Verdict and classification as `explain` shows them."""
    return {
        "verdict": check_answer(
            examination.verdict, examination.disposition, examination.reason, header
        ),
        "classification": classify_answer(examination.classification),
    }


def _first(addresses: tuple[Address, ...]) -> str:
    return _written(addresses[0]) if addresses else ""


def _written(address: Address) -> str:
    return f"{address.name} <{address.text}>" if address.name else address.text
