"""A changed configuration is taken into use, three times, while mail comes in: no mail waits."""

import itertools
import json
import os
import signal
import smtplib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.mails import Mail
from tests.sandbox.outcome import is_settled, outcomes
from tests.sandbox.postfix import LOOPBACK
from tests.sandbox.soak import order_mails
from tests.sandbox.stack import Stack
from tests.sandbox.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_MAILS = 600
_EVERY_S = 0.25  # for each sender
_IN_ONE_SESSION = 6
_CHANGES = ('[log]\nlevel = "debug"\n', "[reading]\nworkers = 1\n", "[canary]\n")


class Senders:
    """Two mail servers that send one mail after the other until they are told to end."""

    def __init__(self, stack: Stack, mails: list[Mail]) -> None:
        self._stack = stack
        self._mails = iter(mails)
        self._lock = threading.Lock()
        self.sent: list[tuple[Mail, str]] = []
        self.enough = threading.Event()

    def send(self, in_one_session: int) -> None:
        """Sends so many mails in each SMTP session, with a pause after each."""
        while batch := self._next(in_one_session):
            party = batch[0].party
            with smtplib.SMTP(
                LOOPBACK,
                self._stack.postfix.world_port,
                local_hostname=f"mx.{party.domain}",
                source_address=(party.address, 0),
                timeout=60,
            ) as client:
                client.ehlo()
                for mail in batch:
                    self.sent.append((mail, self._reply(client, mail)))
                    self.enough.wait(_EVERY_S)

    def _next(self, count: int) -> list[Mail]:
        with self._lock:
            return [] if self.enough.is_set() else list(itertools.islice(self._mails, count))

    def _reply(self, client: smtplib.SMTP, mail: Mail) -> str:
        try:
            client.sendmail(mail.sender, mail.recipients, mail.raw)
        except (smtplib.SMTPException, OSError) as refused:
            return repr(refused)
        return "250"


def _wait_until_replaced(stack: Stack, times: int) -> None:
    def is_replaced() -> bool:
        started = _started(stack)
        return [started[part] for part in ("milter", "lmtp", "worker")] == [times] * 3

    wait_until(is_replaced, 60, "the parts to be replaced", stack.journal)


def _wait_for_more(senders: Senders) -> None:
    sent = len(senders.sent) + 2 * _IN_ONE_SESSION
    wait_until(lambda: len(senders.sent) >= sent, 60, "mail to go on")


def _started(stack: Stack) -> Counter[str]:
    lines = stack.log.read_text().splitlines()
    events = (json.loads(line) for line in lines if line.startswith("{"))
    return Counter(event["part"] for event in events if event["event"] == "started")


def test_three_changes_of_the_configuration_make_no_mail_wait_or_come_twice() -> None:
    with Stack() as stack, ThreadPoolExecutor(2) as pool:
        before = len(stack.postfix.log.read_text())  # it looked for the milter until that was up
        senders = Senders(stack, order_mails(stack, _MAILS, "reload"))
        try:
            futures = [pool.submit(senders.send, count) for count in (1, _IN_ONE_SESSION)]
            for number, change in enumerate(_CHANGES, start=2):
                with stack.configuration.open("a") as configuration:
                    configuration.write(change)
                os.kill(stack.serve.pid, signal.SIGHUP)
                _wait_until_replaced(stack, number)
                _wait_for_more(senders)
        finally:
            senders.enough.set()
        for future in futures:
            future.result(60)
        wait_until(lambda: is_settled(stack), 120, "all to be quiet", stack.journal, every_s=0.3)
        found = outcomes(stack, senders.sent)
        stack.failed = True  # until all of the following holds
        assert {reply for _, reply in senders.sent} == {"250"}
        postfix = stack.postfix.log.read_text()[before:]
        assert "status=deferred" not in postfix
        assert "milter-reject" not in postfix
        assert "451" not in {word.strip(":,") for word in postfix.split()}
        assert {(end.stored, len(end.erp)) for end in found} == {(1, 1)}
        assert "part-died" not in stack.log.read_text()
        stack.failed = False
        print(f"{len(found)} mails")
