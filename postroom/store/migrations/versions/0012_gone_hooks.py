"""Webhooks that said they are gone.

Revision 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "gone_hook",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.String(64), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_gone_hook")),
    )


def downgrade() -> None:
    """Removes it."""
    op.drop_table("gone_hook")
