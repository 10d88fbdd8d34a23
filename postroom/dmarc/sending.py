"""Sends the aggregate reports of the days that are over.

In: what the border noted, DNS, Postfix. Out: one `Outcome` per report and destination, or per
author domain that gets none. A report is made per policy domain and UTC day (RFC 9990 3.1, 3.5).
What is settled for all its destinations is forgotten; what DNS or Postfix could not do now stays
and is tried at the next run, for `dmarc_reports.max_age`. A report keeps the messages it was made
of: author domains whose policy DNS says only later get another one.

Each hand-over is claimed in the database before it is made: a run that is killed, or one beside
another, sends nothing twice. What was claimed and never settled counts as sent.

No report goes to our own domains, to `exclude`, or to an address that Postfix says cannot be
reached, or that bounced, within `dead_for`. Another no of Postfix is a fault of ours, not of the
address; a no to us and not to a recipient ends the run.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.errors import MessageError
from uuid import uuid4

from postroom.actions.submit import (
    OutcomeUnknown,
    RecipientRefused,
    Refused,
    ServerRefused,
    submit,
)
from postroom.clock import Clock
from postroom.config import Config
from postroom.failure import PermanentFailure, TemporaryFailure
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lot:
    """What one report is made of."""

    name: str  # outbound.FRESH: not made yet
    authors: list[str]
    policy: PublishedPolicy | None  # None: no author has one, or that one, any more


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

        Raises TemporaryFailure: database, dmarc-submit-refused when Postfix takes nothing of ours.
        """
        now = self._clock.now()
        today = int(now.timestamp() // DAY_S) * DAY_S
        if not dry:
            oldest = now - timedelta(seconds=self._section.max_age)
            with self._database.transaction() as connection:
                # Whole days: half a day would be another report to those who have had the whole.
                outbound.forget_before(connection, oldest.timestamp() // DAY_S * DAY_S)
        with self._database.reading() as connection:
            days = outbound.days_seen(connection, today)
        for day in days:
            async for outcome in self._day(day, now, dry):
                yield outcome

    async def _day(self, day: int, now: datetime, dry: bool) -> AsyncIterator[Outcome]:
        with self._database.reading() as connection:
            authors = outbound.authors_seen(connection, day)
            seen = outbound.lots_seen(connection, day)
        found: dict[str, _Found] = {}
        for start in range(0, len(authors), _AT_ONCE):
            some = authors[start : start + _AT_ONCE]
            found |= zip(some, await asyncio.gather(*map(self._policy, some)), strict=True)
        for author, policy in found.items():
            if policy is None:
                yield _outcome(day, author, "no-policy")
            elif isinstance(policy, TemporaryFailure):
                yield _outcome(day, author, "later", policy.reason)
        for lot in _lots(seen, found):
            if lot.policy is None:
                self._forget(day, lot, dry)
                continue
            async for outcome in self._report(day, lot.policy, lot, now, dry):
                yield outcome

    async def _policy(self, author: str) -> "_Found":
        try:
            return await self._lookups.policy(author)
        except TemporaryFailure as failure:
            return failure

    async def _report(
        self, day: int, policy: PublishedPolicy, lot: _Lot, now: datetime, dry: bool
    ) -> AsyncIterator[Outcome]:
        unwanted = self._unwanted(policy)
        if unwanted:
            self._forget(day, lot, dry)
            yield _outcome(day, policy.domain, unwanted)
            return
        wanted = await destinations(policy, self._lookups)
        if lot.name == outbound.FRESH and not dry:
            lot = self._kept(day, policy, lot)
        report = self._made(day, policy, lot)
        if not report.rows:
            return  # a run beside this one has them
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
            self._forget(day, lot, dry)

    def _unwanted(self, policy: PublishedPolicy) -> str:
        """Why a domain gets no report; empty when it gets one."""
        for silent, why in self._silent.items():
            if is_same_or_below(policy.domain, silent):
                return why
        return "" if policy.report_uris else "no-rua"

    def _kept(self, day: int, policy: PublishedPolicy, lot: _Lot) -> _Lot:
        """The lot by a name that its messages keep; it ends in the policy domain."""
        name = f"{uuid4().hex}@{policy.domain}"
        with self._database.transaction() as connection:
            outbound.make_lot(connection, day, lot.authors, name)
        return replace(lot, name=name)

    def _made(self, day: int, policy: PublishedPolicy, lot: _Lot) -> AggregateReport:
        with self._database.reading() as connection:
            counted = [
                row
                for author in lot.authors
                for row in outbound.count_seen(connection, day, author, lot.name)
            ]
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
        if destination.doubt:
            return ended("later", destination.doubt)
        if dry:
            return ended("dry-run")
        return ended(*await self._submit(report, address, message, now))

    async def _submit(
        self, report: AggregateReport, address: str, message: bytes, now: datetime
    ) -> tuple[str, str]:
        """How it ended: the state, and the queue id or the reason.

        Raises TemporaryFailure(dmarc-submit-refused).
        """
        key = address.lower()
        with self._database.transaction() as connection:
            domain = report.policy.domain
            if not outbound.claim(connection, report.report_id, key, domain=domain, now=now):
                return "sent", "claimed by another run"
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
            return "sent", "unknown"  # the claim stays: it may have been taken
        except Refused as error:
            return self._ended(report, key, error.failure, now, after_data=True)
        except (TemporaryFailure, PermanentFailure) as error:
            return self._ended(report, key, error, now)
        with self._database.transaction() as connection:
            outbound.settle(connection, report.report_id, key, "sent", queue_id)
        return "sent", queue_id

    def _ended(
        self,
        report: AggregateReport,
        key: str,
        failure: TemporaryFailure | PermanentFailure,
        now: datetime,
        *,
        after_data: bool = False,
    ) -> tuple[str, str]:
        """What a no means: of the recipient, of this message, or of us and for now."""
        dead = isinstance(failure, RecipientRefused)
        refused = dead or (after_data and isinstance(failure, PermanentFailure))
        with self._database.transaction() as connection:
            if refused:
                outbound.settle(connection, report.report_id, key, "refused", failure.reason)
            else:
                outbound.release(connection, report.report_id, key)
            if dead:
                outbound.mark_dead(connection, key, failure.reason, now)
        if isinstance(failure, ServerRefused):
            server, author = self._section.submit, self._reporter.email
            raise TemporaryFailure(
                "dmarc-submit-refused",
                failure,
                detail=f"{server} takes no mail from {author} ({failure.reason}); look into its "
                "log. Nothing more is sent in this run, and nothing is lost",
            ) from failure
        return "refused" if refused else "later", failure.reason

    def _forget(self, day: int, lot: _Lot, dry: bool) -> None:
        if not dry:
            with self._database.transaction() as connection:
                outbound.forget_seen(connection, day, lot.authors, lot.name)


_Found = PublishedPolicy | TemporaryFailure | None


def _lots(seen: Mapping[str, list[str]], found: Mapping[str, _Found]) -> list[_Lot]:
    """What can be reported now: reports that were made before, and one per policy of the rest."""
    lots: list[_Lot] = []
    fresh: dict[PublishedPolicy | None, list[str]] = {}
    for author in seen.get(outbound.FRESH, []):
        policy = found[author]
        if not isinstance(policy, TemporaryFailure):
            fresh.setdefault(policy, []).append(author)
    for policy, authors in fresh.items():
        lots.append(_Lot(name=outbound.FRESH, authors=authors, policy=policy))
    for name, authors in seen.items():
        if name == outbound.FRESH:
            continue
        known = [found[author] for author in authors]
        published = (one for one in known if isinstance(one, PublishedPolicy))
        policy = next((one for one in published if name.endswith(f"@{one.domain}")), None)
        if policy is not None or not any(isinstance(one, TemporaryFailure) for one in known):
            lots.append(_Lot(name=name, authors=authors, policy=policy))
    return sorted(lots, key=lambda lot: (lot.policy.domain if lot.policy else "", lot.name))


async def _nothing() -> None:
    """The claim was written before; nothing is left to note."""


def _outcome(day: int, domain: str, state: str, detail: str = "") -> Outcome:
    return Outcome(day=_date(day), domain=domain, state=state, detail=detail)


def _date(day: int) -> str:
    return f"{datetime.fromtimestamp(day, UTC):%Y-%m-%d}"
