"""Whom a FHIR transaction concerns, held before anything else is.

Rule: patients first, in the order of their ids, as everybody who writes holds the patient before the place: two transactions over
the same patients then come one after the other, and no single write waits in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.fhir.exchange import Asked, Desk
from api.fhir.kinds import patient_of
from records.intake.patient import identify
from records.patients import Patients
from records.tables import Patient, ReferralRow, RefillRow

REQUESTS = frozenset({"Task", "ServiceRequest", "MedicationRequest"})  # have the id of what was asked of a place


async def hold(desk: Desk, asked: Sequence[Asked]) -> None:
    """Hold the patients whom these requests name, as far as they are the caller's; others cannot be written anyway."""
    named = {name for one in asked for name in _named(desk, one)}
    requests = sorted({id_.removesuffix("-abort") for type_, id_ in named if type_ in REQUESTS and "." not in id_})
    patients = {patient_of(id_) for type_, id_ in named if type_ not in REQUESTS or "." in id_}
    scope = desk.caller.scope
    async with desk.parts.database.reading() as session:
        for table, place in ((ReferralRow, ReferralRow.place_id), (RefillRow, RefillRow.pharmacy_id)):
            query = select(table.patient_id).where(table.id.in_(requests))
            theirs = scope.of_requests(query, place=place, patient=table.patient_id)
            patients |= set(await session.scalars(theirs)) if requests else set()
        patients |= await _known(desk, session, asked)
        held = select(Patient.id).where(Patient.id.in_(sorted(patients))).order_by(Patient.id).with_for_update()
        if not scope.is_a_place:
            held = scope.of_teams(held, Patient.care_team_id)
        await session.execute(held)


async def _known(desk: Desk, session: AsyncSession, asked: Sequence[Asked]) -> set[str]:
    """Who of those whom these requests send is there already."""
    people, found = Patients(session, desk.parts.vault), set[str]()
    for one in asked:
        if one.method == "POST" and one.path.removeprefix(f"{desk.base}/") == "Patient" and isinstance(one.body, dict):
            sent = identify({"identifier": one.body.get("identifier")}, "")
            id_ = await people.known_as(tuple(f"{name.system}|{name.value}" for name in sent)) if sent else None
            found |= {id_} if id_ is not None else set()
    return found


def _named(desk: Desk, asked: Asked) -> Iterator[tuple[str, str]]:
    """Type and id of everything that a request names."""
    written = [asked.path, *_references(asked.body)]
    for one in written:
        type_, _, id_ = one.removeprefix(f"{desk.base}/").partition("/")
        if id_ and len(id_) <= 64:
            yield type_, id_.partition("/")[0]


def _references(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            if name == "reference" and isinstance(one, str):
                yield one
            else:
                yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)
