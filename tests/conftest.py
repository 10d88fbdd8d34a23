"""What every test may rely on: its failure known to fixtures that clean up, a log of its own."""

from collections.abc import Generator, Iterator

import hypothesis
import pytest
import structlog

# No example has a time of its own: tests also run on slow and loaded machines.
hypothesis.settings.register_profile("postroom", deadline=None)
hypothesis.settings.load_profile("postroom")

FAILED = pytest.StashKey[bool]()


@pytest.fixture(autouse=True)
def _log_goes_nowhere_else_afterwards() -> Iterator[None]:
    """A command run inside a test points the log at its own output, which is then closed."""
    yield
    structlog.reset_defaults()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names long octets by their place: gzip, for one, has the time in it, and names must last."""
    return argname if isinstance(val, bytes) and len(val) > 30 else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remembers a failure on the test and on its module, so that evidence can be kept."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
        module = item.getparent(pytest.Module)
        if module is not None:
            module.stash[FAILED] = True
    return report
