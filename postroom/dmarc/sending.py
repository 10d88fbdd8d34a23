"""Sends the aggregate reports of the days that are over.

In: what the border noted, DNS, Postfix. Out: one `Outcome` per report and destination, or per
author domain that gets none. A report is made per policy domain and UTC day (RFC 9990 3.1, 3.5).
What is settled for all its destinations is forgotten; what DNS or Postfix could not do now stays
and is tried at the next run, for `dmarc_reports.max_age`.

Each hand-over is claimed in the database before it is made: a run that is killed, or one beside
another, sends nothing twice. What was claimed and never settled counts as sent.

No report goes to our own domains, to `exclude`, or to an address that refused within `dead_for`.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.errors import MessageError

from postroom.actions.submit import OutcomeUnknown, Refused, submit
from postroom.clock import Clock
from postroom.config import Config
from postroom.failure import Failure, PermanentFailure, TemporaryFailure
from postroom.reading.names import ascii_name, is_same_or_below
from postroom.store.engine import Database

from . import outbound
from .aggregate import AggregateReport, Reporter, rows_of
from .destinations import Destination, destinations
from .letter import letter
from .outbound import DAY_S
from .published import Lookups, PublishedPolicy

_AT_ONCE = 32  # author domains whose policies are looked up together


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one report, for one destination where it has one."""

    day: str  # ISO date
    domain: str  # policy domain; the author's where no policy was found
    address: str = ""
    state: str  # sent, refused, later, dry-run, or why there is none: "no-rua", "dead" ...
    detail: str = ""  # queue id, or the reason
    rows: int = 0
    report_id: str = ""
    xml: bytes = b""  # of a dry run


