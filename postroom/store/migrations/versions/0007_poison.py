"""Messages that nobody could take, counted until they are parked.

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "poison",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_poison")),
    )
    op.create_index(op.f("ix_poison_last_at"), "poison", ["last_at"])


def downgrade() -> None:
    """Removes it."""
    op.drop_table("poison")
