"""The milter as a process: its socket, its start, its end, and what the configuration changes."""

import asyncio
import contextlib
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from postroom.child import tell
from postroom.clock import SystemClock
from postroom.config import Config
from postroom.envelope import Envelope
from postroom.examination import Examination
from postroom.failure import TemporaryFailure
from postroom.milter.server import MilterServer
from postroom.stamp import StampKey
from postroom.succession import SUCCEEDED
from postroom.verdict import Disposition
from tests.fakes.leftovers import keeps_nothing
from tests.fakes.milter_client import Gone, MilterClient
from tests.fakes.milter_process import GOOD, Process, asking, running, stamped, wait_until


@pytest.mark.slow
def test_hold_puts_a_quarantined_message_into_postfixs_hold_queue(tmp_path: Path) -> None:
    with running(tmp_path, '[policy]\nquarantine = "hold"\n[milter]\n') as process:
        with MilterClient(process.endpoint) as client:
            client.connect()
            for _ in range(2):
                answer = client.message(asking("quarantine", "dmarc-quarantine"))
                assert (answer.reply, answer.quarantined) == ("accept", "dmarc-quarantine")
                stamped(answer, b"Hello\r\n")
            assert client.message(GOOD).quarantined == ""


@pytest.mark.slow
def test_a_dry_run_accepts_and_says_what_would_have_been_done(tmp_path: Path) -> None:
    with running(tmp_path, "[policy]\ndry_run = true\n[milter]\n") as process:
        with MilterClient(process.endpoint) as client:
            client.connect()
            for _ in range(2):
                answer = client.message(
                    [*asking("reject", "dmarc-reject", "x"), ("X-Postroom-Dry-Run", "forged")]
                )
                assert answer.reply == "accept"
                assert answer.values("X-Postroom-Dry-Run") == [b" reject; reason=dmarc-reject"]
                assert stamped(answer, b"Hello\r\n").disposition is Disposition.ACCEPT
            assert client.message(GOOD).values("X-Postroom-Dry-Run") == []
            assert process.events("examined")[0]["disposition"] == "reject"


@pytest.mark.slow
def test_a_crowd_of_large_messages_is_told_to_come_again_and_small_ones_pass(
    tmp_path: Path,
) -> None:
    with running(tmp_path, "max_size = 2_000_000\n") as process, contextlib.ExitStack() as open_:
        clients = [open_.enter_context(MilterClient(process.endpoint)) for _ in range(3)]
        for client in clients:
            client.connect()
            client.mail()
            client.rcpt()
            for name, value in GOOD:
                client.header(name, value)
            client.end_of_header()
            for _ in range(38):
                client.body(b"x" * 50_000)
        with MilterClient(process.endpoint) as small:
            small.connect()
            assert small.message(GOOD).reply == "accept"
        replies = sorted(client.end().reply for client in clients)
        assert [reply[:9] for reply in replies] == ["451 4.3.0", "accept", "accept"]
        assert clients[0].message(GOOD, b"x" * 1_900_000).reply == "accept"


class Unsure:
    """An examiner that cannot say now."""

    async def __call__(self, _envelope: Envelope, _raw: bytes) -> Examination:
        raise TemporaryFailure("busy")


def test_an_answer_that_could_not_be_given_keeps_nothing_of_the_message() -> None:
    server = MilterServer(
        config=Config(),
        examine=Unsure(),
        key=StampKey.of(b"a shared secret of thirty-two octets"),
        clock=SystemClock(),
        authentication_results=lambda _verdict, _envelope: "",
    )
    raw = bytes(100)

    def ask() -> None:
        with pytest.raises(TemporaryFailure):
            server._ask(Envelope(), raw)

    async def scene() -> None:
        server._loop = asyncio.get_running_loop()
        await asyncio.to_thread(ask)

    assert keeps_nothing(raw, scene)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_tcp_works_and_does_not_wait_for_delayed_acknowledgements(
    tmp_path: Path, host: str
) -> None:
    if host == "[::1]" and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with running(tmp_path, endpoint=f"inet:{host}:{free_port()}") as process:
        if "milter-socket-unusable" in process.log.read_text() and host == "[::1]":
            pytest.skip("no IPv6 loopback here")
        with MilterClient(process.endpoint) as client:
            client.connect()
            client.message(GOOD)
            took = []
            for _ in range(50):
                started = time.monotonic()
                assert client.message(GOOD).reply == "accept"
                took.append(time.monotonic() - started)
            assert min(took) < 0.04  # with Nagle's algorithm none would be faster
        assert process.stop() == 0


@pytest.mark.slow
def test_the_socket_has_the_mode_that_was_asked_for(tmp_path: Path) -> None:
    with running(tmp_path, 'socket_mode = "0666"\n') as process:
        mode = (tmp_path / "milter.sock").stat().st_mode
        assert stat.S_IMODE(mode) == 0o666
        assert process.stop() == 0
        assert not (tmp_path / "milter.sock").exists()


