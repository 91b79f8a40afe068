"""Pathways: what there is, what one says, and its drafts, written side by side with what they would mean."""

from __future__ import annotations

from fastapi import APIRouter

from api.console.pages.pathways import beginning, editor, listing, looking, windows

router = APIRouter(include_in_schema=False)
for _part in (beginning, listing, editor, looking, windows):
    router.include_router(_part.router)
