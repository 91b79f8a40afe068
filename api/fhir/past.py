"""A request as it was: its versions, from what its place was told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from api.fhir.kinds import Door
from records.feed import Feed, as_it_was
from records.patients import Patients
from records.tables import PlaceChange, ReferralRow, RefillRow
from records.vault import PersonVault

Request = ReferralRow | RefillRow


async def past(door: Door, row: Request) -> Sequence[Request]:
    """The request and what it was before, newest first; rows that no session knows, besides ``row`` itself.

    Of a person who was forgotten, and of requests older than the feed, only the present version is there.
    """
    try:
        person = await Patients(door.session, door.parts.vault).vault_of(row.patient_id)
    except LookupError:
        return [row]
    told = await Feed(door.session).of(row.id)
    return [row, *(_as_row(person, row, change) for change in told if change.version != row.version)]


def _as_row(person: PersonVault, row: Request, change: PlaceChange) -> Request:
    kept = as_it_was(person, change)
    stage, body = kept["stage"], kept["body"]
    common = {column.key: getattr(row, column.key) for column in type(row).__mapper__.column_attrs} | {
        "stage": stage,
        "asked": datetime.fromisoformat(kept["asked"]),
        "changed": datetime.fromisoformat(kept["changed"]),
        "version": change.version,
    }
    if isinstance(row, RefillRow):
        sealed = person.seal(f"refill/{row.key}", body)
        runs_out = date.fromisoformat(kept["runs_out"])
        return RefillRow(**common | {"pharmacy_id": change.place_id, "runs_out": runs_out, "sealed": sealed})
    then = {
        "place_id": change.place_id,
        "urgency": kept["urgency"],
        "day": date.fromisoformat(kept["day"]) if kept["day"] else None,
        "goes_on": body.get("goes_on", "") if stage == "more_asked" else "",
        "sealed": person.seal(f"referral/{row.key}", body),
    }
    return ReferralRow(**common | then)
