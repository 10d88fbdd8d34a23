"""Webhooks: an event as an HTTP request that its receiver can trust (Standard Webhooks 1.0).

In: an action whose body is a frozen event; `[events.webhooks.NAME]`. Out: POST with webhook-id,
webhook-timestamp and webhook-signature: "v1," and the base64 of HMAC-SHA256 over
"{id}.{timestamp}.{body}". The secret's file has one secret a line, as "whsec_" and base64 or as
plain text; each signs, so that secrets can be changed without a gap. Redirects are not followed.

Any 2xx is taken. 410 Gone and a hook that is not configured any more end it; everything else is
tried again for as long as mail is (`worker.delivery_lifetime`). After a 410 no more calls are
planned for that address until a person says that it is back (postroom/webhooks.py).
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

import httpx

from postroom import __version__, maillog
from postroom.clock import Clock
from postroom.codec import from_json
from postroom.config import Config, WebhookSection
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.store import gonehooks
from postroom.store.engine import Database

from .erp.contract import RetryLater
from .events import MEDIA_TYPE
from .outbox import Done, Leased

_MARK = "whsec_"
_LONGEST_WAIT_S = 86_400.0  # of Retry-After


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWebhook:
    """The body of a WEBHOOK action."""

    hook: str  # its name in the configuration
    id: str  # webhook-id: the same at every attempt
    event: str  # the bytes that are signed and sent


def wants(hook: WebhookSection, kind: str) -> bool:
    """Whether a hook is told events of this type; "order.*" means every one of orders."""
    return not hook.types or any(
        kind == wanted or (wanted.endswith(".*") and kind.startswith(wanted[:-1]))
        for wanted in hook.types
    )


def signature(secrets: list[bytes], *, id: str, timestamp: int, body: bytes) -> str:
    """The webhook-signature header: one signature per secret, separated by spaces."""
    signed = f"{id}.{timestamp}.".encode() + body
    return " ".join(
        f"v1,{base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()}"
        for secret in secrets
    )


def secrets_in(text: str) -> list[bytes]:
    """The secrets in a file, newest first. Raises ValueError when there is none."""
    found = [_secret(line.strip()) for line in text.splitlines() if line.strip()]
    if not found:
        raise ValueError("no secret")
    return found


def _secret(line: str) -> bytes:
    if not line.startswith(_MARK):
        return line.encode()
    try:
        return base64.b64decode(line.removeprefix(_MARK), validate=True)
    except binascii.Error as error:
        raise ValueError("no base64 behind whsec_") from error


class WebhookPerformer:
    """Calls a hook."""

    def __init__(self, config: Config, database: Database, clock: Clock) -> None:
        self._hooks = config.events.webhooks
        self._database = database
        self._clock = clock
        self._client = httpx.AsyncClient(
            timeout=config.events.timeout,
            follow_redirects=False,
            headers={"User-Agent": f"postroom/{__version__}", "Content-Type": MEDIA_TYPE},
        )

    async def __call__(self, leased: Leased) -> Done:
        """The result is the status.

        Raises PermanentFailure webhook-unknown, webhook-gone or message-emptied, TemporaryFailure
        for all else.
        """
        if leased.body == "{}":  # by retention: what it would tell is not kept any more
            raise PermanentFailure("message-emptied")
        planned = from_json(PlannedWebhook, leased.body)
        hook = self._hooks.get(planned.hook)
        if hook is None:
            raise PermanentFailure("webhook-unknown")
        body = planned.event.encode()
        timestamp = int(self._clock.now().timestamp())
        headers = {"webhook-id": planned.id, "webhook-timestamp": str(timestamp)}
        headers["webhook-signature"] = signature(
            _secrets_of(hook), id=planned.id, timestamp=timestamp, body=body
        )
        try:
            async with self._client.stream("POST", hook.url, content=body, headers=headers) as got:
                status, wait = got.status_code, got.headers.get("Retry-After", "")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TemporaryFailure("webhook-unreachable", error) from error
        if 200 <= status < 300:
            return Done(result=str(status))
        if status == 410:
            await asyncio.to_thread(self._say_gone, planned.hook, hook.url)
            raise PermanentFailure("webhook-gone")
        if wait.isascii() and wait.isdigit():
            raise RetryLater(f"webhook-http-{status}", min(float(wait[:9]), _LONGEST_WAIT_S))
        raise TemporaryFailure(f"webhook-http-{status}")

    def _say_gone(self, name: str, url: str) -> None:
        with self._database.transaction() as connection:
            is_news = gonehooks.remember(connection, name, url, self._clock.now())
        if is_news:
            maillog.degraded(part=f"webhook-{name}", reason="gone")

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.aclose()


def _secrets_of(hook: WebhookSection) -> list[bytes]:
    try:
        return secrets_in(hook.secret_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TemporaryFailure("webhook-secret", error) from error
