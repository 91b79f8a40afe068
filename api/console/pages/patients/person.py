"""One person at a glance: who it is, what is open now, and the frame into which the rest is loaded when it is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, Desk, at
from api.console.pages.patients.known import Whom, whom
from api.console.pages.patients.life import FINAL, LABELS, possible
from api.depends import Parts, Session
from api.showing.tasks import show_tasks
from pathways.engine.calendar import local_day
from records.numbers import NumberChanges, is_open, number_in
from records.tasks import Tasks

router = APIRouter(include_in_schema=False)
MOST_TASKS = 12

#: The parts in the order of attention, with the heading that stands while they are on their way.
PARTS: dict[str, str] = {
    "tags": N_("Risk tag over time"),
    "ahead": N_("The year ahead"),
    "readings": N_("Readings"),
    "medicines": N_("Medicines"),
    "referrals": N_("Referrals"),
    "messages": N_("Messages"),
    "timeline": N_("What happened, and why"),
}


@dataclass(frozen=True, slots=True)
class Number:
    """A phone. ``state``: used, waiting (to be confirmed by its owner), to_call (by somebody of the team), unreachable."""

    who: str
    number: str
    state: str


@router.get("/patients/{patient_id}")
async def patient_page(desk: Annotated[Desk, at("patients.read")], session: Session, parts: Parts, patient_id: str) -> Response:
    """The first view; whatever takes longer is asked for by the page itself."""
    them = await whom(session, parts, desk.caller.scope, patient_id, desk.language)
    rows = sorted(await Tasks(session).of(patient_id), key=lambda row: not row.urgent)  # beneath: by the day they are due
    return desk.html(
        "patients/patient.html",
        them=them,
        patient=them.shown,
        state=them.state,
        tasks=await show_tasks(them.showing, rows[:MOST_TASKS]) if rows else [],
        more_tasks=max(0, len(rows) - MOST_TASKS),
        team=them.found.team,
        place=them.found.place,
        numbers=await numbers(session, them),
        deeds=[(deed, LABELS[deed]) for deed in possible(them.patient.life)],
        since=None
        if them.state is None or them.state.life_since is None
        else local_day(them.state.life_since, them.patient.timezone),
        parts=PARTS,
        final=FINAL,
    )


async def numbers(session: AsyncSession, them: Whom) -> list[Number]:
    """Those in use and those that wait, the patient's first."""
    profile, person = them.profile, them.person
    if profile is None or person is None:
        return []
    marked, waiting = await NumberChanges(session, them.showing.vault).known(them.id)
    found = [
        Number(who, number, "unreachable" if who in marked else "used")
        for who, number in (("patient", profile.phone), ("carer", profile.carer_phone))
        if number
    ]
    found += [
        Number(who, number_in(change, person), "waiting" if is_open(change, them.now) else "to_call")
        for who, change in waiting.items()
    ]
    return sorted(found, key=lambda one: one.who != "patient")
