"""The audit log, for whoever audits: who read or wrote whose record. Reading it is written to it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from api.depends import After, Limit, Session, may
from api.editing import standing
from api.models.access import AuditEntry, AuditPage
from api.models.base import AMoment
from api.problems import not_found
from api.trail import trail_of
from records.audit_reading import AuditReading
from records.callers import Caller

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("", summary="Who read or wrote what")
async def read_audit(
    caller: Annotated[Caller, may("audit.read")],
    session: Session,
    request: Request,
    patient: Annotated[str | None, Query(max_length=40, description="a patient's id")] = None,
    who: Annotated[str | None, Query(max_length=40, description="the id of a key or an account")] = None,
    action: Annotated[str | None, Query(max_length=80, description="the right that was used, such as patients.read")] = None,
    since: AMoment | None = None,
    until: AMoment | None = None,
    limit: Limit = 50,
    after: After = None,
) -> AuditPage:
    """Newest first; what was tried and refused is there, too."""
    trail, reading = trail_of(request), AuditReading(session)
    trail.record, trail.about = patient or "audit", patient or ""
    if patient is not None and not await reading.known_to(caller.scope, [patient]):
        raise not_found()
    under = await standing(session, caller)
    places = None if caller.scope.whole_network else under.organisations | under.teams
    page = await reading.page(places, patient=patient, who=who, action=action, since=since, until=until, limit=limit, after=after)
    known = await reading.known_to(caller.scope, {one for row in page.items for one in row.patients})
    return AuditPage(
        items=[
            AuditEntry(
                at=row.at,
                chain=row.chain,
                seq=row.seq,
                who=row.who,
                role=row.role,
                place=row.place,
                action=row.action,
                record=row.record,
                patients=[one for one in row.patients if one in known],
                status=row.status,
                request=row.request,
                hash=row.hash,
            )
            for row in page.items
        ],
        next=page.next,
    )
