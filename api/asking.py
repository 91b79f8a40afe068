"""What is asked about a patient, answered from how they stand and from their timeline.

Rule: it is the same answer whoever asks: the API, and the command at a terminal.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from api.ahead import Looks, Standing, standing
from pathways.engine.commands import Reason
from pathways.forecast.why import Answer, Question, why
from records.patients import Patients
from records.scope import Scope
from records.timeline import Timeline

FURTHEST_BACK = 3_000  # lines of the timeline; years of a red patient on several pathways


@dataclass(frozen=True)
class Asked:
    """A patient as they stand, and ``reasons``: their timeline, newest first."""

    at: Standing
    reasons: list[Reason]

    def why(self, question: Question) -> Answer:
        """The answer; it looks ahead with the care team's days, which takes the engine a moment."""
        stands = self.at
        worked, find_day = stands.calendar.worked.last, stands.calendar.find
        return why(stands.plan, stands.state, self.reasons, question, stands.now, working_day=worked, find_day=find_day)


async def asked(session: AsyncSession, parts: Looks, scope: Scope, patient_id: str) -> Asked:
    """The patient that is asked about. Raises Problem 404 and 409 as ``standing`` does."""
    stands = await standing(session, parts, scope, patient_id)
    person = await Patients(session, parts.vault).vault_of(patient_id)
    lines = await Timeline(session).of(person, limit=FURTHEST_BACK, newest_first=True)
    return Asked(stands, [*reversed(stands.fresh), *(line.reason for line in lines.items)])
