"""Numbers of a patient and their carer, as the API gives and takes them."""

from __future__ import annotations

from typing import Literal

from api.models.base import Happened, Model, Moment, example

MARK = {"channel": "whatsapp", "reason": "landline", "at": "2025-03-03T01:00:00Z"}
USED = {"who": "patient", "number": "+8613800001111", "marks": [MARK]}
WAITING = {
    "who": "carer",
    "number": "+8613800002222",
    "given": "2025-03-03T01:00:00Z",
    "by": "key-1",
    "wrong_answers": 1,
    "answered_by": "2025-03-10T01:00:00Z",
    "still_asked": True,
}


class Mark(Model, json_schema_extra=example(**MARK)):
    """Why a channel does not reach this number; it is not tried there."""

    channel: str
    reason: str
    at: Moment


class NumberUsed(Model, json_schema_extra=example(**USED)):
    """A number that texts go to."""

    who: Literal["patient", "carer"]
    number: str
    marks: list[Mark]


class NumberWaiting(Model, json_schema_extra=example(**WAITING)):
    """A number that was given and is not confirmed. ``by``: the key or account that gave it.

    ``still_asked``: an answer from it counts until ``answered_by``; else somebody of the team calls it.
    """

    who: Literal["patient", "carer"]
    number: str
    given: Moment
    by: str
    wrong_answers: int
    answered_by: Moment
    still_asked: bool


class NumbersOut(Model, json_schema_extra=example(used=[USED], waiting=[WAITING])):
    """The numbers that texts go to, and those that wait to be confirmed."""

    used: list[NumberUsed]
    waiting: list[NumberWaiting]


class NumberIn(Happened, json_schema_extra=example(who="patient")):
    """Whose number that waits is meant."""

    who: Literal["patient", "carer"] = "patient"
