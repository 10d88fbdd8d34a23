"""The sandbox as a fixture: the real Postfix, DNS, HTTP and `postroom serve`, one for a module."""

from collections.abc import Iterator

import pytest

from tests.conftest import FAILED
from tests.sandbox.stack import Stack


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A running stack; its folder stays, and its logs are printed, when a test failed."""
    with Stack() as running:
        yield running
        running.failed = request.node.stash.get(FAILED, False)
