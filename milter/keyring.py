"""The private keys our domains sign with, and which of them are in use.

In: a folder, one sub-folder per domain. Out: `SigningKey`s. A selector is a pair of keys, RSA of
2048 bits and Ed25519, made together:

    DOMAIN/SELECTOR.rsa.pem      PKCS #8, mode 0600, published at SELECTOR._domainkey
    DOMAIN/SELECTOR.ed25519.pem  the same, published at SELECTOR-ed25519._domainkey
    DOMAIN/selectors.json        each selector's state: new -> active -> retired

The newest active selector signs. Keys are never overwritten and never deleted here. Two names in
DNS, because several key records under one name are undefined (RFC 6376 3.6.2.2).
Standards: RFC 6376 3.6, RFC 8301 3.2 (2048 bits), RFC 8463 4.2.

Limits: two commands that change one domain at the same moment: the later one wins.
"""

import base64
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.ownership import give_to_owner

RSA_BITS = 2_048  # RFC 8301 3.2; larger keys do not fit everywhere DNS goes
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,50}[a-z0-9])?", re.ASCII)
_ED25519 = "-ed25519"  # what the second key of a pair has behind its name
_STATES_FILE = "selectors.json"
_LONGEST_STRING = 255  # octets of one character-string, RFC 1035 3.3

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class SelectorState(Enum):
    """How far a selector's life has gone."""

    NEW = "new"  # made; its records are to be published
    ACTIVE = "active"  # published; the newest of these signs
    RETIRED = "retired"  # signs no more; its records stay until the last mail has arrived


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """One pair of keys."""

    name: str
    state: SelectorState
    created: datetime
    changed: datetime  # when it got this state


