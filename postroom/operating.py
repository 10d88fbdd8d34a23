"""What an operator does: look at what waits, decide on it, and see why something happened.

In: message and action numbers and who asks. Out: plain dicts for the command line and the API, and
changes that are durable, together with their row in the audit log, when a verb returns. A review
is decided once: the first word counts, a second one is told that somebody was faster. Who names
the version they have seen changes nothing that was changed since. Approving reads the stored bytes
anew, because attachments and text are not kept beside them.

Limits: what a person says of a message that does not wait any more is refused; a label for training
can still be given by hand, to the training data.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from . import jobs, maillog
from .actions import desk, outbox
from .actions.bus import ring_once
from .actions.plan import Personal, forward, plan
from .actions.threads import ticket_followed
from .answers import classify_answer, extract_answer
from .audit import AuditLog, Recording
from .classify.memory import Memory
from .codec import to_plain
from .colleague import check_colleague
from .config import Config
from .corrections import correction_of, said_and_meant, told_of
from .decision import Outcome, Step
from .doorbell import bell_path, ring
from .failure import PermanentFailure, token_of
from .message import Message
from .order import OrderKind
from .partcode import customer_of
from .personalising import chosen, propose, wording_of
from .reading.pool import WorkerPool
from .redeciding import decided_anew, ordered_meanwhile
from .store import labels, messages, partnumbers
from .store.emptied import digest_of
from .store.engine import Database
from .store.messages import ReviewState, StoredMessage

Read = Callable[[bytes], Message]


class Operator:
    """An operator's view of one installation."""

    def __init__(
        self,
        config: Config,
        database: Database,
        read: Read | None = None,
        ring: Callable[[], None] | None = None,
    ) -> None:
        """`read` reads hostile bytes; without it a worker process is started for each message.

        `ring` wakes the workers without waiting.
        """
        self._config = config
        self._database = database
        self._audit = AuditLog(config)
        self._memory = Memory(database)  # one: it reads 20,000 vectors when it is first asked
        self._parse = read or self._read_once
        self._ring = ring or self._ring_once

    @classmethod
    @contextmanager
    def of(cls, config: Config) -> Iterator["Operator"]:
        """An operator at the installation's database."""
        database = Database(config.store_url)
        try:
            yield cls(config, database)
        finally:
            database.close()

    # Looking.

    def queue(self) -> list[dict[str, Any]]:
        """Everything that waits for a person, gave up, or backs off."""
        return [
            {
                "item": f"m{row.message}" if row.kind == "review" else f"a{row.id}",
                "state": "review" if row.kind == "review" else row.state,
                "since": row.since.isoformat(timespec="seconds"),
                "what": row.step or row.category,
                "why": row.reason,
                "message": row.message,
                "author": row.author,
                "subject": row.subject,
                "category": row.category,
                "attempts": row.attempts,
                "due_at": row.due_at.isoformat(timespec="seconds") if row.due_at else "",
            }
            for row in desk.waiting(self._database)
        ]

    def explain(self, number: int) -> dict[str, Any]:
        """The whole story of a stored message.

        Raises PermanentFailure(no-such-message).
        """
        with self._database.reading() as connection:
            # First the version: what is read after it is not older than it says.
            version = messages.version(connection, number)
            stored = self._stored(connection, number)
            review = messages.review(connection, number)
            events = messages.events(connection, number)
            actions = desk.of_message(connection, number)
        return {
            "message": number,
            "version": version,
            "review": {
                "state": review.state.value if review else "",
                "reason": review.reason if review else "",
                "decided_by": review.decided_by if review else "",
                "decided_at": _iso(review.decided_at if review else None),
            },
            "received_at": stored.received_at.isoformat(),
            "author": stored.author,
            "subject": stored.subject,
            "message_id": stored.message_id,
            "envelope": to_plain(stored.envelope),
            "verdict": {
                **to_plain(stored.verdict),
                "authenticated_domain": stored.verdict.authenticated_domain,
            },
            "classification": classify_answer(stored.classification),
            "similar": [to_plain(one) for one in self._memory.like_stored(number, 5)],
            "order": extract_answer(stored.order),
            "decision": to_plain(stored.decision),
            "actions": [_action(story) for story in actions],
            "events": [to_plain(event) for event in events],
        }

    def action(self, number: int) -> dict[str, Any]:
        """The whole story of one action.

        Raises PermanentFailure(no-such-action).
        """
        return _action(desk.show(self._database, number))

    def raw(self, number: int) -> bytes:
        """The message as it came. Raises PermanentFailure(no-such-message)."""
        with self._database.reading() as connection:
            return self._stored(connection, number).raw

    def read(self, number: int) -> Message:
        """The message, read anew. Raises PermanentFailure(no-such-message) and WorkerLost."""
        with self._database.reading() as connection:
            stored = self._stored(connection, number)
        return self._read(stored)

    # Deciding. Every verb raises PermanentFailure no-such-message or no-such-action; not-waiting
    # (not-possible for an action) when somebody was faster; changed-meanwhile when the item is not
    # the one of the `version` given.

    def personalise(self, number: int, who: str) -> dict[str, Any]:
        """Proposed texts for the slots of the reply to a message in review; decides nothing.

        The log has it before the message is shown to the language model.
        Raises also what `wording_of` raises.
        """
        seen, stored, message = self._seen(number)
        wording = wording_of(stored.decision, message, self._config)
        with self._deciding(number, None, seen) as recording:
            facts = {"template": wording.title, "model": self._config.llm.model}
            recording.tell(datetime.now(UTC), who, "personalise", f"m{number}", **facts)
        return {"message": number, "version": seen, **propose(wording, message, self._config)}

    def approve(
        self,
        number: int,
        who: str,
        *,
        reason: str = "",
        version: int | None = None,
        slots: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Plans the steps of a message in review; the names of what was planned.

        `slots` is what `personalise` proposed, as the person wants it in this one reply; without
        it the reply has its default texts. An order that another message has brought meanwhile is
        changed-meanwhile, with that as a new reason; who approves it then has seen it.
        Raises also what `wording_of` and `chosen` raise.
        """
        now = datetime.now(UTC)
        seen, stored, message = self._seen(number)
        personal = None
        if slots is not None:
            personal = chosen(slots, wording_of(stored.decision, message, self._config))
        planned: list[str] = []
        with self._deciding(number, version, seen) as recording:
            doubted = ordered_meanwhile(recording.connection, stored)
            if doubted:
                doubt = doubted.decision.reasons[-1]
                token = token_of(doubt)
                messages.redecide(recording.connection, doubted, who=who, now=now, reason=token)
            else:
                planned = self._approved(recording, stored, message, personal, who, now, reason)
        if doubted:  # after it was written, so that it is seen
            raise PermanentFailure("changed-meanwhile", ValueError(doubted.decision.reasons[-1]))
        self._tell(number, who, "approved")
        return planned

    def reject(
        self, number: int, who: str, *, reason: str = "", version: int | None = None
    ) -> None:
        """Decides that nothing follows from a message in review."""
        now = datetime.now(UTC)
        with self._deciding(number, version) as recording:
            self._end(recording, number, ReviewState.REJECTED, who, now, reason)
            recording.tell(now, who, "reject", f"m{number}", reason=reason)
        self._tell(number, who, "rejected")

    def correct(
        self,
        number: int,
        who: str,
        given: Mapping[str, Any],
        *,
        reason: str = "",
        version: int | None = None,
    ) -> str:
        """Says what a message in review really is and decides anew; the new outcome.

        What a person says is sure; everything else that an action needs (an authenticated author, a
        complete order) is asked again, so the message may still wait afterwards, now with the right
        steps behind `approve`.
        Raises also PermanentFailure bad-correction or no-such-category.
        """
        correction = correction_of(given)
        if correction.category is not None and correction.category not in self._config.categories:
            raise PermanentFailure("no-such-category", ValueError(correction.category))
        now = datetime.now(UTC)
        seen, stored, message = self._seen(number)
        with self._deciding(number, version, seen) as recording:
            connection = recording.connection
            fixed = decided_anew(connection, stored, message, correction, who, self._config)
            if not messages.redecide(connection, fixed, who=who, now=now):
                raise PermanentFailure("not-waiting")
            if correction.category is not None:
                labels.add(
                    connection,
                    number,
                    category=correction.category,
                    was=stored.classification.category,
                    who=who,
                    now=now,
                )
            _learn(connection, stored, fixed, who, now)
            planned: list[str] = []
            if fixed.decision.outcome is not Outcome.REVIEW:
                self._end(recording, number, ReviewState.APPROVED, who, now, reason)
                planned = self._put(connection, fixed, message, now, who)
            recording.tell(
                now,
                who,
                "correct",
                f"m{number}",
                category=stored.decision.category,
                became=fixed.decision.category,
                **told_of(correction, stored.order, fixed.order),
                outcome=fixed.decision.outcome.value,
                planned=planned,
                reason=reason,
            )
        self._tell(number, who, "corrected")
        return fixed.decision.outcome.value

    def reclassify(self, number: int, category: str, who: str) -> str:
        """`correct` for the category alone."""
        return self.correct(number, who, {"category": category})

    def forward(
        self,
        number: int,
        recipient: str,
        who: str,
        *,
        close: bool = False,
        reason: str = "",
        version: int | None = None,
    ) -> int:
        """Hands a message to a colleague, as it came; the number of the action that does.

        With `close` a review ends with it, and nothing else follows.
        Raises also PermanentFailure(forward-outside) for an address that is none of ours, and
        not-possible for a message that retention has emptied.
        """
        check_colleague(recipient, self._config)
        now = datetime.now(UTC)
        with self._deciding(number, version, waits=close) as recording:
            connection = recording.connection
            stored = self._stored(connection, number)
            if not stored.raw:
                raise PermanentFailure("not-possible", ValueError("older than retention.mail"))
            if close:
                self._end(recording, number, ReviewState.REJECTED, who, now, reason)
            action = forward(
                recipient, envelope=stored.envelope, digest=stored.digest, config=self._config
            )
            new = outbox.put(connection, number, [action], now, who)
            if not new:
                raise PermanentFailure("forwarded-already", ValueError(recipient))
            recording.tell(
                now, who, "forward", f"m{number}", to=recipient, close=close, reason=reason
            )
        self._tell(number, who, "forwarded")
        return new[0]

    def move(
        self, number: int, verb: str, who: str, *, reason: str = "", version: int | None = None
    ) -> None:
        """hold, release, retry or drop an action."""
        now = datetime.now(UTC)
        with self._audit.recording(self._database) as recording:
            connection = recording.connection
            if version is not None and desk.version(connection, number) != version:
                raise PermanentFailure("changed-meanwhile")
            desk.move(connection, number, verb, now, who, reason)
            recording.tell(now, who, verb, f"a{number}", reason=reason)
        self._ring()

    @contextmanager
    def _deciding(
        self, number: int, version: int | None, seen: int | None = None, *, waits: bool = True
    ) -> Iterator[Recording]:
        """The transaction of one decision on a message that is as it was seen.

        `version` is what the person has seen, `seen` what we have read for them meanwhile.
        """
        with self._audit.recording(self._database) as recording:
            now = messages.version(recording.connection, number, lock=True)
            if now == 0:
                raise PermanentFailure("no-such-message", ValueError(f"m{number}"))
            if version not in (None, now):
                raise PermanentFailure("changed-meanwhile")
            review = messages.review(recording.connection, number)
            if waits and (review is None or review.state is not ReviewState.WAITING):
                raise PermanentFailure("not-waiting", _faster(review))
            if seen not in (None, now):
                raise PermanentFailure("changed-meanwhile")
            yield recording

    def _approved(
        self,
        recording: Recording,
        stored: StoredMessage,
        message: Message,
        personal: Personal | None,
        who: str,
        now: datetime,
        reason: str,
    ) -> list[str]:
        number, category = stored.id, stored.decision.category
        connection = recording.connection
        self._end(recording, number, ReviewState.APPROVED, who, now, reason)
        planned = self._put(connection, stored, message, now, who, personal)
        if personal and Step.REPLY.value not in planned:
            raise PermanentFailure("no-reply", ValueError("no ERP takes what it would quote"))
        _learn(connection, stored, stored, who, now)
        labels.add(connection, number, category=category, was=category, who=who, now=now)
        facts: dict[str, Any] = {"category": category, "planned": planned, "reason": reason}
        if personal:  # digests, as in corrections.told_of: the reply itself has the texts
            facts["slots"] = {slot: digest_of(said) for slot, said in personal.texts.items()}
        recording.tell(now, who, "approve", f"m{number}", **facts)
        return planned

    def _end(
        self,
        recording: Recording,
        number: int,
        state: ReviewState,
        who: str,
        now: datetime,
        reason: str,
    ) -> None:
        if not messages.decide_review(
            recording.connection, number, state, who=who, now=now, reason=reason
        ):
            raise PermanentFailure("not-waiting")

    def _tell(self, number: int, who: str, decision: str) -> None:
        maillog.decided(message=number, who=who, decision=decision)
        self._ring()

    def _ring_once(self) -> None:
        ring(bell_path(self._config))
        if self._config.redis.url:
            asyncio.run(ring_once(self._config.redis))

    def _stored(self, connection: Connection, number: int) -> StoredMessage:
        stored = messages.message(connection, number)
        if stored is None:
            raise PermanentFailure("no-such-message", ValueError(f"m{number}"))
        return stored

    def _seen(self, number: int) -> tuple[int, StoredMessage, Message]:
        """The message with the version that it has at least."""
        with self._database.reading() as connection:
            version = messages.version(connection, number)
            stored = self._stored(connection, number)
        return version, stored, self._read(stored)

    def _read(self, stored: StoredMessage) -> Message:
        """The message, read in a worker process: it may be the very one that broke another.

        Raises WorkerLost when it cannot be read.
        """
        return replace(self._parse(stored.raw), raw=stored.raw)

    def _read_once(self, raw: bytes) -> Message:

        async def read() -> Message:
            workers = min(1, self._config.reading.workers)
            pool = WorkerPool(self._config.reading.model_copy(update={"workers": workers}))
            try:
                return await pool.run(jobs.read_message, raw, self._config.reading)
            finally:
                pool.stop()

        return asyncio.run(read())

    def _put(
        self,
        connection: Connection,
        stored: StoredMessage,
        message: Message,
        now: datetime,
        who: str,
        personal: Personal | None = None,
    ) -> list[str]:
        actions = plan(
            stored.decision,
            message=message,
            verdict=stored.verdict,
            order=stored.order,
            classification=stored.classification,
            envelope=stored.envelope,
            digest=stored.digest,
            received_at=stored.received_at,
            config=self._config,
            approved=True,
            personal=personal,
            approved_at=now,
            follows=ticket_followed(connection, message.references),
        )
        outbox.put(connection, stored.id, actions, now, who)
        return [action.step.value for action in actions]


def _action(story: desk.Story) -> dict[str, Any]:
    return {
        "action": story.row.id,
        "version": story.version,
        "message": story.row.message,
        "step": story.row.step,
        "state": story.row.state,
        "reason": story.row.reason,
        "result": story.result,
        "key": story.key,
        "after": story.after,
        "attempts": [to_plain(attempt) for attempt in story.attempts],
        "events": [to_plain(event) for event in story.events],
    }


def _learn(
    connection: Connection, before: StoredMessage, after: StoredMessage, who: str, now: datetime
) -> None:
    """Keeps what this customer calls our products, for the next order."""
    if after.order.kind is OrderKind.ORDER:
        customer = customer_of(after.order, after.author)
        pairs = said_and_meant(before.order, after.order)
        partnumbers.learn(connection, customer, pairs, who=who, now=now)


def _faster(review: messages.Review | None) -> ValueError:
    if review is None:
        return ValueError("it was never in review")
    return ValueError(f"{review.decided_by} {review.state.value} it")


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
