"""What is done with a draft, whoever asks for it: the API's routes and the console's pages.

Rule: each is one transaction; what the draft's life does not allow is said as a problem.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api import definitions
from api.depends import now_of
from api.editing import as_read, once
from api.parts import ApiParts
from api.problems import Problem, not_found, unusable
from api.showing.drafts import whole
from api.writing import Writing
from records.callers import Caller
from records.drafts import Drafts, NotNow, OwnWork
from records.pathways import PublishedPathways
from records.tables import PathwayDraft

ONE_S_OWN = "Ask a colleague who may approve pathways: whoever wrote a draft does not approve it."


async def begun(
    writing: Writing,
    caller: Caller,
    name: str,
    text: str,
    *,
    why: str = "",
    from_version: str | None = None,
    based_on: str | None = None,
) -> dict[str, Any]:
    """The new draft, all but what is wrong with it. Raises Problem 404, 422."""
    if not from_version:
        definitions.keepable(text)
    elif text.strip():
        raise unusable("from_version", "is named beside a text", "send one of them; based_on names the version that you had read")
    async with work(writing.parts, caller) as (session, drafts):
        published = PublishedPathways(session)
        sent = await once(writing, session)
        draft = await drafts.one(sent.made) if sent.made else None
        if draft is None:
            read = from_version or based_on
            current = await published.current(name)
            field = "from_version" if from_version else "based_on"
            base = await definitions.meant(published, name, read, field=field) if read else current.version if current else ""
            version = await published.one(name, base) if from_version else None
            draft = await drafts.begin(name, version.text if version is not None else text, based_on=base, why=why)
            sent.note(draft.id)
        return await whole(drafts, draft)


async def edited(
    parts: ApiParts,
    caller: Caller,
    draft_id: str,
    text: str,
    *,
    why: str = "",
    based_on: str | None = None,
    if_match: str | None = None,
) -> dict[str, Any]:
    """The draft with another text, all but what is wrong with it. Raises Problem 404, 409, 412, 422, 428."""
    definitions.keepable(text)
    async with work(parts, caller) as (session, drafts):
        draft = await one_of(drafts, draft_id, alone=True)
        as_read(if_match, draft.edit)
        published = PublishedPathways(session)
        base = await definitions.meant(published, draft.pathway, based_on, field="based_on") if based_on else None
        drafts.edit(draft, text, based_on=base, why=why)
        await session.flush()
        return await whole(drafts, draft)


async def read_whole(parts: ApiParts, draft_id: str) -> dict[str, Any]:
    """All that is shown of a draft but what is wrong with it. Raises Problem 404."""
    async with parts.database.reading() as session:
        drafts = Drafts(session)
        return await whole(drafts, await one_of(drafts, draft_id))


@asynccontextmanager
async def work(parts: ApiParts, caller: Caller) -> AsyncIterator[tuple[AsyncSession, Drafts]]:
    """One transaction; what the draft's life does not allow is 409, one's own approval 403."""
    try:
        async with parts.database.begin() as session:
            yield session, Drafts(session, caller.id, await now_of(parts, session))
    except OwnWork as own:
        raise Problem(403, f"{own} {ONE_S_OWN}") from None
    except NotNow as not_now:
        raise Problem(409, str(not_now)) from None


async def one_of(drafts: Drafts, draft_id: str, *, alone: bool = False) -> PathwayDraft:
    """The draft; ``alone``: until the transaction ends nobody else changes it. Raises Problem 404."""
    draft = await drafts.one(draft_id, alone=alone)
    if draft is None:
        raise not_found()
    return draft
