"""What a mail or a file brings for DMARC reporting, read where hostile bytes are read.

In: raw octets: a mail with reports attached, a bare report, or a bounce of a report we sent. Out:
an `Arrived`. `arrived_json` is what worker processes run: its answer is text, checked again by
whoever asked. Standards: RFC 9990 3.5.2, RFC 7489 7.2.1.1; RFC 3464 2.3 (bounces).

Limits: twenty attachments of one mail are looked at.
"""

import re
from dataclasses import dataclass

from postroom.codec import to_json
from postroom.config import ReadingSection
from postroom.failure import PermanentFailure
from postroom.reading.leaves import leaves

from .received import ReceivedReport, read_report
from .unpack import documents, is_container

_MOST_ATTACHMENTS = 20
_MOST_FAILED = 100
_STATUS = "message/delivery-status"
# Message-IDs of our own reports (aggregate.py).
_OUR_ID = re.compile(rb"<([0-9]{1,12}\.[0-9a-f]{20}@[A-Za-z0-9.-]{1,253})>")
_RECIPIENT = re.compile(
    r"^Final-Recipient:\s{0,9}[\w-]{1,20}\s{0,9};\s{0,9}<?([^\s<>]{1,320})", re.I
)
_FAILED = re.compile(r"^Status:\s{0,9}5\.\d{1,3}\.\d{1,3}", re.I | re.M)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An address that a bounce says takes no mail."""

    address: str  # lower case
    report_id: str  # of the report that came back


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """Everything found."""

    reports: tuple[ReceivedReport, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    problems: tuple[str, ...] = ()  # reasons, one per attachment that could not be read


def arrived(raw: bytes, limits: ReadingSection) -> Arrived:
    """What is in a mail or in a bare report; never raises for what the bytes are."""
    if is_container(raw):
        return _read([raw])
    parts = leaves(raw, limits)
    statuses = [leaf.data.decode("utf-8", "replace") for leaf in parts if leaf.type == _STATUS]
    found = _read([leaf.data for leaf in parts if is_container(leaf.data)][:_MOST_ATTACHMENTS])
    if not statuses:
        return found
    refusals = tuple(_refusals("\n\n".join(statuses), raw))
    return Arrived(reports=found.reports, refusals=refusals, problems=found.problems)


def arrived_json(raw: bytes, limits: ReadingSection) -> str:
    """`arrived` as JSON (postroom/codec.py)."""
    return to_json(arrived(raw, limits))


def _read(containers: list[bytes]) -> Arrived:
    reports: list[ReceivedReport] = []
    problems: list[str] = []
    for content in containers:
        try:
            inner = documents(content)
        except PermanentFailure as failure:
            problems.append(failure.reason)
            continue
        for xml in inner:
            try:
                reports.append(read_report(xml))
            except PermanentFailure as failure:
                problems.append(failure.reason)
        if not inner:
            problems.append("report-no-xml")
    return Arrived(reports=tuple(reports), problems=tuple(problems))


def _refusals(status: str, raw: bytes) -> list[Refusal]:
    """The recipients that failed for good, for each report of ours that is quoted."""
    ours = dict.fromkeys(found[1].decode() for found in _OUR_ID.finditer(raw))
    failed: list[str] = []
    for block in re.split(r"\r?\n\r?\n", status)[: _MOST_FAILED * 2]:
        address = next(
            (found[1] for line in block.splitlines() if (found := _RECIPIENT.match(line))), ""
        )
        if address and _FAILED.search(block):
            failed.append(address.lower())
    return [
        Refusal(address=address, report_id=report)
        for address in dict.fromkeys(failed[:_MOST_FAILED])
        for report in list(ours)[:_MOST_ATTACHMENTS]
    ]
