"""The outermost layer: a limit on bodies, and headers on every answer, errors included.

Answers are never cached, framed, sniffed or run as a page of ours (CSP); nothing here is HTML. A
route may set a stricter Content-Security-Policy of its own.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from postroom import metrics

from .problems import problem

MOST_BODY = 1_048_576  # octets of a request; a correction of 10,000 lines fits
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, limited, and its answer with our headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MOST_BODY:
                raise HTTPException(413)
            return message

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                metrics.API_ANSWERS.labels(str(message["status"])).inc()
            await send(message)

        length = Headers(scope=scope).get("content-length", "0")
        if length.isdigit() and int(length[:20]) > MOST_BODY:
            await problem(413, "too-large")(scope, receive, dressed)
            return
        await self.app(scope, limited, dressed)
