"""The application: routes, failures and limits put together; its description in OpenAPI 3.1.

In: a configuration. Out: an ASGI application, described at /api/v1/openapi.json (without a token;
it has no secrets). There are no cookies and no CORS: a page of another origin can ask for nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI

from postroom import __version__
from postroom.config import Config
from postroom.store.engine import Database

from . import actions, admin, messages, problems, shapes, templates
from .edge import Edge
from .guard import asking
from .room import Room

PREFIX = "/api/v1"
_PROBLEMS = {
    400: "The request makes no sense.",
    401: "No token, or none that is in use.",
    403: "The token's role is not enough.",
    404: "There is no such thing.",
    405: "It cannot be asked so.",
    408: "The body did not come in time.",
    409: "Somebody was faster, or its state does not allow it.",
    412: "It changed since it was seen.",
    413: "The body is too large.",
    422: "A field is wrong.",
    428: "If-Match is missing.",
    429: "Too many wrong tokens; wait.",
    500: "Something that must not happen.",
    503: "Try again later.",
}


def application(config: Config) -> Edge:
    """The API of one installation."""
    room = Room(config, Database(config.store_url))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        room.open()
        ringing = asyncio.create_task(room.ringer.run())
        yield
        ringing.cancel()
        room.close()

    app = FastAPI(
        title="Postroom",
        version=__version__,
        summary="Review, outbox, templates and audit log of a mailroom.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: f"{route.tags[0]}-{route.name}",
    )
    app.state.room = room
    problems.install(app)
    answers: dict[int | str, dict[str, Any]] = {
        status: {"model": shapes.Problem, "description": said} for status, said in _PROBLEMS.items()
    }
    for part in (messages, actions, templates, admin):
        app.include_router(
            part.router, prefix=PREFIX, responses=answers, dependencies=[Depends(asking)]
        )
    describe = app.openapi
    app.openapi = lambda: _with_media_type(describe())  # type: ignore[method-assign]
    return Edge(app)


def _with_media_type(described: dict[str, Any]) -> dict[str, Any]:
    """Problems under their own media type, which FastAPI would call application/json."""
    for path in described["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {})
                if int(status) >= 400 and "application/json" in content:
                    content[problems.MEDIA_TYPE] = content.pop("application/json")
    return described
