"""What a write at the door carries beside what REST carries: what the sender calls the thing that it makes.

Rule: a thing is named in the transaction that makes it, so that of two that make the same at once only one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from api.models.base import Written
from api.writing import Case, Change, Writing
from pathways.engine.events import AnyEvent
from records.tables import GivenIdentifier


class Exists(Exception):
    """Somebody has made it already; ``id``: of the resource."""

    def __init__(self, id_: str) -> None:
        super().__init__("made already")
        self.id = id_


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier. ``once``: no second thing may be made that is called so."""

    system: str
    value: str
    once: bool = False


@dataclass(frozen=True)
class Making(Writing):
    """``type``: of the resource that is made; ``place``: who names it; ``names``: what they call it.

    ``called``: of the patient's id and the event's, the id of the resource that the event is shown as.
    """

    type: str = ""
    place: str = ""
    names: tuple[Name, ...] = field(default=())
    called: Callable[[str, str], str] | None = None

    async def change(self, patient_id: str, change: Change, *, by_patient: bool = True) -> Written:
        """As every write; what comes of it is named. Raises Exists, too."""

        async def named(case: Case) -> AnyEvent | None:
            event = await change(case)
            if event is not None and self.called is not None:
                await self.made(case.session, self.called(patient_id, event.id))
            return event

        return await super().change(patient_id, named, by_patient=by_patient)

    async def made(self, session: AsyncSession, id_: str) -> None:
        """Keep what the resource with this id is called. Raises Exists."""
        now = await self.parts.clock.now(session)
        for name in self.names:
            row = GivenIdentifier(place=self.place, type=self.type, value=self._hash(name), resource_id=id_, at=now)
            try:
                async with session.begin_nested():  # another request may be making the same right now
                    session.add(row)
            except IntegrityError:
                taken = await self._named(session, name)
                if name.once and taken is not None and taken != id_:
                    raise Exists(taken) from None

    async def known(self, session: AsyncSession, names: Iterable[Name]) -> frozenset[str]:
        """Ids of what this place called by any of these names."""
        found = [await self._named(session, name) for name in names]
        return frozenset(id_ for id_ in found if id_ is not None)

    async def _named(self, session: AsyncSession, name: Name) -> str | None:
        return await session.scalar(
            select(GivenIdentifier.resource_id).where(
                GivenIdentifier.place == self.place,
                GivenIdentifier.type == self.type,
                GivenIdentifier.value == self._hash(name),
            )
        )

    def _hash(self, name: Name) -> bytes:
        whole = sha256(f"{len(name.system)}/{name.system}/{name.value}".encode()).hexdigest()
        return self.parts.vault.token("given", whole)
