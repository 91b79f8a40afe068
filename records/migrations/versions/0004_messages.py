"""Messages: each try of a message in a table of its own, consent, numbers, holds, traffic and alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

OPEN_ALERT = sa.text("cleared IS NULL")

#: What a delivery said of its last try. No channel was kept then: an empty name is the one that was set.
TRIES = """
INSERT INTO attempt (id, patient_id, key, number, channel, at, status, reason, provider_id, currency, arrived, asked, sealed)
SELECT attempt, patient_id, key, CASE WHEN attempts < 1 THEN 1 ELSE attempts END, '', COALESCE(attempted_at, planned),
       CASE status WHEN 'attempting' THEN 'begun' WHEN 'handed' THEN 'taken' WHEN 'unknown' THEN 'unknown'
                   WHEN 'planned' THEN 'not_taken' WHEN 'dropped' THEN 'not_taken' ELSE 'refused' END,
       CASE status WHEN 'failed' THEN reason ELSE '' END, provider_id, '', '', 0, sealed_attempt
FROM delivery WHERE attempt IS NOT NULL AND sealed_attempt IS NOT NULL
"""
#: Closures and stock of before are to be seen by whoever makes a plan.
SUPPLY = """
INSERT INTO network_supply (network_id, edits)
SELECT id, 1 FROM organisation WHERE id IN (SELECT network_id FROM organisation)
"""
LAST_TRY = """
UPDATE delivery SET (attempt, attempted_at, sealed_attempt, provider_id) = (
    SELECT a.id, a.at, a.sealed, a.provider_id FROM attempt AS a
    WHERE a.patient_id = delivery.patient_id AND a.key = delivery.key ORDER BY a.number DESC LIMIT 1)
