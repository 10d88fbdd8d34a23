"""Waiting for a condition instead of for a time."""

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], bool],
    timeout_s: float,
    what: str,
    explain: Callable[[], str] = lambda: "",
    *,
    every_s: float = 0.05,
) -> None:
    """Returns when the condition holds. Raises TimeoutError naming what was waited for."""
    until = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {timeout_s:.0f} s for {what}\n{explain()}".rstrip())
        time.sleep(every_s)
