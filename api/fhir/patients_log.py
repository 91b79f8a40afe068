"""What was told of a patient, for the types that are made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from api.fhir.kinds import Door
from pathways.engine.events import AnyEvent
from pathways.serial import load_event
from records.patients import Patients
from records.tables import EventRow
from records.vault import PersonVault


async def person_of(door: Door, patient_id: str) -> PersonVault | None:
    """What opens the records of a patient in the caller's care; None where they are not, or were forgotten."""
    people = Patients(door.session, door.parts.vault)
    if await people.in_scope(door.caller.scope, patient_id) is None:
        return None
    try:
        return await people.vault_of(patient_id)
    except LookupError:
        return None


async def log_of(door: Door, patient_id: str, kinds: Iterable[str]) -> Sequence[AnyEvent]:
    """Events of these kinds of a patient in the caller's care, in the order in which they were learnt."""
    person = await person_of(door, patient_id)
    return [] if person is None else await opened(door, person, kinds)


async def opened(door: Door, person: PersonVault, kinds: Iterable[str]) -> Sequence[AnyEvent]:
    """Events of these kinds, in the order in which they were learnt."""
    rows = select(EventRow).where(EventRow.patient_id == person.patient_id, EventRow.kind.in_(sorted(kinds))).order_by(EventRow.seq)
    return [load_event(person.open(f"event/{row.seq}", row.sealed)) for row in await door.session.scalars(rows)]
