"""SPF beyond the RFC's suite: what was mended in pyspf, and what hostile records may cost."""

import asyncio
import time
from typing import Any

import pytest
import spf as pyspf  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from postroom.milter.spf import check_helo, check_mail_from
from postroom.verdict import Result, SpfResult
from tests.fakes.dns import FakeResolver, ZoneLiteral


def check(
    zone: ZoneLiteral,
    *,
    client: str = "192.0.2.1",
    sender: str = "a@from.test",
    helo: str = "mail.from.test",
    servfail: tuple[str, ...] = (),
    silent: tuple[str, ...] = (),
) -> SpfResult:
    resolver = FakeResolver(zone, servfail=servfail, silent=silent)
    return asyncio.run(check_mail_from(resolver, client=client, sender=sender, helo=helo))


def spf(record: str, *others: str) -> str:
    return "\n".join([f"from.test TXT {record}", *others])


MX_OF_IPV4 = [
    line for n in range(3) for line in (f"from.test MX {n} mx{n}.test", f"mx{n}.test A 192.0.2.{n}")
]


def test_mx_hosts_without_ipv6_are_one_void_term_for_an_ipv6_client() -> None:
    """RFC 7208 4.6.4 counts terms, not questions."""
    zone = spf("v=spf1 mx -all", *MX_OF_IPV4)
    assert check(zone, client="2001:db8::1").result is Result.FAIL
    assert check(zone).result is Result.PASS


def test_the_third_void_term_is_an_error() -> None:
    zone = spf("v=spf1 a:x.test a:y.test a:z.test -all")
    found = check(zone)
    assert (found.result, found.reason) == (Result.PERMERROR, "void-lookup-limit")
    assert check(spf("v=spf1 a:x.test a:y.test -all")).result is Result.FAIL


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 REDIRECT=other.test", Result.PASS),
        ("v=spf1 Redirect=other.test", Result.PASS),
        ("v=spf1 redirect=other.test Redirect=other.test", Result.PERMERROR),
        ("v=spf1 x=1 x=2 X=3 ip4:192.0.2.1", Result.PASS),
        ("v=spf1 ip4:192.0.2.1 moo=%{", Result.PERMERROR),
        ("v=spf1 ip4:192.0.2.1 moo=%{c}", Result.PASS),
        ("v=spf1 exists:%{d0}.test -all", Result.PERMERROR),
        ("v=spf1 exists:%{x}.test -all", Result.PERMERROR),
        ("v=spf1 exists:%{l}.%{d2}.hit.test -all", Result.PASS),
        ("v=spf1 exists:%{o1r}.%{ir}.hit.test -all", Result.PASS),
        ("v=spf1 a:192.0.2.1 -all", Result.PERMERROR),
        ("v=spf1 ip4:192.0.2.1/99999999999999999999 -all", Result.PERMERROR),
        ("v=spf1 all.example -all", Result.PERMERROR),
        ("v=spf1 include:none.test -all", Result.PERMERROR),
        ("v=spf1 ?all", Result.NEUTRAL),
        ("v=spf1 ~all", Result.SOFTFAIL),
    ],
)
def test_records_follow_the_grammar(record: str, result: Result) -> None:
    zone = spf(
        record,
        "other.test TXT v=spf1 ip4:192.0.2.1 -all",
        "a.from.test.hit.test A 127.0.0.2",
        "from.1.2.0.192.hit.test A 127.0.0.2",
    )
    assert check(zone).result is result


def test_dns_trouble_is_temperror_and_says_which() -> None:
    zone = spf("v=spf1 include:other.test -all")
    found = check(zone, servfail=("other.test",))
    assert (found.result, found.reason) == (Result.TEMPERROR, "dns-servfail")
    found = check(zone, silent=("from.test",))
    assert (found.result, found.reason) == (Result.TEMPERROR, "dns-timeout")


def test_dns_trouble_below_ptr_is_no_match() -> None:
    """RFC 7208 5.5."""
    zone = spf("v=spf1 ptr -all", "1.2.0.192.in-addr.arpa PTR host.from.test")
    assert check(zone, silent=("1.2.0.192.in-addr.arpa",)).result is Result.FAIL
    assert check(zone, silent=("host.from.test",)).result is Result.FAIL
    assert check(zone + "\nhost.from.test A 192.0.2.1").result is Result.PASS


def test_the_domain_stands_behind_the_last_at_sign() -> None:
    zone = spf("v=spf1 -all", "evil.test TXT v=spf1 +all")
    found = check(zone, sender='"x@evil.test"@from.test')
    assert (found.result, found.domain) == (Result.FAIL, "from.test")


def test_a_domain_in_another_script_is_looked_up_as_a_label() -> None:
    found = check("xn--bcher-kva.test TXT v=spf1 +all", sender="x@bücher.test")
    assert (found.result, found.domain) == (Result.PASS, "xn--bcher-kva.test")


