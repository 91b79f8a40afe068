"""Drafts as the API and the pages show them: with the names of those who wrote and approved them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.models.drafts import DraftBrief
from records.callers import names_of
from records.drafts import Drafts
from records.tables import PathwayDraft


async def whole(drafts: Drafts, draft: PathwayDraft) -> dict[str, Any]:
    """All that is shown of a draft but what is wrong with it."""
    (brief,), wrote = await briefs(drafts.session, [draft]), await drafts.last_writer(draft)
    name = (await names_of(drafts.session, [wrote])).get(wrote, "")
    return {**brief.model_dump(), "text": draft.text, "last_writer": wrote, "last_writer_name": name}


async def briefs(session: AsyncSession, drafts: Sequence[PathwayDraft]) -> list[DraftBrief]:
    """Without their texts, in their order."""
    names = await names_of(session, (id_ for draft in drafts for id_ in (draft.author, draft.approved_by)))
    fields = [field for field in DraftBrief.model_fields if not field.endswith("_name")]
    return [
        DraftBrief(
            **{field: getattr(draft, field) for field in fields},
            author_name=names.get(draft.author, ""),
            approved_by_name=names.get(draft.approved_by, ""),
        )
        for draft in drafts
    ]
