"""What runs beside the visits: referrals, refills, tasks, alerts and texts that would, or would not, be under way.

Part of reconcile.py, by its rules. A referral is the same if it is for the same service and as urgent; a task if it is of the same
kind, for the same service, about the same thing. One that its own row needs no more, and another pathway's row does, at the same
place and as urgently, is that row's from then on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from pathways.engine import calendar, contacts, held, referrals, refills, visits
from pathways.engine.commands import CancelRefill, CloseTask, RetractMessage, SendMessage
from pathways.engine.events import VisitCompleted
from pathways.engine.plan import ReferSpec, TaskSpec
from pathways.engine.shadow import Shadow
from pathways.engine.state import ENDED, Referral, State, Supply, Task
from pathways.engine.turn import Turn

Meaning = tuple[str, ...]
KNOWN_LATE = "known_late"
#: Refills that a pharmacy may have in hand already.
IN_HAND = frozenset({"received", "ready", "part", "substitute_proposed"})


@dataclass(frozen=True)
class Errands:
    """One reconciliation. ``was``: without the news, ``would``: with it."""

    turn: Turn
    was: Shadow
    would: Shadow

    def reconcile(self) -> None:
        """Everything but the person and their visits."""
        self._referrals()
        self._supplies()
        self._tasks()
        self._texts()
        self._alerts()

    # --- referrals
    def _referrals(self) -> None:
        before, after = _by_meaning(self.was.state), _by_meaning(self.would.state)
        for meaning in dict.fromkeys((*before, *after)):
            more = len(after.get(meaning, ())) - len(before.get(meaning, ()))
            for referral in after.get(meaning, ())[:more] if more > 0 else ():
                if referral.stage not in referrals.DONE:
                    self._refer(referral)
            if more < 0:
                live = [key for key, one in self.turn.state.referrals.items() if _of_referral(one) == meaning]
                for key in live[more:]:
                    if not self._serves_another(key, before, after):
                        self._not_needed(key)

    def _serves_another(
        self, key: str, before: Mapping[Meaning, Sequence[Referral]], after: Mapping[Meaning, Sequence[Referral]]
    ) -> bool:
        """Whether another row, which this referral was to serve as well, still needs it: then it is that row's from now on."""
        live = self.turn.state.referrals[key]
        taken = Counter(map(_of_referral, self.turn.state.referrals.values()))
        for meaning, wanted in after.items():
            more = len(wanted) - max(len(before.get(meaning, ())), taken[meaning])
            would = wanted[-1]
            same = would.urgency == live.urgency and self._place(would) == self._place(live) != ""
            if (
                more > 0
                and same
                and would.stage not in referrals.DONE
                and (live.stage == would.stage or live.stage != "to_confirm")
            ):
                self.turn.state.referrals[key] = replace(
                    live, pathway=would.pathway, service=would.service, row=would.row, inputs=would.inputs
                )
                return True
        return False

    def _place(self, referral: Referral) -> str:
        pathway = self.turn.pathway(referral.pathway)
        service = pathway.services.get(referral.service) if pathway is not None else None
        return service.to if service is not None else ""

    def _refer(self, referral: Referral) -> None:
        """It would be under way: ask for it now, by the row that asks."""
        pathway = self.turn.pathway(referral.pathway)
        if pathway is None or referral.service not in pathway.services or self.turn.state.life in ENDED:
            self.turn.because("not_referred", pathway=referral.pathway, held_back="no_such_service", row=referral.row)
            return
        rows = (row for table in pathway.tables.values() for row in table.rows if row.id == referral.row)
        asked = (pathway.decisions[row.decision].refer for row in rows)
        found = next((spec for spec in asked if spec is not None and spec.service == referral.service), None)
        spec = found or ReferSpec(referral.service, referral.urgency)
        referrals.refer(self.turn, pathway, spec, row=referral.row, inputs=referral.inputs)

    def _not_needed(self, key: str) -> None:
        turn = self.turn
        referral = turn.state.referrals[key]
        named = {"pathway": referral.pathway, "service": referral.service, "row": referral.row, "key": key}
        if referral.stage == "to_confirm":
            del turn.state.referrals[key]
            turn.close_tasks(KNOWN_LATE, kinds=referrals.ERRANDS, about=key)
            turn.because("referral_withdrawn", **named)
            return
        turn.because("cannot_undo", **named, held_back="referral_has_gone_out", detail={"stage": referral.stage})
        spec = TaskSpec("review_referral", "doctor", 0 if referral.urgency == "emergency" else 2)
        turn.open_task(spec, pathway=referral.pathway, service=referral.service, about=key, urgent=referral.urgency == "emergency")

    # --- refills
    def _supplies(self) -> None:
        turn, before, after = self.turn, self.was.state.supplies, self.would.state.supplies
        for medicine in dict.fromkeys((*before, *after)):
            was, would, live = before.get(medicine), after.get(medicine), turn.state.supplies.get(medicine)
            if (was and (was.ends, was.stage)) == (would and (would.ends, would.stage)):
                continue
            if would is None:
                if live is not None:
                    self._call_off(live)
                    if medicine in turn.state.supplies:
                        refills.forget(turn, medicine, KNOWN_LATE)
            elif live is None:
                fresh = replace(would, key=turn.key("supply"), since=turn.now, refill=None, stage="", attempt=0)
                turn.state.supplies[medicine] = fresh
                self._say_ends(None, fresh)
            else:
                self._supply(live, would)
        held.look_again(turn)

    def _supply(self, live: Supply, would: Supply) -> None:
        turn = self.turn
        if live.refill is not None and would.refill is None:
            live = self._call_off(live)
        if live.ends == would.ends:
            return
        known = replace(
            live,
            ends=would.ends,
            fills=would.fills,
            days=would.days,
            pathway=would.pathway,
            service=would.service,
            marks=would.marks,
        )
        turn.state.supplies[live.medicine] = known
        self._say_ends(live, known)

    def _call_off(self, supply: Supply) -> Supply:
        """The request is not needed: cancelled while the pharmacy has only been asked."""
        turn = self.turn
        if supply.refill is None:
            return supply
        named = {"pathway": supply.pathway, "service": supply.service, "key": supply.refill}
        if supply.stage in IN_HAND:
            turn.because("cannot_undo", **named, held_back="refill_under_way", detail={"stage": supply.stage})
            return supply
        if supply.stage == "requested":
            turn.emit(CancelRefill(f"{supply.refill}/cancel", supply.refill, KNOWN_LATE))
        turn.close_tasks(KNOWN_LATE, about=supply.refill)
        turn.because("refill_withdrawn", **named)
        free = replace(supply, refill=None, stage="", attempt=0)
        turn.state.supplies[supply.medicine] = free
        return free

    def _say_ends(self, before: Supply | None, after: Supply) -> None:
        detail = {"from": before.ends.isoformat() if before is not None else "", "to": after.ends.isoformat()}
        self.turn.because("supply_corrected", pathway=after.pathway, service=after.service, detail=detail)

    # --- tasks
    def _tasks(self) -> None:
        turn = self.turn
        before = {_of_task(self.was.state, task): key for key, task in self.was.state.tasks.items()}
        after = {_of_task(self.would.state, task): key for key, task in self.would.state.tasks.items()}
        for key, task in list(turn.state.tasks.items()):
            meaning = _of_task(turn.state, task)
            if meaning in before and meaning not in after and task.about not in turn.state.referrals:
                del turn.state.tasks[key]
                turn.emit(CloseTask(key, KNOWN_LATE))
        for meaning, key in after.items():
            if meaning not in before and turn.state.life == "active":
                self._open(key, self.would.state.tasks[key])

    def _open(self, key: str, task: Task) -> None:
        """It would be open: open it now. A chase that nobody began is not begun at its end; errands of a referral come with it."""
        told = self.would.opened.get(key)
        if told is None or task.kind in visits.CHASING or task.kind == task.service or task.kind in referrals.ERRANDS:
            return
        about = self._about(task.about)
        if task.about is not None and about is None:
            return
        self.turn.open_task(
            TaskSpec(told.kind, told.by, 0),
            pathway=told.pathway,
            service=told.service,
            about=about,
            urgent=told.urgent,
            due=max(told.due, self.turn.today),
            collects=told.collects,
        )

    def _about(self, about: str | None) -> str | None:
        """The live patient's key for what the shadow's is about."""
        wanted = _thing(self.would.state, about)
        live = self.turn.state
        names = [*live.referrals, *(key for s in live.supplies.values() for key in (s.key, s.refill) if key is not None)]
        return next((name for name in names if _thing(live, name) == wanted), None)

    # --- texts
    def _texts(self) -> None:
        turn = self.turn
        kept = Counter(text[:3] for text in _texts(self.would))
        gone: dict[tuple[str, str], list[date]] = {}
        for template, pathway, day, sent in _texts(self.was):
            meant = (template, pathway, day)
            if kept[meant] > 0:
                kept[meant] -= 1
            elif turn.state.clock is not None and sent <= turn.state.clock and not self._unsaid(pathway, template, day):
                gone.setdefault((pathway, template), []).append(calendar.local_day(sent, turn.timezone))
        for (pathway, template), days in gone.items():
            detail = {"template": template, "day": max(days).isoformat(), "times": str(len(days))}
            turn.because("cannot_undo", pathway=pathway, held_back="message_sent", detail=detail)
        waiting = {(w.pathway, w.template, w.day) for w in self.would.state.waiting}
        off = {(w.pathway, w.template, w.day) for w in self.was.state.waiting} - waiting
        for one in turn.state.waiting:
            if (one.pathway, one.template, one.day) in off:
                turn.because("message_retracted", pathway=one.pathway, key=one.key, detail={"template": one.template})
        turn.state.waiting = tuple(w for w in turn.state.waiting if (w.pathway, w.template, w.day) not in off)

    def _unsaid(self, pathway: str, template: str, day: str) -> bool:
        """Whether the text may not have gone out yet, and is retracted."""
        turn = self.turn
        for told in turn.state.told:
            same = (told.pathway, told.template, told.day.isoformat() if told.day else "") == (pathway, template, day)
            if same and told.not_after >= turn.now:
                turn.emit(RetractMessage(told.key, KNOWN_LATE, ((pathway, template),)))
                turn.because("message_retracted", pathway=pathway, key=told.key, detail={"template": template})
                turn.state.told = tuple(one for one in turn.state.told if one != told)
                return True
        return False

    # --- alerts
    def _alerts(self) -> None:
        """An emergency that would have been told, and that no later visit has overtaken, is told now."""
        told = {one.event.id for one in self.was.steps if _alerting(one.commands)}
        for index, one in enumerate(self.would.steps):
            overtaken = any(isinstance(later.event, VisitCompleted) for later in self.would.steps[index + 1 :])
            if _alerting(one.commands) and one.event.id not in told and self.turn.state.life not in ENDED:
                if overtaken:
                    self.turn.because("on_call_told", held_back="overtaken_by_visit", detail={"role": "on_call"})
                else:
                    contacts.alert(self.turn, "on_call")


