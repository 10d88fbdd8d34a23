"""What SMTP is told about a verdict: a table, pure.

In: `Verdict`, `Classification`, the [policy] section and the envelope. Out: a `Ruling`, which is
a disposition, a machine token and, for a refusal, one line a person can act on. Mail we submitted
ourselves is accepted. For everything else these rules are asked in this order, and the first one
that says something other than accept decides:

1. a DMARC fail: what the author's domain asks for (RFC 9989 5.4; t= has been applied by the
   verdict), as dmarc_reject, dmarc_quarantine and dmarc_none translate it;
2. no single author: `author`, and no rule below but spam;
3. nothing proven, and DNS did not say what could prove it or have it lifted: `temperror`, and no
   rule below;
4. nothing proven: `spf_fail`, `spf_softfail`, `dkim_fail`, and `unauthenticated` for a domain
   without DMARC policy;
5. spam that needs no second look: `spam`; of a proven author the model's word alone is not enough.

[policy.domains."author.example"] answers 1, 3 and 4 in its own way. What 1 to 4 say is lifted
for known forwarders and lists ([policy.allow], trusted ARC sealers): the message is accepted, and
stays as unauthenticated as it is.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from postroom.classification import Classification
from postroom.config import AllowSection, DomainPolicySection, PolicySection
from postroom.envelope import Envelope
from postroom.reading.names import ascii_name, is_same_or_below
from postroom.verdict import (
    Disposition,
    DkimResult,
    DmarcPolicy,
    Result,
    SpfResult,
    Verdict,
)

_LONGEST_TEXT = 440  # RFC 5321 4.5.3.1.5: a reply line has 512 octets, code and CRLF included
_ACCEPT = Disposition.ACCEPT
_MAY_PASS = (Result.PASS, Result.TEMPERROR)
_AUTHOR_TEXT = (
    "The From header of this message does not name exactly one author. "
    "Write one mailbox into From, as in name@domain, and send it again"
)
_DNS_TEXT = "The sender could not be checked because of a DNS problem, try again later"
_WAY_OUT = "Send it through the domain's own mail server, or ask its postmaster to authorise yours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A disposition with its reason."""

    disposition: Disposition = Disposition.ACCEPT
    reason: str = ""  # machine token; for accept empty, or what lifted another disposition
    text: str = ""  # for the sender, one ASCII line; empty when the message is taken


def disposition(
    verdict: Verdict,
    classification: Classification,
    section: PolicySection,
    envelope: Envelope | None = None,
) -> Ruling:
    """The ruling on a message; the first rule of the module's list that does not accept."""
    if verdict.local:
        return Ruling()
    envelope = envelope or Envelope()
    ruling = next(
        (one for one in _rulings(verdict, section, envelope) if one.disposition is not _ACCEPT),
        Ruling(),
    )
    if ruling.disposition is not _ACCEPT:
        lifted = _lifted(verdict, section.allow, envelope)
        if not lifted:
            return ruling
        ruling = Ruling(reason=lifted)
    if _is_plain_spam(classification, verdict):
        spam = _ruling(section.spam, "spam", "This message was recognised as spam and is refused")
        return ruling if spam.disposition is _ACCEPT else spam
    return ruling


def _is_plain_spam(classification: Classification, verdict: Verdict) -> bool:
    if classification.category != "spam" or classification.review:
        return False
    return not (classification.is_lone_spam and verdict.authenticated_domain)


def _rulings(verdict: Verdict, section: PolicySection, envelope: Envelope) -> Iterator[Ruling]:
    """What each rule about the sender says, in order."""
    own = _own_section(section, verdict.dmarc.domain)
    if verdict.dmarc.result is Result.FAIL:
        yield _dmarc_failed(verdict, section, own)
    if verdict.dmarc.result is Result.PERMERROR and not verdict.dmarc.domain:
        yield _ruling(section.author, "author", _AUTHOR_TEXT)
        return
    if verdict.authenticated_domain or verdict.dmarc.aligned:
        return
    if _undecided(verdict, section.allow):
        # A refusal must not rest on a question that nobody has answered.
        yield _ruling(own.temperror or section.temperror, "authentication-temperror", _DNS_TEXT)
        return
    yield from _unproven(verdict, section, own, envelope)


def _own_section(section: PolicySection, domain: str) -> DomainPolicySection:
    """The table of the author's domain, or of the nearest parent that includes subdomains."""
    name = domain
    while name:
        own = section.domains.get(name)
        if own is not None and (own.subdomains or name == domain):
            return own
        name = name.partition(".")[2]
    return DomainPolicySection()