@pytest.mark.slow
def test_a_restart_right_after_a_stop_or_a_kill_works(tmp_path: Path) -> None:
    for kill in (False, True, False):
        with running(tmp_path) as process:
            with MilterClient(process.endpoint) as client:
                client.connect()
                assert client.message(GOOD).reply == "accept"
                if kill:
                    process.popen.kill()
                else:
                    assert process.stop() == 0


def start_fails(folder: Path, endpoint: str) -> str:
    with running(folder, endpoint=endpoint) as process:
        assert process.popen.wait(60) != 0
        return process.log.read_text()


@pytest.mark.slow
def test_a_socket_that_cannot_be_opened_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "does not exist; create it" in start_fails(tmp_path, f"unix:{tmp_path}/no/milter.sock")
    assert "no socket; move it away" in start_fails(tmp_path, f"unix:{tmp_path}/file")
    assert "shorten it" in start_fails(tmp_path, f"unix:{tmp_path}/{'x' * 120}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        endpoint = f"inet:127.0.0.1:{taken.getsockname()[1]}"
        assert "is the port taken" in start_fails(tmp_path, endpoint)


@pytest.mark.slow
def test_a_second_server_leaves_the_first_ones_socket_alone(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    with running(tmp_path) as first:
        assert "another process listens" in start_fails(tmp_path / "second", first.endpoint)
        with MilterClient(first.endpoint) as client:
            client.connect()
            assert client.message(GOOD).reply == "accept"


@pytest.mark.slow
def test_sigterm_lets_the_open_message_end_and_takes_no_new_one(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        with MilterClient(process.endpoint) as busy, MilterClient(process.endpoint) as idle:
            for client in (busy, idle):
                client.connect()
                assert client.message(GOOD).reply == "accept"
            busy.mail()
            busy.rcpt()
            busy.header("From", "a@sender.test")
            wait_until(lambda: len(process.messages()) == 2)
            process.popen.terminate()
            wait_until(lambda: not (tmp_path / "milter.sock").exists())
            assert idle.mail().startswith("421 4.3.2 ")
            busy.end_of_header()
            busy.body(b"Hello\r\n")
            answer = busy.end()
            assert answer.reply == "accept"
            stamped(answer, b"Hello\r\n")
            assert process.popen.wait(60) == 0
            assert process.events("stopped")


def two_at_once(process: Process, send: Callable[[int, signal.Signals], None]) -> None:
    """SIGTERM comes while the main thread has yet to take the signal before it."""
    pid = process.popen.pid
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: " T " in Path(f"/proc/{pid}/stat").read_text())
    send(pid, SUCCEEDED)
    send(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGCONT)


@pytest.mark.slow
def test_sigterm_right_after_the_word_of_a_successor_lets_the_open_message_end(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as process, MilterClient(process.endpoint) as busy:
        busy.connect()
        busy.mail()
        busy.rcpt()
        busy.header("From", "a@sender.test")
        two_at_once(process, tell)
        wait_until(lambda: not (tmp_path / "milter.sock").exists())
        busy.end_of_header()
        busy.body(b"Hello\r\n")
        assert busy.end().reply == "accept"
        assert process.popen.wait(60) == 0
        assert process.events("stopped")


@pytest.mark.slow
def test_a_signal_that_libmilter_takes_itself_is_an_orderly_stop_too(tmp_path: Path) -> None:
    with running(tmp_path) as process, MilterClient(process.endpoint) as client:
        client.connect()
        assert client.message(GOOD).reply == "accept"
        two_at_once(process, os.kill)
        assert process.popen.wait(60) == 0
        assert process.events("stopped")


@pytest.mark.slow
def test_sigterm_does_not_wait_longer_than_the_deadline(tmp_path: Path) -> None:
    toml = "deadline = 0.6\n[dns]\ndeadline = 0.5\n"
    with running(tmp_path, toml) as process, MilterClient(process.endpoint) as client:
        client.connect()
        assert client.message(GOOD).reply == "accept"
        client.mail()
        client.rcpt()
        client.header("From", "a@sender.test")
        assert process.stop(30) == 0  # the transaction would stay open for ever


@pytest.mark.slow
def test_stopping_under_load_never_crashes_and_never_loses_an_answer(tmp_path: Path) -> None:
    for _ in range(5):
        with running(tmp_path) as process:
            outcomes: list[str] = []

            def talk(process: Process = process, outcomes: list[str] = outcomes) -> None:
                try:
                    with MilterClient(process.endpoint, timeout_s=5) as client:
                        client.connect()
                        while True:
                            outcomes.append(client.message(GOOD).reply)
                            if outcomes[-1] != "accept":
                                return
                except (Gone, OSError):
                    return  # between two messages: nothing was promised

            threads = [threading.Thread(target=talk) for _ in range(6)]
            for thread in threads:
                thread.start()
            wait_until(lambda outcomes=outcomes: len(outcomes) > 50)  # type: ignore[misc]
            assert process.stop() == 0
            for thread in threads:
                thread.join(10)
            assert {reply.split()[0] for reply in outcomes} <= {"accept", "421"}


def test_the_wire_client_itself_notices_a_milter_that_hangs(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        deaf.listen()
        with pytest.raises(Gone):
            MilterClient(f"unix:{tmp_path}/deaf", timeout_s=0.1)
