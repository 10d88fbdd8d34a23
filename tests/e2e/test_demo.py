"""The demo's mails, with the demo's expectations: what scripts/demo shows is what is tested."""

import json
import time

import pytest

from tests.sandbox.outcome import Outcome, differences, is_settled, outcomes
from tests.sandbox.scenes import demo_mails
from tests.sandbox.stack import Stack
from tests.sandbox.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def found(stack: Stack) -> list[Outcome]:
    """What became of every mail; they are sent once for the whole module."""
    mails = demo_mails(stack.keys, f"{time.time_ns()}")
    sent = [(mail, stack.send(mail)) for mail in mails]
    wait_until(lambda: is_settled(stack), 60, "the last action to come to its end", stack.journal)
    return outcomes(stack, sent)


def test_every_mail_of_the_demo_ends_as_expected(found: list[Outcome]) -> None:
    assert len(found) >= 14
    wrong = {outcome.mail.name: differences(outcome) for outcome in found}
    assert {name: lines for name, lines in wrong.items() if lines} == {}


def test_a_message_is_explained_by_its_number(stack: Stack, found: list[Outcome]) -> None:
    reviewed = next(outcome for outcome in found if outcome.mail.name == "unproven-order")
    told = stack.cli("explain", str(reviewed.message), "--json")
    assert told.returncode == 0, told.stderr
    assert '"review"' in told.stdout


def test_what_waits_for_a_person_is_in_the_queue(stack: Stack, found: list[Outcome]) -> None:
    waiting = {outcome.mail.name for outcome in found if outcome.outcome == "review"}
    told = stack.cli("queue", "list", "--json")
    assert told.returncode == 0, told.stderr
    for outcome in found:
        if outcome.mail.name in waiting:
            assert outcome.mail.sender in told.stdout


def test_doctor_finds_no_fault_in_the_sandbox(stack: Stack) -> None:
    told = stack.cli("doctor", "--json")
    findings = [json.loads(line) for line in told.stdout.splitlines()]
    assert [finding for finding in findings if finding["state"] == "fault"] == []
    # The sandbox signs nothing, and may lie in memory.
    warned = [finding["what"] for finding in findings if finding["state"] == "warning"]
    assert [what for what in warned if "DKIM" not in what and "in memory" not in what] == []
    assert told.returncode == 0, told.stderr
