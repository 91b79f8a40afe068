"""What a patient texts back, once it has been read.

Rule 1: a value that cannot be is asked for again, once a day and without repeating it; the second time a person asks.
Rule 2: who asks us is answered at once, also in quiet hours: they have just shown that they are awake. The weekly cap is for what
        we begin, not for answers.
Rule 3: who cannot be texted is asked by a person.
Rule 4: a carer's *STOP* and *START* are about texts to the carer, where the patient has a phone of their own.
Rule 5: a cry for help and words for us are looked at by a person also where the patient is not followed any more, or not yet.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, assert_never

from pathways.engine import contacts, life, reviews, visits
from pathways.engine.commands import Part, SendMessage
from pathways.engine.events import AnswerReceived
from pathways.engine.plan import TaskSpec
from pathways.engine.turn import Turn
from pathways.engine.useful import ASK_AGAIN, ASKED_FOR

FOR_WHOM, HELP, HEARD = "for_whom", "help", "danger_heard"  # worded by the network, not by a pathway


def answered(turn: Turn, event: AnswerReceived, on: date) -> None:
    """Act on an answer of ``on``, a day where the patient lives."""
    turn.because("answered", detail={"kind": event.kind})
    if event.kind != "stop":
        life.sign_of_life(turn)
    match event.kind:
        case "confirm":
            reviews.confirm_next(turn)
        case "another_day":
            turn.open_task(TaskSpec("find_another_day", "health_manager", 2))
        case "stop" | "start" if event.by == "carer" and turn.state.phone:
            _carer_says(turn, wants=event.kind == "start")
        case "stop":
            contacts.stop(turn)
        case "start":
            contacts.start(turn)
        case "reading":
            visits.remember(turn, event.readings, on)
            if set(event.readings) - reviews.informed(turn, event.readings, on):
                _for_a_person(turn)  # no pathway of theirs looks at it
        case "danger":
            contacts.alert(turn, "on_call")
            turn.open_task(TaskSpec("urgent_call", "doctor", 0), urgent=True)
            _heard(turn, event.by)
        case "unclear":
            _ask(turn, ASK_AGAIN, event.by)
        case "whose":
            _ask(turn, FOR_WHOM, event.by)
        case "help":
            _ask(turn, HELP, event.by)
            _for_a_person(turn)
        case "text":
            _for_a_person(turn)
        case _:
            assert_never(event.kind)


def _carer_says(turn: Turn, *, wants: bool) -> None:
    turn.state.carer = wants
    turn.because("carer_opted_in" if wants else "carer_opted_out")


def after_the_end(turn: Turn, event: AnswerReceived) -> bool:
    """Act on an answer from the phone of somebody who is not followed; False where there is nothing to do about it.

    Nobody texts them, and no pathway is taken up again: whoever holds the phone is called, or what they say is read.
    """
    if event.kind == "danger":
        turn.because("answered", detail={"kind": event.kind})
        contacts.alert(turn, "on_call")
        turn.open_task(TaskSpec("urgent_call", "doctor", 0), urgent=True)
    elif event.kind in ("text", "unclear", "reading", "another_day"):
        turn.because("answered", detail={"kind": event.kind})
        _for_a_person(turn)
    return event.kind in ("danger", "text", "unclear", "reading", "another_day")


def _ask(turn: Turn, template: str, to: Literal["patient", "carer"]) -> None:
    """Ask back, or let a person ask."""
    if why := _held_back(turn, template, to):
        turn.because("not_sent", held_back=why, detail={"template": template})
        _for_a_person(turn)
        return
    key = turn.key(f"message/{turn.today.isoformat()}/{to}")
    turn.emit(SendMessage(key, to, (Part("", template),), turn.now + ASKED_FOR, priority=turn.priority))
    turn.because({ASK_AGAIN: "asked_again", FOR_WHOM: "asked_for_whom"}.get(template, "help_told"), key=key)


def _heard(turn: Turn, to: Literal["patient", "carer"]) -> None:
    """Say at once that a cry for help has come in, and whom to call meanwhile; once a day."""
    if why := _held_back(turn, HEARD, to):
        turn.because("not_sent", held_back=why, detail={"template": HEARD})
        return
    key = turn.key(f"message/{turn.today.isoformat()}/{to}")
    turn.emit(SendMessage(key, to, (Part("", HEARD),), turn.now + ASKED_FOR, urgent=True, priority=1))
    turn.because("danger_heard", key=key)


def _held_back(turn: Turn, template: str, to: Literal["patient", "carer"]) -> str:
    if not contacts.may_be_texted(turn, urgent=template == HEARD):
        return turn.state.life
    if turn.state.opted_out:
        return "opted_out"
    if not (turn.state.phone if to == "patient" else turn.state.carer):
        return "no_phone"
    # Named as messages are, so that it is forgotten with the other counts of an old day.
    asked_before = template != FOR_WHOM and turn.number(f"message/{turn.today.isoformat()}/{template}") > 1
    return "asked_today" if asked_before else ""


def _for_a_person(turn: Turn) -> None:
    """Words that somebody of the team reads."""
    turn.open_task(TaskSpec("read_answer", "health_manager", 1))
