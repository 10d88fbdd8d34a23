"""What will be done with a message: a table over facts, pure.

In: classification, verdict, order, message and what the store knows. Out: a `Decision` with a
reason for everything that was not done. The row of `[categories]` says what would follow; each
doubt below takes the message to review instead, where a person may still let it happen.

    doubt                     why a person must look
    quarantine                the border would have kept it out (DMARC, policy)
    unauthenticated           the author is not proven: anybody could have written it (contract 1.7)
    unsure, forced            confidence below the threshold, rule and model contradict, a rule asks
    unreadable                part of the message could not be read
    order-*                   an order that is incomplete, a change, already known, or not there

A message that nothing would follow from (an empty row, a machine's mail) is only delivered; one
whose row says `review = false` is delivered however unsure. Machines never get actions: a bounce
or an out-of-office that looks like an order is a copy of one.

Mail is filed in its category's folder only when sure; otherwise it lies in INBOX, where people
look: an order filed under Junk is a lost customer.
"""

from collections.abc import Iterator
from dataclasses import replace

from postroom.classification import Classification
from postroom.config import CategoryRow, Config
from postroom.decision import Decision, Outcome, Step
from postroom.message import Message
from postroom.order import Order, OrderKind
from postroom.verdict import Disposition, Result, Verdict

QUARANTINE_FOLDER = "Quarantine"
_INBOX = "INBOX"
_OTHER = CategoryRow(review=False)
_BUSINESS = frozenset({Step.ORDER_CREATE, Step.INVOICE_UPDATE, Step.TICKET_CREATE, Step.REPLY})

# Problems of reading after which the text may not be what the author wrote.
_UNTRUSTWORTHY = ("encrypted", "worker-", "limit")


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
    """The decision; `known_order` says that this author's order of this number was taken before."""
    category = classification.category
    row = config.categories.get(category, _OTHER)
    steps = tuple(Step(step) for step in row.steps)
    sure = _is_sure(classification, config)
    quarantined = disposition in (Disposition.QUARANTINE, Disposition.REJECT)
    folder = row.folder if sure else _INBOX
    if message.automatic.is_automatic:
        kind, why = message.automatic.kind.value, message.automatic.why
        reasons: tuple[str, ...] = (f"automatic: a machine wrote it ({kind}: {why})",)
        return Decision(outcome=Outcome.DELIVER, category=category, folder=folder, reasons=reasons)
    doubts = (*_border_doubts(disposition), *_doubts(classification, verdict, message, config))
    if Step.ORDER_CREATE in steps:
        doubts += tuple(_order_doubts(order, known_order))
    decision = Decision(
        outcome=Outcome.ACT,
        category=category,
        steps=steps,
        folder=QUARANTINE_FOLDER if quarantined else folder,
        template=row.template,
        ticket_kind=row.ticket_kind,
        reasons=doubts or (f"sure: {category} at {classification.confidence:.2f}",),
    )
    return _with_outcome(decision, doubts, row, quarantined)


def _with_outcome(
    decision: Decision, doubts: tuple[str, ...], row: CategoryRow, quarantined: bool
) -> Decision:
    if doubts and (row.review or quarantined or _BUSINESS & set(decision.steps)):
        return replace(decision, outcome=Outcome.REVIEW)
    if not decision.steps or doubts:
        return replace(decision, outcome=Outcome.DELIVER, steps=())
    return decision


def _is_sure(classification: Classification, config: Config) -> bool:
    threshold = config.classification.threshold
    return classification.confidence >= threshold and not classification.review


def _border_doubts(disposition: Disposition) -> Iterator[str]:
    if disposition in (Disposition.QUARANTINE, Disposition.REJECT):
        yield f"quarantine: the border's answer was {disposition.value}"


def _doubts(
    classification: Classification, verdict: Verdict, message: Message, config: Config
) -> Iterator[str]:
    if not verdict.authenticated_domain:
        yield f"unauthenticated: {_why_not_authenticated(verdict)}"
    threshold = config.classification.threshold
    if classification.confidence < threshold:
        said = f"{classification.category} at {classification.confidence:.2f}"
        yield f"unsure: {said}, below the threshold {threshold:.2f}"
    elif classification.review:
        yield "forced: rules and model contradict, or a rule asks for a person"
    for problem in message.problems:
        if any(token in problem for token in _UNTRUSTWORTHY):
            yield f"unreadable: {problem}"


def _why_not_authenticated(verdict: Verdict) -> str:
    if verdict.local:
        return "submitted by our own clients, which are not checked"
    if not verdict.author:
        return "there is not exactly one well-formed author"
    dmarc = verdict.dmarc
    if dmarc.policy is None and dmarc.result is Result.NONE:
        return f"{dmarc.domain} has no DMARC record and no aligned SPF or DKIM pass"
    return f"DMARC of {dmarc.domain} is {dmarc.result.value}"


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
    if known_order:
        yield f"order-known: order {order.number} of this author was taken before"
