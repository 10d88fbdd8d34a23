"""ARC: the chain of custody that forwarders wrote.

In: the message, keys. Out: an `ArcResult`, recorded and believed only for sealers in a local
list (dmarc.py). Same three steps as dkim.py: `read_chain`, keys.py, `check`. Standard: RFC 8617,
with ed25519 as RFC 8463 adds it. ARC is on its way to Historic, so nothing here seals.

Limits: the older ARC-Message-Signatures are not verified, only the newest, as RFC 8617 5.2 has it.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from postroom.reading.fields import Field, unfold
from postroom.reading.names import ascii_name
from postroom.verdict import ArcResult, Result

from . import dkim
from .canonical import CanonicalMessage
from .keys import Fault, KeyName, PublicKey, verify
from .tags import read_base64, read_number, read_tags

_MOST_SETS = 50  # RFC 8617 4.2.1
_AAR_INSTANCE = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*(\d{1,3})[ \t\r\n]*;")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """One ARC-Seal that can be checked (RFC 8617 4.1.3)."""

    domain: str
    selector: str
    algorithm: str
    signature: bytes
    covered: tuple[int, ...]  # field indices it covers, its own last

    @property
    def key_name(self) -> KeyName:
        """The key it needs."""
        return KeyName(
            domain=self.domain, selector=self.selector, kind=dkim.KEY_KINDS[self.algorithm]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chain whose form is right."""

    seals: tuple[Seal, ...]  # oldest first
    newest: dkim.Signature  # the newest ARC-Message-Signature
    results: tuple[bytes, ...]  # each ARC-Authentication-Results without its i=, oldest first

    @property
    def sealers(self) -> tuple[str, ...]:
        """d= of each seal, newest first."""
        return tuple(seal.domain for seal in reversed(self.seals))

    @property
    def key_names(self) -> tuple[KeyName, ...]:
        """The newest message signature's key, then each seal's, oldest first."""
        return (self.newest.key_name, *(seal.key_name for seal in self.seals))


def read_chain(message: CanonicalMessage) -> Chain | ArcResult:
    """The message's chain; an ArcResult when there is none or its form is wrong (RFC 8617 5.2)."""
    fields = message.fields
    found = {
        kind: message.named(kind)
        for kind in (b"arc-seal", b"arc-message-signature", b"arc-authentication-results")
    }
    count = max(len(indices) for indices in found.values())
    if count == 0:
        return ArcResult()
    if count > _MOST_SETS or any(len(indices) != count for indices in found.values()):
        return _fail("sets-incomplete")
    seal_tags = _by_instance(fields, found[b"arc-seal"])
    signature_tags = _by_instance(fields, found[b"arc-message-signature"])
    results = _results_by_instance(fields, found[b"arc-authentication-results"])
    wanted = set(range(1, count + 1))
    if not (seal_tags.keys() == signature_tags.keys() == results.keys() == wanted):
        return _fail("sets-incomplete")
    return _chain(seal_tags, signature_tags, results, count)


def check(
    message: CanonicalMessage, chain: Chain, keys: Sequence[PublicKey | Fault], now: int
) -> Fault | None:
    """None when the newest message signature and every seal hold (RFC 8617 5.2 steps 4 to 6).

    The keys come in the order of `key_names`.
    """
    in_doubt: Fault | None = None
    for instance, key in enumerate(keys):
        name = f"seal-{instance}" if instance else "message-signature"
        if isinstance(key, Fault):
            fault: Fault | None = key
        elif instance == 0:
            fault = dkim.check(message, chain.newest, key, now)
        else:
            fault = _check_seal(message, chain.seals[instance - 1], key)
        if fault is not None:
            named = Fault(result=fault.result, reason=f"{name}-{fault.reason}")
            if fault.result is not Result.TEMPERROR:
                return named
            in_doubt = in_doubt or named
    return in_doubt


