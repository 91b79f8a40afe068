"""What a patient has under one version of a pathway is carried into another: tag, services, days, tasks, medicine, referrals.

Rule 1: nothing is lost: each occurrence is carried on, in the service that replaces its own, or is set aside and said, and comes
        back with a version that has it.
Rule 2: nothing is said or asked twice: what was done for a day stays done for that day, whichever version counts it.
Rule 3: what a person should look at is named by a code in ``doubts``; the codes are listed in moving.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from pathways.engine import asking, marks, merging, retiming, visits
from pathways.engine.commands import CancelRefill, ReleaseVisit
from pathways.engine.decisions import known, latest
from pathways.engine.plan import Pathway, Service
from pathways.engine.redating import move_due, skip_what_has_passed
from pathways.engine.retracting import open_kinds, renamed, retract, to_be_done_again, without_words
from pathways.engine.state import Left, Occurrence, Supply
from pathways.engine.turn import Turn

RECURRING = ("follow_up", "screening", "message")


@dataclass
class Carrying:
    """One course going from ``old`` (None: its text is not at hand) to ``new``. ``mapped``: something of it was renamed."""

    turn: Turn
    old: Pathway | None
    new: Pathway
    services: Mapping[str, str]
    tags: Mapping[str, str]
    doubts: list[str] = field(default_factory=list)
    mapped: bool = False

    def __post_init__(self) -> None:
        self.name, self.version = self.new.name, self.turn.state.courses[self.new.name].version
        self.worst_before = self.turn.worst_tag

    def carry(self, **why: str) -> None:
        """Carry everything; ``why`` goes into the reason."""
        turn = self.turn
        not_for_them = self._refuses(self.new) and not (self.old is not None and self._refuses(self.old))
        lacking = self._awaited_in_vain()
        turn.plan = replace(turn.plan, pathways={**turn.plan.pathways, self.name: self.new})
        turn.course(self.name, version=self.new.version, coming="", coming_services={}, coming_tags={}, coming_rollout="")
        turn.because("version_changed", pathway=self.name, detail={"from": self.version, "to": self.new.version, **why})
        if not_for_them:
            self._doubt("not_for_this_person")
        if lacking:
            self._doubt("incomplete_visit", detail={"missing": ", ".join(lacking)})
        self._tag()
        self._referrals()
        self._occurrences()
        self._new_services()
        self._even_out()
        self._supplies()
        without_words(turn, self.new)

    def _doubt(self, code: str, **what: object) -> None:
        self.doubts.append(code)
        self.turn.because("needs_a_look", pathway=self.name, held_back=code, **what)

    # --- the person
    def _refuses(self, pathway: Pathway) -> bool:
        """The pathway says that it is not for this person."""
        return pathway.enrol_when.holds(known(self.turn, pathway, latest(self.turn), self.turn.today)) is False

    def _awaited_in_vain(self) -> tuple[str, ...]:
        """Readings that a begun visit waits for and that the new version does not collect."""
        course = self.turn.state.courses[self.name]
        if self.old is None or course.begun_on is None or self.turn.today > course.begun_on + visits.COMPLETES_WITHIN:
            return ()
        awaited = _collected(self.old) - set(course.begun)
        required = {name for name in awaited if (reading := self.old.readings.get(name)) is not None and not reading.optional}
        return tuple(sorted(required - _collected(self.new)))

    def _tag(self) -> None:
        course = self.turn.state.courses[self.name]
        was, back = course.tag or "", course.tags.get(self.new.version)
        tag = self.tags.get(was, was)
        self.mapped = self.mapped or tag != was
        if back is not None and back[1] == was:  # given by the move away from this version, and not decided on since
            tag = back[0]
        elif tag and tag not in self.new.tags:
            self._doubt("tag_gone", detail={"from": was})
            tag = ""
        kept = {version: left for version, left in course.tags.items() if version != self.new.version}
        self.turn.course(self.name, tag=tag or None, tags={**kept, self.version: (was, tag)})
        if tag != was:
            self.turn.because("tag_changed", pathway=self.name, detail={"from": was, "to": tag})

    # --- services
    def _occurrences(self) -> None:
        course, served = self.turn.state.courses[self.name], self._served()
        aside = dict(course.set_aside)
        theirs = sorted(course.services.items(), key=lambda item: (item[1].due, item[0]))
        self.turn.course(self.name, services={}, set_aside={})
        for service, occurrence in theirs:
            back = occurrence.left.get(self.new.version)  # it goes back to where it came from
            to = back.service if back is not None else self.services.get(service, service)
            self.mapped = self.mapped or to != service
            before, after = self._once(service), self.new.services.get(to)
            if why := self._set_aside_because(before, after, to):
                key = service if service not in aside else f"{service}@{self.version}"
                aside[key] = self._set_aside(service, before, occurrence, why)
            elif after is not None:
                if to != service:
                    self._rename(service, to)
                    served |= {to}
                self._carry_on(service, after, before, occurrence)
        own_first = sorted(course.set_aside, key=lambda key: (self.new.version not in aside[key].left, key))
        for key in own_first:
            back = aside[key].left.get(self.new.version)
            service = back.service if back is not None else key.partition("@")[0]
            after = self.new.services.get(service)
            if not self._set_aside_because(None, after, service) and after is not None:
                self._bring_back(after, aside.pop(key))
        self.turn.course(self.name, set_aside=aside)
        self._open_again(served - self._served())

    def _once(self, service: str) -> Service | None:
        return self.old.services.get(service) if self.old is not None else None

    def _set_aside_because(self, before: Service | None, after: Service | None, to: str) -> str:
        if after is None:
            return "service_gone" if to else "ended_on_purpose"
        if after.kind not in RECURRING or (before is not None and before.kind != after.kind):
            return "service_otherwise"
        if self.turn.occurrence(self.name, after.name) is not None:
            return "done_with_another"
        return "" if after.kind == "follow_up" or visits.is_for(self.turn, self.new, after) else "not_for_this_person"

    def _set_aside(self, service: str, before: Service | None, occurrence: Occurrence, why: str) -> Occurrence:
        turn = self.turn
        if why in ("service_gone", "service_otherwise") and (before is None or before.kind != "message"):
            self._doubt("service_gone_while_due" if why == "service_gone" else why, service=service)
        if occurrence.booking is not None and not merging.keep_visit(turn, occurrence):
            turn.emit(ReleaseVisit(occurrence.booking))
        made = to_be_done_again(open_kinds(turn, self.name, service), before, occurrence.marks)
        for task in [task for task in turn.state.tasks.values() if (task.pathway, task.service) == (self.name, service)]:
            if task.about not in turn.state.referrals:
                turn.close_tasks(why, kinds=(task.kind,), service=service, about=task.about, pathway=self.name)
        if before is not None:
            retract(turn, self.name, before, occurrence.day)
        detail = {"why": why, "due": occurrence.due.isoformat()}
        turn.because("service_set_aside", pathway=self.name, service=service, detail=detail)
        made = tuple(mark for mark in made if mark != marks.OPENED)
        return replace(occurrence, booking=None, booked=None, confirmed=False, marks=made, left=self._left(service, occurrence))

    def _rename(self, service: str, to: str) -> None:
        """A screening's own task is named by its service: it is closed, and opened under the new name."""
        self.turn.because("service_replaced", pathway=self.name, service=to, detail={"from": service})
        renamed(self.turn, self.name, service, to)
        self.turn.close_tasks("version_changed", kinds=(service,), service=to, pathway=self.name)

    def _carry_on(self, once: str, service: Service, before: Service | None, occurrence: Occurrence) -> None:
        within = retiming.within_under(occurrence, self.new)
        due = self._due(occurrence, before, service, within)
        carried = replace(occurrence, within=within, left=self._left(once, occurrence))
        self.turn.set_occurrence(self.name, service.name, carried)
        if due != occurrence.due:
            self._move_due(self.new, service, before or service, due)
        elif service.kind != "message":
            skip_what_has_passed(self.turn, self.new, service, before)

    def _bring_back(self, service: Service, occurrence: Occurrence) -> None:
        within = retiming.within_under(occurrence, self.new)
        due = self._due(occurrence, None, service, within)
        left = {version: left for version, left in occurrence.left.items() if version != self.new.version}
        self.turn.set_occurrence(self.name, service.name, replace(occurrence, since=self.turn.now, within=within, left=left))
        self.turn.because("service_back", pathway=self.name, service=service.name, detail={"due": due.isoformat()})
        if due != occurrence.due:
            self._move_due(self.new, service, service, due)

    def _due(self, occurrence: Occurrence, before: Service | None, after: Service, within: int | None) -> date:
        once, now = (before, self.worst_before), (after, self.turn.worst_tag)
        return retiming.due_under(occurrence, once, now, within, version=self.new.version, today=self.turn.today)

    def _left(self, service: str, occurrence: Occurrence) -> dict[str, Left]:
        return retiming.leaving(service, occurrence, self.version, self.new.version, today=self.turn.today, tag=self.worst_before)

    def _move_due(self, pathway: Pathway, service: Service, before: Service, due: date) -> None:
        if doubt := move_due(self.turn, pathway, service, before, due):
            self._doubt(doubt, service=service.name)

    def _served(self) -> set[str]:
        """The screenings of this pathway that have an open task of their own, or share one."""
        tasks = [task for task in self.turn.state.tasks.values() if task.kind == task.service]
        names = [name for task in tasks for name in (task.serves or ((task.pathway, task.service),))]
        return {service for pathway, service in names if pathway == self.name}

    def _open_again(self, lost: set[str]) -> None:
        """Screenings whose task was closed on the way get one again."""
        for service in lost:
            occurrence = self.turn.occurrence(self.name, service)
            if occurrence is not None and marks.OPENED in occurrence.marks:
                kept = tuple(mark for mark in occurrence.marks if mark != marks.OPENED)
                self.turn.set_occurrence(self.name, service, replace(occurrence, marks=kept))

    def _new_services(self) -> None:
        """As if the patient were enrolled today."""
        turn = self.turn
        for service in self.new.services.values():
            if service.kind not in RECURRING or turn.occurrence(self.name, service.name) is not None:
                continue
            if service.kind != "follow_up" and not visits.is_for(turn, self.new, service):
                continue
            days = max(1, min(service.first, service.every.on(turn.worst_tag)) if service.kind == "follow_up" else service.first)
            visits.plan_next(turn, self.new, service, turn.today + timedelta(days=days), last=None, code="first_due")

    def _even_out(self) -> None:
        """The worst tag sets everybody's rhythm: where it is worse now, other pathways' follow-ups move nearer."""
        turn, worst = self.turn, self.turn.worst_tag
        for pathway, service in turn.active_services("follow_up"):
            occurrence = turn.occurrence(pathway.name, service.name)
            if occurrence is None or pathway.name == self.name:
                continue
            due = self._due(occurrence, service, service, occurrence.within)
            if self.new.version not in occurrence.left and worst != self.worst_before:
                due = min(due, turn.today + timedelta(days=service.every.on(worst)))
            if due != occurrence.due:
                turn.set_occurrence(pathway.name, service.name, replace(occurrence, left=self._left(service.name, occurrence)))
                self._move_due(pathway, service, service, due)

    # --- what is under way
    def _referrals(self) -> None:
        for key, referral in list(self.turn.state.referrals.items()):
            if referral.pathway != self.name:
                continue
            to = self.services.get(referral.service, referral.service)
            after = self.new.services.get(to)
            if after is None or after.kind != "referral":
                self._doubt("referral_under_way", service=referral.service, key=key)
            elif to != referral.service:
                self.mapped = True
                self.turn.state.referrals[key] = replace(referral, service=to)
                renamed(self.turn, self.name, referral.service, to)

    def _supplies(self) -> None:
        turn = self.turn
        for medicine, supply in list(turn.state.supplies.items()):
            if supply.pathway != self.name:
                continue
            found = asking.service_for(turn, medicine)
            if found is None:
                self._set_medicine_aside(supply)
                continue
            to = (found[0].name, found[1].name)
            if to != (supply.pathway, supply.service):
                self.mapped = self.mapped or self.services.get(supply.service) == to[1]
                turn.state.supplies[medicine] = replace(supply, pathway=to[0], service=to[1])
                renamed(turn, self.name, supply.service, to[1])

    def _set_medicine_aside(self, supply: Supply) -> None:
        """No pathway keeps it now: nothing is asked for until one does; what is at home stays known."""
        turn = self.turn
        self._doubt("medicine_not_covered", service=supply.service, key=supply.key)
        abouts = tuple(about for about in (supply.key, supply.refill) if about is not None)
        kinds = {task.kind for task in turn.state.tasks.values() if task.about in abouts}
        made = to_be_done_again(kinds, self._once(supply.service), supply.marks)
        for about in abouts:
            turn.close_tasks("version_changed", about=about)
        if supply.refill is not None and supply.stage in asking.OPEN:
            turn.emit(CancelRefill(f"{supply.refill}/cancel", supply.refill, "version_changed"))
        turn.state.supplies[supply.medicine] = replace(supply, refill=None, stage="", attempt=0, marks=made)


def _collected(pathway: Pathway) -> set[str]:
    return {name for service in pathway.services.values() if service.kind == "follow_up" for name in service.collects}
