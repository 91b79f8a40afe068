"""Forecasts: what a draft would do to the people who are enrolled, asked for and looked at.

Rule 1: a forecast is of the caller's own patients; whoever may not see all of them does not see it.
Rule 2: patients by their ids are shown to those who may read patients; an approver sees counts.
Rule 3: asking answers at once; how far it is, and what it came to, is read later. Nothing of a patient is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Query, Request, Response

from activities.forecast_cautions import cautions
from activities.forecasting import SAMPLE, SMS_COST, WEEKS, Wanted
from api import definitions
from api.depends import After, Limit, Parts, PathwayName, may, now_of
from api.models.forecasts import ForecastBrief, ForecastOut, ForecastPage, OutlookOut
from api.parts import ApiParts
from api.problems import Fault, Problem, not_found, unusable
from api.rights import has
from records.callers import Caller, names_of
from records.clock import system_time
from records.drafts import Drafts, version_of
from records.forecasts import RUNNER_GONE, Brief, Forecasts
from records.tables import ForecastRow

router = APIRouter(tags=["forecasts"])

Runs = Annotated[Caller, may("forecasts.run")]
Replaced = Annotated[
    tuple[Annotated[str, Query(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,59}=([A-Za-z_][A-Za-z0-9_]{0,59})?$")], ...],
    Query(max_length=50, description="OLD=NEW: what the draft has in its place; OLD= for what ends on purpose"),
]
NAMES_PEOPLE = ("tags", "contacts", "fits")  # parts of a result with a list of patients
NO_ROOM = "The machine has no room for the process that would make this forecast. Ask again in a minute."
ENDED = "This forecast has ended already; there is nothing to stop."
UNMET = "BadScenario"  # a draft whose scenarios are not met yet may be tried all the same


@router.post("/pathways/{name}/forecasts", summary="Try a draft", status_code=202, openapi_extra=definitions.sent(required=False))
async def run_forecast(
    caller: Runs,
    request: Request,
    parts: Parts,
    name: PathwayName,
    response: Response,
    draft: Annotated[str | None, Query(max_length=40, description="a draft's id, in place of a text")] = None,
    sample: Annotated[int, Query(ge=1, le=1_000_000, description="how many patients are looked at")] = SAMPLE,
    weeks: Annotated[int, Query(ge=1, le=104, description="how far ahead")] = WEEKS,
    seed: Annotated[int, Query(ge=0, le=2**31 - 1, description="of chance: the same gives the same forecast")] = 1,
    sms_cost: Annotated[float, Query(ge=0, le=1000, description="of one SMS segment")] = SMS_COST,
    service: Replaced = (),
    tag: Replaced = (),
    team: Annotated[tuple[str, ...], Query(max_length=200, description="only these care teams; left out: all of yours")] = (),
) -> ForecastOut:
    """Run a definition, or a draft that is kept, on the enrolled patients beside the version each is on.

    Answers at once; ``Location`` is where to look. Two are made at a time; who asks for a third is told to come again (503).
    """
    text = await _text(parts, request, name, draft)
    teams = caller.scope.teams
    if team:
        unseen = [one for one in team if not caller.scope.covers_team(one)]
        if unseen:
            raise not_found()
        teams = frozenset(team)
    wanted = Wanted(text, sample, weeks, seed, sms_cost, teams, _pairs(service), _pairs(tag))
    answer = await begin_forecast(parts, caller, name, wanted)
    response.headers["Location"] = f"{request.url.path}/{answer.id}"
    return answer


async def begin_forecast(parts: ApiParts, caller: Caller, name: str, wanted: Wanted) -> ForecastOut:
    """Begin to make it; answers at once. Raises Problem 422, 503."""
    text = wanted.text
    found = await definitions.checked(parts, text)
    wrong = [Fault(f"line {one.line}, column {one.column}", one.what, one.remedy) for one in found.diagnostics if _stops(one)]
    if wrong:
        raise Problem(422, "This definition has errors; there is nothing to try.", faults=wrong)
    if found.pathway not in (None, name):
        raise unusable("pathway", "is not the name in the address", "try it under its own name, or mend the name inside")
    answer = await _kept(
        parts,
        ForecastRow(
            id=uuid4().hex,
            pathway=name,
            version=found.version or version_of(text),
            text=text,
            asked=wanted.to_json(),
            by=caller.id,
            status="waiting",
            done=0,
            total=0,
        ),
    )
    try:
        await parts.forecaster.begin(parts.database, parts.vault, answer.id)
    except OSError:
        async with parts.database.begin() as session:
            await Forecasts(session).failed(answer.id, NO_ROOM, at=system_time())
        await parts.forecaster.let_go(parts.database, answer.id)
        raise Problem(503, NO_ROOM) from None
    return answer


async def _kept(parts: ApiParts, row: ForecastRow) -> ForecastOut:
    """The forecast, stored and held until its process holds it. Raises Problem 503, with nothing left behind."""
    id_ = row.id
    await parts.forecaster.hold(parts.database, id_)
    try:
        async with parts.database.begin() as session:
            forecasts, row.at = Forecasts(session), await now_of(parts, session)
            await forecasts.take_turns()
            for gone in await forecasts.left_behind(system_time()):
                await forecasts.failed(gone, RUNNER_GONE, at=system_time())
            if len(await forecasts.unfinished()) >= parts.forecaster.most:
                raise Problem(503, "Forecasts are being made already; nothing was asked for. Please try again in a minute.")
            return _whole(await forecasts.add(row), await names_of(session, [row.by]), people=False)
    except Exception:
        await parts.forecaster.let_go(parts.database, id_)
        raise


@router.get("/pathways/{name}/forecasts", summary="Forecasts of a pathway")
async def list_forecasts(caller: Runs, parts: Parts, name: PathwayName, limit: Limit = 50, after: After = None) -> ForecastPage:
    """The newest first, without what they came to. Those that are about others' patients, too, are left out: a page may hold fewer
    than ``limit`` and still have a next one.
    """
    await _end_the_lost(parts)
    async with parts.database.reading() as session:
        page = await Forecasts(session).page(caller.scope, name, limit=limit, after=after)
        names = await names_of(session, (one.by for one in page.items))
    return ForecastPage(items=[ForecastBrief(**_brief(one, names)) for one in page.items], next=page.next)


@router.get("/pathways/{name}/forecasts/{forecast_id}", summary="A forecast")
async def read_forecast(caller: Runs, parts: Parts, name: PathwayName, forecast_id: str) -> ForecastOut:
    """How far it is, and what it came to, with what not to read out of it (``cautions``).

    One whose maker has ended before it was done is failed, and says so.
    """
    await _end_the_lost(parts)
    async with parts.database.reading() as session:
        row = await Forecasts(session).one(caller.scope, name, forecast_id)
        if row is None:
            raise not_found()
        return _whole(row, await names_of(session, [row.by]), people=has(caller, "patients.read"))


@router.post("/pathways/{name}/forecasts/{forecast_id}/cancel", summary="Stop a forecast")
async def cancel_forecast(caller: Runs, parts: Parts, name: PathwayName, forecast_id: str) -> ForecastOut:
    """It is not made any further; 409 where it has ended already."""
    async with parts.database.begin() as session:
        forecasts = Forecasts(session)
        row = await forecasts.one(caller.scope, name, forecast_id)
        if row is None:
            raise not_found()
        if not await forecasts.change(forecast_id, status="cancelled", ended=system_time()):
            raise Problem(409, ENDED)
        await session.refresh(row)
        return _whole(row, await names_of(session, [row.by]), people=False)


async def _end_the_lost(parts: ApiParts) -> None:
    """Put down as failed whatever was being made by somebody who has gone."""
    async with parts.database.reading() as session:
        lost = await Forecasts(session).left_behind(system_time())
    if lost:
        async with parts.database.begin() as session:
            for forecast in lost:
                await Forecasts(session).failed(forecast, RUNNER_GONE, at=system_time())


async def _text(parts: ApiParts, request: Request, name: str, draft: str | None) -> str:
    """What is to be tried. Raises Problem 404, 413, 422."""
    sent = await definitions.document(request)
    if draft is None:
        return definitions.keepable(sent)
    if sent.strip():
        raise unusable("draft", "is named beside a text", "send one of them")
    async with parts.database.reading() as session:
        row = await Drafts(session).one(draft)
    if row is None or row.pathway != name:
        raise not_found()
    return row.text


def _stops(one: object) -> bool:
    return getattr(one, "severity", "") == "error" and getattr(one, "kind", "") != UNMET


def _pairs(given: Sequence[str]) -> dict[str, str]:
    return {old: new for old, _, new in (one.partition("=") for one in given)}


def _whole(row: ForecastRow, names: Mapping[str, str], *, people: bool) -> ForecastOut:
    if row.result is None:
        return ForecastOut(**_brief(row, names), result=None)
    unnamed = {} if people else {part: {**row.result[part], "people": []} for part in NAMES_PEOPLE}
    result = OutlookOut.model_validate({**row.result, **unnamed, "cautions": cautions(row.result)}, strict=False)
    return ForecastOut(**_brief(row, names), result=result)


def _brief(row: ForecastRow | Brief, names: Mapping[str, str]) -> dict[str, Any]:
    beside = {"sample", "weeks", "seed", "by_name"}
    shown = {field: getattr(row, field) for field in ForecastBrief.model_fields if field not in beside}
    asked = {field: row.asked.get(field) for field in ("sample", "weeks", "seed")}
    return {**shown, **asked, "by_name": names.get(row.by, "")}
