"""Who asks, and what they may: bearer tokens (RFC 6750), roles, and a limit on wrong guesses.

In: a request. Out: its `Token`, or 401, 403 or 429. Each address has so many failures a minute
(`api.failures_per_minute`); then everything from it is 429 until the minute is over, right or
wrong, so that guessing tells nothing. A token of the wrong role is no failure of that kind.

Limits: failures are counted in this process's memory. Behind a proxy on this host the address is
the one it names in X-Forwarded-For.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Protocol

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from postroom.store.engine import Database

from . import tokens
from .tokens import Token

_WINDOW_S = 60.0
_MOST_ADDRESSES = 10_000  # remembered at once; the oldest window is forgotten first

_bearer = HTTPBearer(auto_error=False, description="`postroom api token add NAME --role ROLE`")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


class Failures:
    """Wrong tokens of the last minute, by address."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}  # begin, count; oldest begin first

    def wait_s(self, address: str) -> int:
        """How many seconds this address has to wait; 0 when it may ask."""
        began, count = self._windows.get(address, (0.0, 0))
        left = began + _WINDOW_S - self._clock()
        return int(left) + 1 if count >= self._limit and left > 0 else 0

    def add(self, address: str) -> None:
        """One more wrong token from there."""
        now = self._clock()
        began, count = self._windows.get(address, (now, 0))
        if now - began >= _WINDOW_S:
            began, count = now, 0
            self._windows.pop(address, None)
        self._windows[address] = (began, count + 1)
        if len(self._windows) > _MOST_ADDRESSES:
            del self._windows[next(iter(self._windows))]


class Guarded(Protocol):
    """What the guard needs of the application's state."""

    database: Database
    failures: Failures


def _state(request: Request) -> Guarded:
    state: Guarded = request.app.state.room
    return state


def asking(request: Request, credentials: Credentials) -> Token:
    """Whose request it is. Raises HTTPException 401 or 429."""
    room = _state(request)
    address = request.client.host if request.client else ""
    if wait_s := room.failures.wait_s(address):
        raise HTTPException(429, headers={"Retry-After": str(wait_s)})
    token = None
    if credentials is not None:
        with room.database.reading() as connection:
            token = tokens.recognise(connection, credentials.credentials, now=datetime.now(UTC))
    if token is None:
        room.failures.add(address)
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    return token


def _at_least(role: str) -> Callable[[Token], Token]:
    def check(token: Annotated[Token, Depends(asking)]) -> Token:
        if not token.may(role):
            raise HTTPException(403)
        return token

    return check


Viewer = Annotated[Token, Depends(_at_least("viewer"))]
Approver = Annotated[Token, Depends(_at_least("approver"))]
Admin = Annotated[Token, Depends(_at_least("admin"))]
