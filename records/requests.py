"""What places are asked for, referrals and refills alike: a page of them, one of them, and how one may move.

Rule 1: a request that a caller may not see looks like one that is not there.
Rule 2: the list is in the order of asking, which never changes: no page skips or repeats while requests move.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import ColumnElement, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from records.pages import Page, cursor, moment_behind
from records.scope import Scope
from records.tables import Moment, ReferralRow, RefillRow

R = TypeVar("R", ReferralRow, RefillRow)
Moves = Mapping[str, frozenset[str]]  # to a stage, from which stages


class WrongMove(ValueError):
    """A request cannot become ``stage`` from where it is; ``could``: what it could become."""

    def __init__(self, was: str, stage: str, could: tuple[str, ...]) -> None:
        super().__init__(f"{was} cannot become {stage}")
        self.was, self.stage, self.could = was, stage, could


@dataclass(frozen=True)
class Requests(Generic[R]):
    """Requests of one kind, in one transaction. ``place``: the column that says who was asked."""

    session: AsyncSession
    table: type[R]
    place: InstrumentedAttribute[str]

    async def page(self, scope: Scope, *where: ColumnElement[bool], limit: int, after: str | None = None) -> Page[R]:
        """Requests for which ``where`` holds, in the order in which they were asked for. Raises BadCursor."""
        asked, id_ = self.table.asked, self.table.id
        query = select(self.table).where(*where).order_by(asked, id_).limit(limit + 1)
        query = scope.of_requests(query, place=self.place, patient=self.table.patient_id)
        last = moment_behind(after)
        if last is not None:
            query = query.where(tuple_(asked, id_) > tuple_(literal(last[0], Moment()), literal(last[1])))
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].asked.isoformat(), shown[-1].id) if len(found) > limit else None)

    async def one(self, scope: Scope, id_: str) -> R | None:
        """The request, if the caller may see it."""
        query = scope.of_requests(select(self.table).where(self.table.id == id_), place=self.place, patient=self.table.patient_id)
        return (await self.session.scalars(query.execution_options(populate_existing=True))).first()


def could_become(moves: Moves, stage: str) -> tuple[str, ...]:
    """The stages that a request at ``stage`` may move to."""
    return tuple(to for to, from_ in moves.items() if stage in from_)


def check_move(moves: Moves, was: str, stage: str) -> None:
    """Raises WrongMove unless a request may move from ``was`` to ``stage``."""
    if was not in moves[stage]:
        raise WrongMove(was, stage, could_become(moves, was))


def etag(row: ReferralRow | RefillRow) -> str:
    """Changes whenever the request moves or something is said about it."""
    return f'"{row.version}"'
