"""People for the tests, in the words of an intake. They are invented."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from records.intake.people import Identifier, Intake, KnownMedicine, KnownReading, PersonName, Phone

CHINA = timezone(timedelta(hours=8))

#: A visit at which nothing was found; readings are added.
NOTHING_FOUND: Mapping[str, Any] = {
    "symptoms": (),
    "pregnant_or_lactating": False,
    "other_disease_cannot_handle": False,
    "adr": False,
    "adr_hard_to_control": False,
    "new_complication": False,
    "worse_complication": False,
}


def pressure(sbp: float, dbp: float, **found: Any) -> dict[str, Any]:
    """The readings of a whole visit."""
    return {**NOTHING_FOUND, "sbp": float(sbp), "dbp": float(dbp), **found}


def somebody(
    n: int = 1,
    *,
    name: PersonName | None = None,
    phone: str | None = None,
    carer: str | None = None,
    born: date = date(1960, 5, 5),
    tag: str | None = None,
    last_visit: date | None = date(2025, 2, 20),
    last_pressure: tuple[float, float] | None = (150.0, 95.0),
    supply: tuple[str, date, int] | None = None,
    language: str = "en",
    timezone: str = "Asia/Shanghai",
    team: str | None = None,
    identifier: str | None = None,
) -> Intake:
    """Person ``n`` with hypertension."""
    readings: tuple[KnownReading, ...] = ()
    if last_visit is not None and last_pressure is not None:
        at = datetime.combine(last_visit, time(10), tzinfo=CHINA)
        readings = tuple(
            KnownReading(name, value, at, "mm[Hg]", "mmHg") for name, value in zip(("sbp", "dbp"), last_pressure, strict=True)
        )
    phones = [Phone(phone or f"+8613900000{n:03d}", "", "self")]
    if carer is not None:
        phones.append(Phone(carer, "", "carer", "Li"))
    medicines = (KnownMedicine(supply[0], None, "", None, supply[2], supply[1]),) if supply else ()
    return Intake(
        "people.json",
        f"entry {n}",
        (Identifier("mrn", identifier or f"{n}"),),
        name or PersonName("Test", f"Person{n}", f"Person{n} Test"),
        "female",
        born,
        phones=tuple(phones),
        language=language,
        timezone=timezone,
        conditions=frozenset({"hypertension"}),
        readings=readings,
        visits=(last_visit,) if last_visit else (),
        medicines=medicines,
        care_team=team,
        tag=tag,
    )
