"""Care teams: how many visits a day, and who is rung at night."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, Desk, at
from api.console.forms import Form, made
from api.console.pages.admin.asking import Ask, asked, places_to_choose, refused
from api.depends import Session
from api.models.places import TeamChange, TeamIn, TeamOut
from api.problems import Problem
from api.routes.teams import change_team, make_team, read_team
from records.places import WITH_TEAMS

router = APIRouter(include_in_schema=False)
Writes = Annotated[Desk, at("places.write")]
Short = Annotated[str, Query(max_length=400)]
FIELDS = ("organisation", "name", "capacity", "timezone", "on_call_phone", "emergency_number")


@router.get("/admin/teams/new")
async def new_team(desk: Writes, session: Session, organisation: Short = "") -> Response:
    """An empty form."""
    return await _form(desk, session, organisation)


@router.post("/admin/teams/new")
async def make(desk: Writes, organisation: Short = "") -> Response:
    """A new care team."""
    try:
        team = await make_team(desk.caller, desk.writing(), made(TeamIn, **_sent(desk)), Response())
    except Problem as problem:
        async with desk.parts.database.reading() as session:
            return await _form(desk, session, organisation, form=refused(desk, problem))
    return desk.go(f"/admin/places/{team.organisation}", said="saved")


@router.get("/admin/teams/{team_id}")
async def team_form(desk: Writes, session: Session, team_id: str) -> Response:
    """What is known of it."""
    answer = Response()
    team = await read_team(desk.caller, session, team_id, answer)
    return await _form(desk, session, team.organisation, team=team, read=answer.headers["etag"])


@router.post("/admin/teams/{team_id}")
async def change(desk: Writes, team_id: str) -> Response:
    """Its patients stay with it."""
    try:
        team = await change_team(desk.caller, desk.writing(), team_id, made(TeamChange, **_sent(desk)), Response())
    except Problem as problem:
        async with desk.parts.database.reading() as session:
            known = await read_team(desk.caller, session, team_id, Response())
            read = desk.form.text("read")
            return await _form(desk, session, known.organisation, team=known, form=refused(desk, problem), read=read)
    return desk.go(f"/admin/places/{team.organisation}", said="saved")


async def _form(
    desk: Desk, session: AsyncSession, organisation: str, *, team: TeamOut | None = None, form: Form | None = None, read: str = ""
) -> Response:
    at_places = await places_to_choose(session, desk, teams=False, kinds=WITH_TEAMS)
    known = (
        team.model_dump()
        if team
        else {"organisation": organisation, "capacity": 20, "timezone": "Asia/Shanghai", "emergency_number": "120"}
    )
    asks = [
        Ask("name", N_("Name"), required=True, attributes={"maxlength": 200}),
        Ask("organisation", N_("Works at"), required=True, choices=at_places, listed=True),
        Ask("capacity", N_("Visits a day"), "number", required=True, attributes={"min": 1, "max": 1000}),
        Ask("timezone", N_("Time zone"), required=True, hint=N_("Such as Asia/Shanghai.")),
        Ask("on_call_phone", N_("Phone on call"), "tel", hint=N_("Rung when a patient writes of an emergency.")),
        Ask(
            "emergency_number",
            N_("Emergency number"),
            "tel",
            required=True,
            hint=N_("What patients are told to ring, such as 120."),
        ),
    ]
    fields = [
        Ask(a.name, a.label, a.type, str(known.get(a.name, "")), a.hint, a.required, a.choices, a.listed, a.attributes)
        for a in asks
    ]
    title = desk.say(N_("Change this care team")) if team else desk.say(N_("A new care team"))
    return asked(
        desk,
        title,
        fields,
        back=f"/admin/places/{organisation}" if organisation else "/admin/places",
        read=read,
        form=form,
        status=422 if form else 200,
        about=team.name if team else "",
        button=desk.say(N_("Save")),
    )


def _sent(desk: Desk) -> dict[str, object]:
    return {name: desk.form.text(name) for name in FIELDS}
