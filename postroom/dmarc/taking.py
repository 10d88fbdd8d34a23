"""Takes what arrived into the store: reports about our domains, bounces of reports of ours.

In: raw octets, and a `run` that works where hostile bytes are handled (reading/pool.py). Out: one
line for people; rows, durable on return. What cannot be read is said and counted, and is no
failure: a stranger could send any number of such mails. A report about a domain that is not ours
is not kept. Reports are not proof of anything: they are kept with the proven domain of the mail's
author, or without.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from postroom import metrics
from postroom.clock import Clock
from postroom.codec import from_json
from postroom.config import Config
from postroom.failure import PermanentFailure
from postroom.reading.names import ascii_name, is_same_or_below
from postroom.store.engine import Database

from . import inbound, outbound
from .arrival import Arrived, arrived_json

# Awaits function(*args) in a worker process; raises Failure when there is no answer.
Run = Callable[..., Awaitable[Any]]


class Taker:
    """Takes mails and files, one after another."""

    def __init__(self, config: Config, database: Database, clock: Clock, run: Run) -> None:
        self._limits = config.reading
        own = (*config.our_domains, *(one.rpartition("@")[2] for one in config.service.mailboxes))
        self._ours = tuple(dict.fromkeys(filter(None, map(ascii_name, own))))
        self._database = database
        self._clock = clock
        self._run = run

    async def take(
        self, raw: bytes, *, message: int | None = None, authenticated: str = ""
    ) -> list[str]:
        """What became of each report in it, in words; durable.

        Raises TemporaryFailure: busy, database, storage-full.
        """
        try:
            found = from_json(Arrived, await self._run(arrived_json, raw, self._limits))
        except PermanentFailure as failure:  # a limit was broken, or the answer was no answer
            found = Arrived(problems=(failure.reason,))
        return await asyncio.to_thread(self._store, found, message, authenticated)

    def _store(self, found: Arrived, message: int | None, authenticated: str) -> list[str]:
        said: list[str] = []
        outcomes: list[str] = []
        now = self._clock.now()
        with self._database.transaction() as connection:
            for report in found.reports:
                outcome = "not-ours"
                if any(is_same_or_below(report.domain, one) for one in self._ours):
                    new = inbound.add_report(
                        connection,
                        report,
                        message=message,
                        authenticated=authenticated,
                        now=now,
                    )
                    outcome = "taken" if new else "known"
                outcomes.append(outcome)
                said.append(f"{outcome}: {report.reporter} about {report.domain}")
            for refusal in found.refusals:
                if outbound.was_sent_to(connection, refusal.report_id, refusal.address):
                    outbound.mark_dead(connection, refusal.address, "bounced", now)
                    said.append(f"dead: {refusal.address} refused our report")
        for problem in found.problems:
            outcomes.append("unreadable")
            said.append(f"unreadable: {problem}")
        for outcome in outcomes:
            metrics.DMARC_REPORTS.labels(outcome).inc()
        return said
