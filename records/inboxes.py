"""The inbox of one place: what it was asked, a heap at a time, with what cannot wait on top.

Rule 1: a heap is some stages of one place's requests, so that a page costs what that place has, never what the city has.
Rule 2: nothing sealed is opened here; a count ends at ``MOST_COUNTED``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, bindparam, case, func, literal, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from records.pages import BadCursor, Page, behind, cursor, moment_behind, moment_in
from records.referrals import CLOSED
from records.refills import OPEN
from records.tables import Moment, Organisation, PersonToken, PlaceChange, PlaceFeed, ReferralRow, RefillRow, RequestLimits
from records.vault import Vault, searchable

R = TypeVar("R", ReferralRow, RefillRow)
MOST_COUNTED = 100
MOST_PLACES = 200
#: By heap, its stages; ``done`` is the rest.
REFERRALS: Mapping[str, tuple[str, ...]] = {
    "new": ("requested", "received"),
    "asked": ("more_asked",),
    "accepted": ("accepted", "not_attended"),
    "booked": ("booked",),
    "here": ("attended", "in_progress"),
    "done": tuple(sorted(CLOSED)),
}
REFILLS: Mapping[str, tuple[str, ...]] = {
    "new": ("requested", "received"),
    "doctor": ("substitute_proposed",),
    "ready": ("ready",),
    "part": ("part",),
    "done": ("cancelled", "dispensed", "nowhere", "out_of_stock", "refused"),
}
#: Of a request: so much of its id that it is no word of a name.
_NUMBER = re.compile(r"(?=.*\d)[0-9a-f]{6,32}", re.ASCII)
_RANK = case((ReferralRow.urgency.like("emergency%"), 0), (ReferralRow.urgency.like("urgent%"), 1), else_=2)


@dataclass(frozen=True, slots=True)
class Asked:
    """A place that is asked. ``reached``: its last change; ``limits``: the edits of its network, None: as shipped."""

    place: Organisation
    reached: int
    limits: int | None


@dataclass(frozen=True, slots=True)
class Sought:
    """What a search is for: the beginning of a request's ``number``, or a patient by all the tokens of ``names``."""

    number: str = ""
    names: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, written: str, vault: Vault) -> Sought | None:
        """What was written in the search field; None where nothing can be looked for."""
        if _NUMBER.fullmatch(folded := written.strip().casefold()):
            return cls(folded)
        words = [word for word in written.replace("-", " ").split() if any(searchable(word))]
        return cls(names=tuple(vault.token("name", word) for word in words)) if words else None


@dataclass(frozen=True)
class Inbox:
    """Inboxes in one transaction."""

    session: AsyncSession

    async def referrals(self, place: str, heap: str, *, limit: int, after: str | None = None) -> Page[ReferralRow]:
        """Emergencies first, then who waits longest; what is booked by its day, what is done by its end. Raises BadCursor."""
        here = (ReferralRow.place_id == place, ReferralRow.stage.in_(REFERRALS[heap]))
        query = select(ReferralRow).where(*here)
        if heap == "done":
            query = query.order_by(ReferralRow.changed.desc(), ReferralRow.id.desc())
            if (last := moment_behind(after)) is not None:
                query = query.where(tuple_(ReferralRow.changed, ReferralRow.id) < _pair(*last))
            return await self._page(query, limit, lambda row: (row.changed.isoformat(), row.id))
        if heap == "booked":
            query = query.order_by(ReferralRow.day, ReferralRow.id)
            if (day := _day_behind(after)) is not None:
                query = query.where(tuple_(ReferralRow.day, ReferralRow.id) > tuple_(literal(day[0]), literal(day[1])))
            return await self._page(query, limit, lambda row: ((row.day or date.max).isoformat(), row.id))
        query = query.order_by(_RANK, ReferralRow.since, ReferralRow.id)
        if (ranked := _rank_behind(after)) is not None:
            rank, since, id_ = ranked
            query = query.where(tuple_(_RANK, ReferralRow.since, ReferralRow.id) > tuple_(literal(rank), *_two(since, id_)))
        return await self._page(query, limit, lambda row: (str(rank_of(row.urgency)), row.since.isoformat(), row.id))

    async def refills(self, pharmacy: str, heap: str, *, limit: int, after: str | None = None) -> Page[RefillRow]:
        """Whose medicine ends first; what is done by its end. Raises BadCursor."""
        query = select(RefillRow).where(RefillRow.pharmacy_id == pharmacy)
        if heap == "done":
            query = query.where(RefillRow.stage.not_in(sorted(OPEN))).order_by(RefillRow.changed.desc(), RefillRow.id.desc())
            if (last := moment_behind(after)) is not None:
                query = query.where(tuple_(RefillRow.changed, RefillRow.id) < _pair(*last))
            return await self._page(query, limit, lambda row: (row.changed.isoformat(), row.id))
        query = query.where(RefillRow.stage.in_(REFILLS[heap])).order_by(RefillRow.runs_out, RefillRow.id)
        if (day := _day_behind(after)) is not None:
            query = query.where(tuple_(RefillRow.runs_out, RefillRow.id) > tuple_(literal(day[0]), literal(day[1])))
        return await self._page(query, limit, lambda row: (row.runs_out.isoformat(), row.id))

    async def found(self, table: type[R], place: str, sought: Sought, *, limit: int, after: str | None = None) -> Page[R]:
        """All that a place was ever asked for those who are meant, the latest first. Raises BadCursor."""
        asked_of = ReferralRow.place_id if table is ReferralRow else RefillRow.pharmacy_id
        query = select(table).where(asked_of == place).order_by(table.asked.desc(), table.id.desc())
        if sought.number:  # digits and letters to f: behind them all stands g
            query = query.where(table.id >= sought.number, table.id < f"{sought.number}g")
        for token in sought.names:
            theirs = select(PersonToken.patient_id).where(PersonToken.kind == "name", PersonToken.token == token)
            query = query.where(table.patient_id.in_(theirs))
        if (last := moment_behind(after)) is not None:
            query = query.where(tuple_(table.asked, table.id) < _pair(*last))
        return await self._page(query, limit, lambda row: (row.asked.isoformat(), row.id))

    async def counts(self, place: str, *, pharmacy: bool) -> Mapping[str, int]:
        """How many lie in each heap but ``done``; from ``MOST_COUNTED`` on it is that many or more."""
        found = await self.session.execute(_counted(pharmacy), {"place": place})
        heaps = REFILLS if pharmacy else REFERRALS
        return dict.fromkeys((name for name in heaps if name != "done"), 0) | {heap: n for heap, n in found}

    async def stages(self, request_id: str) -> Sequence[tuple[int, str, datetime]]:
        """The versions of one request: number, stage and moment, the first first."""
        told = select(PlaceChange.version, PlaceChange.stage, PlaceChange.at).where(PlaceChange.request_id == request_id)
        return [(row[0], row[1], row[2]) for row in await self.session.execute(told.order_by(PlaceChange.version))]

    async def booked_between(self, place: str, first: date, last: date) -> int:
        """How many are expected at the place on these days; at most ``MOST_COUNTED``."""
        days = (ReferralRow.place_id == place, ReferralRow.day.between(first, last), ReferralRow.stage == "booked")
        few = select(ReferralRow.id).where(*days).limit(MOST_COUNTED).subquery()
        return await self.session.scalar(select(func.count()).select_from(few)) or 0

    async def places(self, seen: frozenset[str] | None, kinds: Sequence[str]) -> Sequence[Asked]:
        """Hospitals and pharmacies, in the order in which they are asked."""
        within: dict[str, Any] = {} if seen is None else {"seen": sorted(seen)}
        rows = await self.session.execute(_places(seen is not None), {"kinds": sorted(kinds), **within})
        return [Asked(*row) for row in rows]

    async def _page(self, query: Select[R], limit: int, key: Callable[[R], tuple[str, ...]]) -> Page[R]:
        found = list(await self.session.scalars(query.limit(limit + 1)))
        shown = found[:limit]
        return Page(shown, cursor(*key(shown[-1])) if len(found) > limit else None)


