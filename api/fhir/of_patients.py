"""Types whose resources belong to one patient and are made of what is sealed: read and searched a patient at a time.

Rule: nothing is searched over everybody: whoever wants a patient's records names the patient, or the record.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from api.fhir import matching
from api.fhir.kinds import Door, Found, Interaction, Param, Query, Refused, Resource, patient_of

HL7 = "http://hl7.org/fhir/SearchParameter"
MOST_PATIENTS = 20  # of one search
READ_ONLY: frozenset[Interaction] = frozenset({"read", "search-type"})
VERSIONED: frozenset[Interaction] = READ_ONLY | {"vread", "history-instance"}


def by_patient(type_: str, *, also: str = "") -> dict[str, Param]:
    """``patient`` and ``subject`` (or what else it is called)."""
    told = "whose it is; a search needs this, or _id" + also
    definition = f"{HL7}/clinical-patient" if type_ == "Observation" else f"{HL7}/{type_}-patient"
    return {
        "patient": Param("reference", told, ("Patient",), definition=definition),
        "subject": Param("reference", told, ("Patient",), definition=f"{HL7}/{type_}-subject"),
    }


class OfPatients(ABC):
    """``paths``: where each parameter looks; ``order``: the parameter by which a list is sorted unless told. A type gives
    ``of``."""

    type: str
    reads: tuple[str, ...]
    params: Mapping[str, Param]
    paths: matching.Paths
    order: str
    sorts: tuple[str, ...] = ()
    includes: Mapping[str, str] = {}
    interactions: frozenset[Interaction] = READ_ONLY
    named_by: ClassVar[tuple[str, ...]] = ("patient", "subject")

    @abstractmethod
    async def of(self, door: Door, patient_id: str) -> Sequence[Resource]:
        """All of one patient's that the caller may see, in any order; none where the patient is not theirs."""

    async def one(self, door: Door, id_: str) -> Resource | None:
        """The resource as it is now."""
        return next((one for one in await self.of(door, patient_of(id_)) if one["id"] == id_), None)

    async def many(self, door: Door, ids: Collection[str]) -> Mapping[str, Resource]:
        """Those of ``ids`` that there are, by id; each patient is opened once."""
        found = [one for patient in sorted({patient_of(id_) for id_ in ids}) for one in await self.of(door, patient)]
        return {one["id"]: one for one in found if one["id"] in ids}

    async def versions(self, door: Door, id_: str) -> Sequence[Resource]:
        """What it was, the newest first."""
        one = await self.one(door, id_)
        return [] if one is None else [one]

    async def search(self, door: Door, query: Query) -> Found:
        """Matches among the patients who are named. Raises BadCursor, Refused."""
        found = [one for patient in sorted(await self.whose(door, query)) for one in await self.of(door, patient)]
        return matching.page(found, query, self.params, self.paths, self.order)

    async def whose(self, door: Door, query: Query) -> set[str]:
        """The patients whom a search names. Raises Refused where it names nobody, or too many."""
        named, ids = matching.patients(query, *self.named_by), matching.ids(query)
        if ids is not None:
            of_ids = {patient_of(id_) for id_ in ids}
            named = of_ids if named is None else named & of_ids
        if named is None:
            raise Refused(
                400,
                "too-costly",
                f"A search for {self.type} over all patients is not offered: give {self.named_by[0]}=Patient/id, or _id.",
            )
        if len(named) > MOST_PATIENTS:
            raise Refused(400, "too-costly", f"A search names {MOST_PATIENTS} patients at most: ask for fewer at a time.")
        return named
