"""The first tables, and the triggers that guard every transition.

Revision 0001, after nothing. A revision is history: it repeats what schema.py said when it was
written and imports nothing of ours, so that it does the same in ten years. For the same reason
the transitions stand here again; tests/store hold the two together. There is no way down
(upgrade.py says why), hence no `downgrade`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TRANSITIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "action": {
        "pending": ("leased", "held", "dropped"),
        "leased": ("done", "waiting", "dead", "pending", "dropped"),
        "waiting": ("leased", "held", "dropped", "pending"),
        "held": ("pending", "dropped"),
        "dead": ("pending", "dropped"),
    },
    "review": {"waiting": ("approved", "rejected")},
}


def upgrade() -> None:
    """Makes the tables, then their triggers."""
    _message_tables()
    _action_tables()
    _story_tables()
    for table, transitions in _TRANSITIONS.items():
        _guard_transitions(table, transitions)
    _guard_story()


def _message_tables() -> None:
    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("queue_id", sa.String(64), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("received_at", sa.Float(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("classification", sa.Text(), nullable=False),
        sa.Column("order", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("digest", name=op.f("uq_message_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_message_received_at"), "message", ["received_at"])
    op.create_index(op.f("ix_message_message_id"), "message", ["message_id"])
    op.create_index(op.f("ix_message_author_order_number"), "message", ["author", "order_number"])
    op.create_table(
        "delivery",
        sa.Column("message", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message"], ["message.id"], name=op.f("fk_delivery_message"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message", "recipient", name=op.f("pk_delivery")),
    )


def _action_tables() -> None:
    op.create_table(
        "action",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(36), nullable=False),
        sa.Column("step", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("after", sa.String(36), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'leased', 'waiting', 'held', 'done', 'dead', 'dropped')",
            name=op.f("ck_action_state"),
        ),
        sa.CheckConstraint(
            "(state = 'leased') = (lease_until IS NOT NULL)", name=op.f("ck_action_lease")
        ),
        sa.CheckConstraint(
            "(state IN ('done', 'dead', 'dropped')) = (finished_at IS NOT NULL)",
            name=op.f("ck_action_finished"),
        ),
        sa.ForeignKeyConstraint(["message"], ["message.id"], name=op.f("fk_action_message")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_action")),
        sa.UniqueConstraint("key", name=op.f("uq_action_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_action_state_due_at"), "action", ["state", "due_at"])
    op.create_index(op.f("ix_action_message"), "action", ["message"])
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("action", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("committed_at", sa.Float(), nullable=True),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("outcome", sa.String(16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "outcome IS NULL OR outcome IN ('done', 'temporary', 'permanent', 'lost')",
            name=op.f("ck_attempt_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["action"], ["action.id"], name=op.f("fk_attempt_action"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("action", "number", name=op.f("uq_attempt_action_number")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_attempt_committed_at"),
        "attempt",
        ["committed_at"],
        sqlite_where=sa.text("committed_at IS NOT NULL"),
        postgresql_where=sa.text("committed_at IS NOT NULL"),
    )


def _story_tables() -> None:
    op.create_table(
        "review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("decided_at", sa.Float(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'approved', 'rejected')", name=op.f("ck_review_state")
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (decided_at IS NULL)", name=op.f("ck_review_decided")
        ),
        sa.ForeignKeyConstraint(["message"], ["message.id"], name=op.f("fk_review_message")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint("message", name=op.f("uq_review_message")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_review_state_created_at"), "review", ["state", "created_at"])
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("message", sa.Integer(), nullable=True),
        sa.Column("action", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("old", sa.String(16), nullable=False),
        sa.Column("new", sa.String(16), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message"], ["message.id"], name=op.f("fk_event_message"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["action"], ["action.id"], name=op.f("fk_event_action"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_event_message"), "event", ["message"])
    op.create_index(op.f("ix_event_action"), "event", ["action"])


def _guard_transitions(table: str, transitions: dict[str, tuple[str, ...]]) -> None:
    allowed = " OR ".join(
        f"(OLD.state = '{old}' AND NEW.state IN ({', '.join(repr(new) for new in targets)}))"
        for old, targets in transitions.items()
    )
    _refuse_update(
        f"{table}_transition",
        table,
        of="OF state ",
        when=f"OLD.state <> NEW.state AND NOT ({allowed})",
        text=f"{table}: no such transition",
    )


def _guard_story() -> None:
    # Deleting stays possible: retention removes a message together with its events.
    _refuse_update(
        "event_append_only", "event", of="", when="1 = 1", text="event: rows are never changed"
    )


def _refuse_update(name: str, table: str, *, of: str, when: str, text: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE UPDATE {of}ON {table} FOR EACH ROW WHEN {when} "
            f"BEGIN SELECT RAISE(ABORT, '{text}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION '{text}' USING ERRCODE = 'check_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {name} BEFORE UPDATE {of}ON {table} FOR EACH ROW WHEN ({when}) "
        f"EXECUTE FUNCTION {name}()"
    )