class Sender:
    """Sends reports for one installation."""

    def __init__(self, config: Config, database: Database, lookups: Lookups, clock: Clock) -> None:
        """Raises PermanentFailure(dmarc-no-author) where nobody is set to report."""
        section = config.dmarc_reports
        if section.author is None:
            raise PermanentFailure(
                "dmarc-no-author", ValueError("set author in [dmarc_reports], a mailbox of ours")
            )
        self._section = section
        self._hostname = config.service.hostname
        self._database = database
        self._lookups = lookups
        self._clock = clock
        self._reporter = Reporter(
            organization=section.organization or config.service.hostname,
            email=section.author,
            contact=section.contact,
            hostname=config.service.hostname,
        )
        own = filter(None, map(ascii_name, config.our_domains))
        self._silent = {**dict.fromkeys(section.exclude, "excluded"), **dict.fromkeys(own, "ours")}

    async def run(self, *, dry: bool = False) -> AsyncIterator[Outcome]:
        """The reports of all days before today, in order; a dry run changes and sends nothing.

        Raises TemporaryFailure(database).
        """
        now = self._clock.now()
        today = int(now.timestamp() // DAY_S) * DAY_S
        if not dry:
            oldest = now - timedelta(seconds=self._section.max_age)
            with self._database.transaction() as connection:
                outbound.forget_before(connection, oldest.timestamp())
        with self._database.reading() as connection:
            days = outbound.days_seen(connection, today)
        for day in days:
            async for outcome in self._day(day, now, dry):
                yield outcome

    async def _day(self, day: int, now: datetime, dry: bool) -> AsyncIterator[Outcome]:
        with self._database.reading() as connection:
            authors = outbound.authors_seen(connection, day)
        policies: dict[PublishedPolicy, list[str]] = {}
        for start in range(0, len(authors), _AT_ONCE):
            some = authors[start : start + _AT_ONCE]
            found = await asyncio.gather(*map(self._policy, some))
            for author, policy in zip(some, found, strict=True):
                match policy:
                    case TemporaryFailure():
                        yield _outcome(day, author, "later", policy.reason)
                    case None:
                        self._forget(day, [author], dry)
                        yield _outcome(day, author, "no-policy")
                    case _:
                        policies.setdefault(policy, []).append(author)
        for policy, of in sorted(policies.items(), key=lambda item: item[0].domain):
            async for outcome in self._report(day, policy, of, now, dry):
                yield outcome

    async def _policy(self, author: str) -> PublishedPolicy | TemporaryFailure | None:
        try:
            return await self._lookups.policy(author)
        except TemporaryFailure as failure:
            return failure

    async def _report(
        self, day: int, policy: PublishedPolicy, authors: list[str], now: datetime, dry: bool
    ) -> AsyncIterator[Outcome]:
        unwanted = self._unwanted(policy)
        if unwanted:
            self._forget(day, authors, dry)
            yield _outcome(day, policy.domain, unwanted)
            return
        try:
            wanted = await destinations(policy, self._lookups)
        except TemporaryFailure as failure:
            yield _outcome(day, policy.domain, "later", failure.reason)
            return
        report = self._made(day, policy, authors)
        if not wanted:
            yield _outcome(
                day, policy.domain, "no-destination", "none of rua= agreed or is mailto:"
            )
        settled = True
        for destination in wanted:
            outcome = await self._deliver(report, destination, now, dry)
            settled = settled and outcome.state != "later"
            yield outcome
        if settled:
            self._forget(day, authors, dry)

    def _unwanted(self, policy: PublishedPolicy) -> str:
        """Why a domain gets no report; empty when it gets one."""
        for silent, why in self._silent.items():
            if is_same_or_below(policy.domain, silent):
                return why
        return "" if policy.report_uris else "no-rua"

    def _made(self, day: int, policy: PublishedPolicy, authors: list[str]) -> AggregateReport:
        with self._database.reading() as connection:
            counted = [row for one in authors for row in outbound.count_seen(connection, day, one)]
        return AggregateReport(
            policy=policy,
            reporter=self._reporter,
            begin=day,
            end=day + DAY_S - 1,
            rows=rows_of(counted),
        )

    async def _deliver(
        self, report: AggregateReport, destination: Destination, now: datetime, dry: bool
    ) -> Outcome:
        """Hands one report over once, unless somebody or something is against it."""
        address = destination.address

        def ended(state: str, detail: str = "") -> Outcome:
            return Outcome(
                day=_date(report.begin),
                domain=report.policy.domain,
                address=address,
                state=state,
                detail=detail,
                rows=len(report.rows),
                report_id=report.report_id,
                xml=report.xml() if dry else b"",
            )

        try:
            message = letter(report, address, now)
        except (MessageError, ValueError) as error:
            return ended("refused", f"cannot be written: {type(error).__name__}")
        if destination.most is not None and len(message) > destination.most:
            return ended("too-large", f"{len(message)} octets, {destination.most} are taken")
        with self._database.reading() as connection:
            known = outbound.states_of(connection, report.report_id).get(address.lower())
            dead_for = timedelta(seconds=self._section.dead_for)
            dead = outbound.dead_since(connection, (now - dead_for).timestamp())
        if known is not None:
            return ended("known", known)
        if address.lower() in dead:
            return ended("dead", dead[address.lower()][1])
        if dry:
            return ended("dry-run")
        try:
            return ended("sent", await self._submit(report, address, message, now))
        except TemporaryFailure as failure:
            return ended("later", failure.reason)
        except Failure as failure:
            return ended("refused", failure.reason)

    async def _submit(
        self, report: AggregateReport, address: str, message: bytes, now: datetime
    ) -> str:
        """The queue id; raises what says that it was not taken."""
        key = address.lower()
        with self._database.transaction() as connection:
            domain = report.policy.domain
            if not outbound.claim(connection, report.report_id, key, domain=domain, now=now):
                return "claimed by another run"
        try:
            queue_id = await submit(
                self._section.submit,
                hostname=self._hostname,
                sender=self._reporter.email,
                recipient=address,
                message=message,
                before_data=_nothing,
            )
        except OutcomeUnknown:
            return "unknown"  # the claim stays: it may have been taken
        except (TemporaryFailure, PermanentFailure, Refused) as error:
            failure = error.failure if isinstance(error, Refused) else error
            with self._database.transaction() as connection:
                if isinstance(failure, TemporaryFailure):
                    outbound.release(connection, report.report_id, key)
                else:
                    outbound.settle(connection, report.report_id, key, "refused", failure.reason)
                    outbound.mark_dead(connection, key, failure.reason, now)
            raise failure from error
        with self._database.transaction() as connection:
            outbound.settle(connection, report.report_id, key, "sent", queue_id)
        return queue_id

    def _forget(self, day: int, authors: list[str], dry: bool) -> None:
        if not dry:
            with self._database.transaction() as connection:
                outbound.forget_seen(connection, day, authors)


async def _nothing() -> None:
    """The claim was written before; nothing is left to note."""


def _outcome(day: int, domain: str, state: str, detail: str = "") -> Outcome:
    return Outcome(day=_date(day), domain=domain, state=state, detail=detail)


def _date(day: int) -> str:
    return f"{datetime.fromtimestamp(day, UTC):%Y-%m-%d}"
