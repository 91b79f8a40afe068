"""A rollout before it begins: who moves when, what takes the place of what is gone, and what it would find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form
from api.console.pages.change.common import compiled, followed, made, meant, title_of, told
from api.console.pages.change.gone import Gone, gone, named
from api.console.pages.change.rollouts import POLICIES, Runs
from api.depends import Parts, PathwayName
from api.models.rollouts import PreviewIn, PreviewOut, RolloutIn
from api.parts import ApiParts
from api.problems import Problem, not_found
from api.routes import rollouts as routes
from records.pathways import PublishedPathways
from records.rollouts import Rollouts

router = APIRouter(include_in_schema=False)

NOTICES |= {"rollout_begun": N_("The rollout has begun.")}
PREVIEWED = 200  # patients, at random
OLDS = 5  # versions that people are on, looked at for what is gone


@router.get("/pathways/{name}/rollouts/new")
async def plan_page(desk: Runs, name: PathwayName, version: Annotated[str, Query(max_length=64)] = "") -> Response:
    """How it is to go on, with what it would find."""
    return await _planning(desk, name, version, Form())


@router.post("/pathways/{name}/rollouts/preview")
async def preview(desk: Annotated[Desk, at("rollouts.run", looks=True)], parts: Parts, name: PathwayName) -> Response:
    """What it would find; a part of the plan's page for a script, the page otherwise."""
    form, found = desk.form, None
    version = form.text("version")
    try:
        found = await _previewed(desk, parts, name, version)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        form = form.refused(told(desk, problem))
    if desk.within:
        return desk.html("change/rollout_found.html", form=form, preview=found, status=200 if found else 422)
    return await _planning(desk, name, version, form, preview=found, status=200 if found else 422)


@router.post("/pathways/{name}/rollouts")
async def start(desk: Runs, parts: Parts, name: PathwayName) -> Response:
    """Begin."""
    form = desk.form
    version = form.text("version")
    try:
        replaced = await _replaced_of(desk, parts, name, version)
        limit = form.text("sms_per_day")
        body = made(
            desk,
            RolloutIn,
            why=form.text("why"),
            policy=form.text("policy"),
            services=dict(named(form, "services", replaced)),
            tags=dict(named(form, "tags", replaced)),
            batch=_whole(form, "batch", 50),
            pause_s=_whole(form, "pause_s", 60),
            sms_per_day=_whole(form, "sms_per_day", 0) if limit else None,
        )
        begun = await routes.start_rollout(desk.caller, desk.writing(), name, version, body, Response())
    except Problem as problem:
        if problem.status not in (403, 409, 412, 422):
            raise
        return await _planning(desk, name, version, form.refused(told(desk, problem)), status=422)
    return desk.go(f"/pathways/{name}/rollouts/{begun.id}", "rollout_begun")


async def _planning(
    desk: Desk, name: str, version: str, form: Form, *, preview: PreviewOut | None = None, status: int = 200
) -> Response:
    async with desk.parts.database.reading() as session:
        published = PublishedPathways(session)
        current = await published.current(name)
        if not version and current is None:
            raise not_found()
        to = await meant(session, name, version or (current.version if current is not None else ""))
        if to.draft is not None:
            raise not_found()
        title, on = await title_of(desk, session, name), await followed(session, name)
        replaced = await _replaced(desk, session, name, to.version, on)
        going = await Rollouts(session).going(name)
    return desk.html(
        "change/plan.html",
        status=status,
        name=name,
        title=title,
        to=to,
        form=form,
        policies=POLICIES,
        replaced=replaced,
        followed=on,
        on_others=sum(count for one, count in on.items() if one != to.version),
        going=going,
        preview=preview,
    )


async def _previewed(desk: Desk, parts: ApiParts, name: str, version: str) -> PreviewOut:
    replaced = await _replaced_of(desk, parts, name, version)
    form = desk.form
    body = made(
        desk,
        PreviewIn,
        policy=form.text("policy"),
        services=dict(named(form, "services", replaced)),
        tags=dict(named(form, "tags", replaced)),
        sample=PREVIEWED,
    )
    return await routes.preview_rollout(desk.caller, parts, name, version, body)


async def _replaced_of(desk: Desk, parts: ApiParts, name: str, version: str) -> list[Gone]:
    async with parts.database.reading() as session:
        return await _replaced(desk, session, name, version, await followed(session, name))


async def _replaced(desk: Desk, session: AsyncSession, name: str, version: str, on: Mapping[str, int]) -> list[Gone]:
    """What the versions that most people are on have, and this one has not."""
    plans = desk.parts.plans
    new = await compiled(session, plans, name, version)
    most = sorted((one for one in on if one != version), key=lambda one: -on[one])[:OLDS]
    olds = [await compiled(session, plans, name, one) for one in most]
    return gone([old for old in olds if old is not None], new, desk.language) if new is not None else []


def _whole(form: Form, field: str, otherwise: int) -> int:
    """A whole number of a form. Raises Problem 422."""
    number = form.number(field)
    return otherwise if number is None else int(number)
