"""Who may do what, and what was done: an organisation tree, accounts, the audit log, edits of work, housekeeping's rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


NETWORK = "network"
STILL_OPEN = (
    ("ix_task_open_by_due", "task", ["by", "due", "patient_id", "key"], "status = 'open'"),
    (
        "ix_referral_open",
        "referral",
        ["asked", "id"],
        "stage IN ('requested', 'received', 'more_asked', 'accepted', 'booked', 'not_attended', 'attended')",
    ),
    ("ix_refill_open", "refill", ["asked", "id"], "stage IN ('requested', 'received', 'ready', 'part')"),
)
ONLY_ADDED_TO = ("audit", "audit_subject")


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("login", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=60), nullable=False),
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(), nullable=True),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("login", name=op.f("uq_account_login")),
    )
    op.create_table(
        "audit",
        sa.Column("chain", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=60), nullable=False),
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("record", sa.String(length=120), nullable=False),
        sa.Column("patients", sa.JSON(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("chain", "seq", name=op.f("pk_audit")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index("ix_audit_at", ["at", "chain", "seq"], unique=False)
        batch_op.create_index("ix_audit_who_at", ["who", "at"], unique=False)
        batch_op.create_index("ix_audit_hash", ["hash"], unique=False)

    op.create_table(
        "audit_subject",
        sa.Column("patient_id", sa.String(length=40), nullable=False),
        sa.Column("chain", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("patient_id", "chain", "seq", name=op.f("pk_audit_subject")),
    )
    op.create_table(
        "figures",
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_figures")),
    )
    op.create_table(
        "holiday",
        sa.Column("calendar", sa.String(length=60), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("calendar", "day", name=op.f("pk_holiday")),
    )
    op.create_table(
        "idempotency",
        sa.Column("caller", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("event_id", sa.String(length=120), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotency")),
    )
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.create_index("ix_idempotency_at", ["at"], unique=False)

    op.create_table(
        "job",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("succeeded", sa.DateTime(), nullable=False),
        sa.Column("said", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("holder", sa.String(length=80), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "closure",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", sa.String(length=40), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_closure_organisation_id_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closure")),
    )
    with op.batch_alter_table("closure", schema=None) as batch_op:
        batch_op.create_index("ix_closure_organisation_id_last", ["organisation_id", "last"], unique=False)

    op.create_table(
        "stock",
        sa.Column("pharmacy_id", sa.String(length=40), nullable=False),
        sa.Column("medicine", sa.String(length=100), nullable=False),
        sa.Column("available", sa.Boolean(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["pharmacy_id"], ["organisation.id"], name=op.f("fk_stock_pharmacy_id_organisation")),
        sa.PrimaryKeyConstraint("pharmacy_id", "medicine", name=op.f("pk_stock")),
    )
    op.create_table(
        "team_pulse",
        sa.Column("care_team_id", sa.String(length=40), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["care_team_id"], ["care_team.id"], name=op.f("fk_team_pulse_care_team_id_care_team")),
        sa.PrimaryKeyConstraint("care_team_id", name=op.f("pk_team_pulse")),
    )
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.add_column(sa.Column("id", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("rights", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("account_id", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("created", sa.DateTime(), nullable=False, server_default="1970-01-01 00:00:00"))
        batch_op.add_column(sa.Column("expires", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("revoked", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("last_used", sa.DateTime(), nullable=True))
    # A key goes on opening what it opened: its id is made of the hash, and a hospital's role is called clinic from now on.
    op.execute("UPDATE api_key SET id = substr(hash, 1, 16)")
    op.execute("UPDATE api_key SET role = 'clinic' WHERE role = 'hospital'")
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.alter_column("id", existing_type=sa.String(length=40), nullable=False)
        batch_op.create_index(batch_op.f("ix_api_key_account_id"), ["account_id"], unique=False)
        batch_op.create_unique_constraint(batch_op.f("uq_api_key_id"), ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_api_key_account_id_account"), "account", ["account_id"], ["id"])

    with op.batch_alter_table("care_team", schema=None) as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        batch_op.create_index(batch_op.f("ix_care_team_organisation_id"), ["organisation_id"], unique=False)

    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("ix_event_kind_at", ["kind", "at"], unique=False)

    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index("ix_message_patient_id_at", ["patient_id", "at"], unique=False)

    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parent_id", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("network_id", sa.String(length=40), nullable=False, server_default=NETWORK))
        batch_op.add_column(sa.Column("calendar", sa.String(length=60), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        batch_op.create_index("ix_organisation_network_id_kind_rank", ["network_id", "kind", "rank"], unique=False)
        batch_op.create_index(batch_op.f("ix_organisation_parent_id"), ["parent_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_organisation_parent_id_organisation"), "organisation", ["parent_id"], ["id"])

    # Every place there is hangs beneath one network; a network without places needs none.
    op.execute(
        "INSERT INTO organisation (id, kind, name, rank, phone, network_id, calendar, version) "
        f"SELECT '{NETWORK}', 'network', 'Network', 0, '', '{NETWORK}', '', 1 "
        f"WHERE EXISTS (SELECT 1 FROM organisation) AND NOT EXISTS (SELECT 1 FROM organisation WHERE id = '{NETWORK}')"
    )
    op.execute(f"UPDATE organisation SET parent_id = '{NETWORK}' WHERE id <> '{NETWORK}'")

    with op.batch_alter_table("pathway_version", schema=None) as batch_op:
        batch_op.add_column(sa.Column("published_by", sa.String(length=40), nullable=False, server_default=""))

    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.create_index(
            "ix_patient_fault",
            ["id"],
            unique=False,
            sqlite_where=sa.text("fault IS NOT NULL"),
            postgresql_where=sa.text("fault IS NOT NULL"),
        )
        batch_op.create_index("ix_patient_life_id", ["life", "id"], unique=False)
        batch_op.create_index("ix_patient_tag_id", ["tag", "id"], unique=False)
        batch_op.create_index(
            "ix_patient_untaken",
            ["id"],
            unique=False,
            sqlite_where=sa.text("last_event > taken_event"),
            postgresql_where=sa.text("last_event > taken_event"),
        )

    with op.batch_alter_table("referral", schema=None) as batch_op:
        batch_op.create_index("ix_referral_asked", ["asked", "id"], unique=False)
        batch_op.create_index("ix_referral_place_id_asked", ["place_id", "asked", "id"], unique=False)
        batch_op.create_index("ix_referral_stage_asked", ["stage", "asked", "id"], unique=False)

    with op.batch_alter_table("refill", schema=None) as batch_op:
        batch_op.create_index("ix_refill_asked", ["asked", "id"], unique=False)
        batch_op.create_index("ix_refill_pharmacy_id_asked", ["pharmacy_id", "asked", "id"], unique=False)
        batch_op.create_index("ix_refill_stage_asked", ["stage", "asked", "id"], unique=False)

    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.add_column(sa.Column("claimed_by", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("postponed_to", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        batch_op.create_index("ix_task_due", ["due", "patient_id", "key"], unique=False)
        batch_op.create_index("ix_task_status_due", ["status", "due", "patient_id", "key"], unique=False)
        batch_op.create_index("ix_task_status_kind_due", ["status", "kind", "due"], unique=False)
    claimed = sa.text("claimed_by IS NOT NULL")
    op.create_index(
        "ix_task_claimed_by_due",
        "task",
        ["claimed_by", "due", "patient_id", "key"],
        unique=False,
        sqlite_where=claimed,
        postgresql_where=claimed,
    )
    for name, table, columns, where in STILL_OPEN:
        op.create_index(name, table, columns, unique=False, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    _only_added_to()


def _only_added_to() -> None:
    """The audit log refuses to be changed, by anybody's hand."""
    if op.get_bind().dialect.name == "sqlite":
        for table in ONLY_ADDED_TO:
            for change in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                    "BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is only added to'; END $$"
    )
    for table in ONLY_ADDED_TO:
        op.execute(
            f"CREATE TRIGGER {table}_only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    for name, table, _, _ in STILL_OPEN:
        op.drop_index(name, table)
    op.drop_index("ix_task_claimed_by_due", "task")
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.drop_index("ix_task_status_kind_due")
        batch_op.drop_index("ix_task_status_due")
        batch_op.drop_index("ix_task_due")
        batch_op.drop_column("version")
        batch_op.drop_column("postponed_to")
        batch_op.drop_column("claimed_by")

    with op.batch_alter_table("refill", schema=None) as batch_op:
        batch_op.drop_index("ix_refill_stage_asked")
        batch_op.drop_index("ix_refill_pharmacy_id_asked")
        batch_op.drop_index("ix_refill_asked")

    with op.batch_alter_table("referral", schema=None) as batch_op:
        batch_op.drop_index("ix_referral_stage_asked")
        batch_op.drop_index("ix_referral_place_id_asked")
        batch_op.drop_index("ix_referral_asked")

    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_patient_untaken",
            sqlite_where=sa.text("last_event > taken_event"),
            postgresql_where=sa.text("last_event > taken_event"),
        )
        batch_op.drop_index("ix_patient_tag_id")
        batch_op.drop_index("ix_patient_life_id")
        batch_op.drop_index(
            "ix_patient_fault", sqlite_where=sa.text("fault IS NOT NULL"), postgresql_where=sa.text("fault IS NOT NULL")
        )

    with op.batch_alter_table("pathway_version", schema=None) as batch_op:
        batch_op.drop_column("published_by")

    op.execute("UPDATE organisation SET parent_id = NULL")
    op.execute(f"DELETE FROM organisation WHERE id = '{NETWORK}' AND kind = 'network'")
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_organisation_parent_id_organisation"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_organisation_parent_id"))
        batch_op.drop_index("ix_organisation_network_id_kind_rank")
        batch_op.drop_column("version")
        batch_op.drop_column("calendar")
        batch_op.drop_column("network_id")
        batch_op.drop_column("parent_id")

    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index("ix_message_patient_id_at")

    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index("ix_event_kind_at")

    with op.batch_alter_table("care_team", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_care_team_organisation_id"))
        batch_op.drop_column("version")

    op.execute("DELETE FROM api_key WHERE account_id IS NOT NULL OR revoked IS NOT NULL")  # an older Cairn would let them in
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_api_key_account_id_account"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_api_key_id"), type_="unique")
        batch_op.drop_index(batch_op.f("ix_api_key_account_id"))
        batch_op.drop_column("last_used")
        batch_op.drop_column("revoked")
        batch_op.drop_column("expires")
        batch_op.drop_column("created")
        batch_op.drop_column("account_id")
        batch_op.drop_column("rights")
        batch_op.drop_column("id")
    op.execute("UPDATE api_key SET role = 'hospital' WHERE role = 'clinic'")

    op.drop_table("team_pulse")
    op.drop_table("stock")
    with op.batch_alter_table("closure", schema=None) as batch_op:
        batch_op.drop_index("ix_closure_organisation_id_last")

    op.drop_table("closure")
    op.drop_table("lease")
    op.drop_table("job")
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.drop_index("ix_idempotency_at")

    op.drop_table("idempotency")
    op.drop_table("holiday")
    op.drop_table("figures")
    op.drop_table("audit_subject")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_who_at")
        batch_op.drop_index("ix_audit_at")
        batch_op.drop_index("ix_audit_hash")

    op.drop_table("audit")
    op.drop_table("account")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION refuse_change()")
