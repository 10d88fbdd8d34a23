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
    CHANGE_TITLE,
    CHANGES,
    CONFIRMS,
    DECIDES,
    ENQUIRES,
    INVOICE_TITLE,
    ORDER_TITLE,
    ORDERS,
    OTHER_NAME,
    OTHER_TITLE,
    REMINDS,
    SELLS,
    TERMS_AS_BEFORE,
)

_MOST = 20_000  # characters of the text that are looked at
_HEAD_MOST = 300  # characters in which a document says that it only asks
_TITLE_MOST = 1500  # of a document's beginning
_TITLE_ROWS = 12  # rows among which a document's title stands
_FORWARD_OR_REPLY = re.compile(
    r"^(?:\s*(?:re|fwd?|aw|wg|sv|tr|vs|ответ|пересл|ha)(?:\[\d+\])?\s?:)+", re.IGNORECASE
)
_ANSWERS_BILL = Caseless(
    r"(?:оплатили|оплатим|оплата (?:прошла|отправлена)|paid|angewiesen|überwiesen|bezahlt)"
)


_DAYS = (
    r"(?:am|on|во?|auch|diesen|this|next|nächsten|kommenden)"
    r"|(?:mon|diens|donners|frei|sams)tags?|mittwochs?|morgen|heute|früh|vormittags?|nachmittags?"
    r"|(?:mon|tues|wednes|thurs|fri|satur)days?|tomorrow|today|morning|afternoon"
    r"|понедельник|вторник|среду|четверг|пятницу|субботу|завтра|сегодня|утром"
)
_QUESTION = re.compile(r"[^.!?\n]{1,300}\?(?=\s|$)")
_COURTEOUS = Caseless(
    r"how (?:are|is) (?:you|things|it)|hope|wie geht|alles (?:gut|klar)|как дела|как вы\b"
    r"|(?:can|could|would|will) (?:you|we|i)\b[^?]{0,80}\d|k(?:ann|önn\w*) (?:sie|ihr|ich|wir)\b"
    r"[^?]{0,80}\d|мож(?:ете|но)\b[^?]{0,80}\d"
    # "Kommt ihr wie immer am Dienstag?": as always, unless he hears otherwise
    r"|(?:komm(?:t|en)|liefer(?:t|n)|fahr(?:t|en)) (?:ihr|sie|euer fahrer|ihr fahrer)"
    rf"(?: (?:wie (?:immer|üblich|gewohnt)|wieder|{_DAYS})){{1,4}}\s?\?"
    r"|(?:are you coming|(?:do|will) you (?:come|deliver)|is (?:the|your) (?:driver|van) coming)"
    rf"(?: (?:as (?:always|usual|normal)|{_DAYS})){{1,4}}\s?\?"
    rf"|(?:приед|привез)[её]те(?: (?:как (?:всегда|обычно)|{_DAYS})){{1,4}}\s?\?",
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
    if SELLS.search(written):
        problems = (*problems, "not-an-order")
    if _asks(_COLUMN_ASKS.sub(" ", body)):
        problems = (*problems, "asks-back")
    if orders or ASKS_FOR_BILL.search(written) or ASKS_POLITELY.search(body):
        return Kind(kind=OrderKind.ORDER, problems=problems)
    if ORDER_TITLE.search(names):
        return Kind(kind=OrderKind.ORDER, problems=problems)
    return Kind(kind=OrderKind.ORDER, problems=(*problems, "kind-unsure"))


def _asks(body: str) -> bool:
    """True when the writer wants to know something; "Can you send 5 boxes?" is an order."""
    if ASKS_BACK.search(body):
        return True
    return any(
        not ORDERS.search(match[0]) and not _COURTEOUS.search(match[0])
        for match in _QUESTION.finditer(body)
    )


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
    if invoice and not INVOICE_TITLE.search(ASKS_FOR_BILL.sub(" ", beginning)):
        invoice = None  # "Invoice to the treasurer, please"
    if order and (
        CHANGES.search(beginning[: order.end() + 80])
        or CANCELS.search(beginning[: order.end() + 80])
    ):
        return OrderKind.ORDER_CHANGE
    if CHANGE_TITLE.search("\n".join(title[:_TITLE_MOST].split("\n")[:_TITLE_ROWS])):
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
    if is_other_paper(title, filename):
        return OrderKind.NONE
    if order:
        return OrderKind.ORDER
    if ENQUIRES.search(beginning[:_HEAD_MOST]):
        return OrderKind.NONE
    if INVOICE_TITLE.search(name):
        return OrderKind.INVOICE
    return OrderKind.ORDER if ORDER_TITLE.search(name) else None


def is_other_paper(title: str, filename: str) -> bool:
    """True for a delivery note, a stock list, a forecast, a seller's confirmation.

    Its title stands before any word for an order, or in its name where no title does.
    """
    head = "\n".join(title[:_TITLE_MOST].split("\n")[:_TITLE_ROWS])
    order, other = ORDER_TITLE.search(head), OTHER_TITLE.search(head)
    if other is not None:
        return order is None or other.start("title") <= order.start()
    name = filename.rpartition(".")[0].replace("_", " ").replace("-", " ")
    if order is not None or ORDER_TITLE.search(name):
        return False
    return OTHER_NAME.search(name) is not None
