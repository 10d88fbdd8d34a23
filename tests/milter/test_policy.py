"""The table from verdict and classification to what SMTP is told."""

from dataclasses import replace

import pytest

from postroom.classification import Classification
from postroom.config import PolicySection
from postroom.envelope import Envelope
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.milter.answer import refusal
from postroom.milter.policy import Ruling, disposition
from postroom.verdict import (
    Disposition,
    DkimResult,
    DmarcPolicy,
    DmarcResult,
    Result,
    SpfResult,
    Verdict,
)

ACCEPT, REJECT, DEFER, QUARANTINE = (
    Disposition.ACCEPT,
    Disposition.REJECT,
    Disposition.DEFER,
    Disposition.QUARANTINE,
)
SUPPORT = Classification(category="support", confidence=0.99, review=False)
SURE_SPAM = Classification(category="spam", confidence=0.99, review=False)
MAYBE_SPAM = Classification(category="spam", confidence=0.6, review=True)


def failing(asked: DmarcPolicy, **more: object) -> Verdict:
    dmarc = DmarcResult(
        result=Result.FAIL, domain="bank.example", policy=DmarcPolicy.REJECT, disposition=asked
    )
    return Verdict(dmarc=dmarc, spf=SpfResult(result=Result.FAIL), **more)  # type: ignore[arg-type]


def with_results(
    dmarc: Result,
    spf: Result = Result.NONE,
    dkim: tuple[Result, ...] = (),
    aligned: str = "",
    in_doubt: bool = False,
) -> Verdict:
    return Verdict(
        dmarc=DmarcResult(
            result=dmarc,
            domain="a.example",
            aligned=(aligned,) if aligned else (),
            in_doubt=in_doubt,
        ),
        spf=SpfResult(result=spf),
        dkim=tuple(DkimResult(result=result) for result in dkim),
    )


DMARC = [
    # asked for by the domain, [policy], told, reason
    (DmarcPolicy.REJECT, PolicySection(), REJECT, "dmarc-reject"),
    (DmarcPolicy.REJECT, PolicySection(dmarc_reject="quarantine"), QUARANTINE, "dmarc-reject"),
    (DmarcPolicy.REJECT, PolicySection(dmarc_reject="accept"), ACCEPT, ""),
    (DmarcPolicy.QUARANTINE, PolicySection(), QUARANTINE, "dmarc-quarantine"),
    (DmarcPolicy.QUARANTINE, PolicySection(dmarc_quarantine="reject"), REJECT, "dmarc-quarantine"),
    (DmarcPolicy.QUARANTINE, PolicySection(dmarc_quarantine="accept"), ACCEPT, ""),
    (DmarcPolicy.NONE, PolicySection(dmarc_reject="reject"), ACCEPT, ""),
]


@pytest.mark.parametrize(("asked", "section", "told", "reason"), DMARC)
def test_a_dmarc_fail_gets_what_the_domain_asks_for_as_the_admin_translates_it(
    asked: DmarcPolicy, section: PolicySection, told: Disposition, reason: str
) -> None:
    ruling = disposition(failing(asked), SUPPORT, section)
    assert (ruling.disposition, ruling.reason) == (told, reason)


def test_mail_we_submitted_ourselves_is_accepted_whatever_else_is_said() -> None:
    strict = PolicySection(temperror="defer", spam="reject")
    verdict = failing(DmarcPolicy.REJECT, local=True)
    assert disposition(verdict, SURE_SPAM, strict) == Ruling()


TEMPERRORS = [
    (with_results(Result.TEMPERROR), DEFER),
    (with_results(Result.NONE, spf=Result.TEMPERROR, in_doubt=True), DEFER),
    (with_results(Result.NONE, dkim=(Result.FAIL, Result.TEMPERROR), in_doubt=True), DEFER),
    (with_results(Result.NONE, spf=Result.TEMPERROR, dkim=(Result.TEMPERROR,)), ACCEPT),
    (with_results(Result.PASS, spf=Result.TEMPERROR, aligned="dkim:a.example"), ACCEPT),
    (with_results(Result.NONE, spf=Result.TEMPERROR, aligned="dkim:a.example"), ACCEPT),
    (with_results(Result.NONE, spf=Result.SOFTFAIL), ACCEPT),
    (with_results(Result.PERMERROR), ACCEPT),
]


