"""A clock that stands still where a test puts it."""

from datetime import UTC, datetime


class FixedClock:
    """A `Clock` that always says the same."""

    def __init__(self, seconds: float = 1_760_000_000) -> None:
        self.moment = datetime.fromtimestamp(seconds, UTC)

    def now(self) -> datetime:
        return self.moment
