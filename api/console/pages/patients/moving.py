"""Another care team, and another phone: told on a page that says what follows from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form, made, wrong
from api.console.pages.patients.known import told, whom
from api.console.pages.patients.person import numbers
from api.depends import Parts, Session
from api.models.base import Written
from api.models.numbers import NumberIn
from api.models.patients import MoveIn
from api.moving import move
from api.parts import ApiParts
from api.problems import Problem, not_found
from api.routes.numbers import confirm_number, withdraw_number
from records.places import Places
from records.tables import CareTeam, Organisation, TaskRow, VisitBooking

router = APIRouter(include_in_schema=False)
Changes = Annotated[Desk, at("patients.change")]
NAMED = 200  # teams to choose from
NOTICES |= {
    "moved_team": N_("Moved. The other team sees the patient from now on."),
    "number_given": N_("Saved. The new number is asked by text whether it is theirs; until then texts go where they went."),
    "number_confirmed": N_("Confirmed. Texts go to the new number from now on."),
    "number_withdrawn": N_("The new number is forgotten; texts go where they went."),
    "number_removed": N_("The number is removed. Nothing is sent to it any more."),
}


@router.get("/patients/{patient_id}/team")
async def team_page(desk: Changes, session: Session, parts: Parts, patient_id: str) -> Response:
    """The teams of the network, and what goes along."""
    return await _team(desk, session, parts, patient_id, Form())


@router.post("/patients/{patient_id}/team")
async def team_told(desk: Changes, session: Session, parts: Parts, patient_id: str) -> Response:
    """Moved to another team; somebody who may not see it any more is led to the list."""
    form, team = desk.form, desk.form.text("care_team")
    try:
        if not team:
            raise wrong("care_team", told(desk.language, N_("Choose a care team.")))
        await move(desk.writing(), desk.caller.scope, patient_id, made(MoveIn, care_team=team))
    except Problem as problem:
        _is_of_the_form(problem)
        return await _team(desk, session, parts, patient_id, form.refused(problem), status=422)
    still = desk.caller.scope.covers_team(team)
    return desk.go(f"/patients/{patient_id}" if still else "/patients", "moved_team")


async def _team(desk: Desk, session: AsyncSession, parts: ApiParts, patient_id: str, form: Form, *, status: int = 200) -> Response:
    them = await whom(session, parts, desk.caller.scope, patient_id, desk.language)
    networks = await Places(session).networks_of(them.patient.care_team_id)
    teams = select(CareTeam, Organisation).join(Organisation, Organisation.id == CareTeam.organisation_id)
    if networks is not None:
        teams = teams.where(Organisation.network_id.in_(sorted(networks)))
    found = (await session.execute(teams.order_by(Organisation.name, CareTeam.name).limit(NAMED))).all()
    open_ = select(func.count()).where(TaskRow.patient_id == patient_id, TaskRow.status == "open")
    booked = select(func.count()).where(VisitBooking.patient_id == patient_id)
    return desk.html(
        "patients/team.html",
        status=status,
        them=them,
        form=form,
        teams=[(row[0], row[1]) for row in found if row[0].id != them.patient.care_team_id],
        own=next((row[0] for row in found if row[0].id == them.patient.care_team_id), None),
        tasks=(await session.scalar(open_)) or 0,
        visits=(await session.scalar(booked)) or 0,
    )


@router.get("/patients/{patient_id}/number")
async def number_page(desk: Changes, session: Session, parts: Parts, patient_id: str) -> Response:
    """The numbers there are, those that wait, and a field for another."""
    return await _number(desk, session, parts, patient_id, Form())


@router.post("/patients/{patient_id}/number")
async def number_told(desk: Changes, session: Session, parts: Parts, patient_id: str) -> Response:
    """Another number, or (``gone``) that there is none any more."""
    form, who = desk.form, desk.form.text("who", "patient")
    name = "carer_phone" if who == "carer" else "phone"
    gone = form.text("gone") == "yes"
    try:
        if not gone and not form.text("number"):
            raise wrong("number", told(desk.language, N_("Write the new number.")))
        body = MoveIn(**{name: None if gone else form.text("number")})
        await move(desk.writing(), desk.caller.scope, patient_id, body)
    except Problem as problem:
        _is_of_the_form(problem)
        return await _number(desk, session, parts, patient_id, _at(form.refused(problem), name, "number"), status=422)
    return desk.go(
        f"/patients/{patient_id}/number" if not gone else f"/patients/{patient_id}", "number_removed" if gone else "number_given"
    )


@router.post("/patients/{patient_id}/number/{how}")
async def number_settled(
    desk: Changes, session: Session, parts: Parts, patient_id: str, how: Literal["confirm", "withdraw"]
) -> Response:
    """Somebody called the number that waits: it is theirs, or it is not."""
    settle: Callable[..., Awaitable[Written]] = confirm_number if how == "confirm" else withdraw_number
    try:
        await settle(desk.caller, desk.writing(), patient_id, made(NumberIn, who=desk.form.text("who", "patient")))
    except Problem as problem:
        _is_of_the_form(problem)
        return await _number(desk, session, parts, patient_id, desk.form.refused(problem), status=422)
    return desk.go(f"/patients/{patient_id}", "number_confirmed" if how == "confirm" else "number_withdrawn")


async def _number(
    desk: Desk, session: AsyncSession, parts: ApiParts, patient_id: str, form: Form, *, status: int = 200
) -> Response:
    them = await whom(session, parts, desk.caller.scope, patient_id, desk.language)
    if them.profile is None:
        raise not_found()
    return desk.html("patients/number.html", status=status, them=them, form=form, numbers=await numbers(session, them))


def _at(form: Form, said: str, shown: str) -> Form:
    """A fault that the API names by its own field, at the field of the form."""
    return Form(form.values, {shown if name == said else name: what for name, what in form.faults.items()})


def _is_of_the_form(problem: Problem) -> None:
    """What is no fault of the form stays a page of its own."""
    if problem.status not in (409, 412, 422):
        raise problem
