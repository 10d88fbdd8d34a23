"""Actions per destination: found by their step, and one after the other where that matters.

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds `sequence`; the index by state and due time becomes one by state, step and due time."""
    # No batch mode: copying the table would lose its triggers.
    op.add_column(
        "action", sa.Column("sequence", sa.Text(), nullable=False, server_default=sa.text("''"))
    )
    used = sa.text("sequence <> ''")
    op.create_index(
        op.f("ix_action_sequence_id"),
        "action",
        ["sequence", "id"],
        sqlite_where=used,
        postgresql_where=used,
    )
    op.create_index(op.f("ix_action_state_step_due_at"), "action", ["state", "step", "due_at"])
    op.drop_index(op.f("ix_action_state_due_at"), table_name="action")


def downgrade() -> None:
    """Undoes it."""
    op.create_index(op.f("ix_action_state_due_at"), "action", ["state", "due_at"])
    op.drop_index(op.f("ix_action_state_step_due_at"), table_name="action")
    op.drop_index(op.f("ix_action_sequence_id"), table_name="action")
    op.drop_column("action", "sequence")
