"""What a changed Task asks for: its difference to the Task as it stands, read as one move.

Rule 1: a move keeps to the rules by which Tasks move, whatever REST allows besides.
Rule 2: nothing that was said is lost: words that belong to no move are refused, not dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from api.fhir.differing import Wish, rule, within
from api.fhir.transitions import (
    ATTENDED,
    BOOKED,
    MORE_ASKED,
    NOT_ATTENDED,
    OUT_OF_STOCK,
    PART,
    READY,
    SENT_BACK,
    Of,
    Shown,
    could_become,
    may_become,
)

Verb = Literal[
    "receive", "accept", "refuse", "ask-more", "reply", "book", "start", "attended", "not-attended", "complete", "send-back",
    "cancel", "aborted", "ready", "out-of-stock", "claim", "postpone",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Move:
    """One answer. ``text``: what is said with it; ``day``: of ``book`` and ``postpone``."""

    verb: Verb
    text: str = ""
    day: date | None = None


def referral_move(was: Shown, wish: Wish, *, asks: bool = False) -> Move | None:
    """The answer to a referral; None where nothing is asked for. ``asks``: the caller is of the side that asked."""
    _legal("referral", was, wish.status)
    moved = wish.status != was.status
    match wish.status, wish.business:
        case _, "more-asked":
            wish.only("note")
            if moved and wish.status != "received":
                raise rule("Ask without another status: the request goes on from where it is.", "Task.status")
            return Move("ask-more", _one(wish.notes, "Task.note", "what the place wants to know"))
        case (("requested" | "received" | "accepted"), "booked"):
            return _book(wish)
        case "accepted", "not-attended":
            wish.only()
            return Move("not-attended")
        case "in-progress", "attended":
            wish.only()
            return Move("attended")
        case "completed", "sent-back":
            wish.only("output")
            return Move("send-back", _one(wish.instructions, "Task.output", "the instructions for the care team"))
        case _, business if business:
            known = (MORE_ASKED, BOOKED, NOT_ATTENDED, ATTENDED, SENT_BACK)
            raise rule(f"This businessStatus does not go with this status: use one of {', '.join(known)}.", "Task.businessStatus")
    if not moved:
        return _said_more(was, wish, asks=asks)
    match wish.status:
        case "received":
            wish.only()
            return Move("receive")
        case "accepted":
            if wish.day is not None:
                return _book(wish)
            wish.only()
            return Move("accept")
        case "rejected":
            wish.only("statusReason")
            return Move("refuse", _reason(wish))
        case "in-progress":
            wish.only()
            return Move("start")
        case "completed":
            wish.only("output")
            return Move("complete", _one(wish.reports, "Task.output", "the report"))
        case "cancelled":
            wish.only("statusReason")
            return Move("cancel", wish.reason)
        case "failed":
            wish.only("statusReason")
            return Move("aborted", wish.reason)
    raise rule(f"A referral is not put {wish.status} here. {_could('referral', was)}", "Task.status")


def refill_move(was: Shown, wish: Wish) -> Move | None:
    """The pharmacy's answer; None where nothing is asked for."""
    _legal("refill", was, wish.status)
    dispenses = (
        "What is handed out is told by a MedicationDispense (authorizingPrescription: the request, daysSupply, whenHandedOver); "
        "the Task follows."
    )
    match wish.status, wish.business:
        case "in-progress", "ready-for-pickup":
            wish.only()
            return Move("ready")
        case "rejected", "out-of-stock":
            wish.only("executionPeriod", "statusReason")
            return Move("out-of-stock", day=wish.day)
        case _, "part-dispensed":
            raise rule(dispenses, "Task.businessStatus")
        case _, business if business:
            known = (READY, OUT_OF_STOCK, PART)
            raise rule(f"This businessStatus does not go with this status: use one of {', '.join(known)}.", "Task.businessStatus")
    if wish.status == was.status:
        wish.only()
        return None
    match wish.status:
        case "received" | "accepted":
            if was.status == "received":
                raise rule("A pharmacy that has received goes on: in-progress, rejected, or a MedicationDispense.", "Task.status")
            wish.only()
            return Move("receive")
        case "in-progress":
            wish.only()
            return Move("ready")
        case "rejected":
            wish.only("statusReason")
            return Move("refuse", _reason(wish))
        case "completed":
            raise rule(dispenses, "Task.status")
    raise rule(f"A refill request is not put {wish.status} here. {_could('refill', was)}", "Task.status")


def care_move(was: Shown, wish: Wish, mine: Iterable[str]) -> Move | None:
    """What somebody of the care team does with a task. ``mine``: references that name the caller."""
    _legal("task", was, wish.status)
    if wish.business:
        raise rule("Work of a care team has no businessStatus to set.", "Task.businessStatus")
    if wish.owner and wish.owner not in set(mine):
        raise rule("A task is taken on by oneself: name your own Practitioner, or send status in-progress.", "Task.owner")
    if wish.status == was.status:
        if wish.day is not None:
            wish.only("executionPeriod", "statusReason", "note")
            return Move("postpone", "\n".join(wish.notes), wish.day)
        wish.only("owner")
        return Move("claim") if wish.owner and was.status != "in-progress" else None
    match wish.status:
        case "in-progress" | "accepted" | "received":
            wish.only("owner")
            return Move("claim")
        case "completed":
            wish.only("output", "owner")
            return Move("complete", wish.reports[0] if wish.reports else "")
    raise rule(f"Work of a care team is not put {wish.status} here. {_could('task', was)}", "Task.status")


def _legal(of: Of, was: Shown, status: str) -> None:
    if not may_become(of, was.status, status):
        raise rule(f"This Task is {was.status} and cannot become {status}. {_could(of, was)}", "Task.status")


def _could(of: Of, was: Shown) -> str:
    could = could_become(of, was.status)
    return f"From here it could become: {', '.join(could)}." if could else "Nothing more comes of it."


def _said_more(was: Shown, wish: Wish, *, asks: bool) -> Move | None:
    """No other status: another day, a reply, a further question, a further report."""
    if wish.day is not None and was.status == "accepted":
        return _book(wish)
    if wish.notes and was.business == MORE_ASKED:
        wish.only("note")
        return Move("reply" if asks else "ask-more", "\n".join(wish.notes))
    if wish.notes:
        raise rule(f"A note alone goes nowhere: send it with businessStatus {MORE_ASKED}, or a report as output.", "Task.note")
    if was.status == "completed" and (wish.reports or wish.instructions):
        wish.only("output")
        if was.business == SENT_BACK:
            return Move("send-back", _one(wish.instructions or wish.reports, "Task.output", "the instructions"))
        return Move("complete", _one(wish.reports, "Task.output", "the report"))
    wish.only()
    return None


def _book(wish: Wish) -> Move:
    wish.only("executionPeriod")
    if wish.day is None:
        raise rule("The day is missing: send executionPeriod.start.", "Task.executionPeriod.start")
    return Move("book", day=wish.day)


def _reason(wish: Wish) -> str:
    if not wish.reason:
        raise rule("The reason is missing: send statusReason.text.", "Task.statusReason")
    return wish.reason


def _one(said: tuple[str, ...], where: str, what: str) -> str:
    if not said:
        raise rule(f"{where} is missing: send {what}.", where)
    return within("\n".join(said), where)
