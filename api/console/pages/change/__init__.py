"""A change of a pathway, from what it says to taking it back: compare, forecast, publish, roll out, decide."""

from __future__ import annotations

from fastapi import APIRouter

from api.console.pages.change import compare, deciding, forecasts, planning, publishing, rollouts

router = APIRouter(include_in_schema=False)
for _module in (compare, forecasts, publishing, planning, deciding, rollouts):
    router.include_router(_module.router)
