"""The outermost layer: limits on requests and bodies, and headers on every answer, errors included.

Requests are counted, not connections: one that says nothing takes nobody's place. Who began a body
has some seconds to end it, because their request is counted meanwhile.

Answers are never cached, framed, sniffed or run as a page of ours (CSP); nothing here is HTML. A
route may set a stricter Content-Security-Policy of its own.
"""

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from postroom import metrics

from .problems import problem

MOST_BODY = 1_048_576  # octets of a request; a correction of 10,000 lines fits
_MOST_AT_ONCE = 64  # requests; one more is 503
_BODY_S = 10.0  # from its head until all of a body is here
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Edge:
    """Wraps the application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._running = 0  # requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, limited, and its answer with our headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                metrics.API_ANSWERS.labels(str(message["status"])).inc()
            await send(message)

        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > MOST_BODY:
            await problem(413, "too-large")(scope, receive, dressed)
            return
        if self._running >= _MOST_AT_ONCE:
            await problem(503, "busy", headers={"Retry-After": "5"})(scope, receive, dressed)
            return
        self._running += 1
        try:
            await self.app(scope, _limited(receive), dressed)
        finally:
            self._running -= 1


def _limited(receive: Receive) -> Receive:
    """`receive` of one request; raises HTTPException 413 or 408 where its body is large or late."""
    until = asyncio.get_running_loop().time() + _BODY_S
    taken, more = 0, True

    async def limited() -> Message:
        nonlocal taken, more
        try:
            async with asyncio.timeout_at(until if more else None):  # then it waits for the end
                message = await receive()
        except TimeoutError as error:
            raise HTTPException(408) from error
        taken += len(message.get("body", b""))
        more = message.get("more_body", False)
        if taken > MOST_BODY:
            raise HTTPException(413)
        return message

    return limited
