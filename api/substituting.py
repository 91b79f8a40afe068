"""A substitute for a medicine that a pharmacy lacks: proposed by the pharmacy, decided by a doctor."""

from __future__ import annotations

from api import answering
from api.models.base import Written
from api.problems import Problem, unusable
from api.refilling import Answer
from api.showing.patients import Showing
from api.writing import Case, happened_at
from pathways.engine.events import RefillMoved, SubstituteDecided
from pathways.engine.refill_checks import may_replace
from records.refills import MOVES, asked_of, keep, lacks, medicine_of
from records.tables import RefillRow

PROPOSED = "substitute_proposed"


class Substitute(Answer):
    """What is said about a substitute. Its methods raise Problem 404, 409, 412 and 422."""

    async def proposes(self, medicine: str, word: str | None) -> Written:
        """The pharmacy lacks what was asked for, and has ``medicine``."""

        async def change(case: Case, row: RefillRow) -> RefillMoved | None:
            if row.stage == PROPOSED and asked_of(case.person, row).get("proposed") == medicine.strip().casefold():
                return None  # told twice
            answering.may_move(MOVES, row.stage, PROPOSED, what="request")
            name = await self._usable(case, medicine_of(case.person, row), medicine)
            keep(case.person, row, proposed=name, proposal=word)
            row.stage, row.changed = PROPOSED, case.now
            return self.moved(case, row, PROPOSED, substitute=name)

        return await self.answer(change)

    async def approves(self) -> Written:
        """The request goes on with what is proposed."""

        async def change(case: Case, row: RefillRow) -> SubstituteDecided | None:
            asked = asked_of(case.person, row)
            if row.stage != PROPOSED and asked.get("decided") == "approved":
                return None  # told twice
            self._is_proposed(row)
            new, old = asked["proposed"], asked["medicine"]
            instead_of = asked.get("instead_of") or (old if old != new else None)
            keep(case.person, row, medicine=new, instead_of=instead_of, proposed=None, decided="approved")
            return self._decided(case, row, approved=True)

        return await self.answer(change)

    async def refuses(self, reason: str) -> Written:
        """The next pharmacy is asked for the medicine itself."""

        async def change(case: Case, row: RefillRow) -> SubstituteDecided | None:
            if row.stage != PROPOSED and asked_of(case.person, row).get("decided") == "refused":
                return None  # told twice
            self._is_proposed(row)
            await lacks(case.session, row.pharmacy_id, medicine_of(case.person, row), until=None, at=case.now)
            keep(case.person, row, proposed=None, decided="refused", reason=reason)
            return self._decided(case, row, approved=False)

        return await self.answer(change)

    def _is_proposed(self, row: RefillRow) -> None:
        if row.stage != PROPOSED:
            raise Problem(409, f"No substitute is proposed: this request is {answering.words(row.stage)}.")

    def _decided(self, case: Case, row: RefillRow, *, approved: bool) -> SubstituteDecided:
        row.stage, row.changed = "received" if approved else "out_of_stock", case.now
        at = happened_at(self.body.at, case.now)
        id_ = self.writing.event_id("refill/substitute", self.body)
        return SubstituteDecided(id=id_, at=at, learnt=case.now, refill=row.refill, approved=approved)

    async def _usable(self, case: Case, asked: str, proposed: str) -> str:
        """The name by which the substitute is known. Raises Problem 422."""
        parts = self.writing.parts
        showing = Showing(case.session, parts.vault, parts.plans)
        plan, state = await showing.plan(case.patient.id), await showing.state(case.patient)
        checks = plan.checks
        name = checks.own_name(proposed) if checks is not None else proposed.strip().casefold()
        listed = checks.substitutes.get(checks.own_name(asked), ()) if checks is not None else ()
        if checks is None or not may_replace(checks, asked, name):
            other = f"propose one of: {', '.join(listed)}" if listed else "propose the same substance of another maker or strength"
            raise unusable("medicine", "is no substitute for what was asked for", f"{other}; or say that it is out of stock")
        if checks.own_name(asked) == name:
            return asked  # the same substance by another name
        kept = {one for pathway in plan.pathways.values() for service in pathway.services.values() for one in service.medicines}
        if name not in kept:
            raise unusable("medicine", "is looked after by no pathway of this patient", "say that it is out of stock")
        if state is not None and name in state.supplies:
            raise unusable("medicine", "is taken by this patient already", "say that it is out of stock")
        return name
