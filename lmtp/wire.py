"""Octets from an LMTP peer, cut into command lines and messages; no sockets here.

In: a function that waits for more octets. Out: one command line, or one message with its
transparency dots removed and every other octet as it came. A message ends at CR LF . CR LF and
nowhere else: bare CR or LF, alone or mixed, are content (SMTP smuggling, CVE-2023-51764).
Standards: RFC 5321 2.3.8 (line ends), 4.1.1.4 and 4.5.2 (end of data, transparency).

Limits: lines inside a message may have any length, as RFC 5321 4.5.3.1 asks of a server that can.
"""

from collections.abc import Awaitable, Callable

LONGEST_LINE = 4096  # octets of a command; RFC 5321 says 512, SMTPUTF8 and XFORWARD need more
_END = b"\r\n.\r\n"


class LineTooLong(Exception):
    """A command was longer than LONGEST_LINE; it has been read to its end and dropped."""


class Incoming:
    """What came from the peer and was not used yet."""

    def __init__(self, more: Callable[[], Awaitable[bytes]]) -> None:
        self._more = more  # waits; returns b"" at the end of the stream
        self._buffer = bytearray()

    async def line(self) -> bytes:
        """The next command line without its LF; its CR is still there, for the parser to check.

        Raises LineTooLong, and EOFError when the peer has gone.
        """
        seen = 0
        too_long = False
        while (end := self._buffer.find(b"\n", seen)) < 0:
            if len(self._buffer) > LONGEST_LINE:
                too_long = True
                self._buffer.clear()
            seen = len(self._buffer)
            await self._fill()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        if too_long or len(line) > LONGEST_LINE:
            raise LineTooLong
        return line

    async def message(self, largest: int) -> bytes | None:
        """The octets of a message after 354; None when there were more than `largest`.

        Too large a message is read to its end all the same, so that the next command is found
        and the peer gets its replies. Raises EOFError when the peer goes before the end.
        """
        # RFC 5321 4.1.1.4: the CR LF that ended the DATA command counts for the first line.
        self._buffer[:0] = b"\r\n"
        # RFC 1870 6.3: added dots do not count; at most every third octet brought one.
        most = largest * 4 // 3 + 2 * len(_END)
        seen = 0
        too_large = False
        while (end := self._buffer.find(_END, seen)) < 0:
            if len(self._buffer) > most:
                too_large = True
                del self._buffer[: -len(_END)]
            seen = max(0, len(self._buffer) - len(_END) + 1)
            await self._fill()
        stuffed = bytes(self._buffer[: end + 2])
        del self._buffer[: end + len(_END)]
        # RFC 5321 4.5.2: the first dot of a line that starts with one was added by the peer.
        raw = stuffed.replace(b"\r\n.", b"\r\n")[2:]
        return None if too_large or len(raw) > largest else raw

    async def _fill(self) -> None:
        octets = await self._more()
        if not octets:
            raise EOFError
        self._buffer += octets
