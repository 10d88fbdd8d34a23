"""What emptied messages are recognised by.

Revision 0011, after 0010. Nothing is known any more of those emptied before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "emptied",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("message", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message"],
            ["message.id"],
            name=op.f("fk_emptied_message"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("digest", "message", name=op.f("pk_emptied")),
    )
    op.create_index(op.f("ix_emptied_message"), "emptied", ["message"])


def downgrade() -> None:
    """Removes it."""
    op.drop_table("emptied")
