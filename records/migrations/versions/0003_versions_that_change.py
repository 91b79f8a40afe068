"""The life of a version: drafts, deeds, rollouts and forecasts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RUNNING = sa.text("status IN ('running', 'paused')")


def upgrade() -> None:
    op.create_table(
        "forecast",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("pathway", sa.String(length=60), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("status", sa.String(length=60), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("problem", sa.String(length=500), nullable=False),
        sa.Column("ended", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forecast")),
    )
    op.create_index("ix_forecast_pathway_at", "forecast", ["pathway", "at", "id"], unique=False)
    op.create_index("ix_forecast_status_at", "forecast", ["status", "at"], unique=False)
    op.create_table(
        "pathway_deed",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("pathway", sa.String(length=60), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("about", sa.String(length=40), nullable=False),
        sa.Column("did", sa.String(length=60), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("why", sa.String(length=2000), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pathway_deed")),
    )
    op.create_index("ix_pathway_deed_pathway_id", "pathway_deed", ["pathway", "id"], unique=False)
    op.create_table(
        "pathway_draft",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("pathway", sa.String(length=60), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("based_on", sa.String(length=64), nullable=False),
        sa.Column("why", sa.String(length=2000), nullable=False),
        sa.Column("status", sa.String(length=60), nullable=False),
        sa.Column("author", sa.String(length=40), nullable=False),
        sa.Column("approved_by", sa.String(length=40), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.Column("edit", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pathway_draft")),
    )
    op.create_index("ix_pathway_draft_pathway_changed", "pathway_draft", ["pathway", "changed", "id"], unique=False)
    op.create_table(
        "rollout",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("pathway", sa.String(length=60), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("policy", sa.String(length=60), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("pause_s", sa.Integer(), nullable=False),
        sa.Column("sms_per_day", sa.Integer(), nullable=True),
        sa.Column("undoes", sa.String(length=40), nullable=True),
        sa.Column("former", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=60), nullable=False),
        sa.Column("held", sa.String(length=60), nullable=False),
        sa.Column("after", sa.String(length=40), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("why", sa.String(length=2000), nullable=False),
        sa.Column("started", sa.DateTime(), nullable=False),
        sa.Column("ended", sa.DateTime(), nullable=True),
        sa.Column("edit", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollout")),
    )
    op.create_index("ix_rollout_pathway_started", "rollout", ["pathway", "started", "id"], unique=False)
    op.create_index(
        "ix_rollout_running",
        "rollout",
        ["id"],
        unique=False,
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.create_table(
        "rollout_patient",
        sa.Column("rollout_id", sa.String(length=40), nullable=False),
        sa.Column("patient_id", sa.String(length=40), nullable=False),
        sa.Column("came_from", sa.String(length=64), nullable=False),
        sa.Column("fit", sa.String(length=60), nullable=False),
        sa.Column("why", sa.String(length=400), nullable=False),
        sa.Column("status", sa.String(length=60), nullable=False),
        sa.Column("sms", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_rollout_patient_patient_id_patient")),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name=op.f("fk_rollout_patient_rollout_id_rollout")),
        sa.PrimaryKeyConstraint("rollout_id", "patient_id", name=op.f("pk_rollout_patient")),
    )
    op.create_index("ix_rollout_patient_patient_id", "rollout_patient", ["patient_id", "status"], unique=False)
    op.create_index("ix_rollout_patient_rollout_id_at", "rollout_patient", ["rollout_id", "at"], unique=False)
    op.create_index("ix_rollout_patient_rollout_id_status", "rollout_patient", ["rollout_id", "status", "patient_id"], unique=False)
    op.add_column("pathway_version", sa.Column("approved_by", sa.String(length=40), nullable=False, server_default=""))
    op.add_column("pathway_version", sa.Column("why", sa.String(length=2000), nullable=False, server_default=""))
    op.add_column("pathway_version", sa.Column("retired", sa.DateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("pathway_version", "retired")
    op.drop_column("pathway_version", "why")
    op.drop_column("pathway_version", "approved_by")
    op.drop_index("ix_rollout_patient_rollout_id_status", table_name="rollout_patient")
    op.drop_index("ix_rollout_patient_rollout_id_at", table_name="rollout_patient")
    op.drop_index("ix_rollout_patient_patient_id", table_name="rollout_patient")
    op.drop_table("rollout_patient")
    op.drop_index(
        "ix_rollout_running",
        table_name="rollout",
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.drop_index("ix_rollout_pathway_started", table_name="rollout")
    op.drop_table("rollout")
    op.drop_index("ix_pathway_draft_pathway_changed", table_name="pathway_draft")
    op.drop_table("pathway_draft")
    op.drop_index("ix_pathway_deed_pathway_id", table_name="pathway_deed")
    op.drop_table("pathway_deed")
    op.drop_index("ix_forecast_status_at", table_name="forecast")
    op.drop_index("ix_forecast_pathway_at", table_name="forecast")
    op.drop_table("forecast")
