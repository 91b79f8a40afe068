"""The audit log: who opened or changed whose record, found by patient, person, deed or days; and whether it is whole.

Rule: whoever is looked for by name is chosen where several are called so; an id, also of somebody who is not there any more, is
      taken as it stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import Desk, at
from api.console.pages.admin.actions import ACTIONS
from api.console.pages.admin.asking import names_of_places, page
from api.depends import Session
from api.editing import standing
from api.problems import Problem
from api.routes.audit import read_audit
from api.showing.patients import brief
from records.audit import Verdict, verify
from records.callers import called, names_of
from records.clock import system_time
from records.patient_list import PatientList
from records.tables import Patient

router = APIRouter(include_in_schema=False)
Audits = Annotated[Desk, at("audit.read")]
Short = Annotated[str, Query(max_length=400)]
ROWS = 50
WITHIN = 30  # seconds that a page may look; a longer log is verified by the command
DAYS = (1, 7, 30)
NOTHING = {"patient": "", "who": "", "action": "", "first": "", "last": ""}
LONGEST_ID = 40
CHOICE = 10  # people of one name to choose from
LISTED = 200  # names that the browser proposes


@dataclass(frozen=True, slots=True)
class Meant:
    """Whom a filter names: the one ``id``, or ``several`` (id, name, what tells them apart). ``more``: there are more of them."""

    id: str = ""
    several: Sequence[tuple[str, str, Any]] = ()
    more: bool = False


@router.get("/admin/audit")
async def audit_page(
    desk: Audits,
    session: Session,
    patient: Short = "",
    who: Short = "",
    action: Short = "",
    first: Short = "",
    last: Short = "",
    after: Short | None = None,
) -> Response:
    """Newest first."""
    asked = {"patient": patient[:100], "who": who[:100], "action": action[:80], "first": first, "last": last}
    return await _page(desk, session, asked, after)


@router.post("/admin/audit/verify")
async def verify_log(desk: Audits) -> Response:
    """Walks the entries of the last days, and says whether each is bound to the one before it."""
    days = int(desk.form.text("days")) if desk.form.text("days") in map(str, DAYS) else DAYS[0]
    log, verdict = desk.parts.audit, None
    try:
        async with asyncio.timeout(WITHIN):
            verdict = await verify(log.database, log.key, since=system_time() - timedelta(days=days))
    except TimeoutError:
        verdict = None
    async with desk.parts.database.reading() as session:
        return await _page(desk, session, NOTHING, None, verdict=verdict, days=days, looked=True)


async def _page(
    desk: Desk,
    session: AsyncSession,
    asked: dict[str, str],
    after: str | None,
    *,
    verdict: Verdict | None = None,
    days: int = 0,
    looked: bool = False,
) -> Response:
    patient, who = await _patient(desk, session, asked["patient"].strip()), await _who(desk, session, asked["who"].strip())
    entries, more, missing = [], None, False
    if not patient.several and not who.several:
        wanted: dict[str, Any] = {"patient": patient.id, "who": who.id, "action": asked["action"]}
        try:
            if asked.get("first"):
                wanted["since"] = datetime.combine(date.fromisoformat(asked["first"]), datetime.min.time(), UTC)
            if asked.get("last"):
                wanted["until"] = datetime.combine(date.fromisoformat(asked["last"]) + timedelta(days=1), datetime.min.time(), UTC)
            given = {name: value for name, value in wanted.items() if value}
            found = await read_audit(desk.caller, session, desk.request, limit=ROWS, after=after, **given)
            entries, more = found.items, found.next
            missing = not entries and any(asked.values())
        except (ValueError, OverflowError, Problem):
            missing = True
    under = await standing(session, desk.caller)
    return page(
        desk,
        "audit.html",
        entries=entries,
        next=more,
        names=await names_of(session, [one.who for one in entries]),
        places=await names_of_places(session, [one.place for one in entries]),
        asked=asked,
        address=_address,
        patient=patient,
        who=who,
        people=await called(session, "", under, limit=LISTED),
        actions=ACTIONS,
        missing=missing,
        verdict=verdict,
        looked=looked,
        days=days,
        choices=DAYS,
    )


def _address(asked: Mapping[str, str], **otherwise: str) -> str:
    """The log with some of what is asked otherwise."""
    kept = {name: value for name, value in {**asked, **otherwise}.items() if value}
    return f"/admin/audit?{urlencode(kept)}"


async def _patient(desk: Desk, session: AsyncSession, written: str) -> Meant:
    """By record number, phone, or the beginnings of a name's words."""
    if not written or await session.get(Patient, written[:LONGEST_ID]) is not None:
        return Meant(written)
    found = await PatientList(session, desk.parts.vault).page(desk.caller.scope, words=written, limit=CHOICE)
    if len(found.items) < 2:
        return Meant(found.items[0].patient.id if found.items else written[:LONGEST_ID])
    shown = [brief(one) for one in found.items]
    return Meant("", [(one.id, one.name or "", one.born) for one in shown], found.next is not None)


async def _who(desk: Desk, session: AsyncSession, written: str) -> Meant:
    """By login, or by a part of the name."""
    if not written or await names_of(session, [written[:LONGEST_ID]]):
        return Meant(written)
    found = await called(session, written, await standing(session, desk.caller), limit=CHOICE + 1)
    same = [one for one in found if one[1].casefold() == written.casefold()]
    if len(same) == 1 or len(found) < 2:
        return Meant((same or found)[0][0] if found else written[:LONGEST_ID])
    return Meant("", found[:CHOICE], len(found) > CHOICE)
