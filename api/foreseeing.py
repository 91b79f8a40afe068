"""What recording an event would decide, asked before anybody records it: the same answer for the API and for the pages.

Rule: it is the engine of the live patient that answers; nothing is stored, sent or booked, and no key or id is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from api.ahead import Standing, standing
from api.models.story import PreviewOut
from api.parts import ApiParts
from api.showing.ahead import show_preview
from pathways.engine.events import AnyEvent, versions_in
from pathways.engine.refold import may_concern_the_past
from pathways.forecast.preview import preview
from records.scope import Scope

__all__ = ["WOULD", "foresee", "foreseen"]

WOULD = "preview"  # the id of an event that is not stored


async def foresee(
    session: AsyncSession,
    parts: ApiParts,
    scope: Scope,
    patient_id: str,
    make: Callable[[datetime], AnyEvent],
    language: str,
) -> PreviewOut:
    """What the event that ``make`` makes of the present moment would decide. Raises Problem 404, 409, and what ``make`` raises."""
    stands = await standing(session, parts, scope, patient_id)
    return await foreseen(session, parts, stands, make(stands.now), language)


async def foreseen(session: AsyncSession, parts: ApiParts, stands: Standing, event: AnyEvent, language: str) -> PreviewOut:
    """What ``event`` would decide for a patient who stands so."""
    plan, log = stands.plan, await stands.log.all() if may_concern_the_past(stands.state, event) else ()
    if named := [version for told in log for version in versions_in(told)]:
        plan = replace(plan, versions={**plan.versions, **await parts.plans.versions(session, named)})
    return show_preview(preview(plan, stands.state, event, find_day=stands.calendar.find, log=log), language)
