"""DMARC: discovery, alignment, policy selection and trouble, case by case."""

import asyncio

import pytest

from postroom.envelope import Address
from postroom.milter.discovery import Policies, PublicSuffixes, walk
from postroom.milter.dmarc import evaluate_dmarc
from postroom.milter.dmarc_record import DmarcRecord, read_record
from postroom.reading.author import Author
from postroom.verdict import DkimResult, DmarcPolicy, DmarcResult, Result, SpfResult
from tests.fakes.dns import FakeResolver, ZoneLiteral

NONE, QUARANTINE, REJECT = DmarcPolicy.NONE, DmarcPolicy.QUARANTINE, DmarcPolicy.REJECT


def evaluate(
    zone: ZoneLiteral,
    author: str,
    *,
    spf: str = "",
    dkim: str = "",
    spf_result: Result = Result.PASS,
    dkim_result: Result = Result.PASS,
    scope: str = "mfrom",
    null_sender: bool = False,
    psl: bool = False,
    servfail: tuple[str, ...] = (),
    silent: tuple[str, ...] = (),
    exceptions: tuple[str, ...] = (),
) -> DmarcResult:
    resolver = FakeResolver(zone, servfail=servfail, silent=silent)
    local, _, domain = author.rpartition("@")
    evaluation = evaluate_dmarc(
        resolver,
        Author(address=Address(local=local, domain=domain)),
        SpfResult(result=spf_result if spf else Result.NONE, domain=spf, scope=scope),
        tuple(DkimResult(result=dkim_result, domain=one) for one in dkim.split()),
        policies=Policies(resolver, PublicSuffixes() if psl else None),
        null_sender=null_sender,
        exceptions=frozenset(exceptions),
    )
    return asyncio.run(evaluation)


def org_domain(zone: ZoneLiteral, domain: str) -> str:
    return asyncio.run(Policies(FakeResolver(zone), None).org_domain(domain))


