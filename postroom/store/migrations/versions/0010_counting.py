"""The indexes that count replies hold all that is asked, so that counting reads no row.

Revision 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INDEXES = (["committed_at"], ["domain", "committed_at"])
_ASKED = ["outcome", "action"]


def upgrade() -> None:
    """Makes them again, longer."""
    for columns in _INDEXES:
        _drop(columns)
        _create([*columns, *_ASKED])


def downgrade() -> None:
    """Undoes it."""
    for columns in _INDEXES:
        _drop([*columns, *_ASKED])
        _create(columns)


def _drop(columns: list[str]) -> None:
    op.drop_index(op.f(f"ix_attempt_{'_'.join(columns)}"), table_name="attempt")


def _create(columns: list[str]) -> None:
    went = sa.text("committed_at IS NOT NULL")
    op.create_index(
        op.f(f"ix_attempt_{'_'.join(columns)}"),
        "attempt",
        columns,
        sqlite_where=went,
        postgresql_where=went,
    )
