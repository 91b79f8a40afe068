"""Starting workflows from the database: the Temporal cluster was lost for good, or one workflow is missing.

Rule 1: a workflow that runs is left as it is, so that starting all of them again and again changes nothing.
Rule 2: it begins with the step that planned what has not been handed over; what was handed over is settled and stays so.
Rule 3: patients are read in pages by id, and started no faster than asked: a new cluster is not drowned on its first morning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, or_, select

from activities.waking import NotWoken, Waker
from pathways.engine.state import ENDED
from records.database import Database
from records.tables import Delivery, Patient, PersonKey, StepRow

UNSETTLED = ("planned", "attempting")
AT_ONCE = 50
PAGE = 1000


class RecoveryStopped(RuntimeError):
    """Temporal went away; the message says how to go on."""


@dataclass(frozen=True, slots=True)
class Progress:
    """``looked_at``: patients so far; ``started``: those whose workflow did not run; ``after``: the last patient's id."""

    looked_at: int = 0
    started: int = 0
    after: str = ""


def _silently(progress: Progress) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True)
class Recovery:
    """Starts patients' workflows. ``rate``: how many a second at most."""

    database: Database
    waker: Waker
    rate: float = 1000.0
    page: int = PAGE

    async def start_all(self, *, after: str = "", tell: Callable[[Progress], None] = _silently) -> Progress:
        """Start every living patient whose workflow does not run, and everybody with something not handed over.

        ``after``: go on behind this id; ``tell`` is called after each page. Raises RecoveryStopped.
        """
        progress = Progress(after=after)
        while page := await self._page(progress.after):
            try:
                started = await self._start(page)
            except NotWoken as away:
                raise RecoveryStopped(
                    f"Temporal does not answer ({away}); {progress.looked_at} patients are done. Look at it with: cairn doctor; "
                    f"then go on with: cairn recover" + (f" --after {progress.after}" if progress.after else "")
                ) from None
            progress = Progress(progress.looked_at + len(page), progress.started + started, page[-1][0])
            tell(progress)
        return progress

    async def start(self, patients: Sequence[str]) -> int:
        """Start those of ``patients`` that live and do not run; answers how many. Raises NotWoken."""
        async with self.database.reading() as session:
            rows = (await session.execute(_living().where(Patient.id.in_(patients)))).all()
        return await self._start([(patient, next_step) for patient, next_step in rows])

    async def _page(self, after: str) -> list[tuple[str, int]]:
        async with self.database.reading() as session:
            rows = await session.execute(_living().where(Patient.id > after).order_by(Patient.id).limit(self.page))
            return [(str(patient), int(next_step)) for patient, next_step in rows]

    async def _start(self, page: Sequence[tuple[str, int]]) -> int:
        room = asyncio.Semaphore(AT_ONCE)
        begun = asyncio.get_running_loop().time()

        async def start(place: int, patient: str, next_step: int) -> bool:
            early = begun + place / self.rate - asyncio.get_running_loop().time()
            if early > 0:
                await asyncio.sleep(early)
            async with room:
                return await self.waker.start(patient, next_step=next_step)

        starting = [asyncio.ensure_future(start(place, *one)) for place, one in enumerate(page)]
        try:
            return sum(await asyncio.gather(*starting))
        finally:
            for one in starting:
                one.cancel()
            await asyncio.gather(*starting, return_exceptions=True)


def _living() -> Select[str, int]:
    """Id and first step of everybody who lives, or for whom something has not been handed over."""
    unsettled = (
        select(func.min(Delivery.planned))
        .where(Delivery.patient_id == Patient.id, Delivery.status.in_(UNSETTLED))
        .correlate(Patient)
        .scalar_subquery()
    )
    # Planned and not handed over: the step that planned it says again what is to be delivered.
    begun = (
        select(func.min(StepRow.step))
        .where(StepRow.patient_id == Patient.id, StepRow.at >= unsettled)
        .correlate(Patient)
        .scalar_subquery()
    )
    remembered = select(PersonKey.patient_id).where(PersonKey.patient_id == Patient.id).correlate(Patient).exists()
    return select(Patient.id, func.coalesce(begun, Patient.last_step + 1)).where(
        or_(Patient.life.not_in(ENDED), unsettled.is_not(None)), remembered
    )
