"""*Forecast*: what a draft would do to the people who are enrolled, asked for, watched, and read.

Rule: the figures are those of the API; what is added here is which of them comes first, and how it is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.forecasting import SMS_COST, Wanted
from api import definitions
from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form
from api.console.pages.change.common import A_PAGE, compiled, draft_of, names_of_teams, teams_of, teller, title_of, told
from api.console.pages.change.gone import Gone, gone, named
from api.console.pages.change.outlook import KINDS, MEASURES, Moves, summed_up
from api.depends import After, Parts, PathwayName
from api.problems import Problem
from api.routes.forecasts import UNMET, begin_forecast, cancel_forecast, list_forecasts, read_forecast
from api.showing.patients import name_of
from pathways.engine.plan import Pathway
from records.drafts import OPEN
from records.pathways import PublishedPathways
from records.patient_list import PatientList
from records.tables import PathwayDraft, Patient

router = APIRouter(include_in_schema=False)
Runs = Annotated[Desk, at("forecasts.run")]

NOTICES |= {"forecast_stopped": N_("The forecast was stopped.")}
SAMPLES: Mapping[str, str] = {
    "300": N_("a quick look: 300 people"),
    "2000": N_("the usual: 2,000 people, about a minute"),
    "10000": N_("a closer look: 10,000 people, some minutes"),
    "1000000": N_("everybody, which may take an hour in a city"),
}
WEEKS: Mapping[str, str] = {
    "13": N_("three months"),
    "26": N_("half a year"),
    "52": N_("a year"),
    "104": N_("two years"),
}


@router.get("/pathways/{name}/drafts/{draft_id}/forecast")
async def ask_page(desk: Runs, name: PathwayName, draft_id: str) -> Response:
    """What to try it on, and what was tried already."""
    return await _asking(desk, name, draft_id, Form())


@router.post("/pathways/{name}/drafts/{draft_id}/forecast")
async def ask(desk: Runs, parts: Parts, name: PathwayName, draft_id: str) -> Response:
    """Begin to make it."""
    form = desk.form
    async with parts.database.reading() as session:
        draft = await draft_of(session, name, draft_id)
        replaced = await _replaced(desk, session, draft)
    try:
        teams = [team for team in form.texts("team") if desk.caller.scope.covers_team(team)]
        wanted = Wanted(
            draft.text,
            _of(form, "sample", SAMPLES, "2000"),
            _of(form, "weeks", WEEKS, "52"),
            1,
            SMS_COST,
            frozenset(teams) if teams else desk.caller.scope.teams,
            named(form, "services", replaced),
            named(form, "tags", replaced),
        )
        begun = await begin_forecast(parts, desk.caller, name, wanted)
    except Problem as problem:
        return await _asking(desk, name, draft_id, form.refused(told(desk, problem)), status=422)
    return desk.go(f"/pathways/{name}/forecasts/{begun.id}")


@router.get("/pathways/{name}/forecasts")
async def forecasts_page(desk: Runs, parts: Parts, name: PathwayName, after: After = None) -> Response:
    """Those that were made, the newest first."""
    page = await list_forecasts(desk.caller, parts, name, limit=A_PAGE, after=after)
    async with parts.database.reading() as session:
        title = await title_of(desk, session, name)
        drafts = await _drafts_by_version(session, name, [one.version for one in page.items])
    return desk.html("change/forecasts.html", name=name, title=title, found=page.items, next=page.next, drafts=drafts)


@router.get("/pathways/{name}/forecasts/{forecast_id}")
async def forecast_page(
    desk: Runs, parts: Parts, name: PathwayName, forecast_id: str, teams: Annotated[str, Query(max_length=10)] = ""
) -> Response:
    """How far it is, or what it came to."""
    found, _ = await read_forecast(desk.caller, parts, name, forecast_id), teller(desk)
    result = found.result
    async with parts.database.reading() as session:
        title = await title_of(desk, session, name)
        draft = (await _drafts_by_version(session, name, [found.version])).get(found.version)
        known = await names_of_teams(session, (one.team for one in result.teams)) if result is not None else {}
    return desk.html(
        "change/forecast.html",
        name=name,
        title=title,
        one=found,
        draft=draft,
        result=result,
        summed=summed_up(result, known, everybody=teams == "all") if result is not None else None,
        measures=MEASURES,
        assumptions=[
            one.model_copy(update={field: _(getattr(one, field)) for field in ("says", "unit", "source")})
            for one in (result.behaviour if result is not None else ())
        ],
    )


@router.get("/pathways/{name}/forecasts/{forecast_id}/progress")
async def progress(desk: Runs, parts: Parts, name: PathwayName, forecast_id: str) -> Response:
    """How far it is, for the page that shows it; once it has ended, the page is read anew."""
    found = await read_forecast(desk.caller, parts, name, forecast_id)
    ended = found.status not in ("waiting", "running")
    return desk.html("change/forecast_progress.html", name=name, one=found, headers={"HX-Refresh": "true"} if ended else None)


@router.post("/pathways/{name}/forecasts/{forecast_id}/cancel")
async def stop(desk: Runs, parts: Parts, name: PathwayName, forecast_id: str) -> Response:
    """It is not made any further."""
    at_page = f"/pathways/{name}/forecasts/{forecast_id}"
    try:
        await cancel_forecast(desk.caller, parts, name, forecast_id)
    except Problem as problem:
        if problem.status != 409:
            raise
        return desk.go(at_page)  # it was done a moment before
    return desk.go(at_page, "forecast_stopped")


@router.get("/pathways/{name}/forecasts/{forecast_id}/people")
async def people_page(
    desk: Annotated[Desk, at("patients.read")],
    parts: Parts,
    name: PathwayName,
    forecast_id: str,
    kind: Annotated[str, Query(max_length=20)] = "",
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:
    """The people it moves, by how: those whose next contact moves the furthest first."""
    if not desk.may("forecasts.run"):
        raise Problem(403, "Forecasts are read by those who may make them.")
    found = await read_forecast(desk.caller, parts, name, forecast_id)
    moves = Moves.of(found.result)
    kind = kind if kind in KINDS else moves.first
    shown, more = moves.page(kind, page, A_PAGE)
    async with parts.database.reading() as session:
        people = await _listed(desk, session, [one.patient for one in shown])
        teams = await names_of_teams(session, (one.team for one in shown if one.team))
        title = await title_of(desk, session, name)
    return desk.html(
        "change/forecast_moved.html" if desk.within else "change/forecast_people.html",
        name=name,
        title=title,
        one=found,
        kind=kind,
        kinds=KINDS,
        counts=moves.counts,
        shown=[(one, people[one.patient]) for one in shown if one.patient in people],
        teams=teams,
        page=page,
        more=more,
    )


def _of(form: Form, name: str, choices: Mapping[str, str], otherwise: str) -> int:
    chosen = form.text(name, otherwise)
    return int(chosen if chosen in choices else otherwise)


async def _asking(desk: Desk, name: str, draft_id: str, form: Form, *, status: int = 200) -> Response:
    parts = desk.parts
    made = await list_forecasts(desk.caller, parts, name, limit=50)
    async with parts.database.reading() as session:
        draft = await draft_of(session, name, draft_id)
        title, teams = await title_of(desk, session, name), await teams_of(session, desk.caller.scope)
        replaced = await _replaced(desk, session, draft)
    found = await definitions.checked(parts, draft.text)
    _ = teller(desk)
    return desk.html(
        "change/ask.html",
        status=status,
        name=name,
        title=title,
        draft=draft,
        form=form,
        teams=teams,
        replaced=replaced,
        wrong=[one for one in found.diagnostics if one.severity == "error" and one.kind != UNMET],
        samples={value: _(label) for value, label in SAMPLES.items()},
        spans={value: _(label) for value, label in WEEKS.items()},
        of_this=[one for one in made.items if one.version == draft.version],
        of_others=[one for one in made.items if one.version != draft.version],
    )


async def _replaced(desk: Desk, session: AsyncSession, draft: PathwayDraft) -> list[Gone]:
    """What the version in force has and the draft has not; nothing while the draft does not compile."""
    if draft.status not in OPEN:
        return []
    current = await PublishedPathways(session).current(draft.pathway)
    old = await compiled(session, desk.parts.plans, draft.pathway, current.version) if current is not None else None
    found = await definitions.checked(desk.parts, draft.text)
    new: Pathway | None = None
    if not any(one.severity == "error" and one.kind != UNMET for one in found.diagnostics):
        new = definitions.compiled(draft.text).pathway
    return gone([old], new, desk.language) if old is not None and new is not None else []


async def _drafts_by_version(session: AsyncSession, name: str, versions: Sequence[str]) -> dict[str, PathwayDraft]:
    """The drafts whose text stands as it was tried."""
    if not versions:
        return {}
    query = select(PathwayDraft).where(PathwayDraft.pathway == name, PathwayDraft.version.in_(sorted(set(versions))))
    return {one.version: one for one in await session.scalars(query.order_by(PathwayDraft.changed).limit(200))}


async def _listed(desk: Desk, session: AsyncSession, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Patients of the caller's by id: as a list shows them."""
    query = desk.caller.scope.of_teams(select(Patient).where(Patient.id.in_(sorted(set(ids)))), Patient.care_team_id)
    patients = list(await session.scalars(query))
    listed = await PatientList(session, desk.parts.vault).listed(patients)
    return {one.patient.id: {"name": name_of(one.profile), "tag": one.patient.tag} for one in listed}
