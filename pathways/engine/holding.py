"""Holds: nobody is sent by text to a place that is closed, or for a medicine that cannot be had.

Rule 1: a text that speaks of a day still ahead is about that day, any other about today; what sends nobody anywhere, and what is
        urgent, is never held.
Rule 2: what is held is looked at once a day, its reason is said once, and it goes when the hold is over: whoever has the worst tag
        on the first day, the others over the days after it. What is of no use by then is dropped, and that is said.
Rule 3: where patients are to be told, each is told once in a hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from hashlib import blake2b
from typing import Literal, Protocol

from pathways.engine import calendar, useful
from pathways.engine.plan import Hold, Plan, TaskSpec
from pathways.engine.state import Occurrence, Waiting, changed
from pathways.engine.turn import Turn

PLACE_CLOSED, VISIT_CLOSED, MEDICINE_DELAYED = "place_closed", "visit_closed", "medicine_delayed"  # worded by the network
VISIT_MOVED = "visit_moved"


class Text(Protocol):
    """Something that is said, or to be said, to a patient."""

    @property
    def pathway(self) -> str: ...
    @property
    def template(self) -> str: ...
    @property
    def day(self) -> date | None: ...
    @property
    def about(self) -> str | None: ...


def covering(plan: Plan, text: Text, today: date, *, patient: str = "", first: bool = False, held: str = "") -> Hold | None:
    """The hold that keeps ``text`` from being sent ``today`` (the patient's day); of several, the one that lasts longest.

    ``held``: the hold that has kept it so far, from which ``patient`` is released on their own day; ``first``: before the others.
    """
    found = [
        hold
        for hold in plan.holds
        if hold.action != "redirect"
        and _covers(plan, hold, text, today, share=_share(hold, patient, first) if hold.id == held else 0)
    ]
    return max(found, key=lambda hold: (hold.last, hold.id), default=None)


def _covering(turn: Turn, text: Waiting) -> Hold | None:
    if not turn.plan.holds:  # nearly always
        return None
    return covering(turn.plan, text, turn.today, patient=turn.state.patient, first=turn.comes_first, held=text.held)


def redirecting(plan: Plan, text: Text, today: date) -> Hold | None:
    """The hold by which ``text`` sends people elsewhere; of several, the one that lasts longest."""
    found = [hold for hold in plan.holds if hold.action == "redirect" and _covers(plan, hold, text, today, share=0)]
    return max(found, key=lambda hold: (hold.last, hold.id), default=None)


def _covers(plan: Plan, hold: Hold, text: Text, today: date, share: int) -> bool:
    day, comes = text.day, "come"
    if text.about is None:
        kind = _sends_to_centre(plan, text)
        if not hold.visits or kind is None:
            return False
        comes = "come_by" if kind == "screening" else "come"
    elif text.about not in hold.refills | hold.referrals:
        return False
    if day is None or day < today:
        return hold.first <= today <= hold.last + timedelta(days=share)
    return hold.first <= (today if comes == "come_by" else day) and day <= hold.last


def _sends_to_centre(plan: Plan, text: Text) -> Literal["follow_up", "screening"] | None:
    """Of which kind of service it speaks; education, or a request for a reading, sends nobody to the centre."""
    pathway = plan.pathways.get(text.pathway)
    kinds = {
        service.kind
        for service in (pathway.services.values() if pathway is not None else ())
        if text.template in {*(step.send for step in service.remind), *(step.send for step in service.if_missed)}
    }
    return "follow_up" if "follow_up" in kinds else "screening" if "screening" in kinds else None


def _share(hold: Hold, patient: str, first: bool) -> int:
    """How many days after the last one the patient's turn is: nobody's before the worst tag's."""
    if first or hold.spread_days < 1:
        return 0
    digest = blake2b(f"{patient}/{hold.id}".encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "big") % hold.spread_days


def sift(turn: Turn, texts: Sequence[Waiting]) -> list[Waiting]:
    """What of ``texts`` goes out now, with what is told in place of others; the rest waits."""
    known = {hold.id for hold in turn.plan.holds}
    turn.state.holds_told = tuple(one for one in turn.state.holds_told if one in known)
    going: list[Waiting] = []
    for text in texts:
        hold = _covering(turn, text)
        if hold is None:
            if not _still_so(turn, text):
                turn.because("not_sent", pathway=text.pathway, held_back="no_longer_so", detail={"template": text.template})
            else:
                going.append(text)
            continue
        going += _told_instead(turn, text, hold)
        _wait(turn, text, hold)
    return going


def _wait(turn: Turn, text: Waiting, hold: Hold) -> None:
    """Until the patient's moment of another day, when it is looked at again."""
    zone, rules = turn.timezone, turn.plan.contact
    evening = max(turn.now, calendar.at_local(turn.today, rules.closes, zone))
    moment, until = calendar.next_contact(turn.state.patient, evening, zone, rules), text.until
    if moment is not None and until is not None and text.about is not None and text.day is None:
        until = max(until, moment + useful.AT_MOST)  # what is there to be collected is there afterwards, too
    detail = {"template": text.template, "hold": hold.id, "last": hold.last.isoformat()}
    if moment is None or (until is not None and moment >= until):
        turn.because("not_sent", pathway=text.pathway, held_back=hold.why, detail=detail)
        return
    key = text.key or turn.key("waiting")
    turn.state.waiting = (*turn.state.waiting, changed(text, at=moment, key=key, until=until, held=hold.id))
    if text.held != hold.id:
        turn.because("message_held", pathway=text.pathway, key=key, held_back=hold.why, detail=detail)


def _told_instead(turn: Turn, text: Waiting, hold: Hold) -> list[Waiting]:
    """What the patient is told in its place, once; where a day is lost that nobody has moved, somebody is asked to."""
    ahead = text.day is not None and text.day >= turn.today
    if text.about is not None and text.about in hold.referrals and ahead:
        turn.open_task(TaskSpec("chase_referral", "health_manager", 0), pathway=text.pathway, about=text.about)
    if hold.action != "reword" or turn.today > hold.last:
        return []
    told: tuple[str, date | None] | None = None
    if text.about is None:
        if ahead and _expected_on(turn, text.day):
            turn.open_task(TaskSpec("find_another_day", "health_manager", 2))
            told = VISIT_CLOSED, text.day
        elif turn.today >= hold.first:
            told = PLACE_CLOSED, hold.opens or hold.last + timedelta(days=1)
    elif text.about in hold.refills:
        told = MEDICINE_DELAYED, None
    if told is None or hold.id in turn.state.holds_told:
        return []
    turn.state.holds_told = (*turn.state.holds_told, hold.id)
    return [Waiting(turn.now, "", told[0], told[1], f"hold/{hold.id}", until=useful.from_now_on(turn), kind=useful.kind_of(text))]


def _expected_on(turn: Turn, day: date | None) -> bool:
    follow_ups = turn.active_services("follow_up")
    return any((one := turn.occurrence(p.name, s.name)) is not None and one.day == day for p, s in follow_ups)


def _still_so(turn: Turn, text: Waiting) -> bool:
    """Of a referral that was held and is over, or of a moved visit that has moved again; the rest is looked at before."""
    if text.template == VISIT_MOVED and not text.pathway:
        return _expected_on(turn, text.day)
    return not text.held or text.about is None or not text.about.startswith("referral") or text.about in turn.state.referrals


def is_closed_on(turn: Turn, day: date) -> bool:
    """Whether nobody is to come to the centre on ``day``."""
    closed = (hold for hold in turn.plan.holds if hold.visits and hold.why == "place_closed" and hold.action != "redirect")
    return any(hold.first <= day <= hold.last for hold in closed)


def lost_day(turn: Turn, day: date) -> tuple[str, str, Occurrence] | None:
    """The visit that is booked, or agreed, on ``day``."""
    for pathway, service in turn.active_services("follow_up"):
        occurrence = turn.occurrence(pathway.name, service.name)
        if occurrence is not None and occurrence.booking is not None and occurrence.booked == day:
            return pathway.name, service.name, occurrence
    return None
