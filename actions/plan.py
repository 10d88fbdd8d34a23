"""Decision -> actions: what will be sent, to the byte. Pure.

In: a decision and everything it was made from. Out: `Action`s whose bodies are frozen here, so
that every attempt sends the same bytes under the same key. The key is a UUIDv5 (RFC 9562 5.5) of
the message's digest and the step: the same mail, taken twice, plans the same actions. ERP bodies
are bodies.py's.

A reply waits for the ERP action (`after`), because it quotes the ERP's number. Without an
ERP (`erp.base_url`) nothing is planned for the ERP and no reply that would quote it. FORWARD is
planned only where `mailbox.hr` is set.

Limits: one reply per message, to the one who wrote it.
"""

import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from postroom.classification import Classification
from postroom.codec import to_json
from postroom.config import Config
from postroom.decision import Action, Decision, Outcome, Step
from postroom.envelope import Envelope
from postroom.message import AutomaticKind, Message
from postroom.order import Order, order_key
from postroom.verdict import Verdict

from .bodies import erp_body, one_line, our_mailbox, source_of
from .gates import ReplyFacts, facts_of

_NAMESPACE = uuid.UUID("6d1f0e0a-3c57-5f0e-9f5b-2b3c1a9f7e41")  # never changes: keys depend on it
_ERP_STEPS = (Step.ORDER_CREATE, Step.INVOICE_UPDATE, Step.TICKET_CREATE)
_LONGEST_SEQUENCE = 500  # characters
_MOST_REFERENCES, _LONGEST_MESSAGE_ID = 10, 250
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")  # printable ASCII, RFC 5322 3.6.4 loosely


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedLine:
    """One order line as a confirmation shows it."""

    sku: str
    description: str
    quantity: Decimal | None
    unit: str
    unit_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """Texts that a person approved for the slots of one reply (slots.py)."""

    wording: str  # digest of the wording they were approved for; another has its defaults
    texts: dict[str, str]  # by the name of the slot


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedReply:
    """The body of a REPLY: everything needed to judge and compose it but the ERP's number."""

    template: str  # name without language and suffix
    language: str  # of the message: ru, en, de ...
    mailbox: str  # ours, which the message came to
    recipient: str  # the envelope sender, RFC 3834 4
    name: str  # the author's display name, or empty
    subject: str
    message_id: str  # of the message answered, with brackets, or empty
    references: tuple[str, ...]  # for the References field, without message_id
    quotes_erp: bool  # the text quotes the number of the action it waits for
    number: str  # the sender's order number, or empty
    currency: str
    lines: tuple[QuotedLine, ...]
    total: Decimal | None
    facts: ReplyFacts
    personal: Personal | None = None  # never without a person's approval


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDelivery:
    """The body of a DELIVER."""

    recipient: str  # whose mailbox
    folder: str  # in it
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedForward:
    """The body of a FORWARD."""

    recipient: str  # where it goes
    mailbox: str  # ours, which the message came to; a bounce of the forward returns there


def action_key(digest: str, step: Step, recipient: str = "") -> str:
    """The idempotency key of a step of the message with that digest."""
    return str(uuid.uuid5(_NAMESPACE, "\n".join((digest, step.value, recipient))))


def plan(
    decision: Decision,
    *,
    message: Message,
    verdict: Verdict,
    order: Order,
    classification: Classification,
    envelope: Envelope,
    digest: str,
    received_at: datetime,
    config: Config,
    approved: bool = False,
    personal: Personal | None = None,
    approved_at: datetime | None = None,
    follows: str = "",
) -> tuple[Action, ...]:
    """The business actions of a decision, in the order they happen; DELIVER is `deliver`'s.

    A decision for review plans nothing until a person agreed (`approved`); only then can the
    reply hold `personal` texts. `follows` is the ERP's id of the ticket whose acknowledgement
    the message answers (threads.py): it matters only where the message becomes a ticket.
    """
    if decision.outcome is not Outcome.ACT and not approved:
        return ()
    source = source_of(message, verdict, classification, envelope, digest, received_at, config)
    mailbox = our_mailbox(envelope, config)
    follows = follows if Step.TICKET_CREATE in decision.steps else ""
    if follows:
        source["follows"] = follows
    actions: list[Action] = []
    waits_for = ""
    for step in decision.steps:
        if step in _ERP_STEPS and _is_taken(step, config):
            key = action_key(digest, step)
            body = erp_body(step, key, decision, message, classification, order, source)
            sequence = _sequence(step, order, message)
            actions.append(Action(key=key, step=step, body=body, sequence=sequence))
            waits_for = waits_for or key
    if Step.REPLY in decision.steps and decision.template:
        quotes_erp = any(step in _ERP_STEPS for step in decision.steps)
        if waits_for or not quotes_erp:
            facts = facts_of(
                message=message,
                verdict=verdict,
                classification=classification,
                envelope=envelope,
                received_at=received_at,
                config=config,
                approved=approved,
                category=decision.category,
                approved_at=approved_at,
                follows=follows,
            )
            reply = _reply(decision, message, order, mailbox, quotes_erp, facts)
            reply = replace(reply, personal=personal if approved else None)
            key = action_key(digest, Step.REPLY)
            actions.append(Action(key=key, step=Step.REPLY, body=to_json(reply), after=waits_for))
    if Step.FORWARD in decision.steps and config.mailbox.hr:
        actions.append(forward(config.mailbox.hr, envelope=envelope, digest=digest, config=config))
    return tuple(actions)


