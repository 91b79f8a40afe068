"""One patient led through the months ahead by the engine of the live patient, with luck in place of life.

Rule 1: only the patient, the care team and the places are imagined; what follows from what they do is the engine's.
Rule 2: whoever acts on something does so a day later at the earliest, so that what falls due within half a day is one step.
Rule 3: the luck of the third visit is the same under every version, whenever that visit is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from operator import is_

from pathways.engine import events, visits
from pathways.engine.asking import HELD, HELD_TASK
from pathways.engine.commands import Command, OpenTask, ReleaseVisit, RequestReferral, RequestRefill, SendMessage
from pathways.engine.events import AnyEvent, Fill, Value
from pathways.engine.turn import Turn
from pathways.forecast.leading import Leading

CALLED = frozenset(
    {"phone_reminder", "phone_call", "urgent_call", "call_about_reading", "overdue_service", "find_another_day", "check_on_rest"}
)
NOBODYS = frozenset({"confirm_referral"})  # unanswered it goes out within hours; a doctor who confirms changes nothing in the work
TRIES = 3  # calls that nobody answers, before the care team leaves it to the pathway
TRIES_AGAIN = 3  # days
CALLS_AT, COMES_AT, CLOSES_AT = timedelta(hours=3), timedelta(hours=5), timedelta(hours=8)  # after the staff's day has begun
SCREENED_LATE = 14  # days


@dataclass
class Following(Leading):
    """One patient under one version, and the people around them."""

    def begins(self, *moved: AnyEvent) -> None:
        """Bring the patient up to the beginning; then what makes the difference happens, and what is open is taken up."""
        since, before = self.around.since, self.state.copy()
        for event in (events.DueReached(id="forecast", at=since, learnt=since), *moved):
            self.take(event)
        state, behaviour = self.state, self.around.behaviour
        for key, task in before.tasks.items():  # what has come since is taken up as it comes
            if key in state.tasks:
                self._asked(key, task.kind, task.service, self.today)
        for key in before.referrals:
            self._referred(key)
        for medicine, supply in before.supplies.items():
            if supply.stage and supply.stage != HELD:
                self._fetches(medicine)
        if state.life == "in_hospital":
            self._plan(behaviour.rests_days, CLOSES_AT, lambda: self._tell(events.Discharged))
        elif state.life == "paused" and state.life_until is None:
            self._plan(behaviour.rests_days, CLOSES_AT, lambda: self._tell(events.Resumed))
        leaves = self.luck.share("leaves")
        if leaves < behaviour.leaves:
            self._plan(int(365 * leaves / behaviour.leaves), CLOSES_AT, lambda: self._tell(events.MovedAway))

    # --- what the engine asks for
    def _heed(self, command: Command) -> None:
        count = self.around.count
        match command:
            case SendMessage() if command.to != "on_call":
                count("sms", self.today, 1)
                count("segments", self.today, self.around.segments(command))
                if any(part.day is not None and part.day < self.today for part in command.parts):
                    told = self._again("texts")
                    if self.luck.share("comes for a text", self._made, told) < self.around.behaviour.comes_after_text:
                        self._comes_within("for a text")
            case ReleaseVisit() if command.key in self._days:
                self.around.team.taken(self._days.pop(command.key), -1)
            case OpenTask():
                self._asked(command.key, command.kind, command.service, command.due)
            case RequestReferral() if command.attempt == 1:
                count("referrals", self.today, 1)
                self._referred(command.referral)
            case RequestRefill() if command.attempt == 1:
                count("refills", self.today, 1)
                self._fetches(command.medicine)
            case _:
                pass

    # --- visits
    def _expect(self) -> None:
        """A visit has got another day: whether and when the patient comes to it by themselves."""
        rests_on = (self.state.life, *self.state.courses.values())
        if len(rests_on) == len(self._looked_at) and all(map(is_, rests_on, self._looked_at)):
            return
        self._looked_at = rests_on
        found = (
            visits.next_visit(Turn(self.around.plan.as_of(self.state), self.state, self.at, self._ahead, looks=True))
            if self.state.life == "active"
            else None
        )
        expected = (found[0], found[1], found[2].n, found[2].day) if found else ()
        if expected == self._expected:
            return
        self._expected = expected
        if found is None:
            return
        behaviour, drawn = self.around.behaviour, self.luck.share("comes", self._made)
        if drawn >= behaviour.on_the_day + behaviour.late:
            return
        day = found[2].day
        if drawn >= behaviour.on_the_day:
            day += timedelta(days=self.luck.between(1, max(1, behaviour.latest_days), "late", self._made))
        self._comes(self.around.team.worked_from(max(day, self.today + timedelta(days=1))))

    def _comes_within(self, why: str) -> None:
        days = self.luck.between(1, max(1, self.around.behaviour.comes_when_called_days), why, self._made)
        self._comes(self.around.team.worked_from(self.today + timedelta(days=days)))

    def _comes(self, day: date) -> None:
        expected, made = self._expected, self._made

        def visit() -> None:
            if self.state.life == "active" and self._made == made and self._expected == expected:
                self._visits()

        self._plan_on(day, COMES_AT, visit)

    def _visits(self) -> None:
        state, readings, done = self.state, dict[str, Value](), []
        for name, course in state.courses.items():
            pathway = self.around.plan.pathways[name]
            for service in pathway.services.values():
                occurrence = course.services.get(service.name)
                if occurrence is None:
                    continue
                if service.kind == "screening" and "opened" in occurrence.marks:
                    done.append(service.name)
                if service.kind == "follow_up" or service.name in done:
                    readings |= self.health.measured(pathway, service.collects, self.today)
        done = list(dict.fromkeys(done))
        self.around.count("visits", self.today, 1)
        self.around.count("screenings", self.today, len(done))
        self._made += 1
        self._since_visit.clear()
        self._tell(events.VisitCompleted, readings=readings, done=tuple(done))

    # --- tasks, referrals, medicine
    def _asked(self, key: str, kind: str, service: str, due: date) -> None:
        staff = max(1, self.around.behaviour.staff_days)
        if kind in CALLED:
            self._plan(staff, CALLS_AT, lambda: self._called(key, service, 1))
        elif kind == service:
            times = self._time(f"screening/{service}")
            if self.luck.share("screening", service, times) < self.around.behaviour.screened:
                days = (due - self.today).days + self.luck.between(-SCREENED_LATE, SCREENED_LATE, "screened", service, times)
                self._plan(max(staff, days), COMES_AT, lambda: self._screened(key, service))
        elif kind not in NOBODYS:
            self._plan(staff, CLOSES_AT, lambda: self._done(key, kind, service))

    def _called(self, key: str, service: str, tries: int) -> None:
        if key not in self.state.tasks:
            return
        behaviour = self.around.behaviour
        self.around.count("calls", self.today, 1)
        calls = self._again("calls")
        if self.luck.share("answers", self._made, calls) >= behaviour.answers_call:
            self._tell(events.CallMade, outcome="no_answer")
            if tries < TRIES:
                self._plan(TRIES_AGAIN, CALLS_AT, lambda: self._called(key, service, tries + 1))
            return
        self._tell(events.CallMade, outcome="reached")
        if key in self.state.tasks:
            self._tell(events.TaskClosed, task=key)
        if self.luck.share("comes when called", self._made, calls) < behaviour.comes_when_called:
            kept = next((k for k, task in self.state.tasks.items() if task.kind == task.service == service), None)
            if kept is None:
                self._comes_within("called")
            else:
                days = self.luck.between(1, max(1, behaviour.comes_when_called_days), "called", service, calls)
                self._plan(days, COMES_AT, lambda: self._screened(kept, service))

    def _screened(self, key: str, service: str) -> None:
        task = self.state.tasks.get(key)
        pathway = self.around.plan.pathways.get(task.pathway) if task is not None else None
        if pathway is None or service not in pathway.services or self.state.life != "active":
            return
        readings = self.health.measured(pathway, pathway.services[service].collects, self.today)
        self.around.count("screenings", self.today, 1)
        self._tell(events.ServiceCompleted, service=service, readings=readings)

    def _done(self, key: str, kind: str, service: str) -> None:
        task = self.state.tasks.get(key)
        if task is None:
            return
        behaviour, outcome, comes = self.around.behaviour, "done", False
        if kind == "home_visit":
            self.around.count("home_visits", self.today, 1)
            comes = self.luck.share("at home", self._made, self._again("home visits")) < behaviour.at_home
        elif kind == "search":
            self.around.count("calls", self.today, 1)
            comes = self.luck.share("found", self._time("searches")) < behaviour.found_again
            outcome = "found" if comes else "not_found"
        elif kind == "referral_check":
            outcome = "completed"
        elif kind == HELD_TASK.kind:
            outcome = "go_on"  # what a doctor would decide changes nothing in the work
        elif kind == "complete_readings" and (pathway := self.around.plan.pathways.get(task.pathway)) is not None:
            collects = pathway.services[service].collects if service in pathway.services else ()
            self._tell(events.ReadingReceived, readings=self.health.measured(pathway, collects, self.today), source="staff")
        if key in self.state.tasks:
            self._tell(events.TaskClosed, task=key, outcome=outcome)
        if comes:
            self._comes_within(kind)

    def _referred(self, key: str) -> None:
        self._plan(max(1, self.around.behaviour.referral_days), CLOSES_AT, lambda: self._seen(key))

    def _seen(self, key: str) -> None:
        referral = self.state.referrals.get(key)
        if referral is not None and referral.stage not in ("to_confirm", "completed", "sent_back"):
            self._tell(events.ReferralMoved, referral=key, stage="completed")

    def _fetches(self, medicine: str) -> None:
        behaviour, supply = self.around.behaviour, self.state.supplies.get(medicine)
        if supply is None:
            return
        times = self._time(f"refill/{medicine}")
        left = max(1, (supply.ends - self.today).days)
        days = self.luck.between(1, left, "fetches", medicine, times)
        if self.luck.share("refill", medicine, times) >= behaviour.fetches:
            days = left + self.luck.between(1, max(1, behaviour.fetches_late_days), "fetches late", medicine, times)
        self._plan(days, CLOSES_AT, lambda: self._fetched(medicine))

    def _fetched(self, medicine: str) -> None:
        supply = self.state.supplies.get(medicine)
        if supply is not None and supply.stage not in ("", HELD) and self.state.life == "active":
            self._tell(events.Dispensed, fill=Fill(medicine, self.today, self.around.behaviour.supply_days))
