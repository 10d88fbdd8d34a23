"""ONE message, top to bottom: known? -> find out -> decide -> plan -> commit -> 250.

In: envelope and raw bytes from session.py. Out: one reply per recipient, 250 only when the raw
bytes, verdict, classification, order, decision and every planned action are on disk together.
`Intake.take` is the story; what follows are its sentences, in the same order.

What came before is asked first: a redelivery costs a digest and a query, is answered 250 and
changes nothing (store/messages.py says what counts as the same). A recipient who is new to a
known message gets a delivery and nothing else; business actions are once per message.

Failure policy: trouble that may pass is 451 or 452, and Postfix keeps the message. LMTP never
refuses for policy: behind the queue a 5xx makes Postfix send a bounce, and a forged sender would
get it. What the border would have refused is taken, filed under Quarantine and never acted on
without a person.

Limits: a message that is new is read and examined before the write lock is taken, so two
connections that bring it at the same time both do that work; one of them stores it.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection

from postroom import maillog, metrics
from postroom.actions import outbox
from postroom.actions.plan import deliver, plan, read_report
from postroom.actions.threads import ticket_followed
from postroom.classify.decide import QUARANTINE_FOLDER, decide
from postroom.clock import Clock
from postroom.config import Config
from postroom.decision import Action, Decision, Outcome
from postroom.doorbell import bell_path
from postroom.doorbell import ring as ring_here
from postroom.envelope import Envelope
from postroom.examination import Examine
from postroom.failure import PermanentFailure, Reply, TemporaryFailure, reply_for
from postroom.order import order_turn
from postroom.stamp import StampKey
from postroom.store import emptied, likeness, messages, repeats
from postroom.store.engine import Database
from postroom.store.messages import Known, NewMessage, Taken
from postroom.verdict import Disposition

from . import poison
from .arrival import Arrival, arrive
from .findings import Classify, Consider, Extract, Findings, Read, find_out

_WHO = "lmtp"
_REFUSED_AT_BORDER = (Disposition.REJECT, Disposition.QUARANTINE, Disposition.DISCARD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What a new message became."""

    taken: Taken
    decision: Decision
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What was taken before."""

    same: Known | None = None  # the same message: by content, or by names and recipients
    namesake: Known | None = None  # another one with this queue id and Message-ID


class Intake:
    """Takes messages, once each."""

    def __init__(
        self,
        *,
        config: Config,
        database: Database,
        clock: Clock,
        keys: tuple[StampKey, ...],  # of the milter's stamp; the newest first
        examine: Examine,
        classify: Classify,
        read: Read,
        extract: Extract,
        consider: Consider | None = None,
        ring: Callable[[], None] | None = None,  # wakes the workers; unset: those of this host
    ) -> None:
        self._config = config
        self._database = database
        self._clock = clock
        self._keys = keys
        self._examine = examine
        self._classify = classify
        self._read = read
        self._extract = extract
        self._consider = consider
        self._ring = ring or (lambda: ring_here(bell_path(config)))

    async def take(self, envelope: Envelope, raw: bytes) -> tuple[Reply, ...]:
        """Takes one message; durable when it returns, one 250 per recipient.

        Raises TemporaryFailure: deadline, database, storage-full, and what the stages raise.
        """
        try:
            async with asyncio.timeout(self._config.lmtp.deadline):
                taken = await self._take(envelope, raw)
        except TimeoutError as error:
            raise TemporaryFailure("deadline", error) from error
        except TemporaryFailure:
            raise
        except Exception as error:  # noqa: BLE001  a bug of ours must not keep mail out for days
            taken = await asyncio.to_thread(self._strike, envelope, raw, error)
        text = f"Taken as {taken.id}" if taken.recipients else f"Already taken as {taken.id}"
        return (Reply(code=250, enhanced="2.0.0", text=text),) * len(envelope.recipients)

    async def _take(self, envelope: Envelope, raw: bytes) -> Taken:
        started = time.monotonic()
        arrival, known = await asyncio.to_thread(self._meet, envelope, raw)
        if known is not None:
            return known
        findings = await find_out(
            arrival,
            read=self._read,
            examine=self._examine,
            classify=self._classify,
            extract=self._extract,
            consider=self._consider,
        )
        return await asyncio.to_thread(self._take_new, arrival, findings, started)

    def _strike(self, envelope: Envelope, raw: bytes, error: Exception) -> Taken:
        """Counts an unknown ending; raises it again until it has come too often (poison.py)."""
        if isinstance(error, PermanentFailure) and reply_for(error).code >= 500:
            raise error
        failures = poison.strike(self._database, raw, self._clock)
        if failures < self._config.lmtp.poison_after:
            raise error
        maillog.bug("lmtp", error)
        why = f"taking it failed {failures} times ({type(error).__name__})"
        taken = poison.park(self._database, envelope, raw, self._clock, why=why, who=_WHO)
        metrics.MESSAGES.labels("other", Outcome.REVIEW.value).inc()
        maillog.parked(queue_id=envelope.queue_id, message=taken.id, failures=failures)
        self._ring()
        return taken

    # Known?

    def _meet(self, envelope: Envelope, raw: bytes) -> tuple[Arrival, Taken | None]:
        arrival = arrive(
            envelope,
            raw,
            keys=self._keys,
            now=self._clock.now(),
            max_age=timedelta(seconds=self._config.lmtp.stamp_max_age),
        )
        return arrival, self._take_known(arrival)

    def _take_known(self, arrival: Arrival) -> Taken | None:
        """Takes a message that came before for those who lack it; None when it is new."""
        with self._database.reading() as connection:
            if _met_before(connection, arrival).same is None:
                return None
        with self._database.transaction() as connection:
            taken = _repeat(connection, arrival, _met_before(connection, arrival))
        if taken is not None:
            self._tell_known(arrival, taken)
        return taken

    def _tell_known(self, arrival: Arrival, taken: Taken) -> None:
        metrics.DUPLICATES.inc()
        maillog.duplicate(queue_id=arrival.envelope.queue_id, message=taken.id)
        if taken.recipients:
            self._ring()

    # Decide, plan, commit.

    def _take_new(self, arrival: Arrival, findings: Findings, started: float) -> Taken:
        """Decides and stores in one transaction, so that no two messages decide on the same past.

        Runs in a thread to its end even when the peer goes away or the deadline passes: then the
        message is taken, and what Postfix delivers again is known.
        """
        stored: Stored | None = None
        with self._database.transaction() as connection:
            _queue_up(connection, arrival, findings)
            # Another connection may have brought the same message while this one was read.
            before = _met_before(connection, arrival)
            taken = _repeat(connection, arrival, before)
            if taken is None:
                stored = self._store(connection, arrival, findings, before.namesake)
                taken = stored.taken
        if stored is None:
            self._tell_known(arrival, taken)
        else:
            self._tell_new(arrival, stored, time.monotonic() - started)
        return taken

    def _store(
        self,
        connection: Connection,
        arrival: Arrival,
        findings: Findings,
        namesake: Known | None,
    ) -> Stored:
        decision = self._decide(connection, arrival, findings, is_repeated=namesake is not None)
        recipients = _missing(arrival, namesake) if namesake else arrival.envelope.recipients
        taken = messages.take(connection, _row(arrival, findings, decision), recipients, who=_WHO)
        if taken.is_new and findings.considered is not None:
            like = findings.considered
            likeness.remember(connection, taken.id, like.features, like.vector)
        business = plan(
            decision,
            message=findings.message,
            verdict=findings.verdict,
            order=findings.order,
            classification=findings.classification,
            envelope=arrival.envelope,
            digest=arrival.digest,
            received_at=arrival.received_at,
            config=self._config,
            follows=ticket_followed(connection, findings.message.references),
        )
        report = read_report(
            findings.message, arrival.envelope, digest=arrival.digest, config=self._config
        )
        actions = (*business, *_deliveries(decision, taken, arrival), *report)
        outbox.put(connection, taken.id, actions, arrival.received_at, _WHO)
        return Stored(taken=taken, decision=decision, actions=actions)

    def _decide(
        self, connection: Connection, arrival: Arrival, findings: Findings, *, is_repeated: bool
    ) -> Decision:
        # Sure spam is filed as Junk, wherever it was found out; the border's word adds nothing.
        spam = findings.classification
        is_junk = spam.category == "spam" and not spam.review
        disposition = Disposition.ACCEPT if is_junk else findings.disposition
        decision = decide(
            findings.classification,
            findings.verdict,
            findings.order,
            findings.message,
            self._config,
            known_order=repeats.is_ordered(
                connection,
                findings.author,
                findings.order,
                at=arrival.received_at,
                besides=arrival.digest,
            ),
            disposition=disposition,
        )
        if findings.doubts and decision.outcome is not Outcome.REVIEW:
            decision = _for_review(decision, *findings.doubts)
        if is_repeated:
            decision = _for_review(
                decision, "repeated: this queue id and Message-ID came before with other content"
            )
        elif decision.outcome is not Outcome.DELIVER and repeats.is_sent_again(
            connection, findings.author, arrival.message_id, besides=arrival.digest
        ):
            decision = _for_review(
                decision, "repeated: this author's Message-ID was acted on with other content"
            )
        if disposition in _REFUSED_AT_BORDER:
            decision = replace(decision, folder=QUARANTINE_FOLDER)
        return decision

    def _tell_new(self, arrival: Arrival, stored: Stored, seconds: float) -> None:
        category, outcome = stored.decision.category, stored.decision.outcome.value
        metrics.MESSAGES.labels(category, outcome).inc()
        metrics.STAGE_SECONDS.labels("lmtp").observe(seconds)
        maillog.taken(
            queue_id=arrival.envelope.queue_id,
            message=stored.taken.id,
            category=category,
            outcome=outcome,
            actions=len(stored.actions),
            seconds=seconds,
        )
        self._ring()


def _met_before(connection: Connection, arrival: Arrival) -> _Before:
    known = messages.find_by_digest(connection, arrival.digest)
    if known is not None:
        return _Before(same=known)
    again = messages.find_by_queue_id(connection, arrival.envelope.queue_id, arrival.message_id)
    # With other bytes it is the same only for those who have it; for one who has not, these
    # bytes may be all there is.
    if again is not None and not _missing(arrival, again):
        return _Before(same=again)
    return _Before(namesake=again)


def _missing(arrival: Arrival, known: Known) -> tuple[str, ...]:
    recipients = dict.fromkeys(recipient.lower() for recipient in arrival.envelope.recipients)
    return tuple(recipient for recipient in recipients if recipient not in known.recipients)


def _repeat(connection: Connection, arrival: Arrival, before: _Before) -> Taken | None:
    """Adds the deliveries that are missing, perhaps none; None when the message is new."""
    earlier = before.same
    if earlier is None:
        return None
    missing = _missing(arrival, earlier)
    stored = messages.message(connection, earlier.id) if missing else None
    if stored is None:
        return Taken(id=earlier.id, is_new=False, recipients=())
    if not stored.raw:  # retention has emptied it
        emptied.fill_again(connection, stored.id, arrival.raw, arrival.envelope)
    taken = messages.add_recipients(connection, stored.id, missing, now=arrival.received_at)
    deliveries = _deliveries(stored.decision, taken, arrival)
    outbox.put(connection, stored.id, deliveries, arrival.received_at, _WHO)
    return taken


def _queue_up(connection: Connection, arrival: Arrival, findings: Findings) -> None:
    names = (arrival.digest, arrival.envelope.queue_id, arrival.message_id)
    messages.queue_up(connection, *names, order_turn(findings.author, findings.order))


def _row(arrival: Arrival, findings: Findings, decision: Decision) -> NewMessage:
    return NewMessage(
        digest=arrival.digest,
        received_at=arrival.received_at,
        raw=arrival.raw,
        message_id=arrival.message_id,
        author=findings.author,
        subject=findings.message.subject,
        envelope=arrival.envelope,
        verdict=findings.verdict,
        classification=findings.classification,
        order=findings.order,
        decision=decision,
    )


def _deliveries(decision: Decision, taken: Taken, arrival: Arrival) -> list[Action]:
    return [
        deliver(decision, recipient=recipient, digest=arrival.digest)
        for recipient in taken.recipients
    ]


def _for_review(decision: Decision, *doubts: str) -> Decision:
    return replace(decision, outcome=Outcome.REVIEW, reasons=(*decision.reasons, *doubts))
