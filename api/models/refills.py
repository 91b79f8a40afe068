"""Refill requests, as pharmacies and care teams give and take them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from api.models.base import Happened, Model, Moment, example
from api.models.requests import Words

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
PickupCode = Annotated[str, Field(pattern=r"^[0-9]{3} ?[0-9]{3}$", description="six digits")]
WithoutCode = Literal["collected_by_carer", "no_phone", "text_not_received", "known_in_person", "record_system"]

_WARNING = {
    "row": "MED-N2",
    "finding": "warn",
    "because": "an anti-inflammatory medicine in kidney disease stage G3: short, with monitoring",
    "cites": "KDIGO CKD guideline",
}
_HANDED = {"at": "2025-03-18T02:00:00Z", "days": 10, "part": True, "how": "code", "received_by": "patient", "evidence": None}
_REFILL = {
    "id": "77c0d2",
    "patient": {"id": "9f0c1d2e", "name": "Zhang Wei", "phone": "+8613800000009"},
    "medicine": "ibuprofen",
    "instead_of": None,
    "proposed": None,
    "proposal": None,
    "days": 30,
    "check": "warn",
    "warnings": [_WARNING],
    "word": None,
    "stage": "part",
    "asked": "2025-03-16T01:00:00Z",
    "changed": "2025-03-18T02:00:00Z",
    "runs_out": "2025-03-22",
    "pharmacy": "pharmacy-1",
    "reason": None,
    "handed": [_HANDED],
    "moves": ["ready", "part", "dispensed", "substitute_proposed", "out_of_stock"],
}


class SuppliedPerson(Model, json_schema_extra=example(**_REFILL["patient"])):
    """Whom the medicine is for. ``name`` is None for a person who was forgotten."""

    id: str
    name: str | None
    phone: str | None


class WarningOut(Model, json_schema_extra=example(**_WARNING)):
    """What the checks of medicines found: the row, its decision, why, and the source."""

    row: str
    finding: str
    because: str
    cites: str


class HandedOut(Model, json_schema_extra=example(**_HANDED)):
    """Medicine handed out for ``days``. ``how``: ``code``, the reason why there was none, ``delivered``, or empty where no code was
    sent; ``evidence``: of a delivery.
    """

    at: Moment
    days: int
    part: bool
    how: str
    received_by: str | None
    evidence: str | None


class RefillOut(Model, json_schema_extra=example(**_REFILL)):
    """A refill request. ``days``: for how many it is asked for, None: not known; ``runs_out``: the first day without medicine.

    ``check``: ``go``; ``warn``: it may be handed out, see ``warnings``; ``ask_pharmacist``: not before the pharmacist's ``word``.
    ``proposed``: the substitute on which a doctor decides, ``proposal``: the pharmacy's word with it;
    ``instead_of``: the medicine in whose place this one is asked for.
    ``moves``: the stages that it could become from here.
    """

    id: str
    patient: SuppliedPerson
    medicine: str
    instead_of: str | None
    proposed: str | None
    proposal: str | None
    days: int | None
    check: Literal["go", "warn", "ask_pharmacist"]
    warnings: list[WarningOut]
    word: str | None
    stage: str
    asked: Moment
    changed: Moment
    runs_out: date
    pharmacy: str
    reason: str | None
    handed: list[HandedOut]
    moves: list[str]


class RefillPage(Model, json_schema_extra=example(items=[_REFILL], next="WyIyMDI1LTAzLTE2VDAxOjAwOjAwKzAwOjAwIiwgIjc3YzBkMiJd")):
    """In the order in which they were asked for. ``next``: give it as ``after`` for the next page."""

    items: list[RefillOut]
    next: str | None


class Delivery(Model, json_schema_extra=example(received_by="household", evidence="signed for on the driver's list, no. 118")):
    """Brought to the patient's home. ``evidence``: what shows that it arrived."""

    received_by: Literal["patient", "carer", "household"]
    evidence: Words


class RefillDispensed(Happened, json_schema_extra=example(days=30, part=False, code="481 206")):
    """Handed out for ``days`` days of use; ``on`` is today unless given. ``part``: the rest of what was asked for is to come.

    Once it was made ready, the patient was texted a code: ``code`` is that code, or ``without_code`` says why there is none, or
    ``delivered`` how it came to their home. ``word``: the pharmacist's, where the checks ask for one.
    """

    days: Annotated[int, Field(ge=1, le=400)]
    on: date | None = None
    part: bool = False
    code: PickupCode | None = None
    without_code: WithoutCode | None = None
    delivered: Delivery | None = None
    word: Words | None = None


class PharmacistsWord(Happened, json_schema_extra=example(word="Asked the doctor: 20 mg a day, as before.")):
    """What the pharmacist says to what the checks found."""

    word: Words


class OutOfStock(Happened, json_schema_extra=example(until="2025-04-01")):
    """The pharmacy lacks the medicine. ``until``: its first day with the medicine again, where it knows."""

    until: date | None = None


class PharmacyRefusal(Happened, json_schema_extra=example(reason="the prescription has ended")):
    """Why the pharmacy does not hand the medicine out."""

    reason: Words


class SubstituteProposed(Happened, json_schema_extra=example(medicine="felodipine", word="5 mg, once a day; we have it here")):
    """Another medicine in place of one that the pharmacy lacks: the same substance, or one that is listed for it."""

    medicine: Name
    word: Words | None = None


class SubstituteRefused(Happened, json_schema_extra=example(reason="did not tolerate it last year")):
    """Why it is not to be handed out."""

    reason: Words
