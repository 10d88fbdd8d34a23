"""Verifies a message's DKIM signatures twice: with Postroom's own verifier and with dkimpy."""

import asyncio
from collections.abc import Callable
from typing import Any

import dkim as dkimpy  # type: ignore[import-untyped]

from postroom.config import Config
from postroom.envelope import Envelope
from postroom.milter.authenticate import Authenticator
from postroom.milter.keyring import SigningKey
from postroom.verdict import DkimResult
from tests.fakes.dns import FakeResolver
from tests.fakes.moment import FixedClock


def own_results(message: bytes, keys: tuple[SigningKey, ...]) -> tuple[DkimResult, ...]:
    """What our verifier says of each signature, from the top, with these keys published."""
    resolver = FakeResolver({key.name: [("TXT", key.record)] for key in keys})
    authenticator = Authenticator(Config(), resolver, FixedClock())
    return asyncio.run(authenticator.authenticate(Envelope(), message)).dkim


def foreign_results(message: bytes, keys: tuple[SigningKey, ...]) -> list[bool]:
    """What dkimpy says of each signature, from the top."""
    records = {f"{key.name}.".encode(): key.record.encode() for key in keys}

    def published(name: bytes, timeout: int = 5) -> bytes | None:
        return records.get(name)

    verifier = dkimpy.DKIM(message)
    count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
    return [_verifies(verifier, index, published) for index in range(count)]


def _verifies(verifier: Any, index: int, published: Callable[..., bytes | None]) -> bool:
    try:
        return bool(verifier.verify(idx=index, dnsfunc=published))
    except dkimpy.DKIMException:
        return False
