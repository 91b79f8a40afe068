"""A ServiceRequest that comes in: the side that asked revokes what it asked for.

Rule: orders are made by the pathways; revoking one is REST's cancel: at once before the place has begun, else the place is asked to
stop. Source: HL7 Clinical Order Workflows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from api.fhir.differing import rule, same
from api.fhir.exchange import Desk
from api.fhir.kinds import Refused, Resource
from api.fhir.making import Making
from api.fhir.types.task_writes import cancel
from api.problems import not_found
from records.intake.fhir import parts, text
from records.referrals import referrals

REVOKED = "revoked by the side that asked"


class OrderWrites:
    """Write side of ServiceRequest."""

    writes: Mapping[Literal["create", "update", "delete"], tuple[str, ...]] = {"update": ("referrals.cancel",)}
    removable: frozenset[str] = frozenset()

    async def create(self, desk: Desk, making: Making, resource: Resource) -> str:
        raise Refused(405, "not-supported", "Referrals are ordered by the pathways.")

    async def update(self, desk: Desk, making: Making, id_: str, before: Resource, after: Resource) -> None:
        """Revoked; a note that is added says why."""
        over = {"id", "meta", "text", "status", "note"}
        changed = sorted(name for name in after if name not in over and not same(before.get(name), after[name], desk.base))
        status, was = text(after.get("status")), text(before.get("status"))
        if changed or status not in (was, "revoked"):
            where = tuple(f"ServiceRequest.{name}" for name in changed or ["status"])
            raise rule("Of an order only the status may change, to revoked; a note that is added says why.", *where)
        if status == was:
            return
        had = {text(one.get("text")) for one in parts(before, "note")}
        notes = [words for one in parts(after, "note") if (words := text(one.get("text"))) and words not in had]
        async with desk.parts.database.reading() as session:
            row = await referrals(session).one(desk.caller.scope, id_)
        if row is None:
            raise not_found()
        await cancel(desk, making, row, " ".join(notes) or REVOKED)

    async def delete(self, desk: Desk, making: Making, id_: str) -> None:
        raise Refused(405, "not-supported", "An order is not deleted: revoke it.")
