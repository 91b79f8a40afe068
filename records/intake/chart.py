"""What is known of somebody's health: conditions, readings, visits and services done, from FHIR resources.

Rule 1: only what holds now and is confirmed counts: a resolved, refuted or merely suspected diagnosis enrols nobody.
Rule 2: a value that no living body has, or whose unit is not known, is kept out and said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from records.intake.codes import LOINC, Codes, ReadingKind
from records.intake.fhir import Json, code_in, codings, moment, not_yet, number, part, parts, said, text
from records.intake.notes import Notes
from records.intake.people import KnownReading
from records.intake.units import MEASURES, UnknownUnit, to_ours

HOLDS_NOW = {"active", "recurrence", "relapse"}
VISIT_CLASSES = {"AMB", "HH", "VR", "WELLNESS", "AMBULATORY", "OUTPATIENT"}
DONE = {"finished", "completed", "final", "amended", "corrected"}


@dataclass
class Chart:
    """Collects one person's health. ``zone`` makes days local, ``on`` is today when it is known."""

    codes: Codes
    zone: ZoneInfo | None
    on: date | None
    notes: Notes
    conditions: set[str] = field(default_factory=set)
    readings: list[KnownReading] = field(default_factory=list)
    visits: set[date] = field(default_factory=set)
    services: dict[str, date] = field(default_factory=dict)

    def condition(self, resource: Json) -> None:
        """A Condition."""
        clinical, verified = code_in(resource.get("clinicalStatus")), code_in(resource.get("verificationStatus"))
        ended = any(key.startswith("abatement") for key in resource)
        if verified in ("refuted", "entered-in-error") or (clinical not in HOLDS_NOW and (clinical or ended)):
            return
        concept = part(resource, "code")
        found = self.codes.conditions(codings(concept), said(concept))
        name = said(concept) or "no name"
        if found is None:
            self.notes.count(
                "active conditions without a word here",
                name,
                "add the code to the condition table if a pathway needs it",
            )
        elif verified in ("unconfirmed", "provisional", "differential") and found:
            self.notes.add(f"{name} is {verified}, not a diagnosis", "confirm it at the hospital to have it counted")
        else:
            self.conditions |= found

    def observation(self, resource: Json, place: str) -> None:
        """An Observation and its components."""
        status = text(resource.get("status"))
        if status not in DONE:
            if status not in ("entered-in-error", "cancelled", "registered"):
                self.notes.count(
                    "observations that are not final",
                    said(part(resource, "code")) or "no name",
                    "send them again when they are final",
                )
            return
        at = self._when(resource, "effectiveDateTime", "effectiveInstant", "effectivePeriod", "issued")
        measured = [resource, *parts(resource, "component")]
        for one in measured:
            self._measured(one, at, place, is_panel=one is resource and len(measured) > 1)

    def _measured(self, one: Json, at: datetime | None, place: str, *, is_panel: bool) -> None:
        concept = part(one, "code")
        written = codings(concept)
        self._service(written, at)
        in_loinc = [coding.code for coding in written if coding.system in (LOINC, LOINC + "/", "urn:oid:2.16.840.1.113883.6.1")]
        known = next(((self.codes.loinc[code], code) for code in in_loinc if code in self.codes.loinc), None)
        if known is None:
            used = is_panel or self.codes.panels & set(in_loinc) or any(c.code in self.codes.service_codes for c in written)
            if not used:
                self.notes.count(
                    "observations of kinds not used here",
                    said(concept) or "no name",
                    "nothing to do unless a pathway needs them",
                )
            return
        kind, code = known
        quantity = part(one, "valueQuantity")
        value = number(quantity.get("value"))
        unit = text(quantity.get("code")) or text(quantity.get("unit"))
        if not quantity or value is None:
            if not is_panel:
                self.notes.count("observations without a value", said(concept), "send valueQuantity with value and unit")
        elif text(quantity.get("comparator")):
            self.notes.add(f"{kind.name} says only {text(quantity.get('comparator'))} {value:g}", "send the value itself", place)
        elif at is None:
            self.notes.count("observations without a day", said(concept), "send effectiveDateTime")
        else:
            self.reading(kind, value, unit, at, code, place, other_unit=text(quantity.get("unit")))

    def reading(
        self,
        kind: ReadingKind,
        value: float,
        unit: str,
        at: datetime,
        loinc: str | None,
        place: str,
        other_unit: str = "",
    ) -> None:
        """Take one reading in, in our unit; ``other_unit`` is a second way the sender wrote the unit."""
        try:
            try:
                ours = to_ours(kind.measure, value, unit)
            except UnknownUnit:
                if not other_unit:
                    raise
                ours = to_ours(kind.measure, value, other_unit)
        except UnknownUnit as refusal:
            self.notes.count(f"readings of {kind.name} with a unit we do not know", refusal.what, refusal.remedy)
            return
        lowest, highest = kind.plausible
        if not lowest <= ours <= highest:
            self.notes.add(
                f"{kind.name} {value:g} {unit} on {at.date()} is not believable",
                f"check it: {lowest:g} to {highest:g} {MEASURES[kind.measure].unit} are",
                place,
            )
            return
        if not_yet(at.date(), self.on):
            self.notes.add(f"{kind.name} is dated {at.date()}, which has not come yet", "correct the day", place)
            return
        self.readings.append(KnownReading(kind.name, ours, at, MEASURES[kind.measure].unit, unit, loinc, value))
        if service := self.codes.service_readings.get(kind.name):
            self.service(service, at.date())

    def encounter(self, resource: Json) -> None:
        """An Encounter: a visit when it was ambulatory and took place."""
        if text(resource.get("status")) not in DONE:
            return
        at = self._when(resource, "period", "actualPeriod")
        kind = text(part(resource, "class").get("code")) or code_in(next(iter(parts(resource, "class")), {}))
        if at is None:
            self.notes.count("visits without a day", kind or "no class", "send period.start")
            return
        for concept in parts(resource, "type"):
            self._service(codings(concept), at)
        if kind.upper() in VISIT_CLASSES and not not_yet(at.date(), self.on):
            self.visits.add(at.date())

    def procedure(self, resource: Json) -> None:
        """A Procedure: only those that show a service was done are used."""
        if text(resource.get("status")) != "completed":
            return
        concept = part(resource, "code")
        if not self._service(codings(concept), self._when(resource, "performedDateTime", "performedPeriod", "occurrenceDateTime")):
            self.notes.count(
                "procedures of kinds not used here",
                said(concept) or "no name",
                "nothing to do unless a pathway needs them",
            )

    def service(self, name: str, done: date) -> None:
        """A service was done that day; the last day of each is kept."""
        if not not_yet(done, self.on):
            self.services[name] = max(done, self.services.get(name, done))

    def _service(self, written: Iterable[object], at: datetime | None) -> bool:
        name = next(
            (self.codes.service_codes[code] for c in written if (code := getattr(c, "code", "")) in self.codes.service_codes),
            None,
        )
        if name is not None and at is not None:
            self.service(name, at.date())
        return name is not None

    def _when(self, resource: Json, *keys: str) -> datetime | None:
        for key in keys:
            period = part(resource, key)
            for value in (period.get("start"), period.get("end")) if period else (resource.get(key),):
                if at := moment(value, self.zone):
                    return at
        return None
