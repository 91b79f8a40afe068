"""The pathways that there are, with who is on what; and one of them in words and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import Desk, at
from api.console.pages.pathways.showing import DEEDS, STATUSES, TABS, panel, published_outline, tab_of
from api.depends import Parts, Session
from api.problems import not_found
from api.routes.pathways import list_deeds
from api.showing.drafts import briefs
from records.callers import names_of
from records.drafts import Drafts
from records.figures import followers
from records.pathways import PublishedPathways
from records.rollouts import Rollouts
from records.tables import PathwayVersion

MOST = 50  # drafts that a page shows
router = APIRouter(include_in_schema=False)

Reads = Annotated[Desk, at("pathways.read")]


@router.get("/pathways")
async def pathways_page(desk: Reads, session: Session, parts: Parts) -> Response:
    """Each with the version in force, who is on what, drafts and rollouts under way."""
    current = await PublishedPathways(session).all_current()
    plans = await parts.plans.current(session)
    drafts = Drafts(session)
    names = [one.pathway for one in current]
    open_drafts = [*await drafts.still_open(names, limit=MOST), *await drafts.not_published(limit=MOST)]
    going = await Rollouts(session).all_going() if desk.may("rollouts.read") else []
    return desk.html(
        "pathways/list.html",
        current=current,
        titles={name: dict(one.title) for name, one in plans.items()},
        rules={name for name, one in plans.items() if not one.services},
        followers=await followers(session, desk.caller.scope),
        drafts=await briefs(session, open_drafts),
        rollouts={one.pathway: one for one in going},
        statuses=STATUSES,
    )


@router.get("/pathways/{name}")
async def pathway_page(
    desk: Reads,
    session: Session,
    parts: Parts,
    name: str,
    version: Annotated[str, Query(max_length=64)] = "",
    show: Annotated[str, Query(max_length=20)] = "",
    older: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """What it says (``show``: one of the tabs, ``text``, or ``history``), its versions, drafts and deeds (``older``: after which).

    One that was never published is its draft.
    """
    published = PublishedPathways(session)
    versions = await published.versions(name, limit=25)
    current = next((one for one in versions.items if one.current), None) or await published.current(name)
    row = await published.one(name, version or (current.version if current else ""))
    drafts = await briefs(session, await Drafts(session).still_open([name], limit=MOST))
    if row is None and current is None and drafts:
        return desk.go(f"/pathways/{name}/drafts/{drafts[0].id}")
    if row is None:
        raise not_found()
    tab = show if show in ("text", "history") else tab_of(show)
    outline = published_outline(row.text)
    told = await _told(desk, session, name, older) if tab == "history" else {}
    return desk.html(
        "pathways/pathway.html",
        name=name,
        row=row,
        current=current,
        versions=versions,
        by=await names_of(session, [row.published_by, row.approved_by]),
        on_it=(await followers(session, desk.caller.scope)).get(name, {}),
        drafts=drafts,
        rollout=await Rollouts(session).going(name) if desk.may("rollouts.read") else None,
        statuses=STATUSES,
        all_tabs=TABS,
        **panel(desk, outline, tab),
        **told,
    )


async def _told(desk: Desk, session: AsyncSession, name: str, older: str | None) -> Mapping[str, Any]:
    deeds = await list_deeds(desk.caller, session, name, 25, older)
    return {"deeds": deeds, "deeds_said": DEEDS}


@router.get("/pathways/{name}/text")
async def pathway_text(desk: Reads, session: Session, name: str, version: Annotated[str, Query(max_length=64)] = "") -> Response:
    """The definition as a file."""
    published = PublishedPathways(session)
    current = await published.current(name)
    row: PathwayVersion | None = await published.one(name, version or (current.version if current else ""))
    if row is None:
        raise not_found()
    return Response(
        row.text, media_type="application/yaml", headers={"Content-Disposition": f'attachment; filename="{row.pathway}.yaml"'}
    )
