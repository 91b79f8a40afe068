"""Forecasts: what a draft would do to the people who are enrolled, asked for and looked at.

Rule 1: a forecast is of the caller's own patients; whoever may not see all of them does not see it.
Rule 2: asking answers at once; how far it is, and what it came to, is read later. Nothing of a patient is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Request, Response

from activities.forecasting import SAMPLE, SMS_COST, WEEKS, Wanted
from api import definitions
from api.depends import Parts, may, now_of
from api.models.forecasts import ForecastOut, OutlookOut
from api.parts import ApiParts
from api.problems import Fault, Problem, not_found, unusable
from records.callers import Caller
from records.clock import system_time
from records.drafts import Drafts, version_of
from records.forecasts import RUNNER_GONE, UNFINISHED, Forecasts
from records.tables import ForecastRow

router = APIRouter(tags=["forecasts"])

Runs = Annotated[Caller, may("forecasts.run")]
PathwayName = Annotated[str, Path(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,59}$", description="of the pathway, such as hypertension")]
Replaced = Annotated[
    tuple[Annotated[str, Query(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,59}=([A-Za-z_][A-Za-z0-9_]{0,59})?$")], ...],
    Query(max_length=50, description="OLD=NEW: what the draft has in its place; OLD= for what ends on purpose"),
]
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
) -> ForecastOut:
    """Run a definition, or a draft that is kept, on the enrolled patients beside the version each is on.

    Answers at once; ``Location`` is where to look. Two are made at a time; who asks for a third is told to come again (503).
    """
    text = await _text(parts, request, name, draft)
    found = await definitions.checked(parts, text)
    wrong = [Fault(f"line {one.line}, column {one.column}", one.what, one.remedy) for one in found.diagnostics if _stops(one)]
    if wrong:
        raise Problem(422, "This definition has errors; there is nothing to try.", faults=wrong)
    if found.pathway not in (None, name):
        raise unusable("pathway", "is not the name in the address", "try it under its own name, or mend the name inside")
    wanted = Wanted(text, sample, weeks, seed, sms_cost, caller.scope.teams, _pairs(service), _pairs(tag))
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
    await parts.forecaster.begin(parts.database, parts.vault, answer.id)
    response.headers["Location"] = f"{request.url.path}/{answer.id}"
    return answer


async def _kept(parts: ApiParts, row: ForecastRow) -> ForecastOut:
    """The forecast, stored and held until its process holds it. Raises Problem 503, with nothing left behind."""
    id_ = row.id
    await parts.forecaster.hold(parts.database, id_)
    try:
        async with parts.database.begin() as session:
            forecasts, row.at = Forecasts(session), await now_of(parts, session)
            for gone in await forecasts.left_behind(system_time()):
                await forecasts.failed(gone, RUNNER_GONE, at=system_time())
            if len(await forecasts.unfinished()) >= parts.forecaster.most:
                raise Problem(503, "Forecasts are being made already; nothing was asked for. Please try again in a minute.")
            return _shown(await forecasts.add(row))
    except Exception:
        await parts.forecaster.let_go(parts.database, id_)
        raise


@router.get("/pathways/{name}/forecasts/{forecast_id}", summary="A forecast")
async def read_forecast(caller: Runs, parts: Parts, name: PathwayName, forecast_id: str) -> ForecastOut:
    """How far it is, and what it came to. One whose maker has ended before it was done is failed, and says so."""
    async with parts.database.reading() as session:
        row = await Forecasts(session).one(caller.scope, name, forecast_id)
        gone = row is not None and row.status in UNFINISHED and row.id in await Forecasts(session).left_behind(system_time())
    if row is None:
        raise not_found()
    if gone:
        async with parts.database.begin() as session:
            await Forecasts(session).failed(row.id, RUNNER_GONE, at=system_time())
            row = await Forecasts(session).one(caller.scope, name, forecast_id)
            assert row is not None
    return _shown(row)


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


def _shown(row: ForecastRow) -> ForecastOut:
    return ForecastOut(
        id=row.id,
        pathway=row.pathway,
        version=row.version,
        status=row.status,
        done=row.done,
        total=row.total,
        by=row.by,
        at=row.at,
        ended=row.ended,
        problem=row.problem,
        result=OutlookOut.model_validate(row.result, strict=False) if row.result is not None else None,
    )
