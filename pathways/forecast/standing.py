"""How a service, a text or a referral stands for one patient this moment, as reasons that people can be shown.

Rule 1: nothing is decided here: what the engine rests on (due days, marks, rows, who leads whom) is read, and named.
Rule 2: what is not done has what holds it back, as a code; what was decided has its version, row, inputs and citation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from pathways.engine import State, asking, calendar, contacts, marks, merging, refills, useful, visits
from pathways.engine.commands import Reason
from pathways.engine.plan import Pathway, Plan, Service
from pathways.engine.state import Occurrence
from pathways.engine.turn import Turn

ANSWERED = frozenset({"decided", "tag_at_enrolment", "home_reading"})
SET_THE_DAY = frozenset({"first_due", "next_due", "due_sooner", "due_again", "due_moved"})
NOWHERE = frozenset({"nowhere", "out_of_stock", "refused"})


@dataclass
class Standing:
    """One patient at ``now``; ``reasons``: their timeline, newest first."""

    plan: Plan
    state: State
    reasons: Sequence[Reason]
    now: datetime

    def __post_init__(self) -> None:
        self.turn = Turn(self.plan.as_of(self.state), self.state, self.now)
        self.leaders, self.led = visits.visit_leaders(self.turn), merging.led(self.turn)

    @property
    def today(self) -> date:
        """The patient's local day."""
        return self.turn.today

    def said(
        self, code: str, held_back: str = "", *, pathway: str = "", service: str = "", row: str = "", **detail: object
    ) -> Reason:
        """A reason of this moment; each ``detail`` as text."""
        followed = self.turn.plan.pathways.get(pathway)
        told = {name: str(value) for name, value in detail.items()}
        return Reason(self.now, code, pathway, followed.version if followed else "", service, row, held_back=held_back, detail=told)

    # --- the person
    def person(self) -> Iterator[Reason]:
        """What holds everything back, or every text."""
        state = self.state
        if state.life != "active":
            until: dict[str, Any] = {"until": state.life_until} if state.life_until else {}
            yield self.said("why_nothing_is_done", state.life, **until)
        elif state.reach != "reachable":
            yield self.said("why_searched_for", state.reach)

    def texts(self) -> Iterator[Reason]:
        """What stands in the way of a routine text now."""
        if why := contacts.cannot_text(self.turn):
            yield self.said("why_no_text", why)
        if self.state.refused:
            yield self.said("why_no_text_of_kind", "not_wanted", kinds=", ".join(self.state.refused))
        cap = self.turn.plan.contact.weekly_cap
        week = [day for day in self.state.texted if day > self.today - timedelta(days=7)]
        if len(week) >= cap:
            yield self.said(
                "why_no_routine_text", "weekly_cap", count=len(week), day=min(week, default=self.today) + timedelta(days=7)
            )

    # --- services
    def service(self, pathway: Pathway, service: Service) -> Iterator[Reason]:
        """How one service of one pathway stands."""
        if service.kind == "refill":
            yield from self._medicine(pathway, service)
        elif service.kind == "referral":
            yield from self.referral(pathway, service)
        else:
            occurrence = self.turn.occurrence(pathway.name, service.name)
            if occurrence is not None:
                yield from self._recurring(pathway, service, occurrence)
            elif service.name in self.state.courses[pathway.name].set_aside:
                yield self.said("why_not_asked_for", "set_aside", pathway=pathway.name, service=service.name)
            else:
                yield self.said("why_not_asked_for", "not_for_this_person", pathway=pathway.name, service=service.name)

    def _recurring(self, pathway: Pathway, service: Service, occurrence: Occurrence) -> Iterator[Reason]:
        yield from self.decision(pathway, service)
        yield self._due(pathway, service, occurrence)
        mine = (pathway.name, service.name)
        named = {"pathway": pathway.name, "service": service.name}
        if mine in self.led:
            of, with_ = self.led[mine]
            yield self.said("why_drawn_with", "drawn_once", **named, **{"with": with_, "of": of})
        elif service.kind == "follow_up" and mine not in self.leaders:
            yield from self._at_another_visit(pathway, service, occurrence)
        elif occurrence.booked is not None:
            yield self.said("why_agreed" if occurrence.confirmed else "why_booked", **named, day=occurrence.booked)
        elif service.kind == "follow_up" and occurrence.booking is not None:
            yield self.said("why_no_day", "no_day_found", **named)
        if self.state.courses[pathway.name].begun_on is not None and service.kind == "follow_up":
            yield self.said("why_readings_awaited", "readings_missing", **named, day=self.state.courses[pathway.name].begun_on)
        opened = any((task.pathway, task.service) == mine or mine in task.serves for task in self.state.tasks.values())
        if self.today > occurrence.day:
            yield self.said("why_overdue", **named, day=occurrence.day, days=(self.today - occurrence.day).days)
        elif not opened:
            opens = occurrence.due - timedelta(days=service.opens)
            yield self.said("why_not_due", "not_due", **named, due=occurrence.due, day=max(opens, self.today))
        for key, task in self.state.tasks.items():
            if (task.pathway, task.service) == mine or mine in task.serves:
                yield replace(self.said("why_task_open", **named, kind=task.kind), key=key)

    def _at_another_visit(self, pathway: Pathway, service: Service, occurrence: Occurrence) -> Iterator[Reason]:
        led_by = [
            (found.due, found.day, name) for name, of in self.leaders if (found := self.turn.occurrence(name, of)) is not None
        ]
        first = max((one for one in led_by if one[0] <= occurrence.due), default=None)
        if first is not None:
            named = {"pathway": pathway.name, "service": service.name}
            yield self.said("why_at_another_visit", "merged_visit", **named, of=first[2], day=first[1])

    def decision(self, pathway: Pathway, service: Service) -> Iterator[Reason]:
        """The last row that decided on the service, with its inputs and citation."""
        mine = self._names(pathway, service)
        decided = (one for one in self.reasons if one.code in ANSWERED and (one.pathway, one.service) in mine and one.row)
        yield from (one for one in [next(decided, None)] if one is not None)

    def _names(self, pathway: Pathway, service: Service) -> set[tuple[str, str]]:
        """What the service is called, and was called under versions that were left."""
        occurrence = self.turn.occurrence(pathway.name, service.name)
        once = {left.service for left in occurrence.left.values()} if occurrence is not None else set()
        return {(pathway.name, name) for name in (service.name, *once)}

    def _due(self, pathway: Pathway, service: Service, occurrence: Occurrence) -> Reason:
        """From what its due day was counted, and by whose rule."""
        due = occurrence.due.isoformat()
        mine = self._names(pathway, service)
        how = (one for one in self.reasons if one.code in SET_THE_DAY and (one.pathway, one.service) in mine)
        set_by = next((one for one in how if one.detail.get("due", one.detail.get("to", "")) == due), None)
        code = set_by.code if set_by is not None else ""
        named = {"pathway": pathway.name, "service": service.name}
        last = occurrence.last
        rhythm, tag = service.every.on(self.turn.worst_tag), self.turn.worst_tag or ""
        if code == "first_due" and last is None:
            days = (occurrence.due - occurrence.counted_from).days if occurrence.counted_from else service.first
            return self.said("why_due_first", **named, due=due, days=days)
        since = occurrence.counted_from or last
        counted = since is not None and (occurrence.due - since).days in (rhythm, occurrence.within)
        if set_by is not None and (code in ("due_again", "due_sooner") or (code == "due_moved" and not counted)):
            return replace(set_by, at=self.now, service=service.name)
        if since is None or last is None:
            return self.said("why_due", **named, due=due)
        days = (occurrence.due - since).days
        decided = next(self.decision(pathway, service), None)
        if decided is not None and occurrence.within is not None and days == occurrence.within < rhythm:
            return self.said("why_due_by_row", row=decided.row, **named, due=due, days=days, since=since)
        if days == rhythm and service.every.always is not None:
            return self.said("why_due_by_rhythm", **named, due=due, days=days, since=since)
        if days == rhythm and (whose := self._whose_tag()) not in (None, pathway.name):
            return self.said("why_due_by_anothers_tag", **named, due=due, days=days, since=since, tag=tag, of=whose)
        if days == rhythm:
            return self.said("why_due_by_tag" if tag else "why_due_by_rhythm", **named, due=due, days=days, since=since, tag=tag)
        return self.said("why_due", **named, due=due)

    def _whose_tag(self) -> str | None:
        worst = self.turn.worst_tag
        of = [name for name, course in self.state.courses.items() if course.tag == worst]
        return of[0] if of else None

    # --- medicine
    def _medicine(self, pathway: Pathway, service: Service) -> Iterator[Reason]:
        named: dict[str, Any] = {"pathway": pathway.name, "service": service.name}
        theirs = [
            supply
            for supply in self.state.supplies.values()
            if asking.service_for(self.turn, supply.medicine) == (pathway, service)
        ]
        for supply in theirs:
            about: dict[str, Any] = {"medicine": supply.medicine, "ends": supply.ends, "day": refills.request_on(service, supply)}
            if not supply.stage:
                yield self.said("why_refill_not_due", "not_due", **named, **about)
            elif supply.stage == asking.HELD:
                yield self.said("why_refill_held", "checks", **named, **about)
            else:
                held = "stock" if supply.stage in NOWHERE else ""
                told = replace(
                    self.said("why_refill_asked_for", held, **named, **about, stage=supply.stage), key=supply.refill or ""
                )
                yield told
        if not theirs:
            yield self.said("why_no_medicine", "nothing_known", **named)

    # --- referrals
    def referral(self, pathway: Pathway, service: Service) -> Iterator[Reason]:
        """The open referrals by one service, or why there is none."""
        named = {"pathway": pathway.name, "service": service.name}
        open_ = [
            (key, one) for key, one in self.state.referrals.items() if (one.pathway, one.service) == (pathway.name, service.name)
        ]
        for key, one in open_:
            since = calendar.local_day(one.stage_since, self.turn.timezone)
            held = "to_confirm" if one.stage == "to_confirm" else ""
            told = self.said("why_referral_stands", held, row=one.row, **named, stage=one.stage, since=since)
            yield replace(told, key=key, inputs=dict(one.inputs))
        joined = (one for one in self.reasons if one.code == "already_referred" and one.key in self.state.referrals)
        asked = next((one for one in joined if (one.pathway, one.service) == (pathway.name, service.name)), None)
        if asked is not None and not open_:
            yield asked  # a row did ask: the open referral of another pathway serves it
        elif not open_:
            asks = [
                name for name, decision in pathway.decisions.items() if decision.refer and decision.refer.service == service.name
            ]
            rows = [row.id for table in pathway.tables.values() for row in table.rows if row.decision in asks]
            yield self.said("why_no_referral", "no_row_asked", **named, rows=", ".join(dict.fromkeys(rows)))
            for follow_up in pathway.services.values():
                if follow_up.kind == "follow_up":
                    yield from self.decision(pathway, follow_up)

    # --- texts
    def template(self, pathway: Pathway, template: str) -> Iterator[Reason]:
        """Everything of one pathway that says this text, and how each stands."""
        for service in pathway.services.values():
            occurrence = self.turn.occurrence(pathway.name, service.name)
            named = {"pathway": pathway.name, "service": service.name, "template": template}
            if occurrence is not None:
                for reminder in service.remind:
                    if reminder.send == template:
                        yield self._reminder(named, occurrence, marks.of_reminder(reminder), reminder.offset)
                for mark, missed in zip(marks.of_escalations(service.if_missed), service.if_missed, strict=True):
                    if missed.send == template:
                        day = occurrence.day + timedelta(days=missed.after.on(self.turn.worst_tag))
                        yield self.said("why_sent_if_missed", "" if mark in occurrence.marks else "not_missed", **named, day=day)
                if service.send == template:
                    yield self.said("why_text_ahead", "not_due", **named, day=occurrence.due)
            for stage, says in service.says.items():
                if says == template:
                    yield self.said("why_sent_at_stage", **named, stage=stage)
        asks = {name for name, decision in pathway.decisions.items() if decision.send == template}
        rows = [row.id for table in pathway.tables.values() for row in table.rows if row.decision in asks]
        if rows:
            yield self.said("why_sent_by_row", pathway=pathway.name, template=template, rows=", ".join(rows))

    def _reminder(self, named: dict[str, str], occurrence: Occurrence, mark: str, offset: int) -> Reason:
        at = useful.reminds_at(self.turn, occurrence.day, offset)
        day = calendar.local_day(at, self.turn.timezone)
        mine = (named["pathway"], named["service"])
        if mine in self.led:
            of, with_ = self.led[mine]
            return self.said("why_text_of_another", "drawn_once", **named, **{"with": with_, "of": of})
        if self.turn.pathway(mine[0]).services[mine[1]].kind == "follow_up" and mine not in self.leaders:  # type: ignore[union-attr]
            return self.said("why_text_of_another", "merged_visit", **named, **{"with": "follow_up", "of": ""})
        if mark in occurrence.marks:
            return self.said("why_text_done", **named, day=day)
        if at < occurrence.since:
            return self.said("why_text_passed", "too_late", **named, day=day)
        return self.said("why_text_ahead", "not_due", **named, day=day)
