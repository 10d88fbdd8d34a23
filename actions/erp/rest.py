"""The generic ERP over HTTP, contract section 4.

In: an `ErpRequest`. Out: the id of the answer. 201 created and 200 already known give the id;
4xx is permanent except 408, 409 (in progress), 425 and 429; everything else, and every silence,
is temporary, because the same Idempotency-Key makes the repetition harmless. RFC 9110 (HTTP),
RFC 6750 2.1 (Bearer), draft-ietf-httpapi-idempotency-key-header-07.

Limits: the generic contract has no look-up, so a repeated request is simply sent again under its
key. Error bodies are not read, let alone logged: they hold tracebacks and other people's data.
Proxies and .netrc of the environment are ignored. A Retry-After beyond a day counts as a day.
"""

import asyncio
import json
import ssl
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from postroom import __version__
from postroom.clock import Clock
from postroom.config import ErpSection
from postroom.decision import Step
from postroom.failure import PermanentFailure, TemporaryFailure

from .contract import ErpRequest, RetryLater

PATHS = {
    Step.ORDER_CREATE: "/api/orders/create",
    Step.INVOICE_UPDATE: "/api/invoices/update",
    Step.TICKET_CREATE: "/api/tickets/create",
}
_PASSING = {408, 409, 425, 429}  # the 4xx that another time may cure
_LARGEST_ANSWER = 65_536  # octets
_LONGEST_ID = 200  # characters
_LONGEST_WAIT_S = 86_400.0


class RestErp:
    """An ERP that speaks the generic contract."""

    def __init__(self, config: ErpSection, clock: Clock) -> None:
        self._base = config.base_url.rstrip("/")
        self._token_file = config.token_file
        self._timeout_s = config.timeout
        self._clock = clock
        # The system's certificates, so that a company's own authority is known; plain HTTP has
        # nothing to verify.
        tls = ssl.create_default_context() if self._base.startswith("https:") else False
        self._client = httpx.AsyncClient(
            verify=tls,
            timeout=config.timeout,
            follow_redirects=False,
            trust_env=False,
            headers={
                "User-Agent": f"postroom/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # nothing to unpack, so nothing can blow up
                "Content-Type": "application/json",
            },
        )

    async def send(self, request: ErpRequest) -> str:
        """The ERP's id for the request, contract section 4.

        Raises TemporaryFailure, RetryLater or PermanentFailure as the module's text says; the
        reason is "erp-http-NNN" for a status and otherwise names what went wrong.
        """
        headers = {"Idempotency-Key": request.key, **self._authorization()}
        try:
            # httpx limits each read; this limits the whole attempt, dripping servers included.
            async with asyncio.timeout(self._timeout_s):
                async with self._client.stream(
                    "POST",
                    self._base + PATHS[request.step],
                    content=request.body.encode(),
                    headers=headers,
                ) as response:
                    self._check_status(response)
                    return _identifier(response, await _read(response))
        except (TimeoutError, httpx.TimeoutException) as error:
            raise TemporaryFailure("erp-timeout", error) from error
        except httpx.ConnectError as error:
            raise TemporaryFailure("erp-unreachable", error) from error
        except httpx.HTTPError as error:
            raise TemporaryFailure("erp-connection-lost", error) from error
        except httpx.InvalidURL as error:
            raise PermanentFailure("erp-bad-url", error) from error

    async def close(self) -> None:
        """Gives the connections back."""
        await self._client.aclose()

    def _authorization(self) -> dict[str, str]:
        if self._token_file is None:
            return {}
        return {"Authorization": f"Bearer {_token(self._token_file)}"}

    def _check_status(self, response: httpx.Response) -> None:
        status = response.status_code
        reason = f"erp-http-{status}"
        if status in (200, 201):
            return
        if 300 <= status < 500 and status not in _PASSING:
            raise PermanentFailure(reason)
        wait_s = _retry_after(response.headers.get("Retry-After", ""), self._clock.now())
        if wait_s is not None:
            raise RetryLater(reason, wait_s)
        raise TemporaryFailure(reason)


def _token(path: Path) -> str:
    """The bearer token; read at every attempt, so that a new one needs no restart."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TemporaryFailure("erp-token-unreadable", error) from error
    token = lines[0].strip() if lines else ""
    if not token or not token.isprintable():
        raise TemporaryFailure("erp-token-unreadable")
    return token


async def _read(response: httpx.Response) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise TemporaryFailure("erp-garbage")
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > _LARGEST_ANSWER:
            raise TemporaryFailure("erp-garbage")
    return body


def _identifier(response: httpx.Response, body: bytes) -> str:
    """The answer's "id"; without one nobody knows what happened, and the key makes asking safe."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise TemporaryFailure("erp-garbage", error) from error
    identifier = answer.get("id") if isinstance(answer, dict) else None
    if isinstance(identifier, int) and not isinstance(identifier, bool):
        identifier = str(identifier)
    if (
        not isinstance(identifier, str)
        or not identifier.strip()
        or not identifier.isprintable()
        or len(identifier) > _LONGEST_ID
    ):
        raise TemporaryFailure("erp-no-id")
    return identifier.strip()


def _retry_after(value: str, now: datetime) -> float | None:
    """Seconds to stay away, RFC 9110 10.2.3: a number of seconds or an HTTP date."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), _LONGEST_WAIT_S)
    try:
        seconds = (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)
