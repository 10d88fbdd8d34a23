"""The report itself: valid by the schema, complete, the same each time, and in a proper mail."""

import gzip
import random
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from postroom.dmarc.aggregate import NAMESPACE, AggregateReport, Reporter, rows_of
from postroom.dmarc.letter import letter
from postroom.dmarc.published import PublishedPolicy
from postroom.dmarc.seen import Seen, SignatureSeen

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "rfc9990.xsd"))
DAY = 1_762_300_800  # 2025-11-05
NOW = datetime(2025, 11, 6, 3, 0, tzinfo=UTC)
REPORTER = Reporter(
    organization="Firma & Söhne <Mail>",
    email="dmarc@firma.test",
    contact="https://firma.test/?a=1&b=2",
    hostname="mail.firma.test",
)
POLICY = PublishedPolicy(domain="shop.test", p="reject", sp="quarantine", adkim="s", testing=True)
ROW = Seen(
    source_ip="192.0.2.1",
    header_from="shop.test",
    envelope_from="bounce.shop.test",
    disposition="quarantine",
    dkim="fail",
    spf="fail",
    override="policy_test_mode",
    spf_domain="bounce.shop.test",
    spf_result="softfail",
    signatures=(
        SignatureSeen(domain="esp.test", selector="s1", result="pass"),
        SignatureSeen(domain="shop.test", selector="s2", result="fail", reason="<expired> & co"),
    ),
)
NULL = Seen(
    source_ip="2001:db8::1",
    header_from="a.shop.test",
    envelope_from="",
    disposition="none",
    dkim="pass",
    spf="fail",
    override="trusted_forwarder arc=pass, sealed by list.test",
)


def report(*rows: tuple[Seen, int], policy: PublishedPolicy = POLICY) -> AggregateReport:
    return AggregateReport(
        policy=policy, reporter=REPORTER, begin=DAY, end=DAY + 86_399, rows=rows_of(rows)
    )


def texts(xml: bytes, path: str) -> list[str]:
    root = etree.fromstring(xml)
    found = root.findall(path.replace("/", "/{*}").join(("{*}", "")))
    return [element.text or "" for element in found]


def test_the_report_says_everything_and_is_valid() -> None:
    xml = report((ROW, 3), (NULL, 1)).xml()
    SCHEMA.assertValid(etree.fromstring(xml))
    assert etree.fromstring(xml).tag == f"{{{NAMESPACE}}}feedback"
    for path, wanted in {
        "version": ["1.0"],
        "report_metadata/org_name": ["Firma & Söhne <Mail>"],
        "report_metadata/email": ["dmarc@firma.test"],
        "report_metadata/extra_contact_info": ["https://firma.test/?a=1&b=2"],
        "report_metadata/date_range/begin": [str(DAY)],
        "report_metadata/date_range/end": [str(DAY + 86_399)],
        "policy_published/domain": ["shop.test"],
        "policy_published/discovery_method": ["treewalk"],
        "policy_published/p": ["reject"],
        "policy_published/sp": ["quarantine"],
        "policy_published/np": ["quarantine"],
        "policy_published/adkim": ["s"],
        "policy_published/aspf": ["r"],
        "policy_published/testing": ["y"],
        "record/row/source_ip": ["192.0.2.1", "2001:db8::1"],
        "record/row/count": ["3", "1"],
        "record/row/policy_evaluated/disposition": ["quarantine", "none"],
        "record/row/policy_evaluated/dkim": ["fail", "pass"],
        "record/row/policy_evaluated/reason/type": ["policy_test_mode", "trusted_forwarder"],
        "record/row/policy_evaluated/reason/comment": ["arc=pass, sealed by list.test"],
        "record/identifiers/header_from": ["shop.test", "a.shop.test"],
        "record/identifiers/envelope_from": ["bounce.shop.test", ""],
        "record/auth_results/dkim/selector": ["s1", "s2"],
        "record/auth_results/dkim/human_result": ["<expired> & co"],
        "record/auth_results/spf/scope": ["mfrom"],
        "record/auth_results/spf/result": ["softfail"],
    }.items():
        assert texts(xml, path) == wanted, path
    assert texts(xml, "report_metadata/generator")[0].startswith("Postroom ")