@pytest.mark.parametrize(("verdict", "told"), TEMPERRORS)
def test_dns_trouble_defers_only_while_the_sender_is_not_proven(
    verdict: Verdict, told: Disposition
) -> None:
    assert disposition(verdict, SUPPORT, PolicySection(temperror="defer")).disposition is told
    assert disposition(verdict, SUPPORT, PolicySection()).disposition is ACCEPT


def test_a_dmarc_fail_is_refused_even_with_dns_trouble_elsewhere() -> None:
    verdict = failing(DmarcPolicy.REJECT, dkim=(DkimResult(result=Result.TEMPERROR),))
    told = disposition(verdict, SUPPORT, PolicySection(temperror="defer"))
    assert told.disposition is REJECT


@pytest.mark.parametrize("asked", [Result.NEUTRAL, Result.SOFTFAIL, Result.FAIL])
def test_softfail_without_dmarc_is_not_rejected(asked: Result) -> None:
    verdict = with_results(Result.NONE, spf=asked)
    assert disposition(verdict, SUPPORT, PolicySection()).disposition is ACCEPT


SPAM = [
    (SURE_SPAM, PolicySection(), ACCEPT, ""),
    (SURE_SPAM, PolicySection(spam="quarantine"), QUARANTINE, "spam"),
    (SURE_SPAM, PolicySection(spam="reject"), REJECT, "spam"),
    (MAYBE_SPAM, PolicySection(spam="reject"), ACCEPT, ""),
    (SUPPORT, PolicySection(spam="reject"), ACCEPT, ""),
]


@pytest.mark.parametrize(("classification", "section", "told", "reason"), SPAM)
def test_only_sure_spam_is_refused_and_only_where_the_admin_says_so(
    classification: Classification, section: PolicySection, told: Disposition, reason: str
) -> None:
    ruling = disposition(with_results(Result.PASS), classification, section)
    assert (ruling.disposition, ruling.reason) == (told, reason)


@pytest.mark.parametrize("domain", ["bank.example", "x\r\n250 ok", "ю" * 300, "a" * 255, ""])
def test_the_text_of_a_refusal_is_one_short_ascii_line(domain: str) -> None:
    dmarc = DmarcResult(result=Result.FAIL, domain=domain, disposition=DmarcPolicy.REJECT)
    text = disposition(Verdict(dmarc=dmarc), SUPPORT, PolicySection()).text
    assert text.isascii() and text.isprintable() and 40 < len(text) <= 440


def test_the_text_names_the_domain_the_results_and_a_way_out() -> None:
    verdict = failing(DmarcPolicy.REJECT, dkim=(DkimResult(result=Result.PERMERROR),))
    text = disposition(verdict, SUPPORT, PolicySection()).text
    assert "bank.example" in text
    assert "SPF fail, DKIM permerror" in text
    assert "postmaster" in text


@pytest.mark.parametrize("told", ["quarantine", "accept"])
def test_nobody_is_told_anything_when_nobody_is_refused(told: str) -> None:
    section = PolicySection.model_validate({"dmarc_reject": told})
    assert disposition(failing(DmarcPolicy.REJECT), SUPPORT, section).text == ""


def unproven(
    spf: Result = Result.NONE,
    dkim: tuple[Result, ...] = (),
    domain: str = "partner.example",
    in_doubt: bool = False,
) -> Verdict:
    """An author whose domain publishes no DMARC policy, and nothing that proves it."""
    return Verdict(
        author=f"anna@{domain}",
        dmarc=DmarcResult(domain=domain, org_domain=domain, in_doubt=in_doubt),
        spf=SpfResult(result=spf, domain="bounce.test"),
        dkim=tuple(DkimResult(result=result, domain="s.test") for result in dkim),
    )


