"""The work that patients will bring, by day, so that the load of the weeks ahead is counted and nobody is opened for it; and lists
of people that somebody sent to have enrolled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CODE, ID = sa.String(60), sa.String(40)
#: Index and columns.
INDEXES = (
    ("ix_work_ahead_kind_day", ["kind", "day", "patient_id"]),
    ("ix_work_ahead_care_team_id_kind_day", ["care_team_id", "kind", "day", "patient_id"]),
)


def upgrade() -> None:
    op.add_column("patient", sa.Column("looked_ahead", sa.Date(), nullable=False, server_default="1970-01-01"))
    op.create_index("ix_patient_looked_ahead", "patient", ["looked_ahead", "id"], unique=False)
    op.create_table(
        "work_ahead",
        sa.Column("patient_id", ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", CODE, nullable=False),
        sa.Column("care_team_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_work_ahead_patient_id_patient")),
        sa.ForeignKeyConstraint(["care_team_id"], ["care_team.id"], name=op.f("fk_work_ahead_care_team_id_care_team")),
        sa.PrimaryKeyConstraint("patient_id", "day", "kind", name=op.f("pk_work_ahead")),
    )
    for name, columns in INDEXES:
        op.create_index(name, "work_ahead", columns, unique=False)
    op.create_table(
        "roster_upload",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner", ID, nullable=False),
        sa.Column("status", CODE, nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("lines", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_upload")),
    )
    op.create_index("ix_roster_upload_owner_at", "roster_upload", ["owner", "at"], unique=False)
    op.create_index("ix_roster_upload_at", "roster_upload", ["at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_roster_upload_at", table_name="roster_upload")
    op.drop_index("ix_roster_upload_owner_at", table_name="roster_upload")
    op.drop_table("roster_upload")
    for name, _ in reversed(INDEXES):
        op.drop_index(name, table_name="work_ahead")
    op.drop_table("work_ahead")
    op.drop_index("ix_patient_looked_ahead", table_name="patient")
    op.drop_column("patient", "looked_ahead")
