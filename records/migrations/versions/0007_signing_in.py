"""Second factors, tries to sign in that failed, and on what somebody is signed in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "second_factor",
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("confirmed", sa.DateTime(), nullable=True),
        sa.Column("last_counter", sa.Integer(), nullable=False),
        sa.Column("recovery", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_second_factor_account_id_account")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_second_factor")),
    )
    op.create_table(
        "sign_in_failure",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("login", sa.LargeBinary(length=16), nullable=False),
        sa.Column("source", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_failure")),
    )
    op.create_index(op.f("ix_sign_in_failure_at"), "sign_in_failure", ["at"], unique=False)
    op.create_index("ix_sign_in_failure_login_at", "sign_in_failure", ["login", "at"], unique=False)
    op.create_index("ix_sign_in_failure_source_at", "sign_in_failure", ["source", "at"], unique=False)
    op.add_column("api_key", sa.Column("device", sa.String(length=60), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("api_key", "device")
    op.drop_index("ix_sign_in_failure_source_at", table_name="sign_in_failure")
    op.drop_index("ix_sign_in_failure_login_at", table_name="sign_in_failure")
    op.drop_index(op.f("ix_sign_in_failure_at"), table_name="sign_in_failure")
    op.drop_table("sign_in_failure")
    op.drop_table("second_factor")
