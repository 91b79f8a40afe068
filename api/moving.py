"""A patient moves within the network, or has another number: the record, the index, the team's work and the event, together."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import update

from api.models.base import Written
from api.models.patients import MoveIn
from api.problems import not_found, unusable
from api.writing import Case, Writing, happened_at
from pathways.engine.events import PersonChanged
from records.intake.places import e164, known_zone, shipped_places
from records.patients import Profile
from records.places import Places
from records.pulse import touch
from records.scope import Scope
from records.tables import CareTeam, VisitBooking
from records.tasks import Tasks


async def move(writing: Writing, scope: Scope, patient_id: str, body: MoveIn) -> Written:
    """Carry the move out. Raises Problem 404, 422."""

    async def change(case: Case) -> PersonChanged:
        if not scope.covers_team(case.patient.care_team_id):
            raise not_found()
        if body.care_team is not None:
            await _to_team(case, scope, body.care_team)
        if body.timezone is not None and known_zone(body.timezone) is None:
            raise unusable("timezone", "is not a time zone", "use an IANA name such as Asia/Shanghai")
        profile = await case.patients.profile(case.patient)
        country = shipped_places().country_of_zone(body.timezone or case.patient.timezone)
        changed = _with_numbers(profile, body, country)
        if changed != profile:
            await case.patients.update_profile(case.patient, changed)
        return PersonChanged(
            id=writing.event_id("move", body),
            at=happened_at(body.at, case.now),
            learnt=case.now,
            timezone=body.timezone,
            phone=changed.phone is not None if "phone" in body.model_fields_set else None,
            carer=changed.carer_phone is not None if "carer_phone" in body.model_fields_set else None,
        )

    return await writing.change(patient_id, change)


async def _to_team(case: Case, scope: Scope, team: str) -> None:
    if not await _is_of_the_network(case, scope, team):
        raise unusable("care_team", "there is no such care team", "name one of the network's care teams")
    before, case.patient.care_team_id = case.patient.care_team_id, team
    await Tasks(case.session).hand_to(team, patient_id=case.patient.id)
    booked = update(VisitBooking).where(VisitBooking.patient_id == case.patient.id)
    await case.session.execute(booked.values(care_team_id=team))
    await touch(case.session, before, team)


async def _is_of_the_network(case: Case, scope: Scope, team: str) -> bool:
    """Whether there is such a team, among the caller's or in the patient's network: nobody hands a patient to strangers."""
    if await case.session.get(CareTeam, team) is None:
        return False
    places = Places(case.session)
    same = await places.networks_of(team) == await places.networks_of(case.patient.care_team_id)
    return same or scope.covers_team(team)


def _with_numbers(profile: Profile, body: MoveIn, country: str | None) -> Profile:
    for name in ("phone", "carer_phone"):
        if name not in body.model_fields_set:
            continue
        written: str | None = getattr(body, name)
        number = e164(written, country) if written else None
        if written and number is None:
            raise unusable(name, "is no number that can exist", "write it with its country code, such as +86 138 0000 0000")
        profile = replace(profile, phone=number) if name == "phone" else replace(profile, carer_phone=number)
    return profile
