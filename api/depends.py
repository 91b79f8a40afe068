"""Who calls, what they may see, and the transaction they read in: what routes ask for by type.

Rule 1: every route names its callers by one of the aliases below; a test fails on a route that does not.
Rule 2: a key opens what its role and place allow, whatever the request says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from fastapi import Depends, Header, Query, Request
from fastapi.security import HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from api.parts import ApiParts
from api.problems import Problem
from pathways.engine import calendar
from records.keys import KeyHolder, Keys
from records.tables import CareTeam

ROLES = ("administrator", "coordinator", "health_manager", "doctor", "hospital", "pharmacy", "gateway")
NETWORK = ("administrator", "coordinator")
CARE = (*NETWORK, "health_manager", "doctor")


def parts_of(request: Request) -> ApiParts:
    """What this application was made of."""
    parts: ApiParts = request.app.state.parts
    return parts


Parts = Annotated[ApiParts, Depends(parts_of)]


async def holder_of(parts: ApiParts, key: str | None) -> KeyHolder:
    """Who calls with this key. Raises Problem 401."""
    if key:
        shown = parts.keys.holder(key)
        if shown is not None:
            return shown
        async with parts.database.reading() as session:
            holder = await Keys(session).holder(key)
        if holder is not None and holder.role in ROLES:
            parts.keys.keep(key, holder)
            return holder
    raise Problem(401, "Send a key that is known here, as `Authorization: Bearer <key>`.")


@dataclass(frozen=True)
class Allowed:
    """Lets these roles in, and says who it is."""

    roles: tuple[str, ...]

    async def __call__(self, request: Request, parts: Parts) -> KeyHolder:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        holder = await holder_of(parts, key.strip() if scheme.lower() == "bearer" else None)
        if holder.role not in self.roles:
            raise Problem(403, f"A {holder.role} key may not do this; it takes one of: {', '.join(self.roles)}.")
        return holder


def allowed(*roles: str) -> Allowed:
    """A dependency that lets only these roles in."""
    unknown = set(roles) - set(ROLES)
    if unknown:
        raise ValueError(f"no such role: {', '.join(sorted(unknown))}; use some of: {', '.join(ROLES)}")
    return Allowed(roles)


_bearer = Depends(HTTPBearer(auto_error=False, description="an API key; make one with: cairn keys add"))  # for the docs' sign-in

Anybody = Annotated[KeyHolder, Depends(allowed(*ROLES))]
Care = Annotated[KeyHolder, Depends(allowed(*CARE))]
Coordination = Annotated[KeyHolder, Depends(allowed(*NETWORK))]
Administrator = Annotated[KeyHolder, Depends(allowed("administrator"))]
Hospital = Annotated[KeyHolder, Depends(allowed(*NETWORK, "hospital"))]
Pharmacy = Annotated[KeyHolder, Depends(allowed(*NETWORK, "pharmacy"))]
Gateway = Annotated[KeyHolder, Depends(allowed("administrator", "gateway"))]


async def _reading(parts: Parts) -> AsyncIterator[AsyncSession]:
    async with parts.database.reading() as session:
        yield session


Session = Annotated[AsyncSession, Depends(_reading)]

Limit = Annotated[int, Query(ge=1, le=200, description="how many of them")]
After = Annotated[str | None, Query(max_length=400, description="`next` of the page before")]
Language = Annotated[str, Query(pattern="^[A-Za-z-]{2,20}$", description="of the texts: en or zh-Hans")]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=200, description="the same key twice is one event; opaque, please"),
]


async def now_of(parts: ApiParts, session: AsyncSession) -> datetime:
    """The present moment, UTC."""
    return await parts.clock.now(session)


async def today_at(parts: ApiParts, session: AsyncSession, team: CareTeam | None) -> date:
    """The present day where the team works (UTC's where no team is meant)."""
    return calendar.local_day(await now_of(parts, session), team.timezone if team is not None else "UTC")
