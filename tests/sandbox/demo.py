"""The demo: sends every mail of scenes.py through the whole stack and shows what became of each.

In: nothing (`--keep` leaves all running). Out: live progress, one table, and exit status 1 with
the differences when anything is not as expected. Started by scripts/demo.
"""

import argparse
import contextlib
import os
import signal
import sys
import time

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from . import world
from .mails import Mail
from .outcome import Outcome, differences, is_settled, outcomes
from .postfix import PostfixTrouble
from .scenes import demo_mails
from .stack import Stack, stop_on_signals
from .waiting import wait_until

_SETTLE_S = 90.0
_OUTCOME_WORDS = {
    "act": "done",
    "review": "waits for a person",
    "deliver": "delivered, nothing more",
}


def main() -> int:
    """Runs the demo; the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Shows Postroom at work.")
    parser.add_argument("--keep", action="store_true", help="leave all running until Ctrl-C")
    keep = parser.parse_args().keep
    # A pipe has no width, and the table needs some.
    console = Console(width=None if sys.stdout.isatty() else 190, highlight=False)
    stop_on_signals()
    try:
        console.print("Starting a private Postfix, DNS, an ERP and postroom serve ...")
        with Stack() as stack:
            return _run(console, stack, keep)
    except (PostfixTrouble, TimeoutError) as trouble:
        console.print(escape(str(trouble)), style="red")
        return 2
    except KeyboardInterrupt:
        return 130


def _run(console: Console, stack: Stack, keep: bool) -> int:
    began = time.monotonic()
    sent = _send_all(console, stack)
    wrong = []
    try:
        wait_until(lambda: is_settled(stack), _SETTLE_S, "the last action to end", every_s=0.3)
    except TimeoutError as late:
        wrong.append(f"all: {str(late).strip()}")
    found = outcomes(stack, sent)
    for outcome in found:
        wrong += [f"{outcome.mail.name}: {line}" for line in differences(outcome)]
    console.print(_table(found))
    for line in wrong:
        console.print(f"[bold red]DIFFERENCE[/]  {escape(line)}")
    stack.failed = bool(wrong)
    stack.tells = False  # here a person looks, who first wants the table
    if wrong:
        console.print(f"Logs, database and mailbox are kept in {stack.folder}")
    else:
        seconds = time.monotonic() - began
        console.print(f"[bold green]{len(found)} mails, all as expected[/] ({seconds:.0f} s)")
    if keep:
        _keep(console, stack)
    return 1 if wrong else 0


def _send_all(console: Console, stack: Stack) -> list[tuple[Mail, str]]:
    mails = demo_mails(stack.keys, f"{int(time.time())}.{os.getpid()}")
    bar = Progress(
        TextColumn("sending"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
    )
    sent = []
    with bar:
        task = bar.add_task("", total=len(mails))
        for mail in mails:
            bar.update(task, description=mail.name)
            reply = stack.send(mail)
            sent.append((mail, reply))
            bar.advance(task)
            colour = "green" if reply.startswith("2") else "yellow"
            console.print(f"  {mail.name:24} [{colour}]{escape(reply[:120])}[/]")
    return sent


def _table(found: list[Outcome]) -> Table:
    table = Table(title="What became of each mail")
    for heading in (
        "message",
        "verdict",
        "category",
        "decision",
        "ERP",
        "reply, or refused by SMTP",
    ):
        table.add_column(heading, overflow="fold")
    for outcome in found:
        table.add_row(*(escape(cell) for cell in _cells(outcome)))
    return table


def _cells(outcome: Outcome) -> tuple[str, ...]:
    name = outcome.mail.name
    if outcome.mail.expected.same_as and outcome.stored == 1:
        return name, "", "", f"same mail as {outcome.mail.expected.same_as}: nothing again", "", ""
    if not outcome.message:
        return name, "", "", "refused", "", outcome.smtp
    words = _OUTCOME_WORDS.get(outcome.outcome, outcome.outcome)
    reason = outcome.reasons[0].partition(":")[0] if outcome.reasons else ""
    if outcome.outcome == "review" and reason:
        words += f" ({reason})"
    answers = [f"{outcome.replies} reply to the sender"] if outcome.replies else []
    answers += ["forwarded to a colleague"] if outcome.forwards else []
    return (
        name,
        f"dmarc={outcome.dmarc}" + (f", {outcome.proven}" if outcome.proven else ", unproven"),
        f"{outcome.category} ({outcome.confidence:.2f})",
        words,
        "\n".join(f"{r.kind[:-1]} {r.id}" for r in outcome.erp),
        ", ".join(answers),
    )


def _keep(console: Console, stack: Stack) -> None:
    program = "python -m postroom" if "VIRTUAL_ENV" in os.environ else ".venv/bin/postroom"
    example = stack.folder / "example.eml"
    example.write_text(
        f"From: Kim <kim@{world.BAKERY.domain}>\nTo: {world.INFO}\nSubject: Order K-1\n\n"
        "Please send against our order K-1:\n\n"
        "  1. HX-M8-30   Hex bolt M8x30    100 pcs   @ 0.12\n"
    )
    console.print(
        f"""
[bold]All of it keeps running.[/] Send a mail of your own (edit the file as you like):

  curl -s --interface {world.BAKERY.address} \\
    smtp://127.0.0.1:{stack.postfix.world_port}/mx.{world.BAKERY.domain} \\
    --mail-from kim@{world.BAKERY.domain} --mail-rcpt {world.INFO} -T {example}

From {world.BAKERY.address} mail of @{world.BAKERY.domain} is authenticated; from another
address (--interface 127.0.0.66) it is not, and waits for a person.

Where to look:
  what waits for a person   {program} queue list --config {stack.configuration}
  the way of one message    {program} explain 1 --config {stack.configuration}
  is all as it should be    MAIL_CONFIG={stack.postfix.configuration} \\
                            {program} doctor --config {stack.configuration}
  the mailbox               {stack.maildir}
  the ERP                   {stack.erp.url}
  the metrics               http://127.0.0.1:{stack.metrics_port}/metrics
  replies that were sent    {stack.sent}
  logs                      {stack.log}, {stack.postfix.log}

Ctrl-C stops everything.""",
        markup=True,
        soft_wrap=True,
    )
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
