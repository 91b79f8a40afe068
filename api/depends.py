"""Who calls, what they may see, and the transaction they read in: what routes ask for by type.

Rule 1: every route names the right it takes (``may``); who has it is in ``rights``; a test fails on a route that names none.
Rule 2: a key opens what its role and place allow, whatever the request says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, ClassVar

from fastapi import Depends, Header, Path, Query, Request
from fastapi.security import HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from api.parts import ApiParts
from api.problems import Problem
from api.rights import ROLES, roles_with
from api.trail import NOT_KEPT, trail_of
from pathways.engine import calendar
from records.audit import NotWrittenDown
from records.callers import Caller, Keys
from records.smart import TOKEN, SmartClients
from records.tables import CareTeam

UNATTENDED = "x-cairn-unattended"  # a header of requests that a page makes by itself
SCOPED = "A record system's token is for /fhir, and opens nothing besides. For this address have an administrator make an API key."


def parts_of(request: Request) -> ApiParts:
    """What this application was made of."""
    parts: ApiParts = request.app.state.parts
    return parts


Parts = Annotated[ApiParts, Depends(parts_of)]


def attended(request: Request) -> bool:
    """Whether a person or a tool asks, rather than a page by itself, which does not keep anybody signed in."""
    by_itself = UNATTENDED in request.headers or "text/event-stream" in request.headers.get("accept", "")
    return not by_itself


async def caller_of(parts: ApiParts, key: str | None, *, attended: bool = True) -> Caller:
    """Who calls with this key. ``attended``: whether the sign-in goes on by it. Raises Problem 401."""
    if key:
        shown = parts.keys.caller(key)
        if shown is not None:
            return shown
        async with parts.database.reading() as session:
            if key.startswith(TOKEN):
                caller, to_be_noted = await SmartClients(session).caller(parts.vault, key), False
            else:
                keys = Keys(session, idle=parts.idle)
                caller = await keys.caller(key)
                to_be_noted = attended and caller is not None and await keys.used(key)
        if caller is not None and caller.role in ROLES:
            if to_be_noted:
                async with parts.database.begin() as session:
                    await Keys(session).write_used(key)
            if attended:  # or the next request of a person would be taken for one that was noted
                parts.keys.keep(key, caller)
            return caller
    raise Problem(401, "Send a key that is known here and has not expired, as `Authorization: Bearer <key>`.")


@dataclass(frozen=True)
class Allowed:
    """Lets callers in who have this right, says who it is, and begins the request's trail.

    ``scoped``: whether it takes the tokens of record systems, and looks at their SMART scopes by itself.
    """

    right: str
    looks: bool = False  # changes nothing, whatever the method
    scoped: ClassVar[bool] = False

    def __post_init__(self) -> None:
        roles_with(self.right)  # a right that is not declared is a mistake at start-up, not at a request

    async def __call__(self, request: Request, parts: Parts) -> Caller:
        caller = await self.who(request, parts)
        if caller.scopes is not None and not self.scoped:
            raise Problem(403, SCOPED)
        roles = roles_with(self.right)
        if caller.role not in roles:
            raise Problem(403, f"A {caller.role} may not do this; it takes one of: {', '.join(roles)}.")
        if caller.rights is not None and self.right not in caller.rights:
            raise Problem(403, f"This key is limited to: {', '.join(sorted(caller.rights))}; this takes {self.right}.")
        try:
            await trail_of(request).begins(request, caller, self.right, looks=self.looks)
        except NotWrittenDown:
            raise Problem(503, NOT_KEPT) from None
        return caller

    async def who(self, request: Request, parts: ApiParts) -> Caller:
        """Who calls. Raises Problem 401."""
        return await caller_of(parts, self.shown(request), attended=attended(request))

    def shown(self, request: Request) -> str | None:
        """The key that the request shows."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else None


_bearer = Depends(HTTPBearer(auto_error=False, description="an API key; make one with: cairn keys add"))  # for the docs' sign-in


def may(right: str, *, looks: bool = False) -> Any:
    """What a route's ``caller`` depends on: somebody who has ``right``. ``looks``: nothing is changed, whatever the method."""
    return Depends(Allowed(right, looks))


async def _reading(parts: Parts) -> AsyncIterator[AsyncSession]:
    async with parts.database.reading() as session:
        yield session


#: Closed before the answer leaves, so that nobody holds a connection while the audit log waits for one.
Session = Annotated[AsyncSession, Depends(_reading, scope="function")]

Limit = Annotated[int, Query(ge=1, le=200, description="how many of them")]
After = Annotated[str | None, Query(max_length=400, description="`next` of the page before")]
Language = Annotated[str, Query(pattern="^[A-Za-z-]{2,20}$", description="of the texts: en or zh-Hans")]
PathwayName = Annotated[str, Path(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,59}$", description="of the pathway, such as hypertension")]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=200, description="the same key twice is one event; opaque, please"),
]


IfMatch = Annotated[
    str | None, Header(alias="If-Match", max_length=100, description="the ETag of what you read; 412 where it has changed since")
]


async def now_of(parts: ApiParts, session: AsyncSession) -> datetime:
    """The present moment, UTC."""
    return await parts.clock.now(session)


async def today_at(parts: ApiParts, session: AsyncSession, team: CareTeam | None) -> date:
    """The present day where the team works (UTC's where no team is meant)."""
    return calendar.local_day(await now_of(parts, session), team.timezone if team is not None else "UTC")
