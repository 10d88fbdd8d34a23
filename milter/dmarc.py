"""DMARC: does a proven domain stand behind the author?

In: the author, what SPF, DKIM and ARC found, discovery.py. Out: a `DmarcResult`. Our own
evaluator. Standards: RFC 9989 (with `discovery = "psl"` RFC 7489), RFC 8601 2.7 for the tokens.

A missing, doubled or unreadable author is permerror and never aligned. Of a record with errors
the rest applies; where it asks for nothing, what does not align is permerror too. DNS trouble is
temperror, never "no record". Two local settings are honoured: `exceptions` (authors for whom one
relaxed aligned pass is enough) and `trusted_sealers` (forwarders whose ARC seal lifts the
disposition of a fail; the result stays fail).

Limits: pct= of RFC 7489 is taken by the letter only when it is 0; no dice are thrown.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from postroom.failure import TemporaryFailure
from postroom.reading.author import Author
from postroom.reading.names import ascii_address, ascii_name, is_same_or_below
from postroom.verdict import ArcResult, DkimResult, DmarcPolicy, DmarcResult, Result, SpfResult

from .arc import Chain
from .discovery import Policies, Policy
from .recorded import recorded_pass
from .resolver import RecordType, Resolver

_LOWER = {
    DmarcPolicy.REJECT: DmarcPolicy.QUARANTINE,
    DmarcPolicy.QUARANTINE: DmarcPolicy.NONE,
    DmarcPolicy.NONE: DmarcPolicy.NONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A domain that a method proved, or could not prove for now."""

    method: str  # "spf" or "dkim"
    domain: str  # as `ascii_name` gives it
    proven: bool  # False: temperror


async def evaluate_dmarc(
    resolver: Resolver,
    author: Author,
    spf: SpfResult,
    dkim: Sequence[DkimResult],
    *,
    policies: Policies,
    null_sender: bool = False,
    exceptions: frozenset[str] = frozenset(),
) -> DmarcResult:
    """The result for one author, from given SPF and DKIM results (RFC 9989 5.3)."""
    if author.address is None:
        return DmarcResult(result=Result.PERMERROR, reason=f"author-{author.problem}")
    domain = ascii_name(author.address.domain)
    if not domain:
        return DmarcResult(result=Result.PERMERROR, reason="author-domain")
    identifiers = _identifiers(spf, dkim, null_sender)
    excepted = domain in exceptions or ascii_address(author.address.text) in exceptions
    try:
        policy = await policies.of(domain)
        aligned, in_doubt = await _aligned(policies, policy, identifiers, excepted)
        selected = await _selected(resolver, policy, bool(aligned))
    except TemporaryFailure as failure:
        return DmarcResult(result=Result.TEMPERROR, domain=domain, reason=failure.reason)
    return _result(policy, selected, aligned, in_doubt, excepted)


def override(
    dmarc: DmarcResult, arc: ArcResult, chain: Chain | None, sealers: frozenset[str]
) -> DmarcResult:
    """Lifts the disposition of a fail that a trusted forwarder saw pass (RFC 8617 7.2.1).

    From the newest seal down every sealer must be trusted until one that recorded dmarc=pass
    for the same author domain.
    """
    if dmarc.result is not Result.FAIL or arc.result is not Result.PASS or chain is None:
        return dmarc
    for sealer, results in zip(chain.sealers, reversed(chain.results), strict=True):
        if sealer not in sealers:
            break
        if recorded_pass(results, dmarc.domain):
            return replace(dmarc, disposition=DmarcPolicy.NONE, reason=f"arc-sealer:{sealer}")
    return dmarc


