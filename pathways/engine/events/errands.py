"""What became of what was asked of other places: referrals, refills, medicine handed out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from pathways.engine.events.base import Event, Fill

ReferralStage = Literal[
    "received",
    "accepted",
    "refused",
    "booked",
    "attended",
    "not_attended",
    "completed",
    "nowhere",
    "more_asked",
    "more_given",
    "sent_back",
    "in_progress",
    "placed",
    "cancelled",
    "abort_asked",
    "aborted",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralDecided(Event):
    """A clinician confirmed, or declined, a referral that waited for them."""

    referral: str
    approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralMoved(Event):
    """The place that was asked answered. ``nowhere``: no place is left that could be asked.

    ``more_asked``: it wants to know more first; ``more_given``: we told it. ``sent_back``: back to us, with instructions.
    ``placed``: another place than the one before has it now. ``cancelled``: we took it back; ``abort_asked``: we asked the place to
    stop what it has begun; ``aborted``: it did. ``attempt``: which of the places that were asked (0: the one that was asked last).
    """

    referral: str
    stage: ReferralStage
    day: date | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillMoved(Event):
    """The pharmacy answered. ``nowhere``: no other pharmacy is left that could be asked; ``cleared``: the pharmacist has looked at
    what the checks found, and it may be handed out; ``substitute_proposed``: it lacks the medicine and proposes ``substitute``.
    """

    refill: str
    stage: Literal["received", "ready", "out_of_stock", "refused", "nowhere", "cleared", "substitute_proposed"]
    substitute: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstituteDecided(Event):
    """A doctor decided on what a pharmacy proposed in place of a medicine."""

    refill: str
    approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispensed(Event):
    """Medicine was handed to the patient. ``part``: the rest of what was asked for is still to come."""

    fill: Fill
    part: bool = False
