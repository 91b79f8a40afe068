"""How a request's stage is shown as a Task, and how a Task may move.

Source: HL7 Clinical Order Workflows, Task state machine. Before a Task is in progress, who asked cancels it; afterwards it asks for
that with a second Task of code ``abort``. ``businessStatus`` says what ``status`` cannot, and never repeats it.

Rule 1: every stage has one status; where a place waits for a reply, the status is that of the stage it goes on from.
Rule 2: a Task moves by these rules alone, whatever else REST allows; a stage is always one that REST knows, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: Code systems of ours.
BUSINESS_STATUS = "urn:cairn:business-status"
TASK_KIND = "urn:cairn:task-kind"
SAID_KIND = "urn:cairn:said"  # of a Communication: question, reply, report, instructions, reason
REPORT, INSTRUCTIONS = "report", "instructions"  # of Task.output.type, in SAID_KIND

Of = Literal["referral", "refill", "task"]


@dataclass(frozen=True, slots=True)
class Shown:
    """As a Task: ``business`` is "" where ``status`` says all."""

    status: str
    business: str = ""


MORE_ASKED, BOOKED, NOT_ATTENDED, ATTENDED, SENT_BACK = "more-asked", "booked", "not-attended", "attended", "sent-back"
READY, PART, OUT_OF_STOCK, ABORTED = "ready-for-pickup", "part-dispensed", "out-of-stock", "aborted"
SUBSTITUTE = "substitute-proposed"

REFERRAL: Mapping[str, Shown] = {
    "requested": Shown("requested"),
    "received": Shown("received"),
    "accepted": Shown("accepted"),
    "booked": Shown("accepted", BOOKED),
    "not_attended": Shown("accepted", NOT_ATTENDED),
    "attended": Shown("in-progress", ATTENDED),
    "in_progress": Shown("in-progress"),
    "completed": Shown("completed"),
    "sent_back": Shown("completed", SENT_BACK),
    "refused": Shown("rejected"),
    "cancelled": Shown("cancelled"),
    "aborted": Shown("failed", ABORTED),
}
REFILL: Mapping[str, Shown] = {
    "requested": Shown("requested"),
    "received": Shown("received"),
    "ready": Shown("in-progress", READY),
    "part": Shown("in-progress", PART),
    "substitute_proposed": Shown("received", SUBSTITUTE),
    "dispensed": Shown("completed"),
    "out_of_stock": Shown("rejected", OUT_OF_STOCK),
    "refused": Shown("rejected"),
    "cancelled": Shown("cancelled"),
}

#: From each status to those that may come next.
NEXT: Mapping[str, tuple[str, ...]] = {
    "draft": ("requested",),
    "requested": ("received", "accepted", "rejected", "in-progress", "cancelled"),
    "received": ("accepted", "rejected", "cancelled"),
    "accepted": ("in-progress", "cancelled"),
    "ready": ("in-progress", "cancelled"),
    "in-progress": ("on-hold", "completed", "failed", "ready"),
    "on-hold": ("in-progress", "failed"),
}
#: A pharmacy does not accept apart from receiving: it goes on to prepare.
SUPPLY_NEXT: Mapping[str, tuple[str, ...]] = {**NEXT, "received": (*NEXT["received"], "in-progress")}


def shown(of: Of, stage: str, goes_on: str = "") -> Shown:
    """How a request at ``stage`` is shown; ``goes_on``: the stage from which it goes on, where it waits for a reply."""
    if stage == "more_asked":
        return Shown(shown(of, goes_on or "received").status, MORE_ASKED)
    return (REFERRAL if of == "referral" else REFILL)[stage]


def task_status(status: str, claimed: bool) -> Shown:
    """How work of a care team is shown: open work is anybody's until somebody claims it."""
    match status:
        case "open":
            return Shown("in-progress" if claimed else "requested")
        case "done":
            return Shown("completed")
    return Shown("cancelled", "not-needed")


def stages(of: Of, status: str) -> tuple[str, ...]:
    """The stages that are shown with this status, besides ``more_asked``."""
    return tuple(stage for stage, how in (REFERRAL if of == "referral" else REFILL).items() if how.status == status)


def could_become(of: Of, status: str) -> tuple[str, ...]:
    """The statuses that may come next."""
    return (SUPPLY_NEXT if of == "refill" else NEXT).get(status, ())


def may_become(of: Of, was: str, status: str) -> bool:
    """Whether a Task may move so; staying where it is always may."""
    return was == status or status in could_become(of, was)
