"""Where a report may go: rua=, size limits, and who agreed to take it."""

import asyncio

import pytest

from postroom.dmarc.destinations import Destination, destinations, read_uri
from postroom.dmarc.published import PublishedPolicy
from tests.fakes.published import Published

URIS = [
    ("mailto:d@shop.test", ("d@shop.test", None)),
    ("MAILTO:d@Shop.Test", ("d@shop.test", None)),
    ("mailto:d@shop.test!10m", ("d@shop.test", 10 * 2**20)),
    ("mailto:d@shop.test!512K", ("d@shop.test", 512 * 2**10)),
    ("mailto:d@shop.test!99", ("d@shop.test", 99)),
    ("mailto:d@shop.test?subject=x!1g", ("d@shop.test", 2**30)),
    ("mailto:d%2Bx@shop.test", ("d+x@shop.test", None)),
    ("mailto:d@b\u00fccher.test", ("d@xn--bcher-kva.test", None)),
    ("mailto:d%21x@shop.test", ("d!x@shop.test", None)),
    ("https://shop.test/report", None),
    ("mailto:shop.test", None),
    ("mailto:@shop.test", None),
    ("mailto:d@localhost", None),
    ("mailto:d@shop.test!10x", None),
    ("mailto:d%0D%0ARCPT%20TO:x@shop.test", None),
    ("mailto:d e@shop.test", None),
    ("mailto:d.e@shop.test", ("d.e@shop.test", None)),
    ("mailto:d..e@shop.test", None),
    ("mailto:.d@shop.test", None),
    ("mailto:d.@shop.test", None),
    ("mailto:%3D?utf-8?q?a%3D0d%3D0aBcc?%3D@shop.test", None),
    ("mailto:%3D%3Fq%3F%3D@shop.test", None),
    (f"mailto:{'d' * 65}@shop.test", None),
    ("mailto:d@shop.test,e@shop.test", None),
    ("mailto:\ud800@shop.test", None),
    ("", None),
]


@pytest.mark.parametrize(("uri", "wanted"), URIS)
def test_a_uri_is_a_mailbox_with_a_limit_or_nothing(
    uri: str, wanted: tuple[str, int | None] | None
) -> None:
    found = read_uri(uri)
    assert (None if found is None else (found.address, found.most)) == wanted


def found(
    *uris: str,
    texts: dict[str, tuple[str, ...] | None] | None = None,
    domain: str = "shop.test",
) -> tuple[list[str], list[str]]:
    lookups = Published({}, texts)
    policy = PublishedPolicy(domain=domain, p="none", report_uris=uris)
    allowed = asyncio.run(destinations(policy, lookups))
    return [one.address for one in allowed], lookups.asked


NAME = "shop.test._report._dmarc.reports.other.test"
ABROAD = "mailto:d@reports.other.test"
AGREED = [
    # what stands at NAME, the destinations
    ((), []),
    (("v=DMARC1",), ["d@reports.other.test"]),
    (("v=DMARC1;",), ["d@reports.other.test"]),
    ((" v = DMARC1 ; x=y",), ["d@reports.other.test"]),
    (("spf", "v=DMARC1; "), ["d@reports.other.test"]),
    (("DMARC1",), []),
    (("x=y; v=DMARC1",), []),
    (("v=DMARC2",), []),
    (("v=DMARC1; junk",), []),
    (("v=DMARC1; rua=mailto:e@reports.other.test",), ["e@reports.other.test"]),
    (
        ("v=DMARC1; rua=mailto:e@reports.other.test,mailto:f@reports.other.test",),
        ["e@reports.other.test", "f@reports.other.test"],
    ),
    (("v=DMARC1; rua=mailto:e@victim.test",), []),
    (("v=DMARC1; rua=mailto:e@other.test",), []),
    (("v=DMARC1; rua=mailto:e@reports.other.test, mailto:e@victim.test",), []),
    (("v=DMARC1; rua=https://reports.other.test/",), []),
]


@pytest.mark.parametrize(("texts", "wanted"), AGREED)
def test_a_destination_abroad_must_have_agreed(texts: tuple[str, ...], wanted: list[str]) -> None:
    assert found(ABROAD, texts={NAME: texts}) == (wanted, [NAME])


def test_a_destination_of_the_same_organization_is_not_asked() -> None:
    assert found("mailto:d@mail.shop.test", domain="a.shop.test") == (["d@mail.shop.test"], [])


def test_each_address_gets_one_report_and_the_order_is_kept() -> None:
    uris = ("mailto:b@shop.test", "ftp:x", "mailto:a@shop.test", "mailto:B@shop.test!1k")
    assert found(*uris)[0] == ["b@shop.test", "a@shop.test"]


def test_a_record_cannot_ask_for_any_number_of_reports() -> None:
    uris = [f"mailto:d{number}@shop.test" for number in range(100)]
    assert len(found(*uris)[0]) == 10


def test_a_name_too_long_for_dns_is_a_no() -> None:
    domain = ".".join(["x" * 60] * 4)
    assert found("mailto:d@other.test", domain=domain) == ([], [])


def test_dns_trouble_is_not_a_no_and_leaves_the_other_destinations_alone() -> None:
    uris = ("mailto:a@shop.test", ABROAD, "mailto:b@shop.test")
    policy = PublishedPolicy(domain="shop.test", p="none", report_uris=uris)
    allowed = asyncio.run(destinations(policy, Published({}, {NAME: None})))
    assert [(one.address, one.doubt) for one in allowed] == [
        ("a@shop.test", ""),
        ("d@reports.other.test", "dns-timeout"),
        ("b@shop.test", ""),
    ]


def test_the_host_is_what_stands_behind_the_last_at() -> None:
    assert Destination(address="d@shop.test").host == "shop.test"
