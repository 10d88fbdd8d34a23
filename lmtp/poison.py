"""Poison: a message that makes us fail in a way nobody foresaw, however often it comes.

In: envelope and raw bytes of a message whose taking ended in an unknown exception. Out: a count of
such endings that survives restarts, and, after `lmtp.poison_after` of them, the message taken all
the same: raw bytes kept, handed on to its people, and in review with the reason "poison".
Otherwise Postfix would bring it for days and then bounce it, and nobody here would know.

Failure policy: while the database is away nothing is counted, and the message stays with Postfix.

Limits: what kills the process itself is not counted; hostile bytes are read in other processes.
"""

import hashlib
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from postroom.actions import outbox
from postroom.actions.plan import deliver
from postroom.classification import Classification
from postroom.clock import Clock
from postroom.decision import Decision, Outcome
from postroom.envelope import Envelope
from postroom.order import Order
from postroom.reading.digest import content_digest
from postroom.store import messages
from postroom.store.engine import Database
from postroom.store.messages import NewMessage, Taken
from postroom.store.schema import POISON
from postroom.verdict import Verdict

_KEPT = timedelta(days=10)  # longer than any queue keeps a message


def strike(database: Database, raw: bytes, clock: Clock) -> int:
    """Counts one more unknown ending of this message; how many there were. Durable.

    Raises TemporaryFailure(database).
    """
    now = clock.now()
    dialect = postgresql if database.engine.dialect.name == "postgresql" else sqlite
    digest = hashlib.sha256(raw).hexdigest()
    values = {"digest": digest, "failures": 1, "last_at": now.timestamp()}
    count = dialect.insert(POISON).values(values)
    count = count.on_conflict_do_update(
        index_elements=["digest"],
        set_={"failures": POISON.c.failures + 1, "last_at": now.timestamp()},
    )
    with database.transaction() as connection:
        connection.execute(delete(POISON).where(POISON.c.last_at < (now - _KEPT).timestamp()))
        return int(connection.execute(count.returning(POISON.c.failures)).scalar_one())


def park(
    database: Database, envelope: Envelope, raw: bytes, clock: Clock, *, why: str, who: str
) -> Taken:
    """Takes the message with nothing known about it but its bytes. Durable.

    Raises TemporaryFailure(database or storage-full).
    """
    now = clock.now()
    decision = Decision(
        outcome=Outcome.REVIEW, category="other", reasons=(f"poison: {why}; see the log",)
    )
    new = NewMessage(
        digest=content_digest(raw),
        received_at=now,
        raw=raw,
        envelope=envelope,
        verdict=Verdict(),
        classification=Classification(category="other", review=True),
        order=Order(),
        decision=decision,
    )
    with database.transaction() as connection:
        taken = messages.take(connection, new, envelope.recipients, who=who)
        deliveries = [
            deliver(decision, recipient=recipient, digest=new.digest)
            for recipient in taken.recipients
        ]
        outbox.put(connection, taken.id, deliveries, now, who)
    return taken
