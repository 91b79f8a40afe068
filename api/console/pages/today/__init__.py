"""A health manager's day: the list, recording what happened, calling, and what people do with a task."""

from __future__ import annotations

from fastapi import APIRouter

from api.console.pages.today import calling, day, recording, tasks

router = APIRouter(include_in_schema=False)
for _part in (day, recording, calling, tasks):
    router.include_router(_part.router)
