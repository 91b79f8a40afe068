"""A request found again: by the patient's name, or by the request's number, among all that the place was ever asked.

Rule: what another place was asked is not found, whoever it is about.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import Desk, at
from api.console.pages.inbox.listing import ON_A_PAGE, Referred, Supplied, View, limits_at, referred, supplied, view_of
from api.depends import Parts, Session, now_of
from api.parts import ApiParts
from api.showing.patients import Showing
from records.inboxes import Inbox, Sought
from records.pages import BadCursor
from records.tables import ReferralRow, RefillRow

router = APIRouter(include_in_schema=False)


@router.get("/inbox/find")
async def found_in_inbox(
    desk: Annotated[Desk, at("inbox.read")],
    session: Session,
    parts: Parts,
    written: Annotated[str, Query(max_length=100, alias="for")] = "",
    place: Annotated[str, Query(max_length=40)] = "",
    after: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """What is open and what is done, the latest first."""
    view = await view_of(desk, session, place)
    sought = Sought.of(written, parts.vault)
    if view.place is None or sought is None:
        return desk.go(view.address("/inbox"))
    lines, following = await _lines(desk, session, parts, view, sought, after)
    return desk.html(
        "inbox/lines.html" if desk.within and after else "inbox/found.html",
        view=view,
        heap="",
        lines=lines,
        next=following,
        further=view.address("/inbox/find", **{"for": written}),
        sought=written,
        shown=0,
        first=after is None,
    )


async def _lines(
    desk: Desk, session: AsyncSession, parts: ApiParts, view: View, sought: Sought, after: str | None
) -> tuple[list[Referred] | list[Supplied], str | None]:
    assert view.place is not None
    inbox, now = Inbox(session), await now_of(parts, session)
    showing = Showing(session, parts.vault, parts.plans, desk.language)
    try:
        if view.kind == "pharmacy":
            supplies = await inbox.found(RefillRow, view.place.id, sought, limit=ON_A_PAGE, after=after)
            return await supplied(showing, supplies.items, now), supplies.next
        asked = await inbox.found(ReferralRow, view.place.id, sought, limit=ON_A_PAGE, after=after)
    except BadCursor:
        return [], None
    return await referred(showing, asked.items, now, sort=False, limits=await limits_at(session, parts, view)), asked.next
