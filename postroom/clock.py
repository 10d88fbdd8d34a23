"""Time as an argument: everything that asks what time it is takes a `Clock`.

In: nothing. Out: aware UTC datetimes. Tests pass a clock they advance by hand; the service
passes `SystemClock`. Pure modules take a `datetime` instead and read no clock at all.
"""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)
