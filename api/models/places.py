"""Places, care teams, stock, closures and holidays, as the API gives and takes them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from api.models.base import Model, Moment, example, page_of

PlaceId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Label = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Kind = Literal["network", "centre", "station", "hospital", "pharmacy"]
Address = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Phone = Annotated[str, Field(max_length=40, pattern=r"^[0-9 +()/-]*$")]
CalendarName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,60}$")]
Rank = Annotated[int, Field(ge=0, le=1_000_000)]
Next = Annotated[str | None, Field(description="give it as `after` for the next page")]

CENTRE = {
    "name": "Xianshuigu Centre",
    "parent": "network",
    "rank": 0,
    "phone": "022-2855 0100",
    "address": "1 Station Road",
    "calendar": "CN",
}
TEAM = {
    "organisation": "centre-1",
    "name": "Team 1",
    "capacity": 20,
    "timezone": "Asia/Shanghai",
    "on_call_phone": "+8613800000001",
    "emergency_number": "120",
}
CLOSED = {"first": "2025-10-01", "last": "2025-10-08", "reason": "rebuilding"}
LACKED = {"medicine": "amlodipine", "available": False, "until": "2025-03-10"}


class PlaceChange(Model, json_schema_extra=example(**CENTRE)):
    """Everything of a place but its id and kind, which stay. ``rank``: its turn when places are asked; ``calendar``: whose holidays
    it keeps, empty for its parent's; ``address``: as a patient is told it who is to go there."""

    name: Label
    parent: PlaceId | None = None
    rank: Rank = 0
    phone: Phone = ""
    address: Address = ""
    calendar: CalendarName = ""


class PlaceIn(PlaceChange, json_schema_extra=example(kind="centre", **CENTRE)):
    """A new place. ``id`` is made of the name unless given. A network has no parent; a station hangs beneath a centre, the rest
    beneath a network."""

    id: PlaceId | None = None
    kind: Kind


class PlaceOut(Model, json_schema_extra=example(id="centre-1", kind="centre", network="network", version=1, **CENTRE)):
    """A place in the tree. ``version`` is in the ETag."""

    id: str
    kind: str
    name: str
    parent: str | None
    network: str
    rank: int
    phone: str
    address: str
    calendar: str
    version: int


class PlacePage(Model, json_schema_extra=page_of(PlaceOut)):
    """Places by id."""

    items: list[PlaceOut]
    next: Next


class TeamChange(Model, json_schema_extra=example(**TEAM)):
    """Everything of a care team but its id. ``capacity``: visits a day; phones as E.164, or as the zone writes them."""

    organisation: PlaceId
    name: Label
    capacity: Annotated[int, Field(ge=1, le=1000)] = 20
    timezone: Annotated[str, Field(min_length=1, max_length=60)]
    on_call_phone: Annotated[str, Field(max_length=40)] = ""
    emergency_number: Annotated[str, Field(pattern=r"^[0-9]{2,20}$")] = "120"


class TeamIn(TeamChange, json_schema_extra=example(**TEAM)):
    """A new care team. ``id`` is made of the name unless given."""

    id: PlaceId | None = None


class TeamOut(Model, json_schema_extra=example(id="team-1", version=1, **TEAM)):
    """A care team. ``version`` is in the ETag."""

    id: str
    organisation: str
    name: str
    capacity: int
    timezone: str
    on_call_phone: str
    emergency_number: str
    version: int


class TeamPage(Model, json_schema_extra=page_of(TeamOut)):
    """Care teams by id."""

    items: list[TeamOut]
    next: Next


class StockSaid(Model, json_schema_extra=example(**LACKED)):
    """A medicine that the pharmacy has or lacks. ``until``: its first day with the medicine again, where it knows."""

    medicine: Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
    available: bool
    until: date | None = None

    @model_validator(mode="after")
    def _until_it_is_there(self) -> StockSaid:
        if self.available and self.until is not None:
            raise ValueError("`until` is said of a medicine that is lacking; leave it out of one that is there")
        return self


class StockIn(Model, json_schema_extra=example(pharmacy="pharmacy-1", items=[LACKED])):
    """What a pharmacy has and lacks; what is not named stays as it was. ``pharmacy`` may be left out by a pharmacy's own key."""

    pharmacy: PlaceId | None = None
    items: Annotated[list[StockSaid], Field(min_length=1, max_length=500)]


class StockOut(Model, json_schema_extra=example(pharmacy="pharmacy-1", changed="2025-03-03T01:00:00Z", version=1, **LACKED)):
    """What a pharmacy said of a medicine, and when."""

    pharmacy: str
    medicine: str
    available: bool
    until: date | None
    changed: Moment
    version: int


class StockPage(Model, json_schema_extra=page_of(StockOut)):
    """By pharmacy and medicine."""

    items: list[StockOut]
    next: Next


class ClosureChange(Model, json_schema_extra=example(**CLOSED)):
    """Days on which a place is closed, both inclusive."""

    first: date
    last: date
    reason: Annotated[str, Field(max_length=200)] = ""

    @model_validator(mode="after")
    def _in_order(self) -> ClosureChange:
        if self.last < self.first:
            raise ValueError("`last` lies before `first`; both days are closed, so one day is written twice")
        return self


class ClosureIn(ClosureChange, json_schema_extra=example(place="hospital-1", **CLOSED)):
    """A closure of a place, and of everything beneath it."""

    place: PlaceId


class ClosureOut(Model, json_schema_extra=example(id="4f1c0a", place="hospital-1", version=1, **CLOSED)):
    """A closure. ``version`` is in the ETag."""

    id: str
    place: str
    first: date
    last: date
    reason: str
    version: int


class ClosurePage(Model, json_schema_extra=page_of(ClosureOut)):
    """Closures by id."""

    items: list[ClosureOut]
    next: Next


class HolidayIn(Model, json_schema_extra=example(working=False, name="National Day")):
    """What a day is: a holiday, or (``working``) a weekend that is worked."""

    working: bool = False
    name: Annotated[str, Field(max_length=100)] = ""


class HolidayOut(Model, json_schema_extra=example(day="2025-10-01", working=False, name="National Day")):
    """A day that is not what its weekday says."""

    day: date
    working: bool
    name: str


class HolidaysOut(Model, json_schema_extra=page_of(HolidayOut, calendar="CN", year=2025)):
    """One year of a calendar, in order."""

    calendar: str
    year: int
    items: list[HolidayOut]


class ImportIn(Model, json_schema_extra=example(country="CN", years=[2025, 2026], overwrite=False)):
    """Take over a country's public holidays. Days that somebody put there stay, unless ``overwrite``."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2,10}$")]
    part: Annotated[str, Field(max_length=40)] | None = None
    years: Annotated[list[Annotated[int, Field(ge=1970, le=2100)]], Field(min_length=1, max_length=10)]
    overwrite: bool = False


class ImportOut(Model, json_schema_extra=example(added=28, kept=1, replaced=0)):
    """How many days came in, how many were there and stay, how many were written over."""

    added: int
    kept: int
    replaced: int
