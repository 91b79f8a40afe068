"""A number that was given as somebody's: it is asked once, says nothing of anybody, and is used only when it is confirmed.

Rule 1: until then texts go where they went before, or a person calls.
Rule 2: one text, at a decent hour. No answer, wrong ones, or a number that cannot be asked: a person of the team calls.
Rule 3: words of danger from there are not lost, for they may be the patient's; nothing is answered to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Literal, assert_never

from pathways.engine import calendar, contacts
from pathways.engine.commands import Part, Recipient, RetractMessage, SendMessage
from pathways.engine.events import MessageFailed, NumberAnswered, NumberGiven, NumberSettled
from pathways.engine.plan import TaskSpec
from pathways.engine.state import NewNumber, changed
from pathways.engine.turn import Turn
from pathways.engine.useful import ASK_AGAIN, ASKED_FOR

CONFIRM_NUMBER = "confirm_number"  # worded by the network, not by a pathway
ANSWERED_WITHIN = timedelta(days=7)
WORK = ("confirm_number", "number_wrong")
RECIPIENTS: dict[str, Recipient] = {"patient": "new_patient", "carer": "new_carer"}


def given(turn: Turn, event: NumberGiven) -> None:
    """Ask the number now, or at the next decent moment."""
    _drop(turn, event.who)
    turn.because("number_given", detail={"who": event.who})
    until = turn.now + ANSWERED_WITHIN
    new = NewNumber(event.who, event.id, _decent(turn, until), until)
    turn.state.new_numbers = (*turn.state.new_numbers, new)
    if why := _cannot_ask(turn):
        _by_phone(turn, new, why)
    elif new.ask_at is None:
        _by_phone(turn, new, "quiet_day")
    elif new.ask_at <= turn.now:
        _ask(turn, new)


def ahead(turn: Turn) -> Iterator[tuple[datetime, Callable[[Turn], None]]]:
    """When numbers are to be asked, and when they have not answered."""
    for new in turn.state.new_numbers:
        if new.ask_at is not None:
            yield new.ask_at, lambda turn, n=new: _moment_has_come(turn, n)  # type: ignore[misc]
        elif new.until is not None:
            yield new.until, lambda turn, n=new: _by_phone(turn, n, "no_answer")  # type: ignore[misc]


def answered(turn: Turn, event: NumberAnswered) -> None:
    """Not what was asked for: they may have mistyped. Words of danger are for a person, at once."""
    new = _of(turn, event.who)
    if event.kind == "danger":
        turn.because("number_danger", detail={"who": event.who})
        turn.open_task(TaskSpec("new_number_danger", "health_manager", 0), urgent=True)
    elif new is not None and not _cannot_ask(turn):
        key = turn.key(_name(turn, new))
        part = Part("", ASK_AGAIN)
        turn.emit(SendMessage(key, RECIPIENTS[new.who], (part,), turn.now + ASKED_FOR, priority=turn.priority))
        turn.because("asked_again", key=key)


def settled(turn: Turn, event: NumberSettled) -> None:
    """It is theirs and used from now on, or it is not and never was."""
    who, how = event.who, event.how
    if how == "not_confirmed":
        new = _of(turn, who)
        if new is not None:
            _by_phone(turn, new, "wrong_answers")
        return
    _drop(turn, who)
    match how:
        case "confirmed":
            _has_phone(turn, who)
            turn.because("number_confirmed", detail={"who": who})
            turn.close_tasks("number_found", kinds=("find_number",))
        case "refused":
            turn.because("number_refused", detail={"who": who})
            turn.open_task(TaskSpec("number_wrong", "health_manager", 3))
        case "withdrawn":
            turn.because("number_withdrawn", detail={"who": who})
        case _:
            assert_never(how)


def failed(turn: Turn, event: MessageFailed) -> None:
    """The text that asks did not get there: at the next decent moment, or by a person."""
    new = next((one for one in turn.state.new_numbers if one.key == event.key), None)
    if new is None or new.until is None:
        return
    again = _decent(turn, new.until) if event.reason == "too_late" else None
    if again is None:
        _by_phone(turn, new, event.reason)
    else:
        _put(turn, new, ask_at=again)


def _moment_has_come(turn: Turn, new: NewNumber) -> None:
    assert new.until is not None
    moment = _decent(turn, new.until)  # rules and zone may have changed since it was planned
    if why := _cannot_ask(turn) or ("" if moment is not None else "no_answer"):
        _by_phone(turn, new, why)
    elif moment is not None and moment > turn.now:
        _put(turn, new, ask_at=moment)
    else:
        _ask(turn, new)


def _ask(turn: Turn, new: NewNumber) -> None:
    key = turn.key(_name(turn, new))
    last_moment = calendar.at_local(turn.today, turn.plan.contact.closes, turn.timezone)
    if turn.present > last_moment:  # nobody woke us in time
        moment = _decent(turn, new.until or turn.present, after=turn.present)
        if moment is None:
            _by_phone(turn, new, "too_late")
        else:
            _put(turn, new, ask_at=moment)
        return
    part = Part("", CONFIRM_NUMBER)
    turn.emit(SendMessage(key, RECIPIENTS[new.who], (part,), last_moment, priority=turn.priority))
    _put(turn, new, ask_at=None, key=key)
    turn.because("number_asked", key=key, detail={"who": new.who})


def _by_phone(turn: Turn, new: NewNumber, why: str) -> None:
    """Nobody is waited for any longer: a person calls the new number."""
    _put(turn, new, ask_at=None, until=None)
    turn.because("number_by_phone", held_back=why, detail={"who": new.who})
    turn.open_task(TaskSpec("confirm_number", "health_manager", 2))


def _cannot_ask(turn: Turn) -> str:
    if not contacts.may_be_texted(turn, urgent=False):
        return turn.state.life
    if (why := contacts.cannot_text(turn)) in ("opted_out", "no_consent"):
        return why
    return "" if turn.state.person.born is not None else "no_birth_year"


def _decent(turn: Turn, until: datetime, *, after: datetime | None = None) -> datetime | None:
    """The first decent moment from now on, or from ``after``; None where none comes before ``until``."""
    rules, begins = turn.plan.contact, after or turn.now
    if calendar.is_decent(begins, turn.timezone, rules):
        return begins
    moment = calendar.next_contact(turn.state.patient, begins, turn.timezone, rules)
    return moment if moment is not None and moment < until else None


def _drop(turn: Turn, who: Literal["patient", "carer"]) -> None:
    """What was asked of another number, or of this one, is asked no longer."""
    new = _of(turn, who)
    if new is None:
        return
    turn.state.new_numbers = tuple(one for one in turn.state.new_numbers if one.who != who)
    if new.key:
        turn.emit(RetractMessage(new.key, "no_longer_so"))
    if not turn.state.new_numbers:
        turn.close_tasks("number_settled", kinds=WORK)


def _has_phone(turn: Turn, who: Literal["patient", "carer"]) -> None:
    if who == "patient":
        turn.state.phone = True
    else:
        turn.state.carer = True


def _of(turn: Turn, who: str) -> NewNumber | None:
    return next((new for new in turn.state.new_numbers if new.who == who), None)


def _put(turn: Turn, new: NewNumber, **changes: object) -> None:
    turn.state.new_numbers = tuple(changed(one, **changes) if one.who == new.who else one for one in turn.state.new_numbers)


def _name(turn: Turn, new: NewNumber) -> str:
    """Named as messages are, so that its count is forgotten with those of an old day; and by which number it asks."""
    return f"message/{turn.today.isoformat()}/{new.given}"
