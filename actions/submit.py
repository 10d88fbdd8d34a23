"""Hands a message to Postfix over SMTP, in two halves: what can be repeated, and what cannot.

In: HOST:PORT, an envelope, bytes. Out: Postfix's queue id. Until the last RCPT nothing has
happened and trying again is harmless. Right before the data is sent, `before_data` is called; it
writes the point of no return and may still refuse. After the final dot, a lost connection means
that nobody knows: OutcomeUnknown. Standard: RFC 5321 4.2 (replies), 4.5.2 (dot-stuffing),
RFC 6531 (SMTPUTF8).

Limits: one message per connection; neither TLS nor AUTH, for the Postfix beside us.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable

from postroom.failure import PermanentFailure, TemporaryFailure

_LONGEST_LINE = 4_096  # octets of a reply line
_MOST_LINES = 100  # of one reply
_CONNECT_S = 10.0
_COMMAND_S = 30.0  # RFC 5321 4.5.3.2 asks for minutes; the Postfix beside us is asked for less
_QUIT_S = 1.0
# A connection that ended, timed out, or does not speak SMTP.
_BROKEN = (OSError, EOFError, ValueError, asyncio.LimitOverrunError)
_ADDRESS = re.compile(r"[^\s<>\x00-\x1f\x7f-\x9f\ud800-\udfff]{0,320}")  # or none, the null sender
_QUEUED_AS = re.compile(r"queued as ([0-9A-Za-z]+)")
# RFC 3463 3.2 and 3.3, RFC 7505 4.1: no such mailbox or host, a mailbox that takes nothing. Postfix
# says no to a client or a sender at RCPT as well (smtpd_delay_reject), with other codes.
_OF_RECIPIENT = re.compile(r"5\.(?:1\.(?:[1-46]|10)|2\.[0-9]{1,3})(?![0-9])")
_ENHANCED = re.compile(r"5\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9])")


class OutcomeUnknown(PermanentFailure):
    """The message left and no answer came: it may have been taken."""


class ServerRefused(PermanentFailure):
    """The server said no before it heard for whom the message is: it takes nothing of ours."""


class RecipientRefused(PermanentFailure):
    """The server said no to this recipient, and that it is the recipient's fault."""


class Refused(Exception):
    """The server said no after the point of no return: it did not take the message."""

    def __init__(self, failure: TemporaryFailure | PermanentFailure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


async def submit(
    server: str,
    *,
    hostname: str,
    sender: str,
    recipient: str,
    message: bytes,
    before_data: Callable[[], Awaitable[None]],
) -> str:
    """Postfix's queue id for the message, or its answer's text where it names none.

    Raises TemporaryFailure or PermanentFailure (ServerRefused, RecipientRefused where it is clear
    whose fault it is) while nothing has happened, Refused when the data was answered with a no,
    OutcomeUnknown when it was not answered.
    """
    host, _, port = server.rpartition(":")
    try:
        async with asyncio.timeout(_CONNECT_S):
            reader, writer = await asyncio.open_connection(
                host.strip("[]"), int(port), limit=_LONGEST_LINE
            )
    except OSError as error:  # TimeoutError is one
        raise TemporaryFailure("smtp-unreachable", error) from error
    session = _Session(reader, writer)
    try:
        await session.envelope(hostname, sender, recipient)
        await before_data()
        return await session.data(message)
    finally:
        await session.close()


class _Session:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def envelope(self, hostname: str, sender: str, recipient: str) -> None:
        """Everything up to the server's "354 go ahead"."""
        if not _ADDRESS.fullmatch(sender) or not _ADDRESS.fullmatch(recipient):
            raise PermanentFailure("smtp-bad-address")
        try:
            await self._ask("", 220, no=_of_server)
            said = await self._ask(f"EHLO {hostname}", 250, no=_of_server)
            offers = said.upper().split("\n")
            parameters = ""
            if not (sender + recipient).isascii():
                if "SMTPUTF8" not in offers:
                    raise PermanentFailure("smtputf8-not-offered")
                parameters = " SMTPUTF8"
            if "8BITMIME" in offers:
                parameters += " BODY=8BITMIME"
            await self._ask(f"MAIL FROM:<{sender}>{parameters}", 250, no=_of_server)
            await self._ask(f"RCPT TO:<{recipient}>", 250, no=_of_recipient)
            await self._ask("DATA", 354)
        except _BROKEN as error:
            raise TemporaryFailure("smtp-connection-lost", error) from error

    async def data(self, message: bytes) -> str:
        """The rest; from here on an answer that does not come leaves everything open."""
        lines = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removesuffix(b"\n")
        stuffed = re.sub(rb"^\.", b"..", lines, flags=re.MULTILINE).replace(b"\n", b"\r\n")
        try:
            self._writer.write(stuffed + b"\r\n.\r\n")
            await self._writer.drain()
            # As long as the lease allows: giving up early makes an unknown outcome of a slow one.
            code, text = await self._reply()
        except _BROKEN as error:
            raise OutcomeUnknown("outcome-unknown", error) from error
        if code != 250:
            raise Refused(_failure(code))
        queued = _QUEUED_AS.search(text)
        await self._quit()
        return queued[1] if queued else "".join(c for c in text if c.isprintable())[:100]

    async def close(self) -> None:
        """Ends the connection; an unfinished transaction ends with it."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _quit(self) -> None:
        """Says goodbye; the message is taken already, so nothing here can matter."""
        with contextlib.suppress(*_BROKEN, TemporaryFailure, PermanentFailure):
            await self._ask("QUIT", 221, timeout_s=_QUIT_S)

    async def _ask(
        self,
        command: str,
        expected: int,
        timeout_s: float = _COMMAND_S,
        no: Callable[[str], type[PermanentFailure]] = lambda _: PermanentFailure,
    ) -> str:
        """The answer's text; `no` says from the text what kind of refusal a 5xx is."""
        async with asyncio.timeout(timeout_s):
            if command:
                self._writer.write(command.encode() + b"\r\n")
                await self._writer.drain()
            code, text = await self._reply()
        if code != expected and not (code == 251 and expected == 250):
            raise _failure(code, no(text))
        return text

    async def _reply(self) -> tuple[int, str]:
        """Code and text, the lines of a multi-line reply joined by newlines, RFC 5321 4.2.1."""
        texts = []
        for _ in range(_MOST_LINES):
            line = (await self._reader.readuntil(b"\n")).decode("utf-8", "replace").rstrip("\r\n")
            if not re.match(r"[2-5][0-9][0-9]([ -]|\Z)", line):
                raise ValueError("no SMTP reply")
            texts.append(line[4:])
            if line[3:4] != "-":
                return int(line[:3]), "\n".join(texts)
        raise ValueError("endless SMTP reply")


def _failure(
    code: int, permanent: type[PermanentFailure] = PermanentFailure
) -> TemporaryFailure | PermanentFailure:
    kind = permanent if 500 <= code < 600 else TemporaryFailure
    return kind(f"smtp-{code}")


def _of_server(_text: str) -> type[PermanentFailure]:
    return ServerRefused


def _of_recipient(text: str) -> type[PermanentFailure]:
    """Its fault by the enhanced code, or where there is none."""
    if _OF_RECIPIENT.match(text) or not _ENHANCED.match(text):
        return RecipientRefused
    return PermanentFailure
