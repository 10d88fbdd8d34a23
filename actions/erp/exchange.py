"""1C's exchange with a site, with us as the site: 1C comes and takes the orders.

In: 1C's requests, `?type=sale|catalog&mode=...` with a login. Out: orders that are due, leased to
1C's session from the same outbox that the worker uses, and recorded as done when 1C says that it
has them. What 1C asks, in turn:

    checkauth   HTTP Basic -> "success", a cookie's name and value
    init        -> "zip=no", "file_limit=..."
    query       -> the orders, CommerceML (commerceml.py)
    success     -> 1C has stored them: they are done
    file        a file from 1C: import.xml of the catalogue goes where `catalogue.file` says, so
                that orders are matched with 1C's own products; other files are thanked for
    import      -> "success"

An exchange that breaks off leaves its orders leased until the next one, which offers them again
under the same Ид; 1C knows those it has. Nothing is lost, and nothing entered twice.

Failure policy: a wrong login is 401; trouble of ours is "failure" with a plain line, as the
protocol has it, and 1C comes again. An order that cannot be written is a dead letter (erp-cannot)
and keeps no other back.

Limits: one 1C per installation. Changes of state that 1C sends back are not read.
"""

import asyncio
import base64
import binascii
import hmac
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from lxml import etree

from postroom import maillog
from postroom.actions import outbox
from postroom.actions.outbox import Done, GivenUp, Leased, Postponed
from postroom.clock import Clock
from postroom.config import Config
from postroom.decision import Step
from postroom.failure import Failure, PermanentFailure, TemporaryFailure
from postroom.product import Product
from postroom.store.engine import Database

from .commerceml import order_document, order_number, orders_xml
from .contract import ErpRequest
from .secret import secret

PATH = "/1c_exchange"
COOKIE = "postroom_exchange"
_SESSION = timedelta(hours=1)
_FILE_LIMIT = 67_108_864  # octets of one upload
_AT_ONCE = 500  # orders offered in one exchange
_OUTCOMES = {Done: "done", Postponed: "postponed", GivenUp: "permanent"}  # as the log names them


class Pulled:
    """The `Erp` of an installation whose ERP comes by itself: nothing is sent to it."""

    async def send(self, request: ErpRequest) -> str:
        """Raises PermanentFailure(erp-cannot)."""
        raise PermanentFailure("erp-cannot", detail="1C takes orders only, and by itself")

    async def products(self) -> AsyncIterator[Product]:
        """1C brings its catalogue by itself too."""
        return
        yield

    async def close(self) -> None:
        """There is no connection."""


@dataclass(slots=True, kw_only=True)
class _Session:
    """One visit of 1C."""

    until: datetime
    offered: list[Leased] = field(default_factory=list)  # what the file it was sent holds


