"""*Publish* with a second person, and taking a version back.

Rule 1: what stands in the way is shown before anybody presses a button: what is checked, what was tried, who approves.
Rule 2: each page says what will happen, and to whom nothing does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api import definitions
from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form
from api.console.pages.change.common import Reads, draft_of, followed, made, meant, teams_of, title_of, told
from api.console.pages.change.compare import grouped
from api.console.pages.change.compare import told as compared
from api.console.pages.change.outlook import summed_up
from api.depends import Parts, PathwayName
from api.models.drafts import DraftBrief
from api.models.pathways import MaybeWhyIn, WhyIn
from api.problems import Problem
from api.routes.drafts import approve_draft, ask_approval, check_draft, publish_draft, send_back
from api.routes.forecasts import read_forecast
from api.routes.pathways import make_current
from api.showing.drafts import briefs
from records.callers import names_of
from records.deeds import Deeds
from records.drafts import OPEN, Drafts
from records.forecasts import covers
from records.pathways import PublishedPathways, Version
from records.rollouts import Rollouts
from records.tables import ForecastRow, PathwayDeed

router = APIRouter(include_in_schema=False)
Publishes = Annotated[Desk, at("pathways.publish")]
Approves = Annotated[Desk, at("pathways.approve")]
Writes = Annotated[Desk, at("pathways.draft")]
REFUSALS = (403, 409, 412, 422, 428)  # said on the page; whatever else is a page of its own

NOTICES |= {
    "draft_checked": N_("Checked: nothing is wrong with it, and its scenarios hold."),
    "approval_asked": N_("A colleague is asked for approval. Send them the address of this page."),
    "draft_approved": N_("Approved."),
    "draft_sent_back": N_("Sent back to whoever writes it."),
    "version_published": N_("Published. New enrolments follow it from now."),
    "taken_back": N_("New enrolments follow this version again."),
}


@dataclass(frozen=True)
class Standing:
    """How a draft stands on its way.

    ``writer``: who edited it last, ``own`` where the reader did or began it; ``overtaken``: another version has become current
    since it was begun; ``tried``: the latest forecast of its text; ``asked``: who asked for approval last, where that stands.
    """

    draft: DraftBrief
    writer: str
    title: str
    own: bool
    current: Version | None
    overtaken: bool
    on_others: int
    tried: str
    asked: PathwayDeed | None
    sent_back: PathwayDeed | None
    names: dict[str, str]

    @property
    def checked(self) -> bool:
        return self.draft.status in ("checked", "approved", "published")

    @property
    def open(self) -> bool:
        return self.draft.status in OPEN


@router.get("/pathways/{name}/drafts/{draft_id}/publish")
async def publish_page(desk: Reads, name: PathwayName, draft_id: str) -> Response:
    """What stands in the way, and who does the next step."""
    return await _page(desk, name, draft_id, Form())


@router.post("/pathways/{name}/drafts/{draft_id}/check")
async def check(desk: Writes, parts: Parts, name: PathwayName, draft_id: str) -> Response:
    """Check it; what is wrong is shown on the page."""

    async def act() -> str:
        return "draft_checked" if (await check_draft(desk.caller, parts, draft_id, Response())).clean else ""

    return await _done(desk, name, draft_id, act)


@router.post("/pathways/{name}/drafts/{draft_id}/ask-approval")
async def ask(desk: Writes, parts: Parts, name: PathwayName, draft_id: str) -> Response:
    """Ask a colleague, with a note."""

    async def act() -> str:
        note = made(desk, MaybeWhyIn, why=desk.form.text("note"))
        await ask_approval(desk.caller, parts, draft_id, Response(), note, _read(desk))
        return "approval_asked"

    return await _done(desk, name, draft_id, act)


@router.post("/pathways/{name}/drafts/{draft_id}/approve")
async def approve(desk: Approves, parts: Parts, name: PathwayName, draft_id: str) -> Response:
    """The second person answers for it."""

    async def act() -> str:
        note = made(desk, MaybeWhyIn, why=desk.form.text("approving"))
        await approve_draft(desk.caller, parts, draft_id, Response(), note, _read(desk))
        return "draft_approved"

    return await _done(desk, name, draft_id, act)


@router.post("/pathways/{name}/drafts/{draft_id}/send-back")
async def back(desk: Approves, parts: Parts, name: PathwayName, draft_id: str) -> Response:
    """It is to be written otherwise, and why."""

    async def act() -> str:
        await send_back(desk.caller, parts, draft_id, made(desk, WhyIn, why=desk.form.text("why")), Response())
        return "draft_sent_back"

    return await _done(desk, name, draft_id, act)


@router.post("/pathways/{name}/drafts/{draft_id}/publish")
async def publish(desk: Publishes, parts: Parts, name: PathwayName, draft_id: str) -> Response:
    """New enrolments follow it from now."""

    async def act() -> str:
        note = made(desk, MaybeWhyIn, why=desk.form.text("note"))
        await publish_draft(desk.caller, parts, draft_id, Response(), note, _read(desk))
        return "version_published"

    return await _done(desk, name, draft_id, act)


async def _done(desk: Desk, name: str, draft_id: str, act: Callable[[], Awaitable[str]]) -> Response:
    """One step with a draft of this pathway, ``act``, which answers the notice of the page that follows; or why it is refused."""
    try:
        async with desk.parts.database.reading() as session:
            await draft_of(session, name, draft_id)
        said = await act()
    except Problem as problem:
        if problem.status not in REFUSALS:
            raise
        return await _page(desk, name, draft_id, desk.form.refused(told(desk, problem)), status=422)
    return desk.go(f"/pathways/{name}/drafts/{draft_id}/publish", said)


def _read(desk: Desk) -> str | None:
    """The edit that the reader had before them."""
    return desk.form.text("read") or None


@router.get("/pathways/{name}/take-back")
async def take_back_page(desk: Publishes, name: PathwayName, version: Annotated[str, Query(max_length=64)] = "") -> Response:
    """To which version, and what that will do."""
    return await _taking_back(desk, name, version, Form())


@router.post("/pathways/{name}/take-back")
async def take_back(desk: Publishes, parts: Parts, name: PathwayName) -> Response:
    """New enrolments follow the version again."""
    form = desk.form
    version = form.text("version")
    try:
        why = made(desk, WhyIn, why=form.text("why")).why
        await make_current(desk.caller, parts, name, version, Response(), why, _read(desk))
    except Problem as problem:
        if problem.status not in REFUSALS:
            raise
        return await _taking_back(desk, name, version, form.refused(told(desk, problem)), status=422)
    return desk.go(f"/pathways/{name}/take-back?version={version}", "taken_back")


async def _taking_back(desk: Desk, name: str, version: str, form: Form, *, status: int = 200) -> Response:
    async with desk.parts.database.reading() as session:
        published = PublishedPathways(session)
        versions = (await published.versions(name, limit=40)).items
        current = next((one for one in versions if one.current), None)
        to = await meant(session, name, version) if version else None
        rollout = await Rollouts(session).going(name)
        title, on = await title_of(desk, session, name), await followed(session, name)
    return desk.html(
        "change/take_back.html",
        status=status,
        name=name,
        title=title,
        form=form,
        versions=versions,
        current=current,
        to=next((one for one in versions if to is not None and one.version == to.version), None),
        followed=on,
        rollout=rollout,
    )


async def _page(desk: Desk, name: str, draft_id: str, form: Form, *, status: int = 200) -> Response:
    parts = desk.parts
    async with parts.database.reading() as session:
        standing = await _standing(desk, session, name, draft_id)
        published = PublishedPathways(session)
        current = standing.current
        new = await meant(session, name, draft_id)
        old = await meant(session, name, current.version) if current is not None and standing.open else None
        version = await published.one(name, standing.draft.version)
        teams = dict(await teams_of(session, desk.caller.scope)) if standing.tried else {}
    found, wrong = await compared(parts, old, new, desk.language) if old is not None else (None, [])
    tried = await read_forecast(desk.caller, parts, name, standing.tried) if standing.tried and standing.open else None
    result = tried.result if tried is not None and desk.may("forecasts.run") else None
    diagnostics = []
    if standing.draft.status == "draft":
        checked = await definitions.checked(parts, new.text)
        diagnostics = [one for one in checked.diagnostics if one.severity == "error"]
    return desk.html(
        "change/publish.html",
        status=status,
        name=name,
        title=standing.title,
        standing=standing,
        draft=standing.draft,
        form=form,
        found=found,
        groups=grouped(found, old, new, desk.language) if found is not None and old is not None else [],
        result=result,
        summed=summed_up(result, teams, everybody=False) if result is not None else None,
        wrong=wrong,
        diagnostics=diagnostics,
        four_eyes=parts.four_eyes,
        everywhere=desk.caller.scope.whole_network,
        version=version,
    )


async def _standing(desk: Desk, session: AsyncSession, name: str, draft_id: str) -> Standing:
    drafts, deeds = Drafts(session), Deeds(session)
    row = await draft_of(session, name, draft_id)
    (draft,), wrote = await briefs(session, [row]), await drafts.last_writer(row)
    current = await PublishedPathways(session).current(name)
    last = await deeds.last(name, draft_id, "approval_asked", "drafted", "edited", "sent_back")
    tried = await _tried(desk, session, name, row.version)
    on = await followed(session, name)
    names = await names_of(session, [wrote, *([last.by] if last is not None else [])])
    return Standing(
        draft,
        names.get(wrote, wrote),
        await title_of(desk, session, name),
        desk.caller.id in (row.author, wrote),
        current,
        current is not None and current.version not in (row.based_on, row.version),
        sum(count for version, count in on.items() if version != row.version),
        tried,
        last if last is not None and last.did == "approval_asked" else None,
        last if last is not None and last.did == "sent_back" else None,
        names,
    )


async def _tried(desk: Desk, session: AsyncSession, name: str, version: str) -> str:
    """The id of the latest forecast of this very text that the caller may see; empty where none was made."""
    query = select(ForecastRow.id, ForecastRow.asked).where(
        ForecastRow.pathway == name, ForecastRow.version == version, ForecastRow.status == "done"
    )
    rows = await session.execute(query.order_by(ForecastRow.at.desc()).limit(20))
    return next((id_ for id_, asked in rows if covers(desk.caller.scope, asked)), "")
