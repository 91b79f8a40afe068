"""Running an installation: places, people, keys, what is connected, and what was done."""

from __future__ import annotations

from fastapi import APIRouter

from api.console.pages.admin import (
    audit,
    calendars,
    connecting,
    connections,
    home,
    keys,
    limits,
    people,
    places,
    pushing,
    stocks,
    teams,
)

router = APIRouter(include_in_schema=False)
for _module in (home, places, teams, people, keys, connecting, pushing, connections, calendars, stocks, limits, audit):
    router.include_router(_module.router)
