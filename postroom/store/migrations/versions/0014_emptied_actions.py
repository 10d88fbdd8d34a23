"""Emptied messages lose what their actions, attempts and reviews still said of them.

Revision 0014, after 0013. Events of the time before keep theirs until they are deleted: rows of the
story are never changed.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_EMPTIED = "SELECT id FROM message WHERE size = 0"
_OPEN = "'pending', 'leased', 'waiting', 'held', 'dead'"
_THEIRS = {
    "action": f"message IN ({_EMPTIED})",
    "review": f"message IN ({_EMPTIED})",
    "attempt": f"action IN (SELECT id FROM action WHERE message IN ({_EMPTIED}))",
}


def upgrade() -> None:
    """Empties sequences that have ended, and cuts reasons to their token."""
    op.execute(
        f"UPDATE action SET sequence = '' WHERE sequence <> '' AND state NOT IN ({_OPEN}) "
        f"AND message IN ({_EMPTIED})"
    )
    place = "instr(reason, ': ')"
    if op.get_bind().dialect.name == "postgresql":
        place = "strpos(reason, ': ')"
    for table, theirs in _THEIRS.items():
        op.execute(
            f"UPDATE {table} SET reason = substr(reason, 1, {place} - 1) "
            f"WHERE {place} > 0 AND {theirs}"
        )


def downgrade() -> None:
    """Leaves it as it is: what is gone cannot be made again."""
