"""How long a text is of use: from then on it is dropped, and that is said.

| text | of use |
|---|---|
| reminder before a visit's day | until that day begins |
| reminder on the day, word of a referral's day | until that day is over |
| text about a missed day | until the next step for it, at most 7 days |
| word about a refill or a referral without a day | 7 days, and only as long as the refill is open |
| anything else that is routine | 7 days |
| safety | 6 hours, and then somebody calls (contacts.py) |

Rule: a text says nothing that is so no longer: of a day that is not the day any more, of a refill that was collected.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from pathways.engine import calendar
from pathways.engine.events import TextKind
from pathways.engine.state import Told, Waiting
from pathways.engine.turn import Turn

AT_MOST = timedelta(days=7)
ASK_AGAIN = "ask_again"  # worded by the network, not by a pathway
ASKED_FOR = timedelta(hours=2)  # later than this, who is asked back wonders what is meant


def from_now_on(turn: Turn) -> datetime:
    """Until when what nothing else limits is of use."""
    return turn.now + AT_MOST


def until_day(turn: Turn, day: date) -> datetime:
    """The moment at which ``day`` begins where the patient lives."""
    return calendar.at_local(day, time(0), turn.timezone)


def reminds_at(turn: Turn, expected: date, offset: int) -> datetime:
    """When a reminder ``offset`` days from the ``expected`` day goes out: on its day, or on one near it that is not quiet."""
    day, last = expected + timedelta(days=offset), None if offset > 0 else expected + timedelta(days=offset == 0)
    return calendar.reminder_moment(turn.state.patient, day, last, turn.timezone, turn.plan.contact)


def of_reminder(turn: Turn, expected: date, offset: int, later: Iterable[int]) -> datetime:
    """Of a reminder ``offset`` days from the ``expected`` day; ``later``: offsets of what follows it, in days."""
    if offset <= 0:
        return until_day(turn, expected if offset < 0 else expected + timedelta(days=1))
    return of_missed(turn, expected + timedelta(days=offset), (expected + timedelta(days=other) for other in later))


def of_missed(turn: Turn, day: date, later: Iterable[date]) -> datetime:
    """Of a text of ``day`` about a day that was missed; ``later``: days of the other steps for it."""
    following = min((other for other in later if other > day), default=day + AT_MOST)
    return until_day(turn, min(following, day + AT_MOST))


def kind_of(text: Waiting | Told) -> TextKind:
    """Which kind the patient may refuse; one that an older engine put there is known by what it is about."""
    if text.kind is not None:
        return text.kind
    about = text.about or ""
    return "referrals" if about.startswith("referral") else "refills" if about.startswith("refill") else "reminders"


def is_still_so(turn: Turn, text: Waiting) -> bool:
    """Whether what a text speaks of is still as it was when it was to be said."""
    course = turn.state.courses.get(text.pathway)
    if text.about is not None:
        if text.template in ("referral_now", "referral_place", "referral_elsewhere") and not text.pathway:
            return text.about in turn.state.referrals
        refills = {supply.refill for supply in turn.state.supplies.values()}
        return not text.about.startswith("refill") or text.about in refills
    if text.day is not None and course is not None:
        return any(one.day == text.day for one in course.services.values())
    return True
