"""Taking mail durably: Postroom's LMTP with commit beside Dovecot's with fsync, in ratios.

In: how many rounds, how many messages a round. Out: one table: messages a second and CPU time
per message, straight into the LMTP socket over connections that stay open and through Postfix,
with Postroom's throughput as a share of Dovecot's in the same round. Every message is another
one. Postroom gets what it gets behind its milter: stamped mail, a third of it orders whose lines
are read, and stores each with its decision and planned actions in one transaction
(synchronous=FULL). Dovecot stores a file in a Maildir with mail_fsync=always and looks at nothing.

Limits: needs root; Dovecot only where it is installed. Clients, Postfix and servers share the
machine's cores.
"""

import argparse
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from postroom import stamp
from postroom.classification import Classification
from postroom.config import load
from postroom.examination import Examination
from postroom.reading.fields import split
from postroom.service.state import stamp_key
from postroom.verdict import DmarcResult, Result, Verdict
from tests.fakes.dns import DnsServer

from . import contenders, dovecot
from .assembly import Assembly
from .auth_table import spread
from .contenders import HOST, MAILBOX, Contender
from .load import Letter, burst
from .postfix import LOOPBACK, Postfix, PostfixTrouble, as_root
from .processes import Child
from .stack import stop_on_signals
from .waiting import wait_until

