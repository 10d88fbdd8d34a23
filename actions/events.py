"""What happened, as CloudEvents 1.0: rows of the story in, JSON out. Pure.

    email.received                          a message was taken
    review.waiting, .approved, .rejected    a person is asked; has decided
    order.created, .failed, .dropped        the ERP has it; it gave up; it shall not happen
    invoice.updated, .failed, .dropped      the same for invoices
    ticket.created, .failed, .dropped       the same for tickets
    reply.sent, .failed, .withheld          a reply went out; it failed; a gate is shut

`id` is the number of the row: an event that comes twice has the same one. `source` is this
installation, `subject` the message ("m12") or the action ("a34"). Events carry who, what and which
number, never what a message says: of a reason they have the token alone.

Standards: CloudEvents 1.0.2, JSON format (structured mode); RFC 3339.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from postroom.decision import Step
from postroom.failure import token_of

MEDIA_TYPE = "application/cloudevents+json"
_MESSAGE: Mapping[tuple[str, str, str], str] = {
    ("message", "", "taken"): "email.received",
    ("review", "", "waiting"): "review.waiting",
    ("review", "waiting", "approved"): "review.approved",
    ("review", "waiting", "rejected"): "review.rejected",
}
_NOUNS = {
    Step.ORDER_CREATE.value: ("order", "created"),
    Step.INVOICE_UPDATE.value: ("invoice", "updated"),
    Step.TICKET_CREATE.value: ("ticket", "created"),
    Step.REPLY.value: ("reply", "sent"),
}
_WITHHELD = "reply-withheld:"
TYPES = (
    *_MESSAGE.values(),
    *(f"{noun}.{verb}" for noun, done in _NOUNS.values() for verb in (done, "failed", "dropped")),
    "reply.withheld",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One row of the story, with what an event tells of its message and action."""

    id: int
    at: datetime
    kind: str  # message, review or action
    old: str
    new: str
    who: str
    reason: str
    message: int
    message_id: str
    author: str
    category: str
    mailbox: str  # ours, which the message came to
    received_at: datetime
    action: int | None = None
    step: str = ""
    key: str = ""  # idempotency key; the ERP knows it as external_ref
    result: str = ""  # the ERP's number, the queue id of a reply


def event_type(happening: Happening) -> str:
    """The type of the event that tells it; empty where none does."""
    if happening.kind != "action":
        return _MESSAGE.get((happening.kind, happening.old, happening.new), "")
    if happening.step not in _NOUNS:
        return ""
    noun, done = _NOUNS[happening.step]
    match happening.new:
        case "done":
            return f"{noun}.{done}"
        case "dead":
            return f"{noun}.failed"
        case "dropped" if happening.reason.startswith(_WITHHELD):
            return f"{noun}.withheld"
        case "dropped":
            return f"{noun}.dropped"
    return ""


def cloud_event(happening: Happening, hostname: str) -> str:
    """The event as JSON; the same happening gives the same bytes."""
    is_action = happening.kind == "action"
    told = {
        "message": happening.message,
        "message_id": happening.message_id,
        "mailbox": happening.mailbox,
        "author": happening.author,
        "category": happening.category,
        "received_at": happening.received_at.isoformat(),
        "who": happening.who,
        "reason": token_of(happening.reason.removeprefix(_WITHHELD)),
    }
    if is_action:
        told |= {"action": happening.action, "external_ref": happening.key}
        told |= {"result": happening.result if happening.new == "done" else ""}
    event = {
        "specversion": "1.0",
        "id": str(happening.id),
        "source": f"/postroom/{quote(hostname, safe='')}",
        "type": event_type(happening),
        "subject": f"a{happening.action}" if is_action else f"m{happening.message}",
        "time": happening.at.isoformat(),
        "datacontenttype": "application/json",
        "data": told,
    }
    return json.dumps(event, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def failed_entry(happening: Happening) -> dict[str, str]:
    """The entry of the failed actions' stream, where an action became dead or ceased to be."""
    if happening.kind != "action" or "dead" not in (happening.old, happening.new):
        return {}
    return {
        "action": str(happening.action),
        "message": str(happening.message),
        "step": happening.step,
        "state": happening.new,
        "reason": token_of(happening.reason),
        "external_ref": happening.key,
        "who": happening.who,
        "at": happening.at.isoformat(),
    }
