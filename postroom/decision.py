"""What Postroom will do with a message, and why; and the actions that follow.

`Decision` is made by classify/decide.py (a table, pure), `Action` by actions/plan.py from the
decision. Both are stored with the message in the transaction that precedes LMTP's 250.
"""

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """Who has the next word."""

    ACT = "act"  # sure and authenticated: the steps are planned
    REVIEW = "review"  # a person decides; the steps are what approval would do
    DELIVER = "deliver"  # nothing to do but hand the message on


class Step(Enum):
    """One thing to do in the world."""

    ORDER_CREATE = "order-create"
    INVOICE_UPDATE = "invoice-update"
    TICKET_CREATE = "ticket-create"
    REPLY = "reply"
    FORWARD = "forward"  # to another mailbox (hr)
    DELIVER = "deliver"  # to the people's mailbox; planned for every message
    WEBHOOK = "webhook"  # tell a program elsewhere that something happened
    REPORT_READ = "report-read"  # take what a DMARC report, or the bounce of ours, says


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What will be done, and why not more."""

    outcome: Outcome
    category: str
    steps: tuple[Step, ...] = ()  # business steps; DELIVER is implied
    folder: str = "INBOX"  # mailbox folder the message is delivered to
    template: str = ""  # reply template's name; empty when no reply is planned
    ticket_kind: str = ""  # "support" or "lead" for TICKET_CREATE
    reasons: tuple[str, ...] = ()  # machine token, colon, sentence: "unauthenticated: ..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step made concrete, with its idempotency key; a row of the outbox."""

    key: (
        str  # UUIDv5 over message digest, recipient where it matters, and step: same mail, same key
    )
    step: Step
    body: str  # JSON, frozen when planned, so that every attempt sends the same bytes
    after: str = ""  # key of the action whose success this one waits for; empty for none
    # Actions with the same text here happen one after the other, in the order they were planned:
    # a change never overtakes its order. Empty: no matter.
    sequence: str = ""
