"""One part is down: mail waits where it is safe, and nothing is lost when the part comes back."""

import itertools
import time
from collections.abc import Iterator

import pytest

from tests.conftest import FAILED
from tests.sandbox.mails import Mail
from tests.sandbox.outcome import Outcome, differences, is_settled, outcomes
from tests.sandbox.soak import order_mails
from tests.sandbox.stack import Stack
from tests.sandbox.waiting import wait_until

_NUMBERS = itertools.count(1)

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def parts(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A stack whose parts run on their own, so that one can be away."""
    with Stack(attempts=20, separate=True) as running:
        yield running
        running.failed = request.node.stash.get(FAILED, False)


@pytest.fixture
def mail(parts: Stack) -> Mail:
    """An order that nobody sent before; a number that came before would wait for a person."""
    return order_mails(parts, 1, "trouble", first=next(_NUMBERS))[0]


def _end(stack: Stack, mail: Mail, reply: str) -> Outcome:
    wait_until(lambda: is_settled(stack), 60, "all to be quiet", stack.journal)
    return outcomes(stack, [(mail, reply)])[0]


def test_mail_waits_in_postfix_while_lmtp_is_down(parts: Stack, mail: Mail) -> None:
    parts.stop_part("lmtp")
    reply = parts.send(mail)
    assert reply.startswith("250")
    wait_until(
        lambda: [entry["queue_name"] for entry in parts.postfix.queue()] == ["deferred"],
        20,
        "Postfix to defer the mail",
        parts.journal,
    )
    parts.start_part("lmtp")
    assert differences(_end(parts, mail, reply)) == []


def test_smtp_says_come_again_while_the_milter_is_down(parts: Stack, mail: Mail) -> None:
    parts.stop_part("milter")
    assert parts.send(mail).startswith("451")
    parts.start_part("milter")
    parts.wait_until_ready()
    assert differences(_end(parts, mail, parts.send(mail))) == []


def test_actions_wait_while_the_erp_is_down(parts: Stack, mail: Mail) -> None:
    parts.erp.stop()
    try:
        reply = parts.send(mail)
        assert reply.startswith("250")
        wait_until(
            lambda: "waiting" in parts.action_states(mail.message_id),
            30,
            "an attempt to fail",
            parts.journal,
        )
    finally:
        parts.erp.start()
    assert differences(_end(parts, mail, reply)) == []


def test_dead_dns_is_answered_in_time_and_a_person_decides(parts: Stack, mail: Mail) -> None:
    parts.dns.dead = True
    parts.stop_part("milter")  # what DNS said before is in its memory
    parts.start_part("milter")
    parts.wait_until_ready()
    try:
        began = time.monotonic()
        reply = parts.send(mail)
        assert time.monotonic() - began < 15
        assert reply.startswith("250")
        end = _end(parts, mail, reply)
    finally:
        parts.dns.dead = False
    assert end.dmarc == "temperror"
    assert end.outcome == "review"
    assert end.erp == ()
    assert end.replies == 0