FAIL, SOFTFAIL, PASS, NONE = Result.FAIL, Result.SOFTFAIL, Result.PASS, Result.NONE
PER_RESULT = [
    # verdict, [policy], told, reason
    (unproven(FAIL), {"spf_fail": "reject"}, REJECT, "spf-fail"),
    (unproven(FAIL), {"spf_fail": "quarantine"}, QUARANTINE, "spf-fail"),
    (unproven(FAIL), {"spf_fail": "defer"}, DEFER, "spf-fail"),
    (unproven(FAIL), {"spf_softfail": "reject"}, ACCEPT, ""),
    (unproven(SOFTFAIL), {"spf_softfail": "reject", "spf_fail": "defer"}, REJECT, "spf-softfail"),
    (unproven(Result.NEUTRAL), {"spf_fail": "reject", "spf_softfail": "reject"}, ACCEPT, ""),
    (unproven(dkim=(FAIL,)), {"dkim_fail": "reject"}, REJECT, "dkim-fail"),
    (unproven(dkim=(Result.PERMERROR, FAIL)), {"dkim_fail": "reject"}, REJECT, "dkim-fail"),
    (unproven(dkim=(FAIL, PASS)), {"dkim_fail": "reject"}, ACCEPT, ""),
    (unproven(dkim=()), {"dkim_fail": "reject"}, ACCEPT, ""),
    (unproven(), {"unauthenticated": "quarantine"}, QUARANTINE, "unauthenticated"),
    (unproven(PASS, (PASS,)), {"unauthenticated": "reject"}, REJECT, "unauthenticated"),
    (unproven(FAIL), {"unauthenticated": "reject"}, REJECT, "unauthenticated"),
    (with_results(NONE, FAIL, aligned="dkim:a.example"), {"spf_fail": "reject"}, ACCEPT, ""),
    (with_results(NONE, aligned="dkim:a.example"), {"unauthenticated": "reject"}, ACCEPT, ""),
    (with_results(PASS, FAIL, (FAIL,)), {"spf_fail": "reject", "dkim_fail": "reject"}, ACCEPT, ""),
    (failing(DmarcPolicy.NONE), {"dmarc_none": "quarantine"}, QUARANTINE, "dmarc-none"),
    (failing(DmarcPolicy.NONE), {"unauthenticated": "reject"}, ACCEPT, ""),
    (failing(DmarcPolicy.NONE), {"spf_fail": "reject"}, REJECT, "spf-fail"),
    (failing(DmarcPolicy.REJECT), {"dmarc_reject": "defer"}, DEFER, "dmarc-reject"),
    # A refusal never rests on a question that DNS has not answered.
    (unproven(FAIL, (Result.TEMPERROR,), in_doubt=True), {"spf_fail": "reject"}, ACCEPT, ""),
    (unproven(Result.TEMPERROR, in_doubt=True), {"unauthenticated": "reject"}, ACCEPT, ""),
    (unproven(dkim=(FAIL, Result.TEMPERROR)), {"dkim_fail": "reject"}, ACCEPT, ""),
    # What could not align anyhow leaves no question open.
    (unproven(FAIL, (Result.TEMPERROR,)), {"spf_fail": "reject"}, REJECT, "spf-fail"),
    (unproven(Result.TEMPERROR), {"unauthenticated": "reject"}, REJECT, "unauthenticated"),
]


@pytest.mark.parametrize(("verdict", "keys", "told", "reason"), PER_RESULT)
def test_each_result_has_its_own_key(
    verdict: Verdict, keys: dict[str, str], told: Disposition, reason: str
) -> None:
    ruling = disposition(verdict, SUPPORT, PolicySection.model_validate(keys))
    assert (ruling.disposition, ruling.reason) == (told, reason)


@pytest.mark.parametrize("problem", ["missing", "several", "group", "malformed"])
def test_a_message_without_one_author_is_refused_only_where_the_admin_says_so(
    problem: str,
) -> None:
    verdict = Verdict(dmarc=DmarcResult(result=Result.PERMERROR, reason=f"author-{problem}"))
    strict = PolicySection(author="reject", unauthenticated="quarantine")
    assert disposition(verdict, SUPPORT, strict).reason == "author"
    assert "one mailbox" in disposition(verdict, SUPPORT, strict).text
    lenient = PolicySection(unauthenticated="reject", spf_fail="reject")
    assert disposition(verdict, SUPPORT, lenient) == Ruling()


def per_domain(**tables: dict[str, object]) -> PolicySection:
    named = {name.replace("_", "."): table for name, table in tables.items()}
    return PolicySection.model_validate({"domains": named})


