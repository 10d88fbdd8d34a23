"""Tables for DMARC aggregate reports: what is to be reported, what was, and what others report.

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    _outgoing()
    _incoming()


def downgrade() -> None:
    """Removes them."""
    for table in ("dmarc_row", "dmarc_report", "dmarc_dead", "dmarc_sent", "dmarc_seen"):
        op.drop_table(table)


def _outgoing() -> None:
    op.create_table(
        "dmarc_seen",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("source_ip", sa.String(45), nullable=False),
        sa.Column("header_from", sa.Text(), nullable=False),
        sa.Column("envelope_from", sa.Text(), nullable=False),
        sa.Column("disposition", sa.String(16), nullable=False),
        sa.Column("dkim", sa.String(8), nullable=False),
        sa.Column("spf", sa.String(8), nullable=False),
        sa.Column("override", sa.Text(), nullable=False),
        sa.Column("spf_domain", sa.Text(), nullable=False),
        sa.Column("spf_result", sa.String(16), nullable=False),
        sa.Column("signatures", sa.Text(), nullable=False),
        sa.Column("discovery", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dmarc_seen")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_dmarc_seen_at"), "dmarc_seen", ["at"])
    op.create_table(
        "dmarc_sent",
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('sending', 'sent', 'refused')", name=op.f("ck_dmarc_sent_state")
        ),
        sa.PrimaryKeyConstraint("report", "address", name=op.f("pk_dmarc_sent")),
    )
    op.create_index(op.f("ix_dmarc_sent_at"), "dmarc_sent", ["at"])
    op.create_table(
        "dmarc_dead",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_dmarc_dead")),
    )


def _incoming() -> None:
    op.create_table(
        "dmarc_report",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reporter", sa.Text(), nullable=False),
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("begins_at", sa.Float(), nullable=False),
        sa.Column("ends_at", sa.Float(), nullable=False),
        sa.Column("policy", sa.String(16), nullable=False),
        sa.Column("message", sa.Integer(), nullable=True),
        sa.Column("authenticated", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message"], ["message.id"], name=op.f("fk_dmarc_report_message"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dmarc_report")),
        sa.UniqueConstraint(
            "reporter",
            "report_id",
            "domain",
            name=op.f("uq_dmarc_report_reporter_report_id_domain"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_dmarc_report_domain_begins_at"), "dmarc_report", ["domain", "begins_at"]
    )
    op.create_index(op.f("ix_dmarc_report_message"), "dmarc_report", ["message"])
    op.create_table(
        "dmarc_row",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report", sa.Integer(), nullable=False),
        sa.Column("source_ip", sa.String(45), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("disposition", sa.String(16), nullable=False),
        sa.Column("dkim", sa.String(8), nullable=False),
        sa.Column("spf", sa.String(8), nullable=False),
        sa.Column("header_from", sa.Text(), nullable=False),
        sa.Column("envelope_from", sa.Text(), nullable=False),
        sa.Column("results", sa.Text(), nullable=False),
        sa.Column("override", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["report"], ["dmarc_report.id"], name=op.f("fk_dmarc_row_report"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dmarc_row")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_dmarc_row_report"), "dmarc_row", ["report"])
    op.create_index(op.f("ix_dmarc_row_source_ip"), "dmarc_row", ["source_ip"])
