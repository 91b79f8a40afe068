"""How places connect: a feed of changes for each, webhooks, record systems that sign in, CDS Hooks, time limits as data."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WAITING = sa.text("status = 'waiting'")
OPEN_REFILL_WAS = sa.text("stage IN ('requested', 'received', 'ready', 'part')")
OPEN_REFILL = sa.text("stage IN ('requested', 'received', 'ready', 'part', 'substitute_proposed')")
OPEN = sa.text("status = 'open'")
#: Lists in the order of asking or of the last change, for record systems: index, table, columns.
ORDERED = (
    ("ix_task_opened", "task", ["opened", "patient_id", "key"]),
    ("ix_task_changed", "task", ["changed", "patient_id", "key"]),
    ("ix_task_care_team_id_opened", "task", ["care_team_id", "opened"]),
    ("ix_task_care_team_id_changed", "task", ["care_team_id", "changed"]),
    ("ix_task_status_kind_opened", "task", ["status", "kind", "opened"]),
    ("ix_referral_changed", "referral", ["changed", "id"]),
    ("ix_referral_place_id_changed", "referral", ["place_id", "changed", "id"]),
    ("ix_referral_place_id_day", "referral", ["place_id", "day"]),
    ("ix_refill_changed", "refill", ["changed", "id"]),
    ("ix_refill_pharmacy_id_changed", "refill", ["pharmacy_id", "changed", "id"]),
)


BEFORE = sa.text("stage IN ('requested', 'received', 'more_asked', 'accepted', 'booked', 'not_attended', 'attended')")
NOW = sa.text("stage IN ('requested', 'received', 'more_asked', 'accepted', 'booked', 'not_attended', 'attended', 'in_progress')")


def _open_referrals(was: sa.TextClause, becomes: sa.TextClause) -> None:
    """What is still worked on is another set of stages now."""
    op.drop_index("ix_referral_open", table_name="referral", sqlite_where=was, postgresql_where=was)
    op.create_index("ix_referral_open", "referral", ["asked", "id"], unique=False, sqlite_where=becomes, postgresql_where=becomes)


def upgrade() -> None:
    op.create_table(
        "given_identifier",
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("resource_id", sa.String(length=120), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("place", "type", "value", name=op.f("pk_given_identifier")),
    )
    op.create_table(
        "hook_client",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=60), nullable=False),
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("jwks", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("jwks_url", sa.String(length=500), nullable=True),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("revoked", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_client")),
    )
    op.create_index(
        "ix_hook_client_issuer",
        "hook_client",
        ["issuer"],
        unique=True,
        sqlite_where=sa.text("revoked IS NULL"),
        postgresql_where=sa.text("revoked IS NULL"),
    )
    op.create_table(
        "hook_feedback",
        sa.Column("card", sa.String(length=40), nullable=False),
        sa.Column("service", sa.String(length=60), nullable=False),
        sa.Column("row", sa.String(length=60), nullable=False),
        sa.Column("outcome", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("card", name=op.f("pk_hook_feedback")),
    )
    op.create_index("ix_hook_feedback_service_at", "hook_feedback", ["service", "at"], unique=False)
    op.create_table(
        "smart_client",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=60), nullable=False),
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("jwks", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("jwks_url", sa.String(length=500), nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("revoked", sa.DateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_smart_client")),
    )
    op.create_table(
        "used_assertion",
        sa.Column("issuer", sa.String(length=64), nullable=False),
        sa.Column("jti", sa.String(length=64), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti", name=op.f("pk_used_assertion")),
    )
    op.create_index(op.f("ix_used_assertion_expires"), "used_assertion", ["expires"], unique=False)
    op.create_table(
        "account_subject",
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_account_subject_account_id_account")),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_account_subject")),
    )
    op.create_index(op.f("ix_account_subject_account_id"), "account_subject", ["account_id"], unique=False)
    op.create_table(
        "advice_service",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("timeout_ms", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["network_id"], ["organisation.id"], name=op.f("fk_advice_service_network_id_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_advice_service")),
    )
    op.create_index("ix_advice_service_network_id", "advice_service", ["network_id", "name"], unique=True)
    op.create_table(
        "place_feed",
        sa.Column("place_id", sa.String(length=40), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["place_id"], ["organisation.id"], name=op.f("fk_place_feed_place_id_organisation")),
        sa.PrimaryKeyConstraint("place_id", name=op.f("pk_place_feed")),
    )
    op.create_table(
        "request_limits",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["network_id"], ["organisation.id"], name=op.f("fk_request_limits_network_id_organisation")),
        sa.PrimaryKeyConstraint("network_id", name=op.f("pk_request_limits")),
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("place_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("wanted", sa.JSON(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=60), nullable=False),
        sa.Column("reached", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime(), nullable=True),
        sa.Column("resting_until", sa.DateTime(), nullable=True),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["place_id"], ["organisation.id"], name=op.f("fk_webhook_place_id_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_index(op.f("ix_webhook_place_id"), "webhook", ["place_id"], unique=False)
    op.create_table(
        "webhook_delivery",
        sa.Column("webhook_id", sa.String(length=40), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=60), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try", sa.DateTime(), nullable=False),
        sa.Column("last_try", sa.DateTime(), nullable=True),
        sa.Column("answer", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.id"], name=op.f("fk_webhook_delivery_webhook_id_webhook")),
        sa.PrimaryKeyConstraint("webhook_id", "n", name=op.f("pk_webhook_delivery")),
    )
    op.create_index(
        "ix_webhook_delivery_due", "webhook_delivery", ["next_try"], unique=False, sqlite_where=WAITING, postgresql_where=WAITING
    )
    op.create_index(
        "ix_webhook_delivery_request_id",
        "webhook_delivery",
        ["webhook_id", "request_id", "n"],
        unique=False,
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.create_index("ix_webhook_delivery_webhook_id", "webhook_delivery", ["webhook_id", "status", "n"], unique=False)
    op.create_table(
        "place_change",
        sa.Column("place_id", sa.String(length=40), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("request_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.String(length=40), nullable=False),
        sa.Column("stage", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_place_change_patient_id_patient")),
        sa.ForeignKeyConstraint(["place_id"], ["organisation.id"], name=op.f("fk_place_change_place_id_organisation")),
        sa.PrimaryKeyConstraint("place_id", "n", name=op.f("pk_place_change")),
    )
    op.create_index(op.f("ix_place_change_patient_id"), "place_change", ["patient_id"], unique=False)
    op.create_index("ix_place_change_request_id", "place_change", ["request_id", "version"], unique=True)
    op.add_column("referral", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("refill", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("referral", sa.Column("since", sa.DateTime(), nullable=False, server_default="1970-01-01 00:00:00"))
    op.execute("UPDATE referral SET since = changed")
    op.add_column("referral", sa.Column("reminded", sa.DateTime(), nullable=True))
    op.add_column("referral", sa.Column("abort_asked", sa.DateTime(), nullable=True))
    _open_referrals(BEFORE, NOW)
    op.add_column("referral", sa.Column("goes_on", sa.String(length=60), nullable=False, server_default=""))
    op.add_column("task", sa.Column("changed", sa.DateTime(), nullable=False, server_default="1970-01-01 00:00:00"))
    op.execute("UPDATE task SET changed = coalesce(closed, opened)")
    for name, table, columns in ORDERED:
        op.create_index(name, table, columns, unique=False)
    op.create_index(
        "ix_task_open_opened", "task", ["opened", "patient_id", "key"], unique=False, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.add_column("refill", sa.Column("wrong_codes", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("refill", sa.Column("wrong_on", sa.Date(), nullable=True))
    op.drop_index("ix_refill_open", table_name="refill", sqlite_where=OPEN_REFILL_WAS, postgresql_where=OPEN_REFILL_WAS)
    op.create_index(
        "ix_refill_open", "refill", ["asked", "id"], unique=False, sqlite_where=OPEN_REFILL, postgresql_where=OPEN_REFILL
    )
    op.add_column("organisation", sa.Column("address", sa.String(length=200), nullable=False, server_default=""))
    for table in ("organisation", "care_team", "account"):
        op.add_column(table, sa.Column("changed", sa.DateTime(), nullable=False, server_default="1970-01-01 00:00:00"))
        op.execute(sa.text(f"UPDATE {table} SET changed = :now").bindparams(now=datetime.now(UTC).replace(tzinfo=None)))


def downgrade() -> None:
    for table in ("account", "care_team", "organisation"):
        op.drop_column(table, "changed")
    op.drop_column("organisation", "address")
    op.drop_index("ix_refill_open", table_name="refill", sqlite_where=OPEN_REFILL, postgresql_where=OPEN_REFILL)
    op.create_index(
        "ix_refill_open", "refill", ["asked", "id"], unique=False, sqlite_where=OPEN_REFILL_WAS, postgresql_where=OPEN_REFILL_WAS
    )
    op.drop_column("refill", "wrong_on")
    op.drop_column("refill", "wrong_codes")
    op.drop_index("ix_task_open_opened", table_name="task", sqlite_where=OPEN, postgresql_where=OPEN)
    for name, table, _ in reversed(ORDERED):
        op.drop_index(name, table_name=table)
    op.drop_column("task", "changed")
    op.drop_column("referral", "goes_on")
    _open_referrals(NOW, BEFORE)
    op.drop_column("referral", "abort_asked")
    op.drop_column("referral", "reminded")
    op.drop_column("referral", "since")
    op.drop_column("refill", "version")
    op.drop_column("referral", "version")
    op.drop_index("ix_place_change_request_id", table_name="place_change")
    op.drop_index(op.f("ix_place_change_patient_id"), table_name="place_change")
    op.drop_table("place_change")
    op.drop_index("ix_webhook_delivery_webhook_id", table_name="webhook_delivery")
    op.drop_index("ix_webhook_delivery_request_id", table_name="webhook_delivery", sqlite_where=WAITING, postgresql_where=WAITING)
    op.drop_index("ix_webhook_delivery_due", table_name="webhook_delivery", sqlite_where=WAITING, postgresql_where=WAITING)
    op.drop_table("webhook_delivery")
    op.drop_index(op.f("ix_webhook_place_id"), table_name="webhook")
    op.drop_table("webhook")
    op.drop_table("request_limits")
    op.drop_table("place_feed")
    op.drop_index("ix_advice_service_network_id", table_name="advice_service")
    op.drop_table("advice_service")
    op.drop_index(op.f("ix_account_subject_account_id"), table_name="account_subject")
    op.drop_table("account_subject")
    op.drop_index(op.f("ix_used_assertion_expires"), table_name="used_assertion")
    op.drop_table("used_assertion")
    op.drop_table("smart_client")
    op.drop_index("ix_hook_feedback_service_at", table_name="hook_feedback")
    op.drop_table("hook_feedback")
    op.drop_index("ix_hook_client_issuer", table_name="hook_client")
    op.drop_table("hook_client")
    op.drop_table("given_identifier")
