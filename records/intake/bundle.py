"""FHIR R4 as hospitals export it, into Intakes: Bundles of any kind, a bare Patient, or NDJSON of either.

Rule 1: nothing that is sent can raise: a bad file or a bad person is Refused with its place, the others go on.
Rule 2: a resource belongs to a person only if it says so by a reference that can be followed; it is never given to
whoever is alone in the file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from records.intake.chart import Chart
from records.intake.codes import Codes, shipped_codes
from records.intake.consent import texts_agreed
from records.intake.entries import Bundle, Entry
from records.intake.fhir import Json, not_yet, part, references, text
from records.intake.notes import Notes
from records.intake.patient import NotAPerson, Who, read_who
from records.intake.people import Intake, Refused, newest_readings, newest_visits
from records.intake.places import Places, known_zone, shipped_places
from records.intake.prescriptions import Prescriptions

AS_FHIR = "send a FHIR R4 Bundle as JSON in UTF-8"
OWNER_KEYS = ("subject", "patient", "beneficiary")
QUIET = {"Organization", "Practitioner", "PractitionerRole", "Location", "Medication"}
"""Kinds that belong to nobody; they are looked up by reference or not at all."""


def read_bundle(
    content: str | bytes,
    source: str,
    *,
    on: date | None = None,
    codes: Codes | None = None,
    places: Places | None = None,
) -> Iterator[Intake | Refused]:
    """Everybody in one FHIR file. ``source`` is the file's name; with ``on`` (today) what is dated later is kept out.

    Takes a Bundle (transaction, batch, collection, searchset, document, history), one bare Patient, or NDJSON of
    Bundles or of resources, which then count as one Bundle. Never raises.
    """
    reader = _Reader(source, on, codes or shipped_codes(), places or shipped_places())
    try:
        written = content.decode("utf-8-sig") if isinstance(content, bytes) else content.removeprefix("\ufeff")
    except UnicodeDecodeError as refusal:
        yield Refused(source, f"byte {refusal.start}", "not UTF-8 text", AS_FHIR)
        return
    try:
        document = _parse(written)
    except (ValueError, RecursionError) as refusal:
        yield from reader.lines(written, refusal)
        return
    yield from reader.document(document, "")


@dataclass(frozen=True)
class _Reader:
    source: str
    on: date | None
    codes: Codes
    places: Places

    def lines(self, written: str, refusal: Exception) -> Iterator[Intake | Refused]:
        """NDJSON, if any line is a resource; otherwise one broken document."""
        loose: list[Entry] = []
        bundles: list[tuple[str, Json]] = []
        broken: list[Refused] = []
        for line_no, line in enumerate(written.splitlines(), start=1):
            if not line.strip():
                continue
            place = f"line {line_no}"
            try:
                resource = _parse(line)
            except (ValueError, RecursionError) as fault:
                broken.append(Refused(self.source, place, f"not JSON: {_fault(fault)}", "correct this line or leave it out"))
                continue
            if not isinstance(resource, Mapping) or not text(resource.get("resourceType")):
                broken.append(Refused(self.source, place, "not a FHIR resource", "every line must be one resource"))
            elif text(resource.get("resourceType")) == "Bundle":
                bundles.append((place, resource))
            else:
                loose.append(Entry(place, "", resource))
        if not bundles and not loose:
            yield Refused(
                self.source,
                _where(refusal),
                f"not JSON: {_fault(refusal)}",
                AS_FHIR + "; the file may have been cut off",
            )
            return
        yield from broken
        for place, bundle in bundles:
            yield from self.document(bundle, f"{place}, ")
        if loose:
            yield from self.people(Bundle(loose), "the file")

    def document(self, document: object, before: str) -> Iterator[Intake | Refused]:
        if not isinstance(document, Mapping):
            yield Refused(self.source, f"{before}the file", "not a FHIR resource", AS_FHIR)
            return
        kind = text(document.get("resourceType"))
        if kind == "Patient":
            yield from self.people(Bundle([Entry(f"{before}Patient", "", document)]), f"{before}the file")
        elif kind == "Bundle":
            entries = [
                Entry(f"{before}entry {number}", text(entry.get("fullUrl")), part(entry, "resource"))
                for number, entry in _numbered(document.get("entry"))
                if text(part(entry, "request").get("method")) != "DELETE"
            ]
            yield from self.people(Bundle(entries), f"{before}the Bundle")
        else:
            yield Refused(self.source, f"{before}the file", f"a {kind}" if kind else "not a FHIR resource", AS_FHIR)

    def people(self, bundle: Bundle, whole: str) -> Iterator[Intake | Refused]:
        patients = [entry for entry in bundle.entries if entry.kind == "Patient"]
        if not patients:
            yield Refused(self.source, whole, "no Patient in it", "send the Patient with their records")
            return
        belongings: dict[int, list[Entry]] = {id(patient): [] for patient in patients}
        ownerless: Counter[str] = Counter()
        for entry in bundle.entries:
            if entry.kind == "Patient" or entry.kind in QUIET:
                continue
            owner = next(
                (o for r in references(entry.resource, *OWNER_KEYS) if (o := bundle.find(r)) and o.kind == "Patient"),
                None,
            )
            if owner is None:
                ownerless[entry.kind or "no resourceType"] += 1
            else:
                belongings[id(owner)].append(entry)
        for patient in patients:
            try:
                yield self.person(bundle, patient, belongings[id(patient)], ownerless if patient is patients[0] else Counter())
            except NotAPerson as refusal:
                yield Refused(self.source, patient.place, refusal.what, refusal.remedy)
            except Exception as fault:
                # The last net of rule 1: a mistake of ours in one person must not cost the rest of the file.
                yield Refused(
                    self.source,
                    patient.place,
                    f"{UNFORESEEN} ({type(fault).__name__})",
                    "report this to whoever maintains the software",
                )

    def person(self, bundle: Bundle, patient: Entry, belongings: Sequence[Entry], ownerless: Counter[str]) -> Intake:
        notes = Notes(patient.place)
        carers = [entry.resource for entry in belongings if entry.kind == "RelatedPerson"]
        who = read_who(patient.resource, patient.full_url, carers, self.places, notes)
        if who.born is not None and not_yet(who.born, self.on):
            raise NotAPerson(f"birth date {who.born} has not come yet", "send birthDate as YYYY-MM-DD")
        zone = known_zone(who.timezone) if who.timezone else None
        chart = Chart(self.codes, zone, self.on, notes)
        prescriptions = Prescriptions(self.codes, zone, self.on, notes, bundle.resource)
        team = None
        for entry in belongings:
            match entry.kind:
                case "Condition":
                    chart.condition(entry.resource)
                case "Observation":
                    chart.observation(entry.resource, entry.place)
                case "Encounter":
                    chart.encounter(entry.resource)
                case "Procedure":
                    chart.procedure(entry.resource)
                case "MedicationRequest":
                    prescriptions.request(entry.resource)
                case "MedicationStatement":
                    prescriptions.statement(entry.resource)
                case "MedicationDispense":
                    prescriptions.dispense(entry.resource)
                case "CareTeam":
                    if text(entry.resource.get("status")) in ("active", ""):
                        team = team or text(entry.resource.get("name"))
                case "RelatedPerson" | "Consent":
                    pass
                case other:
                    notes.count("resources of kinds not used here", other or "no resourceType", "nothing to do")
        for kind, how_many in ownerless.items():
            for _ in range(how_many):
                notes.count("resources that belong to nobody in this file", kind, "make their subject refer to the Patient")
        readings, older = newest_readings(chart.readings)
        if older:
            notes.add(f"{older} older readings are not taken over", "nothing to do: the newest five of each kind are")
        texts = texts_agreed([entry.resource for entry in belongings if entry.kind == "Consent"], self.on)
        return Intake(
            source=self.source,
            place=patient.place,
            identifiers=who.identifiers,
            name=who.name,
            sex=who.sex,
            born=who.born,
            died=_death(who, [*chart.visits, *(reading.at.date() for reading in readings)], notes),
            phones=who.phones,
            language=who.language,
            timezone=who.timezone,
            texts=texts,
            texts_source="hospital",
            conditions=frozenset(chart.conditions),
            readings=readings,
            visits=newest_visits(chart.visits),
            medicines=prescriptions.done(),
            care_team=team or _managed_by(bundle, patient.resource),
            services_done=MappingProxyType(chart.services),
            notes=notes.done(),
        )


UNFORESEEN = "could not be read, which is our fault"


def _managed_by(bundle: Bundle, patient: Json) -> str | None:
    reference = part(patient, "managingOrganization")
    return text(bundle.resource(reference).get("name")) or text(reference.get("display")) or None


def _death(who: Who, known_days: list[date], notes: Notes) -> date | None:
    if who.died or not who.dead:
        return who.died
    last = max(known_days, default=who.born)
    notes.add(f"died, but the day was not sent; {last}, the last that is known, stands in", "send deceasedDateTime")
    return last


def _numbered(entries: object) -> list[tuple[int, Json]]:
    """Entries with their number; what is no entry is an empty one, so that it is counted."""
    listed = entries if isinstance(entries, list) else []
    return [(number, one if isinstance(one, Mapping) else {}) for number, one in enumerate(listed, start=1)]


def _parse(written: str) -> object:
    # NaN and Infinity are not JSON; as nothing they cost one value instead of the file.
    return json.loads(written, parse_constant=lambda _: None)


def _where(fault: Exception) -> str:
    return f"line {fault.lineno}, column {fault.colno}" if isinstance(fault, json.JSONDecodeError) else "the file"


def _fault(fault: Exception) -> str:
    return fault.msg if isinstance(fault, json.JSONDecodeError) else "nested or numbered beyond reason"
