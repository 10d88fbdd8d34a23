"""Kill -9 at random moments: the short form of scripts/soak."""

import random

import pytest

from tests.sandbox.soak import ATTEMPTS, soak
from tests.sandbox.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_no_mail_is_lost_and_no_order_doubled_while_postroom_is_killed() -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    with Stack(attempts=ATTEMPTS) as stack:
        report = soak(stack, mails=40, kills=6, seed=seed)
        stack.failed = bool(report.problems)
    print("\n".join(report.lines()))
    assert report.problems == []
    assert report.kills.total() >= 5
    assert report.accepted == report.stored == report.orders == 40
