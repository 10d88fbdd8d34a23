"""What is decided when a message that waits in review is looked at again.

In: the message as it is stored, and a person's correction where there is one. Out: the message with
what it is now and what shall follow, to be written in the caller's transaction. The order's number
is asked for again: another message may have brought the same order in the meantime. Transactions
on one order of one author go one after the other, as at receipt. Doubts that only receipt can have
stay: no correction answers them, but the approval that follows does.
"""

from dataclasses import replace

from sqlalchemy import Connection

from .classify.decide import ORDER_KNOWN, decide, order_known
from .config import Config
from .corrections import Correction, corrected
from .decision import Decision, Outcome, Step
from .message import Message
from .order import Order, order_turn
from .store import messages, repeats
from .store.messages import StoredMessage

# How the doubts begin that are found at receipt (lmtp/) and that `decide` is not told of again.
_OF_RECEIPT = ("repeated:", "unexamined:", "quarantine:", "unreadable: reading it ended")


def decided_anew(
    connection: Connection,
    stored: StoredMessage,
    message: Message,
    correction: Correction,
    who: str,
    config: Config,
) -> StoredMessage:
    """The message as a person says it is, with the decision that follows from that."""
    classification, order = stored.classification, corrected(stored.order, correction)
    if correction.category is not None:
        classification = replace(
            classification,
            category=correction.category,
            confidence=1.0,
            source="person",
            review=False,
            forced=False,
            reasons=(*classification.reasons, f"{who} said: {correction.category}"),
        )
    known = _is_known(connection, stored, order)
    decision = decide(classification, stored.verdict, order, message, config, known_order=known)
    if correction.category is None or decision.outcome is not Outcome.DELIVER:
        decision = _still_doubted(stored.decision, decision)
    return replace(stored, classification=classification, order=order, decision=decision)


def _still_doubted(before: Decision, decision: Decision) -> Decision:
    """The new decision, which waits for approval as long as the old one has doubts of receipt."""
    doubts = tuple(reason for reason in before.reasons if reason.startswith(_OF_RECEIPT))
    if not doubts:
        return decision
    reasons = (*doubts, *(reason for reason in decision.reasons if reason not in doubts))
    return replace(decision, outcome=Outcome.REVIEW, folder=before.folder, reasons=reasons)


def ordered_meanwhile(connection: Connection, stored: StoredMessage) -> StoredMessage | None:
    """The message with the doubt that its order was taken since it came; None where it has none.

    None also where the doubt stands in its decision already: then a person has seen it.
    """
    decision = stored.decision
    told = any(reason.startswith(ORDER_KNOWN) for reason in decision.reasons)
    orders = Step.ORDER_CREATE in decision.steps
    if told or not orders or not _is_known(connection, stored, stored.order):
        return None
    reasons = (*decision.reasons, order_known(stored.order))
    return replace(stored, decision=replace(decision, reasons=reasons))


def _is_known(connection: Connection, stored: StoredMessage, order: Order) -> bool:
    messages.queue_up(connection, order_turn(stored.author, order))
    return repeats.is_ordered(
        connection, stored.author, order, at=stored.received_at, besides=stored.digest
    )
