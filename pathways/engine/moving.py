"""Moving a patient from one version of a pathway to another: whether it can be done without asking, and doing it.

Rule 1: there is one way to change versions, and it is here; what a person is told beforehand is what the move itself would do.
Rule 2: going to a version and straight back leaves the due days where they were.
Rule 3: a move that does not fit (another version is followed, the text is not at hand) is said, and changes nothing.

What needs a person, by code:

- ``tag_gone``: the patient's tag is no tag of the new version, and nothing was named that replaces it; they would have none.
- ``service_gone_while_due``: a follow-up or screening that they have is gone, and nothing was named that replaces it or ends it.
- ``service_otherwise``: the service of that name is now of another kind (a follow-up has become a screening).
- ``referral_under_way``: a referral is open whose service the new version does not have.
- ``medicine_not_covered``: medicine is looked after that no refill service keeps any more, on any of their pathways.
- ``agreed_day_lost``: a day was agreed with them that lies too far beyond the new due day.
- ``not_for_this_person``: the new version's ``enrol_when`` says no, where the old one did not.
- ``incomplete_visit``: a visit waits for readings that the new version does not collect.
- ``not_on_this_version``: they are not on the version from which they are to be moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal

from pathways.engine.carrying import Carrying
from pathways.engine.events import VersionMoved
from pathways.engine.plan import Pathway, Plan
from pathways.engine.redating import chase_without_words
from pathways.engine.state import Course, State
from pathways.engine.turn import Turn

__all__ = ["Fit", "Replacing", "adopt", "at_safe_point", "classify", "moved", "take_over"]

NEEDS_PERSON = (
    *("tag_gone", "service_gone_while_due", "service_otherwise", "referral_under_way", "medicine_not_covered"),
    *("agreed_day_lost", "not_for_this_person", "incomplete_visit", "not_on_this_version"),
)


@dataclass(frozen=True, slots=True)
class Replacing:
    """What the author says replaces what: a service or tag of the old version to one of the new, "" where it ends on purpose."""

    services: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def back(self) -> Replacing:
        """The same the other way round, for a rollback; what ended on purpose comes back by itself."""
        return Replacing(_back(self.services), _back(self.tags))


def _back(names: Mapping[str, str]) -> dict[str, str]:
    return {new: old for old, new in reversed(list(names.items())) if new}


@dataclass(frozen=True, slots=True)
class Fit:
    """How a patient fits another version: ``clean`` moves by itself, ``mapped`` by what the author named; ``codes``: see above."""

    fit: Literal["clean", "mapped", "needs_person"]
    codes: tuple[str, ...] = ()


def classify(
    old: Pathway, new: Pathway, state: State, replacing: Replacing | None = None, *, others: Iterable[Pathway] = ()
) -> Fit:
    """How the patient of ``state`` would move from ``old`` to ``new``: the move is made on a copy.

    ``others``: the other pathways they are on, which may keep a medicine or set the rhythm.
    """
    course = state.courses.get(old.name)
    if course is None or course.version != old.version or new.name != old.name:
        return Fit("needs_person", ("not_on_this_version",))
    plan = Plan({**{other.name: other for other in others}, old.name: old})
    turn = Turn(plan, state, state.clock or datetime.min.replace(tzinfo=UTC))
    replacing = replacing or Replacing()
    carrying = Carrying(turn, old, new, replacing.services, replacing.tags)
    carrying.carry()
    if carrying.doubts:
        return Fit("needs_person", tuple(dict.fromkeys(carrying.doubts)))
    return Fit("mapped" if carrying.mapped else "clean")


def moved(turn: Turn, event: VersionMoved) -> None:
    """A rollout moves the patient, now or at the next safe point."""
    course = turn.state.courses.get(event.pathway)
    told = {"from": event.came_from, "to": event.to, "policy": event.policy, "rollout": event.rollout}
    if course is None:
        turn.because("not_moved", pathway=event.pathway, held_back="not_on_pathway", detail=told)
    elif course.version == event.to and course.coming and course.coming == event.came_from:
        turn.course(event.pathway, **_NOTHING_COMES)
        turn.because("version_not_coming", pathway=event.pathway, detail=told)
    elif course.version == event.to:
        turn.because("not_moved", pathway=event.pathway, held_back="already_on_version", detail=told)
    elif course.version != event.came_from:
        turn.because("not_moved", pathway=event.pathway, held_back="on_another_version", detail=told)
    elif (new := _version(turn, event.pathway, event.to)) is None:
        turn.because("not_moved", pathway=event.pathway, held_back="unknown_version", detail=told)
    elif event.policy == "safe_point" and not _is_safe(turn, course, new):
        coming = {"coming": event.to, "coming_services": dict(event.services), "coming_tags": dict(event.tags)}
        turn.course(event.pathway, **coming, coming_rollout=event.rollout)
        turn.because("version_coming", pathway=event.pathway, held_back="waits_for_safe_point", detail=told)
    else:
        take_over(turn, course, new, Replacing(event.services, event.tags), policy=event.policy, rollout=event.rollout)


_NOTHING_COMES: dict[str, object] = {"coming": "", "coming_services": {}, "coming_tags": {}, "coming_rollout": ""}


def at_safe_point(turn: Turn, before: Mapping[str, Course], on: date) -> None:
    """A visit was recorded: where it decided a follow-up, the version that was coming takes over. ``before``: courses before it."""
    for name, course in list(turn.state.courses.items()):
        if not course.coming or name not in before or not _was_decided(turn, name, before[name], course, on):
            continue
        new = _version(turn, name, course.coming)
        if new is None:
            detail = {"from": course.version, "to": course.coming, "rollout": course.coming_rollout}
            turn.because("not_moved", pathway=name, held_back="unknown_version", detail=detail)
            continue
        replacing = Replacing(course.coming_services, course.coming_tags)
        take_over(turn, course, new, replacing, policy="safe_point", rollout=course.coming_rollout)


def adopt(turn: Turn) -> None:
    """Move at once to the versions that the plan holds, where it does not hold those that the patient is on."""
    for name, course in list(turn.state.courses.items()):
        pathway = turn.pathway(name)
        if pathway is not None and pathway.version != course.version:
            take_over(turn, course, pathway, Replacing(), policy="now", rollout="")


def take_over(turn: Turn, course: Course, new: Pathway, replacing: Replacing, *, policy: str, rollout: str) -> None:
    """Carry ``course`` to ``new``, whoever decided it."""
    old = turn.pathway(new.name)
    if old is not None and old.version != course.version:
        old = None
    Carrying(turn, old, new, replacing.services, replacing.tags).carry(policy=policy, rollout=rollout)
    chase_without_words(turn, turn.pathway(new.name) or new, course.version, old)


def _version(turn: Turn, pathway: str, version: str) -> Pathway | None:
    found = turn.plan.versions.get(version) or turn.pathway(pathway)
    return found if found is not None and (found.name, found.version) == (pathway, version) else None


def _is_safe(turn: Turn, course: Course, new: Pathway) -> bool:
    """Somebody who has no follow-up on this pathway has no visit to wait for."""
    pathway = turn.pathway(new.name)
    return pathway is None or not any(s.kind == "follow_up" and s.name in course.services for s in pathway.services.values())


def _was_decided(turn: Turn, name: str, before: Course, after: Course, on: date) -> bool:
    pathway = turn.pathway(name)
    follow_ups = [s.name for s in pathway.services.values() if s.kind == "follow_up"] if pathway is not None else []
    return any(
        (one := after.services.get(service)) is not None
        and one.last in (on, before.begun_on)
        and ((was := before.services.get(service)) is None or was.n != one.n)
        for service in follow_ups
    )
