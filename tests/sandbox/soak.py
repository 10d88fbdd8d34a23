"""Durability: orders come in over SMTP while Postroom's processes are killed with SIGKILL.

In: how many mails, how many kills, a seed. Out: counts, and what was lost or done twice; exit
status 1 if anything was. What must hold at the end:

    every mail that Postfix answered 250 is stored, once
    every order is in the ERP exactly once, with its own lines
    every reply reached the customer's mail server at most once
    nothing is left in Postfix's queue, and every action has come to its end

The victims are the supervisor (its children die with it, and it is started again) and, alone,
milter, LMTP, worker and the processes below them that read messages.

Limits: Postfix itself is not killed; its own queue is its own promise.
"""

import argparse
import contextlib
import random
import smtplib
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape

from . import world
from .mails import Expected, Mail, Writer
from .outcome import Outcome, attempts_cut_short, is_anything_leased, is_settled, outcomes
from .postfix import PostfixTrouble
from .processes import descendants, kill
from .stack import Stack, stop_on_signals
from .waiting import wait_until

ATTEMPTS = 20  # of an action: a kill costs one, and here kills are many
_SENDERS = 4
_LONGEST_WAIT_S = 1.5  # between a batch of mails and the kill that follows it
_RETRY_S = 0.3  # a client told 4xx comes again
_GIVE_UP_S = 120.0
_SETTLE_S = 120.0
_PARTS = ("milter", "lmtp", "worker")


@dataclass(slots=True, kw_only=True)
class Report:
    """What a soak did and found."""

    seed: int
    mails: int = 0
    accepted: int = 0
    deferred: int = 0  # answers of 4xx on the way, each followed by another try
    stored: int = 0
    orders: int = 0
    replies: int = 0
    repeated: int = 0  # attempts that a kill or the ERP cut short
    unsure_replies: int = 0  # given up, because nobody can know whether they went out
    kills: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report for a person."""
        kills = ", ".join(f"{count} {name}" for name, count in sorted(self.kills.items()))
        return [
            f"seed {self.seed}, {self.seconds:.0f} s",
            f"mails accepted by SMTP    {self.accepted} of {self.mails}"
            f" ({self.deferred} times told to come again)",
            f"mails stored              {self.stored}",
            f"orders in the ERP         {self.orders} ({self.repeated} attempts cut short)",
            f"replies delivered         {self.replies} ({self.unsure_replies} given up as unsure)",
            f"SIGKILLs                  {self.kills.total()} ({kills})",
            *(f"PROBLEM  {problem}" for problem in self.problems),
        ]


def order_mails(stack: Stack, count: int, run: str, *, first: int = 1) -> list[Mail]:
    """Orders that differ in number, sender and lines, so that a mix-up would show."""
    return [order_mail(Writer(stack.keys, run), n) for n in range(first, first + count)]


def soak(stack: Stack, *, mails: int, kills: int, seed: int) -> Report:
    """Sends, kills, waits until all is quiet, and compares."""
    began = time.monotonic()
    report = Report(seed=seed, mails=mails)
    dice = random.Random(seed)
    letters = order_mails(stack, mails, f"{int(time.time())}")
    sender = _Sender(stack)
    _unsettle_erp(stack, dice, mails)
    with ThreadPoolExecutor(_SENDERS) as senders:
        sent: list[Future[str]] = []
        for number in range(kills):
            until = mails * (number + 1) // kills
            sent += [senders.submit(sender.send, mail) for mail in letters[len(sent) : until]]
            time.sleep(dice.uniform(0, _LONGEST_WAIT_S))  # the moment is random on purpose
            report.kills[_kill_one(stack, dice)] += 1
            if dice.random() < 0.6:  # else the next kill may hit a start
                stack.wait_until_ready()
        stack.wait_until_ready()
        replies = [future.result() for future in sent]
    report.accepted = sum(reply.startswith("250") for reply in replies)
    report.deferred = sender.deferred
    try:
        wait_until(lambda: is_settled(stack), _SETTLE_S, "the last action to end", every_s=0.3)
    except TimeoutError as late:
        report.problems.append(str(late).strip())
    _judge(report, outcomes(stack, list(zip(letters, replies, strict=True))), stack)
    report.seconds = time.monotonic() - began
    return report


def main() -> int:
    """Runs a soak from the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description="Durability under kill -9.")
    parser.add_argument("--mails", type=int, default=200)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(f"{options.mails} mails, {options.kills} kills, --seed {options.seed}")
    stop_on_signals()
    try:
        with Stack(attempts=ATTEMPTS) as stack:
            report = soak(stack, mails=options.mails, kills=options.kills, seed=options.seed)
            stack.failed = bool(report.problems)
    except (PostfixTrouble, TimeoutError) as trouble:
        console.print(escape(str(trouble)), style="red")
        return 2
    except KeyboardInterrupt:
        return 130
    for line in report.lines():
        console.print(escape(line), style="bold red" if line.startswith("PROBLEM") else "")
    return 1 if report.problems else 0