def test_a_walk_asks_eight_names_at_most() -> None:
    """The example of RFC 9989 4.10."""
    assert walk("a.b.c.d.e.f.g.h.i.j.mail.example.com") == [
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
        "i.j.mail.example.com",
        "j.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    ]
    for labels in range(1, 30):
        names = walk(".".join("x" * labels))
        assert len(names) == min(labels, 8)
        assert names[-1].count(".") == 0


@pytest.mark.parametrize(
    ("zone", "domain", "org"),
    [
        ("", "a.mail.example.com", "a.mail.example.com"),
        ("_dmarc.example.com TXT v=DMARC1; p=none", "a.mail.example.com", "example.com"),
        (
            "_dmarc.mail.example.com TXT v=DMARC1; p=none\n_dmarc.example.com TXT v=DMARC1; p=none",
            "a.mail.example.com",
            "example.com",
        ),
        (
            "_dmarc.mail.example.com TXT v=DMARC1; p=none; psd=n\n"
            "_dmarc.example.com TXT v=DMARC1; p=none",
            "a.mail.example.com",
            "mail.example.com",
        ),
        ("_dmarc.com TXT v=DMARC1; p=none; psd=y", "a.mail.example.com", "example.com"),
        (
            "_dmarc.mail.example.com TXT v=DMARC1; p=none\n_dmarc.com TXT v=DMARC1; psd=y",
            "a.mail.example.com",
            "example.com",
        ),
        ("_dmarc.example.com TXT v=DMARC1; p=none; psd=y", "example.com", "example.com"),
        ("_dmarc.example.com TXT v=DMARC1; p=none; psd=y", "mail.example.com", "mail.example.com"),
        ("_dmarc.com TXT v=DMARC1; p=none", "mail.example.com", "com"),
        (
            "_dmarc.example.com TXT v=DMARC1\n_dmarc.example.com TXT v=DMARC1",
            "a.example.com",
            "a.example.com",
        ),
    ],
)
def test_the_organization_is_where_the_walk_says(zone: str, domain: str, org: str) -> None:
    assert org_domain(zone, domain) == org


@pytest.mark.parametrize(
    ("zone", "author", "policy"),
    [
        # The author's own record, not that of its organization.
        (
            "_dmarc.a.x.test TXT v=DMARC1; p=none\n_dmarc.x.test TXT v=DMARC1; p=reject",
            "u@a.x.test",
            NONE,
        ),
        # The organization's, not one in between.
        (
            "_dmarc.b.x.test TXT v=DMARC1; p=none\n_dmarc.x.test TXT v=DMARC1; p=reject",
            "u@a.b.x.test",
            REJECT,
        ),
        ("_dmarc.x.test TXT v=DMARC1; p=none; sp=reject", "u@a.x.test", REJECT),
        ("_dmarc.x.test TXT v=DMARC1; p=none; sp=reject", "u@x.test", NONE),
        ("_dmarc.x.test TXT v=DMARC1; p=reject; sp=none", "u@x.test", REJECT),
        # np= only for what does not exist: any record at or below a name makes it exist.
        ("_dmarc.x.test TXT v=DMARC1; p=none; np=reject", "u@a.x.test", REJECT),
        ("_dmarc.x.test TXT v=DMARC1; p=none; np=reject\na.x.test TXT hello", "u@a.x.test", NONE),
        (
            "_dmarc.x.test TXT v=DMARC1; p=none; np=reject\nb.a.x.test A 192.0.2.1",
            "u@a.x.test",
            NONE,
        ),
        ("_dmarc.x.test TXT v=DMARC1; p=reject; np=none", "u@x.test", REJECT),
        (
            "_dmarc.x.test TXT v=DMARC1; p=none; sp=quarantine; np=reject\na.x.test A 192.0.2.1",
            "u@a.x.test",
            QUARANTINE,
        ),
        ("_dmarc.x.test TXT v=DMARC1; p=none; sp=quarantine", "u@ghost.x.test", QUARANTINE),
        # The public suffix's record, when the organization has none.
        (
            "_dmarc.test TXT v=DMARC1; p=reject; sp=quarantine; psd=y\nx.test A 192.0.2.1",
            "u@x.test",
            QUARANTINE,
        ),
        (
            "_dmarc.test TXT v=DMARC1; p=reject; psd=y\n_dmarc.x.test TXT v=DMARC1; p=none",
            "u@x.test",
            NONE,
        ),
        (
            "_dmarc.test TXT v=DMARC1; p=reject; psd=y\n_dmarc.x.test TXT v=DMARC1; p=none",
            "u@a.x.test",
            NONE,
        ),
        ("_dmarc.x.test TXT v=DMARC1; rua=mailto:d@x.test", "u@x.test", NONE),
        ("_dmarc.x.test TXT v=DMARC1; p=wrong; rua=mailto:d@x.test", "u@x.test", NONE),
        ("_dmarc.x.test TXT v=DMARC1; p=reject; np=wrong; rua=mailto:d@x.test", "u@x.test", NONE),
    ],
)
def test_the_policy_is_taken_from_the_right_record_and_tag(
    zone: str, author: str, policy: DmarcPolicy
) -> None:
    found = evaluate(zone, author)
    assert (found.result, found.policy, found.disposition) == (Result.FAIL, policy, policy)


@pytest.mark.parametrize(
    "zone",
    [
        "",
        "_dmarc.x.test TXT v=spf1 -all",
        "_dmarc.x.test TXT v=DMARC1; p=reject\n_dmarc.x.test TXT v=DMARC1; p=reject",
        "_dmarc.x.test TXT v=DMARC1; p=wrong",
        "_dmarc.x.test TXT  v=DMARC2; p=reject",
        "_dmarc.x.test TXT p=reject; v=DMARC1",
        "x.test TXT v=DMARC1; p=reject",
    ],
)
def test_without_a_usable_record_there_is_no_dmarc(zone: str) -> None:
    found = evaluate(zone, "u@x.test")
    assert (found.result, found.policy, found.disposition) == (Result.NONE, None, NONE)


@pytest.mark.parametrize("psl", [False, True])
@pytest.mark.parametrize("policy", ["reject", "quarantine"])
@pytest.mark.parametrize("flaw", ["pct", 'rua=mailto:d@x.test;"', "adkim=r; adkim=s"])
def test_an_error_in_a_record_does_not_cost_the_author_the_rest(
    flaw: str, policy: str, psl: bool
) -> None:
    for author in ("u@x.example", "u@a.x.example"):
        zone = f"_dmarc.x.example TXT v=DMARC1; p={policy}; {flaw}"
        assert evaluate(zone, author, psl=psl).disposition is DmarcPolicy(policy)
        assert evaluate(zone, author, dkim="m.x.example", psl=psl).result is Result.PASS


def test_a_record_with_errors_that_asks_for_nothing_is_said_to_be_there() -> None:
    zone = "_dmarc.x.test TXT v=DMARC1; p=none; p=reject"
    found = evaluate(zone, "u@x.test")
    assert (found.result, found.reason) == (Result.PERMERROR, "record-malformed")
    assert found.disposition is NONE
    assert evaluate(zone, "u@x.test", spf="x.test").result is Result.PASS


@pytest.mark.parametrize(
    ("policy", "disposition"), [("reject", QUARANTINE), ("quarantine", NONE), ("none", NONE)]
)
def test_a_policy_under_test_is_applied_one_step_lower(
    policy: str, disposition: DmarcPolicy
) -> None:
    found = evaluate(f"_dmarc.x.test TXT v=DMARC1; p={policy}; t=y", "u@x.test")
    assert (found.result, found.policy) == (Result.FAIL, DmarcPolicy(policy))
    assert (found.disposition, found.reason) == (disposition, "testing")


RELAXED = "_dmarc.x.test TXT v=DMARC1; p=reject"
STRICT = "_dmarc.x.test TXT v=DMARC1; p=reject; aspf=s; adkim=s"


@pytest.mark.parametrize(
    ("zone", "author", "spf", "dkim", "aligned"),
    [
        (RELAXED, "u@x.test", "x.test", "", ("spf:x.test",)),
        (RELAXED, "u@x.test", "", "x.test", ("dkim:x.test",)),
        (RELAXED, "u@x.test", "m.x.test", "a.b.x.test", ("spf:m.x.test", "dkim:a.b.x.test")),
        (RELAXED, "u@a.x.test", "x.test", "b.x.test", ("spf:x.test", "dkim:b.x.test")),
        (RELAXED, "u@X.Test", "", "X.TEST", ("dkim:x.test",)),
        (RELAXED, "u@x.test", "", "evil.test other.example x.test", ("dkim:x.test",)),
        (RELAXED, "u@x.test", "evilx.test", "x.test.evil.test test", ()),
        (STRICT, "u@x.test", "x.test", "x.test", ("spf:x.test", "dkim:x.test")),
        (STRICT, "u@x.test", "m.x.test", "m.x.test", ()),
        (RELAXED + "\n_dmarc.m.x.test TXT v=DMARC1; psd=n", "u@x.test", "m.x.test", "", ()),
        (RELAXED + "\n_dmarc.test TXT v=DMARC1; psd=y", "u@x.test", "y.test", "test", ()),
        (
            "_dmarc.xn--bcher-kva.test TXT v=DMARC1; p=reject",
            "u@bücher.test",
            "",
            "xn--bcher-kva.test",
            ("dkim:xn--bcher-kva.test",),
        ),
        (
            "_dmarc.my-bank.test TXT v=DMARC1; p=reject",
            "u@my-bank.test",
            "my-evil.test",
            "my.test",
            (),
        ),
    ],
)
def test_what_passes_must_align(
    zone: str, author: str, spf: str, dkim: str, aligned: tuple[str, ...]
) -> None:
    found = evaluate(zone, author, spf=spf, dkim=dkim)
    assert found.aligned == aligned
    assert found.result is (Result.PASS if aligned else Result.FAIL)
    assert found.disposition is (NONE if aligned else REJECT)


@pytest.mark.parametrize("result", [Result.FAIL, Result.SOFTFAIL, Result.POLICY, Result.PERMERROR])
def test_what_does_not_pass_does_not_count(result: Result) -> None:
    found = evaluate(
        RELAXED, "u@x.test", spf="x.test", dkim="x.test", spf_result=result, dkim_result=result
    )
    assert (found.result, found.aligned) == (Result.FAIL, ())


def test_helo_counts_for_a_null_sender_only() -> None:
    counted = evaluate(RELAXED, "u@x.test", spf="m.x.test", scope="helo", null_sender=True)
    assert counted.result is Result.PASS
    assert evaluate(RELAXED, "u@x.test", spf="m.x.test", scope="helo").result is Result.FAIL


@pytest.mark.parametrize(
    ("spf", "dkim", "result"),
    [
        ("m.x.test", "", Result.TEMPERROR),
        ("", "x.test", Result.TEMPERROR),
        ("evil.test", "evil.test", Result.FAIL),
    ],
)
def test_an_identifier_in_doubt_leaves_the_result_in_doubt_if_it_would_align(
    spf: str, dkim: str, result: Result
) -> None:
    doubt = Result.TEMPERROR
    found = evaluate(RELAXED, "u@x.test", spf=spf, dkim=dkim, spf_result=doubt, dkim_result=doubt)
    assert found.result is result


@pytest.mark.parametrize(
    ("spf", "dkim", "in_doubt"),
    [
        ("x.test", "", True),
        ("", "x.test evil.test", True),
        ("evil.test", "evil.test", False),
        ("", "", False),
    ],
)
def test_without_a_record_a_doubt_is_told_only_of_what_would_align(
    spf: str, dkim: str, in_doubt: bool
) -> None:
    doubt = Result.TEMPERROR
    found = evaluate("", "u@x.test", spf=spf, dkim=dkim, spf_result=doubt, dkim_result=doubt)
    assert (found.result, found.in_doubt) == (Result.NONE, in_doubt)
    assert not evaluate("", "u@x.test", spf=spf, dkim="x.test", spf_result=doubt).in_doubt


def test_one_pass_outweighs_a_doubt() -> None:
    found = evaluate(RELAXED, "u@x.test", spf="x.test", dkim="x.test", spf_result=Result.TEMPERROR)
    assert (found.result, found.aligned) == (Result.PASS, ("dkim:x.test",))


@pytest.mark.parametrize("psl", [False, True])
@pytest.mark.parametrize("failing", ["_dmarc.a.x.test", "_dmarc.x.test"])
def test_dns_trouble_is_never_read_as_no_record(psl: bool, failing: str) -> None:
    found = evaluate(RELAXED, "u@a.x.test", spf="a.x.test", servfail=(failing,), psl=psl)
    assert (found.result, found.reason) == (Result.TEMPERROR, "dns-servfail")
    found = evaluate("", "u@a.x.test", silent=(failing,), psl=psl)
    assert (found.result, found.reason) == (Result.TEMPERROR, "dns-timeout")


def test_trouble_further_up_does_not_matter_where_nothing_hangs_on_it() -> None:
    trouble = ("_dmarc.test",)
    assert evaluate(RELAXED, "u@x.test", spf="x.test", servfail=trouble).result is Result.PASS
    assert evaluate(RELAXED, "u@x.test", servfail=trouble).result is Result.FAIL
    assert evaluate(RELAXED, "u@x.test", dkim="y.test", servfail=trouble).result is Result.TEMPERROR
    assert evaluate(STRICT, "u@x.test", dkim="y.test", servfail=trouble).result is Result.FAIL


@pytest.mark.parametrize("psl", [False, True])
@pytest.mark.parametrize("broken", ["_dmarc.evil.test", "_dmarc.mail.evil.test", "evil.test"])
def test_a_strangers_broken_dns_does_not_save_him_from_the_authors_policy(
    broken: str, psl: bool
) -> None:
    """Nothing of evil.test can align with x.test, whatever its DNS would have said."""
    for spf, dkim in (("mail.evil.test", ""), ("", "evil.test")):
        found = evaluate(RELAXED, "u@x.test", spf=spf, dkim=dkim, servfail=(broken,), psl=psl)
        assert (found.result, found.disposition) == (Result.FAIL, REJECT)


def test_trouble_about_existence_matters_for_a_fail_only() -> None:
    zone = "_dmarc.x.test TXT v=DMARC1; p=none; np=reject"
    trouble = ("a.x.test",)
    assert evaluate(zone, "u@a.x.test", servfail=trouble).result is Result.TEMPERROR
    assert evaluate(zone, "u@a.x.test", dkim="x.test", servfail=trouble).result is Result.PASS


def test_without_a_record_alignment_is_still_told() -> None:
    found = evaluate("", "u@x.test", spf="x.test", dkim="m.x.test evil.test")
    assert (found.result, found.aligned) == (Result.NONE, ("spf:x.test",))
    found = evaluate("", "u@shop.example.com", spf="example.com", dkim="m.example.com", psl=True)
    assert found.aligned == ("spf:example.com", "dkim:m.example.com")
    assert found.org_domain == "example.com"


@pytest.mark.parametrize(
    ("author", "spf", "result"),
    [
        ("u@a.victim.newtld", "evil.newtld", Result.FAIL),
        ("u@a.victim.newtld", "b.victim.newtld", Result.PASS),
        ("u@victim.co.uk", "evil.co.uk", Result.FAIL),
    ],
)
def test_the_suffix_list_keeps_strangers_apart(author: str, spf: str, result: Result) -> None:
    zone = "_dmarc.victim.newtld TXT v=DMARC1; p=reject\n_dmarc.victim.co.uk TXT v=DMARC1; p=reject"
    assert evaluate(zone, author, spf=spf, psl=True).result is result


def test_rfc7489_takes_neither_the_walk_nor_its_tags() -> None:
    zone = "_dmarc.b.x.example TXT v=DMARC1; p=none\n_dmarc.x.example TXT v=DMARC1; p=reject; pct=0"
    found = evaluate(zone, "u@a.b.x.example", psl=True)
    assert (found.policy, found.disposition) == (REJECT, QUARANTINE)
    assert evaluate("_dmarc.x.example TXT v=DMARC1", "u@x.example", psl=True).result is Result.NONE


def test_each_mode_ignores_the_tags_of_the_other() -> None:
    zone = "_dmarc.x.example TXT v=DMARC1; p=reject; t=y; np=wrong; psd=y"
    found = evaluate(zone, "u@x.example", psl=True)
    assert (found.policy, found.disposition) == (REJECT, REJECT)
    found = evaluate("_dmarc.x.example TXT v=DMARC1; p=reject; pct=0", "u@x.example")
    assert (found.policy, found.disposition) == (REJECT, REJECT)


def test_an_excepted_author_needs_one_relaxed_aligned_pass() -> None:
    for exception in ("u@x.test", "x.test"):
        found = evaluate(STRICT, "U@x.test", dkim="m.x.test", exceptions=(exception,))
        assert (found.result, found.reason) == (Result.PASS, "exception")
    assert evaluate(STRICT, "u@x.test", dkim="y.test", exceptions=("x.test",)).result is Result.FAIL
    other = evaluate(STRICT, "v@x.test", dkim="m.x.test", exceptions=("u@x.test",))
    assert other.result is Result.FAIL


@pytest.mark.parametrize("problem", ["missing", "several", "group", "malformed"])
def test_a_doubtful_author_is_permerror_whatever_passes(problem: str) -> None:
    resolver = FakeResolver(RELAXED)
    evaluation = evaluate_dmarc(
        resolver,
        Author(problem=problem),
        SpfResult(result=Result.PASS, domain="x.test"),
        (DkimResult(result=Result.PASS, domain="x.test"),),
        policies=Policies(resolver, None),
    )
    found = asyncio.run(evaluation)
    assert (found.result, found.reason) == (Result.PERMERROR, f"author-{problem}")
    assert found.aligned == ()


FLAWED_STRICT = DmarcRecord(policy=REJECT, strict_spf=True, flawed=True)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("v=DMARC1; p=reject", DmarcRecord(policy=REJECT)),
        (
            "V = DMARC1 ;\tP = Quarantine ; SP=NONE;",
            DmarcRecord(policy=QUARANTINE, subdomain_policy=NONE),
        ),
        (
            "v=DMARC1;p=none;np=reject;psd=Y;t=y",
            DmarcRecord(policy=NONE, nonexistent_policy=REJECT, psd="y", testing=True),
        ),
        (
            "v=DMARC1; p=none; psd=x; t=maybe; aspf=q; adkim=s",
            DmarcRecord(policy=NONE, strict_dkim=True),
        ),
        ("v=DMARC1; p=none; pct=50; x=y", DmarcRecord(policy=NONE)),
        (
            "v=DMARC1; p=none; rua=mailto:a@x.test!10m, https://x.test/d,bogus",
            DmarcRecord(policy=NONE, report_uris=("mailto:a@x.test!10m", "https://x.test/d")),
        ),
        ("v=DMARC1", DmarcRecord(policy=NONE)),
        ("v=dmarc1; p=none", None),
        ("v=DMARC12; p=none", None),
        ("v=DMARC1 p=none", None),
        (" v=DMARC1; p=none", None),
        ("", None),
        ("v=DMARC1; p=none; bogus", DmarcRecord(policy=NONE, flawed=True)),
        ("v=DMARC1; p=none; p=none", DmarcRecord(policy=NONE, flawed=True)),
        ("v=DMARC1; p=none; v=DMARC1", DmarcRecord(policy=NONE, flawed=True)),
        ("v=DMARC1; p=reject; P=none; aspf=s", FLAWED_STRICT),
        ("v=DMARC1; pct; p=reject; =; aspf=s", FLAWED_STRICT),
        ('v=DMARC1; p=reject; aspf=s;"', FLAWED_STRICT),
        (
            "v=DMARC1; p=none; rua=mailto:a@x.test; mailto:b@x.test; rua=mailto:c@x.test",
            DmarcRecord(policy=NONE, report_uris=("mailto:a@x.test",), flawed=True),
        ),
        ("v=DMARC1; x-tag=1; fo1=1; p=reject;;", DmarcRecord(policy=REJECT)),
        (
            "v=DMARC1;\xc2\xa0p=reject\xe2\x80\x8b;\xc2\xa0",  # as UTF-8 pasted it
            DmarcRecord(policy=REJECT),
        ),
    ],
)
def test_records_are_read_as_written(text: str, read: DmarcRecord | None) -> None:
    found = read_record(text)
    if found is not None and read is not None:
        assert found.text == text
        assert found == DmarcRecord(**{name: getattr(read, name) for name in FIELDS}, text=text)
    else:
        assert found is read


FIELDS = [name for name in DmarcRecord.__slots__ if name != "text"]
