"""Texting the patient: one message a day, at a decent hour, within a weekly cap, to a phone that works.

Rule 1: nothing is sent to someone who has died, withdrawn, moved away, or is in hospital; the agenda is empty for them.
Rule 2: what holds a message back is always said.
Rule 3: who cannot be texted is called instead: no phone and *STOP* end texts, never care.
Rule 4: the weekly cap is for what we begin; an answer about the patient's own referral or refill is never held back by it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from pathways.engine import calendar
from pathways.engine.commands import Part, Recipient, SendMessage
from pathways.engine.events import TextKind
from pathways.engine.plan import Role, TaskSpec
from pathways.engine.state import Told, Waiting
from pathways.engine.turn import Turn

URGENT_FOR = timedelta(hours=6)
ON_CALL_ALERT = "on_call_alert"  # worded by the network, not by a pathway


def say(turn: Turn, pathway: str, template: str, *, day: date | None = None, about: str | None = None) -> None:
    """Text the patient: at once where it is urgent or the hour is decent, else when the hour is."""
    waiting = Waiting(at=turn.now, pathway=pathway, template=template, day=day, about=about)
    if not may_be_texted(turn, urgent=_is_urgent(turn, waiting)):
        turn.because("not_sent", pathway=pathway, held_back=turn.state.life, detail={"template": template})
        return
    if _is_urgent(turn, waiting) or calendar.is_decent(turn.now, turn.timezone, turn.plan.contact):
        turn.outbox.append(waiting)
        return
    _wait(turn, replace(waiting, key=turn.key("waiting")))


def _wait(turn: Turn, waiting: Waiting) -> None:
    turn.state.waiting = (*turn.state.waiting, replace(waiting, at=_next_decent(turn)))
    template = {"template": waiting.template}
    turn.because("message_waits", pathway=waiting.pathway, key=waiting.key, held_back="quiet_hours", detail=template)


def may_be_texted(turn: Turn, *, urgent: bool) -> bool:
    """Nobody who has left or lies in hospital; somebody who paused only where waiting could do harm."""
    return turn.state.life == "active" or (urgent and turn.state.life == "paused")


def due(turn: Turn) -> list[Waiting]:
    """Messages whose decent hour comes."""
    return list(turn.state.waiting)


def release(turn: Turn, waiting: Waiting) -> None:
    """The hour has come; it waits again where the patient's time zone has changed meanwhile."""
    turn.state.waiting = tuple(w for w in turn.state.waiting if w.key != waiting.key)
    if calendar.is_decent(turn.now, turn.timezone, turn.plan.contact):
        turn.outbox.append(waiting)
    else:
        _wait(turn, waiting)


def flush(turn: Turn) -> None:
    """Make one message of everything that is to be said at this moment."""
    if not turn.outbox:
        return
    outbox, turn.outbox = turn.outbox, []
    _forget_old_days(turn)
    urgent = [w for w in outbox if _is_urgent(turn, w)]
    routine = [w for w in outbox if not _is_urgent(turn, w)]
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
    turn.emit(SendMessage(key, "on_call", (Part("", ON_CALL_ALERT, about=about),), turn.now + URGENT_FOR, urgent=True))
    turn.because("on_call_told", pathway=pathway, key=key, detail={"role": role})


def stop(turn: Turn) -> None:
    """STOP: no text of any pathway from now on; the phone-call path takes over."""
    turn.state.opted_out = True
    turn.state.waiting = ()
    turn.because("opted_out")


def start(turn: Turn) -> None:
    """START: texts again."""
    turn.state.opted_out = False
    turn.because("opted_in")


def choose(turn: Turn, refused: tuple[TextKind, ...]) -> None:
    """The patient says which kinds of text they do not want."""
    turn.because("texts_chosen", detail={"refused": ", ".join(refused)})


def call_instead(turn: Turn, pathway: str, what: str, why: str, *, urgent: bool = False) -> None:
    """Open a call in place of a text; one call tells all there is to tell."""
    turn.because("called_instead", pathway=pathway, held_back=why, detail={"template": what})
    if not urgent:
        turn.open_task(TaskSpec("phone_reminder", "health_manager", 1), pathway=pathway)
    elif not any(task.kind == "urgent_call" for task in turn.state.tasks.values()):
        turn.open_task(TaskSpec("urgent_call", "health_manager", 0), pathway=pathway, urgent=True)


def cannot_text(turn: Turn) -> str:
    """Why the patient cannot be texted, or nothing."""
    if turn.state.opted_out:
        return "opted_out"
    return "" if turn.state.phone or turn.state.carer else "no_phone"


def _send_routine(turn: Turn, routine: list[Waiting]) -> None:
    last_moment = calendar.at_local(turn.today, turn.plan.contact.closes, turn.timezone)
    templates = ", ".join(dict.fromkeys(w.template for w in routine))
    if turn.present > last_moment:
        turn.because("not_sent", pathway=routine[0].pathway, held_back="too_late", detail={"template": templates})
        return
    if why := cannot_text(turn):
        call_instead(turn, routine[0].pathway, templates, why)
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


def _send(turn: Turn, said: list[Waiting], *, not_after: datetime, urgent: bool) -> None:
    parts = tuple(dict.fromkeys(Part(w.pathway, w.template, w.day, w.about, _version(turn, w)) for w in said))
    if why := cannot_text(turn):  # only urgent ones come this far without a phone
        call_instead(turn, said[0].pathway, said[0].template, why, urgent=True)
        return
    recipients: list[Recipient] = ["patient"] if turn.state.phone else ["carer"]
    if urgent and turn.state.phone and turn.state.carer:
        recipients.append("carer")
    for to in recipients:
        key = turn.key(f"message/{turn.today.isoformat()}/{to}")
        turn.emit(SendMessage(key, to, parts, not_after, urgent))
        unsent = tuple(told for told in turn.state.told if told.not_after >= turn.now)
        turn.state.told = unsent + tuple(Told(key, p.pathway, p.template, not_after, p.day, p.about) for p in parts)
        turn.because(
            "message_sent",
            pathway=said[0].pathway,
            key=key,
            detail={"template": ", ".join(part.template for part in parts), "to": to},
        )


def _forget_old_days(turn: Turn) -> None:
    """A message's number counts within its day, and no day comes twice: old counts need not be kept for life."""
    horizon = f"message/{(turn.today - timedelta(days=7)).isoformat()}"
    for name in [n for n in turn.state.numbers if n.startswith("message/") and n < horizon]:
        del turn.state.numbers[name]


def _version(turn: Turn, waiting: Waiting) -> str:
    pathway = turn.pathway(waiting.pathway)
    return pathway.version if pathway else ""


def _is_urgent(turn: Turn, waiting: Waiting) -> bool:
    pathway = turn.pathway(waiting.pathway)
    return pathway is not None and waiting.template in pathway.urgent_messages


def _next_decent(turn: Turn) -> datetime:
    rules, state = turn.plan.contact, turn.state
    moment = calendar.contact_moment(state.patient, turn.today, turn.timezone, rules)
    opening = calendar.at_local(turn.today, rules.opens, turn.timezone)
    if turn.now < opening:
        return moment
    return calendar.contact_moment(state.patient, turn.today + timedelta(days=1), turn.timezone, rules)
