"""Running an installation: places, people, keys, what is connected, and what was done."""

from __future__ import annotations

from fastapi import APIRouter

from api.console.pages.admin import audit, calendars, connections, home, keys, limits, people, places, teams

router = APIRouter(include_in_schema=False)
for _module in (home, places, teams, people, keys, connections, calendars, limits, audit):
    router.include_router(_module.router)
