"""A worker's turn at the outbox: what ended is recorded and what is due is claimed, in one commit.

In: how attempts ended, and how many actions may be started of which steps. Out: whose endings
counted, what was claimed, what the outbox asks for next. Recording makes the next step of an order
due (a reply waits for its order's number), and it is claimed by the same commit; so an order costs
one for each of its steps and one to begin with. A look that finds nothing to do takes no lock.

Records before it claims: on PostgreSQL recording may wait for rows that somebody else holds,
claiming passes them by, and nobody waits for us who holds what we wait for.

Limits: a fault in claiming undoes the recording too; the worker then records alone (worker.py).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from postroom.config import WorkerSection
from postroom.decision import Step
from postroom.store.engine import Database

from . import outbox
from .outbox import Agenda, End, Leased


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """How many actions of some steps may be started."""

    steps: Collection[Step]
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a turn did."""

    held: set[str]  # leases whose endings are recorded
    leased: list[Leased]  # claimed, their attempts written
    agenda: Agenda  # before the claims


def take_turn(
    database: Database,
    now: datetime,
    ended: Sequence[tuple[Leased, End]],
    places: Sequence[Places],
    owner: str,
    worker: WorkerSection,
) -> Turn:
    """Records, takes back what ran out, and claims; durable on return.

    Raises TemporaryFailure(database or storage-full); then nothing was recorded or claimed.
    """
    agenda = None
    if not ended:
        agenda = outbox.agenda(database, now)
        if not agenda.expired and not _wanted(agenda, places):
            return Turn(held=set(), leased=[], agenda=agenda)
    with database.transaction() as connection:
        held = outbox.record(connection, ended, now) if ended else set()
        agenda = agenda or outbox.look(connection, now)
        if agenda.expired:
            outbox.take_back(connection, now, worker)
            agenda = outbox.look(connection, now)
        wanted = _wanted(agenda, places)
        leased = outbox.claim(connection, now, wanted, worker.lease, owner)
    return Turn(held=held, leased=leased, agenda=agenda)


def _wanted(
    agenda: Agenda, places: Sequence[Places]
) -> list[tuple[Collection[tuple[Step, str]], int]]:
    """Of which steps and states to claim how many: what is due where a place is free."""
    return [
        (due, lane.free)
        for lane in places
        if lane.free > 0 and (due := [one for one in agenda.ready if one[0] in lane.steps])
    ]
