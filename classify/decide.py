"""What will be done with a message: a table over facts, pure.

In: classification, verdict, order, message and what the store knows. Out: a `Decision` with a
reason for everything that was not done. The row of `[categories]` says what would follow; each
doubt below takes the message to review instead, where a person may still let it happen.

    doubt            why a person must look
    quarantine       the border would have kept it out (DMARC, policy)
    unauthenticated  the author is not proven: anybody could have written it (contract 1.7)
    unsure           confidence below the threshold
    no-category      the configuration has no row for the category: nobody said what follows
    lone-spam        only the model says spam, below 0.97, and the author is proven
    forced           rule and model contradict, a rule asks for a person, or there is no model
    blocked          a rule forbids actions without a person
    machine          a program wrote it, or seems to; an invoice or order from one is still worth
                     a look
    unreadable       part of the message could not be read, or not told from what it quotes
    order-*          an order that is incomplete, a change, already known, or not there
    invoice-is-order the classification says invoice, the document says order

A message that nothing would follow from is only delivered, and so is one whose row says
`review = false`, however unsure, but not one that is forced or without a row. Bounces,
out-of-office answers, lists and the like never get actions: one that looks like an order is a copy
of one. Where their words alone say that they are such, a person looks: people use those words too.

Mail is filed in its category's folder only when sure; otherwise it lies in INBOX, where people
look: an order filed under Junk is a lost customer. That is why a proven author's mail needs more
than the model's word to be spam. Where a row has no review (spam, hr, other) and
the classification is unsure, the second guess counts instead, if it is likely enough and its row
has one: what may be an order is seen by a person.
"""

from collections.abc import Iterator
from dataclasses import replace

from postroom.classification import Classification
from postroom.config import CategoryRow, Config
from postroom.decision import Decision, Outcome, Step
from postroom.message import AutomaticKind, Message
from postroom.order import SAME_LINES_DAYS, Order, OrderKind, order_key
from postroom.reading.names import ascii_address
from postroom.verdict import Disposition, Result, Verdict

QUARANTINE_FOLDER = "Quarantine"
ORDER_KNOWN = "order-known"  # how that doubt begins
_INBOX = "INBOX"
_OTHER = CategoryRow(review=False)
# What only a proven author may set in motion; forwarding to a colleague is not among it.
_BUSINESS = frozenset({Step.ORDER_CREATE, Step.INVOICE_UPDATE, Step.TICKET_CREATE, Step.REPLY})
_KEPT_OUT = (Disposition.QUARANTINE, Disposition.REJECT, Disposition.DISCARD)
_SECOND_GUESS = 0.2  # probability from which a second guess counts

# Problems of reading after which the text may not be what the author wrote.
_UNTRUSTWORTHY = (
    "encrypted",
    "worker-",
    "limit",
    "header-unclear",  # text may have been taken for header
    "quotes-unsure",  # what is quoted may have been read as new, or the other way round
    "smime-broken",
    "tnef-broken",
)


def decide(
    classification: Classification,
    verdict: Verdict,
    order: Order,
    message: Message,
    config: Config,
    *,
    known_order: bool = False,
    disposition: Disposition = Disposition.ACCEPT,
) -> Decision:
    """The decision; `known_order` says that this order of this author was taken before."""
    category, guessed = _category(classification, config)
    row = config.categories.get(category, _OTHER)
    kept_out = disposition in _KEPT_OUT
    lone_spam = tuple(_spam_doubts(classification, verdict, config))
    is_filed = _is_sure(classification, config) and not lone_spam
    folder = row.folder if is_filed else _INBOX
    filed = Decision(
        outcome=Outcome.DELIVER,
        category=category,
        folder=QUARANTINE_FOLDER if kept_out else classification.folder or folder,
    )
    if _is_noise(message, row):
        kind, why = message.automatic.kind.value, message.automatic.why
        return replace(filed, reasons=(f"automatic: a machine wrote it ({kind}: {why})",))
    steps = tuple(_steps(row, message, config))
    doubts = [*guessed, *_border_doubts(disposition), *_row_doubts(category, config), *lone_spam]
    if _BUSINESS & set(steps):
        doubts += _author_doubts(verdict, config)
    doubts += _classification_doubts(classification, message, config)
    if Step.ORDER_CREATE in steps:
        doubts += _order_doubts(order, known_order)
    if Step.INVOICE_UPDATE in steps and order.kind in (OrderKind.ORDER, OrderKind.ORDER_CHANGE):
        doubts.append("invoice-is-order: what was read is an order, not an invoice")
    planned = replace(
        filed,
        outcome=Outcome.ACT,
        steps=steps,
        template=(classification.template or row.template) if Step.REPLY in steps else "",
        ticket_kind=row.ticket_kind if Step.TICKET_CREATE in steps else "",
        reasons=tuple(doubts) or (f"sure: {category} at {classification.confidence:.2f}",),
    )
    is_held = kept_out or category not in config.categories or _is_forced(classification, config)
    if doubts and (is_held or lone_spam or (row.review and steps)):
        return replace(planned, outcome=Outcome.REVIEW)
    if doubts or not steps:
        return replace(planned, outcome=Outcome.DELIVER, steps=(), template="", ticket_kind="")
    return planned


def order_known(order: Order) -> str:
    """The doubt about an order that this author has sent before."""
    if not order_key(order.number):
        days = f"within {SAME_LINES_DAYS} days"
        return f"{ORDER_KNOWN}: the same lines of this author were taken {days}; it has no number"
    return f"{ORDER_KNOWN}: order {order.number} of this author was taken before"


