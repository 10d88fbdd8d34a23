"""A short form of the random schedules; scripts/soak --schedules runs them at full length."""

import pytest

from tests.sandbox import schedules, tryton_schedules

pytestmark = pytest.mark.slow


def test_random_schedules_against_the_sandbox() -> None:
    found = schedules.rest(range(1, 13))
    assert found.wrong == []
    assert found.orders >= 12


def test_random_schedules_of_killed_processes_against_tryton() -> None:
    found = tryton_schedules.tryton(range(1, 3))
    assert found.wrong == []
