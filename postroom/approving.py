"""A person's word on reply templates: seen, approved, revoked.

In: a template's title such as "order-confirmation.de", and who asks. Out: plain dicts for the
command line and the API; approvals that are durable together with their row in the audit log.
Approving takes the digest that the person has seen, where it is given: a file edited in between
is not what they agreed to.
"""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from .actions import approvals
from .actions.wording import Wording, all_of, exact
from .audit import AuditLog
from .config import Config
from .failure import PermanentFailure
from .store.engine import Database


class Approver:
    """Templates of one installation, and what people said about them."""

    def __init__(self, config: Config, database: Database) -> None:
        self._config = config
        self._database = database
        self._audit = AuditLog(config)

    @classmethod
    @contextmanager
    def of(cls, config: Config) -> Iterator["Approver"]:
        """An approver at the installation's database."""
        database = Database(config.store_url)
        try:
            yield cls(config, database)
        finally:
            database.close()

    def templates(self) -> list[dict[str, Any]]:
        """Every template there is, and whether replies may be written with it."""
        with self._database.reading() as connection:
            return [
                self._row(wording, approvals.standing(connection, wording, self._config.reply))
                for wording in all_of(self._config.reply)
            ]

    def template(self, title: str) -> dict[str, Any]:
        """One template: its texts now, every text decided on, and what changed since the last.

        Raises PermanentFailure(no-such-template).
        """
        wording = self._wording(title)
        with self._database.reading() as connection:
            row = self._row(wording, approvals.standing(connection, wording, self._config.reply))
            decided = approvals.history(connection, wording.name, wording.language)
        last = decided[-1] if decided else {"text": wording.text, "html": wording.html}
        changes = {part: _changes(last[part], getattr(wording, part)) for part in ("text", "html")}
        versions = [
            {name: value for name, value in version.items() if name not in ("text", "html")}
            for version in decided
        ]
        texts = {"text": wording.text, "html": wording.html}
        return row | {"versions": versions, "changes": changes} | texts

    def approve(self, title: str, who: str, digest: str = "") -> int:
        """Lets replies be written with the template as it is now; its version.

        Raises PermanentFailure(no-such-template, already-approved, or template-changed when its
        digest does not begin with the one given).
        """
        return self._decide("approve", title, who, digest)

    def revoke(self, title: str, who: str, digest: str = "") -> int:
        """Lets no reply be written with the template as it is now; its version.

        Raises as `approve`, with already-revoked.
        """
        return self._decide("revoke", title, who, digest)

    def _decide(self, verb: str, title: str, who: str, digest: str) -> int:
        wording = self._wording(title)
        if not wording.digest.startswith(digest.lower()):
            raise PermanentFailure("template-changed", ValueError(f"it is {wording.digest} now"))
        now = datetime.now(UTC)
        decide = approvals.approve if verb == "approve" else approvals.revoke
        with self._audit.recording(self._database) as recording:
            version = decide(recording.connection, wording, now, who)
            facts = {"digest": wording.digest, "version": version}
            recording.tell(now, who, f"template-{verb}", f"template {title}", **facts)
        return version

    def _wording(self, title: str) -> Wording:
        name, _, language = title.rpartition(".")
        wording = exact(name, language, self._config.reply)
        if wording is None:
            raise PermanentFailure("no-such-template", LookupError(title))
        return wording

    def _row(self, wording: Wording, standing: approvals.Standing) -> dict[str, Any]:
        return {
            "template": wording.title,
            "state": standing.state,
            "may_be_used": standing.state in approvals.MAY_BE_USED,
            "version": standing.version,
            "digest": wording.digest,
            "html": bool(wording.html),
            "decided_by": standing.decided_by,
            "decided_at": standing.decided_at.isoformat() if standing.decided_at else "",
        }


def _changes(before: str, after: str) -> list[str]:
    """The lines that differ, as a unified diff without its heading."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    return list(lines)[2:]