PER_DOMAIN = [
    # what is said of partner.example and its parents, the author's domain, told
    ({"partner_example": {"unauthenticated": "reject"}}, "partner.example", REJECT),
    ({"partner_example": {"unauthenticated": "reject"}}, "mail.partner.example", REJECT),
    ({"partner_example": {"unauthenticated": "reject"}}, "other-partner.example", ACCEPT),
    (
        {"partner_example": {"unauthenticated": "reject", "subdomains": False}},
        "a.partner.example",
        ACCEPT,
    ),
    (
        {
            "partner_example": {"unauthenticated": "reject"},
            "a_partner_example": {"unauthenticated": "accept"},
        },
        "x.a.partner.example",
        ACCEPT,
    ),
    (
        {
            "partner_example": {"unauthenticated": "reject"},
            "a_partner_example": {"unauthenticated": "defer", "subdomains": False},
        },
        "x.a.partner.example",
        REJECT,
    ),
    ({"partner_example": {"spf_fail": "defer"}}, "partner.example", DEFER),
    ({"partner_example": {"dkim_fail": "quarantine"}}, "partner.example", QUARANTINE),
]


@pytest.mark.parametrize(("tables", "domain", "told"), PER_DOMAIN)
def test_a_domain_may_have_a_policy_of_its_own(
    tables: dict[str, dict[str, object]], domain: str, told: Disposition
) -> None:
    verdict = unproven(FAIL, (FAIL,), domain)
    assert disposition(verdict, SUPPORT, per_domain(**tables)).disposition is told


def test_a_domains_own_answer_to_a_dmarc_fail_replaces_the_published_one_in_both_directions() -> (
    None
):
    lenient = per_domain(bank_example={"dmarc_fail": "accept"})
    assert disposition(failing(DmarcPolicy.REJECT), SUPPORT, lenient) == Ruling()
    strict = per_domain(bank_example={"dmarc_fail": "reject"})
    ruling = disposition(failing(DmarcPolicy.NONE), SUPPORT, strict)
    assert (ruling.disposition, ruling.reason) == (REJECT, "dmarc-fail")


def test_a_domains_own_answer_to_dns_trouble_comes_before_the_general_one() -> None:
    section = per_domain(partner_example={"temperror": "defer"})
    in_doubt = unproven(Result.TEMPERROR, in_doubt=True)
    assert disposition(in_doubt, SUPPORT, section).disposition is DEFER
    assert disposition(with_results(Result.TEMPERROR), SUPPORT, section).disposition is ACCEPT


def test_domains_are_compared_as_dns_writes_them() -> None:
    section = PolicySection.model_validate(
        {"domains": {"Bücher.Example.": {"unauthenticated": "reject"}}}
    )
    verdict = unproven(domain="xn--bcher-kva.example")
    assert disposition(verdict, SUPPORT, section).disposition is REJECT


ALLOW = PolicySection.model_validate(
    {
        "spf_fail": "reject",
        "unauthenticated": "reject",
        "dkim_fail": "reject",
        "temperror": "defer",
        "allow": {"networks": ["192.0.2.0/24", "2001:db8::/32"], "domains": ["list.example"]},
    }
)


def forwarded(
    spf: str = "", helo: str = "", dkim: str = "", result: Result = Result.PASS
) -> Verdict:
    """bank.example's mail, failing DMARC under p=reject, through somebody else's server."""
    verdict = failing(DmarcPolicy.REJECT)
    return Verdict(
        author="ceo@bank.example",
        dmarc=verdict.dmarc,
        spf=SpfResult(result=result if spf else FAIL, domain=spf or "bank.example"),
        spf_helo=SpfResult(result=result if helo else NONE, domain=helo, scope="helo"),
        dkim=(DkimResult(result=result if dkim else FAIL, domain=dkim or "bank.example"),),
    )


LIFTED = [
    (forwarded(), "192.0.2.7", "allowed-network"),
    (forwarded(), "2001:db8::1", "allowed-network"),
    (forwarded(), "198.51.100.7", ""),
    (forwarded(), "", ""),
    (forwarded(), "no address", ""),
    (forwarded(spf="list.example"), "", "allowed-domain"),
    (forwarded(spf="Bounces.List.example"), "", "allowed-domain"),
    (forwarded(helo="mx.list.example"), "", "allowed-domain"),
    (forwarded(dkim="list.example"), "", "allowed-domain"),
    (forwarded(dkim="notlist.example"), "", ""),
    (forwarded(dkim="list.example.evil.test"), "", ""),
    (forwarded(dkim="list.example", result=Result.FAIL), "", ""),
    (forwarded(spf="list.example", result=Result.SOFTFAIL), "", ""),
    (unproven(FAIL), "192.0.2.7", "allowed-network"),
    (unproven(Result.TEMPERROR, in_doubt=True), "192.0.2.7", "allowed-network"),
]


