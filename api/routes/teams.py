"""Care teams: who looks after patients, how many visits a day, and who is rung at night."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import After, Limit, Session, may
from api.editing import as_read, etag, once, standing, stored
from api.models.places import TeamChange, TeamIn, TeamOut, TeamPage
from api.problems import Problem, not_found, unusable
from api.writing import Writes
from records.callers import Caller
from records.intake.places import e164, known_zone, shipped_places
from records.places import WITH_TEAMS, Places, Subtree
from records.tables import CareTeam, Organisation

router = APIRouter(prefix="/teams", tags=["places"])


@router.get("", summary="Care teams")
async def list_teams(
    caller: Annotated[Caller, may("places.read")],
    session: Session,
    organisation: Annotated[str | None, Query(max_length=40)] = None,
    limit: Limit = 50,
    after: After = None,
) -> TeamPage:
    """Care teams at the caller's place and beneath it."""
    under = await standing(session, caller)
    page = await Places(session).teams(under, organisation=organisation, limit=limit, after=after)
    return TeamPage(items=[_shown(team) for team in page.items], next=page.next)


@router.get("/{team_id}", summary="One care team")
async def read_team(caller: Annotated[Caller, may("places.read")], session: Session, team_id: str, response: Response) -> TeamOut:
    """A care team at the caller's place or beneath it."""
    team = await session.get(CareTeam, team_id)
    if team is None or not (await standing(session, caller)).covers(team.id):
        raise not_found()
    response.headers["ETag"] = etag(team.version)
    return _shown(team)


@router.post("", summary="Make a care team", status_code=201)
async def make_team(caller: Annotated[Caller, may("places.write")], writing: Writes, body: TeamIn, response: Response) -> TeamOut:
    """A new care team at a network, centre or station."""
    async with writing.parts.database.begin() as session:
        places = Places(session)
        sent = await once(writing, session)
        team = await session.get(CareTeam, sent.made) if sent.made else None
        if team is None:
            if body.id is not None and await places.is_taken(body.id):
                raise Problem(409, "A place or a care team has this id already. Choose another one, or change that one.")
            team = CareTeam(id=body.id or await places.id_for(body.name, "team"), version=1)
            await _write(session, await standing(session, caller), team, body)
            session.add(team)
            sent.note(team.id)
            await stored(session, "Somebody else made a care team of this id just now. Read it, and choose another id.")
    writing.parts.keys.forget()
    response.headers["ETag"] = etag(team.version)
    return _shown(team)


@router.put("/{team_id}", summary="Change a care team")
async def change_team(
    caller: Annotated[Caller, may("places.write")], writing: Writes, team_id: str, body: TeamChange, response: Response
) -> TeamOut:
    """Replace what is known of it (If-Match names what was read); its patients stay with it."""
    async with writing.parts.database.begin() as session:
        under = await standing(session, caller)
        team = await session.get(CareTeam, team_id, with_for_update=True)
        if team is None or not under.covers(team.id):
            raise not_found()
        sent = await once(writing, session)
        if sent.made is None:
            as_read(writing.if_match, team.version)
            await _write(session, under, team, body)
            team.version += 1
            sent.note(team.id)
    writing.parts.keys.forget()
    response.headers["ETag"] = etag(team.version)
    return _shown(team)


async def _write(session: AsyncSession, under: Subtree, team: CareTeam, body: TeamChange) -> None:
    organisation = await session.get(Organisation, body.organisation)
    # A team's own administrator stands over the team alone; where it hangs is not theirs to change.
    if organisation is None or not (under.covers(organisation.id) or organisation.id == team.organisation_id):
        raise unusable("organisation", "is no place among yours", "give the id of a network, centre or station")
    if organisation.kind not in WITH_TEAMS:
        raise unusable("organisation", f"is a {organisation.kind}", "a care team works at a network, centre or station")
    if known_zone(body.timezone) is None:
        raise unusable("timezone", "is not a time zone", "use an IANA name such as Asia/Shanghai")
    phone = e164(body.on_call_phone, shipped_places().country_of_zone(body.timezone)) if body.on_call_phone else ""
    if phone is None:
        raise unusable("on_call_phone", "is no number that can exist", "write it with its country code, such as +86 138 0000 0000")
    team.organisation_id, team.name, team.capacity = organisation.id, body.name, body.capacity
    team.timezone, team.on_call_phone, team.emergency_number = body.timezone, phone, body.emergency_number


def _shown(team: CareTeam) -> TeamOut:
    return TeamOut(
        id=team.id,
        organisation=team.organisation_id,
        name=team.name,
        capacity=team.capacity,
        timezone=team.timezone,
        on_call_phone=team.on_call_phone,
        emergency_number=team.emergency_number,
        version=team.version,
    )
