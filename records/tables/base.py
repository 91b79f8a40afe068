"""What every table has in common.

Rule 1: personal data is in ``sealed`` columns only, under the person's own key; what stays in clear is opaque ids, codes, days.
Rule 2: moments are UTC; days are the patient's local days.
Rule 3: a key that must be unique is a constraint of the database, not a habit of the code.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Integer, LargeBinary, MetaData, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime, stored naive in UTC so that SQLite and PostgreSQL compare it alike."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone; use datetime.now(UTC) or the Clock")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def machine_time() -> datetime:
    """Now by the machine, UTC: when a row of the installation's own was written."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Names of constraints are fixed, so that a migration can find them on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Moment, dict[str, Any]: JSON, list[str]: JSON, bytes: LargeBinary, int: Integer}  # noqa: RUF012


Id = String(40)
Key = String(120)
Code = String(60)
