"""What a text asks for: a new order, a change or cancellation of one, a bill, or none of these.

In: the subject, the writer's own words, the names of the attachments. Out: a `Kind`, the document
kind and the doubts that go with it. A structured document says its kind itself and is believed
before any of this.

Limits: words only. A mail that both changes an old order and places a new one counts as a change,
because a change needs a person.
"""

import re
from dataclasses import dataclass

from postroom.order import OrderKind

from .caseless import Caseless
from .phrases import (
    AS_BEFORE,
    ASKS_BACK,
    ASKS_FOR_BILL,
    ASKS_POLITELY,
    BILLS,
    CANCELS,
    CHANGES,
    CONFIRMS,
    DECIDES,
    ENQUIRES,
    INVOICE_TITLE,
    ORDER_TITLE,
    ORDERS,
    REMINDS,
    TERMS_AS_BEFORE,
)

_MOST = 20_000  # characters of the text that are looked at
_TITLE_MOST = 1500  # of a document's beginning
_FORWARD_OR_REPLY = re.compile(
    r"^(?:\s*(?:re|fwd?|aw|wg|sv|tr|vs|ответ|пересл|ha)(?:\[\d+\])?\s?:)+", re.IGNORECASE
)
_ANSWERS_BILL = Caseless(
    r"(?:оплатили|оплатим|оплата (?:прошла|отправлена)|paid|angewiesen|überwiesen|bezahlt)"
)


# A column headed "How many?" asks nothing of us.
_COLUMN_ASKS = re.compile(r"\t[^\t\n?]{1,30}\?(?=[\t\n]|$)|^[^\t\n?]{1,30}\?(?=\t)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is asked for, and what makes that doubtful."""

    kind: OrderKind
    problems: tuple[str, ...] = ()


def kind_of_mail(subject: str, text: str, filenames: tuple[str, ...] = ()) -> Kind:
    """The kind of a mail by its words; ORDER with "kind-unsure" when no word decides."""
    replies = _FORWARD_OR_REPLY.match(subject) is not None
    subject = _FORWARD_OR_REPLY.sub("", subject[:500])
    written = f"{subject}\n{text[:_MOST]}"
    names = " ".join(filenames)[:500].replace("_", " ")
    if CANCELS.search(written):
        return Kind(kind=OrderKind.ORDER_CHANGE, problems=("cancellation",))
    if CONFIRMS.search(written):
        return Kind(kind=OrderKind.NONE, problems=("order-confirmation",))
    enquires = ENQUIRES.search(written)
    if enquires and not _decided(written, subject, replies):
        return Kind(kind=OrderKind.NONE, problems=("enquiry",))
    if CHANGES.search(written):
        return Kind(kind=OrderKind.ORDER_CHANGE, problems=("change",))
    orders = ORDERS.search(written) is not None
    body = text[:_MOST]
    bills = BILLS.search(body) or (not replies and BILLS.search(subject))
    if bills and not ASKS_FOR_BILL.search(written) and not DECIDES.search(body):
        if not orders or BILLS.search(subject) or INVOICE_TITLE.search(names):
            return Kind(kind=OrderKind.INVOICE)
    if enquires and ENQUIRES.search(text[:_MOST]):
        return Kind(kind=OrderKind.ORDER, problems=("enquiry",))
    pointing = AS_BEFORE.search(TERMS_AS_BEFORE.sub(" ", written))
    problems = ("refers-to-earlier-order",) if pointing else ()
    if REMINDS.search(written):
        problems = (*problems, "reminder")
    if ASKS_BACK.search(_COLUMN_ASKS.sub(" ", body)):
        problems = (*problems, "asks-back")
    if orders or ASKS_FOR_BILL.search(written) or ASKS_POLITELY.search(body):
        return Kind(kind=OrderKind.ORDER, problems=problems)
    if ORDER_TITLE.search(names):
        return Kind(kind=OrderKind.ORDER, problems=problems)
    return Kind(kind=OrderKind.ORDER, problems=(*problems, "kind-unsure"))


def _decided(written: str, subject: str, replies: bool) -> bool:
    """True when the writer orders in spite of a question; an answer's subject asked long ago."""
    body = written[len(subject) :]
    if ENQUIRES.search(subject) and not replies:
        return False
    return bool(DECIDES.search(body)) or (not ENQUIRES.search(body) and bool(ORDERS.search(body)))


def kind_of_document(title: str, filename: str) -> OrderKind | None:
    """The kind of a document by the words at its beginning, then by its name; None: unsaid."""
    beginning = title[:_TITLE_MOST]
    name = filename.replace("_", " ")
    order, invoice = ORDER_TITLE.search(beginning), INVOICE_TITLE.search(beginning)
    if order and (
        CHANGES.search(beginning[: order.end() + 80])
        or CANCELS.search(beginning[: order.end() + 80])
    ):
        return OrderKind.ORDER_CHANGE
    if order and invoice:
        if ORDER_TITLE.search(name) and not INVOICE_TITLE.search(name):
            return OrderKind.ORDER
        return (
            OrderKind.INVOICE
            if invoice.start() <= order.start() or INVOICE_TITLE.search(name)
            else OrderKind.ORDER
        )
    if invoice:
        return OrderKind.INVOICE
    if order:
        return OrderKind.ORDER
    if INVOICE_TITLE.search(name):
        return OrderKind.INVOICE
    return OrderKind.ORDER if ORDER_TITLE.search(name) else None