@pytest.mark.parametrize(("verdict", "client", "reason"), LIFTED)
def test_mail_through_known_forwarders_and_lists_is_accepted_and_stays_unauthenticated(
    verdict: Verdict, client: str, reason: str
) -> None:
    ruling = disposition(verdict, SUPPORT, ALLOW, Envelope(client_address=client))
    if reason:
        assert ruling == Ruling(reason=reason)
    else:
        assert ruling.disposition is REJECT
    assert verdict.authenticated_domain == ""


def test_a_list_that_dns_knows_nothing_of_for_now_is_not_taken_for_a_stranger() -> None:
    signed = unproven(FAIL, (Result.TEMPERROR,))
    for domain, told in (("bounces.list.example", DEFER), ("s.test", REJECT)):
        signature = DkimResult(result=Result.TEMPERROR, domain=domain)
        verdict = replace(signed, dkim=(signature,))
        assert disposition(verdict, SUPPORT, ALLOW).disposition is told


def test_a_trusted_sealer_lifts_every_rule_about_the_sender() -> None:
    dmarc = DmarcResult(result=FAIL, domain="bank.example", reason="arc-sealer:list.example")
    verdict = Verdict(dmarc=dmarc, spf=SpfResult(result=FAIL))
    section = PolicySection.model_validate(
        {"spf_fail": "reject", "domains": {"bank.example": {"dmarc_fail": "reject"}}}
    )
    assert disposition(verdict, SUPPORT, section) == Ruling(reason="allowed-sealer")


def test_an_allow_list_does_not_open_the_door_to_spam() -> None:
    section = ALLOW.model_copy(update={"spam": "reject"})
    ruling = disposition(forwarded(), SURE_SPAM, section, Envelope(client_address="192.0.2.7"))
    assert (ruling.disposition, ruling.reason) == (REJECT, "spam")


def test_a_proven_author_is_refused_as_spam_only_where_more_than_the_model_says_so() -> None:
    section = PolicySection(spam="reject")
    faint = Classification(category="spam", confidence=0.9, scores={"spam": 0.9}, review=False)
    proven, unproven = with_results(Result.PASS), with_results(Result.NONE)
    assert disposition(proven, faint, section) == Ruling()
    assert disposition(unproven, faint, section).disposition is REJECT
    assert disposition(proven, replace(faint, source="rule"), section).disposition is REJECT


def test_what_nobody_would_have_refused_needs_no_allow_list() -> None:
    envelope = Envelope(client_address="192.0.2.7")
    assert disposition(with_results(Result.PASS), SUPPORT, ALLOW, envelope) == Ruling()


REASONS = ["dmarc_reject", "dmarc_none", "spf_fail", "spf_softfail", "dkim_fail", "unauthenticated"]


@pytest.mark.parametrize("told", [REJECT, DEFER])
@pytest.mark.parametrize("key", [*REASONS, "author", "dmarc_quarantine"])
def test_every_refusal_has_a_code_and_a_text_a_person_can_act_on(
    key: str, told: Disposition
) -> None:
    verdict = {
        "dmarc_reject": failing(DmarcPolicy.REJECT),
        "dmarc_quarantine": failing(DmarcPolicy.QUARANTINE),
        "dmarc_none": failing(DmarcPolicy.NONE),
        "spf_fail": unproven(FAIL),
        "spf_softfail": unproven(SOFTFAIL),
        "dkim_fail": unproven(dkim=(FAIL,)),
        "unauthenticated": unproven(),
        "author": Verdict(dmarc=DmarcResult(result=Result.PERMERROR)),
    }[key]
    section = PolicySection.model_validate({key: told.value})
    ruling = disposition(verdict, SUPPORT, section, Envelope(client_address="198.51.100.7"))
    assert ruling.disposition is told
    failure = TemporaryFailure if told is DEFER else PermanentFailure
    reply = refusal(failure(ruling.reason), ruling.text)
    assert str(reply).startswith("451 4.7." if told is DEFER else "550 5.7.")
    assert reply.text == ruling.text
    assert "postmaster" in reply.text or "one mailbox" in reply.text
    assert len(str(reply)) <= 510
