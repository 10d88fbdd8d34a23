"""Hands one copy to the next LMTP server (Dovecot, Cyrus): a small client, one recipient.

In: the bytes of the copy, an endpoint, sender and recipient. Out: the server's reply. Standards:
RFC 2033, RFC 5321 4.5.2 (transparency), RFC 1870, RFC 6152, RFC 6531. 4xx and everything that may
pass is TemporaryFailure, 5xx is PermanentFailure.

No bare CR or LF is ever sent on: each becomes CR LF, so that what we took as content cannot end
the message elsewhere (SMTP smuggling).

Limits: when the connection breaks between the final dot and the reply, the copy may have been
delivered; it is sent again, because two copies are better than none. One connection per copy.
"""

import asyncio
import contextlib
import re

from postroom.failure import PermanentFailure, TemporaryFailure

_PATIENCE = 40.0  # seconds for one delivery; below worker.lease
_LINE_END = re.compile(rb"\r\n|\r|\n")
_LONGEST_REPLY = 65_536
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


async def hand_on(
    content: bytes, *, endpoint: str, hostname: str, sender: str, recipient: str
) -> str:
    """The reply of the server that took the copy.

    Raises TemporaryFailure(mailbox-unreachable or mailbox-deferred) and
    PermanentFailure(mailbox-refused).
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await _connect(endpoint)
            try:
                talk = _Talk(reader, writer)
                reply = await _deliver(talk, content, hostname, sender, recipient)
                with contextlib.suppress(OSError, EOFError, TemporaryFailure, PermanentFailure):
                    await talk.say("QUIT", 221)
                return reply
            finally:
                writer.close()
    except (OSError, EOFError, TimeoutError, ValueError) as error:
        raise TemporaryFailure("mailbox-unreachable", error) from error


def on_the_wire(content: bytes) -> bytes:
    """The message as DATA sends it, final dot included, RFC 5321 4.5.2."""
    lines = _LINE_END.sub(b"\r\n", content)
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    return (b"\r\n" + lines).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


async def _deliver(
    talk: "_Talk", content: bytes, hostname: str, sender: str, recipient: str
) -> str:
    await talk.hear(220)
    offers = await talk.say(f"LHLO {hostname}", 250)
    await talk.say(f"MAIL FROM:<{sender}>{_parameters(offers, content, sender + recipient)}", 250)
    await talk.say(f"RCPT TO:<{recipient}>", 250)
    await talk.say("DATA", 354)
    talk.send(on_the_wire(content))
    reply = await talk.hear(250)  # RFC 2033 4.2: one recipient, so one reply
    return _UNPRINTABLE.sub("?", reply[-1])[:200]


def _parameters(offers: list[str], content: bytes, addresses: str) -> str:
    offered = {offer[4:].upper().partition(" ")[0] for offer in offers[1:]}
    parameters = ""
    if "SIZE" in offered:
        parameters += f" SIZE={len(content)}"
    if "8BITMIME" in offered and not content.isascii():
        parameters += " BODY=8BITMIME"
    if not addresses.isascii():
        if "SMTPUTF8" not in offered:
            raise PermanentFailure("mailbox-refused", ValueError("SMTPUTF8 is needed"))
        parameters += " SMTPUTF8"
    return parameters


class _Talk:
    """One LMTP conversation from the client's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, command: str, wanted: int) -> list[str]:
        """Sends a command; the lines of its reply."""
        self.send(f"{command}\r\n".encode())
        return await self.hear(wanted)

    def send(self, octets: bytes) -> None:
        """Sends octets as they are."""
        self._writer.write(octets)

    async def hear(self, wanted: int) -> list[str]:
        """The lines of one reply, which must have the wanted code."""
        await self._writer.drain()
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            octets = await self._reader.readline()
            if not octets.endswith(b"\n"):
                raise EOFError
            lines.append(octets.decode("utf-8", "replace").rstrip("\r\n"))
            if sum(map(len, lines)) > _LONGEST_REPLY:
                raise EOFError
        code = lines[-1][:3]
        if code == str(wanted):
            return lines
        refusal = RuntimeError(_UNPRINTABLE.sub("?", lines[-1])[:200])
        if code.startswith("5"):
            raise PermanentFailure("mailbox-refused", refusal)
        raise TemporaryFailure("mailbox-deferred", refusal)


async def _connect(endpoint: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    kind, _, place = endpoint.partition(":")
    if kind == "unix":
        return await asyncio.open_unix_connection(place)
    host, _, port = place.rpartition(":")
    return await asyncio.open_connection(host.strip("[]"), int(port))
