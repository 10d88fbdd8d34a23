"""A short form of the hour's soak: under a steady rate of orders nothing grows.

The long form is `scripts/bench path --rate 50 --seconds 3600`. Halves of one run are compared with
each other, so that a slow machine is slow in both; how fast it is, no test judges.
"""

from statistics import median

import pytest
from rich.progress import Progress

from tests.sandbox.bench_path import Slice, run
from tests.sandbox.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_RATE = 3.0  # mails a second: a fraction of what one core carries
_SECONDS = 24.0


def test_neither_memory_nor_latency_grows_under_a_steady_rate() -> None:
    with Stack() as stack, Progress(disable=True) as bar:
        found = run(stack, rate=_RATE, seconds=_SECONDS, slices=4, bar=bar)
    assert sum(one.sent for one in found) == _RATE * _SECONDS
    earlier, later = found[:2], found[2:]
    # Caches may still fill; what every mail left behind by the megabyte would show.
    assert later[-1].memory_mb < 1.15 * earlier[-1].memory_mb, found
    # A backlog would make the later orders wait for all that came before them.
    assert _wait(later) < max(4 * _wait(earlier), 1.0), found


def _wait(slices: list[Slice]) -> float:
    """The median of seconds from "250" to the order in the ERP."""
    return median(wait for one in slices for wait in one.from_accept)