"""


def upgrade() -> None:
    op.create_table(
        "channel_state",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("paused_until", sa.DateTime(), nullable=True),
        sa.Column("why", sa.String(length=60), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_channel_state")),
    )
    op.create_table(
        "sms_pace",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("last", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sms_pace")),
    )
    op.create_table(
        "phone_question",
        sa.Column("token", sa.LargeBinary(length=16), nullable=False),
        sa.Column("provider_id", sa.String(length=120), nullable=False),
        sa.Column("asked", sa.DateTime(), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=False),
        sa.Column("candidates", sa.JSON(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_phone_question")),
    )
    op.create_table(
        "contact_rules",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("calendar_edits", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["network_id"], ["organisation.id"], name=op.f("fk_contact_rules_network_id_organisation")),
        sa.PrimaryKeyConstraint("network_id", name=op.f("pk_contact_rules")),
    )
    op.create_table(
        "message_hold",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", sa.String(length=40), nullable=False),
        sa.Column("medicine", sa.String(length=100), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("redirect_to", sa.String(length=40), nullable=True),
        sa.Column("spread_days", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_message_hold_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(["redirect_to"], ["organisation.id"], name=op.f("fk_message_hold_redirect_to_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_hold")),
    )
    op.create_index("ix_message_hold_last", "message_hold", ["last"], unique=False)
    op.create_index("ix_message_hold_organisation_id_last", "message_hold", ["organisation_id", "last"], unique=False)
    op.create_table(
        "network_supply",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("edits", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["network_id"], ["organisation.id"], name=op.f("fk_network_supply_network_id_organisation")),
        sa.PrimaryKeyConstraint("network_id", name=op.f("pk_network_supply")),
    )
    op.execute(SUPPLY)
    op.create_table(
        "alert",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("about", sa.String(length=120), nullable=False),
        sa.Column("care_team_id", sa.String(length=40), nullable=True),
        sa.Column("channel", sa.String(length=60), nullable=False),
        sa.Column("cause", sa.String(length=60), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("raised", sa.DateTime(), nullable=False),
        sa.Column("seen_by", sa.String(length=40), nullable=False),
        sa.Column("seen", sa.DateTime(), nullable=True),
        sa.Column("cleared", sa.DateTime(), nullable=True),
        sa.Column("told", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["care_team_id"], ["care_team.id"], name=op.f("fk_alert_care_team_id_care_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index("ix_alert_open", "alert", ["kind", "about"], unique=True, sqlite_where=OPEN_ALERT, postgresql_where=OPEN_ALERT)
    op.create_index("ix_alert_raised", "alert", ["raised", "id"], unique=False)
    op.create_table(
        "traffic",
        sa.Column("hour", sa.DateTime(), nullable=False),
        sa.Column("channel", sa.String(length=60), nullable=False),
        sa.Column("care_team_id", sa.String(length=40), nullable=False),
        sa.Column("due", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("handed", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("dropped", sa.Integer(), nullable=False),
        sa.Column("arrived", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["care_team_id"], ["care_team.id"], name=op.f("fk_traffic_care_team_id_care_team")),
        sa.PrimaryKeyConstraint("hour", "channel", "care_team_id", name=op.f("pk_traffic")),
    )
    op.create_table(
        "usage",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("channel", sa.String(length=60), nullable=False),
        sa.Column("care_team_id", sa.String(length=40), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("texts", sa.Integer(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["care_team_id"], ["care_team.id"], name=op.f("fk_usage_care_team_id_care_team")),
        sa.PrimaryKeyConstraint("day", "channel", "care_team_id", "currency", name=op.f("pk_usage")),
    )
    op.create_table(
        "attempt",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("patient_id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("status", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("provider_id", sa.String(length=80), nullable=True),
        sa.Column("segments", sa.Integer(), nullable=True),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("arrived", sa.String(length=60), nullable=False),
        sa.Column("told", sa.DateTime(), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_attempt_patient_id_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("patient_id", "key", "number", name=op.f("uq_attempt_patient_id_key_number")),
    )
    op.create_index(op.f("ix_attempt_provider_id"), "attempt", ["provider_id"], unique=False)
    op.create_index("ix_attempt_status_at", "attempt", ["status", "at"], unique=False)
    op.create_table(
        "consent",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("patient_id", sa.String(length=40), nullable=False),
        sa.Column("what", sa.String(length=60), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("event", sa.String(length=120), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_consent_patient_id_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index("ix_consent_patient_id_id", "consent", ["patient_id", "id"], unique=False)
    op.create_table(
        "number_change",
        sa.Column("patient_id", sa.String(length=40), nullable=False),
        sa.Column("who", sa.String(length=60), nullable=False),
        sa.Column("token", sa.LargeBinary(length=16), nullable=False),
        sa.Column("asked", sa.DateTime(), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("event", sa.String(length=120), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_number_change_patient_id_patient")),
        sa.PrimaryKeyConstraint("patient_id", "who", name=op.f("pk_number_change")),
    )
    op.create_index(op.f("ix_number_change_token"), "number_change", ["token"], unique=False)
    op.create_table(
        "number_mark",
        sa.Column("patient_id", sa.String(length=40), nullable=False),
        sa.Column("who", sa.String(length=60), nullable=False),
        sa.Column("channel", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_number_mark_patient_id_patient")),
        sa.PrimaryKeyConstraint("patient_id", "who", "channel", name=op.f("pk_number_mark")),
    )
    op.add_column("delivery", sa.Column("priority", sa.Integer(), nullable=False, server_default="3"))
    op.add_column("delivery", sa.Column("channel", sa.String(length=60), nullable=False, server_default=""))
    op.add_column("delivery", sa.Column("arrived", sa.String(length=60), nullable=False, server_default=""))
    op.drop_index(op.f("ix_delivery_attempt"), table_name="delivery")
    op.drop_index(op.f("ix_delivery_provider_id"), table_name="delivery")
    op.create_index("ix_delivery_kind_planned", "delivery", ["kind", "planned"], unique=False)
    op.execute(TRIES)
    op.drop_column("delivery", "attempt")
    op.drop_column("delivery", "attempted_at")
    op.drop_column("delivery", "sealed_attempt")
    op.drop_column("delivery", "provider_id")


def downgrade() -> None:
    op.add_column("delivery", sa.Column("provider_id", sa.String(length=80), nullable=True))
    op.add_column("delivery", sa.Column("sealed_attempt", sa.LargeBinary(), nullable=True))
    op.add_column("delivery", sa.Column("attempted_at", sa.DateTime(), nullable=True))
    op.add_column("delivery", sa.Column("attempt", sa.String(length=64), nullable=True))
    op.execute(LAST_TRY)
    op.drop_index("ix_delivery_kind_planned", table_name="delivery")
    op.create_index(op.f("ix_delivery_provider_id"), "delivery", ["provider_id"], unique=False)
    op.create_index(op.f("ix_delivery_attempt"), "delivery", ["attempt"], unique=False)
    op.drop_column("delivery", "arrived")
    op.drop_column("delivery", "channel")
    op.drop_column("delivery", "priority")
    op.drop_table("number_mark")
    op.drop_index(op.f("ix_number_change_token"), table_name="number_change")
    op.drop_table("number_change")
    op.drop_index("ix_consent_patient_id_id", table_name="consent")
    op.drop_table("consent")
    op.drop_index("ix_attempt_status_at", table_name="attempt")
    op.drop_index(op.f("ix_attempt_provider_id"), table_name="attempt")
    op.drop_table("attempt")
    op.drop_table("usage")
    op.drop_table("traffic")
    op.drop_index("ix_alert_raised", table_name="alert")
    op.drop_index("ix_alert_open", table_name="alert", sqlite_where=OPEN_ALERT, postgresql_where=OPEN_ALERT)
    op.drop_table("alert")
    op.drop_index("ix_message_hold_organisation_id_last", table_name="message_hold")
    op.drop_index("ix_message_hold_last", table_name="message_hold")
    op.drop_table("network_supply")
    op.drop_table("message_hold")
    op.drop_table("contact_rules")
    op.drop_table("phone_question")
    op.drop_table("sms_pace")
    op.drop_table("channel_state")
