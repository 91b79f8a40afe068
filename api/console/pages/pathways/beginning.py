"""A draft is begun: of a new pathway, from a small one that works or as a copy; from a version; from another draft."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import wrong
from api.depends import Parts, Session
from api.drafting import begun, read_whole
from api.problems import Problem, not_found
from pathways.language.starting import BadName, new_document
from records.clock import system_time
from records.pathways import PublishedPathways
from records.windows import Windows

router = APIRouter(include_in_schema=False)
Drafting = Annotated[Desk, at("pathways.draft")]

NOTICES |= {
    "draft_begun": N_("The draft is begun. Nobody follows it until it is published."),
    "draft_saved": N_("Saved."),
    "draft_discarded": N_("The draft is discarded. Its text stays in the history."),
}
_NAME_LINE = re.compile(r"^pathway:[^\n]*$", re.MULTILINE)


@router.get("/pathways/new")
async def new_page(desk: Drafting, session: Session, parts: Parts) -> Response:
    """What it is called, and what to begin with."""
    return await _asked(desk, session, parts)


@router.post("/pathways/new")
async def begin_new(desk: Drafting, session: Session, parts: Parts) -> Response:
    """A draft of a pathway of which there is nothing yet."""
    name, copied = desk.form.text("name"), desk.form.text("like")
    published = PublishedPathways(session)
    try:
        try:
            text = new_document(name)
        except BadName as bad:
            raise wrong("name", f"{str(bad)[:1].upper()}{str(bad)[1:]}.") from None
        if await published.current(name) is not None:
            raise wrong("name", "There is a pathway of this name. Open it, and begin a draft from its version.")
        if copied:
            current = await published.current(copied)
            row = await published.one(copied, current.version) if current else None
            if row is None:
                raise not_found()
            text = _NAME_LINE.sub(f"pathway: {name}", row.text, count=1)
        shown = await begun(desk.writing(), desk.caller, name, text, why=desk.form.text("why")[:2000])
    except Problem as problem:
        if problem.status != 422:
            raise
        return await _asked(desk, session, parts, problem)
    return desk.go(f"/pathways/{name}/drafts/{shown['id']}", "draft_begun")


@router.post("/pathways/{name}/drafts")
async def begin_draft(desk: Drafting, parts: Parts, name: str) -> Response:
    """From a version (``version``), as a copy of a draft (``draft``), or with what was typed there and not saved (``window``)."""
    version, draft = desk.form.text("version"), desk.form.text("draft")
    why = desk.form.text("why")[:2000]
    if draft:
        copied = await read_whole(parts, draft)
        if copied["pathway"] != name:
            raise not_found()
        text = copied["text"]
        if window := desk.form.text("window")[:40]:
            async with parts.database.reading() as session:
                mine = await Windows(session, draft, system_time()).typed(desk.caller.id, window)
            text = mine.typed if mine is not None and mine.typed is not None else text
        shown = await begun(desk.writing(), desk.caller, name, text, why=why, based_on=copied["based_on"] or None)
    else:
        shown = await begun(desk.writing(), desk.caller, name, "", why=why, from_version=version)
    return desk.go(f"/pathways/{name}/drafts/{shown['id']}", "draft_begun")


async def _asked(desk: Desk, session: AsyncSession, parts: Parts, problem: Problem | None = None) -> Response:
    plans = await parts.plans.current(session)
    titles = {name: dict(one.title) for name, one in plans.items()}
    form = desk.form.refused(problem) if problem else desk.form
    return desk.html("pathways/new.html", form=form, titles=titles, status=problem.status if problem else 200)
