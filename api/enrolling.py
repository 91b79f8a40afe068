"""Enrolling a person who was sent to the API, by the same reader as a roster's.

Rule: one reader, so that a word, a unit or a day means the same wherever it is sent; what it did not understand is in the notes.
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from activities.enrolment import Enrolment
from api.models.base import Moved
from api.models.patients import DueOut, EnrolmentOut, MatchOut, PersonIn
from api.parts import ApiParts
from api.problems import unusable
from api.writing import Writing
from pathways.engine import calendar
from records.intake.people import Intake, Refused
from records.intake.places import known_zone
from records.intake.roster import read_roster
from records.patients import Patients
from records.scope import Scope
from records.tables import CareTeam


async def enrol(writing: Writing, scope: Scope, body: PersonIn) -> EnrolmentOut:
    """Enrol ``body``; a team's own key enrols into that team. Raises Problem 422."""
    parts = writing.parts
    outcome = await parts.enrolments.enrol(await intake_of(parts, scope, body), by=writing.caller_id)
    patient_id = outcome.patient_id
    if patient_id is not None and not await is_theirs(parts, scope, patient_id):
        patient_id = None
    acted_on = await writing.settle(patient_id, outcome.next_step) if patient_id is not None else False
    return _shown(outcome, patient_id, acted_on, await writing.stands(patient_id) if patient_id is not None else None)


async def look(parts: ApiParts, scope: Scope, body: PersonIn) -> EnrolmentOut:
    """What enrolling ``body`` would do; nothing is stored. Raises Problem 422."""
    outcome = await parts.enrolments.look(await intake_of(parts, scope, body))
    patient_id = outcome.patient_id
    if patient_id is not None and not await is_theirs(parts, scope, patient_id):
        patient_id = None
    return _shown(outcome, patient_id, False, None)


async def intake_of(parts: ApiParts, scope: Scope, body: PersonIn) -> Intake:
    """The person as a roster's reader has them, in a care team of the caller's. Raises Problem 422."""
    team = scope.team or body.care_team
    if team is not None and not scope.covers_team(team):
        raise unusable("care_team", "is not among your care teams", "name one of yours")
    if team is None and scope.teams is not None:
        raise unusable("care_team", "is missing, and you have several", "name one of yours")
    async with parts.database.reading() as session:
        if team is not None and await session.get(CareTeam, team) is None:
            raise unusable("care_team", "there is no such care team", "name one of the network's care teams, or leave it out")
        today = calendar.local_day(await parts.clock.now(session), body.timezone or "UTC") if _is_zone(body.timezone) else None
    intake = next(read_roster(as_roster(body), "api", on=today))
    if isinstance(intake, Refused):
        raise unusable("body", intake.what, intake.remedy)
    return replace(intake, care_team=team)


def _shown(outcome: Enrolment, patient_id: str | None, acted_on: bool, stands: Moved | None) -> EnrolmentOut:
    return EnrolmentOut(
        status=outcome.status,
        patient_id=patient_id,
        acted_on=acted_on,
        matches=[MatchOut(pathway=m.pathway, matched=m.matched, why=m.why) for m in outcome.matches],
        tag=outcome.tag,
        due=[DueOut(service=service, day=day) for service, day in outcome.due],
        notes=list(outcome.notes),
        patient=stands,
    )


def as_roster(body: PersonIn) -> str:
    """The person as a roster of one row."""
    sent = body.model_dump(exclude={"conditions", "readings", "medicines"}, exclude_none=True)
    cells = {name: str(cell) for name, cell in sent.items()}
    if body.readings and body.measured_on is None and body.last_visit is not None:
        cells["measured_on"] = body.last_visit.isoformat()
    cells["conditions"] = ";".join(body.conditions)
    cells["medicines"] = ";".join(
        f"{m.name}:{m.last_fill.isoformat() if m.last_fill else ''}:{m.days_supply or ''}" for m in body.medicines
    )
    # A reading may share its name with a column, such as the day of a screening: the column wins.
    cells |= {
        name: f"{value:g}" if isinstance(value, float) else value for name, value in body.readings.items() if name not in cells
    }
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(cells)
    rows.writerow(cells.values())
    return written.getvalue()


async def is_theirs(parts: ApiParts, scope: Scope, patient_id: str) -> bool:
    """Whether the caller may see this patient."""
    async with parts.database.reading() as session:
        return await Patients(session, parts.vault).in_scope(scope, patient_id) is not None


def _is_zone(name: str) -> bool:
    return known_zone(name) is not None