def _result(
    policy: Policy,
    selected: DmarcPolicy | None,
    aligned: tuple[str, ...],
    in_doubt: bool,
    excepted: bool,
) -> DmarcResult:
    known = DmarcResult(
        domain=policy.domain,
        org_domain=policy.org_domain,
        policy=selected,
        aligned=aligned,
        in_doubt=in_doubt and not aligned,
    )
    flawed = policy.record is not None and policy.record.flawed
    if aligned and excepted:
        return replace(known, result=Result.PASS, reason="exception")
    if selected is None or policy.record is None:
        if flawed:
            return replace(known, result=Result.PERMERROR, reason="record-malformed")
        return known
    if aligned:
        return replace(known, result=Result.PASS)
    if in_doubt:
        return replace(known, result=Result.TEMPERROR, reason="identifier-temperror")
    if flawed and selected is DmarcPolicy.NONE:
        # What can be read of it applies (RFC 9989 4.8), but that is nothing: the error is told.
        return replace(known, result=Result.PERMERROR, reason="record-malformed")
    lower = policy.record.testing or policy.record.percentage == 0
    return replace(
        known,
        result=Result.FAIL,
        disposition=_LOWER[selected] if lower else selected,
        reason="testing" if lower else "",
    )


async def _selected(resolver: Resolver, policy: Policy, passed: bool) -> DmarcPolicy | None:
    """p=, sp= or np= (RFC 9989 4.10.1); np= only for a name that DNS says does not exist."""
    record = policy.record
    if record is None:
        return None
    own = policy.record_domain == policy.domain
    exists = True
    if not own and record.nonexistent_policy is not None:
        try:
            asked = resolver.with_deadline().look_up(policy.domain, RecordType.A)
            exists = (await asked).exists
        except TemporaryFailure:
            if not passed:
                raise
    return record.policy_for(own=own, exists=exists)


async def _aligned(
    policies: Policies, policy: Policy, identifiers: Sequence[Identifier], excepted: bool
) -> tuple[tuple[str, ...], bool]:
    """What passes and aligns, and whether an identifier in doubt would (RFC 9989 4.4, 4.10.2)."""
    record = policy.record
    strict = {
        "spf": record is not None and record.strict_spf and not excepted,
        "dkim": record is not None and record.strict_dkim and not excepted,
    }
    verdicts = await asyncio.gather(
        *(_aligns(policies, policy, one.domain, strict[one.method]) for one in identifiers)
    )
    aligned: dict[str, None] = {}
    trouble: TemporaryFailure | None = None
    in_doubt = False
    for one, verdict in zip(identifiers, verdicts, strict=True):
        if isinstance(verdict, TemporaryFailure):
            trouble = verdict
        elif verdict and one.proven:
            aligned[f"{one.method}:{one.domain}"] = None
        elif verdict:
            in_doubt = True
    if trouble is not None and not aligned:
        raise trouble
    return tuple(aligned), in_doubt


async def _aligns(
    policies: Policies, policy: Policy, domain: str, strict: bool
) -> bool | TemporaryFailure:
    if domain == policy.domain:
        return True
    # Domains without a common parent cannot share an organization: no look-up for them.
    if strict or domain.rpartition(".")[2] != policy.domain.rpartition(".")[2]:
        return False
    if policy.trouble is not None:
        return policy.trouble
    # An organization is the name itself or a parent of it. A stranger is not looked up: trouble
    # in his DNS, which he can make, would be the result of an author he has no part in.
    if not is_same_or_below(domain, policy.org_domain):
        return False
    try:
        return await policies.org_domain(domain) == policy.org_domain
    except TemporaryFailure as failure:
        return failure


def _identifiers(spf: SpfResult, dkim: Sequence[DkimResult], null_sender: bool) -> list[Identifier]:
    """Domains that SPF and DKIM proved or may yet prove, each once."""
    found: dict[tuple[str, str, bool], Identifier] = {}
    results = [("dkim", one.result, one.domain) for one in dkim]
    # RFC 9989 4.4.2: SPF's identity is MAIL FROM; HELO counts only where that is null.
    if spf.scope == "mfrom" or null_sender:
        results.insert(0, ("spf", spf.result, spf.domain))
    for method, result, name in results:
        domain = ascii_name(name)
        if domain and result in (Result.PASS, Result.TEMPERROR):
            one = Identifier(method=method, domain=domain, proven=result is Result.PASS)
            found[(method, domain, one.proven)] = one
    return list(found.values())