class _Sender:
    """Sends like a patient mail server: told 4xx, it comes again."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._lock = threading.Lock()
        self.deferred = 0

    def send(self, mail: Mail) -> str:
        """The final reply to one mail: 250, 5xx, or the last 4xx."""
        until = time.monotonic() + _GIVE_UP_S
        while True:
            try:
                reply = self._stack.send(mail)
            except (OSError, smtplib.SMTPException) as error:
                reply = f"421 {type(error).__name__}"
            if not reply.startswith("4") or time.monotonic() > until:
                return reply
            with self._lock:
                self.deferred += 1
            time.sleep(_RETRY_S)


def _unsettle_erp(stack: Stack, dice: random.Random, requests: int) -> None:
    """An ERP that takes its time, so that kills meet requests under way, and sometimes fails."""
    for _ in range(requests):
        chance = dice.random()
        if chance < 0.1:
            stack.erp.misbehave(kind="drop-after")  # it has the order; nobody is told
        elif chance < 0.2:
            stack.erp.misbehave(kind="status", status=503)
        else:
            stack.erp.misbehave(kind="slow", seconds=round(dice.uniform(0, 0.6), 2))


def _kill_one(stack: Stack, dice: random.Random) -> str:
    """Kills one process chosen by the dice; which part it was."""
    victim = dice.choice(("supervisor", *_PARTS, *_PARTS, "reader"))
    if victim == "worker":
        # An idle worker has nothing to lose; wait a little for one that is at work.
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: is_anything_leased(stack), _LONGEST_WAIT_S, "work", every_s=0.02)
    if victim == "supervisor":
        stack.serve.kill()
        stack.start_serve()
        return victim
    family = dict(descendants(stack.serve.pid))
    parts = {
        pid: part for pid, line in family.items() for part in _PARTS if f"--only {part}" in line
    }
    if victim == "reader":
        chosen = [pid for pid in family if pid not in parts]
    else:
        chosen = [pid for pid, part in parts.items() if part == victim]
    if chosen and kill(dice.choice(sorted(chosen))):
        return victim
    # It is not there at this moment (being started): then the whole service is hit.
    stack.serve.kill()
    stack.start_serve()
    return "supervisor"


def _judge(report: Report, found: list[Outcome], stack: Stack) -> None:
    for outcome in found:
        name = outcome.mail.name
        accepted = outcome.smtp.startswith("250")
        report.stored += outcome.stored
        report.orders += len(outcome.erp)
        report.replies += outcome.replies
        report.unsure_replies += sum(
            step == "reply" and state == "dead" for step, state, _ in outcome.actions
        )
        if not accepted:
            report.problems.append(f"{name}: not accepted: {outcome.smtp}")
            continue
        if outcome.stored != 1:
            report.problems.append(f"{name}: accepted, but stored {outcome.stored} times")
            continue
        if len(outcome.erp) != 1:
            report.problems.append(
                f"{name}: {len(outcome.erp)} orders in the ERP; {outcome.outcome}"
                f" {outcome.reasons}; {outcome.actions}"
            )
        for record in outcome.erp:
            wanted = outcome.mail.expected
            if (record.number, record.lines) != (wanted.number, wanted.lines):
                report.problems.append(
                    f"{name}: order {record.number} with {record.lines} in the ERP"
                )
        if outcome.replies > 1:
            report.problems.append(f"{name}: {outcome.replies} replies")
        if not outcome.folders:
            report.problems.append(f"{name}: not in the mailbox")
    report.repeated = attempts_cut_short(stack)
    if stack.postfix.queue():
        report.problems.append(f"{len(stack.postfix.queue())} mails left in Postfix's queue")


def order_mail(write: Writer, number: int, *, party: world.Party = world.JOINERY) -> Mail:
    """One order, told from all others by its number, sender and lines."""
    order = f"SK-{number:05}"
    lines = [(f"HX-{number}-{row}", str(number + row)) for row in range(1, 2 + number % 3)]
    rows = "".join(
        f"  {row}. {sku}   Hex bolt M{row + 4} zinc plated   {quantity} pcs   @ 0.{row}2\n"
        for row, (sku, quantity) in enumerate(lines, start=1)
    )
    return write.mail(
        f"soak-{number:05}",
        party,
        f"Buyer {number} <buyer{number}@{party.domain}>",
        f"Purchase order {order}",
        f"Good morning,\n\nPlease supply the following against our purchase order {order}:\n\n"
        f"{rows}\nDeliver to Unit 9, Carkeel Road, Saltash. Please confirm the order.\n\n"
        f"Kind regards\nBuyer {number}\nNorthgate Joinery Ltd\n",
        Expected(
            dmarc="pass",
            category="purchase_order",
            outcome="act",
            erp="orders",
            number=order,
            lines=tuple(lines),
            reply=True,
            folder="Orders",
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