def _check_seal(message: CanonicalMessage, seal: Seal, key: PublicKey) -> Fault | None:
    """RFC 8617 4.1.3: each set's results, signature and seal in turn, relaxed."""
    digest = hashlib.sha256()
    for index in seal.covered[:-1]:
        digest.update(message.field_octets(index, "relaxed"))
    digest.update(message.unsigned_octets(seal.covered[-1], "relaxed"))
    return verify(key, seal.signature, digest.digest())


def result_of(chain: Chain, fault: Fault | None) -> ArcResult:
    """The chain's result: pass, fail, or temperror when a key could not be fetched."""
    if fault is None:
        return ArcResult(result=Result.PASS, sealers=chain.sealers)
    result = Result.TEMPERROR if fault.result is Result.TEMPERROR else Result.FAIL
    return ArcResult(result=result, sealers=chain.sealers, reason=fault.reason)


_Tagged = dict[int, tuple[int, dict[str, str]]]


def _chain(
    seal_tags: _Tagged,
    signature_tags: _Tagged,
    results: dict[int, tuple[int, bytes]],
    count: int,
) -> Chain | ArcResult:
    seals: list[Seal] = []
    covered: list[int] = []
    for instance in range(1, count + 1):
        index, tags = seal_tags[instance]
        # RFC 8617 5.2 step 3: only the first seal says none, the others say pass.
        if tags.get("cv") != ("none" if instance == 1 else "pass"):
            return _fail(f"seal-{instance}-cv")
        covered += [results[instance][0], signature_tags[instance][0], index]
        seal = _seal(tags, tuple(covered))
        if isinstance(seal, Fault):
            return _fail(f"seal-{instance}-{seal.reason}")
        seals.append(seal)
    index, tags = signature_tags[count]
    # Without c= sealers mean relaxed, and the validation suite holds them to it.
    newest = dkim.read_signature(tags, index, identity="", form="relaxed/relaxed")
    if isinstance(newest, Fault):
        return _fail(f"message-signature-{newest.reason}")
    if b"arc-seal" in newest.names:  # RFC 8617 4.1.2: MUST NOT be signed
        return _fail("message-signature-covers-seal")
    return Chain(
        seals=tuple(seals),
        newest=newest,
        results=tuple(results[instance][1] for instance in range(1, count + 1)),
    )


def _seal(tags: dict[str, str], covered: tuple[int, ...]) -> Seal | Fault:
    signature = read_base64(tags.get("b", ""))
    algorithm, domain = tags.get("a", "").lower(), ascii_name(tags.get("d", ""))
    if "h" in tags:  # RFC 8617 4.1.3: its scope is fixed
        return Fault(result=Result.FAIL, reason="has-h")
    if signature is None or algorithm not in dkim.KEY_KINDS:
        return Fault(result=Result.FAIL, reason="malformed")
    if not domain or not ascii_name(tags.get("s", "")):
        return Fault(result=Result.FAIL, reason="domain")
    if "t" in tags and read_number(tags["t"], 12) is None:
        return Fault(result=Result.FAIL, reason="number")
    return Seal(
        domain=domain,
        selector=tags["s"],
        algorithm=algorithm,
        signature=signature,
        covered=covered,
    )


def _by_instance(fields: Sequence[Field], indices: Sequence[int]) -> _Tagged:
    """Tags by their i=; a field without a usable one is left out, which breaks the chain."""
    found: _Tagged = {}
    for index in indices:
        tags = read_tags(fields[index].value.decode("utf-8", "replace"))
        instance = read_number(tags.get("i", ""), 2) if tags else None
        if tags and instance is not None:
            found[instance] = (index, tags)
    return found


def _results_by_instance(
    fields: Sequence[Field], indices: Sequence[int]
) -> dict[int, tuple[int, bytes]]:
    found: dict[int, tuple[int, bytes]] = {}
    for index in indices:
        prefix = _AAR_INSTANCE.match(fields[index].value)
        if prefix:
            found[int(prefix[1])] = (index, unfold(fields[index].value[prefix.end() :]))
    return found


def _fail(reason: str) -> ArcResult:
    return ArcResult(result=Result.FAIL, reason=reason)
