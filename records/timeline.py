"""A patient's timeline: why each thing was done, or was not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.commands import Reason
from pathways.engine.events import AnyEvent
from pathways.serial import load_event, load_reason
from records.pages import BadCursor, Page, behind, cursor, number_in
from records.tables import Account, ApiKey, EventRow, Message, Organisation, TimelineRow
from records.vault import PersonVault


@dataclass(frozen=True, slots=True)
class Line:
    """One reason, of one step."""

    step: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Told:
    """An event that a step took. ``who``: what the key or account that told it is called; ``place``: the hospital or pharmacy that
    it is of. Both are empty where no one of ours told it.
    """

    event: AnyEvent
    kind: str
    who: str
    place: str


@dataclass(frozen=True)
class Timeline:
    """Timelines of one transaction."""

    session: AsyncSession

    async def of(self, person: PersonVault, *, limit: int, after: str | None = None, newest_first: bool = False) -> Page[Line]:
        """The patient's reasons in the order in which they came, or the other way round. Raises BadCursor."""
        query = select(TimelineRow).where(TimelineRow.patient_id == person.patient_id).limit(limit + 1)
        place = tuple_(TimelineRow.step, TimelineRow.line)
        if newest_first:
            query = query.order_by(TimelineRow.step.desc(), TimelineRow.line.desc())
        else:
            query = query.order_by(TimelineRow.step, TimelineRow.line)
        key = behind(after, 2)
        if key is not None:
            try:
                last = tuple_(literal(number_in(key[0])), literal(number_in(key[1])))
            except ValueError:
                raise BadCursor("this cursor belongs to another list") from None
            query = query.where(place < last if newest_first else place > last)
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        lines = [Line(row.step, load_reason(person.open(f"timeline/{row.step}/{row.line}", row.sealed))) for row in shown]
        return Page(lines, cursor(str(shown[-1].step), str(shown[-1].line)) if len(found) > limit else None)

    async def of_codes(self, person: PersonVault, codes: Iterable[str], *, limit: int) -> list[Line]:
        """The patient's newest ``limit`` reasons with one of these codes, oldest of them first; only they are opened."""
        query = select(TimelineRow).where(TimelineRow.patient_id == person.patient_id, TimelineRow.code.in_(sorted(codes)))
        newest = query.order_by(TimelineRow.step.desc(), TimelineRow.line.desc()).limit(limit)
        rows = list(await self.session.scalars(newest))[::-1]
        return [Line(row.step, load_reason(person.open(f"timeline/{row.step}/{row.line}", row.sealed))) for row in rows]

    async def told(self, person: PersonVault, lines: Sequence[Line]) -> Mapping[int | None, Sequence[Told]]:
        """By step, the events that the steps of a page of lines took, in the order in which they were learnt."""
        if not lines:
            return {}
        steps = [one.step for one in lines]
        name = func.coalesce(ApiKey.name, case((Account.name != "", Account.name), else_=Account.login))
        asked = (Organisation.id == func.coalesce(ApiKey.place, Account.place)) & Organisation.kind.in_(("hospital", "pharmacy"))
        query = (
            select(EventRow.step, EventRow.seq, EventRow.kind, EventRow.sealed, name, Organisation.name)
            .outerjoin(ApiKey, ApiKey.id == EventRow.told_by)
            .outerjoin(Account, Account.id == EventRow.told_by)
            .outerjoin(Organisation, asked)
            .where(EventRow.patient_id == person.patient_id, EventRow.step.between(min(steps), max(steps)))
            .order_by(EventRow.seq)
        )
        found: dict[int | None, list[Told]] = defaultdict(list)
        for step, seq, kind, sealed, who, place in await self.session.execute(query):
            found[step].append(Told(load_event(person.open(f"event/{seq}", sealed)), kind, who or "", place or ""))
        return found

    async def texts(self, person: PersonVault, keys: Iterable[str]) -> Mapping[str, str]:
        """What the texts with these keys say, by key, of those that went out; nothing is asked where there are none."""
        wanted = sorted(set(keys))
        if not wanted:
            return {}
        out = select(Message.key, Message.sealed).where(
            Message.patient_id == person.patient_id, Message.direction == "out", Message.key.in_(wanted)
        )
        rows = await self.session.execute(out)
        return {key: str(person.open(f"message/out/{key}", sealed)["text"]) for key, sealed in rows}
