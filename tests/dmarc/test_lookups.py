"""DNS for reports is the milter's own discovery."""

import asyncio
from dataclasses import replace

import pytest

from postroom.config import AuthenticationSection, Config
from postroom.dmarc.published import PublishedPolicy
from postroom.failure import TemporaryFailure
from postroom.service.dmarc import DnsLookups
from tests.fakes.dns import FakeResolver

ZONE = {
    "_dmarc.shop.test": [
        ("TXT", "v=DMARC1; p=reject; sp=none; aspf=s; t=y; rua=mailto:a@x.test!1m,mailto:b@y.test")
    ],
    "_dmarc.none.test": [("TXT", "v=DMARC1; p=oops")],
    "news.shop.test": [("A", "192.0.2.1")],
    "x.test": [("TXT", "one"), ("TXT", "two")],
}
SHOP = PublishedPolicy(
    domain="shop.test",
    p="reject",
    sp="none",
    aspf="s",
    testing=True,
    report_uris=("mailto:a@x.test!1m", "mailto:b@y.test"),
)


def lookups(**trouble: tuple[str, ...]) -> DnsLookups:
    return DnsLookups(Config(), FakeResolver(ZONE, **trouble))


@pytest.mark.parametrize("domain", ["shop.test", "news.shop.test", "a.b.c.shop.test"])
def test_the_policy_is_the_one_that_applies(domain: str) -> None:
    assert asyncio.run(lookups().policy(domain)) == SHOP


@pytest.mark.parametrize("domain", ["none.test", "other.test", "test"])
def test_without_a_record_there_is_no_policy(domain: str) -> None:
    assert asyncio.run(lookups().policy(domain)) is None


def test_organizations_and_texts_are_found() -> None:
    assert asyncio.run(lookups().org_domain("mail.shop.test")) == "shop.test"
    assert asyncio.run(lookups().texts("x.test")) == ("one", "two")
    assert asyncio.run(lookups().texts("nowhere.test")) == ()


def test_by_the_public_suffix_list_where_that_is_the_setting() -> None:
    config = Config(authentication=AuthenticationSection(dmarc_discovery="psl"))
    found = DnsLookups(config, FakeResolver(ZONE))
    # RFC 7489 knows no t=.
    assert asyncio.run(found.policy("a.b.shop.test")) == replace(SHOP, testing=False)
    assert asyncio.run(found.org_domain("a.b.shop.test")) == "shop.test"


def test_trouble_is_trouble() -> None:
    broken = lookups(servfail=("_dmarc.shop.test", "x.test"))
    for question in (broken.policy("shop.test"), broken.texts("x.test")):
        with pytest.raises(TemporaryFailure, match="dns-servfail"):
            asyncio.run(question)