def test_what_is_not_published_has_its_default() -> None:
    xml = report((ROW, 1), policy=PublishedPolicy(domain="shop.test", p="none")).xml()
    SCHEMA.assertValid(etree.fromstring(xml))
    for name, wanted in {"sp": "none", "np": "none", "testing": "n", "adkim": "r"}.items():
        assert texts(xml, f"policy_published/{name}") == [wanted]


def test_the_same_rows_make_the_same_report_in_whatever_order() -> None:
    rows = [(ROW, 3), (NULL, 1)]
    first = report(*rows)
    random.Random(1).shuffle(rows)
    second = report(*reversed(rows))
    assert first.xml() == second.xml()
    assert first.compressed() == second.compressed()
    assert letter(first, "d@shop.test", NOW) == letter(second, "d@shop.test", NOW)
    assert first.report_id != report((ROW, 2), (NULL, 1)).report_id


NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}(\.[a-z0-9]{1,10}){0,3}", fullmatch=True)
RESULTS = st.sampled_from(["none", "pass", "fail", "neutral", "temperror", "permerror"])
ANY = st.text(max_size=30)
SEEN = st.builds(
    Seen,
    source_ip=st.ip_addresses().map(str),
    header_from=NAMES,
    envelope_from=st.one_of(st.just(""), NAMES),
    disposition=st.sampled_from(["none", "pass", "quarantine", "reject"]),
    dkim=st.sampled_from(["pass", "fail"]),
    spf=st.sampled_from(["pass", "fail"]),
    override=st.one_of(st.just(""), ANY.map(lambda text: f"local_policy {text}")),
    spf_domain=NAMES,
    spf_result=st.one_of(st.just(""), RESULTS),
    signatures=st.lists(
        st.builds(SignatureSeen, domain=NAMES, selector=NAMES, result=RESULTS, reason=ANY),
        max_size=4,
    ).map(tuple),
)


@given(rows=st.lists(st.tuples(SEEN, st.integers(1, 10**6)), min_size=1, max_size=4), name=ANY)
@settings(max_examples=15, deadline=None)
def test_whatever_was_seen_the_report_is_valid(rows: list[tuple[Seen, int]], name: str) -> None:
    reporter = Reporter(organization=f"x{name}", email="a@b.test", contact=name, hostname="b.test")
    made = AggregateReport(policy=POLICY, reporter=reporter, begin=0, end=1, rows=rows_of(rows))
    SCHEMA.assertValid(etree.fromstring(made.xml()))


def mail(raw: bytes) -> EmailMessage:
    parsed = message_from_bytes(raw, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def test_the_letter_is_a_plain_mail_with_the_report_attached() -> None:
    made = report((ROW, 3))
    raw = letter(made, "d@shop.test", NOW)
    message = mail(raw)
    assert message["From"] == '"Firma & Söhne <Mail>" <dmarc@firma.test>'
    assert message["To"] == "d@shop.test"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == f"<{made.report_id}>"
    assert message.get_content_type() == "multipart/mixed"
    assert message.defects == []
    subject = f"Report Domain: shop.test Submitter: mail.firma.test Report-ID: <{made.report_id}>"
    assert f"Subject: {subject}\r\n".encode() in raw
    text, attachment = message.iter_parts()
    assert text.get_content_type() == "text/plain" and "shop.test" in text.get_content()
    assert attachment.get_content_type() == "application/gzip"
    name = f"mail.firma.test!shop.test!{DAY}!{DAY + 86_399}!{made.unique_id}.xml.gz"
    assert attachment.get_filename() == made.filename == name
    assert gzip.decompress(attachment.get_content()) == made.xml()
    assert raw.isascii() and max(map(len, raw.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("contact", ["", "Ask Änne", "x" * 900])
def test_any_contact_fits_into_the_letter(contact: str) -> None:
    reporter = Reporter(organization="x", email="a@b.test", contact=contact, hostname="b.test")
    made = AggregateReport(policy=POLICY, reporter=reporter, begin=0, end=1, rows=((ROW, 1),))
    raw = letter(made, "d@shop.test", NOW)
    assert contact in next(mail(raw).iter_parts()).get_content().replace("=\n", "")
    assert raw.isascii()


SAMPLES = Path(__file__).parents[3] / "shared/conformance/dmarc-reports/parsedmarc/aggregate"


@pytest.mark.skipif(not SAMPLES.exists(), reason="conformance data is not here")
def test_our_schema_takes_the_sample_report_of_the_standard() -> None:
    SCHEMA.assertValid(etree.parse(SAMPLES / "rfc9990-sample.xml"))
