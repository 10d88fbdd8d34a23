"""What one message adds to a DMARC aggregate report; pure.

In: the envelope, the examination, the message as read. Out: a `Seen`, in the words of RFC 9990, or
None for a message that is not reported: our own clients' mail, authors whose domain publishes no
policy or was not found out, what is deferred (it comes again), reports, and what comes back to
the address that our reports are sent from. Standard: RFC 9990 3.1.
"""

import ipaddress
from dataclasses import dataclass

from postroom.config import Config
from postroom.envelope import Envelope, parse_path
from postroom.examination import Examination
from postroom.message import AutomaticKind, Message
from postroom.reading.names import ascii_name
from postroom.verdict import Disposition, DkimResult, DmarcPolicy, Result, Verdict

_MOST_SIGNATURES = 100  # RFC 9990 3.1.3
_LONGEST = 255  # characters of a name or reason that a stranger chose
# Reasons of a ruling that are about who sent the message (milter/policy.py).
_SENDER_REASONS = ("dmarc-", "spf-", "dkim-", "unauthenticated")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureSeen:
    """One DKIM signature, uninterpreted."""

    domain: str  # d=
    selector: str  # s=
    result: str  # RFC 8601 2.7.1
    reason: str = ""  # empty for a pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One message; equal ones are counted together."""

    source_ip: str
    header_from: str  # author's domain, A-labels
    envelope_from: str  # domain of MAIL FROM; empty: null sender
    disposition: str  # none, pass, quarantine, reject
    dkim: str  # aligned: pass or fail
    spf: str  # aligned: pass or fail
    override: str = ""  # why it was not treated as published: type, space, comment
    spf_domain: str = ""
    spf_result: str = ""  # RFC 8601 2.7.2; empty: not checked
    signatures: tuple[SignatureSeen, ...] = ()
    discovery: str = "treewalk"  # or "psl"


def seen_in(
    envelope: Envelope, examination: Examination, message: Message, config: Config
) -> Seen | None:
    """What is to be reported of a message, or None; never raises."""
    verdict = examination.verdict
    dmarc = verdict.dmarc
    if verdict.local or dmarc.policy is None or not dmarc.domain:
        return None
    # A permerror with a policy: the record has errors, asks for nothing, and nothing aligns.
    if dmarc.result not in (Result.PASS, Result.FAIL, Result.PERMERROR):
        return None
    told = Disposition.ACCEPT if config.policy.dry_run else examination.disposition
    if told is Disposition.DEFER or _is_report(envelope, message, config):
        return None
    source = _address(envelope.client_address)
    if not source:
        return None
    disposition = _disposition(verdict, told, examination.reason)
    methods = {aligned.partition(":")[0] for aligned in dmarc.aligned}
    psl = config.authentication.dmarc_discovery == "psl"
    return Seen(
        source_ip=source,
        header_from=dmarc.domain,
        envelope_from=ascii_name(parse_path(envelope.sender).domain),
        disposition=disposition,
        dkim="pass" if "dkim" in methods else "fail",
        spf="pass" if "spf" in methods else "fail",
        override=_override(verdict, disposition, examination.reason),
        # RFC 7208 2.4: with a null sender, HELO is the MAIL FROM identity.
        spf_domain=_cut(ascii_name(verdict.spf.domain)),
        spf_result=verdict.spf.result.value if ascii_name(verdict.spf.domain) else "",
        signatures=_signatures(verdict),
        discovery="psl" if psl else "treewalk",
    )


def _is_report(envelope: Envelope, message: Message, config: Config) -> bool:
    """Reports and the answers to ours: reporting on them would never end."""
    if message.automatic.kind is AutomaticKind.REPORT:
        return True
    author = config.dmarc_reports.author
    recipients = [recipient.lower() for recipient in envelope.recipients]
    return bool(recipients) and all(recipient == author for recipient in recipients)


def _disposition(verdict: Verdict, told: Disposition, reason: str) -> str:
    """RFC 9990 3.1.1.9; what spam filters did is not told (RFC 9990 8.3)."""
    if verdict.dmarc.result is Result.PASS:
        return "none" if verdict.dmarc.policy is DmarcPolicy.NONE else "pass"
    if not reason.startswith(_SENDER_REASONS):
        return "none"
    match told:
        case Disposition.REJECT:
            return "reject"
        case Disposition.QUARANTINE:
            return "quarantine"
        case _:
            return "none"


def _override(verdict: Verdict, disposition: str, reason: str) -> str:
    """RFC 9990 3.1.6: needed where a fail was not treated as the policy asks."""
    dmarc = verdict.dmarc
    if dmarc.result is Result.PASS or dmarc.policy is None:
        return ""
    if disposition == dmarc.policy.value:
        return ""
    if dmarc.reason.startswith("arc-sealer:"):
        sealer = ascii_name(dmarc.reason.partition(":")[2])
        return f"trusted_forwarder arc=pass, sealed by {sealer}"
    if reason in ("allowed-network", "allowed-domain"):
        return "trusted_forwarder listed here"
    if dmarc.reason == "testing":
        return "policy_test_mode"
    return "local_policy"


def _signatures(verdict: Verdict) -> tuple[SignatureSeen, ...]:
    """The signatures, the telling ones first (RFC 9990 3.1.3)."""
    aligned = {one.partition(":")[2] for one in verdict.dmarc.aligned if one.startswith("dkim:")}

    def weight(one: DkimResult) -> int:
        domain = ascii_name(one.domain)
        if one.result is not Result.PASS:
            return 3
        if domain == verdict.dmarc.domain:
            return 0
        return 1 if domain in aligned else 2

    named = [one for one in verdict.dkim if ascii_name(one.domain) and ascii_name(one.selector)]
    return tuple(
        SignatureSeen(
            domain=ascii_name(one.domain),
            selector=ascii_name(one.selector),
            result=one.result.value,
            reason=_cut(one.reason),
        )
        for one in sorted(named, key=weight)[:_MOST_SIGNATURES]
    )


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return ""


def _cut(text: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:_LONGEST]
