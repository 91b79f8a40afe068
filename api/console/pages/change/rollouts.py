"""*Rollout*: planned with what it would find, watched while it goes on, held up, and taken back.

Rule: each act has a page of its own that says what it will do, to whom, and what it will not undo.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form
from api.console.pages.change.common import A_PAGE, made, title_of, told
from api.depends import After, Parts, PathwayName
from api.models.rollouts import BackIn, ProgressOut, RolloutWhy
from api.parts import ApiParts
from api.problems import Problem, not_found
from api.routes import rollouts as routes
from records.callers import names_of
from records.pathways import PublishedPathways
from records.rollouts import Rollouts
from records.tables import Rollout

router = APIRouter(include_in_schema=False)
Reads = Annotated[Desk, at("rollouts.read")]
Runs = Annotated[Desk, at("rollouts.run")]

NOTICES |= {
    "rollout_paused": N_("The rollout is paused."),
    "rollout_resumed": N_("The rollout goes on."),
    "rollout_stopped": N_("The rollout was stopped."),
    "rolled_back": N_("This takes the rollout back: everybody whom it moved returns."),
}
POLICIES: Mapping[str, tuple[str, str]] = {
    "safe_point": (
        N_("Each at their next visit"),
        N_("The gentlest way: a patient moves when their next follow-up is done. It may take as long as the rhythm of visits."),
    ),
    "now": (
        N_("At once"),
        N_("Every patient is moved now, batch by batch. Due days move at once, and texts may follow."),
    ),
    "new_only": (
        N_("Nobody"),
        N_("Only new enrolments follow it. Whoever is enrolled stays on their version."),
    ),
}
#: What may be done with one that goes on, by how it stands.
ACTS: Mapping[str, tuple[str, ...]] = {"running": ("pause", "stop", "back"), "paused": ("resume", "stop", "back")}


@router.get("/pathways/{name}/rollouts")
async def rollouts_page(desk: Reads, parts: Parts, name: PathwayName, after: After = None) -> Response:
    """The latest first."""
    async with parts.database.reading() as session:
        page = await Rollouts(session).page(pathway=name, status=None, limit=A_PAGE, after=after)
        title = await title_of(desk, session, name)
        names = await names_of(session, [one.by for one in page.items])
    return desk.html(
        "change/rollouts.html", name=name, title=title, found=page.items, next=page.next, names=names, policies=POLICIES
    )


@router.get("/pathways/{name}/rollouts/{rollout_id}")
async def rollout_page(desk: Reads, parts: Parts, name: PathwayName, rollout_id: str) -> Response:
    """How far it has come, and what can be done."""
    one = await _lately(desk, parts, name, rollout_id)
    async with parts.database.reading() as session:
        title = await title_of(desk, session, name)
        names = await names_of(session, [one.by])
        new, old = await _dates(session, name, one)
    return desk.html(
        "change/rollout.html",
        name=name,
        title=title,
        one=one,
        by=names.get(one.by, ""),
        policies=POLICIES,
        acts=acts_of(one) if desk.may("rollouts.run") and desk.caller.scope.whole_network else (),
        undecided=one.statuses.get("left", 0) - one.codes.get("stays", 0),
        published=new,
        former=old,
    )


@router.get("/pathways/{name}/rollouts/{rollout_id}/progress")
async def progress(
    desk: Reads, parts: Parts, name: PathwayName, rollout_id: str, was: Annotated[str, Query(max_length=60)] = ""
) -> Response:
    """The figures, for the page that shows them; where it stands otherwise than ``was``, the page is read anew."""
    one = await _lately(desk, parts, name, rollout_id)
    otherwise = was != stands(one)
    return desk.html("change/rollout_progress.html", name=name, one=one, headers={"HX-Refresh": "true"} if otherwise else None)


@router.get("/pathways/{name}/rollouts/{rollout_id}/{act}")
async def act_page(desk: Runs, name: PathwayName, rollout_id: str, act: str) -> Response:
    """What it will do."""
    return await _acting(desk, name, rollout_id, act, Form())


@router.post("/pathways/{name}/rollouts/{rollout_id}/{act}")
async def do(desk: Runs, parts: Parts, name: PathwayName, rollout_id: str, act: str) -> Response:
    """Pause, resume, stop, or take back."""
    form = desk.form
    try:
        at_page, said = await _done(desk, name, rollout_id, act)
    except Problem as problem:
        if problem.status not in (403, 409, 412, 422):
            raise
        return await _acting(desk, name, rollout_id, act, form.refused(told(desk, problem)), status=422)
    return desk.go(at_page, said)


async def _done(desk: Desk, name: str, rollout_id: str, act: str) -> tuple[str, str]:
    await _one(desk.parts, name, rollout_id)
    why, writing, answer = desk.form.text("why"), desk.writing(), Response()
    if act == "back":
        body = made(desk, BackIn, why=why)
        begun = await routes.roll_back(desk.caller, writing, rollout_id, body, answer)
        return f"/pathways/{name}/rollouts/{begun.id}", "rolled_back"
    changed = {"pause": routes.pause_rollout, "resume": routes.resume_rollout, "stop": routes.stop_rollout}[act]
    await changed(desk.caller, writing, rollout_id, made(desk, RolloutWhy, why=why), answer)
    said = {"pause": "rollout_paused", "resume": "rollout_resumed", "stop": "rollout_stopped"}[act]
    return f"/pathways/{name}/rollouts/{rollout_id}", said


def acts_of(one: ProgressOut) -> tuple[str, ...]:
    """What may be done with it as it stands."""
    if one.undoes is not None:
        return tuple(act for act in ACTS.get(one.status, ()) if act != "back")
    return ACTS.get(one.status, ("back",) if one.undone_by is None else ())


def stands(one: ProgressOut) -> str:
    """What decides what the page offers."""
    return f"{one.status}.{one.held}.{one.undone_by or ''}"


async def _acting(desk: Desk, name: str, rollout_id: str, act: str, form: Form, *, status: int = 200) -> Response:
    if act not in ("pause", "resume", "stop", "back"):
        raise not_found()
    one = await _progress(desk, desk.parts, name, rollout_id)
    async with desk.parts.database.reading() as session:
        title = await title_of(desk, session, name)
        _, former = await _dates(session, name, one)
    return desk.html(
        "change/act.html",
        status=status,
        name=name,
        title=title,
        one=one,
        act=act,
        form=form,
        may=act in acts_of(one),
        former=former,
    )


async def _one(parts: ApiParts, name: str, rollout_id: str) -> Rollout:
    """Raises Problem 404 where it is no rollout of this pathway."""
    async with parts.database.reading() as session:
        found = await Rollouts(session).one(rollout_id)
    if found is None or found.pathway != name:
        raise not_found()
    return found


async def _progress(desk: Desk, parts: ApiParts, name: str, rollout_id: str) -> ProgressOut:
    await _one(parts, name, rollout_id)
    return await routes.read_rollout(desk.caller, parts, rollout_id, Response())


async def _lately(desk: Desk, parts: ApiParts, name: str, rollout_id: str) -> ProgressOut:
    """The same, counted a moment ago where it is over a city, unless it stands otherwise since."""
    row = await _one(parts, name, rollout_id)
    key = ("rollout", rollout_id, row.edit, row.held, desk.caller.scope.teams)
    return await parts.lately.count(
        key, lambda: routes.read_rollout(desk.caller, parts, rollout_id, Response()), lambda one: one.looked_at + one.ahead
    )


async def _dates(session: AsyncSession, name: str, one: ProgressOut) -> tuple[datetime | None, datetime | None]:
    """When the versions of a rollout were published: the one it moves to, and the one before."""
    published = PublishedPathways(session)

    async def when(version: str | None) -> datetime | None:
        row = await published.one(name, version) if version else None
        return row.published if row is not None else None

    return await when(one.version), await when(one.former)
