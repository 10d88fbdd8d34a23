"""Whom a reply answered, beside its attempt, so that counting reads an index.

Revision 0009, after 0008.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_COLUMNS = ("author", "sender", "domain")


def upgrade() -> None:
    """Adds the columns and their indexes; replies that went before keep their place in them."""
    # No batch mode: copying the table would lose its triggers.
    for name in _COLUMNS:
        op.add_column(
            "attempt", sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''"))
        )
    _fill(op.get_bind())
    went = sa.text("committed_at IS NOT NULL")
    for name in _COLUMNS:
        op.create_index(
            op.f(f"ix_attempt_{name}_committed_at"),
            "attempt",
            [name, "committed_at"],
            sqlite_where=went,
            postgresql_where=went,
        )


def downgrade() -> None:
    """Undoes it."""
    for name in _COLUMNS:
        op.drop_index(op.f(f"ix_attempt_{name}_committed_at"), table_name="attempt")
    for name in _COLUMNS:
        op.drop_column("attempt", name)


def _fill(connection: sa.Connection) -> None:
    """From the body of the planned reply, which holds what the gates knew."""
    rows = connection.execute(
        sa.text(
            "SELECT attempt.id AS attempt, action.body AS body FROM attempt"
            " JOIN action ON action.id = attempt.action WHERE attempt.committed_at IS NOT NULL"
        )
    ).all()
    known = [_answers(row.attempt, json.loads(row.body)) for row in rows]
    if known:
        connection.execute(
            sa.text(
                "UPDATE attempt SET author = :author, sender = :sender, domain = :domain"
                " WHERE id = :attempt"
            ),
            known,
        )


def _answers(attempt: int, body: Any) -> dict[str, Any]:
    facts = body.get("facts", {}) if isinstance(body, dict) else {}
    return {
        "attempt": attempt,
        "author": str(facts.get("author", "")).casefold(),
        "sender": str(facts.get("sender", "")).casefold(),
        "domain": str(facts.get("aligned_with", "")),
    }
