"""What a patient has, and the pathways that they are on for it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.models.base import Happened, Model, Moved, Name, Words, example
from api.models.patients import DueOut, MatchOut

_MATCHES = [
    {"pathway": "hypertension", "matched": True, "why": "age 66, hypertension in conditions"},
    {"pathway": "type2_diabetes", "matched": True, "why": "age 66, type2_diabetes in conditions"},
]


class ConditionsIn(Happened, json_schema_extra=example(conditions=["hypertension", "type2_diabetes"])):
    """All that the patient has, in words of ours, other common words or ICD-10 codes: the whole list, in place of the one before.

    ``pathways``: those that they are on from now, and no others. Left out: those that they are on, and those whose ``enrol_when``
    now holds.
    """

    conditions: Words
    pathways: Annotated[list[Name], Field(max_length=50)] | None = None


class ConditionsOut(
    Model,
    json_schema_extra=example(
        event_id="conditions/5f2c9a",
        acted_on=True,
        conditions=["hypertension", "type2_diabetes"],
        pathways=["hypertension", "type2_diabetes"],
        matches=_MATCHES,
        tag="yellow",
        due=[
            {"service": "hypertension.follow_up", "day": "2025-03-17"},
            {"service": "type2_diabetes.follow_up", "day": "2025-03-17"},
        ],
        notes=[],
        patient={"id": "9f0c1d2e", "tag": "yellow", "life": "active", "reach": "reachable", "next_due": "2025-03-14T01:00:00Z"},
    ),
):
    """What it came to. ``matches``: every current pathway, and what its condition read; ``due``: everything that is due from now.

    ``event_id`` is empty where nothing was told that was not known. ``notes``: what a person should look at, such as a pathway that
    goes on although its condition holds no more.
    """

    event_id: str
    acted_on: bool
    conditions: list[str]
    pathways: list[str]
    matches: list[MatchOut]
    tag: str | None
    due: list[DueOut]
    notes: list[str]
    patient: Moved
