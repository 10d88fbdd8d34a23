"""What the ERP is sent: the bodies of contract section 4, to the byte. Pure.

In: the message and what was read from it. Out: compact JSON with sorted keys, so that the same
values give the same bytes. erp/schema/*.json describes each shape; a number is a decimal string
without exponent, and what was not read is "" for a text and null for a number or date.

Limits: texts are cut to what a person reads (note 2,000, ticket 20,000 characters); the link to
the raw message has the rest. An invoice's status is read from rule labels and the subject.
"""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

from postroom.classification import Classification
from postroom.config import Config
from postroom.decision import Decision, Step
from postroom.envelope import Envelope
from postroom.message import Message
from postroom.order import Order, OrderLine
from postroom.reading.names import mailbox_of
from postroom.verdict import Verdict

from .gates import authenticated_domain

_NOTE, _TEXT, _LINE = 2_000, 20_000, 998  # longest texts, in characters
_MOST_DIGITS = 30  # a number beyond is a mistake or an attack
# Broken text would break JSON, XML or its reader: controls, lone surrogates, Unicode line ends, and
# the two other characters that XML cannot hold (XML 1.0 2.2).
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def erp_body(
    step: Step,
    key: str,
    decision: Decision,
    message: Message,
    classification: Classification,
    order: Order,
    source: dict[str, object],
) -> str:
    """The request body of one ERP step, contract section 4."""
    match step:
        case Step.ORDER_CREATE:
            fields = _order(message, order, source)
        case Step.INVOICE_UPDATE:
            fields = _invoice(message, classification, order)
        case _:
            fields = _ticket(decision, message, classification, order, source)
    return _frozen({"external_ref": key, **fields, "source": source})


def _order(message: Message, order: Order, source: dict[str, object]) -> dict[str, object]:
    return {
        "order_number": one_line(order.number),
        "ordered_at": order.date.isoformat() if order.date else source["received_at"],
        "currency": _currency(order.currency),
        "customer": _party(message, order),
        "delivery": {
            "address": _text(order.delivery.address, _NOTE),
            "date": order.delivery.date.isoformat() if order.delivery.date else None,
        },
        "lines": [_order_line(line) for line in order.lines],
        "note": _text(message.new_text or message.text, _NOTE),
    }


def _invoice(message: Message, classification: Classification, order: Order) -> dict[str, object]:
    return {
        "invoice_number": one_line(order.number),
        "status": _invoice_status(message, classification),
        "amount": _number(order.total),
        "currency": _currency(order.currency),
        "due_date": order.due_date.isoformat() if order.due_date else None,
        "seller": _party(message, order),
        "lines": [_order_line(line) for line in order.lines],
    }


def _ticket(
    decision: Decision,
    message: Message,
    classification: Classification,
    order: Order,
    source: dict[str, object],
) -> dict[str, object]:
    link = source["link"]
    return {
        "kind": decision.ticket_kind or "other",
        "subject": one_line(message.subject),
        "text": _text(message.new_text or message.text, _TEXT),
        "priority": classification.priority,
        "customer": _party(message, order),
        "attachments": [
            {
                "filename": one_line(attachment.filename),
                "type": one_line(attachment.type),
                "size": attachment.size,
                "url": f"{link}/{attachment.sha256}" if link else "",
            }
            for attachment in message.attachments
            if not attachment.inline
        ],
    }


def source_of(
    message: Message,
    verdict: Verdict,
    classification: Classification,
    envelope: Envelope,
    digest: str,
    received_at: datetime,
    config: Config,
) -> dict[str, object]:
    """Where a request comes from, so that people at the ERP find the mail again."""
    return {
        "message_id": one_line(message.message_id),
        "received_at": received_at.astimezone(UTC).isoformat(timespec="seconds"),
        "mailbox": our_mailbox(envelope, config),
        "authenticated_domain": authenticated_domain(verdict, config),
        "confidence": round(classification.confidence, 4),
        "link": f"{config.erp.link_base}{digest}" if config.erp.link_base else "",
    }


def our_mailbox(envelope: Envelope, config: Config) -> str:
    """Which of our mailboxes the message came to; the first recipient where we know none."""
    recipients = [recipient.lower() for recipient in envelope.recipients]
    plain = map(mailbox_of, recipients)
    known = [mailbox for mailbox in plain if mailbox in config.service.mailboxes]
    return next(iter(known or recipients), "")


def _party(message: Message, order: Order) -> dict[str, object]:
    author = message.author
    return {
        "email": one_line(author.text if author else order.buyer.email),
        "name": one_line(author.name if author else ""),
        "company": one_line(order.buyer.name),
        "tax_id": one_line(order.buyer.tax_id),
    }


def _order_line(line: OrderLine) -> dict[str, object]:
    return {
        "line": line.line,
        "sku": one_line(line.product or line.sku),
        "gtin": one_line(line.gtin),
        "description": one_line(line.description),
        "quantity": _number(line.quantity),
        "unit": one_line(line.unit),
        "unit_price": _number(line.unit_price),
    }


# A status is taken from the subject, where people put it; the body of every invoice speaks of
# payment and disputes. First match wins, the sharper word first.
_STATUS_WORDS = (
    ("disputed", re.compile(r"\b(?:disput|contest|oppos|reklam|widerspr|einspr|beanstand|оспар|"
                            r"претензи|разноглас|не\s?соглас|спорн)", re.IGNORECASE)),
    ("reminder", re.compile(r"\b(?:remind|overdue|past due|unpaid|outstanding|dunning|mahnung|"
                            r"zahlungserinner|erinnerung|überfällig|offene rechnung|напомин|"
                            r"просроч|задолж|не\s?оплачен)", re.IGNORECASE)),
    ("paid", re.compile(r"\b(?:paid|payment (?:made|sent|confirm|advice|receipt)|remittance|"
                        r"receipt|bezahlt|zahlungseingang|zahlungsbestät|überwiesen|zahlungsavis|"
                        r"оплачен|оплата (?:произвед|прошла)|платеж|платёж)", re.IGNORECASE)),
)  # fmt: skip


def _invoice_status(message: Message, classification: Classification) -> str:
    statuses = [status for status, _ in _STATUS_WORDS]
    for label in classification.labels:
        if label.removeprefix("invoice:") in statuses:
            return label.removeprefix("invoice:")
    subject = message.subject[:_LINE]
    return next((status for status, words in _STATUS_WORDS if words.search(subject)), "received")


def _number(value: Decimal | None) -> str | None:
    """A decimal string without exponent, contract section 3; None for what was not read."""
    if value is None or not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS:
        return None
    return f"{value:f}"


def _currency(value: str) -> str:
    return value if re.fullmatch("[A-Z]{3}", value) else ""


def one_line(value: str) -> str:
    """One clean line of at most 998 characters."""
    return " ".join(_CONTROLS.sub(" ", value[: 2 * _LINE]).split())[:_LINE]


def _text(value: str, longest: int) -> str:
    """Clean text of several lines."""
    return _CONTROLS.sub("", value)[:longest].strip()


def _frozen(fields: dict[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
