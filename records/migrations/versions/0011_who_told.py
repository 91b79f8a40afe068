"""Of each event, who told it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("event", sa.Column("told_by", sa.String(length=40), nullable=True))


def downgrade() -> None:
    op.drop_column("event", "told_by")
