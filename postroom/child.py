"""One process of a part, as its supervisor has it: begun, heard, told, ended.

In: a command, and perhaps where a predecessor listened. Out: a `Child`, whose estate is known once
it has said that it listens (succession.py).

A signal goes to the main thread alone, where Python acts on it. What kill(2) sends may be taken by
any thread that does not block it, and libmilter has one that waits for SIGTERM and cuts every
session off: it gets SIGTERM while the main thread has yet to take another signal.
Limits: where the C library has no tgkill(2), kill(2) it is.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .config import Config
from .succession import CHANNEL_VARIABLE, INHERITED_VARIABLE, Estate, heard

_CLOSING_S = 15.0  # for what comes after a part's deadline, and for an HTTP server's ten seconds


@dataclass(slots=True, kw_only=True, eq=False)
class Child:
    """One process of a part."""

    process: asyncio.subprocess.Process
    channel: socket.socket  # on which it says that it listens
    patience_s: float  # how long it may drain
    estate: Estate | None = None  # where it listens, once it has said so
    is_retiring: bool = False  # it has a successor

    @property
    def is_up(self) -> bool:
        """True until it has ended."""
        return self.process.returncode is None

    async def listens(self) -> bool:
        """Waits until it says so; False when it ends without."""
        spoken = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self.channel, spoken.set)
        try:
            await spoken.wait()
        finally:
            loop.remove_reader(self.channel)
        self.estate = heard(self.channel)
        return self.estate is not None

    def tell(self, number: signal.Signals) -> None:
        """Sends it a signal, if it has not ended."""
        if self.is_up:
            tell(self.process.pid, number)

    def disown(self) -> Estate | None:
        """Gives up where it listens; it keeps its own sockets, ours are whose this returns to."""
        left, self.estate = self.estate, None
        return left

    async def end(self) -> None:
        """Lets it drain."""
        if left := self.disown():
            left.close()  # first: nobody shall wait at a socket that nobody accepts from
        self.tell(signal.SIGTERM)
        await self.over(self.patience_s)

    async def over(self, patience_s: float) -> None:
        """Returns when it has ended; after so long it is killed."""
        try:
            async with asyncio.timeout(patience_s):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


async def begin(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    patience_s: float,
    left: Estate | None = None,
) -> Child:
    """Starts a process of a part, which may inherit the sockets of another."""
    own, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    own.setblocking(False)
    told = {CHANNEL_VARIABLE: str(its.fileno())}
    if left is not None:
        told[INHERITED_VARIABLE] = left.variable()
    with its, contextlib.ExitStack() as undo:
        undo.enter_context(own)
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**environment, **told},
            stdin=asyncio.subprocess.DEVNULL,
            # Ctrl-C in a terminal is for the supervisor, which then drains in order.
            start_new_session=True,
            pass_fds=(its.fileno(), *(left.sockets if left else ())),
        )
        undo.pop_all()
    return Child(process=process, channel=own, patience_s=patience_s)


def tell(pid: int, number: signal.Signals) -> None:
    """Sends a signal to the main thread of a process, and to no other of its threads."""
    tgkill = getattr(ctypes.CDLL(None), "tgkill", None)
    if tgkill is None or tgkill(pid, pid, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def patience_s(config: Config, part: str) -> float:
    """How long a part may take to end what it has begun, which has a deadline of its own."""
    longest = {
        "milter": config.milter.deadline,
        "lmtp": config.lmtp.deadline,
        "worker": config.worker.lease,
    }
    return longest.get(part, 0.0) + _CLOSING_S
