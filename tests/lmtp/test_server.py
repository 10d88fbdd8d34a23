"""The server around the conversation: sockets, time-outs, crowds, and how it stops."""

import asyncio
import dataclasses
import os
import socket
import stat
from pathlib import Path

import pytest

from postroom.config import Config
from postroom.envelope import Envelope
from postroom.failure import PermanentFailure, Reply
from postroom.lmtp.server import LmtpServer
from tests.fakes.lmtp import PATIENCE, Peer, Remembering, connect, lmtp_config, serving

INFO = "info@example.test"
RESTARTING = "421 4.3.2 Service is restarting, try again later"


class Slow:
    """A `take` that waits until it is let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.let_go = asyncio.Event()
        self.finished = 0

    async def __call__(self, envelope: Envelope, raw: bytes) -> tuple[Reply, ...]:
        self.reached.set()
        await self.let_go.wait()
        self.finished += 1
        return (Reply(code=250, enhanced="2.0.0", text="Taken"),) * len(envelope.recipients)


async def wait_for(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE):
        await event.wait()


def test_the_unix_socket_has_its_mode_and_goes_away(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path, socket_mode="0600")

    async def look() -> int:
        async with serving(config, Remembering()):
            return stat.S_IMODE(os.stat(tmp_path / "lmtp.sock").st_mode)

    assert asyncio.run(look()) == 0o600
    assert not (tmp_path / "lmtp.sock").exists()


def test_a_socket_somebody_listens_on_is_left_to_them(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path)

    async def collide() -> str:
        async with serving(config, Remembering()):
            with pytest.raises(PermanentFailure) as caught:
                await LmtpServer(config, Remembering()).start()
            peer = await connect(config)
            await peer.greet()
            await peer.close()
            return caught.value.reason

    assert asyncio.run(collide()) == "socket-in-use"


def test_a_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "lmtp.sock"))
    config = lmtp_config(tmp_path)

    async def start() -> None:
        async with serving(config, Remembering()):
            peer = await connect(config)
            await peer.greet()
            await peer.close()

    asyncio.run(start())


def test_a_socket_that_cannot_be_made_is_a_failure(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path, socket=f"unix:{tmp_path}/nowhere/lmtp.sock")
    with pytest.raises(PermanentFailure) as caught:
        asyncio.run(LmtpServer(config, Remembering()).start())
    assert caught.value.reason == "socket"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_tcp_works_too(tmp_path: Path, host: str) -> None:
    config = lmtp_config(tmp_path, socket=f"inet:{host}:0")
    take = Remembering()

    async def deliver() -> list[str]:
        async with serving(config, take) as server:
            peer = Peer(*await asyncio.open_connection(host.strip("[]"), server.port))
            await peer.greet()
            replies = await peer.deliver(b"one\r\n", (INFO,))
            await peer.close()
            return replies

    if host == "[::1]" and not _has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    assert asyncio.run(deliver()) == ["250 2.0.0 Taken as 1"]


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_an_idle_peer_is_told_and_closed(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path, idle_timeout=0.1)

    async def idle() -> list[str]:
        async with serving(config, Remembering()):
            before, inside = await connect(config), await connect(config)
            await inside.greet()
            for command in ("MAIL FROM:<>", f"RCPT TO:<{INFO}>", "DATA"):
                await inside.say(command)
            await inside.send(b"half a message\r\n")
            said = [await before.rest(), await inside.rest()]
            await before.close()
            await inside.close()
            return said

    greeted, halfway = asyncio.run(idle())
    assert greeted.splitlines()[-1] == "421 4.4.2 Idle for too long"
    assert halfway == "421 4.4.2 Idle for too long\r\n"


def test_a_peer_that_waits_for_us_is_not_idle(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path, idle_timeout=0.05)

    async def wait() -> list[str]:
        take = Slow()
        async with serving(config, take):
            peer = await connect(config)
            await peer.greet()
            delivery = asyncio.create_task(peer.deliver(b"one\r\n", (INFO,)))
            await wait_for(take.reached)
            await asyncio.wait({delivery}, timeout=0.2)  # four times the time-out goes by
            take.let_go.set()
            replies = await delivery
            await peer.close()
            return replies

    assert asyncio.run(wait()) == ["250 2.0.0 Taken"]


def test_one_peer_too_many_is_told_to_come_back(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path, max_connections=2)

    async def crowd() -> tuple[str, str]:
        async with serving(config, Remembering()) as server:
            peers = [await connect(config) for _ in range(2)]
            for peer in peers:
                await peer.greet()
            third = await connect(config)
            told = await third.rest()
            await third.close()
            await peers[0].say("QUIT")
            await peers[0].close()
            async with asyncio.timeout(PATIENCE):
                while server.connections > 1:
                    await asyncio.sleep(0.01)
            fourth = await connect(config)
            greeting = await fourth.line()
            for peer in (peers[1], fourth):
                await peer.close()
            return told, greeting

    told, greeting = asyncio.run(crowd())
    assert told == "421 4.3.2 Too many connections\r\n"
    assert greeting.startswith("220 ")


def test_little_space_is_452_before_any_data(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path, min_free_space=1 << 60)

    async def ask() -> list[str]:
        async with serving(config, Remembering()):
            peer = await connect(config)
            await peer.greet()
            replies = await peer.deliver(b"one\r\n", (INFO,))
            await peer.close()
            return replies

    full, *rest = asyncio.run(ask())
    assert full == "452 4.3.1 Insufficient system storage, try again later"
    assert [line[:3] for line in rest] == ["503", "503"]


@pytest.mark.slow
def test_a_vanished_state_folder_is_451(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path, min_free_space=1)
    gone = config.service.model_copy(update={"state_dir": tmp_path / "gone"})

    async def ask() -> str:
        async with serving(config.model_copy(update={"service": gone}), Remembering()):
            peer = await connect(config)
            await peer.greet()
            reply = (await peer.say("MAIL FROM:<>"))[0]
            await peer.close()
            return reply

    assert asyncio.run(ask()) == "451 4.3.0 Local problem, try again later"


def test_a_peer_that_closes_its_half_still_gets_its_replies(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path)
    take = Remembering()

    async def send_all() -> str:
        async with serving(config, take):
            peer = await connect(config)
            await peer.send(
                b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<info@example.test>\r\nDATA\r\none\r\n.\r\n"
            )
            peer.writer.write_eof()
            said = await peer.rest()
            await peer.close()
            return said

    assert asyncio.run(send_all()).splitlines()[-1] == "250 2.0.0 Taken as 1"


def test_half_a_message_is_no_message(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path)
    take = Remembering()

    async def vanish() -> None:
        async with serving(config, take) as server:
            peer = await connect(config)
            await peer.greet()
            for command in ("MAIL FROM:<>", f"RCPT TO:<{INFO}>", "DATA"):
                await peer.say(command)
            await peer.send(b"half a message\r\n.\r")
            await peer.close()
            async with asyncio.timeout(PATIENCE):
                while server.connections:
                    await asyncio.sleep(0.01)

    asyncio.run(vanish())
    assert take.taken == []


def test_stopping_finishes_what_is_open_and_sends_everyone_else_away(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path)

    async def stop() -> tuple[str, str, str]:
        take = Slow()
        server = LmtpServer(config, take)
        await server.start()
        idle, busy, halfway = [await connect(config) for _ in range(3)]
        for peer in (idle, busy, halfway):
            await peer.greet()
        delivery = asyncio.create_task(busy.deliver(b"one\r\n", (INFO,)))
        await wait_for(take.reached)
        await halfway.say("MAIL FROM:<a@sender.test>")
        stopping = asyncio.create_task(server.stop())
        told = await idle.rest()
        with pytest.raises(OSError):
            await connect(config)
        take.let_go.set()
        replies = await delivery
        for command in (f"RCPT TO:<{INFO}>", "DATA"):
            await halfway.say(command)
        await halfway.send(b"two\r\n.\r\n")
        rest_of_halfway = await halfway.rest()
        rest_of_busy = await busy.rest()
        async with asyncio.timeout(PATIENCE):
            await stopping
        assert take.finished == 2
        for peer in (idle, busy, halfway):
            await peer.close()
        return told, "\r\n".join([*replies, rest_of_busy]), rest_of_halfway

    told, busy, halfway = asyncio.run(stop())
    assert told == f"{RESTARTING}\r\n"
    assert busy == f"250 2.0.0 Taken\r\n{RESTARTING}\r\n"
    assert halfway == f"250 2.0.0 Taken\r\n{RESTARTING}\r\n"


def test_handing_over_lets_each_peer_end_one_message_and_leaves_the_socket(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path)

    async def hand_over() -> tuple[str, list[str], str]:
        server = LmtpServer(config, Remembering())
        await server.start()
        quiet, brisk = [await connect(config) for _ in range(2)]
        for peer in (quiet, brisk):
            await peer.greet()
        handing = asyncio.create_task(server.hand_over())
        sent_away = asyncio.create_task(quiet.rest())
        while not sent_away.done():
            await brisk.say("RSET")
        told = await sent_away
        replies = await brisk.deliver(b"one\r\n", (INFO,))
        rest = await brisk.rest()
        async with asyncio.timeout(PATIENCE):
            await handing
            await server.stop()
        for peer in (quiet, brisk):
            await peer.close()
        return told, replies, rest

    told, replies, rest = asyncio.run(hand_over())
    assert told == f"{RESTARTING}\r\n"
    assert (replies, rest) == (["250 2.0.0 Taken as 1"], f"{RESTARTING}\r\n")
    assert (tmp_path / "lmtp.sock").exists()


def test_stopping_takes_away_no_socket_but_its_own(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path)

    async def replace_and_stop() -> None:
        async with serving(config, Remembering()):
            (tmp_path / "other").touch()
            (tmp_path / "other").replace(tmp_path / "lmtp.sock")

    asyncio.run(replace_and_stop())
    assert (tmp_path / "lmtp.sock").exists()


def test_stopping_does_not_wait_for_ever(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path, deadline=0.1)

    async def stop() -> str:
        server = LmtpServer(config, Remembering())
        await server.start()
        peer = await connect(config)
        await peer.greet()
        await peer.say("MAIL FROM:<a@sender.test>")
        async with asyncio.timeout(PATIENCE):
            await server.stop()
        said = await peer.rest()
        await peer.close()
        return said

    assert asyncio.run(stop()) == f"{RESTARTING}\r\n"


def test_a_peer_that_talks_nonsense_is_sent_away(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path)

    async def babble() -> str:
        async with serving(config, Remembering()):
            peer = await connect(config)
            await peer.send(b"GET / HTTP/1.1\r\n" * 50)
            said = await peer.rest()
            await peer.close()
            return said

    lines = asyncio.run(babble()).splitlines()
    assert lines[-1] == "421 4.7.0 Too many errors"
    assert len(lines) == 22


def test_a_peer_that_never_reads_is_cut_off(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path, idle_timeout=0.2)

    async def stuff() -> None:
        async with serving(config, Remembering()) as server:
            peer = await connect(config)
            transport = peer.writer.transport
            assert isinstance(transport, asyncio.ReadTransport)
            transport.pause_reading()
            peer.writer.write(b"HELP\r\n" * 200_000)
            async with asyncio.timeout(PATIENCE):
                while not server.connections:
                    await asyncio.sleep(0.01)
                while server.connections:
                    await asyncio.sleep(0.01)
            transport.abort()

    asyncio.run(stuff())


def test_fifty_peers_at_once_do_not_mix(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path)
    take = Remembering()

    async def talk(number: int) -> list[str]:
        peer = await connect(config)
        await peer.greet()
        replies = []
        for turn in (1, 2):
            raw = f"{number} {turn}\r\n".encode()
            replies += await peer.deliver(
                raw, (INFO,), sender=f"{number}.{turn}@sender.test", queue_id=f"Q{number}.{turn}"
            )
        await peer.say("QUIT")
        await peer.close()
        return replies

    async def crowd() -> list[list[str]]:
        async with serving(config, take):
            return await asyncio.gather(*(talk(number) for number in range(50)))

    replies = asyncio.run(crowd())
    assert all(line.startswith("250 ") for lines in replies for line in lines)
    assert len(take.taken) == 100
    for envelope, raw in take.taken:
        number, turn = raw.decode().split()
        assert envelope == Envelope(
            sender=f"{number}.{turn}@sender.test",
            recipients=(INFO,),
            queue_id=f"Q{number}.{turn}",
        )


@pytest.mark.parametrize(
    "raw",
    [
        b"x" * 5_000_000 + b"\r\n",
        b"\x00" * 100_000 + b"\r\n",
        b"\r\n" * 300_000,
        (b"." * 70 + b"\r\n") * 10_000,
        b"a bare \n and \r and \r\r\n inside\r\n" * 1_000,
    ],
    ids=["one long line", "NULs", "empty lines", "dots", "bare line ends"],
)
def test_octets_are_kept_as_received(tmp_path: Path, raw: bytes) -> None:
    config: Config = lmtp_config(tmp_path)
    take = Remembering()

    async def deliver() -> list[str]:
        async with serving(config, take):
            peer = await connect(config)
            await peer.greet()
            replies = await peer.deliver(raw, (INFO,))
            replies += await peer.deliver(b"and another\r\n", (INFO,))
            await peer.close()
            return replies

    assert asyncio.run(deliver()) == ["250 2.0.0 Taken as 1", "250 2.0.0 Taken as 2"]
    assert [taken for _, taken in take.taken] == [raw, b"and another\r\n"]


def test_an_envelope_without_xforward_says_that_nothing_is_known(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path)
    take = Remembering()

    async def deliver() -> None:
        async with serving(config, take):
            peer = await connect(config)
            await peer.greet()
            await peer.deliver(b"one\r\n", (INFO,), sender="")
            await peer.close()

    asyncio.run(deliver())
    envelope, _ = take.taken[0]
    assert dataclasses.asdict(envelope) == dataclasses.asdict(Envelope(recipients=(INFO,)))
    assert envelope.is_null_sender


def test_recipients_beyond_the_most_are_told_to_come_again_and_the_others_get_it(
    tmp_path: Path,
) -> None:
    config, take = lmtp_config(tmp_path), Remembering()

    async def deliver() -> list[str]:
        async with serving(config, take):
            peer = await connect(config)
            await peer.greet()
            await peer.say("MAIL FROM:<a@sender.test>")
            replies = [(await peer.say(f"RCPT TO:<{INFO}>"))[0] for _ in range(1_030)]
            assert (await peer.say("DATA"))[0].startswith("354 ")
            await peer.send(b"Subject: x\r\n\r\n.\r\n")
            replies += [await peer.line() for _ in range(1_000)]
            await peer.close()
            return replies

    codes = [reply[:3] for reply in asyncio.run(deliver())]
    assert codes == ["250"] * 1_000 + ["452"] * 30 + ["250"] * 1_000
    assert [len(envelope.recipients) for envelope, _ in take.taken] == [1_000]