class Exchange:
    """The site that 1C visits."""

    def __init__(self, config: Config, database: Database, clock: Clock) -> None:
        self._config = config
        self._database = database
        self._clock = clock
        # In a worker's form, so that a restart finds what a dead process held.
        self._owner = f"{socket.gethostname()}:{os.getpid()}:1c-{secrets.token_hex(4)}"
        self._sessions: dict[str, _Session] = {}
        self._turn = asyncio.Lock()
        self.application = FastAPI(openapi_url=None)
        self.application.add_api_route(
            PATH, self._serve, methods=["GET", "POST"], response_model=None
        )

    async def _serve(self, request: Request) -> Response:
        mode = request.query_params.get("mode", "")
        try:
            if mode == "checkauth":
                return self._greet(request)
            session = self._session(request)
            if session is None:
                return PlainTextResponse("failure\nsession\n", status_code=401)
            async with self._turn:
                return await self._answer(request, mode, session)
        except Failure as failure:
            maillog.degraded(part="exchange", reason=failure.reason)
            return PlainTextResponse("failure\ntry again later\n")

    async def _answer(self, request: Request, mode: str, session: _Session) -> Response:
        kind = request.query_params.get("type", "")
        match kind, mode:
            case _, "init":
                return PlainTextResponse(f"zip=no\nfile_limit={_FILE_LIMIT}\n")
            case "sale", "query":
                return await self._offer(session)
            case "sale", "success":
                await self._confirm(session)
                return PlainTextResponse("success\n")
            case _, "file":
                return await self._take(request, kind)
            case _, "import":
                return PlainTextResponse("success\n")
            case _:
                return PlainTextResponse("failure\nunknown mode\n", status_code=400)

    def _greet(self, request: Request) -> Response:
        if not self._is_known(request.headers.get("Authorization", "")):
            headers = {"WWW-Authenticate": 'Basic realm="postroom", charset="UTF-8"'}
            return PlainTextResponse("failure\nlogin\n", status_code=401, headers=headers)
        now = self._clock.now()
        self._sessions = {key: one for key, one in self._sessions.items() if one.until > now}
        token = secrets.token_urlsafe(24)
        self._sessions[token] = _Session(until=now + _SESSION)
        return PlainTextResponse(f"success\n{COOKIE}\n{token}\n")

    def _is_known(self, authorization: str) -> bool:
        scheme, _, said = authorization.partition(" ")
        try:
            login = base64.b64decode(said, validate=True)
        except (binascii.Error, ValueError):
            return False
        password = secret(self._config.erp)
        wanted = f"{self._config.erp.user}:{password}".encode()
        return scheme.lower() == "basic" and bool(password) and hmac.compare_digest(login, wanted)

    def _session(self, request: Request) -> _Session | None:
        session = self._sessions.get(request.cookies.get(COOKIE, ""))
        return session if session and session.until > self._clock.now() else None

    async def _offer(self, session: _Session) -> Response:
        """Leases what is due; what earlier visits left without a word is offered again."""
        now = self._clock.now()
        for other in self._sessions.values():
            not_taken = Postponed(due_at=now, reason="not-taken")
            await self._end([(one, not_taken) for one in other.offered])
            other.offered = []
        leased = await asyncio.to_thread(
            outbox.lease,
            self._database,
            now,
            _AT_ONCE,
            _SESSION.total_seconds(),
            self._owner,
            (Step.ORDER_CREATE,),
        )
        written = await asyncio.to_thread(_written, leased)
        cannot = GivenUp(reason="erp-cannot", detail="CommerceML cannot hold this order")
        await self._end([(one, cannot) for one in leased if one.id not in written])
        content = await asyncio.to_thread(orders_xml, written.values(), now)
        # Last, because what stands here is done as soon as 1C says "success".
        session.offered = [one for one in leased if one.id in written]
        return Response(content, media_type="application/xml")

    async def _confirm(self, session: _Session) -> None:
        bodies = [(one, json.loads(one.body)) for one in session.offered]
        await self._end([(one, Done(result=order_number(body))) for one, body in bodies])
        session.offered = []

    async def _end(self, ended: Sequence[tuple[Leased, Done | Postponed | GivenUp]]) -> None:
        if not ended:
            return
        now = self._clock.now()
        await asyncio.to_thread(outbox.finish_all, self._database, ended, now)
        for leased, end in ended:
            maillog.attempted(
                action=leased.id,
                message=leased.message,
                step=leased.step.value,
                attempt=leased.attempt,
                outcome=_OUTCOMES[type(end)],
                reason="" if isinstance(end, Done) else end.reason,
                result=end.result if isinstance(end, Done) else "",
            )

    async def _take(self, request: Request, kind: str) -> Response:
        """A file in one piece; 1C splits what is larger than the limit, and those are refused."""
        content = b""
        async for chunk in request.stream():
            content += chunk
            if len(content) > _FILE_LIMIT:
                return PlainTextResponse("failure\ntoo large\n", status_code=413)
        name = request.query_params.get("filename", "").rpartition("/")[2].lower()
        target = self._config.catalogue.file
        if kind == "catalog" and name.startswith("import") and target is not None:
            await asyncio.to_thread(_replace, target, content)
        return PlainTextResponse("success\n")


def _written(leased: Sequence[Leased]) -> dict[int, etree._Element]:
    """Action -> its order as CommerceML; without those that cannot be written, which are logged."""
    documents = {}
    for one in leased:
        try:
            documents[one.id] = order_document(json.loads(one.body))
        except Exception as error:  # noqa: BLE001  boundary: one order's trouble is its own
            maillog.bug(f"exchange, action {one.id}", error)
    return documents


def _replace(target: Path, content: bytes) -> None:
    """The file is the old one or the new one, never half of it."""
    partial = target.with_name(f".{target.name}.new")
    try:
        partial.write_bytes(content)
        partial.replace(target)
    except OSError as error:
        raise TemporaryFailure("catalogue-unwritable", error) from error
