"""Second factors, and tries to sign in that failed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from records.tables.base import Base, Id, machine_time


class SecondFactor(Base):
    """What somebody shows besides a password. ``sealed``: the secret that their device holds, too; ``confirmed``: since when it is
    asked for; ``last_counter``: of the newest code that was used, so that none is used twice; ``recovery``: hashes of what is left.
    """

    __tablename__ = "second_factor"
    account_id: Mapped[str] = mapped_column(Id, ForeignKey("account.id"), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created: Mapped[datetime] = mapped_column(default=machine_time)
    confirmed: Mapped[datetime | None]
    last_counter: Mapped[int] = mapped_column(default=0)
    recovery: Mapped[list[str]] = mapped_column(JSON, default=list)


class SignInFailure(Base):
    """A try that failed lately. ``login``, ``source``: keyed hashes, since a login may be somebody's mistyped password."""

    __tablename__ = "sign_in_failure"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    login: Mapped[bytes] = mapped_column(LargeBinary(16))
    source: Mapped[bytes] = mapped_column(LargeBinary(16))
    __table_args__ = (
        Index("ix_sign_in_failure_login_at", "login", "at"),
        Index("ix_sign_in_failure_source_at", "source", "at"),
    )
