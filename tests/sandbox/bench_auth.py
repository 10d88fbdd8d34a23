"""What authentication costs, measured on real SMTP beside a bare Postfix.

In: how many rounds, how many messages per cell. Out: one table: for each contender, message size
and concurrency the CPU time of the milter's processes per message, the throughput as a share of
the bare Postfix's, and how much later the reply to the final dot comes. Every figure is the
median over the rounds with min..max; the contenders take turns within a round, so that what else
the machine does meets all of them. DNS is warm.

Limits: Postfix, milter, DNS and the clients share the
machine's cores. A round's p99 over so few messages is close to its slowest message.
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tests.fakes.dns import DnsServer
from tests.fakes.signer import Signer

from . import auth_in_process
from .assembly import Assembly
from .auth_table import Cell, Measured, table, verdicts
from .contenders import (
    OPENDMARC,
    RSPAMD,
    Contender,
    ManyPorts,
    authenticating,
    bare,
    full,
    rspamd,
)
from .letters import DOMAIN, signed_letters, zone
from .load import Burst, Letter, Refused, burst
from .opendmarc import RESOLVER, can_run, opendkim_and_opendmarc
from .postfix import PostfixTrouble, as_root
from .stack import stop_on_signals
from .waiting import wait_until

SIZES = (5_000, 50_000)  # octets
CONCURRENCIES = (1, 10)
_BUDGET_S = 200.0  # no round begins after it
_WARM_UP = 20  # messages per contender and size that nobody counts
_READY_S = 180.0  # rspamd compiles its rules first
_QUEUE_S = 30.0
_PAGE = 130  # columns where the output is no terminal


class Bench(Assembly):
    """The running contenders; use it as a context manager."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="postroom-bench-"))
        self.folder.chmod(0o711)  # Postfix, another user, passes through to its own folder
        self.measured: defaultdict[Cell, list[Measured]] = defaultdict(list)
        self.rounds = 0
        self._signer = Signer(DOMAIN)
        self._letters = {size: signed_letters(self._signer, size) for size in SIZES}
        self._contenders: list[Contender] = []  # the bare Postfix first
        super().__init__()
        self._postfix: ManyPorts

    @property
    def names(self) -> list[str]:
        """Who takes part, the bare Postfix first."""
        return [contender.name for contender in self._contenders]

    def warm_up(self, concurrency: int = 2) -> None:
        """Fills DNS caches and starts Postfix's processes. Raises Refused."""
        for contender in self._contenders:
            for size in SIZES:
                burst(self._port(contender), self._some(size, _WARM_UP), concurrency)
                self._settle(contender)

    def run_round(self, messages: int) -> Iterator[None]:
        """Measures every cell once, contenders in turn; yields after each. Raises Refused."""
        for size in SIZES:
            for concurrency in CONCURRENCIES:
                yardstick: Burst | None = None
                for contender in self._contenders:
                    letters = self._some(size, messages)
                    before = contender.cpu_ms()
                    took = burst(self._port(contender), letters, concurrency)
                    cpu = (contender.cpu_ms() - before) / messages
                    yardstick = yardstick or took
                    cell = (contender.name, size, concurrency)
                    self.measured[cell].append(_compared(took, yardstick, cpu))
                    self._settle(contender)
                    yield
        self.rounds += 1

    def _port(self, contender: Contender) -> int:
        return self._postfix.ports[contender.name]

    def _some(self, size: int, count: int) -> list[Letter]:
        return list(islice(cycle(self._letters[size]), count))

    def _settle(self, contender: Contender) -> None:
        """Waits until Postfix has thrown away what it took, so that the next cell starts idle."""
        wait_until(lambda: not self._postfix.queue(), _QUEUE_S, f"the queue after {contender.name}")

    def _start(self) -> None:
        self._open.callback(self._remove)
        resolver = self._open.enter_context(DnsServer(zone(self._signer))).address
        for contender in (
            bare(),
            authenticating(self.folder, resolver),
            full(self.folder, resolver),
            rspamd(self.folder, resolver),
            self._opendmarc(),
        ):
            if contender is not None:
                self._contenders.append(contender)
                self._open.callback(contender.stop)
        self._postfix = ManyPorts(self.folder / "postfix", self._contenders)
        self._open.enter_context(self._postfix)
        for contender in self._contenders:
            self._wait_for(contender)

    def _opendmarc(self) -> Contender | None:
        """OpenDMARC asks only the machine's resolver, so that one is ours, in its own view."""
        if not can_run():
            return None
        records = zone(self._signer)
        self._open.enter_context(DnsServer(records, listen=(RESOLVER, 53)))
        return opendkim_and_opendmarc(self.folder, records)

    def _wait_for(self, contender: Contender) -> None:
        def is_ready() -> bool:
            if not contender.is_running():
                raise PostfixTrouble(f"{contender.name} ended:\n{contender.log_tail()}")
            return contender.answers()

        wait_until(is_ready, _READY_S, f"{contender.name} to listen", contender.log_tail)

    def _remove(self) -> None:
        subprocess.run([*as_root(), "rm", "-rf", str(self.folder / "postfix")], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def _compared(took: Burst, yardstick: Burst, cpu_ms: float) -> Measured:
    return Measured(
        cpu_ms=cpu_ms,
        per_second=took.per_second,
        share=took.per_second / yardstick.per_second,
        later_p50_ms=took.percentile(50) - yardstick.percentile(50),
        later_p99_ms=took.percentile(99) - yardstick.percentile(99),
    )


def measure(bench: Bench, console: Console, *, rounds: int, messages: int) -> None:
    """Runs the rounds, as many as fit the time, with a progress bar."""
    began = time.monotonic()
    cells = rounds * len(SIZES) * len(CONCURRENCIES) * len(bench.names)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("warming up", total=cells)
        bench.warm_up()
        for number in range(1, rounds + 1):
            if time.monotonic() - began > _BUDGET_S:
                break
            progress.update(bar, description=f"round {number} of {rounds}")
            for _cell in bench.run_round(messages):
                progress.advance(bar)


def main() -> int:
    """Runs the bench from the command line; the exit status says whether it could."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench auth", description="What authentication costs."
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=120, help="per cell and round")
    parser.add_argument("--in-process", action="store_true", help="the authenticator alone")
    options = parser.parse_args()
    if options.in_process:
        asyncio.run(auth_in_process.measure(options.messages))
        return 0
    stop_on_signals()
    console = Console(width=None if sys.stdout.isatty() else _PAGE)
    try:
        with Bench() as bench:
            measure(bench, console, rounds=options.rounds, messages=options.messages)
            tell(console, bench, options.messages)
    except (PostfixTrouble, Refused, TimeoutError) as trouble:
        console.print(f"scripts/bench: {trouble}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def tell(console: Console, bench: Bench, messages: int) -> None:
    """Prints the table, what it says of the targets, and who was not there."""
    console.print(table(bench.measured, f"{bench.rounds} rounds of {messages} messages a cell"))
    for line in verdicts(bench.measured):
        console.print(line)
    if RSPAMD in bench.names:
        # It keeps no DNS answers, and the DNS server is the sandbox's, in Python, on these cores.
        console.print(f"{RSPAMD} asks DNS anew for every message: compare its CPU, not its speed")
    else:
        console.print(f"{RSPAMD}: not installed, not measured")
    if OPENDMARC not in bench.names:
        console.print(f"{OPENDMARC}: not installed (or not root), not measured")


if __name__ == "__main__":
    sys.exit(main())