@cache
def _places(within: bool) -> Select[Organisation, int, int]:
    """Asked for every page of an inbox, so it is built once."""
    query = (
        select(Organisation, func.coalesce(PlaceFeed.n, 0), RequestLimits.version)
        .outerjoin(PlaceFeed, PlaceFeed.place_id == Organisation.id)
        .outerjoin(RequestLimits, RequestLimits.network_id == Organisation.network_id)
        .where(Organisation.kind.in_(bindparam("kinds", expanding=True)))
        .order_by(Organisation.kind, Organisation.network_id, Organisation.rank, Organisation.id)
        .limit(MOST_PLACES)
    )
    return query.where(Organisation.id.in_(bindparam("seen", expanding=True))) if within else query


@cache
def _counted(pharmacy: bool) -> Select[str, int]:
    """Asked whenever somebody looks, so it is built once."""
    table, asked = (RefillRow, RefillRow.pharmacy_id) if pharmacy else (ReferralRow, ReferralRow.place_id)
    few = [
        select(literal(name).label("heap"), table.id)
        .where(asked == bindparam("place"), table.stage.in_(stages))
        .limit(MOST_COUNTED)
        .subquery()
        for name, stages in (REFILLS if pharmacy else REFERRALS).items()
        if name != "done"
    ]
    every = union_all(*(select(one.c.heap) for one in few)).subquery()
    return select(every.c.heap, func.count()).group_by(every.c.heap)


def heap_of(stage: str, heaps: Mapping[str, tuple[str, ...]]) -> str:
    """In which of the heaps a request lies."""
    return next((heap for heap, stages in heaps.items() if stage in stages), "done")


def rank_of(urgency: str) -> int:
    """0 for emergencies, 1 for what is urgent, 2 for the rest."""
    return 0 if urgency.startswith("emergency") else 1 if urgency.startswith("urgent") else 2


def _two(at: datetime, id_: str) -> tuple[ColumnElement[datetime], ColumnElement[str]]:
    return literal(at, Moment()), literal(id_)


def _pair(at: datetime, id_: str) -> ColumnElement[Any]:
    return tuple_(*_two(at, id_))


def _day_behind(written: str | None) -> tuple[date, str] | None:
    key = behind(written, 2)
    try:
        return None if key is None else (date.fromisoformat(key[0]), key[1])
    except ValueError:
        raise BadCursor("this cursor belongs to another list") from None


def _rank_behind(written: str | None) -> tuple[int, datetime, str] | None:
    key = behind(written, 3)
    try:
        return None if key is None else (int(key[0]) % 3, moment_in(key[1]), key[2])
    except ValueError:
        raise BadCursor("this cursor belongs to another list") from None
