"""The services that there are, and what each wants sent along."""

from __future__ import annotations

from api.models.cds import HookService
from records.intake.codes import LOINC, shipped_codes

#: Readings that the tables of the medication checks ask for, and whether somebody is pregnant.
READINGS = ("egfr", "potassium", "heart_rate")
PREGNANT = "82810-3"

_PATIENT = "Patient/{{context.patientId}}"
_FOUND = (
    "The patient is found by an identifier that they were enrolled with in Cairn (send `patient`), or by Cairn's own id. Calls are"
    " signed (CDS Hooks client JWT) or carry an API key; docs/cds-hooks.md says how to be registered."
)
_CHECKED = (
    "MedicationRequest only. Medicines by ATC, RxNorm ingredient or name. Whoever is not known in Cairn is checked with what is "
    "sent along. " + _FOUND
)
_LOOKED_AT = "Interactions, kidney function, potassium, pregnancy, duplicate classes, what the payer covers"


def _of_orders() -> dict[str, str]:
    codes = sorted(code for code, kind in shipped_codes().loinc.items() if kind.name in READINGS)
    listed = ",".join(f"{LOINC}|{code}" for code in (*codes, PREGNANT))
    about = "patient={{context.patientId}}"
    return {
        "patient": _PATIENT,
        "medications": f"MedicationRequest?{about}&status=active&_count=100",
        "conditions": f"Condition?{about}&clinical-status=active&_count=100",
        "observations": f"Observation?{about}&code={listed}&_sort=-date&_count=50",
    }


SERVICES: tuple[HookService, ...] = (
    HookService(
        hook="patient-view",
        id="cairn-patient-view",
        title="Cairn: how the patient stands",
        description="Risk tag, what is overdue, the next screening, and why.",
        prefetch={"patient": _PATIENT},
        usage_requirements=_FOUND,
    ),
    HookService(
        hook="order-select",
        id="cairn-order-select",
        title="Cairn: medication checks while writing",
        description=f"{_LOOKED_AT}: the selected orders.",
        prefetch=_of_orders(),
        usage_requirements=_CHECKED,
    ),
    HookService(
        hook="order-sign",
        id="cairn-order-sign",
        title="Cairn: medication checks before signing",
        description=f"{_LOOKED_AT}: every order.",
        prefetch=_of_orders(),
        usage_requirements=_CHECKED,
    ),
)


def by_id(service: str) -> HookService | None:
    """The service of that id."""
    return next((one for one in SERVICES if one.id == service), None)
