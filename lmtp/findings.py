"""What a message is: read it, examine it unless the milter did, extract its order.

In: an `Arrival` and the service's three functions. Out: `Findings`, all that a decision needs.

The verdict must speak of the author we read. A stamp whose author differs is not believed; when
an examination of our own still sees another author, the message counts as unauthenticated,
because it is not known that the one who passed is the one who would be answered. An
examination that could not read the message proves its author all the same; what it is, is then
asked anew of what is read here.

Failure policy: what the bytes themselves cause (a part that kills or outlasts its reader: problem
worker-..., or a PermanentFailure) becomes a doubt that sends the message to a person, since the
next delivery would end the same way. TemporaryFailure goes up, and Postfix keeps the message.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from postroom import maillog, metrics
from postroom.classification import Classification
from postroom.classify.second_look import Considered
from postroom.envelope import Envelope
from postroom.examination import Examination, Examine
from postroom.failure import PermanentFailure
from postroom.message import WORKER_LOST, Message
from postroom.order import Order
from postroom.verdict import Disposition, DmarcResult, Verdict

from .arrival import Arrival
from .mailboxes import comparable

Read = Callable[[bytes], Awaitable[Message]]
Extract = Callable[[Message, Classification], Awaitable[Order]]
Classify = Callable[[Message, Verdict, Envelope], Awaitable[Classification]]
Consider = Callable[[Message, Classification], Awaitable[Considered]]

_WITH_DOCUMENT = ("purchase_order", "invoice")  # categories whose order or invoice is read


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found out about a message."""

    message: Message
    verdict: Verdict
    classification: Classification
    disposition: Disposition  # what the border said, or would have said
    order: Order
    doubts: tuple[str, ...]  # why a person must look, whatever the decision table says
    considered: Considered | None = None  # with what the message is like

    @property
    def author(self) -> str:
        """The author's address; empty when there is not exactly one."""
        return self.message.author.text if self.message.author else ""


async def find_out(
    arrival: Arrival,
    *,
    read: Read,
    examine: Examine,
    classify: Classify,
    extract: Extract,
    consider: Consider | None = None,
) -> Findings:
    """Everything a decision needs; `consider` is the second look at an unsure classification.

    Raises TemporaryFailure when a stage cannot say now.
    """
    message = await _read(arrival.raw, read)
    examination, unexamined = await _examination(arrival, message, examine)
    examination = await _as_read(arrival, examination, message, classify)
    considered = await consider(message, examination.classification) if consider else None
    classification = considered.classification if considered else examination.classification
    order = await _order(message, classification, extract)
    unread = [p for p in (*message.problems, *order.problems) if p.startswith(WORKER_LOST)]
    return Findings(
        message=message,
        verdict=examination.verdict,
        classification=classification,
        considered=considered,
        disposition=examination.disposition,
        order=order,
        doubts=(*unexamined, *(f"unreadable: reading it ended in {p}" for p in unread)),
    )


async def _read(raw: bytes, read: Read) -> Message:
    try:
        return await read(raw)
    except PermanentFailure as failure:
        return Message(raw=raw, problems=(WORKER_LOST + failure.reason.removeprefix(WORKER_LOST),))


async def _examination(
    arrival: Arrival, message: Message, examine: Examine
) -> tuple[Examination, tuple[str, ...]]:
    """Verdict and classification, about the author we read; and why not, if there are none."""
    author = comparable(message.author.text) if message.author else ""
    if arrival.stamped is not None:
        if comparable(arrival.stamped.verdict.author) == author:
            return arrival.stamped, ()
        metrics.STAMPS.labels("stamp-other-author").inc()
        maillog.stamp_ignored(queue_id=arrival.envelope.queue_id, reason="stamp-other-author")
    try:
        examination = await examine(arrival.envelope, arrival.raw)
    except PermanentFailure as failure:
        nothing = Examination(verdict=Verdict(), classification=Classification())
        return nothing, (f"unexamined: the examination ended in {failure.reason}",)
    if comparable(examination.verdict.author) == author:
        return examination, ()
    unproven = replace(
        examination.verdict, dmarc=DmarcResult(reason="author-mismatch"), local=False
    )
    return replace(examination, verdict=unproven), ()


async def _as_read(
    arrival: Arrival, found: Examination, message: Message, classify: Classify
) -> Examination:
    """The examination; classified anew when that could not read what we have read."""
    if not found.unread or message.unread:
        return found
    classification = await classify(message, found.verdict, arrival.envelope)
    return replace(found, classification=classification, unread="")


async def _order(message: Message, classification: Classification, extract: Extract) -> Order:
    if classification.category not in _WITH_DOCUMENT:
        return Order()
    try:
        return await extract(message, classification)
    except PermanentFailure as failure:
        return Order(problems=(WORKER_LOST + failure.reason.removeprefix(WORKER_LOST),))
