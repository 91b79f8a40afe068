"""Listens to what is sent to a database, and looks at how the database goes about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from records.database import Database
from records.tables import Base

GROWING = frozenset(
    {"patient", "person_key", "person_token", "enrolment", "event", "step", "timeline", "task", "visit_booking", "delivery"}
    | {"attempt", "message", "referral", "refill", "work_ahead", "audit", "audit_subject", "idempotency"}
)

_OF_GROWING = re.compile(rf"\b({'|'.join(sorted(GROWING))})\b")  # what reads nothing else costs what it costs

#: Indexes of nothing but what waits or is wrong: reading all of one is reading what is asked for.
PARTIAL = frozenset(
    str(index.name)
    for table in Base.metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
)


@dataclass(frozen=True)
class Asked:
    """One statement, who sent it in asking what, and the share of the city that is theirs."""

    where: str
    statement: str
    parameters: Any
    share: float


@dataclass
class Listener:
    """Writes down what is sent to a database while somebody asks."""

    where: str = ""
    share: float = 0
    heard: dict[tuple[str, str], Asked] = field(default_factory=dict)

    def __call__(self, _: Any, __: Any, statement: str, parameters: Any, ___: Any, ____: bool) -> None:
        writes = "INSERT INTO" in statement  # what is new is written, and nothing is looked for
        if self.where and not writes and re.match(r"\s*(SELECT|WITH|UPDATE|DELETE)\b", statement) and _OF_GROWING.search(statement):
            self.heard.setdefault((self.where, statement), Asked(self.where, statement, parameters, self.share))

    @contextmanager
    def while_asking(self, where: str, share: float) -> Iterator[None]:
        self.where, self.share = where, share
        try:
            yield
        finally:
            self.where = ""


def alike(asked: Asked, *, sqlite: bool) -> tuple[object, ...]:
    """What is the same for two statements that need one look only.

    SQLite, without statistics, goes by the text alone; PostgreSQL by what is looked for, too, whatever the moment.
    """
    if sqlite:
        return (asked.statement,)
    return (asked.statement, asked.share, *(str(one) for one in asked.parameters if not isinstance(one, date)))


async def too_much(city: Database, asked: Asked, most: Mapping[str, float]) -> list[str]:
    """What ``asked`` reads of growing tables beyond ``most``, by table; empty where all is well."""
    async with city.engine.connect() as connection:
        if city.is_sqlite:
            plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked.statement}", asked.parameters)).all()
            return _unended([str(row[-1]) for row in plan], asked.statement)
        async with connection.begin() as transaction:
            await connection.exec_driver_sql("SET LOCAL random_page_cost = 1.1")  # a city's disk turns no platters
            explained = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {asked.statement}"
            (plan,) = (await connection.exec_driver_sql(explained, asked.parameters)).scalar_one()
            await transaction.rollback()
    return _too_many(plan["Plan"], most)


def _too_many(node: Mapping[str, Any], most: Mapping[str, float]) -> list[str]:
    """What a scan read of a growing table beyond what the caller's share explains."""
    wrong = []
    table = node.get("Relation Name", "")
    if table in GROWING:
        removed = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck", "Join Filter"))
        read = (node["Actual Rows"] + removed) * node["Actual Loops"]
        if read > most[table]:
            wrong.append(f"{node['Node Type']} read {read:,.0f} rows of {table} (at most {most[table]:,.0f})")
    return wrong + [why for child in node.get("Plans", ()) for why in _too_many(child, most)]


def _unended(plan: Sequence[str], statement: str) -> list[str]:
    """SQLite: a scan of a growing table by no index, or by one that nothing ends."""
    wrong = []
    sorts = any(line.startswith("USE TEMP B-TREE FOR ORDER BY") for line in plan)
    for line in plan:
        scan = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", line)
        if scan is None or scan[1] not in GROWING or scan[2] in PARTIAL:
            continue
        if scan[2] is None or "LIMIT" not in statement or sorts:
            wrong.append(line)
    return wrong


def short(statement: str) -> str:
    text = " ".join(statement.split())
    return re.sub(r"SELECT (.{60}).*? FROM", r"SELECT \1... FROM", text, count=1)[:600]
