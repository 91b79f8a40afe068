"""Constants that stand in a statement's text: a bound one is sent, and planned for, each time that the statement is asked."""

from __future__ import annotations

from sqlalchemy import Integer, String, literal_column
from sqlalchemy.sql.elements import ColumnClause


def number(value: int) -> ColumnClause[int]:
    """``3``."""
    return literal_column(str(value), Integer())


def code(value: str) -> ColumnClause[str]:
    """``'red'``: one of our own codes, never what somebody wrote. Raises ValueError for anything else."""
    if not value.isidentifier():
        raise ValueError(f"{value!r} is not a code")
    return literal_column(f"'{value}'", String())