def _sequence(step: Step, order: Order, message: Message) -> str:
    """What is about the same order, or invoice, of the same author happens in turn."""
    number = order_key(order.number)
    if step is Step.TICKET_CREATE or not number or message.author is None:
        return ""
    return f"{step.value} {message.author.text.lower()} {number}"[:_LONGEST_SEQUENCE]


def _is_taken(step: Step, config: Config) -> bool:
    """Whether there is a system for the step: that of tickets, else the ERP."""
    if step is Step.TICKET_CREATE and config.tickets.is_set:
        return True
    by_itself = config.erp.kind == "commerceml"  # 1C comes for orders, and for nothing else
    return config.erp.is_set and (step is Step.ORDER_CREATE or not by_itself)


def deliver(decision: Decision, *, recipient: str, digest: str) -> Action:
    """The action that hands the message on to one recipient's mailbox."""
    key = action_key(digest, Step.DELIVER, recipient.lower())
    body = PlannedDelivery(recipient=recipient, folder=decision.folder, category=decision.category)
    return Action(key=key, step=Step.DELIVER, body=to_json(body))


def forward(recipient: str, *, envelope: Envelope, digest: str, config: Config) -> Action:
    """The action that sends the message as it came to another mailbox of the company."""
    body = PlannedForward(recipient=recipient, mailbox=our_mailbox(envelope, config))
    key = action_key(digest, Step.FORWARD, recipient)
    return Action(key=key, step=Step.FORWARD, body=to_json(body))


def read_report(
    message: Message, envelope: Envelope, *, digest: str, config: Config
) -> tuple[Action, ...]:
    """The action that reads a DMARC report, or the bounce of one of ours; none for other mail."""
    author = config.dmarc_reports.author
    match message.automatic.kind:
        case AutomaticKind.REPORT:
            wanted = True
        case AutomaticKind.BOUNCE:
            wanted = any(recipient.lower() == author for recipient in envelope.recipients)
        case _:
            wanted = False
    if not wanted:
        return ()
    key = action_key(digest, Step.REPORT_READ)
    return (Action(key=key, step=Step.REPORT_READ, body="{}"),)


def _reply(
    decision: Decision,
    message: Message,
    order: Order,
    mailbox: str,
    quotes_erp: bool,
    facts: ReplyFacts,
) -> PlannedReply:
    is_id = [i for i in message.references if _is_message_id(i) and i != message.message_id]
    return PlannedReply(
        template=decision.template,
        language=message.language,
        mailbox=mailbox,
        recipient=facts.sender,
        name=one_line(message.author.name if message.author else ""),
        subject=one_line(message.subject),
        message_id=message.message_id if _is_message_id(message.message_id) else "",
        references=tuple(is_id[-_MOST_REFERENCES:]),
        quotes_erp=quotes_erp,
        number=one_line(order.number),
        currency=order.currency,
        lines=tuple(
            QuotedLine(
                sku=one_line(line.sku),
                description=one_line(line.description),
                quantity=line.quantity,
                unit=one_line(line.unit),
                unit_price=line.unit_price,
            )
            for line in order.lines
        ),
        total=order.total,
        facts=facts,
    )


def _is_message_id(value: str) -> bool:
    # An encoded word is none: the email package would decode it, line ends and all.
    return (
        len(value) <= _LONGEST_MESSAGE_ID
        and _MESSAGE_ID.fullmatch(value) is not None
        and "=?" not in value
    )
