"""People: found, one of them whole, what is done with them, and how they join."""

from __future__ import annotations

from fastapi import APIRouter

from api.console.pages.patients import (
    agreeing,
    correcting,
    diagnosing,
    enrolling,
    finding,
    life,
    moving,
    parts,
    person,
    rosters,
    summary,
)

router = APIRouter(include_in_schema=False)
for _module in (finding, enrolling, rosters, person, parts, life, moving, agreeing, diagnosing, correcting, summary):
    router.include_router(_module.router)
