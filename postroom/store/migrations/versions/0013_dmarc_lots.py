"""Which messages are reported together, once they have been.

Revision 0013, after 0012.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    op.add_column(
        "dmarc_seen", sa.Column("lot", sa.Text(), nullable=False, server_default=sa.text("''"))
    )


def downgrade() -> None:
    """Removes it."""
    op.drop_column("dmarc_seen", "lot")
