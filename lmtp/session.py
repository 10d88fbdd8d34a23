"""One LMTP connection: commands in, replies out, one transaction at a time.

aiosmtpd's protocol class gives the connection and its timer; the conversation is ours, because
its LMTP sends one reply where RFC 2033 asks for one per recipient, tells the peer the text of an
exception with a permanent code, ends commands at a bare LF and reads a message line by line.

In: octets from Postfix. Out: an Envelope and the raw message for `take`, and its replies, one per
accepted recipient, in order. Standards: RFC 2033, RFC 5321, RFC 1870, RFC 6152, RFC 6531,
RFC 2920, RFC 2034; Postfix's XFORWARD.

Failure policy: whatever goes wrong and is not known is 451 4.3.0 with a fixed text.
Limits: no TLS and no AUTH; who may connect is the socket's business. A little over 300 lines,
because a conversation split in two is told by neither half.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiosmtpd.lmtp import LMTP

from postroom import maillog, metrics
from postroom.config import Config
from postroom.envelope import Envelope
from postroom.failure import Failure, PermanentFailure, Reply, TemporaryFailure, reply_for

from .commands import (
    XFORWARD_ATTRIBUTES,
    Command,
    Forwarded,
    Refused,
    parse,
    parse_mail,
    parse_rcpt,
    parse_xforward,
)
from .mailboxes import is_ours
from .wire import Incoming, LineTooLong

# One message for its recipients: one Reply each, in the order of envelope.recipients.
# Whatever it raises becomes a reply here.
Take = Callable[[Envelope, bytes], Awaitable[tuple[Reply, ...]]]

_CHUNK = 262_144  # octets asked from the stream at once
_MOST_RECIPIENTS = 1_000  # RFC 5321 4.5.3.1.8 asks for 100
_MOST_ERRORS = 20  # then the peer is talking something else, and is told so
_OK = Reply(code=250, enhanced="2.0.0", text="Ok")
_OUT_OF_ORDER = Reply(code=503, enhanced="5.5.1", text="Bad sequence of commands")
_RESTARTING = TemporaryFailure("shutting-down")


@dataclass(slots=True, kw_only=True)
class Transaction:
    """From MAIL to the replies after end of data; a new object for every MAIL."""

    sender: str
    forwarded: Forwarded
    recipients: list[str] = field(default_factory=list)  # accepted, in order, with repetitions

    def envelope(self) -> Envelope:
        """What SMTP said, for the rest of Postroom."""
        return Envelope(
            client_address=self.forwarded.addr,
            client_name=self.forwarded.name,
            helo=self.forwarded.helo,
            sender=self.sender,
            recipients=tuple(self.recipients),
            queue_id=self.forwarded.ident,
        )


class LmtpSession(LMTP):
    """The server's side of one connection."""

    line_length_limit = _CHUNK  # aiosmtpd's name for the size of the stream's buffer

    def __init__(self, config: Config, take: Take, live: set["LmtpSession"]) -> None:
        super().__init__(
            handler=None,
            hostname=config.service.hostname,
            timeout=config.lmtp.idle_timeout,
            loop=asyncio.get_running_loop(),
        )
        self.closed = asyncio.Event()  # the connection is gone
        self._config = config
        self._take = take
        self._live = live  # the server's open sessions, this one among them while it lasts
        self._incoming = Incoming(self._more)
        self._greeted = False
        self._forwarded = Forwarded()  # for the next transaction
        self._transaction: Transaction | None = None
        self._taking = False  # a message is being stored: our turn, not the peer's
        self._leaving = False  # say no more than what is owed, then close
        self._retiring = False  # leave after the next transaction
        self._heard_at = self.loop.time()
        self._errors = 0

    def retire(self, quiet_s: float) -> None:
        """Lets one more transaction end before it closes; drains at once when long quiet."""
        self._retiring = True
        if self.loop.time() - self._heard_at >= quiet_s:
            self.drain()

    def drain(self) -> None:
        """Lets an open transaction end and closes; a peer without one is told 421 at once."""
        self._leaving = True
        if self._transaction is None and not self._taking:
            self._close_with(reply_for(_RESTARTING))

    def abort(self) -> None:
        """Closes at once; what was not answered yet, Postfix will deliver again."""
        self._close_with(reply_for(_RESTARTING))

    # The connection, as aiosmtpd's protocol class asks for it.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._live.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._live.discard(self)
        self.closed.set()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        self._heard_at = self.loop.time()
        self._reset_timeout()
        super().data_received(data)

    def eof_received(self) -> bool:
        # A peer may close its half and still wait for our replies; the base would cancel us.
        self._reader.feed_eof()
        return True

    def _timeout_cb(self) -> None:
        if self._taking:
            self._reset_timeout()
        else:
            self._close_with(Reply(code=421, enhanced="4.4.2", text="Idle for too long"))

    async def _handle_client(self) -> None:
        try:
            if len(self._live) > self._config.lmtp.max_connections:
                busy = Reply(code=421, enhanced="4.3.2", text="Too many connections")
                await self._say(str(busy))
            else:
                await self._say(f"220 {self.hostname} LMTP Postroom")
                await self._converse()
        except (ConnectionError, EOFError):
            pass  # the peer has gone; it keeps whatever got no reply
        finally:
            self._writer.close()

    async def _more(self) -> bytes:
        return await self._reader.read(_CHUNK)

    # The conversation.

    async def _converse(self) -> None:
        while not self._leaving or self._transaction is not None:
            try:
                await self._obey(parse(await self._incoming.line()))
            except LineTooLong:
                await self._refuse(Reply(code=500, enhanced="5.5.2", text="Line too long"))
            except Refused as refused:
                await self._refuse(refused.reply)
            except Failure as failure:
                await self._say(str(reply_for(failure)))
            except (ConnectionError, EOFError):
                raise
            except Exception as error:  # noqa: BLE001  the session loop's boundary
                maillog.bug("lmtp", error)
                self._end_transaction()
                await self._say(str(reply_for(error)))
            if self._errors >= _MOST_ERRORS:
                await self._say("421 4.7.0 Too many errors")
                return
        if not self._writer.is_closing():
            await self._say(str(reply_for(_RESTARTING)))

    async def _obey(self, command: Command) -> None:
        match command.verb:
            case "LHLO":
                await self._lhlo(command.argument)
            case "XFORWARD":
                self._forwarded = self._xforward(command.argument)
                await self._say(str(_OK))
            case "MAIL":
                self._transaction = self._mail(command.argument)
                await self._say("250 2.1.0 Sender ok")
            case "RCPT":
                self._rcpt(command.argument)
                await self._say("250 2.1.5 Recipient ok")
            case "DATA":
                await self._data(command.argument)
            case "RSET":
                self._end_transaction()
                await self._say(str(_OK))
            case "NOOP":
                await self._say(str(_OK))
            case "VRFY":
                await self._say("252 2.5.2 Send mail to find out")
            case "HELP":
                await self._say("214 2.0.0 LHLO XFORWARD MAIL RCPT DATA RSET NOOP VRFY QUIT")
            case "QUIT":
                await self._say("221 2.0.0 Bye")
                raise EOFError
            case "HELO" | "EHLO":  # RFC 2033 4.1
                raise Refused(500, "5.5.1", "This is LMTP: say LHLO")
            case _:
                raise Refused(500, "5.5.1", "Command not recognized")

    async def _lhlo(self, name: str) -> None:
        if not name:
            raise Refused(501, "5.5.4", "Syntax: LHLO hostname")
        self._end_transaction()
        self._greeted = True
        offers = (
            self.hostname,
            f"SIZE {self._config.lmtp.max_size}",
            "8BITMIME",
            "SMTPUTF8",
            "PIPELINING",
            "ENHANCEDSTATUSCODES",
        )
        lines = [f"250-{offer}" for offer in offers]
        await self._say("\r\n".join([*lines, f"250 XFORWARD {' '.join(XFORWARD_ATTRIBUTES)}"]))

    def _xforward(self, argument: str) -> Forwarded:
        if not self._greeted or self._transaction is not None:
            raise _refused(_OUT_OF_ORDER)
        return parse_xforward(argument, self._forwarded)

    def _mail(self, argument: str) -> Transaction:
        if not self._greeted or self._transaction is not None:
            raise _refused(_OUT_OF_ORDER)
        mail = parse_mail(argument)
        if mail.size > self._config.lmtp.max_size:
            raise PermanentFailure("too-large")
        self._check_space(mail.size)
        return Transaction(sender=mail.sender, forwarded=self._forwarded)

    def _check_space(self, size: int) -> None:
        lmtp, state_dir = self._config.lmtp, self._config.service.state_dir
        if lmtp.min_free_space and shutil.disk_usage(state_dir).free - size < lmtp.min_free_space:
            maillog.deferred(queue_id=self._forwarded.ident, stage="lmtp", reason="storage-full")
            raise TemporaryFailure("storage-full")

    def _rcpt(self, argument: str) -> None:
        if self._transaction is None:
            raise _refused(_OUT_OF_ORDER)
        recipient = parse_rcpt(argument)
        if len(self._transaction.recipients) >= _MOST_RECIPIENTS:
            raise Refused(452, "4.5.3", "Too many recipients")
        if not is_ours(recipient, self._config):
            raise PermanentFailure("unknown-recipient")
        self._transaction.recipients.append(recipient)

    async def _data(self, argument: str) -> None:
        if self._transaction is None or not self._transaction.recipients:
            # RFC 2033 4.2: without one accepted RCPT, DATA is refused with 503
            raise _refused(_OUT_OF_ORDER)
        if argument:
            raise Refused(501, "5.5.4", "Syntax: DATA")
        await self._say("354 End data with <CR><LF>.<CR><LF>")
        raw = await self._incoming.message(self._config.lmtp.max_size)
        replies = await self._replies(self._transaction.envelope(), raw)
        self._end_transaction()
        # RFC 2033 4.2: one reply per accepted RCPT, in the order of the commands
        for reply in replies:
            metrics.LMTP_REPLIES.labels(str(reply.code)).inc()
        await self._say("\r\n".join(map(str, replies)))
        self._leaving |= self._retiring

    async def _replies(self, envelope: Envelope, raw: bytes | None) -> tuple[Reply, ...]:
        each = len(envelope.recipients)
        self._taking = True
        try:
            if raw is None:
                raise PermanentFailure("too-large")
            replies = await self._take(envelope, raw)
            if len(replies) != each:
                raise RuntimeError(f"{len(replies)} replies for {each} recipients")
        except Failure as failure:
            reply = reply_for(failure)
            tell = maillog.deferred if reply.code < 500 else maillog.refused
            tell(queue_id=envelope.queue_id, stage="lmtp", reason=failure.reason)
            return (reply,) * each
        except Exception as error:  # noqa: BLE001  part of the session loop's boundary
            maillog.bug("lmtp", error)
            return (reply_for(error),) * each
        finally:
            self._taking = False
        return replies

    def _end_transaction(self) -> None:
        # XFORWARD_README: its attributes last for one transaction, to RSET or end of data
        self._transaction = None
        self._forwarded = Forwarded()

    async def _refuse(self, reply: Reply) -> None:
        # "Not now" for each recipient beyond the most is no error: the others get the message.
        self._errors += reply.code >= 500
        await self._say(str(reply))

    async def _say(self, lines: str) -> None:
        self._writer.write(lines.encode("ascii", "replace") + b"\r\n")
        await self._writer.drain()

    def _close_with(self, reply: Reply) -> None:
        transport = self._writer.transport
        if transport.get_write_buffer_size():
            transport.abort()  # it does not even read what we said before
        elif not transport.is_closing():
            self._writer.write(f"{reply}\r\n".encode())
            self._writer.close()


def _refused(reply: Reply) -> Refused:
    return Refused(reply.code, reply.enhanced, reply.text)
