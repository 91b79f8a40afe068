"""Texting the patient: one message a day, at a decent hour, within a weekly cap, to a phone that works.

Rule 1: nothing is sent to someone who has died, withdrawn, moved away, or is in hospital; the agenda is empty for them.
Rule 2: what holds a message back is always said.
Rule 3: who cannot be texted is called instead: no phone and *STOP* end texts, never care.
Rule 4: the weekly cap is for what we begin; an answer about the patient's own referral or refill is never held back by it.
Rule 5: nobody is sent to a closed door, or for a medicine that is not there (holding.py).
Rule 6: what did not go out in its hours goes at the next, as long as it is of use (useful.py); what is not is dropped.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from pathways.engine import calendar, holding, useful
from pathways.engine.commands import Part, Recipient, RetractMessage, SendMessage
from pathways.engine.events import TextKind
from pathways.engine.plan import Role, TaskSpec
from pathways.engine.state import Told, Waiting, changed
from pathways.engine.turn import Turn

URGENT_FOR = timedelta(hours=6)
ON_CALL_ALERT = "on_call_alert"  # worded by the network, not by a pathway
URGENT_OF_NETWORK = frozenset({"referral_now"})  # likewise; told at any hour


def say(
    turn: Turn,
    pathway: str,
    template: str,
    *,
    day: date | None = None,
    about: str | None = None,
    kind: TextKind = "reminders",
    until: datetime | None = None,
) -> None:
    """Text the patient: at once where it is urgent or the hour is decent, else when the hour is.

    ``kind``: which the patient may refuse; ``until``: from then on it is of no use (None: as ``useful`` has it).
    """
    last = useful.from_now_on(turn) if until is None else until
    _say(turn, Waiting(turn.now, pathway, template, day, about, until=last, kind=kind))


def _say(turn: Turn, waiting: Waiting) -> None:
    urgent = _is_urgent(turn, waiting)
    if not may_be_texted(turn, urgent=urgent):
        _not_sent(turn, waiting, turn.state.life)
    elif not urgent and useful.kind_of(waiting) in turn.state.refused:
        _not_wanted(turn, waiting)
    elif urgent or calendar.is_decent(turn.now, turn.timezone, turn.plan.contact):
        turn.outbox.append(waiting)
    else:
        _wait(turn, waiting)


def _wait(turn: Turn, waiting: Waiting, *, after: datetime | None = None) -> None:
    """Until the next decent moment after ``after``, or now: unless it is of no use by then."""
    moment = calendar.next_contact(turn.state.patient, after or turn.now, turn.timezone, turn.plan.contact)
    if moment is None or (waiting.until is not None and moment >= waiting.until):
        _not_sent(turn, waiting, "too_late")
        return
    waiting = changed(waiting, at=moment, key=waiting.key or turn.key("waiting"))
    turn.state.waiting = (*turn.state.waiting, waiting)
    quiet = calendar.is_quiet(turn.today, turn.plan.contact)
    turn.because(
        "message_waits",
        pathway=waiting.pathway,
        key=waiting.key,
        held_back="quiet_day" if quiet else "quiet_hours",
        detail={"template": waiting.template},
    )


def _not_sent(turn: Turn, waiting: Waiting, why: str) -> None:
    turn.because("not_sent", pathway=waiting.pathway, held_back=why, detail={"template": waiting.template})


def may_be_texted(turn: Turn, *, urgent: bool) -> bool:
    """Nobody who has left or lies in hospital; somebody who paused only where waiting could do harm."""
    return turn.state.life == "active" or (urgent and turn.state.life == "paused")


def due(turn: Turn) -> list[Waiting]:
    """Messages whose decent hour comes."""
    return list(turn.state.waiting)


def release(turn: Turn, waiting: Waiting) -> None:
    """The hour has come; it waits again where zone or rules have changed meanwhile, and is dropped where it is of no use."""
    turn.state.waiting = tuple(w for w in turn.state.waiting if w.key != waiting.key)
    if not useful.is_still_so(turn, waiting):
        _not_sent(turn, waiting, "no_longer_so")
    elif waiting.until is not None and turn.now >= waiting.until:
        _not_sent(turn, waiting, "too_late")
    elif calendar.is_decent(turn.now, turn.timezone, turn.plan.contact):
        turn.outbox.append(waiting)
    else:
        _wait(turn, waiting)


def zone_changed(turn: Turn, came_from: str) -> None:
    """What waits goes at the first decent moment where the patient lives now; what was planned by the clock stays by the clock."""
    zone, rules, state = turn.timezone, turn.plan.contact, turn.state
    if zone == came_from:
        return
    decent = calendar.is_decent(turn.now, zone, rules)
    moment = turn.now if decent else calendar.next_contact(state.patient, turn.now, zone, rules)
    if moment is not None:
        state.waiting = tuple(changed(waiting, at=moment) for waiting in state.waiting)
    for name, course in state.courses.items():
        services = {of: changed(one, since=calendar.moved(one.since, came_from, zone)) for of, one in course.services.items()}
        turn.course(name, services=services)


def say_again(turn: Turn, key: str) -> None:
    """The message with this key did not go out in its hours: what of it is still of use goes at the next ones."""
    unsent = [told for told in turn.state.told if told.key == key]
    turn.state.told = tuple(told for told in turn.state.told if told.key != key)
    again = [Waiting(turn.now, t.pathway, t.template, t.day, t.about, until=t.until, kind=t.kind) for t in unsent]
    routine = [waiting for waiting in again if not _is_urgent(turn, waiting)]
    if again and not routine:  # it was for hours, and they are over
        call_instead(turn, again[0].pathway, again[0].template, "too_late", urgent=True)
    elif routine:
        _not_texted(turn, calendar.local_day(unsent[0].not_after, turn.timezone))
    for waiting in routine:
        if not useful.is_still_so(turn, waiting):
            _not_sent(turn, waiting, "no_longer_so")
        elif waiting.until is None or turn.now >= waiting.until:
            _not_sent(turn, waiting, "too_late")
        else:
            _say(turn, waiting)


def _not_texted(turn: Turn, day: date) -> None:
    """What did not go out does not count against the week."""
    days = list(turn.state.texted)
    if day in days:
        days.remove(day)
        turn.state.texted = tuple(days)


def flush(turn: Turn) -> None:
    """Make one message of everything that is to be said at this moment."""
    if not turn.outbox:
        return
    outbox, turn.outbox = turn.outbox, []
    _forget_old_days(turn)
    urgent, routine = list[Waiting](), list[Waiting]()
    for waiting in outbox:
        (urgent if _is_urgent(turn, waiting) else routine).append(waiting)
    if urgent:
        _send(turn, urgent, not_after=turn.now + URGENT_FOR, urgent=True)
    if routine:
        _send_routine(turn, routine)


def alert(turn: Turn, role: Role, *, pathway: str = "", about: str | None = None) -> None:
    """Tell the clinician on call, at any hour: that there is something, not what; once, however many rows ask for it."""
    if any(isinstance(command, SendMessage) and command.to == "on_call" for command in turn.commands):
        turn.because("on_call_told", pathway=pathway, held_back="told_just_now", detail={"role": role})
        return
    key = turn.key(f"message/{turn.today.isoformat()}/on_call")
    part = Part("", ON_CALL_ALERT, about=about)
    turn.emit(SendMessage(key, "on_call", (part,), turn.now + URGENT_FOR, urgent=True, priority=1))
    turn.because("on_call_told", pathway=pathway, key=key, detail={"role": role})


def stop(turn: Turn) -> None:
    """STOP: no text of any pathway from now on; the phone-call path takes over."""
    turn.state.opted_out = True
    turn.state.waiting = ()
    turn.because("opted_out")


def start(turn: Turn) -> None:
    """START: texts again."""
    turn.state.opted_out, turn.state.agreed = False, True
    turn.because("opted_in")


def choose(turn: Turn, refused: tuple[TextKind, ...]) -> None:
    """The patient says which kinds of text they do not want: nothing of them goes out from now on, nor what waits of them."""
    state = turn.state
    state.refused = tuple(sorted(set(refused)))
    turn.because("texts_chosen", detail={"refused": ", ".join(state.refused)})
    waits = [w for w in state.waiting if useful.kind_of(w) in state.refused and not _is_urgent(turn, w)]
    state.waiting = tuple(w for w in state.waiting if w not in waits)
    for waiting in waits:
        _not_wanted(turn, waiting)
    planned = [told for told in state.told if useful.kind_of(told) in state.refused and not _is_urgent(turn, told)]
    state.told = tuple(told for told in state.told if told not in planned)
    for key in dict.fromkeys(told.key for told in planned if told.not_after >= turn.now):
        parts = tuple((told.pathway, told.template) for told in planned if told.key == key)
        turn.emit(RetractMessage(key, "not_wanted", parts if any(told.key == key for told in state.told) else ()))
        turn.because("message_retracted", key=key, detail={"template": ", ".join(template for _, template in parts)})


def _not_wanted(turn: Turn, waiting: Waiting) -> None:
    """The patient refused its kind: about their own referral or refill they are called, of a reminder they have only no text."""
    if useful.kind_of(waiting) == "reminders":
        _not_sent(turn, waiting, "not_wanted")
    else:
        call_instead(turn, waiting.pathway, waiting.template, "not_wanted")


def call_instead(turn: Turn, pathway: str, what: str, why: str, *, urgent: bool = False) -> None:
    """Open a call in place of a text; one call tells all there is to tell."""
    turn.because("called_instead", pathway=pathway, held_back=why, detail={"template": what})
    if not urgent:
        turn.open_task(TaskSpec("phone_reminder", "health_manager", 1), pathway=pathway)
    elif not any(task.kind == "urgent_call" for task in turn.state.tasks.values()):
        turn.open_task(TaskSpec("urgent_call", "health_manager", 0), pathway=pathway, urgent=True)


def cannot_text(turn: Turn) -> str:
    """Why the patient cannot be texted, or nothing."""
    state = turn.state
    unasked = turn.plan.contact.texts_need_consent and not state.agreed
    why = "opted_out" if state.opted_out else "no_consent" if unasked else ""
    return why or ("" if state.phone or state.carer else "no_phone")


def _send_routine(turn: Turn, routine: list[Waiting]) -> None:
    last_moment = calendar.at_local(turn.today, turn.plan.contact.closes, turn.timezone)
    if turn.present > last_moment:  # nobody woke us in time
        _send_late(turn, routine)
        return
    routine = holding.sift(turn, routine)
    if not routine:
        return
    if why := cannot_text(turn):
        call_instead(turn, routine[0].pathway, ", ".join(dict.fromkeys(w.template for w in routine)), why)
        return
    week_ago = turn.today - timedelta(days=7)
    week = [day for day in turn.state.texted if day > week_ago]
    if len(week) >= turn.plan.contact.weekly_cap:
        capped = [w for w in routine if w.about is None]
        if capped:
            held = ", ".join(dict.fromkeys(w.template for w in capped))
            turn.because("not_sent", pathway=capped[0].pathway, held_back="weekly_cap", detail={"template": held})
        routine = [w for w in routine if w.about is not None]
        if not routine:
            turn.state.texted = tuple(week)
            return
    turn.state.texted = (*week, turn.today)
    _send(turn, routine, not_after=last_moment, urgent=False)


def _send_late(turn: Turn, routine: list[Waiting]) -> None:
    """Its hours had passed before we came to it: it waits for the next ones, if it is of use then."""
    for waiting in routine:
        if waiting.until is None or turn.present >= waiting.until:
            _not_sent(turn, waiting, "too_late")
        elif calendar.is_decent(turn.present, turn.timezone, turn.plan.contact):
            again = changed(waiting, at=turn.present, key=waiting.key or turn.key("waiting"))
            turn.state.waiting = (*turn.state.waiting, again)
        else:
            _wait(turn, waiting, after=turn.present)


def _send(turn: Turn, said: list[Waiting], *, not_after: datetime, urgent: bool) -> None:
    once = {(w.pathway, w.template, w.day, w.about): w for w in said}
    parts = tuple(Part(w.pathway, w.template, w.day, w.about, _version(turn, w)) for w in once.values())
    if why := cannot_text(turn):  # only urgent ones come this far without a phone
        call_instead(turn, said[0].pathway, said[0].template, why, urgent=True)
        return
    recipients: list[Recipient] = ["patient"] if turn.state.phone else ["carer"]
    if urgent and turn.state.phone and turn.state.carer:
        recipients.append("carer")
    for to in recipients:
        key = turn.key(f"message/{turn.today.isoformat()}/{to}")
        turn.emit(SendMessage(key, to, parts, not_after, urgent, 1 if urgent else turn.priority))
        unsent = tuple(told for told in turn.state.told if max(told.not_after, told.until or told.not_after) >= turn.now)
        turn.state.told = unsent + tuple(
            Told(key, w.pathway, w.template, not_after, w.day, w.about, w.until, w.kind) for w in once.values()
        )
        turn.because(
            "message_sent",
            pathway=said[0].pathway,
            key=key,
            detail={"template": ", ".join(part.template for part in parts), "to": to},
        )


def _forget_old_days(turn: Turn) -> None:
    """A message's number counts within its day, and no day comes twice: old counts need not be kept for life."""
    horizon = f"message/{(turn.today - timedelta(days=7)).isoformat()}"
    for name in [n for n in turn.state.numbers if "message/" <= n < horizon]:
        del turn.state.numbers[name]


def _version(turn: Turn, waiting: Waiting) -> str:
    pathway = turn.pathway(waiting.pathway)
    return pathway.version if pathway else ""


def _is_urgent(turn: Turn, waiting: Waiting | Told) -> bool:
    pathway = turn.pathway(waiting.pathway)
    if pathway is None:
        return not waiting.pathway and waiting.template in URGENT_OF_NETWORK
    return waiting.template in pathway.urgent_messages
