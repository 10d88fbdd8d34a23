"""How each step is carried out: a leased action in, `Done` or a failure out.

    ORDER_CREATE, INVOICE_UPDATE, TICKET_CREATE   ErpPerformer: the ERP's id
    REPLY                                         ReplyPerformer: gates, compose, submit
    FORWARD                                       ForwardPerformer: the message as it came

DELIVER is lmtp/mailbox.py's. A reply is judged twice: before anything is composed, and, for the
gates that may have shut since, again in the transaction that writes the point of no return, so
that two workers cannot both be the one reply of the hour.

Failure policy: what an ERP does is repeatable under its key, and so is a forward (a second copy
for a colleague is better than none); a reply is not, and ends as "outcome-unknown" instead.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy import Connection, select

from postroom.clock import Clock
from postroom.codec import from_json
from postroom.config import Config
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.store.engine import Database
from postroom.store.schema import MESSAGE

from .answered import answered, answers, one_at_a_time
from .approvals import may_be_used
from .erp.contract import Erp, ErpRequest
from .gates import Answered, by_count, withheld
from .outbox import Done, Leased, mark_committed, mark_refused
from .plan import PlannedForward, PlannedReply
from .reply import Composer
from .submit import OutcomeUnknown, Refused, submit
from .wording import Wording, find

Performer = Callable[[Leased], Awaitable[Done]]


class ReplyWithheld(PermanentFailure):
    """A gate is shut; the reply is dropped with the gate's reason."""

    def __init__(self, gate: str) -> None:
        super().__init__(f"reply-withheld:{gate}")
        self.gate = gate


class ErpPerformer:
    """Carries out the ERP steps."""

    def __init__(self, erp: Erp) -> None:
        self._erp = erp

    async def __call__(self, leased: Leased) -> Done:
        """Raises what the connector raises."""
        request = ErpRequest(
            step=leased.step,
            key=leased.key,
            body=leased.body,
            repeated=leased.attempt > 1,
            previous_at=leased.previous_at,
        )
        return Done(result=await self._erp.send(request))


class ReplyPerformer:
    """Answers the sender, or says why not."""

    def __init__(self, config: Config, database: Database, clock: Clock) -> None:
        self._config = config
        self._database = database
        self._clock = clock
        self._composer = Composer(config.reply)

    async def __call__(self, leased: Leased) -> Done:
        """The result is Postfix's queue id.

        Raises ReplyWithheld for a shut gate, OutcomeUnknown when no answer came to the data, and
        the failures of composing and submitting.
        """
        planned = from_json(PlannedReply, leased.body)
        wording = await asyncio.to_thread(self._judge, leased, planned)
        if planned.quotes_erp and not leased.prior_result:
            raise PermanentFailure("no-erp-number")
        composed = self._composer.compose(
            planned, wording, key=leased.key, erp=leased.prior_result, now=self._clock.now()
        )
        try:
            queue_id = await submit(
                self._config.reply.submit,
                hostname=self._config.service.hostname,
                sender="",  # RFC 3834 3.3: a bounce of an automatic reply goes nowhere
                recipient=composed.recipient,
                message=composed.content,
                before_data=lambda: asyncio.to_thread(self._commit, leased, planned, wording),
            )
        except Refused as refused:
            await asyncio.to_thread(self._take_back, leased)
            raise refused.failure from refused
        return Done(result=queue_id)

    def _judge(self, leased: Leased, planned: PlannedReply) -> Wording:
        """The wording of a reply that may go, as its files are now."""
        now = self._clock.now()
        if gate := withheld(planned.facts, Answered(), config=self._config, now=now):
            raise ReplyWithheld(gate)
        wording = find(planned.template, planned.language, self._config.reply)
        with self._database.reading() as connection:
            gate = self._by_now(connection, leased, planned, wording, now)
        if gate:
            raise ReplyWithheld(gate)
        return wording

    def _commit(self, leased: Leased, planned: PlannedReply, wording: Wording) -> None:
        now = self._clock.now()
        with self._database.transaction() as connection:
            one_at_a_time(connection)
            if gate := self._by_now(connection, leased, planned, wording, now):
                raise ReplyWithheld(gate)
            mark_committed(connection, leased, now, answers(planned.facts))

    def _by_now(
        self,
        connection: Connection,
        leased: Leased,
        planned: PlannedReply,
        wording: Wording,
        now: datetime,
    ) -> str:
        """The gates that what happened meanwhile can shut: approval, interval, limits."""
        if not may_be_used(connection, wording, self._config.reply):
            return "template-unapproved"
        already = answered(connection, planned.facts, leased.id, now, self._config.reply)
        return by_count(already, config=self._config)

    def _take_back(self, leased: Leased) -> None:
        with self._database.transaction() as connection:
            mark_refused(connection, leased)


class ForwardPerformer:
    """Sends the message as it came to another mailbox of the company."""

    def __init__(self, config: Config, database: Database) -> None:
        self._config = config
        self._database = database

    async def __call__(self, leased: Leased) -> Done:
        """The result is Postfix's queue id. Raises the failures of submitting."""
        planned = from_json(PlannedForward, leased.body)
        raw = await asyncio.to_thread(self._raw, leased.message)
        try:
            queue_id = await submit(
                self._config.reply.submit,
                hostname=self._config.service.hostname,
                sender=planned.mailbox,
                recipient=planned.recipient,
                message=raw,
                before_data=_nothing,
            )
        except Refused as refused:
            raise refused.failure from refused
        except OutcomeUnknown as unknown:
            raise TemporaryFailure("smtp-connection-lost", unknown) from unknown
        return Done(result=queue_id)

    def _raw(self, message: int) -> bytes:
        with self._database.reading() as connection:
            raw = connection.execute(select(MESSAGE.c.raw).where(MESSAGE.c.id == message)).scalar()
        if raw is None:
            raise PermanentFailure("message-gone")
        return bytes(raw)


async def _nothing() -> None:
    """A forward has no point of no return."""
