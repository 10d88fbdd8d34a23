"""What an operator does: look at what waits, decide on it, and see why something happened.

In: message and action numbers and who asks. Out: plain dicts for the command line, and changes
that are durable when a verb returns. A review is decided once: the first word counts, a second
one is told that somebody was faster. Approving reads the stored bytes anew, because attachments
and text are not kept beside them.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from . import jobs
from .actions import desk, outbox
from .actions.plan import plan
from .answers import classify_answer, extract_answer
from .classify.decide import decide
from .codec import to_plain
from .config import Config
from .decision import Outcome
from .doorbell import bell_path, ring
from .failure import PermanentFailure
from .message import Message
from .reading.pool import WorkerPool
from .store import messages
from .store.engine import Database
from .store.messages import ReviewState, StoredMessage


class Operator:
    """An operator's view of one installation."""

    def __init__(self, config: Config, database: Database) -> None:
        self._config = config
        self._database = database

    @classmethod
    @contextmanager
    def of(cls, config: Config) -> Iterator["Operator"]:
        """An operator at the installation's database."""
        database = Database(config.store_url)
        try:
            yield cls(config, database)
        finally:
            database.close()

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
        """The whole story of a stored message."""
        stored = self._stored(number)
        with self._database.reading() as connection:
            events = messages.events(connection, number)
            actions = desk.of_message(connection, number)
        return {
            "message": number,
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

    def approve(self, number: int, who: str) -> list[str]:
        """Plans the steps of a message in review; the names of what was planned.

        Raises PermanentFailure no-such-message, or not-waiting when it is not in review (any more).
        """
        now = datetime.now(UTC)
        stored = self._stored(number)
        message = self._read(stored)
        with self._database.transaction() as connection:
            if not messages.decide_review(
                connection, number, ReviewState.APPROVED, who=who, now=now
            ):
                raise PermanentFailure("not-waiting")
            planned = self._put(connection, stored, message, now, who)
        ring(bell_path(self._config))
        return planned

    def reject(self, number: int, who: str) -> None:
        """Decides that nothing follows from a message in review.

        Raises PermanentFailure no-such-message or not-waiting.
        """
        self._stored(number)
        with self._database.transaction() as connection:
            if not messages.decide_review(
                connection, number, ReviewState.REJECTED, who=who, now=datetime.now(UTC)
            ):
                raise PermanentFailure("not-waiting")

    def reclassify(self, number: int, category: str, who: str) -> str:
        """Gives a message in review its right category and decides anew; the new outcome.

        A person's category is sure; everything else that an action needs (an authenticated
        author, a complete order) is asked again, so the message may still wait afterwards, now
        with the right steps behind `approve`.
        Raises PermanentFailure no-such-message, not-waiting or no-such-category.
        """
        if category not in self._config.categories:
            raise PermanentFailure("no-such-category", ValueError(category))
        now = datetime.now(UTC)
        stored = self._stored(number)
        message = self._read(stored)
        classification = replace(
            stored.classification,
            category=category,
            confidence=1.0,
            source="person",
            review=False,
            reasons=(*stored.classification.reasons, f"{who} said: {category}"),
        )
        with self._database.transaction() as connection:
            decision = decide(
                classification,
                stored.verdict,
                stored.order,
                message,
                self._config,
                known_order=messages.known_order(
                    connection, stored.author, stored.order.number, besides=stored.digest
                ),
            )
            if not messages.redecide(
                connection, number, classification, decision, who=who, now=now
            ):
                raise PermanentFailure("not-waiting")
            if decision.outcome is not Outcome.REVIEW:
                messages.decide_review(
                    connection, number, ReviewState.APPROVED, who=who, now=now, reason=category
                )
                corrected = replace(stored, classification=classification, decision=decision)
                self._put(connection, corrected, message, now, who)
        ring(bell_path(self._config))
        return decision.outcome.value

    def move(self, number: int, verb: str, who: str) -> None:
        """hold, release, retry or drop an action.

        Raises PermanentFailure no-such-action or not-possible.
        """
        verbs = {
            "hold": desk.hold,
            "release": desk.release,
            "retry": desk.retry,
            "drop": desk.drop,
        }
        verbs[verb](self._database, number, datetime.now(UTC), who)
        ring(bell_path(self._config))

    def _stored(self, number: int) -> StoredMessage:
        with self._database.reading() as connection:
            stored = messages.message(connection, number)
        if stored is None:
            raise PermanentFailure("no-such-message", ValueError(f"m{number}"))
        return stored

    def _read(self, stored: StoredMessage) -> Message:
        """The message, read in a worker process: it may be the very one that broke another.

        Raises WorkerLost when it cannot be read.
        """

        async def read() -> Message:
            pool = WorkerPool(self._config.reading.model_copy(update={"workers": 1}))
            try:
                return await pool.run(jobs.read_message, stored.raw, self._config.reading)
            finally:
                pool.stop()

        return replace(asyncio.run(read()), raw=stored.raw)

    def _put(
        self,
        connection: Connection,
        stored: StoredMessage,
        message: Message,
        now: datetime,
        who: str,
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
        )
        outbox.put(connection, stored.id, actions, now, who)
        return [action.step.value for action in actions]


def _action(story: desk.Story) -> dict[str, Any]:
    return {
        "action": story.row.id,
        "step": story.row.step,
        "state": story.row.state,
        "reason": story.row.reason,
        "result": story.result,
        "key": story.key,
        "after": story.after,
        "attempts": [to_plain(attempt) for attempt in story.attempts],
        "events": [to_plain(event) for event in story.events],
    }
