"""A patient moves within the network, or has another number: the record, the index, the team's work and the event, together.

Rule: a number that is new is kept apart until it is confirmed; one that is there no more is gone at once.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import update

from api.models.base import Written
from api.models.patients import MoveIn
from api.problems import not_found, unusable
from api.writing import Case, Writing, happened_at
from pathways.engine.events import AnyEvent, NumberGiven, NumberSettled, PersonChanged
from pathways.engine.state import ENDED
from records.intake.places import e164, known_zone, shipped_places
from records.numbers import WHO, NumberChanges, Who, number_in
from records.patients import Held
from records.places import Places
from records.pulse import touch
from records.scope import Scope
from records.tables import CareTeam, VisitBooking
from records.tasks import Tasks


async def move(writing: Writing, scope: Scope, patient_id: str, body: MoveIn) -> Written:
    """Carry the move out. Raises Problem 404, 422."""

    async def change(case: Case) -> AnyEvent:
        if not scope.covers_team(case.patient.care_team_id):
            raise not_found()
        if body.care_team is not None:
            await _to_team(case, scope, body.care_team)
        if body.timezone is not None and known_zone(body.timezone) is None:
            raise unusable("timezone", "is not a time zone", "use an IANA name such as Asia/Shanghai")
        event_id = writing.event_id("move", body)
        gone, told = await numbers(case, body, event_id, by=writing.caller_id)
        moved = PersonChanged(
            id=event_id,
            at=happened_at(body.at, case.now),
            learnt=case.now,
            timezone=body.timezone,
            phone=False if "patient" in gone else None,
            carer=False if "carer" in gone else None,
        )
        if body.timezone is not None or body.care_team is not None or gone or not told:
            told.insert(0, moved)
        for event in told[:-1]:
            await case.log.append(event)
        return told[-1]

    return await writing.change(patient_id, change)


async def _to_team(case: Case, scope: Scope, team: str) -> None:
    if not await _is_of_the_network(case, scope, team):
        raise unusable("care_team", "there is no such care team", "name one of the network's care teams")
    before, case.patient.care_team_id = case.patient.care_team_id, team
    await Tasks(case.session).hand_to(team, patient_id=case.patient.id, at=case.now)
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


async def numbers(case: Case, body: MoveIn, event_id: str, *, by: str) -> tuple[set[Who], list[AnyEvent]]:
    """Carry out what is said of numbers: those that are gone, and what is to be told of the others. Raises Problem 422."""
    profile = await case.patients.profile(case.patient)
    country = shipped_places().country_of_zone(body.timezone or case.patient.timezone)
    changes = NumberChanges(case.session, case.patients.vault)
    waiting = await changes.of(case.patient.id)
    gone: set[Who] = set()
    told: list[AnyEvent] = []
    for who in WHO:
        name = "phone" if who == "patient" else "carer_phone"
        if name not in body.model_fields_set:
            continue
        written, used = getattr(body, name), getattr(profile, name)
        number = e164(written, country) if written else None
        if written and number is None:
            raise unusable(name, "is no number that can exist", "write it with its country code, such as +86 138 0000 0000")
        waits = number_in(waiting[who], case.person) if who in waiting else None
        if number is not None and number == waits:
            continue
        if number is not None and number != used and case.patient.life not in ENDED:
            new = f"{event_id}/{who}"
            await changes.put(Held(case.patient, case.person), who, number, event=new, by=by, at=case.now)
            told.append(NumberGiven(id=new, at=case.now, learnt=case.now, who=who))
            continue
        if waits is not None:
            await changes.drop(case.patient.id, who)
            told.append(NumberSettled(id=f"{event_id}/{who}/withdrawn", at=case.now, learnt=case.now, who=who, how="withdrawn"))
        profile = replace(profile, phone=number) if who == "patient" else replace(profile, carer_phone=number)
        if number is None:
            gone.add(who)
    if profile != await case.patients.profile(case.patient):
        await case.patients.update_profile(case.patient, profile)
    return gone, told
