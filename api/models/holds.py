"""Holds, as the API gives and takes them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from api.models.base import Model, example, page_of
from api.models.places import Next, PlaceId
from records.holds import LONGEST_SPREAD

LONGEST = timedelta(days=366)
Action = Literal["hold", "reword", "redirect"]
Spread = Annotated[int, Field(ge=0, le=LONGEST_SPREAD)]
Reason = Annotated[str, Field(max_length=200)]
MedicineName = Annotated[str, Field(max_length=100)]
DELAYED = {
    "first": "2025-03-10",
    "last": "2025-03-16",
    "action": "reword",
    "redirect_to": None,
    "spread_days": 3,
    "reason": "the delivery is late",
}


class HoldIn(Model, json_schema_extra=example(place="network", medicine="amlodipine", **DELAYED)):
    """From ``first`` to ``last`` nobody is sent by text to the place and what is beneath it; with ``medicine``: for that medicine.

    ``hold``: such texts wait. ``reword``: they wait, and each patient is told once that it is so. ``redirect``: they name
    ``redirect_to`` instead, a place of the same kind. What waited goes afterwards: of patients with the worst tag on the first
    day, of the others over the ``spread_days`` after it.
    """

    place: PlaceId
    medicine: MedicineName = ""
    first: date
    last: date
    action: Action = "hold"
    redirect_to: PlaceId | None = None
    spread_days: Spread = 3
    reason: Reason = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        in_order(self.first, self.last)
        goes_elsewhere(self.action, self.redirect_to)
        return self


class HoldChange(Model, json_schema_extra=example(last="2025-03-20")):
    """What is to be otherwise; what is left out stays. Another place or medicine is another hold."""

    first: date | None = None
    last: date | None = None
    action: Action | None = None
    redirect_to: PlaceId | None = None
    spread_days: Spread | None = None
    reason: Reason | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        emptied = [name for name in self.model_fields_set if name != "redirect_to" and getattr(self, name) is None]
        if emptied:
            raise ValueError(f"`{emptied[0]}` cannot be empty; leave it out to keep it")
        return self


class HoldOut(Model, json_schema_extra=example(id="4f1c0a", place="network", medicine="amlodipine", version=1, **DELAYED)):
    """A hold. ``version`` is in the ETag."""

    id: str
    place: str
    medicine: str
    first: date
    last: date
    action: str
    redirect_to: str | None
    spread_days: int
    reason: str
    version: int


class HoldPage(Model, json_schema_extra=page_of(HoldOut)):
    """Holds by id."""

    items: list[HoldOut]
    next: Next


class HoldPreview(Model, json_schema_extra=example(patients=1250, visits=84, refills=31, texts=12)):
    """Whom a hold would touch: ``patients`` in care at the place; of them, ``visits`` booked on its days, open ``refills``
    (of every medicine) and ``texts`` that are planned and not handed over yet.
    """

    patients: int
    visits: int
    refills: int
    texts: int


def in_order(first: date, last: date) -> None:
    """Raises ValueError where the days are no hold."""
    if last < first:
        raise ValueError("`last` lies before `first`; both days are held, so one day is written twice")
    if last - first > LONGEST:
        raise ValueError("a hold lasts a year at most; make it anew when it ends")


def goes_elsewhere(action: str, redirect_to: str | None) -> None:
    """Raises ValueError where a place is named and not needed, or needed and not named."""
    if (action == "redirect") != (redirect_to is not None):
        raise ValueError("`redirect_to` names another place where `action` is redirect, and only there")
