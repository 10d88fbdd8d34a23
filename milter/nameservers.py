"""The name servers, in the order in which they are asked.

In: servers as configured, what came of each query. Out: `NameServers.in_order()`. A question goes
to the first server and to the next one when that keeps silent, so a dead server in front would
cost every question a `query_timeout`. One that kept silent therefore rests: it is asked after all
others. After half a minute one question, and no more, finds out whether it is back.

Limits: silence about one name only, while the server answers about others, is that name's fault.
On a host with little mail there may be no others; then the server rests without need.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import dns.exception
import dns.message
import dns.nameserver

_REST_S = 30.0
_SILENCE = (dns.exception.Timeout, OSError, asyncio.CancelledError)  # cancelled: by our deadline


class NameServer(dns.nameserver.Do53Nameserver):
    """One server, and how it answers; times are the event loop's."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__(address, port)
        self.answered_at = float("-inf")
        self.rests_until: float | None = None  # None: it answers, as far as we know

    async def async_query(self, *args: Any, **kwargs: Any) -> dns.message.Message:
        """One query as dnspython makes it; what comes of it is noted."""
        clock = asyncio.get_running_loop().time
        began, silent = clock(), False
        try:
            return await super().async_query(*args, **kwargs)
        except _SILENCE:
            silent = True
            raise
        finally:
            if silent:
                self.kept_silent(began, clock())
            else:
                self.answered(clock())

    def answered(self, now: float) -> None:
        """Notes an answer, whatever it says."""
        self.answered_at, self.rests_until = now, None

    def kept_silent(self, began: float, now: float) -> None:
        """Notes a query that was not answered, and when it was sent."""
        if self.answered_at < began:
            self.rests_until = now + _REST_S


class NameServers:
    """All of them."""

    def __init__(self, servers: Iterable[NameServer], *, rotate: bool = False) -> None:
        """With `rotate` questions go round (resolv.conf(5), options rotate)."""
        self._servers = list(servers)
        self._rotate = rotate

    def in_order(self, now: float) -> list[NameServer]:
        """The servers for one question: the resting ones last, of them the dead longest last."""
        if self._rotate:
            self._servers.append(self._servers.pop(0))
        resting = [one for one in self._servers if one.rests_until and one.rests_until > now]
        awake = [one for one in self._servers if one not in resting]
        for one in awake:
            if one.rests_until is not None:
                one.rests_until = now + _REST_S  # until this question knows more
        return awake + sorted(resting, key=lambda one: -one.answered_at)
