"""Signs messages for tests with any tags, right or wrong: DKIM-Signature and ARC sets.

`Signer.dkim(message, **tags)` puts a DKIM-Signature in front; a tag given as None is left out.
`Signer.arc(message, ...)` puts one more ARC set in front. `Signer.records` is what to publish.
"""

import base64
import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from postroom.milter.canonical import CanonicalMessage


@cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    """One key per size for a whole test run; making them is slow."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    """One key for a whole test run."""
    return ed25519.Ed25519PrivateKey.generate()


class Signer:
    """A domain that signs with one key under one selector."""

    def __init__(
        self,
        domain: str = "signer.test",
        *,
        selector: str = "s1",
        bits: int = 2048,
        ed: bool = False,
    ) -> None:
        self.domain = domain
        self.selector = selector
        self.algorithm = "ed25519-sha256" if ed else "rsa-sha256"
        self._key = ed25519_key() if ed else rsa_key(bits)

    @property
    def record(self) -> str:
        """The key record's text."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            octets = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return f"v=DKIM1; k=ed25519; p={base64.b64encode(octets).decode()}"
        octets = self._key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        return f"v=DKIM1; k=rsa; p={base64.b64encode(octets).decode()}"

    @property
    def records(self) -> dict[str, list[tuple[str, str]]]:
        """A zone with the key."""
        return {f"{self.selector}._domainkey.{self.domain}": [("TXT", self.record)]}

    def dkim(self, message: bytes, **tags: str | None) -> bytes:
        """The message with a DKIM-Signature in front."""
        form = tags.get("c") or "relaxed/relaxed"
        length = int(tags["l"]) if (tags.get("l") or "").isdigit() else None  # type: ignore[arg-type]
        values: dict[str, str | None] = {"v": "1", "c": form, "h": "From:To:Subject"}
        values["bh"] = _bh(message, form, length)
        return self._put(b"DKIM-Signature", message, form, values | tags)

    def arc(self, message: bytes, instance: int, results: str, *, cv: str | None = None) -> bytes:
        """The message with one more ARC set in front (RFC 8617 5.1)."""
        recorded = f"ARC-Authentication-Results: i={instance}; {results}\r\n".encode() + message
        form = "relaxed/relaxed"
        values: dict[str, str | None] = {
            "i": str(instance),
            "c": form,
            "h": "From:To:Subject",
            "bh": _bh(message, form, None),
        }
        signed = self._put(b"ARC-Message-Signature", recorded, form, values)
        cv = cv or ("none" if instance == 1 else "pass")
        seal = self._tags({"i": str(instance), "cv": cv})
        sealed = b"ARC-Seal: " + seal + b" b=\r\n" + signed
        view = CanonicalMessage(sealed)
        octets = b""
        for number in range(1, instance + 1):
            for name in (b"arc-authentication-results", b"arc-message-signature", b"arc-seal"):
                index = view.named(name)[instance - number]
                if name == b"arc-seal" and number == instance:
                    octets += view.unsigned_octets(index, "relaxed")
                else:
                    octets += view.field_octets(index, "relaxed")
        return b"ARC-Seal: " + seal + b" b=" + self._signature(octets) + b"\r\n" + signed

    def _put(self, name: bytes, message: bytes, form: str, values: dict[str, str | None]) -> bytes:
        tags = self._tags(values)
        view = CanonicalMessage(name + b": " + tags + b" b=\r\n" + message)
        covered = (values.get("h") or "").lower().encode().split(b":")
        octets = view.header_octets(covered, 0, form.partition("/")[0])
        signature = self._signature(octets)
        return name + b": " + tags + b" b=" + signature + b"\r\n" + message

    def _tags(self, values: dict[str, str | None]) -> bytes:
        named: dict[str, str | None] = {
            "a": self.algorithm,
            "d": self.domain,
            "s": self.selector,
        }
        given = (named | values).items()
        return "".join(f"{tag}={value}; " for tag, value in given if value is not None).encode()

    def _signature(self, octets: bytes) -> bytes:
        digest = hashlib.sha256(octets).digest()
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return base64.b64encode(self._key.sign(digest))
        return base64.b64encode(self._key.sign(digest, padding.PKCS1v15(), Prehashed(SHA256())))


def _bh(message: bytes, form: str, length: int | None) -> str:
    body_form = form.partition("/")[2] or "simple"
    return base64.b64encode(CanonicalMessage(message).body_digest(body_form, length)).decode()