def _alerting(commands: Iterable[object]) -> bool:
    return any(isinstance(command, SendMessage) and command.to == "on_call" for command in commands)


def _texts(shadow: Shadow) -> list[tuple[str, str, str, datetime]]:
    """Template, pathway and day of everything that this life told the patient and the clinician on call, with when."""
    return [
        (part.template, part.pathway, part.day.isoformat() if part.day else "", one.event.learnt)
        for one in shadow.steps
        for command in one.commands
        if isinstance(command, SendMessage) and command.to != "carer"  # who hears it beside the patient
        for part in command.parts
    ]


def _of_referral(referral: Referral) -> Meaning:
    return referral.pathway, referral.service, referral.urgency


def _by_meaning(state: State) -> dict[Meaning, list[Referral]]:
    found: dict[Meaning, list[Referral]] = {}
    for referral in state.referrals.values():
        found.setdefault(_of_referral(referral), []).append(referral)
    return found


def _thing(state: State, about: str | None) -> Meaning:
    """What a key is about, by meaning."""
    if about is None:
        return ()
    if about in state.referrals:
        return "referral", *_of_referral(state.referrals[about])
    for supply in state.supplies.values():
        if about in (supply.key, supply.refill):
            return "supply" if about == supply.key else "refill", supply.medicine
    return ("closed",)


def _of_task(state: State, task: Task) -> Meaning:
    return task.kind, task.pathway, task.service, *_thing(state, task.about)
