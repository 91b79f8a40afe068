"""One answer to one refill request, whichever door it came in by: REST, FHIR or the console.

Rule 1: what is handed out is an event with the days; the request moves in the same transaction.
Rule 2: what was made ready is handed out for the code that the patient was texted, or it is said why not.
Rule 3: nothing is handed out before the pharmacist's word where the checks ask for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any, Literal

from api import answering
from api.models.base import Happened, Written
from api.models.refills import RefillDispensed
from api.problems import Problem, not_found, unusable
from api.writing import Case, Writing, happened_at, not_ahead
from pathways.engine import calendar
from pathways.engine.events import AnyEvent, Dispensed, Fill, RefillMoved
from records.patients import Patients
from records.pickups import NoCode, WrongCode, tried
from records.refills import MOVES, OPEN, asked_of, awaits_word, keep, lacks, medicine_of, refills
from records.scope import Scope
from records.tables import Patient, RefillRow

RefillStage = Literal["received", "ready", "out_of_stock", "refused"]


class Answer:
    """One answer to one refill request. Its methods raise Problem 404, 409, 412 and 422."""

    def __init__(self, writing: Writing, scope: Scope, refill_id: str, body: Happened) -> None:
        self.writing, self.scope, self.refill_id, self.body = writing, scope, refill_id, body

    async def moves(self, stage: RefillStage, *, reason: str | None = None, until: date | None = None) -> Written:
        """The pharmacy's answer. ``reason``: why it refuses; ``until``: the first day with what it lacks again."""

        async def change(case: Case, row: RefillRow) -> RefillMoved | None:
            if stage == "out_of_stock":
                if until is not None and until <= case.today:
                    raise unusable("until", "does not lie ahead", "give the first day with the medicine again, or leave it out")
                if row.stage == stage or row.stage in MOVES[stage]:
                    await lacks(case.session, row.pharmacy_id, medicine_of(case.person, row), until=until, at=case.now)
            if row.stage == stage:
                return None  # told twice
            answering.may_move(MOVES, row.stage, stage, what="request")
            if stage == "ready":
                if awaits_word(case.person, row):
                    raise _needs_word()
                keep(case.person, row, ready=asked_of(case.person, row).get("ready", 0) + 1)
            if reason is not None:
                keep(case.person, row, reason=reason)
            row.stage, row.changed = stage, case.now
            return self.moved(case, row, stage)

        return await self.answer(change)

    async def clears(self, word: str) -> Written:
        """The pharmacist has looked at what the checks found: it may be handed out."""

        async def change(case: Case, row: RefillRow) -> RefillMoved | None:
            if row.stage not in OPEN:
                raise Problem(409, f"This request is {answering.words(row.stage)}: nothing waits for a word.")
            said = asked_of(case.person, row).get("word")
            if said == word:
                return None  # told twice
            keep(case.person, row, word=word)
            row.stage, row.changed = "received" if row.stage == "requested" else row.stage, case.now
            return None if said else self.moved(case, row, "cleared")

        return await self.answer(change)

    async def dispenses(self, out: RefillDispensed) -> Written:
        """Handed out, the whole or a part."""
        stage = "part" if out.part else "dispensed"
        if out.code is not None:
            await self._compare(out.code)

        async def change(case: Case, row: RefillRow) -> Dispensed | None:
            if row.stage == stage == "dispensed":
                return None  # told twice
            answering.may_move(MOVES, row.stage, stage, what="request")
            if awaits_word(case.person, row):
                if out.word is None:
                    raise _needs_word()
                keep(case.person, row, word=out.word)
            if row.stage == "ready" and out.code is None and out.without_code is None and out.delivered is None:
                raise unusable(
                    "code",
                    "is needed: the patient was texted one",
                    "give it; or say why not, in without_code or delivered",
                )
            at = happened_at(self.body.at, case.now)
            fill = Fill(medicine_of(case.person, row), not_ahead("on", out.on, case.today), out.days)
            keep(case.person, row, handed=[*asked_of(case.person, row).get("handed", ()), _handed(out, at.isoformat())])
            row.stage, row.changed = stage, case.now
            id_ = self.writing.event_id("dispense", self.body)
            return Dispensed(id=id_, at=at, learnt=case.now, fill=fill, part=out.part)

        return await self.answer(change)

    async def _compare(self, code: str) -> None:
        """Count a wrong code in a transaction of its own, so that it counts whatever becomes of the rest."""
        parts = self.writing.parts
        async with parts.database.begin() as session:
            row = await answering.one(refills(session), self.scope, self.refill_id)
            if row.stage not in OPEN:
                return  # told twice, or too late: the answer itself says so
            patients = Patients(session, parts.vault)
            await session.get_one(Patient, row.patient_id, with_for_update=True)  # one try after the other
            await session.refresh(row)
            try:
                person = await patients.vault_of(row.patient_id)
            except LookupError:  # forgotten
                raise not_found() from None
            patient = await session.get_one(Patient, row.patient_id)
            today = calendar.local_day(await parts.clock.now(session), patient.timezone)
            try:
                await tried(session, person, row, code, today)
                return
            except NoCode:
                raise unusable("code", "was never sent for this request", "leave it out") from None
            except WrongCode as wrong:
                left = wrong.left
        raise _wrong(left)

    async def answer(self, change: Callable[[Case, RefillRow], Awaitable[AnyEvent | None]]) -> Written:
        """Let ``change`` move the request while its patient is held."""
        return await answering.answer(self.writing, self.scope, refills, self.refill_id, change)

    def moved(self, case: Case, row: RefillRow, stage: Any, **what: str) -> RefillMoved:
        """The event that tells of it."""
        at, id_ = happened_at(self.body.at, case.now), self.writing.event_id(f"refill/{stage}", self.body)
        return RefillMoved(id=id_, at=at, learnt=case.now, refill=row.refill, stage=stage, **what)


def _handed(out: RefillDispensed, at: str) -> dict[str, Any]:
    delivered = out.delivered
    how = "delivered" if delivered is not None else "code" if out.code is not None else out.without_code or ""
    by = delivered.received_by if delivered is not None else "carer" if out.without_code == "collected_by_carer" else None
    evidence = delivered.evidence if delivered is not None else None
    return {"at": at, "days": out.days, "part": out.part, "how": how, "received_by": by, "evidence": evidence}


def _needs_word() -> Problem:
    return Problem(
        409,
        "The checks of medicines found something that a pharmacist looks at first: see the warnings of this request, then say your "
        "word (POST .../clear), or refuse it.",
    )


class WrongPickupCode(Problem):
    """``left``: how often a code may still be tried today."""

    def __init__(self, detail: str, *, left: int) -> None:
        super().__init__(409, detail)
        self.left = left


def _wrong(left: int) -> Problem:
    if left:
        return WrongPickupCode(f"This is not the code that the patient was texted. {left} tries are left today.", left=left)
    return WrongPickupCode(
        "This is not the code, or too many wrong ones were tried: none is taken today any more. Hand it out to somebody whom you "
        "know and say so (without_code), or tomorrow.",
        left=0,
    )
