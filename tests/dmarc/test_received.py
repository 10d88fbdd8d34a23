"""Reports from others: the real ones are read, the broken and the hostile ones are refused."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.dmarc.received import MethodResult, ReceivedReport, ReceivedRow, read_report
from postroom.dmarc.unpack import documents, is_container
from postroom.failure import PermanentFailure
from postroom.reading.leaves import leaves
from tests.fakes.reports import report, row

SAMPLES = Path(__file__).parents[3] / "shared/conformance/dmarc-reports"
needs_samples = pytest.mark.skipif(not SAMPLES.exists(), reason="conformance data is not here")


def read_sample(path: Path) -> list[ReceivedReport]:
    raw = path.read_bytes()
    containers = [raw] if is_container(raw) else [leaf.data for leaf in leaves(raw)]
    found = [xml for one in containers if is_container(one) for xml in documents(one)]
    return [read_report(xml) for xml in found]


def test_a_report_becomes_values() -> None:
    reason = "<reason><type>forwarded</type><comment>x</comment></reason>"
    found = read_report(report(row("2001:DB8::1", 7, disposition="reject", reason=reason)))
    assert found == ReceivedReport(
        reporter="Big Mail",
        report_id="r1",
        domain="firma.test",
        begins_at=1_793_836_800,
        ends_at=1_793_923_199,
        policy="reject",
        rows=(
            ReceivedRow(
                source_ip="2001:db8::1",
                count=7,
                disposition="reject",
                dkim="pass",
                spf="fail",
                header_from="firma.test",
                override="forwarded",
                results=(
                    MethodResult(method="dkim", domain="firma.test", result="pass", selector="s1"),
                    MethodResult(method="spf", domain="firma.test", result="fail", scope="mfrom"),
                ),
            ),
        ),
    )
    assert found.rows[0].is_aligned


READABLE = [
    "mail-auth/*.xml",
    "mail-auth/*.eml",
    "mail-dmarc/*",
    "mox/*.eml",
    "opendmarc/[!b]*.xml",
    "parsedmarc/aggregate/[!i]*",
    "parsedmarc/aggregate/invalid_*.xml",
    "parsedmarc/extract_report/*",
]
REFUSED = [
    "opendmarc/bad*.xml",
    "parsedmarc/aggregate/ikea*.xml",
    "parsedmarc/aggregate_invalid/*.xml",
]
NO_REPORT = ["parsedmarc/failure/*.eml", "tlsrpt-mail-auth/*.eml", "parsedmarc/empty.xml"]


def samples(*patterns: str) -> list[Any]:
    found = sorted(path for pattern in patterns for path in SAMPLES.glob(pattern))
    return [pytest.param(path, id=str(path.relative_to(SAMPLES))) for path in found]


@needs_samples
@pytest.mark.parametrize("path", samples(*READABLE))
def test_real_reports_are_read(path: Path) -> None:
    (found,) = read_sample(path)
    assert found.rows and not found.unusable
    raw = path.read_bytes()
    if raw.lstrip().startswith(b"<"):
        assert len(found.rows) == raw.count(b"<record>")
    assert found.begins_at <= found.ends_at
    assert all(one.count > 0 for one in found.rows)


@needs_samples
@pytest.mark.parametrize("path", samples(*REFUSED))
def test_broken_reports_are_refused_cleanly(path: Path) -> None:
    with pytest.raises(PermanentFailure, match="report-malformed"):
        read_sample(path)


@needs_samples
@pytest.mark.parametrize("path", samples(*NO_REPORT))
def test_what_is_no_aggregate_report_is_none(path: Path) -> None:
    assert read_sample(path) == []


@needs_samples
@pytest.mark.parametrize("path", samples("mail-auth/*.json"))
def test_the_values_are_those_another_reader_finds(path: Path) -> None:
    wanted = json.loads(path.read_text(encoding="utf-8"))
    source = next(path.with_suffix(s) for s in (".xml", ".eml") if path.with_suffix(s).exists())
    (found,) = read_sample(source)
    said = wanted["report_metadata"]
    assert found.reporter == said["org_name"]
    assert found.report_id == said["report_id"]
    assert found.domain == wanted["policy_published"]["domain"]
    assert (found.begins_at, found.ends_at) == tuple(said["date_range"].values())
    assert found.policy == wanted["policy_published"]["p"].lower()
    for ours, theirs in zip(found.rows, wanted["record"], strict=True):
        evaluated = theirs["row"]["policy_evaluated"]
        assert ours.source_ip == theirs["row"]["source_ip"]
        assert ours.count == theirs["row"]["count"]
        for name in ("disposition", "dkim", "spf"):
            assert getattr(ours, name) == evaluated[name].lower()
        assert ours.header_from == theirs["identifiers"]["header_from"]
        results = [
            (one["domain"], one["selector"] or "", one["result"].lower())
            for one in theirs["auth_results"]["dkim"]
        ]
        assert [
            (one.domain, one.selector, one.result) for one in ours.results if one.method == "dkim"
        ] == results


BROKEN = {
    "another root": b"<other/>",
    "no metadata": b"<feedback><policy_published><domain>a.test</domain></policy_published>"
    b"</feedback>",
    "no rows": report(" "),
    "no domain": report(domain="not a domain"),
    "no id": report(report_id=""),
    "a time that is none": report(begin="yesterday"),
    "a time out of the world": report(end=10**12),
    "cut short": report()[:-40],
    "nothing": b"",
    "not XML": b"\x00\x01\x02",
    "an encoding nobody knows": b'<?xml version="1.0" encoding="x-none"?><feedback/>',
    "only unusable rows": report(row(disposition="None"), row("no address")),
    "deep": b"<feedback>" + b"<a>" * 100_000,
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_what_is_no_report_is_refused(name: str) -> None:
    with pytest.raises(PermanentFailure, match="report-malformed"):
        read_report(BROKEN[name])


UNUSABLE = [
    row(count=0),
    row(count=-1),
    row(count="many"),
    row("300.1.1.1"),
    row(""),
    row(disposition="Reject"),
    row(disposition=""),
    row(dkim="Pass"),
    row(spf="softfail"),
]


@pytest.mark.parametrize("one", UNUSABLE)
def test_a_row_outside_the_standards_words_is_counted_and_left_out(one: str) -> None:
    found = read_report(report(row(), one))
    assert (len(found.rows), found.unusable) == (1, 1)


MENDED = {
    "a stray less-than": report(reporter="a < b <x@y>"),
    "an ampersand": report(reporter="Smith & Co &nbsp;"),
    "a control": report(reporter="a\x01b"),
    "no utf-8": report(reporter="x").replace(b"<org_name>x", b"<org_name>\xff\xfe"),
    "a wrong encoding": report().replace(b"UTF-8", b"UTF-16"),
}


@pytest.mark.parametrize("name", sorted(MENDED))
def test_nearly_well_formed_xml_is_mended(name: str) -> None:
    assert len(read_report(MENDED[name]).rows) == 1


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "windows-1252", "us-ascii"])
def test_other_encodings_are_read(encoding: str) -> None:
    text = report(reporter="Big Mail").decode().replace("UTF-8", encoding)
    assert read_report(text.encode(encoding)).reporter == "Big Mail"


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE feedback [<!ENTITY a "ha">'
    + b"".join(
        b'<!ENTITY %c "&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;">' % (c + 1, *([c] * 10))
        for c in range(ord("a"), ord("k"))
    )
    + b"]><feedback>&k;</feedback>"
)
HOSTILE = {
    "billion laughs": LAUGHS,
    "an external entity": b'<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b"<feedback>&x;</feedback>",
    "an external subset": b'<!DOCTYPE feedback SYSTEM "http://127.0.0.1:1/x"><feedback/>',
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_document_type_is_refused_before_anything_is_expanded(name: str) -> None:
    with pytest.raises(PermanentFailure, match="report-doctype"):
        read_report(HOSTILE[name])


SLOW = {
    "a megabyte of text": report(reporter="x" * 1_000_000),
    "many elements": report().replace(b"<feedback", b"<feedback")[:-13]
    + b"<x/>" * 200_000
    + b"</feedback>",
    "many attributes": report().replace(
        b"<feedback", b"<feedback " + b" ".join(b'a%d="1"' % n for n in range(5_000)), 1
    ),
    "many reasons": report(row(reason="<reason><type>x</type></reason>" * 50_000)),
    "many results": report().replace(
        b"</auth_results>", b"<spf><domain>a</domain></spf>" * 50_000 + b"</auth_results>"
    ),
    "many strays": b"<feedback>" + b"<" * 500_000,
    "many ampersands": b"<feedback>" + b"&" * 500_000,
    "half a tag": b"<feedback>" + b"<a " * 200_000,
}


@pytest.mark.parametrize("name", sorted(SLOW))
def test_size_costs_only_linear_time_and_nothing_grows_without_end(name: str) -> None:
    started = time.process_time()
    try:
        found = read_report(SLOW[name])
    except PermanentFailure as failure:
        assert failure.reason == "report-malformed"
    else:
        assert len(found.reporter) <= 1_000
        assert len(found.rows[0].results) <= 100 and len(found.rows[0].override) <= 1_000
    assert time.process_time() - started < 2.0


def test_more_rows_than_anybody_needs_are_refused() -> None:
    short = "<record><row><source_ip>192.0.2.1</source_ip><count>0</count></row></record>"
    good = row()
    assert len(read_report(report(*[good] * 3_000)).rows) == 3_000
    assert read_report(report(good, short * 3_000)).unusable == 3_000


@given(st.binary(max_size=300), st.integers(0, 900))
@settings(max_examples=150, deadline=None)
def test_any_octets_are_a_report_or_refused(junk: bytes, where: int) -> None:
    whole = report()
    for hostile in (junk, whole[:where] + junk + whole[where:], whole[:where] + junk):
        try:
            read_report(hostile)
        except PermanentFailure:
            pass
