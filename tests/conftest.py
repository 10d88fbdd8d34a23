"""What every test may rely on: a failed test is known to its fixtures when they clean up."""

from collections.abc import Generator

import pytest

FAILED = pytest.StashKey[bool]()


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