class SigningKey:
    """One private key with the names it is published under."""

    def __init__(self, domain: str, selector: str, key: PrivateKey) -> None:
        self.domain = domain  # d=
        self._key = key
        self.kind = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ed25519"
        self.selector = selector if self.kind == "rsa" else f"{selector}{_ED25519}"  # s=

    @property
    def algorithm(self) -> str:
        """a= (RFC 6376 3.3, RFC 8463 3)."""
        return f"{self.kind}-sha256"

    @property
    def name(self) -> str:
        """Where its record is published (RFC 6376 3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"

    @cached_property
    def record(self) -> str:
        """The text of its record (RFC 6376 3.6.1, RFC 8463 4.2)."""
        public = self._key.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            octets = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k={self.kind}; p={base64.b64encode(octets).decode()}"

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file, in strings of at most 255 octets (RFC 1035 5.1)."""
        pieces = [
            self.record[start : start + _LONGEST_STRING]
            for start in range(0, len(self.record), _LONGEST_STRING)
        ]
        strings = " ".join(f'"{piece}"' for piece in pieces)
        return f"{self.name}. IN TXT ( {strings} )"

    def sign(self, digest: bytes) -> bytes:
        """The signature over a SHA-256 digest (RFC 6376 3.3.1, RFC 8463 3)."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(digest)
        return self._key.sign(digest, padding.PKCS1v15(), Prehashed(SHA256()))


class Keyring:
    """The keys in one folder; reads a domain again when its states have changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: Mapping[str, tuple[tuple[int, int], tuple[SigningKey, ...]]] = {}

    def signing_keys(self, domain: str) -> tuple[SigningKey, ...]:
        """The pair that signs for a domain now; empty when none is active.

        Raises TemporaryFailure(dkim-key) when it cannot be read.
        """
        try:
            state = (self._folder / domain / _STATES_FILE).stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise TemporaryFailure("dkim-key", error) from error
        seen = (state.st_mtime_ns, state.st_ino)
        known = self._loaded.get(domain)
        if known is not None and known[0] == seen:
            return known[1]
        active = [one for one in self.selectors(domain) if one.state is SelectorState.ACTIVE]
        keys = self.keys(domain, active[-1].name) if active else ()
        # One assignment, so that threads that load the same domain do not disturb each other.
        self._loaded = {**self._loaded, domain: (seen, keys)}
        return keys

    def domains(self) -> list[str]:
        """The domains that have keys."""
        return sorted(file.parent.name for file in self._folder.glob(f"*/{_STATES_FILE}"))

    def selectors(self, domain: str) -> list[Selector]:
        """A domain's selectors, oldest first.

        Raises TemporaryFailure(dkim-key) when their states cannot be read.
        """
        try:
            text = (self._folder / domain / _STATES_FILE).read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise TemporaryFailure("dkim-key", error) from error
        try:
            found = [
                Selector(
                    name=name,
                    state=SelectorState(one["state"]),
                    created=datetime.fromisoformat(one["created"]),
                    changed=datetime.fromisoformat(one["changed"]),
                )
                for name, one in json.loads(text).items()
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TemporaryFailure("dkim-key", error) from error
        return sorted(found, key=lambda one: (one.created, one.name))

    def keys(self, domain: str, selector: str) -> tuple[SigningKey, ...]:
        """Both keys of a selector; raises TemporaryFailure(dkim-key)."""
        loaded: list[SigningKey] = []
        for kind in ("rsa", "ed25519"):
            try:
                octets = (self._folder / domain / f"{selector}.{kind}.pem").read_bytes()
                key = load_pem_private_key(octets, None)
            except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
                raise TemporaryFailure("dkim-key", error) from error
            if not isinstance(key, PrivateKey):
                raise TemporaryFailure("dkim-key", TypeError(f"{selector}.{kind}.pem: no such key"))
            loaded.append(SigningKey(domain, selector, key))
        return tuple(loaded)

    def make(self, domain: str, selector: str, now: datetime) -> tuple[SigningKey, ...]:
        """Makes a pair of keys; they are on disk, in state "new", on return.

        Raises PermanentFailure dkim-selector or dkim-selector-exists, dkim-write.
        """
        if not _SELECTOR.fullmatch(selector) or selector.endswith(_ED25519):
            raise PermanentFailure("dkim-selector", ValueError(f"{selector!r}: a-z, 0-9 and -"))
        known = self.selectors(domain)
        if any(one.name == selector for one in known):
            raise PermanentFailure("dkim-selector-exists", ValueError(f"{selector} of {domain}"))
        pair: dict[str, PrivateKey] = {
            "rsa": rsa.generate_private_key(public_exponent=65_537, key_size=RSA_BITS),
            "ed25519": ed25519.Ed25519PrivateKey.generate(),
        }
        folder = self._folder / domain
        try:
            for made in (self._folder, folder):
                made.mkdir(mode=0o700, parents=True, exist_ok=True)
                give_to_owner(made)
            for kind, key in pair.items():
                octets = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                _write_new(folder / f"{selector}.{kind}.pem", octets)
        except OSError as error:
            raise PermanentFailure("dkim-write", error) from error
        new = Selector(name=selector, state=SelectorState.NEW, created=now, changed=now)
        self._write_states(domain, [*known, new])
        return self.keys(domain, selector)

    def change(
        self, domain: str, selector: str, state: SelectorState, now: datetime
    ) -> list[Selector]:
        """Gives a selector another state; durable on return. The domain's selectors after it.

        Raises PermanentFailure(dkim-selector-unknown, dkim-write).
        """
        known = self.selectors(domain)
        if not any(one.name == selector for one in known):
            raise PermanentFailure("dkim-selector-unknown", ValueError(f"{selector} of {domain}"))
        changed = [
            replace(one, state=state, changed=now) if one.name == selector else one for one in known
        ]
        self._write_states(domain, changed)
        return changed

    def _write_states(self, domain: str, selectors: list[Selector]) -> None:
        plain = {
            one.name: {
                "state": one.state.value,
                "created": one.created.isoformat(),
                "changed": one.changed.isoformat(),
            }
            for one in selectors
        }
        folder = self._folder / domain
        new = folder / f"{_STATES_FILE}.new"
        try:
            new.unlink(missing_ok=True)
            _write_new(new, json.dumps(plain, indent=1).encode())
            new.rename(folder / _STATES_FILE)
            _sync(folder)
        except OSError as error:
            raise PermanentFailure("dkim-write", error) from error


def _write_new(path: Path, octets: bytes) -> None:
    """A file that did not exist, readable by its owner alone, on disk on return."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    give_to_owner(path)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