@pytest.mark.parametrize("sender", ["x@[192.0.2.1]", "x@", "x", "x@a..test", "x@test", "x@-"])
def test_a_sender_without_a_domain_name_has_no_result(sender: str) -> None:
    assert check("test TXT v=spf1 +all", sender=sender).result is Result.NONE


@pytest.mark.parametrize("client", ["", "unknown", "300.1.1.1"])
def test_a_client_without_an_address_has_no_result(client: str) -> None:
    found = check(spf("v=spf1 +all"), client=client)
    assert (found.result, found.reason) == (Result.NONE, "no-client")


def test_an_ipv4_client_seen_through_ipv6_is_an_ipv4_client() -> None:
    assert check(spf("v=spf1 ip4:192.0.2.1 -all"), client="::ffff:192.0.2.1").result is Result.PASS


def test_helo_is_checked_under_its_own_scope() -> None:
    resolver = FakeResolver("mail.from.test TXT v=spf1 ip4:192.0.2.1 -all")
    found = asyncio.run(check_helo(resolver, client="192.0.2.1", helo="mail.from.test"))
    assert found == SpfResult(result=Result.PASS, domain="mail.from.test", scope="helo")


def test_explanations_are_not_fetched() -> None:
    resolver = FakeResolver(spf("v=spf1 -all exp=why.test", "why.test TXT because"))
    asyncio.run(check_mail_from(resolver, client="192.0.2.1", sender="a@from.test", helo="h.test"))
    assert resolver.asked == [("from.test", "TXT")]


def test_no_record_asks_more_than_the_limits_allow() -> None:
    lines = [f"from.test MX {n} mx{n}.test" for n in range(10)]
    lines += [f"i{n}.test TXT v=spf1 mx:from.test include:i{n + 1}.test" for n in range(20)]
    resolver = FakeResolver(spf("v=spf1 include:i0.test -all", *lines))
    check = check_mail_from(resolver, client="192.0.2.1", sender="a@from.test", helo="h.test")
    assert asyncio.run(check).result is Result.PERMERROR
    assert len(resolver.asked) <= 11 + 10 * 10


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 " + "a" * 4_000,
        "v=spf1 a:" + "a" * 4_000 + ".test -all",
        "v=spf1 exists:" + "%{d}." * 800 + "test -all",
        "v=spf1 exists:" + "a." * 2_000 + "test% -all",
        "v=spf1 " + "x= " * 1_350,
        "v=spf1 a/" + "1" * 4_000,
        "v=spf1 ip6:" + "1:" * 2_000,
        "v=spf1 exists:%{l" + "9" * 3 + "r" + "-" * 4_000 + "}.test -all",
        "v=spf1 " + "include:%{d}" * 330,
        "v=spf1 " + "y" * 60_000,
    ],
)
def test_a_hostile_record_is_answered_at_once(record: str) -> None:
    begin = time.process_time()
    check(spf(record), sender="a-b.c-d@from.test")
    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize(("octets", "result"), [(4_096, Result.PASS), (4_097, Result.PERMERROR)])
def test_a_record_has_a_longest_form(octets: int, result: Result) -> None:
    record = "v=spf1 ip4:192.0.2.1 "
    assert check(spf(record + "x=" + "y" * (octets - len(record) - 2))).result is result


def test_full_records_that_include_each_other_are_compared_once_a_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dozen runs over 2,000 networks: each answer of DNS begins the evaluation anew."""
    zone: dict[str, list[tuple[str, str]]] = {}
    for number in range(10):
        networks = " ".join(f"ip4:198.51.{number}.{last}" for last in range(200))
        rest = f"include:s{number + 1}.test" if number < 9 else "a:%{p}.test"
        zone[f"s{number}.test"] = [("TXT", f"v=spf1 {networks} {rest} -all")]
    zone["1.2.0.192.in-addr.arpa"] = [("PTR", "host.test")]
    compared: list[str] = []
    compare = pyspf.query.cidrmatch

    def counting(query: Any, networks: list[str], length: int) -> Any:
        compared.extend(networks)
        return compare(query, networks, length)

    monkeypatch.setattr(pyspf.query, "cidrmatch", counting)
    assert check(zone, sender="x@s0.test").result is Result.FAIL
    assert len(compared) == 2_000


@pytest.mark.slow
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["a", "mx", "ptr", "-all", "include:from.test", "redirect=from.test", "exists:%{i}"]
            ),
            st.text(alphabet="+-~?ampxtrileudcs:/%{}.0159=_ \t\r\x00\xe9", max_size=20),
        ),
        max_size=6,
    )
)
def test_any_record_has_a_result(terms: list[str]) -> None:
    found = check({"from.test": [("TXT", " ".join(["v=spf1", *terms]))]})
    assert found.domain == "from.test"


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=40))
def test_any_envelope_has_a_result(client: str, sender: str, helo: str) -> None:
    check(spf("v=spf1 exists:%{h}.%{S}.test -all"), client=client, sender=sender, helo=helo)
    check(spf("v=spf1 exists:%{h}.%{L}.test -all"), sender=f"{sender}@from.test", helo=helo)
