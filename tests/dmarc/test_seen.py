"""What one message adds to a report, and which messages add nothing."""

import dataclasses

import pytest

from postroom.classification import Classification
from postroom.config import Config, DmarcReportsSection, PolicySection
from postroom.dmarc.seen import Seen, SignatureSeen, seen_in
from postroom.envelope import Envelope
from postroom.examination import Examination
from postroom.message import Automatic, AutomaticKind, Message
from postroom.verdict import (
    Disposition,
    DkimResult,
    DmarcPolicy,
    DmarcResult,
    Result,
    SpfResult,
    Verdict,
)

HUMAN = Message(raw=b"")
ENVELOPE = Envelope(
    client_address="192.0.2.1", sender="news@Bounce.Shop.test", recipients=("info@firma.test",)
)
CONFIG = Config(dmarc_reports=DmarcReportsSection(enabled=True, author="dmarc@firma.test"))


def verdict(
    result: Result = Result.PASS,
    policy: DmarcPolicy | None = DmarcPolicy.REJECT,
    aligned: tuple[str, ...] = ("dkim:shop.test",),
    reason: str = "",
) -> Verdict:
    return Verdict(
        author="news@shop.test",
        spf=SpfResult(result=Result.SOFTFAIL, domain="bounce.shop.test"),
        dkim=(
            DkimResult(result=Result.FAIL, domain="x.test", selector="a", reason="expired"),
            DkimResult(result=Result.PASS, domain="esp.test", selector="b"),
            DkimResult(result=Result.PASS, domain="mail.shop.test", selector="c"),
            DkimResult(result=Result.PASS, domain="Shop.test", selector="d"),
            DkimResult(result=Result.PERMERROR, domain="", selector="", reason="tags-malformed"),
        ),
        dmarc=DmarcResult(
            result=result,
            domain="shop.test",
            org_domain="shop.test",
            policy=policy,
            disposition=policy or DmarcPolicy.NONE,
            aligned=aligned,
            reason=reason,
        ),
    )


def examined(found: Verdict, told: Disposition = Disposition.ACCEPT, why: str = "") -> Examination:
    return Examination(verdict=found, classification=Classification(), disposition=told, reason=why)


def seen(
    examination: Examination,
    envelope: Envelope = ENVELOPE,
    message: Message = HUMAN,
    config: Config = CONFIG,
) -> Seen:
    found = seen_in(envelope, examination, message, config)
    assert found is not None
    return found


def test_a_message_becomes_one_row_in_the_words_of_the_report() -> None:
    aligned = ("dkim:mail.shop.test", "dkim:shop.test")
    assert seen(examined(verdict(aligned=aligned))) == Seen(
        source_ip="192.0.2.1",
        header_from="shop.test",
        envelope_from="bounce.shop.test",
        disposition="pass",
        dkim="pass",
        spf="fail",
        spf_domain="bounce.shop.test",
        spf_result="softfail",
        signatures=(
            SignatureSeen(domain="shop.test", selector="d", result="pass"),
            SignatureSeen(domain="mail.shop.test", selector="c", result="pass"),
            SignatureSeen(domain="esp.test", selector="b", result="pass"),
            SignatureSeen(domain="x.test", selector="a", result="fail", reason="expired"),
        ),
        discovery="treewalk",
    )


