"""DKIM keys in DNS.

In: a domain and a selector, looked up as selector._domainkey.domain. Out: a `PublicKey`, plain
values that can go to a worker process, or a `Fault`. Standards: RFC 6376 3.6, RFC 8301 3.2 (no
RSA below 1024 bits), RFC 8463 4.2 (ed25519). The record's g= (RFC 4871) is ignored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from postroom.failure import TemporaryFailure
from postroom.reading.names import ascii_name
from postroom.verdict import Result

from .resolver import Answer, RecordType, Resolver, look_up_all
from .tags import read_base64, read_tags, without_space

SMALLEST_RSA = 1_024  # bits, RFC 8301 3.2
_LARGEST_RSA = 8_192  # bits; larger ones only cost time
_LARGEST_EXPONENT = 2**32 - 1  # real ones are 65,537 or 3; one as long as the modulus takes 6 ms
_MOST_RECORDS = 3  # TXT records looked at under one name


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why something is no pass."""

    result: Result
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """One key record."""

    kind: str  # "rsa" or "ed25519"
    octets: bytes  # p=: DER for RSA, 32 octets for ed25519
    strict_identity: bool = False  # t=s: i= must have exactly the domain of d=


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyName:
    """Which key a signature was made with."""

    domain: str  # d=
    selector: str  # s=
    kind: str  # "rsa" or "ed25519"

    @property
    def name(self) -> str:
        """Where it is published (RFC 6376 3.6.2.1)."""
        return f"{ascii_name(self.selector)}._domainkey.{ascii_name(self.domain)}"


async def fetch_keys(resolver: Resolver, wanted: Sequence[KeyName]) -> list[PublicKey | Fault]:
    """The keys under those names, looked up together (RFC 6376 6.1.2)."""
    answers = await look_up_all(resolver, [(one.name, RecordType.TXT) for one in wanted])
    return [_select(answer, one.kind) for one, answer in zip(wanted, answers, strict=True)]


def _select(answer: Answer | TemporaryFailure, kind: str) -> PublicKey | Fault:
    if isinstance(answer, TemporaryFailure):
        return Fault(result=Result.TEMPERROR, reason=answer.reason)
    found: PublicKey | Fault = _bad("no-key")
    for text in answer.values[:_MOST_RECORDS]:
        # RFC 6376 3.6.2.2 leaves several records undefined; the first usable one is taken.
        found = read_key(text)
        if isinstance(found, PublicKey):
            if found.kind == kind:
                return found
            found = _bad("key-type-mismatch")
    return found


def read_key(text: str) -> PublicKey | Fault:
    """A key record's key (RFC 6376 3.6.1)."""
    tags = read_tags(text)
    if tags is None or "p" not in tags:
        return _bad("key-malformed")
    if "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v"):
        return _bad("key-version")
    if "h" in tags and "sha256" not in without_space(tags["h"]).lower().split(":"):
        return _bad("key-hash")
    if not {"*", "email"} & set(without_space(tags.get("s", "*")).lower().split(":")):
        return _bad("key-service")
    if not tags["p"]:
        return Fault(result=Result.FAIL, reason="key-revoked")
    octets = read_base64(tags["p"])
    kind = tags.get("k", "rsa").lower()
    if octets is None:
        return _bad("key-malformed")
    if kind not in ("rsa", "ed25519"):
        return _bad("key-type-unknown")
    flags = without_space(tags.get("t", "")).lower().split(":")
    return PublicKey(kind=kind, octets=octets, strict_identity="s" in flags)


def verify(key: PublicKey, signature: bytes, digest: bytes) -> Fault | None:
    """None when the signature is the key's over a SHA-256 digest (RFC 6376 3.3, RFC 8463 3)."""
    try:
        if key.kind == "ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(key.octets).verify(signature, digest)
            return None
        # Both SubjectPublicKeyInfo and the bare RSAPublicKey of RFC 3447 are in use.
        loaded = load_der_public_key(key.octets)
        if not isinstance(loaded, rsa.RSAPublicKey):
            return _bad("key-type-mismatch")
        if loaded.key_size < SMALLEST_RSA:
            return _bad("key-too-short")
        if loaded.key_size > _LARGEST_RSA:
            return _bad("key-too-long")
        if loaded.public_numbers().e > _LARGEST_EXPONENT:
            return _bad("key-exponent")
        loaded.verify(signature, digest, padding.PKCS1v15(), Prehashed(SHA256()))
        return None
    except InvalidSignature:
        return Fault(result=Result.FAIL, reason="verification-failed")
    except (ValueError, UnsupportedAlgorithm):
        return _bad("key-malformed")


def _bad(reason: str) -> Fault:
    return Fault(result=Result.PERMERROR, reason=reason)
