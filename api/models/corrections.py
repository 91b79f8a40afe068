"""What was told of a patient, and putting it right."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from api.models.base import Model, Moment, ReadingsIn, Written, example
from api.models.story import TagMoveOut

#: Why a record was wrong; a code, since a sentence may name somebody.
Why = Literal["slip_of_the_pen", "wrong_unit", "wrong_patient", "measured_again", "reported_twice", "other"]

_EVENT = {
    "id": "visit/5f2c9a",
    "kind": "visit_completed",
    "at": "2025-03-17T02:00:00Z",
    "learnt": "2025-03-17T02:05:00Z",
    "step": 4,
    "readings": {"sbp": 190, "dbp": 78},
    "details": {"done": []},
    "corrected_by": [],
    "void": False,
}
_MOVED_DUE = {"pathway": "hypertension", "service": "follow_up", "before": "2025-03-31", "after": "2025-06-15"}
_CANNOT = {"what": "referral_has_gone_out", "text": "Cannot be undone: (the referral has gone out)", "key": "referral#1"}


class EventOut(Model, json_schema_extra=example(**_EVENT)):
    """Something that was told of a patient, as it was told.

    ``at``: when it happened; ``learnt``: when it was told; ``step``: the step that acted on it. ``readings`` and ``details`` are
    what was told; ``corrected_by``: the ids of what put it right since; ``void``: it was said never to have happened.
    """

    id: str
    kind: str
    at: Moment
    learnt: Moment
    step: int | None
    readings: dict[str, Any]
    details: dict[str, Any]
    corrected_by: list[str]
    void: bool


class EventPage(Model, json_schema_extra=example(items=[_EVENT], next="WyIxMiJd")):
    """Newest first. ``next``: give it as ``after`` for the older ones."""

    items: list[EventOut]
    next: str | None


class CorrectionIn(Model, json_schema_extra=example(readings={"sbp": 130}, why="slip_of_the_pen")):
    """What is right: the values of those readings that were wrong, or that it never happened (``void``)."""

    readings: ReadingsIn = Field(default_factory=dict)
    void: bool = False
    why: Why = "other"

    @model_validator(mode="after")
    def _one_of_both(self) -> CorrectionIn:
        if bool(self.readings) == self.void:
            raise ValueError("give the right readings, or void, and not both")
        return self


class DueMovedOut(Model, json_schema_extra=example(**_MOVED_DUE)):
    """A service that is due on another day than before; "" as ``before``: it was not on the plan."""

    pathway: str
    service: str
    before: str
    after: str


class CannotUndoOut(Model, json_schema_extra=example(**_CANNOT)):
    """Something that was done and stays: ``what`` is a code, ``key`` names it where it has a key."""

    what: str
    text: str
    key: str


class CorrectionOut(
    Written,
    json_schema_extra=example(
        event_id="corrected/7d31aa",
        acted_on=True,
        patient={"id": "9f0c1d2e", "tag": "green", "life": "active", "reach": "reachable", "next_due": "2025-06-12T01:00:00Z"},
        tags=[{"pathway": "hypertension", "before": "red", "after": "green"}],
        dues=[_MOVED_DUE],
        cannot_undo=[_CANNOT],
        said=["Put right: sbp"],
    ),
):
    """What changed: tags, due days, and what can no longer be undone; ``said``: the lines of the timeline, one by one.

    All empty while ``acted_on`` is False: the timeline tells it later.
    """

    tags: list[TagMoveOut]
    dues: list[DueMovedOut]
    cannot_undo: list[CannotUndoOut]
    said: list[str]