def _category(classification: Classification, config: Config) -> tuple[str, list[str]]:
    """The category, or the second guess where nobody would look at an unsure first, with why."""
    category, confidence = classification.category, classification.confidence
    if config.categories.get(category, _OTHER).review:
        return category, []
    if confidence >= config.classification.threshold:
        return category, []
    reviewed = {
        name: score
        for name, score in classification.likely.items()
        if config.categories.get(name, _OTHER).review
    }
    second = max(reviewed, key=lambda name: reviewed[name], default="")
    if reviewed.get(second, 0.0) < _SECOND_GUESS:
        return category, []
    return second, [f"second-guess: {category} at {confidence:.2f}, or else {second}"]


def _is_sure(classification: Classification, config: Config) -> bool:
    threshold = config.classification.threshold
    return classification.confidence >= threshold and not classification.review


def _is_noise(message: Message, row: CategoryRow) -> bool:
    """Whether a machine wrote it and no desk waits for such mail."""
    automatic = message.automatic
    if not automatic.is_automatic:
        return False
    may_be_business = automatic.kind is AutomaticKind.SYSTEM or automatic.doubtful
    return not may_be_business or not row.review


def _steps(row: CategoryRow, message: Message, config: Config) -> Iterator[Step]:
    for step in map(Step, row.steps):
        if step is Step.FORWARD and config.mailbox.hr is None:
            continue  # nowhere to forward to: it stays in its folder
        if step is Step.REPLY and message.automatic.is_automatic:
            continue  # RFC 3834 2: never answer a machine, not even by a person's approval
        yield step


def _is_forced(classification: Classification, config: Config) -> bool:
    """Whether a person must look, whatever the row says.

    A sure classification in review was forced there, also one stored before `forced` was.
    """
    is_sure = classification.confidence >= config.classification.threshold
    return classification.forced or (classification.review and is_sure)


def _border_doubts(disposition: Disposition) -> Iterator[str]:
    if disposition in _KEPT_OUT:
        yield f"quarantine: the border's answer was {disposition.value}"


def _row_doubts(category: str, config: Config) -> Iterator[str]:
    if category not in config.categories:
        yield f"no-category: the configuration has no [categories.{category}]"


def _spam_doubts(classification: Classification, verdict: Verdict, config: Config) -> Iterator[str]:
    """What is unsure anyway is no Junk, and lies in INBOX without a person's look."""
    if classification.confidence < config.classification.threshold:
        return
    if classification.is_lone_spam and _is_proven(verdict, config):
        said = f"spam at {classification.confidence:.2f}"
        yield f"lone-spam: only the model says {said}, and the author is proven"


def _author_doubts(verdict: Verdict, config: Config) -> Iterator[str]:
    if _is_proven(verdict, config):
        return
    yield f"unauthenticated: {_why_not_authenticated(verdict)}"


def _is_proven(verdict: Verdict, config: Config) -> bool:
    return bool(verdict.authenticated_domain) or _is_exception(verdict, config)


def _is_exception(verdict: Verdict, config: Config) -> bool:
    """Whether the admin takes this author for proven on less than DMARC."""
    author = ascii_address(verdict.author)
    names = config.authentication.exceptions
    named = bool(author) and (author in names or author.rpartition("@")[2] in names)
    return named and (verdict.local or bool(verdict.dmarc.aligned))


def _why_not_authenticated(verdict: Verdict) -> str:
    if verdict.local:
        return "submitted by our own clients, which are not checked"
    if not verdict.author:
        return "there is not exactly one well-formed author"
    dmarc = verdict.dmarc
    if dmarc.policy is None and dmarc.result is Result.NONE:
        return f"{dmarc.domain} has no DMARC record and no aligned SPF or DKIM pass"
    return f"DMARC of {dmarc.domain} is {dmarc.result.value}"


def _classification_doubts(
    classification: Classification, message: Message, config: Config
) -> Iterator[str]:
    threshold = config.classification.threshold
    if classification.confidence < threshold:
        said = f"{classification.category} at {classification.confidence:.2f}"
        yield f"unsure: {said}, below the threshold {threshold:.2f}"
    if _is_forced(classification, config):
        yield "forced: rules and model contradict, a rule asks for a person, or there is no model"
    if classification.blocked:
        yield "blocked: a rule forbids actions without a person"
    if message.automatic.is_automatic:
        wrote = "may have written" if message.automatic.doubtful else "wrote"
        yield f"machine: a program {wrote} it ({message.automatic.why})"
    for problem in message.problems:
        if any(token in problem for token in _UNTRUSTWORTHY):
            yield f"unreadable: {problem}"


def _order_doubts(order: Order, known_order: bool) -> Iterator[str]:
    match order.kind:
        case OrderKind.NONE:
            yield "order-missing: no order lines could be read"
        case OrderKind.ORDER_CHANGE:
            yield "order-change: it changes or cancels an earlier order"
        case OrderKind.INVOICE:
            yield "order-is-invoice: the document is an invoice"
        case OrderKind.ORDER if not order.complete:
            problems = [*order.problems, *(p for line in order.lines for p in line.problems)]
            yield f"order-incomplete: {', '.join(dict.fromkeys(problems)) or 'a line is unsure'}"
        case OrderKind.ORDER:
            pass
    if known_order:
        yield order_known(order)
