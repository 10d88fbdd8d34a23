"""A real LMTP server on a unix socket, a client that speaks octets, and a `take` that remembers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from postroom.config import Config, LmtpSection, Service
from postroom.envelope import Envelope
from postroom.failure import PermanentFailure, Reply, TemporaryFailure
from postroom.lmtp.server import LmtpServer
from postroom.lmtp.session import Take

PATIENCE = 10.0  # seconds any single wait in a test may last


class Remembering:
    """Takes everything, unless the message's body asks for trouble."""

    def __init__(self) -> None:
        self.taken: list[tuple[Envelope, bytes]] = []

    async def __call__(self, envelope: Envelope, raw: bytes) -> tuple[Reply, ...]:
        if b"please: bug" in raw:
            raise RuntimeError("secret words of an exception")
        if b"please: full" in raw:
            raise TemporaryFailure("storage-full")
        if b"please: too large" in raw:
            raise PermanentFailure("too-large")
        if b"please: too few" in raw:
            return ()
        if b"please: mixed" in raw:
            return tuple(
                Reply(code=250, enhanced="2.0.0", text=f"Taken for {recipient}")
                if number % 2 == 0
                else Reply(code=451, enhanced="4.3.0", text="Not now")
                for number, recipient in enumerate(envelope.recipients)
            )
        self.taken.append((envelope, raw))
        text = f"Taken as {len(self.taken)}"
        return (Reply(code=250, enhanced="2.0.0", text=text),) * len(envelope.recipients)


class Peer:
    """The client's side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, octets: bytes) -> None:
        """Sends octets as they are."""
        self.writer.write(octets)
        async with asyncio.timeout(PATIENCE):
            await self.writer.drain()

    async def line(self) -> str:
        """The next line of a reply without its end; empty when the server has closed."""
        async with asyncio.timeout(PATIENCE):
            return (await self.reader.readline()).decode().removesuffix("\r\n")

    async def reply(self) -> list[str]:
        """The lines of one reply."""
        lines = [await self.line()]
        while lines[-1][3:4] == "-":
            lines.append(await self.line())
        return lines

    async def say(self, command: str) -> list[str]:
        """Sends one command; the lines of its reply."""
        await self.send(command.encode() + b"\r\n")
        return await self.reply()

    async def greet(self) -> None:
        """Hears the greeting and says LHLO."""
        assert (await self.line()).startswith("220 ")
        assert (await self.say("LHLO client.test"))[-1].startswith("250 ")

    async def deliver(
        self, raw: bytes, recipients: tuple[str, ...], *, sender: str = "a@sender.test",
        queue_id: str = "", client: str = "",
    ) -> list[str]:  # fmt: skip
        """One whole transaction; the last reply of each recipient."""
        if queue_id or client:
            facts = f" IDENT={queue_id}" * bool(queue_id) + f" ADDR={client}" * bool(client)
            assert (await self.say(f"XFORWARD{facts}"))[0].startswith("250 ")
        replies = [await self.say(f"MAIL FROM:<{sender}>")]
        for recipient in recipients:
            replies.append(await self.say(f"RCPT TO:<{recipient}>"))
        replies.append(await self.say("DATA"))
        if not replies[-1][0].startswith("354"):
            return [lines[-1] for lines in replies]
        stuffed = (b"\r\n" + raw).replace(b"\r\n.", b"\r\n..")[2:]
        await self.send(stuffed + b".\r\n")
        return [await self.line() for _ in recipients]

    async def rest(self) -> str:
        """All lines until the server closes."""
        async with asyncio.timeout(PATIENCE):
            return (await self.reader.read()).decode()

    async def close(self) -> None:
        """Hangs up."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


def lmtp_config(folder: Path, **section: object) -> Config:
    """A configuration whose server listens below `folder`; `section` are keys of [lmtp]."""
    section = {"min_free_space": 0, "deadline": PATIENCE} | section
    return Config(
        service=Service(
            hostname="mail.example.test",
            mailboxes=("info@example.test", "orders@example.test"),
            state_dir=folder,
            run_dir=folder,
        ),
        lmtp=LmtpSection.model_validate({"socket": f"unix:{folder}/lmtp.sock"} | section),
    )


@asynccontextmanager
async def serving(config: Config, take: Take) -> AsyncIterator[LmtpServer]:
    """A server that listens while the block runs."""
    server = LmtpServer(config, take)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def connect(config: Config) -> Peer:
    """A connection to the configured unix socket."""
    async with asyncio.timeout(PATIENCE):
        path = config.lmtp.socket.removeprefix("unix:")
        return Peer(*await asyncio.open_unix_connection(path))
