"""Why, and why not: one answer about one patient."""

from __future__ import annotations

from datetime import date

from api.models.base import Model, example
from api.models.story import _AHEAD, _LINE, AheadOut, TimelineLine

_STANDS = _LINE | {
    "code": "why_not_due",
    "text": "Follow-up: nothing to be done before 2025-06-13 (it is not due yet)",
    "held_back": "not_due",
    "row": "",
    "decision": "",
    "inputs": {},
    "because": "",
    "cites": "",
    "step": 0,
}


class WhyOut(
    Model,
    json_schema_extra=example(
        patient_id="p-1",
        service="follow_up",
        day=None,
        message="",
        referral="",
        pathway="",
        held_back=["not_due"],
        stands=[_LINE, _STANDS],
        happened=[_LINE],
        ahead=[_AHEAD],
        assuming="What lies ahead if all goes to plan: ...",
    ),
):
    """What was asked, and the answer.

    ``stands``: how it stands this moment, never empty; a line with a ``row`` names the version, the inputs and the citation.
    ``held_back``: the codes of what holds it back now. ``happened``: lines of the timeline about it, newest first, at most 40;
    ``ahead``: what comes of it, at most 5, with what was assumed to see it.
    """

    patient_id: str
    service: str
    day: date | None
    message: str
    referral: str
    pathway: str
    held_back: list[str]
    stands: list[TimelineLine]
    happened: list[TimelineLine]
    ahead: list[AheadOut]
    assuming: str
