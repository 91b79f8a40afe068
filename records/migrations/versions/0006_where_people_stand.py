"""Where people stand with their follow-ups, beside their sealed state: so that those who are being lost are found, and counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ACTIVE = sa.text("life = 'active'")
UNREACHABLE = sa.text("reach = 'unreachable'")
UNWRITTEN = sa.text("standing = 0 AND last_step > 0")
#: Index, columns, and of whom.
INDEXES = (
    ("ix_patient_follow_up_due", ["follow_up_due", "id"], ACTIVE),
    ("ix_patient_team_follow_up_due", ["care_team_id", "follow_up_due", "id"], ACTIVE),
    ("ix_patient_last_visit", ["last_visit", "id"], ACTIVE),
    ("ix_patient_team_last_visit", ["care_team_id", "last_visit", "id"], ACTIVE),
    ("ix_patient_unreachable", ["care_team_id", "id"], UNREACHABLE),
    ("ix_patient_unwritten", ["id"], UNWRITTEN),
)


def upgrade() -> None:
    op.add_column("patient", sa.Column("follow_up_due", sa.Date(), nullable=True))
    op.add_column("patient", sa.Column("last_visit", sa.Date(), nullable=True))
    op.add_column("patient", sa.Column("standing", sa.Integer(), nullable=False, server_default="0"))
    for name, columns, where in INDEXES:
        op.create_index(name, "patient", columns, unique=False, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name, _, where in reversed(INDEXES):
        op.drop_index(name, table_name="patient", sqlite_where=where, postgresql_where=where)
    for column in ("standing", "last_visit", "follow_up_due"):
        op.drop_column("patient", column)
