"""The milter front: libmilter's callbacks on one side, the event loop on the other.

In: connections from Postfix on [milter] socket. Out: for each message the disposition that the
examiner gave, with our headers on what is accepted; how, says session.py.

One process: the main thread runs the event loop (DNS, worker pool: everything the examiner
waits for) and takes the signals; libmilter listens in a second thread and calls back from
threads of its own. Debian's libmilter hands sessions around between threads and frees all of
them at once when it is told to stop, so it is never told to: SIGTERM unlinks the socket, lets the
open transactions end (new ones get 421), and then the process is over. Where a successor has our
socket, sessions may go on for another milter.deadline, with new transactions too.
Limits: an inet socket keeps accepting connections while it drains; each gets 421 at MAIL FROM.
libmilter exists once per process, so `serve` may be called once.
"""

import asyncio
import concurrent.futures
import contextlib
import signal
import threading
from collections.abc import Callable
from typing import Any

from postroom import maillog
from postroom.clock import Clock
from postroom.config import Config
from postroom.envelope import Envelope
from postroom.examination import Examine
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.stamp import StampKey
from postroom.succession import SUCCEEDED, tell_ready
from postroom.verdict import Verdict

from .binding import Milter
from .endpoint import Listening, listen
from .room import Room
from .session import Front, Judged, Session
from .waker import Waker

_LARGEST_AT_ONCE = 2  # messages of milter.max_size
_SETTLED_S = 1.0  # then a predecessor accepts no more, and what it accepted last has spoken
_LAST_REPLY_S = 0.2  # libmilter writes a reply after the callback returned; no call says when


