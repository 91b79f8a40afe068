"""What medicines somebody takes now and until when they last, from FHIR requests, statements and dispenses.

Rule: only medicines that are active are told; a dispense adds its day and its days of supply to the medicine it is of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from zoneinfo import ZoneInfo

from records.intake.codes import Codes
from records.intake.fhir import Json, codings, moment, not_yet, number, part, parts, said, text
from records.intake.notes import Notes
from records.intake.people import KnownMedicine

LONGEST_SUPPLY_DAYS = 400
DAYS_IN = {
    "d": 1,
    "day": 1,
    "days": 1,
    "天": 1,
    "日": 1,
    "wk": 7,
    "week": 7,
    "weeks": 7,
    "周": 7,
    "mo": 30,
    "month": 30,
    "months": 30,
    "月": 30,
}


@dataclass
class Prescriptions:
    """Collects one person's medicines. ``find`` gives the resource a reference names, or an empty object."""

    codes: Codes
    zone: ZoneInfo | None
    on: date | None
    notes: Notes
    find: Callable[[Json], Json]
    _active: dict[str, KnownMedicine] = field(default_factory=dict)
    _fills: list[tuple[str, date, int | None]] = field(default_factory=list)

    def request(self, resource: Json) -> None:
        """A MedicationRequest."""
        if (
            text(resource.get("status")) != "active"
            or text(resource.get("intent")) in ("proposal", "option")
            or resource.get("doNotPerform") is True
        ):
            return
        supply = days_of(part(part(resource, "dispenseRequest"), "expectedSupplyDuration"))
        self._take(resource, self._day(resource.get("authoredOn")), supply)

    def statement(self, resource: Json) -> None:
        """A MedicationStatement."""
        if text(resource.get("status")) == "active":
            since = self._day(part(resource, "effectivePeriod").get("start")) or self._day(resource.get("effectiveDateTime"))
            self._take(resource, since, None)

    def dispense(self, resource: Json) -> None:
        """A MedicationDispense: whose medicine it was, when it was handed over, for how many days."""
        if text(resource.get("status")) != "completed":
            return
        handed = self._day(resource.get("whenHandedOver")) or self._day(resource.get("whenPrepared"))
        name, _, said_as = self._named(resource)
        if not name:
            for reference in parts(resource, "authorizingPrescription"):
                name, _, said_as = self._named(self.find(reference))
        if handed is None or not name:
            self.notes.count("dispenses without a day or a medicine", said_as or "no name", "send whenHandedOver and the medicine")
        elif not not_yet(handed, self.on):
            self._fills.append((name, handed, days_of(part(resource, "daysSupply"))))

    def take(self, medicine: KnownMedicine) -> None:
        """Take a medicine in; of two with one name the later prescribed stays."""
        known = self._active.get(medicine.name)
        if known is None or (medicine.since or date.min) >= (known.since or date.min):
            self._active[medicine.name] = medicine

    def done(self) -> tuple[KnownMedicine, ...]:
        """The active medicines with their last fills, by name."""
        found = []
        for name, medicine in sorted(self._active.items()):
            fills = [(on, days) for of, on, days in self._fills if of == name]
            if fills:
                last, days = max(fills, key=lambda fill: (fill[0], fill[1] or 0))
                medicine = replace(medicine, last_fill=last, days_supply=days or medicine.days_supply)
            found.append(medicine)
        orphans = sorted({name for name, _, _ in self._fills} - set(self._active))
        for name in orphans:
            self.notes.count("medicines dispensed that nobody has them on now", name, "send the active MedicationRequest too")
        return tuple(found)

    def _take(self, resource: Json, since: date | None, supply: int | None) -> None:
        name, code, written = self._named(resource)
        if not name:
            self.notes.count("active medicines without a name", "no name", "send medicationCodeableConcept with a text")
            return
        if self.codes.medicine((), name) is None:
            self.notes.count(
                "active medicines not in our list, kept as written",
                written,
                "add the ingredient to the medicine table if it is refilled here",
            )
        self.take(KnownMedicine(name, code, written, since, supply, None))

    def _named(self, resource: Json) -> tuple[str, str | None, str]:
        concept = part(resource, "medicationCodeableConcept")
        if not concept:
            reference = part(resource, "medicationReference")
            concept = part(self.find(reference), "code") if reference else {}
            if not concept and (shown := text(reference.get("display"))):
                concept = {"text": shown}
        written, known = said(concept), codings(concept)
        generic = self.codes.medicine(known, written)
        return generic or written.casefold(), next((c.code for c in known if c.code), None), written

    def _day(self, value: object) -> date | None:
        at = moment(value, self.zone)
        return at.date() if at else None


def days_of(quantity: Json) -> int | None:
    """A duration in whole days, 1 to 400; None when it is none. A month counts 30 days."""
    value = number(quantity.get("value"))
    unit = (text(quantity.get("code")) or text(quantity.get("unit")) or "d").casefold()
    if value is None or unit not in DAYS_IN or not 1 <= value * DAYS_IN[unit] <= LONGEST_SUPPLY_DAYS:
        return None
    return int(value * DAYS_IN[unit])
