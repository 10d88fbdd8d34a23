"""Reports that others sent about our domains: rows of dmarc_report and dmarc_row.

Each function is one named query on a connection that the caller opened.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, case, func, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from postroom.store.schema import DMARC_REPORT, DMARC_ROW

from .received import MethodResult, ReceivedReport

_RESULTS = TypeAdapter(tuple[MethodResult, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What all reports say of one sending address and one author domain."""

    source_ip: str
    header_from: str
    messages: int
    aligned: int  # of them, by DKIM or SPF
    dkim: int  # aligned by DKIM
    spf: int  # aligned by SPF
    refused: int  # rejected or quarantined
    reporters: int
    last: datetime  # end of the newest period


def add_report(
    connection: Connection,
    report: ReceivedReport,
    *,
    message: int | None,
    authenticated: str,
    now: datetime,
) -> bool:
    """Stores a report; False when it is known (RFC 9990 3.5.4: reporter, id and domain)."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    number = connection.scalar(
        dialect.insert(DMARC_REPORT)
        .values(
            reporter=report.reporter,
            report_id=report.report_id,
            domain=report.domain,
            begins_at=float(report.begins_at),
            ends_at=float(report.ends_at),
            policy=report.policy,
            message=message,
            authenticated=authenticated,
            taken_at=now.timestamp(),
        )
        .on_conflict_do_nothing(index_elements=["reporter", "report_id", "domain"])
        .returning(DMARC_REPORT.c.id)
    )
    if number is None:
        return False
    rows = [
        {
            "report": number,
            "source_ip": row.source_ip,
            "count": row.count,
            "disposition": row.disposition,
            "dkim": row.dkim,
            "spf": row.spf,
            "header_from": row.header_from,
            "envelope_from": row.envelope_from,
            "results": _RESULTS.dump_json(row.results).decode(),
            "override": row.override,
        }
        for row in report.rows
    ]
    connection.execute(insert(DMARC_ROW), rows)
    return True


def sources(connection: Connection, *, domain: str, since: float) -> list[Source]:
    """Sending addresses, those that fail first, for a policy domain or (empty) all."""
    row, report = DMARC_ROW.c, DMARC_REPORT.c
    aligned = or_(row.dkim == "pass", row.spf == "pass")
    refused = row.disposition.in_(("reject", "quarantine"))

    def total(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((condition, row["count"]), else_=0))

    messages = func.sum(row["count"]).label("messages")
    passed = total(aligned).label("aligned")
    found = (
        select(
            row.source_ip,
            row.header_from,
            messages,
            passed,
            total(row.dkim == "pass").label("dkim"),
            total(row.spf == "pass").label("spf"),
            total(refused).label("refused"),
            func.count(report.reporter.distinct()).label("reporters"),
            func.max(report.ends_at).label("last"),
        )
        .join(DMARC_REPORT, report.id == row.report)
        .where(report.ends_at >= since)
        .group_by(row.source_ip, row.header_from)
        .order_by((messages - passed).desc(), messages.desc(), row.source_ip, row.header_from)
    )
    if domain:
        found = found.where(report.domain == domain)
    return [
        Source(
            source_ip=one.source_ip,
            header_from=one.header_from,
            messages=int(one.messages),
            aligned=int(one.aligned),
            dkim=int(one.dkim),
            spf=int(one.spf),
            refused=int(one.refused),
            reporters=one.reporters,
            last=datetime.fromtimestamp(one.last, UTC),
        )
        for one in connection.execute(found)
    ]


def count_reports(connection: Connection, *, domain: str, since: float) -> int:
    """How many reports those are."""
    found = select(func.count()).where(DMARC_REPORT.c.ends_at >= since)
    if domain:
        found = found.where(DMARC_REPORT.c.domain == domain)
    return int(connection.scalar(found) or 0)
