"""HTTP to an ERP: one request, and what its answer or its silence means.

In: method, path, JSON or bytes. Out: the answer's JSON. Every connector sends through here, so
that time limits, size limits and error classes are the same for all:

    2xx                          an answer
    408, 409, 425, 429           temporary; Retry-After is obeyed (RFC 9110 10.2.3)
    500                          as the connector says: many ERPs answer 500 to our own mistakes
    502, 503, 504, other 5xx     temporary
    silence, refused, cut off    temporary; nobody knows what happened
    redirects, other 4xx         permanent

Limits: error bodies are read only where a connector asks for a class name in them, and are never
logged: they hold tracebacks and other people's data. Proxies and .netrc of the environment are
ignored. A Retry-After beyond a day counts as a day.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from postroom import __version__
from postroom.clock import Clock
from postroom.config import ErpSection
from postroom.failure import Failure, PermanentFailure, TemporaryFailure

from .contract import RetryLater

_PASSING = {408, 409, 425, 429}  # the 4xx that another time may cure
_LARGEST_ANSWER = 16_777_216  # octets; a page of products
_LARGEST_ERROR = 1_048_576  # octets; a traceback
_LONGEST_WAIT_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of 2xx."""

    status: int
    headers: httpx.Headers
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises TemporaryFailure(erp-garbage): nobody knows what happened."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise TemporaryFailure("erp-garbage", error) from error


# Status and body of an answer of 4xx or 5xx -> what it means, or None for the rule above.
Verdict = Callable[[int, bytes], Failure | None]


class Wire:
    """Requests to one ERP."""

    def __init__(self, settings: ErpSection, clock: Clock, judge: Verdict | None = None) -> None:
        self._base = settings.base_url.rstrip("/")
        self._timeout_s = settings.timeout
        self._clock = clock
        self._judge = judge
        # The system's certificates, so that a company's own authority is known; plain HTTP has
        # nothing to verify.
        tls = ssl.create_default_context() if self._base.startswith("https:") else False
        self._client = httpx.AsyncClient(
            verify=tls,
            timeout=settings.timeout,
            follow_redirects=False,
            trust_env=False,
            headers={
                "User-Agent": f"postroom/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # nothing to unpack, so nothing can blow up
            },
        )

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | list[tuple[str, str]] | None = None,
        largest: int = _LARGEST_ANSWER,
    ) -> Answer:
        """The answer to one request; `body` is sent as JSON, `content` as it is.

        Raises TemporaryFailure, RetryLater or PermanentFailure; the reason is "erp-http-NNN" for
        a status and otherwise names what went wrong.
        """
        sent = dict(headers or {})
        if body is not None:
            content = json.dumps(body, ensure_ascii=False).encode()
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        query = httpx.QueryParams(params) if params else None  # type: ignore[arg-type]
        try:
            # httpx limits each read; this limits the whole attempt, dripping servers included.
            async with asyncio.timeout(self._timeout_s):
                async with self._client.stream(
                    method, self._base + path, content=content, headers=sent, params=query
                ) as response:
                    if not response.is_success:
                        raise await self._failure(response)
                    return Answer(
                        status=response.status_code,
                        headers=response.headers,
                        body=await _read(response, largest),
                    )
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

    async def _failure(self, response: httpx.Response) -> Failure:
        status = response.status_code
        if self._judge is not None:
            said = self._judge(status, await _read(response, _LARGEST_ERROR))
            if said is not None:
                return said
        reason = f"erp-http-{status}"
        if status < 500 and status not in _PASSING:
            return PermanentFailure(reason)
        wait_s = _retry_after(response.headers.get("Retry-After", ""), self._clock.now())
        return TemporaryFailure(reason) if wait_s is None else RetryLater(reason, wait_s)


def permanent_500(status: int, body: bytes) -> Failure | None:
    """The verdict of ERPs that answer 500 to a request they cannot understand."""
    return PermanentFailure("erp-http-500") if status == 500 else None


async def _read(response: httpx.Response, largest: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise TemporaryFailure("erp-garbage")
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > largest:
            raise TemporaryFailure("erp-garbage")
    return body


def _retry_after(value: str, now: datetime) -> float | None:
    """Seconds to stay away, RFC 9110 10.2.3: a number of seconds or an HTTP date."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), _LONGEST_WAIT_S)
    try:
        seconds = (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):  # no date, no zone, no year that there is
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)
