"""An index of the leases alone, which are few in an outbox of any size.

Revision 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the index."""
    leased = sa.text("lease_until IS NOT NULL")
    op.create_index(
        op.f("ix_action_lease_until"),
        "action",
        ["lease_until"],
        sqlite_where=leased,
        postgresql_where=leased,
    )


def downgrade() -> None:
    """Removes it."""
    op.drop_index(op.f("ix_action_lease_until"), table_name="action")
