"""Life as it is: in hospital and back, paused, moved away, withdrawn, died, lost and found again.

Rule 1: lost contact is a state with a recovery step; it is never *completed*, and it never ends what is due.
Rule 2: whoever rests (hospital, pause) is looked after: a task asks about them until they are back.
Rule 3: for those who have died, withdrawn or moved away everything open is closed, and nothing is ever sent.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from pathways.engine import calls, contacts, merging, moving, new_numbers, referrals, refills, visits
from pathways.engine.commands import ReleaseVisit, SendAgain
from pathways.engine.events import Enrolled, MessageFailed, PathwaysChanged
from pathways.engine.plan import TaskSpec
from pathways.engine.state import ENDED, Course, Life, Person
from pathways.engine.turn import Turn

REST_CHECKED_EVERY = timedelta(days=30)
LONGEST_PAUSE = timedelta(days=366)
CHOOSE = "choose_pathway"  # the task about somebody who is on none
BACK_WITHIN = 7  # days from coming back to the next visit


def enrolled(turn: Turn, event: Enrolled) -> None:
    """A person joins, or comes back after having left."""
    state = turn.state
    if state.life in ("active", "paused", "in_hospital", "died"):
        turn.because("already_known", held_back=state.life)
        return
    for name in list(state.courses):  # of an earlier time with us: what was due then is worked out anew
        del state.courses[name]
    state.life, state.life_since, state.life_until, state.life_checks = "active", turn.now, None, 0
    state.reach, state.reach_since = "reachable", None
    state.person = Person(event.born, event.sex, tuple(event.conditions), event.timezone)
    state.phone, state.carer, state.agreed = event.phone, event.carer, event.texts is True or state.agreed
    state.medicine_findings = ()  # the tasks of an earlier time are closed: what still holds is found anew
    for name, reading in event.readings.items():
        visits.remember(turn, {name: reading.value}, min(reading.on, turn.today))
    turn.because("enrolled", detail={"pathways": ", ".join(event.pathways)})
    if event.lacks:
        turn.because("person_incomplete", missing=event.lacks)
    join(turn, event.pathways, last_visit=event.last_visit, enrolment=event)
    refills.taken_over(turn, event.fills)


def changed(turn: Turn, event: PathwaysChanged) -> None:
    """Another diagnosis, or one that was wrong: other pathways from now."""
    if event.conditions is not None and event.conditions != turn.state.person.conditions:
        turn.state.person = replace(turn.state.person, conditions=event.conditions)
        turn.because("person_changed")
    for name in event.pathways:
        if name not in turn.state.courses and turn.pathway(name) is not None:
            turn.because("joined_pathway", pathway=name)
    join(turn, event.pathways)


def join(turn: Turn, pathways: tuple[str, ...], *, last_visit: date | None = None, enrolment: Enrolled | None = None) -> None:
    """Be on exactly these pathways; leaving one leaves the others whole."""
    for name in [name for name in turn.state.courses if name not in pathways]:
        for occurrence in turn.state.courses.pop(name).services.values():
            if occurrence.booking is not None and not merging.keep_visit(turn, occurrence):
                turn.emit(ReleaseVisit(occurrence.booking))
        merging.left(turn, name)
        for medicine in [m for m, supply in turn.state.supplies.items() if supply.pathway == name]:
            refills.hand_over(turn, medicine, "left_pathway")
        goes_on = {*turn.state.referrals, *refills.keys(turn)}
        for task in [task for task in turn.state.tasks.values() if task.pathway == name and task.about not in goes_on]:
            turn.close_tasks("left_pathway", pathway=name, kinds=(task.kind,), about=task.about, service=task.service)
        for waiting in [waiting for waiting in turn.state.waiting if waiting.pathway == name and waiting.about not in goes_on]:
            turn.state.waiting = tuple(other for other in turn.state.waiting if other is not waiting)
            turn.because("not_sent", pathway=name, held_back="left_pathway", detail={"template": waiting.template})
        turn.because("left_pathway", pathway=name)
    new = [name for name in pathways if name not in turn.state.courses]
    for name in new:
        pathway = turn.pathway(name)
        if pathway is None:
            turn.because("unknown_pathway", held_back="not_in_plan", detail={"pathway": name})
            continue
        turn.state.courses[name] = Course(version=pathway.version)
    for name in new:
        pathway = turn.pathway(name)
        if pathway is not None:
            done = enrolment.done if enrolment else {}
            visits.begin(turn, pathway, last_visit=last_visit, done=done, tag=enrolment.tag if enrolment else None)
    unplaced(turn)
    moving.adopt(turn)
    visits.revise(turn)
    _even_out(turn)


def unplaced(turn: Turn) -> None:
    """Whoever is on no pathway is the care team's task, again where it was closed in vain, until one is chosen or they leave."""
    if turn.state.courses:
        turn.close_tasks("pathway_chosen", kinds=(CHOOSE,))
        return
    turn.because("on_no_pathway", held_back="nothing_to_follow")
    turn.open_task(TaskSpec(CHOOSE, "coordinator", 7))


