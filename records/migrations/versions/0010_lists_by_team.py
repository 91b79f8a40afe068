"""A care team's people with their tags, and its visits, are read from an index alone; the audit log is read by action."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_patient_care_team_id_id", "patient", ["care_team_id", "id", "tag"])
    op.create_index("ix_visit_booking_care_team_id_day_patient_id", "visit_booking", ["care_team_id", "day", "patient_id"])
    op.drop_index("ix_visit_booking_care_team_id_day", "visit_booking")
    op.create_index("ix_audit_action_at", "audit", ["action", "at", "chain", "seq"])


def downgrade() -> None:
    op.drop_index("ix_audit_action_at", "audit")
    op.create_index("ix_visit_booking_care_team_id_day", "visit_booking", ["care_team_id", "day"])
    op.drop_index("ix_visit_booking_care_team_id_day_patient_id", "visit_booking")
    op.drop_index("ix_patient_care_team_id_id", "patient")