POSTROOM, DOVECOT = "Postroom", "Dovecot"
_AUTHOR = "orders@sender.test"
_DOVECOT_BOX = "box@archive.test"
_WAYS = ("direct, 1", "direct, 10", "Postfix")
_SIZE = 5_000  # octets
_PATIENCE_S = 120.0
_QUEUES = ("maildrop", "incoming", "active", "deferred")  # of what is on its way
_CATEGORIES = ("purchase_order", "support", "invoice", "support", "purchase_order", "other")
_WORDS = (
    "please find below what we spoke about last week with the parts for the new hall and the"
    " drawing as agreed our people need them before the end of month thank you kindly"
).split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One way of one contender in one round."""

    per_second: float
    cpu_ms: float  # of the server's processes, per message


class Held(Postfix):
    """A Postfix that keeps all mail until it is told to deliver."""

    def __init__(self, folder: Path, *, milter: Path, lmtp: Path, other: Path | None) -> None:
        super().__init__(
            folder,
            milter=milter,
            lmtp=lmtp,
            mailboxes=(MAILBOX, _DOVECOT_BOX),
            sink_port=0,
        )
        self._transports = {MAILBOX: f"postroom:unix:{lmtp}"}
        if other is not None:
            self._transports[_DOVECOT_BOX] = f"lmtp:unix:{other}"

    def release(self) -> None:
        """Lets go of what was kept; `flush` delivers it."""
        # Not by deferred transports and a reload: the queue manager that is about to leave begins
        # deliveries, which its successor then passes over for minutes ("still being delivered").
        self._run("postsuper", "-H", "ALL")

    def waiting(self, *queues: str) -> int:
        """How many messages are in these queues."""
        spool = Path(self._spool)
        return sum(len(files) for name in queues for _, _, files in os.walk(spool / name))

    def _sandbox_parameters(self, transport: Path, mailboxes: Path) -> dict[str, str]:
        lines = (f"{mailbox} {where}\n" for mailbox, where in self._transports.items())
        transport.write_text("".join(lines))
        return super()._sandbox_parameters(transport, mailboxes) | {
            "smtpd_end_of_data_restrictions": "check_client_access static:HOLD",
            "lmtp_destination_concurrency_limit": "8",
            "lmtp_destination_recipient_limit": "50",
        }


class Bench(Assembly):
    """Both servers, and the Postfix in front of them; use it as a context manager."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="postroom-bench-"))
        self.folder.chmod(0o711)
        self.measured: defaultdict[tuple[str, str], list[Measured]] = defaultdict(list)
        super().__init__()
        self._written = 0
        self._servers: list[Contender] = []
        self._postfix: Held
        self._key: stamp.StampKey

    @property
    def cells(self) -> int:
        """How many measurements a round has."""
        return len(self._servers) * len(_WAYS)

    def run_round(self, messages: int) -> None:
        """Every way of every server once."""
        for way in _WAYS:
            for server in self._servers:
                before = server.cpu_ms()
                seconds = self._take(server, way, messages)
                cpu = (server.cpu_ms() - before) / messages
                cell = Measured(per_second=messages / seconds, cpu_ms=cpu)
                self.measured[server.name, way].append(cell)

    def _take(self, server: Contender, way: str, messages: int) -> float:
        if way != "Postfix":
            return self._straight(server, int(way.rpartition(" ")[2]), messages)
        return self._behind_postfix(server, messages)

    def _straight(self, server: Contender, connections: int, messages: int) -> float:
        each = messages // connections
        work = [[self._stamped() for _ in range(each)] for _ in range(connections)]
        box = MAILBOX if server.name == POSTROOM else _DOVECOT_BOX
        with ThreadPoolExecutor(connections) as clients:
            began = time.perf_counter()
            list(clients.map(lambda mine: _speak(server.endpoints[0], box, mine), work))
            return time.perf_counter() - began

    def _behind_postfix(self, server: Contender, messages: int) -> float:
        ours = server.name == POSTROOM
        letters = [self._letter(MAILBOX if ours else _DOVECOT_BOX) for _ in range(messages)]
        port = self._postfix.world_port if ours else self._postfix.local_port
        burst(port, letters, 8)
        wait_until(lambda: self._postfix.waiting("hold") >= messages, _PATIENCE_S, "held mail")
        self._postfix.release()
        began = time.perf_counter()
        self._postfix.flush()
        wait_until(
            lambda: not self._postfix.waiting(*_QUEUES),
            _PATIENCE_S,
            "the queue to empty",
            self._postfix.tail,
            every_s=0.01,
        )
        return time.perf_counter() - began

    def _stamped(self) -> tuple[str, bytes]:
        """A queue id, and the message as the milter would have passed it on."""
        raw = self._raw()
        queue_id = f"4X{self._written:08}"
        _fields, body = split(raw)
        found = Examination(
            verdict=Verdict(
                author=_AUTHOR,
                dmarc=DmarcResult(result=Result.PASS, domain="sender.test"),
            ),
            classification=Classification(
                category=_CATEGORIES[self._written % len(_CATEGORIES)], confidence=0.97
            ),
        )
        value = stamp.write(
            found, queue_id=queue_id, body=body, key=self._key, now=datetime.now(UTC)
        )
        folded = value.replace("\n", "\r\n")
        return queue_id, f"{stamp.HEADER}: {folded}\r\n".encode() + raw

    def _letter(self, mailbox: str) -> Letter:
        return Letter(
            client=LOOPBACK,
            helo="mx.sender.test",
            sender=_AUTHOR,
            recipient=mailbox,
            raw=self._raw(),
        )

    def _raw(self) -> bytes:
        """Another message every time."""
        self._written += 1
        dice = random.Random(self._written)
        head = (
            f"From: Orders <{_AUTHOR}>\r\nTo: {MAILBOX}\r\nSubject: Order {self._written}\r\n"
            "Date: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
            f"Message-ID: <{self._written}@sender.test>\r\nMIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n\r\n"
        )
        lines = [f"{row}. HX-{row} hex bolt, {dice.randint(1, 90)} pcs\r\n" for row in (1, 2, 3)]
        missing = _SIZE - len(head)
        while missing > 0:
            lines.append(" ".join(dice.choices(_WORDS, k=12)) + "\r\n")
            missing -= len(lines[-1])
        return (head + "".join(lines)).encode()

    def _start(self) -> None:
        self._open.callback(self._remove)
        resolver = self._open.enter_context(DnsServer({})).address
        milter = contenders.full(self.folder, resolver)
        postroom, configuration = contenders.lmtp(POSTROOM, self.folder, milter)
        self._servers = [postroom]
        for one in (milter, postroom):
            self._open.callback(one.stop)
        if dovecot.can_run():
            child, where = dovecot.dovecot(self.folder)
            self._servers.append(_server(DOVECOT, child, where, self.folder / "dovecot" / "log"))
            self._open.callback(child.stop)
        other = self._servers[1].endpoints[0] if len(self._servers) > 1 else None
        for server in (milter, *self._servers):
            wait_until(server.answers, 90, f"{server.name} to listen", server.log_tail)
        self._key = stamp_key(load(configuration))
        self._postfix = Held(
            self.folder / "postfix",
            milter=milter.endpoints[0],
            lmtp=postroom.endpoints[0],
            other=other,
        )
        self._open.enter_context(self._postfix)

    def _remove(self) -> None:
        subprocess.run([*as_root(), "rm", "-rf", str(self.folder / "postfix")], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def _server(name: str, child: Child, where: Path, log: Path) -> Contender:
    return Contender(name=name, endpoints=(where,), children=(child,), log=log)


def _speak(endpoint: Path, mailbox: str, work: list[tuple[str, bytes]]) -> None:
    """One connection that delivers all of it, as Postfix's lmtp does."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(os.fspath(endpoint))
        heard = peer.makefile("rb")
        _answer(heard)
        offers = _ask(peer, heard, b"LHLO mx.kontor.test")
        for queue_id, raw in work:
            if b"XFORWARD" in offers:
                _ask(peer, heard, f"XFORWARD ADDR=192.0.2.9 IDENT={queue_id}".encode())
            _ask(peer, heard, f"MAIL FROM:<{_AUTHOR}>".encode())
            _ask(peer, heard, f"RCPT TO:<{mailbox}>".encode())
            _ask(peer, heard, b"DATA")
            _ask(peer, heard, raw.replace(b"\r\n.", b"\r\n..") + b".")
        _ask(peer, heard, b"QUIT")


def _ask(peer: socket.socket, heard: BinaryIO, line: bytes) -> bytes:
    peer.sendall(line + b"\r\n")
    return _answer(heard)


def _answer(heard: BinaryIO) -> bytes:
    told = b""
    while True:
        line = heard.readline()
        told += line
        if not line or line[:1] not in b"23":
            raise PostfixTrouble(f"LMTP answered {told!r}")
        if line[3:4] == b" ":
            return told


def table(bench: Bench, rounds: int, messages: int) -> Table:
    """Medians over the rounds with min..max."""
    told = Table(title="Taking mail durably", caption=f"{rounds} rounds of {messages} messages")
    for name in ("way, connections", "server"):
        told.add_column(name, no_wrap=True)
    for name in ("msg/s", "of Dovecot", "server CPU ms"):
        told.add_column(name, justify="right")
    for way in _WAYS:
        for name in (POSTROOM, DOVECOT):
            mine, theirs = bench.measured.get((name, way)), bench.measured.get((DOVECOT, way))
            if not mine:
                continue
            share = [a.per_second / b.per_second for a, b in zip(mine, theirs or [], strict=False)]
            told.add_row(
                way,
                name,
                spread([one.per_second for one in mine], 0),
                spread(share, 2) if share and name == POSTROOM else "",
                spread([one.cpu_ms for one in mine], 2),
            )
    return told


def main() -> int:
    """Runs the bench from the command line; the exit status says whether it could."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench lmtp", description="Taking mail durably, beside Dovecot."
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=300, help="per way and round")
    options = parser.parse_args()
    stop_on_signals()
    console = Console(width=None if sys.stdout.isatty() else 110)
    try:
        with Bench() as bench, Progress(console=console, transient=True) as progress:
            bar = progress.add_task("rounds", total=options.rounds + 1)
            bench.run_round(20)
            bench.measured.clear()
            progress.advance(bar)
            for _ in range(options.rounds):
                bench.run_round(options.messages)
                progress.advance(bar)
            console.print(table(bench, options.rounds, options.messages))
    except (PostfixTrouble, TimeoutError) as trouble:
        console.print(f"scripts/bench: {trouble}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    console.print(f"host {HOST}; {DOVECOT} {'measured' if dovecot.can_run() else 'not installed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