def _even_out(turn: Turn) -> None:
    """The worst tag sets the rhythm, also where a later pathway brought it: what was due moves nearer, never further."""
    for pathway, service in turn.active_services("follow_up"):
        occurrence = turn.occurrence(pathway.name, service.name)
        limit = turn.today + timedelta(days=service.every.on(turn.worst_tag))
        if occurrence is not None and occurrence.due > limit:
            visits.plan_next(turn, pathway, service, limit, last=occurrence.last, code="due_sooner", counted_from=turn.today)


def end(turn: Turn, life: Life) -> None:
    """Died, withdrawn, moved away: close everything."""
    if turn.state.life in ENDED:
        if life == "died" and turn.state.life != "died":
            _set(turn, life)
            return
        turn.because("already_ended", held_back=turn.state.life)
        return
    _set(turn, life)
    turn.close_tasks(life)
    for key in list(turn.state.referrals):
        referrals.cancel(turn, key, life)
    for medicine in list(turn.state.supplies):
        refills.forget(turn, medicine, life)
    _release_visits(turn)
    turn.state.waiting = turn.state.new_numbers = ()
    turn.outbox.clear()


def rest(turn: Turn, life: Life, until: date | None = None) -> None:
    """In hospital or paused: contacts rest, nothing that is due is dropped."""
    if turn.state.life in ENDED or turn.state.life == "not_enrolled":
        turn.because("not_rested", held_back=turn.state.life)
        return
    if life == "paused" and turn.state.life == "in_hospital":
        turn.because("not_rested", held_back="in_hospital")
        turn.open_task(TaskSpec("ask_about_pause", "health_manager", 7))
        return
    _set(turn, life, min(until, turn.today + LONGEST_PAUSE) if until is not None else None)
    turn.close_tasks(life, kinds=visits.CHASING)
    _release_visits(turn)
    turn.state.waiting = ()


def back(turn: Turn, *rests: Life) -> None:
    """Back from one of these ``rests`` (hospital, pause): what fell due meanwhile is due soon."""
    if turn.state.life not in rests:
        turn.because("not_resumed", held_back=turn.state.life)
        return
    came_from = turn.state.life
    _set(turn, "active")
    turn.close_tasks("back", kinds=("check_on_rest",))
    soon = turn.today + timedelta(days=BACK_WITHIN)
    _bring_forward(turn, soon, always=came_from == "in_hospital")


def _bring_forward(turn: Turn, soon: date, *, always: bool) -> None:
    for pathway, service in turn.active_services("follow_up", "screening", "message"):
        occurrence = turn.occurrence(pathway.name, service.name)
        if occurrence is None:
            continue
        if occurrence.due <= soon or (always and service.kind == "follow_up"):
            visits.plan_next(turn, pathway, service, soon, last=occurrence.last, code="due_again")


def found(turn: Turn) -> None:
    """A sign of life: whoever was unreachable is back on the path, and what was missed is due soon."""
    if turn.state.reach != "unreachable":
        return
    turn.state.reach, turn.state.reach_since = "reachable", turn.now
    turn.close_tasks("found", kinds=visits.CHASING)
    turn.because("found_again")
    _bring_forward(turn, turn.today + timedelta(days=BACK_WITHIN), always=False)


def lost(turn: Turn) -> None:
    """Nobody could reach the patient."""
    if turn.state.reach == "unreachable":
        return
    turn.state.reach, turn.state.reach_since, turn.state.searches = "unreachable", turn.now, 0
    turn.because("unreachable")
    search(turn)


