"""What changed for a place, as it is polled."""

from __future__ import annotations

from typing import Literal

from api.models.base import Model, Moment, example, page_of

_CHANGE = {
    "n": 41,
    "kind": "referral",
    "id": "4be1a7",
    "version": 1,
    "stage": "requested",
    "at": "2025-03-04T01:30:00Z",
    "href": "/api/v1/referrals/4be1a7",
}


class ChangeOut(Model, json_schema_extra=example(**_CHANGE)):
    """A referral or a refill request came, moved to ``stage``, or was added to.

    ``n`` counts the place's changes from 1, without gaps; ``version`` the request's own. ``href``: the request as it is now.
    """

    n: int
    kind: Literal["referral", "refill"]
    id: str
    version: int
    stage: str
    at: Moment
    href: str


class ChangePage(Model, json_schema_extra=page_of(ChangeOut, next="WyI0MSJd", more=False)):
    """``next``: always there; ask with it again, at once where there is ``more``, else in a while."""

    items: list[ChangeOut]
    next: str
    more: bool
