"""Time limits of referrals, as the API gives and takes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.models.base import Model, Moment, example

Length = Annotated[str, Field(max_length=20, description='hours or days, such as "4 hours" or "3 days"')]
Urgency = Literal["emergency", "urgent", "routine"]
LimitedStage = Literal[
    "requested", "received", "more_asked", "accepted", "booked", "attended", "in_progress", "abort_asked", "sent_back"
]
_CELL = {"within": "4 hours", "remind": "1 hour"}
_WRITTEN = {"emergency": {"requested": {"within": "2 hours", "remind": "1 hour"}}}


class Limit(Model, json_schema_extra=example(**_CELL)):
    """Silence is accepted for ``within``; ``remind``: so long after it began the place is reminded. None: it is not."""

    within: Length
    remind: Length | None = None


Table = dict[Urgency, dict[LimitedStage, Limit]]


class ReferralLimitsIn(Model, json_schema_extra=example(limits=_WRITTEN)):
    """How long a network's referrals may stand at a stage without a word, by urgency. What is left out is as shipped.

    A time runs from when the stage was entered, whatever is asked or added there. At the limit of ``requested`` and ``received``
    the next place in the network's order is asked, and the patient told; at any other a person of the care team is. ``booked``
    counts from the morning of the booked day; ``more_asked`` is the care team's own time to reply, and ``sent_back`` to see to a
    patient who is back; ``abort_asked`` the place's, to confirm that it has stopped.
    """

    limits: Table


class ReferralLimitsOut(
    Model,
    json_schema_extra=example(
        network="network", version=1, changed="2025-03-03T01:00:00Z", limits={"emergency": {"requested": _CELL}}, written=_WRITTEN
    ),
):
    """The limits that hold. ``written``: those of them that the network wrote down, as it would send them again.

    ``version`` is in the ETag; 0 and no ``changed``: as shipped, for nobody wrote any down.
    """

    network: str
    version: int
    changed: Moment | None = None
    limits: Table
    written: Table