def search(turn: Turn) -> None:
    """The recovery step of somebody who is lost; it comes again until they are found."""
    turn.state.searches += 1
    turn.open_task(TaskSpec("search", "health_manager", 14))


def check_on(turn: Turn) -> None:
    """Ask after somebody who rests."""
    turn.state.life_checks += 1
    turn.open_task(TaskSpec("check_on_rest", "health_manager", 7))


def sign_of_life(turn: Turn) -> None:
    """An answer, a reading, a call that was taken."""
    found(turn)


def wrong_number(turn: Turn) -> None:
    """The number is somebody else's: nothing is sent there any more."""
    turn.state.phone = False
    turn.because("phone_wrong")
    turn.open_task(TaskSpec("find_number", "health_manager", 3))


def message_failed(turn: Turn, event: MessageFailed) -> None:
    """A text did not arrive. Another way is tried where there is one; else the number may be dead, so somebody calls."""
    to, reason, key = event.to, event.reason, event.key
    turn.because("message_failed", key=key, held_back=reason)
    if event.elsewhere and _may_go_another_way(turn, event):
        turn.emit(SendAgain(key))
        turn.because("sent_another_way", key=key)
        return
    if to in ("new_patient", "new_carer"):
        new_numbers.failed(turn, event)
        return
    urgent = reason != "too_late" and _only_to(turn, to) and _was_urgent(turn, key)
    if urgent:  # it was about their safety: no search and no number that is looked for is quick enough
        calls.stands_for(turn, key, "urgent_call", lambda: contacts.call_instead(turn, "", key, reason, urgent=True))
    if turn.state.reach == "unreachable" and to != "on_call":
        return  # the search is on
    if to == "carer" and reason in ("no_such_number", "landline"):
        turn.state.carer = False
        turn.open_task(TaskSpec("find_number", "health_manager", 3))
    elif to == "patient" and reason in ("no_such_number", "landline"):
        turn.state.phone = False
        turn.open_task(TaskSpec("find_number", "health_manager", 3))
    elif to == "patient" and reason == "opted_out":
        contacts.stop(turn)
    elif to == "on_call":
        spec = TaskSpec("on_call_not_told", "coordinator", 0)
        calls.stands_for(turn, key, spec.kind, lambda: turn.open_task(spec, urgent=True))
    elif reason in ("too_late", "place_closed", "out_of_stock"):
        contacts.say_again(turn, key)
    elif turn.state.life == "active" and not urgent:
        calls.stands_for(turn, key, "phone_reminder", lambda: contacts.call_instead(turn, "", key, reason))


def _may_go_another_way(turn: Turn, event: MessageFailed) -> bool:
    """Not for somebody who wants no texts or has left; in hospital or paused only what is urgent."""
    if event.to == "on_call":
        return True
    if turn.state.opted_out or turn.state.life in ENDED:
        return False
    if event.to in ("patient", "carer") and all(told.key != event.key for told in turn.state.told):
        return False  # taken back since: not wanted any more, or not so any more
    return turn.state.life == "active" or _was_urgent(turn, event.key)


def _only_to(turn: Turn, to: str) -> bool:
    """Whether what did not reach ``to`` reached nobody; somebody in hospital is looked after."""
    return turn.state.life in ("active", "paused") and (to == "patient" or (to == "carer" and not turn.state.phone))


def _was_urgent(turn: Turn, key: str) -> bool:
    said = (told for told in turn.state.told if told.key == key)
    return any((pathway := turn.pathway(one.pathway)) is not None and one.template in pathway.urgent_messages for one in said)


def _set(turn: Turn, life: Life, until: date | None = None) -> None:
    turn.because(f"life_{life}", detail={"until": until.isoformat()} if until else {})
    turn.state.life, turn.state.life_since, turn.state.life_until = life, turn.now, until
    turn.state.life_checks = 0


def _release_visits(turn: Turn) -> None:
    for pathway, service in turn.active_services("follow_up"):
        occurrence = turn.occurrence(pathway.name, service.name)
        if occurrence is not None and occurrence.booking is not None:
            turn.emit(ReleaseVisit(occurrence.booking))
            turn.set_occurrence(pathway.name, service.name, replace(occurrence, booking=None, booked=None))