class MilterServer:
    """The milter of one process."""

    def __init__(
        self,
        *,
        config: Config,
        examine: Examine,
        key: StampKey,
        clock: Clock,
        authentication_results: Callable[[Verdict, Envelope], str],
        sign: Callable[[bytes], tuple[str, ...]] | None = None,
        reload: Callable[[], None] | None = None,
    ) -> None:
        """`sign` gives the DKIM-Signature values for a message that our own client submitted;
        `reload` is called in the event loop at SIGHUP."""
        self._config = config
        self._examine = examine
        self._key = key
        self._clock = clock
        self._authentication_results = authentication_results
        self._sign = sign
        self._reload = reload
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._sessions = 0  # connections that negotiated
        self._open = 0  # transactions between MAIL FROM and their answer
        self._draining = False
        self._drained = asyncio.Event()  # draining, and none open any more
        self._waker = Waker(config.milter.socket)

    def serve(self) -> None:
        """Listens until SIGTERM or SIGINT, then drains; call it in the main thread of a process.

        Draining takes at most milter.deadline. Raises ListenError when the socket cannot be
        opened and PermanentFailure(milter-stopped) when libmilter gives up by itself.
        """
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        over = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            # Linux gives a process's signal to the main thread when that one takes it, so
            # libmilter's own signal thread, which would cut all sessions off, sees none; unless
            # another signal is before it there, therefore the supervisor names the thread.
            self._loop.add_signal_handler(number, over.set)
        if self._reload is not None:
            self._loop.add_signal_handler(signal.SIGHUP, self._reload)
        self._register()
        endpoint = self._config.milter.socket
        listening = listen(endpoint, self._config.milter.socket_mode)
        succeeded = asyncio.Event()
        self._loop.add_signal_handler(SUCCEEDED, succeeded.set)
        listener = self._run_libmilter()
        listener.add_done_callback(lambda _: over.set())
        besides = [
            # Its connection must come to us, not to a predecessor.
            asyncio.create_task(self._waker.run(_SETTLED_S if listening.inherited else 0)),
            asyncio.create_task(self._hand_over(listening, succeeded, over)),
        ]
        maillog.started("milter", socket=endpoint)
        tell_ready(endpoint, [listening.number])
        await over.wait()
        if listener.done():
            listening.remove()
            # It ends without an error when it took a signal itself; then sessions were cut off.
            if (error := listener.exception()) is not None:
                raise PermanentFailure("milter-stopped", error)
        else:
            await self._drain(listening)
        for task in besides:
            task.cancel()
        maillog.stopped("milter")

    async def _hand_over(
        self, listening: Listening, succeeded: asyncio.Event, over: asyncio.Event
    ) -> None:
        """Once there is a successor, waits until our sessions have ended; then we drain."""
        await succeeded.wait()
        listening.cede()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.milter.deadline):
                await asyncio.sleep(_SETTLED_S)
                while self._sessions:
                    await asyncio.sleep(_SETTLED_S / 10)
        over.set()

    async def _drain(self, listening: Listening) -> None:
        listening.remove()
        with self._lock:
            self._draining = True
            if not self._open:
                return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._drained.wait(), self._config.milter.deadline)
            await asyncio.sleep(_LAST_REPLY_S)

    def _run_libmilter(self) -> asyncio.Future[None]:
        """Runs libmilter in a thread that need not end before the process does."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def end(error: BaseException | None) -> None:
            if not ended.done():
                ended.set_exception(error) if error else ended.set_result(None)

        def run() -> None:
            try:
                Milter.main()
            except Milter.error as error:
                loop.call_soon_threadsafe(end, error)
            else:
                loop.call_soon_threadsafe(end, None)

        threading.Thread(target=run, name="libmilter", daemon=True).start()
        return ended

    def _register(self) -> None:
        """Tells libmilter which callbacks there are; each looks its session up in the context."""
        front = Front(
            config=self._config,
            key=self._key,
            clock=self._clock,
            judge=self._ask,
            authentication_results=self._authentication_results,
            connected=self._connected,
            disconnected=self._disconnected,
            opened=self._opened,
            closed=self._closed,
            room=Room(_LARGEST_AT_ONCE * self._config.milter.max_size),
            # Over TCP an unanswered event meets Nagle's algorithm and a delayed ACK: 40 ms each.
            silent=self._config.milter.socket.startswith("unix:"),
        )

        def called(name: str, step: Callable[..., int]) -> Callable[..., int]:
            def callback(ctx: Any, *said: Any) -> int:
                session = ctx.getpriv()
                if session is None:
                    session = Session(front)
                    ctx.setpriv(session)
                answer = session.guarded(name, step, ctx, *said)
                if name == "close":
                    ctx.setpriv(None)
                return int(answer)

            return callback

        Milter.set_connect_callback(called("connect", Session.connect))
        Milter.set_helo_callback(called("hello", Session.hello))
        Milter.set_envfrom_callback(called("sender", Session.sender))
        Milter.set_envrcpt_callback(called("recipient", Session.recipient))
        Milter.set_header_callback(called("field", Session.field))
        Milter.set_body_callback(called("body", Session.body))
        Milter.set_eom_callback(called("end_of_message", Session.end_of_message))
        Milter.set_abort_callback(called("abort", Session.abort))
        Milter.set_close_callback(called("close", Session.close))
        Milter.register("postroom", negotiate=called("negotiate", Session.negotiate))

    def _ask(self, envelope: Envelope, raw: bytes) -> Judged:
        """The judgement, from a libmilter thread; waits at most milter.deadline."""
        loop = self._loop
        if loop is None:
            raise TemporaryFailure("shutting-down")
        examining = asyncio.run_coroutine_threadsafe(self._judged(envelope, raw), loop)
        try:
            return examining.result(self._config.milter.deadline)
        except concurrent.futures.CancelledError as error:
            raise TemporaryFailure("shutting-down", error) from error
        except TimeoutError as error:
            if examining.done():
                raise  # the examiner's own, not ours
            examining.cancel()
            raise TemporaryFailure("deadline", error) from error
        finally:
            del examining  # its error knows this frame: a cycle that would keep the message

    async def _judged(self, envelope: Envelope, raw: bytes) -> Judged:
        with self._waker.examining():
            found = await self._examine(envelope, raw)
            if self._sign is None or not found.verdict.local:
                return Judged(found=found)
            # Off the loop: others wait for it while RSA counts.
            return Judged(found=found, signatures=await asyncio.to_thread(self._sign, raw))

    def _connected(self) -> None:
        with self._lock:
            self._sessions += 1

    def _disconnected(self) -> None:
        with self._lock:
            self._sessions -= 1

    def _opened(self) -> bool:
        with self._lock:
            if not self._draining:
                self._open += 1
            return not self._draining

    def _closed(self) -> None:
        with self._lock:
            self._open -= 1
            if self._draining and not self._open and self._loop is not None:
                self._loop.call_soon_threadsafe(self._drained.set)