def _dmarc_failed(verdict: Verdict, section: PolicySection, own: DomainPolicySection) -> Ruling:
    """RFC 9989 5.4: the receiver honours the domain's wish, or has a policy of its own."""
    if own.dmarc_fail is not None:
        return _ruling(own.dmarc_fail, "dmarc-fail", _dmarc_text(verdict, "not accepted here"))
    honoured = "not accepted under that domain's DMARC policy"
    match verdict.dmarc.disposition:
        case DmarcPolicy.REJECT:
            return _ruling(section.dmarc_reject, "dmarc-reject", _dmarc_text(verdict, honoured))
        case DmarcPolicy.QUARANTINE:
            wish, reason = section.dmarc_quarantine, "dmarc-quarantine"
            return _ruling(wish, reason, _dmarc_text(verdict, honoured))
        case DmarcPolicy.NONE:
            return _ruling(
                section.dmarc_none, "dmarc-none", _dmarc_text(verdict, "not accepted here")
            )


def _unproven(
    verdict: Verdict, section: PolicySection, own: DomainPolicySection, envelope: Envelope
) -> Iterator[Ruling]:
    """What is said of a message whose author nothing proves, by what was tried."""
    spf = verdict.spf.result
    text = (
        f"{_plain(envelope.client_address) or 'This client'} may not send mail for "
        f"{_plain(verdict.spf.domain) or 'the sender'} (SPF {spf.value}). {_WAY_OUT}"
    )
    if spf is Result.FAIL:
        yield _ruling(own.spf_fail or section.spf_fail, "spf-fail", text)
    if spf is Result.SOFTFAIL:
        yield _ruling(own.spf_softfail or section.spf_softfail, "spf-softfail", text)
    if verdict.dkim and not any(one.result in _MAY_PASS for one in verdict.dkim):
        wish = own.dkim_fail or section.dkim_fail
        yield _ruling(wish, "dkim-fail", _unproven_text(verdict, "its DKIM signature is broken"))
    if verdict.dmarc.result is not Result.FAIL:
        wish = own.unauthenticated or section.unauthenticated
        text = _unproven_text(verdict, "this server takes it only with proof")
        yield _ruling(wish, "unauthenticated", text)


def _lifted(verdict: Verdict, allow: AllowSection, envelope: Envelope) -> str:
    """The reason to take mail from a known forwarder or list; empty for everybody else."""
    if verdict.dmarc.reason.startswith("arc-sealer:"):
        return "allowed-sealer"
    if _is_in(envelope.client_address, allow.networks):
        return "allowed-network"
    return "allowed-domain" if _has_allowed(verdict, Result.PASS, allow) else ""


def _is_in(client: str, networks: tuple[str, ...]) -> bool:
    if not networks:
        return False
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network) for network in networks)


def _undecided(verdict: Verdict, allow: AllowSection) -> bool:
    """Whether an answer from DNS could still prove the author or lift the ruling.

    Trouble with any other domain changes nothing: a stranger can make as much of it as he likes.
    """
    if verdict.dmarc.result is Result.FAIL:
        return False
    in_doubt = verdict.dmarc.result is Result.TEMPERROR or verdict.dmarc.in_doubt
    return in_doubt or _has_allowed(verdict, Result.TEMPERROR, allow)


def _has_allowed(verdict: Verdict, result: Result, allow: AllowSection) -> bool:
    """Whether a domain of [policy.allow], or one below it, has this result."""
    found: list[SpfResult | DkimResult] = [verdict.spf, verdict.spf_helo, *verdict.dkim]
    names = [ascii_name(one.domain) for one in found if one.result is result]
    return any(is_same_or_below(name, domain) for name in names for domain in allow.domains)


def _ruling(wish: str, reason: str, text: str) -> Ruling:
    told = Disposition(wish)  # the section's words are the dispositions' values
    if told is _ACCEPT:
        return Ruling()
    spoken = told in (Disposition.REJECT, Disposition.DEFER)
    return Ruling(disposition=told, reason=reason, text=text if spoken else "")


def _dmarc_text(verdict: Verdict, outcome: str) -> str:
    return _about(
        verdict.dmarc.domain, f"is not authenticated and {outcome} {_found(verdict)}. {_WAY_OUT}"
    )


def _unproven_text(verdict: Verdict, why: str) -> str:
    return _about(
        verdict.dmarc.domain,
        f"is not accepted: nothing proves its author and {why} {_found(verdict)}. {_WAY_OUT}",
    )


def _found(verdict: Verdict) -> str:
    dkim = sorted({signature.result.value for signature in verdict.dkim}) or ["none"]
    return f"(SPF {verdict.spf.result.value}, DKIM {'/'.join(dkim)})"


def _about(domain: str, said: str) -> str:
    return f"Mail from {_plain(domain)[: _LONGEST_TEXT - len(said) - 11]} {said}"


def _plain(name: str) -> str:
    """A domain or address of a stranger, fit to be said in a reply line."""
    return "".join(
        character if character.isascii() and (character.isalnum() or character in ".-_:") else "?"
        for character in name[:_LONGEST_TEXT]
    )
