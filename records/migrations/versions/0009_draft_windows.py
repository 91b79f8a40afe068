"""Windows in which a draft is open, with what was typed there and is not saved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ID = sa.String(40)


def upgrade() -> None:
    op.create_table(
        "draft_window",
        sa.Column("draft_id", ID, nullable=False),
        sa.Column("by", ID, nullable=False),
        sa.Column("window_id", ID, nullable=False),
        sa.Column("seen", sa.DateTime(), nullable=False),
        sa.Column("edit", sa.Integer(), nullable=False),
        sa.Column("typed", sa.String(), nullable=True),
        sa.Column("kept", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["draft_id"], ["pathway_draft.id"], name=op.f("fk_draft_window_draft_id_pathway_draft")),
        sa.PrimaryKeyConstraint("draft_id", "by", "window_id", name=op.f("pk_draft_window")),
    )


def downgrade() -> None:
    op.drop_table("draft_window")
