"""Who sent it: SPF, DKIM, ARC and DMARC for one message.

In: the envelope and the raw message. Out: a `Verdict`, facts only. SPF, keys and the author's
policy are asked for at once, each with places and a deadline of its own: names that a sender chose
and lets nobody answer must not cost an author his policy. DMARC asks the little that is left
afterwards. Canonical forms, hashes and signatures of larger messages are worked out by `run`,
wherever the caller says. Standards: RFC 7208, 6376, 8617, 9989.

Failure policy: nothing in a message makes it raise; trouble with DNS is temperror in the result
it concerns. Whether a client is trusted is the caller's question.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from postroom.clock import Clock
from postroom.config import Config
from postroom.envelope import Envelope
from postroom.failure import Failure
from postroom.reading.author import find_author
from postroom.reading.names import ascii_name
from postroom.verdict import ArcResult, DkimResult, Result, SpfResult, Verdict

from . import arc, dkim
from .canonical import CanonicalMessage
from .discovery import Policies, PublicSuffixes
from .dmarc import evaluate_dmarc, override
from .keys import Fault, PublicKey, fetch_keys
from .resolver import Resolver
from .results_header import authentication_results
from .spf import check_helo, check_mail_from

__all__ = ["Assumption", "Authenticator", "Run", "authentication_results", "in_thread"]

_Signatures = tuple[tuple[dkim.Signature, PublicKey | Fault], ...]
_ChainKeys = tuple[arc.Chain, tuple[PublicKey | Fault, ...]] | None
_Faults = tuple[tuple[Fault | None, ...], Fault | None]

# Octets; the checks are linear in them, and below this handing them over costs more than they do.
_SMALL = 65_536
_FEW = 8  # signatures and seals; honest messages have no more, and long keys take milliseconds

# Awaits function(*args), a top-level function with picklable arguments, off the event loop.
Run = Callable[..., Awaitable[Any]]


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """A `Run` in a thread of the event loop's pool."""
    return await asyncio.to_thread(function, *args)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """Results to be taken as given (`postroom check`, contract section 3)."""

    spf: SpfResult | None = None
    dkim: tuple[DkimResult, ...] | None = None
    discovery: str = ""  # "tree-walk" or "psl"; empty: as configured


class Authenticator:
    """Authenticates messages, any number at once."""

    def __init__(
        self, config: Config, resolver: Resolver, clock: Clock, run: Run = in_thread
    ) -> None:
        self._settings = config.authentication
        self._resolver = resolver
        self._clock = clock
        self._run = run
        self._suffixes = PublicSuffixes()
        self._exceptions = frozenset(config.authentication.exceptions)
        self._sealers = frozenset(config.authentication.trusted_sealers)

    async def authenticate(
        self, envelope: Envelope, raw: bytes, assume: Assumption | None = None
    ) -> Verdict:
        """The verdict on a message; DNS trouble is temperror, nothing else can go wrong."""
        assume = assume or Assumption()
        message = CanonicalMessage(raw)
        author = find_author(message.fields)
        # A view for each: names of one that nobody answers keep no other from being asked.
        view = self._resolver.with_deadline
        of_dmarc = view()
        policies = self._policies(of_dmarc, assume.discovery)
        # Everything that waits for DNS begins at once.
        spf, spf_helo, signed, _ = await asyncio.gather(
            self._spf(view(), envelope, assume.spf),
            self._spf_helo(view(), envelope, assume.spf),
            self._signed(view(), message, assume.dkim),
            policies.prepare(ascii_name(author.address.domain) if author.address else ""),
        )
        dkim_results, arc_result, chain = signed
        dmarc = await evaluate_dmarc(
            of_dmarc,
            author,
            spf,
            dkim_results,
            policies=policies,
            null_sender=envelope.is_null_sender,
            exceptions=self._exceptions,
        )
        dmarc = override(dmarc, arc_result, chain, self._sealers)
        return Verdict(
            author=author.address.text if author.address else "",
            spf=spf,
            spf_helo=spf if spf.scope == "helo" else spf_helo,
            dkim=dkim_results,
            arc=arc_result,
            dmarc=dmarc,
        )

    def _policies(self, resolver: Resolver, discovery: str) -> Policies:
        by_list = (discovery or self._settings.dmarc_discovery) == "psl"
        return Policies(resolver, self._suffixes if by_list else None)

    async def _spf(
        self, resolver: Resolver, envelope: Envelope, given: SpfResult | None
    ) -> SpfResult:
        """SPF of MAIL FROM, or of HELO where that is null (RFC 7208 2.4)."""
        if given is not None:
            return given
        client, helo = envelope.client_address, envelope.helo
        if envelope.is_null_sender:
            return await check_helo(resolver, client=client, helo=helo)
        return await check_mail_from(resolver, client=client, sender=envelope.sender, helo=helo)

    async def _spf_helo(
        self, resolver: Resolver, envelope: Envelope, given: SpfResult | None
    ) -> SpfResult:
        if given is not None or envelope.is_null_sender:  # then `spf` speaks of HELO
            return SpfResult(scope="helo")
        return await check_helo(resolver, client=envelope.client_address, helo=envelope.helo)

    async def _signed(
        self,
        resolver: Resolver,
        message: CanonicalMessage,
        given: tuple[DkimResult, ...] | None,
    ) -> tuple[tuple[DkimResult, ...], ArcResult, arc.Chain | None]:
        """DKIM and ARC: keys fetched together, then one run for all the arithmetic."""
        limit = self._settings.max_signatures if given is None else 0
        read = dkim.read_signatures(message, limit)
        signatures = [one for one in read if isinstance(one, dkim.Signature)]
        found = arc.read_chain(message)
        chain = found if isinstance(found, arc.Chain) else None
        keys = await fetch_keys(
            resolver, [*(one.key_name for one in signatures), *(chain.key_names if chain else ())]
        )
        faults, chain_fault = await self._checked(
            message,
            tuple(zip(signatures, keys, strict=False)),
            (chain, tuple(keys[len(signatures) :])) if chain else None,
        )
        fault_of = dict(zip(signatures, faults, strict=True))
        results = given or tuple(
            dkim.result_of(one, fault_of[one]) if isinstance(one, dkim.Signature) else one
            for one in read
        )
        arc_result = found if isinstance(found, ArcResult) else arc.result_of(found, chain_fault)
        return results, arc_result, chain

    async def _checked(
        self, message: CanonicalMessage, signatures: _Signatures, chain: _ChainKeys
    ) -> _Faults:
        """`check_all`, wherever it is cheaper; a lost worker is a temperror."""
        now = int(self._clock.now().timestamp())
        count = len(signatures) + (len(chain[1]) if chain else 0)
        if (message.size <= _SMALL and count <= _FEW) or not count:
            return check_all(message, signatures, chain, now)
        try:
            checked: _Faults = await self._run(check_all, message, signatures, chain, now)
        except Failure as failure:
            lost = Fault(result=Result.TEMPERROR, reason=failure.reason)
            return (lost,) * len(signatures), lost
        return checked


def check_all(
    message: CanonicalMessage, signatures: _Signatures, chain: _ChainKeys, now: int
) -> _Faults:
    """The fault of each signature and of the chain, None for those that hold."""
    faults = tuple(
        key if isinstance(key, Fault) else dkim.check(message, signature, key, now)
        for signature, key in signatures
    )
    return faults, arc.check(message, *chain, now) if chain else None
