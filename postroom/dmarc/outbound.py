"""What is to be reported and what has been: rows of dmarc_seen, dmarc_sent and dmarc_dead.

Each function is one named query on a connection that the caller opened. Days are UTC, from
midnight, as seconds since 1970.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from postroom.store.schema import DMARC_DEAD, DMARC_SEEN, DMARC_SENT

from .seen import Seen, SignatureSeen

DAY_S = 86_400
_SIGNATURES = TypeAdapter(tuple[SignatureSeen, ...])
_FACTS = [column for column in DMARC_SEEN.columns if column.name not in ("id", "at", "lot")]
FRESH = ""  # the lot of what is in no report yet


def add_seen(connection: Connection, batch: Iterable[tuple[float, Seen]]) -> None:
    """Notes messages with the time at which each was examined."""
    rows = [
        asdict(seen) | {"at": at, "signatures": _SIGNATURES.dump_json(seen.signatures).decode()}
        for at, seen in batch
    ]
    connection.execute(insert(DMARC_SEEN), rows)


def days_seen(connection: Connection, before: float) -> list[int]:
    """The days before a time of which something is noted, oldest first."""
    oldest = connection.scalar(select(func.min(DMARC_SEEN.c.at)))
    days: list[int] = []
    while oldest is not None and oldest < before:
        day = int(oldest // DAY_S) * DAY_S
        days.append(day)
        oldest = connection.scalar(
            select(func.min(DMARC_SEEN.c.at)).where(DMARC_SEEN.c.at >= day + DAY_S)
        )
    return days


def authors_seen(connection: Connection, day: int) -> list[str]:
    """The author domains of a day."""
    found = select(DMARC_SEEN.c.header_from).where(*_within(day)).distinct()
    return sorted(connection.scalars(found))


def lots_seen(connection: Connection, day: int) -> dict[str, list[str]]:
    """The author domains of each lot of a day."""
    found = select(DMARC_SEEN.c.lot, DMARC_SEEN.c.header_from).where(*_within(day)).distinct()
    lots: dict[str, list[str]] = {}
    for row in connection.execute(found.order_by(DMARC_SEEN.c.lot, DMARC_SEEN.c.header_from)):
        lots.setdefault(row.lot, []).append(row.header_from)
    return lots


def make_lot(connection: Connection, day: int, authors: Sequence[str], lot: str) -> None:
    """Puts what is fresh of some author domains into a lot: what comes later is not of it."""
    for author in authors:
        connection.execute(
            update(DMARC_SEEN).where(*_within(day), *_of(author, FRESH)).values(lot=lot)
        )


def count_seen(
    connection: Connection, day: int, author: str, lot: str | None = None
) -> list[tuple[Seen, int]]:
    """What was seen of an author domain on a day; equal messages counted together."""
    grouped = (
        select(*_FACTS, func.count().label("times"))
        .where(*_within(day), *_of(author, lot))
        .group_by(*_FACTS)
        .order_by(DMARC_SEEN.c.source_ip, *_FACTS)
    )
    found: list[tuple[Seen, int]] = []
    for row in connection.execute(grouped):
        facts = {column.name: row._mapping[column.name] for column in _FACTS}
        facts["signatures"] = _SIGNATURES.validate_json(facts["signatures"])
        found.append((Seen(**facts), row.times))
    return found


def forget_seen(
    connection: Connection, day: int, authors: Sequence[str], lot: str | None = None
) -> None:
    """Removes what has been reported, or is not wanted."""
    for author in authors:
        connection.execute(delete(DMARC_SEEN).where(*_within(day), *_of(author, lot)))


def forget_before(connection: Connection, moment: float) -> int:
    """Removes what could not be reported in time, and what is known of old reports; how much."""
    connection.execute(delete(DMARC_SENT).where(DMARC_SENT.c.at < moment))
    return connection.execute(delete(DMARC_SEEN).where(DMARC_SEEN.c.at < moment)).rowcount


def states_of(connection: Connection, report: str) -> Mapping[str, str]:
    """Address -> state, of everybody a report was handed over for."""
    found = select(DMARC_SENT.c.address, DMARC_SENT.c.state).where(DMARC_SENT.c.report == report)
    return {row.address: row.state for row in connection.execute(found)}


def claim(connection: Connection, report: str, address: str, *, domain: str, now: datetime) -> bool:
    """Notes that a report is about to be handed over; False when somebody else has."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    claimed = connection.scalar(
        dialect.insert(DMARC_SENT)
        .values(
            report=report,
            address=address,
            domain=domain,
            at=now.timestamp(),
            state="sending",
            result="",
        )
        .on_conflict_do_nothing(index_elements=["report", "address"])
        .returning(DMARC_SENT.c.report)
    )
    return claimed is not None


def settle(connection: Connection, report: str, address: str, state: str, result: str) -> None:
    """Notes how it ended."""
    connection.execute(
        update(DMARC_SENT)
        .where(DMARC_SENT.c.report == report, DMARC_SENT.c.address == address)
        .values(state=state, result=result)
    )


def release(connection: Connection, report: str, address: str) -> None:
    """Takes a claim back: nothing was handed over."""
    connection.execute(
        delete(DMARC_SENT).where(DMARC_SENT.c.report == report, DMARC_SENT.c.address == address)
    )


def mark_dead(connection: Connection, address: str, reason: str, now: datetime) -> None:
    """Remembers that an address takes no reports."""
    revive(connection, address)
    connection.execute(
        insert(DMARC_DEAD).values(address=address, since=now.timestamp(), reason=reason)
    )


def revive(connection: Connection, address: str) -> bool:
    """Forgets that an address was dead; False when it was not."""
    return bool(
        connection.execute(delete(DMARC_DEAD).where(DMARC_DEAD.c.address == address)).rowcount
    )


def dead_since(connection: Connection, moment: float) -> dict[str, tuple[float, str]]:
    """Address -> (since when, reason), of those that refused after a time."""
    found = select(DMARC_DEAD).where(DMARC_DEAD.c.since >= moment).order_by(DMARC_DEAD.c.address)
    return {row.address: (row.since, row.reason) for row in connection.execute(found)}


def was_sent_to(connection: Connection, report: str, address: str) -> bool:
    """Whether we sent this report to this address."""
    return states_of(connection, report).get(address, "") in ("sent", "sending")


def _of(author: str, lot: str | None) -> list[ColumnElement[bool]]:
    of = [DMARC_SEEN.c.header_from == author]
    return of if lot is None else [*of, DMARC_SEEN.c.lot == lot]


def _within(day: int) -> tuple[ColumnElement[bool], ...]:
    return DMARC_SEEN.c.at >= day, DMARC_SEEN.c.at < day + DAY_S
