"""Changes: what is new for a hospital or a pharmacy, for whoever may only call out.

Rule: a cursor is the number of the last change that was seen; numbers have no gaps, so that nothing is skipped or told twice.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.depends import After, Limit, Session, may
from api.models.changes import ChangeOut, ChangePage
from api.problems import not_found, unusable
from records.callers import Caller
from records.feed import Feed
from records.pages import BIG_INTEGER, cursor, number_behind
from records.tables import Organisation, PlaceChange

router = APIRouter(prefix="/changes", tags=["referrals"])
HREF = {"referral": "/api/v1/referrals", "refill": "/api/v1/refills"}


@router.get("", summary="What is new for a place")
async def list_changes(
    caller: Annotated[Caller, may("changes.read")],
    session: Session,
    place: Annotated[str | None, Query(max_length=40, description="may be left out by a place of its own")] = None,
    latest: Annotated[bool, Query(description="nothing that was told so far: only where to go on from")] = False,
    limit: Limit = 50,
    after: After = None,
) -> ChangePage:
    """Referrals and refill requests that came, moved or were added to since ``after`` (without it: from the first), in order."""
    asked = await _asked(caller, session, place)
    feed = Feed(session)
    n = await feed.reached(asked) if latest else number_behind(after, most=BIG_INTEGER) or 0
    told = [] if latest else await feed.after(asked, n, limit=limit + 1)
    shown = told[:limit]
    return ChangePage(
        items=[_shown(change) for change in shown], next=cursor(str(shown[-1].n if shown else n)), more=len(told) > limit
    )


async def _asked(caller: Caller, session: Session, place: str | None) -> str:
    """The place whose changes are meant. Raises Problem 404, 422."""
    own = sorted(caller.scope.places or ())
    if place is None:
        if len(own) != 1:
            raise unusable("place", "is not said, and the key stands over several", "name the hospital or the pharmacy")
        return own[0]
    if not caller.scope.covers_place(place) or await session.get(Organisation, place) is None:
        raise not_found()
    return place


def _shown(change: PlaceChange) -> ChangeOut:
    return ChangeOut.model_validate(
        {
            "n": change.n,
            "kind": change.kind,
            "id": change.request_id,
            "version": change.version,
            "stage": change.stage,
            "at": change.at,
            "href": f"{HREF[change.kind]}/{change.request_id}",
        }
    )
