"""A person's word on webhooks: calls that gave up are dropped, one that was gone is told again.

In: who says so. Out: changes that are durable together with their row in the audit log. What a
webhook was not told while it was gone stays untold.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from .actions import desk
from .audit import AuditLog
from .config import Config
from .decision import Step
from .failure import PermanentFailure
from .store import gonehooks
from .store.engine import Database

_AT_ONCE = 500  # calls in one transaction, so that mail is not kept waiting for its turn


class Caller:
    """The webhooks of one installation."""

    def __init__(self, config: Config, database: Database) -> None:
        self._database = database
        self._audit = AuditLog(config)

    @classmethod
    @contextmanager
    def of(cls, config: Config) -> Iterator["Caller"]:
        """A caller at the installation's database."""
        database = Database(config.store_url)
        try:
            yield cls(config, database)
        finally:
            database.close()

    def drop_dead(self, who: str, reason: str = "") -> int:
        """Drops every call that gave up; how many. Several transactions, each told."""
        dropped, last = 0, _AT_ONCE
        while last == _AT_ONCE:
            now = datetime.now(UTC)
            with self._audit.recording(self._database) as recording:
                connection = recording.connection
                last = desk.drop_dead(connection, Step.WEBHOOK, _AT_ONCE, now, who, reason)
                if last:
                    recording.tell(now, who, "drop", "webhooks", calls=last, reason=reason)
            dropped += last
        return dropped

    def resume(self, name: str, who: str, reason: str = "") -> None:
        """Tells a webhook that said it is gone (410) what happens from now on.

        Raises PermanentFailure(hook-not-gone).
        """
        now = datetime.now(UTC)
        with self._audit.recording(self._database) as recording:
            if not gonehooks.forget(recording.connection, name):
                raise PermanentFailure("hook-not-gone", ValueError(name))
            recording.tell(now, who, "resume", f"webhook {name}", reason=reason)
