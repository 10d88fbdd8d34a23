"""DKIM: which domains signed this message.

In: the message, keys, the time. Out: one `DkimResult` per signature looked at. Three steps,
so that DNS waits in the event loop and arithmetic runs wherever the caller says:
`read_signatures` (syntax, capped before any DNS), keys.py, `check` (canonical form, hashes, RSA or
Ed25519). Standards: RFC 6376, RFC 8301 (no rsa-sha1, RSA of 1024 bits at least),
RFC 8463 (ed25519-sha256), RFC 8616 (U-labels).

Limits: a body that is only partly covered by l= is never a pass (RFC 6376 8.2), but `policy`;
signatures beyond `max_signatures` are not looked at and not reported.
"""

import hashlib
from dataclasses import dataclass

from postroom.reading.fields import Field
from postroom.reading.names import ascii_name, is_same_or_below
from postroom.verdict import DkimResult, Result

from .canonical import CanonicalMessage
from .keys import Fault, KeyName, PublicKey, verify
from .tags import read_base64, read_number, read_tags, without_space

# Algorithms that are verified -> the kind of key; rsa-sha1 is none of them (RFC 8301 3.1).
KEY_KINDS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}
_CANONICALIZATIONS = ("simple", "relaxed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature field that can be checked: a DKIM-Signature or an ARC-Message-Signature."""

    index: int  # of its field in the header
    domain: str  # d=, A-labels
    selector: str  # s=
    algorithm: str  # a=
    identity: str  # i=, "@domain" when absent
    names: tuple[bytes, ...]  # h=, lower case
    header_form: str  # "simple" or "relaxed"
    body_form: str
    body_hash: bytes  # bh=
    body_length: int | None  # l=; None: the whole body
    signature: bytes  # b=
    mark: str  # its first eight characters as written (RFC 6008 4)
    signed_at: int | None  # t=, seconds since 1970
    expires: int | None  # x=

    @property
    def key_name(self) -> KeyName:
        """The key it needs."""
        return KeyName(domain=self.domain, selector=self.selector, kind=KEY_KINDS[self.algorithm])


def read_signatures(message: CanonicalMessage, limit: int) -> list[Signature | DkimResult]:
    """The first `limit` DKIM-Signature fields, from the top; a permerror for unusable ones.

    RFC 6376 8.15: with several From fields a signature says nothing about the one that is shown.
    """
    one_author = len(message.named(b"from")) == 1
    return [
        _read(message.fields[index], index, one_author)
        for index in message.named(b"dkim-signature")[:limit]
    ]


def _read(field: Field, index: int, one_author: bool) -> Signature | DkimResult:
    tags = read_tags(field.value.decode("utf-8", "replace"))
    if tags is None:
        return _unusable({}, _bad("tags-malformed"))
    fault = _dkim_rules(tags) if one_author else _bad("not-one-from")
    read = fault or read_signature(tags, index, identity=tags.get("i", ""), form="simple/simple")
    return read if isinstance(read, Signature) else _unusable(tags, read)


def read_signature(
    tags: dict[str, str], index: int, *, identity: str, form: str
) -> Signature | Fault:
    """What DKIM-Signature and ARC-Message-Signature have in common (RFC 6376 3.5, 6.1.1).

    `identity` is the i= of DKIM, or empty; `form` stands in for a missing c=.
    """
    for name in ("a", "b", "bh", "d", "h", "s"):
        if name not in tags:
            return _bad(f"no-{name}")
    algorithm = tags["a"].lower()
    if algorithm not in KEY_KINDS:
        return _bad("algorithm")
    signature, body_hash = read_base64(tags["b"]), read_base64(tags["bh"])
    if signature is None or body_hash is None or len(body_hash) != hashlib.sha256().digest_size:
        return _bad("base64")
    header_form, _, body_form = tags.get("c", form).lower().partition("/")
    body_form = body_form or "simple"
    if header_form not in _CANONICALIZATIONS or body_form not in _CANONICALIZATIONS:
        return _bad("canonicalization")
    domain = ascii_name(tags["d"])
    if not domain or not ascii_name(tags["s"]):
        return _bad("domain")
    numbers = {name: read_number(tags[name], 76) for name in ("l", "t", "x") if name in tags}
    if None in numbers.values():
        return _bad("number")
    names = without_space(tags["h"]).lower().encode("utf-8").split(b":")
    return Signature(
        index=index,
        domain=domain,
        selector=tags["s"],
        algorithm=algorithm,
        identity=identity or "@" + domain,
        names=tuple(names),
        header_form=header_form,
        body_form=body_form,
        body_hash=body_hash,
        body_length=numbers.get("l"),
        signature=signature,
        mark=without_space(tags["b"])[:8],
        signed_at=numbers.get("t"),
        expires=numbers.get("x"),
    )


def check(
    message: CanonicalMessage, signature: Signature, key: PublicKey, now: int
) -> Fault | None:
    """None when the signature holds at that time (RFC 6376 6.1.3)."""
    if key.strict_identity and _identity_domain(signature.identity) != signature.domain:
        return _bad("identity-not-domain")
    if signature.expires is not None and signature.expires < now:
        return Fault(result=Result.FAIL, reason="expired")
    length = message.body_length(signature.body_form)
    if signature.body_length is not None and signature.body_length > length:
        return Fault(result=Result.FAIL, reason="body-shorter-than-l")
    digest = message.body_digest(signature.body_form, signature.body_length)
    if digest != signature.body_hash:
        return Fault(result=Result.FAIL, reason="body-hash-mismatch")
    octets = message.header_octets(signature.names, signature.index, signature.header_form)
    fault = verify(key, signature.signature, hashlib.sha256(octets).digest())
    if fault is None and signature.body_length is not None and signature.body_length < length:
        # RFC 6376 8.2: anyone could have appended the rest.
        return Fault(result=Result.POLICY, reason="body-only-partly-signed")
    return fault


def result_of(signature: Signature, fault: Fault | None) -> DkimResult:
    """A signature's result in RFC 8601's words."""
    return DkimResult(
        result=fault.result if fault else Result.PASS,
        domain=signature.domain,
        selector=signature.selector,
        reason=fault.reason if fault else "",
        algorithm=signature.algorithm,
        identity=signature.identity,
        mark=signature.mark,
    )


def _dkim_rules(tags: dict[str, str]) -> Fault | None:
    """What RFC 6376 6.1.1 asks of a DKIM-Signature beyond an ARC-Message-Signature."""
    if tags.get("v") != "1":
        return _bad("version")
    names = [name.strip() for name in tags.get("h", "").lower().split(":")]
    if "from" not in names:
        return _bad("from-not-signed")
    if "dns/txt" not in without_space(tags.get("q", "dns/txt")).lower().split(":"):
        return _bad("query-method")
    if "i" in tags:
        domain = ascii_name(tags.get("d", ""))
        if not is_same_or_below(_identity_domain(tags["i"]), domain):
            return _bad("identity-not-domain")
    signed_at, expires = (read_number(tags.get(name, ""), 76) for name in ("t", "x"))
    if signed_at is not None and expires is not None and expires <= signed_at:
        return _bad("expires-before-signed")
    return None


def _identity_domain(identity: str) -> str:
    return ascii_name(identity.rpartition("@")[2]) if "@" in identity else ""


def _unusable(tags: dict[str, str], fault: Fault) -> DkimResult:
    return DkimResult(
        result=fault.result,
        domain=ascii_name(tags.get("d", "")),
        selector=tags.get("s", ""),
        reason=fault.reason,
        algorithm=tags.get("a", ""),
        identity=tags.get("i", ""),
        mark=without_space(tags.get("b", ""))[:8],
    )


def _bad(reason: str) -> Fault:
    return Fault(result=Result.PERMERROR, reason=reason)