FAIL, REJECT, QUARANTINE, NONE = (
    Result.FAIL,
    DmarcPolicy.REJECT,
    DmarcPolicy.QUARANTINE,
    DmarcPolicy.NONE,
)
TOLD = [
    # result, policy, reason of the result, told, why; disposition and override of the report
    (Result.PASS, NONE, "", Disposition.ACCEPT, "", "none", ""),
    (Result.PASS, REJECT, "", Disposition.REJECT, "spam", "pass", ""),
    (FAIL, REJECT, "", Disposition.REJECT, "dmarc-reject", "reject", ""),
    (FAIL, QUARANTINE, "", Disposition.QUARANTINE, "dmarc-quarantine", "quarantine", ""),
    (FAIL, NONE, "", Disposition.ACCEPT, "", "none", ""),
    (FAIL, NONE, "", Disposition.REJECT, "spam", "none", ""),
    (FAIL, NONE, "", Disposition.REJECT, "spf-fail", "reject", "local_policy"),
    (Result.PERMERROR, NONE, "record-malformed", Disposition.ACCEPT, "", "none", ""),
    (Result.PERMERROR, NONE, "record-malformed", Disposition.REJECT, "spf-fail", "reject",
     "local_policy"),
    (FAIL, REJECT, "", Disposition.ACCEPT, "", "none", "local_policy"),
    (FAIL, REJECT, "", Disposition.QUARANTINE, "dmarc-reject", "quarantine", "local_policy"),
    (FAIL, REJECT, "testing", Disposition.QUARANTINE, "dmarc-quarantine", "quarantine",
     "policy_test_mode"),
    (FAIL, REJECT, "", Disposition.ACCEPT, "allowed-network", "none",
     "trusted_forwarder listed here"),
    (FAIL, REJECT, "arc-sealer:list.test", Disposition.ACCEPT, "allowed-sealer", "none",
     "trusted_forwarder arc=pass, sealed by list.test"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("result", "policy", "reason", "told", "why", "disposition", "override"), TOLD
)
def test_what_was_done_is_told_and_why_it_was_not_as_published(
    result: Result,
    policy: DmarcPolicy,
    reason: str,
    told: Disposition,
    why: str,
    disposition: str,
    override: str,
) -> None:
    aligned = ("spf:bounce.shop.test",) if result is Result.PASS else ()
    found = seen(examined(verdict(result, policy, aligned, reason), told, why))
    assert (found.disposition, found.override) == (disposition, override)


def test_a_dry_run_reports_what_really_happened() -> None:
    config = CONFIG.model_copy(update={"policy": PolicySection(dry_run=True)})
    examination = examined(verdict(FAIL, aligned=()), Disposition.REJECT, "dmarc-reject")
    found = seen(examination, config=config)
    assert (found.disposition, found.override) == ("none", "local_policy")


def test_the_null_sender_is_reported_with_the_host_that_greeted() -> None:
    found = dataclasses.replace(
        verdict(), spf=SpfResult(result=Result.PASS, domain="mx.shop.test", scope="helo")
    )
    envelope = dataclasses.replace(ENVELOPE, sender="")
    row = seen(examined(found), envelope)
    assert (row.envelope_from, row.spf_domain, row.spf_result) == ("", "mx.shop.test", "pass")


@pytest.mark.parametrize(
    ("client", "shown"), [("2001:DB8::1", "2001:db8::1"), ("fe80::1%eth0", "fe80::1")]
)
def test_addresses_are_written_in_one_way(client: str, shown: str) -> None:
    envelope = dataclasses.replace(ENVELOPE, client_address=client)
    assert seen(examined(verdict()), envelope).source_ip == shown


def test_what_strangers_choose_cannot_break_a_row() -> None:
    hostile = dataclasses.replace(
        verdict(),
        spf=SpfResult(result=Result.FAIL, domain="\x00<x>\ud800"),
        dkim=(
            DkimResult(result=Result.FAIL, domain="a.test", selector="s\n<", reason="\x00é" * 999),
        ),
    )
    row = seen(examined(hostile))
    assert (row.spf_domain, row.spf_result, row.signatures) == ("", "", ())
    named = dataclasses.replace(hostile, dkim=(dataclasses.replace(hostile.dkim[0], selector="s"),))
    (one,) = seen(examined(named)).signatures
    assert one.reason.isascii() and len(one.reason) <= 255


REPORT = Message(raw=b"", automatic=Automatic(kind=AutomaticKind.REPORT, why="x"))
BOUNCE = Message(raw=b"", automatic=Automatic(kind=AutomaticKind.BOUNCE, why="x"))
TO_REPORTER = dataclasses.replace(ENVELOPE, recipients=("DMARC@firma.test",))
SILENT = {
    "our own client": (examined(dataclasses.replace(verdict(), local=True)), ENVELOPE, HUMAN),
    "no policy": (examined(verdict(Result.NONE, None)), ENVELOPE, HUMAN),
    "no author": (examined(Verdict(dmarc=DmarcResult(result=Result.PERMERROR))), ENVELOPE, HUMAN),
    "dns trouble": (examined(verdict(Result.TEMPERROR)), ENVELOPE, HUMAN),
    "deferred": (examined(verdict(FAIL), Disposition.DEFER, "dmarc-reject"), ENVELOPE, HUMAN),
    "a report": (examined(verdict()), ENVELOPE, REPORT),
    "an answer to our report": (examined(verdict()), TO_REPORTER, BOUNCE),
    "no address": (
        examined(verdict()), dataclasses.replace(ENVELOPE, client_address=""), HUMAN
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SILENT))
def test_some_messages_are_not_reported(name: str) -> None:
    examination, envelope, message = SILENT[name]
    assert seen_in(envelope, examination, message, CONFIG) is None


def test_a_bounce_to_somebody_else_is_reported() -> None:
    assert seen_in(ENVELOPE, examined(verdict()), BOUNCE, CONFIG) is not None
