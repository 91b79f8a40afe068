"""Why, and why not: what was done for one patient and what was not, with the version, the row, the inputs, the citation behind it.

Rule 1: it is told from the timeline's own reasons, the state, and the engine run ahead; nothing is stored, and nothing is guessed.
Rule 2: where nothing happened, the answer names what held it back; an answer is never empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pathways.engine import State
from pathways.engine.calendar import local_day
from pathways.engine.commands import Reason
from pathways.engine.plan import Pathway, Plan, Service
from pathways.engine.state import Waiting
from pathways.forecast.bookings import FindDay, WorkingDay, working_day
from pathways.forecast.planned import Planned
from pathways.forecast.standing import Standing
from pathways.forecast.year import year_ahead

AHEAD = 400  # days: longer than any rhythm but a few
MOST_AHEAD, MOST_BEFORE = 5, 40  # items and reasons in an answer
TEXTS = frozenset({"message_sent", "not_sent", "message_waits", "message_held", "called_instead", "message_failed"})


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about: one of these, or nothing for how everything stands.

    ``service``: by name; ``day``: in the patient's time zone; ``message``: a text's name or its key; ``referral``: a key, or the
    name of the service; ``pathway`` narrows any of them to one pathway.
    """

    service: str = ""
    day: date | None = None
    message: str = ""
    referral: str = ""
    pathway: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """``stands``: how it stands, never empty; ``happened``: what was done or held back, newest first; ``ahead``: what comes, if all
    goes to plan."""

    stands: tuple[Reason, ...]
    happened: tuple[Reason, ...]
    ahead: tuple[Planned, ...]

    @property
    def held_back(self) -> tuple[str, ...]:
        """The codes of what holds it back now."""
        return tuple(dict.fromkeys(reason.held_back for reason in self.stands if reason.held_back))


def why(
    plan: Plan,
    state: State,
    reasons: Sequence[Reason],
    question: Question,
    now: datetime,
    *,
    working_day: WorkingDay = working_day,
    find_day: FindDay | None = None,
) -> Answer:
    """Answer ``question`` about the patient of ``state``. ``reasons``: their timeline, newest first; ``now``: aware.

    What lies ahead is the plan of ``year_ahead``, with its assumption. Never raises for an odd question: it is answered with why
    there is nothing to tell.
    """
    asks = _Asked(Standing(plan, state, reasons, now), question)

    def ahead(of: State = state) -> Sequence[Planned]:
        return year_ahead(plan, of, now=now, days=AHEAD, working_day=working_day, find_day=find_day)

    if question.day is not None:
        stands, happened, comes = asks.of_day(question.day, ahead() if question.day >= asks.at.today else (), working_day)
    elif question.message:
        stands, happened, comes = asks.of_message(question.message, ahead())
    elif question.referral:
        stands, happened, comes = asks.of_referral(question.referral)
    elif question.service:
        stands, happened, comes = asks.of_service(question.service, ahead())
    else:
        stands, happened, comes = asks.of_everything(ahead())
    return Answer(tuple(stands), tuple(happened[:MOST_BEFORE]), tuple(comes[:MOST_AHEAD]))


Told = tuple[list[Reason], list[Reason], list[Planned]]


@dataclass(frozen=True)
class _Asked:
    at: Standing
    question: Question

    def pathways(self) -> Iterator[Pathway]:
        for name in self.at.state.courses:
            pathway = self.at.turn.pathway(name)
            if pathway is not None and self.question.pathway in ("", name):
                yield pathway

    def services(self, name: str) -> Iterator[tuple[Pathway, Service]]:
        for pathway in self.pathways():
            if name in pathway.services:
                yield pathway, pathway.services[name]

    def of_service(self, name: str, ahead: Sequence[Planned]) -> Told:
        stands = list(self.at.person())
        for pathway, service in self.services(name):
            stands += self.at.service(pathway, service)
        if not any(True for _ in self.services(name)):
            stands.append(self.at.said("why_no_such_service", "no_such_service", service=name))
        happened = [one for one in self.at.reasons if one.service == name and self.question.pathway in ("", one.pathway)]
        return stands, happened, [one for one in ahead if name in one.services]

    def of_day(self, day: date, ahead: Sequence[Planned], working_day: WorkingDay) -> Told:
        zone = self.at.turn.timezone
        happened = [one for one in self.at.reasons if local_day(one.at, zone) == day]
        comes = [one for one in ahead if one.day == day]
        stands: list[Reason] = []
        if day >= self.at.today:
            stands += self.at.person()
            if working_day(day, day) != day:
                stands.append(self.at.said("why_day_off", "day_off", day=day))
        for planned in comes:
            stands += [one for one in self._due_of(planned) if one not in stands]
        if not comes and (day > self.at.today or not happened):
            later = next((one for one in ahead if one.day > day), None)
            what: dict[str, Any] = {"next": later.day} if later is not None else {}
            past = day < self.at.today
            stands.append(self.at.said("why_nothing_happened" if past else "why_nothing_planned", "nothing_due", day=day, **what))
        elif not stands:
            stands.append(self.at.said("why_day", day=day, count=len(happened)))
        return stands, happened, comes

    def _due_of(self, planned: Planned) -> Iterator[Reason]:
        """Why what is planned stands on its day."""
        for name in planned.services:
            for pathway, service in self.services(name):
                if pathway.name in planned.pathways and self.at.turn.occurrence(pathway.name, name) is not None:
                    yield from self.at.service(pathway, service)

    def of_message(self, message: str, ahead: Sequence[Planned]) -> Told:
        happened = [one for one in self.at.reasons if one.code in TEXTS and self._says(one, message)]
        keys = {one.key for one in happened if one.key}
        happened = [one for one in self.at.reasons if one in happened or (one.code in TEXTS and one.key in keys)]
        names = {message, *(name for one in happened for name in one.detail.get("template", "").split(", ") if name)}
        stands = list(self.at.person())
        for pathway in self.pathways():
            for template in sorted(names) if message in keys else [message]:
                stands += self.at.template(pathway, template)
        if not stands and not happened:
            stands.append(self.at.said("why_no_such_text", "no_such_message", template=message))
        stands += [self._waits(one) for one in self.at.state.waiting if one.template in names]
        stands += self.at.texts()
        return stands or [self.at.said("why_text_told")], happened, [one for one in ahead if names & set(one.about.split(", "))]

    def _waits(self, one: Waiting) -> Reason:
        """Until when a text waits; where it is held, by what."""
        said = {reason.key: reason for reason in reversed(self.at.reasons) if reason.code == "message_held"}.get(one.key)
        what: dict[str, Any] = {"pathway": one.pathway, "template": one.template, "day": local_day(one.at, self._zone)}
        if one.held and said is not None:
            return self.at.said("why_text_held", said.held_back, **what, hold=one.held, last=said.detail.get("last", ""))
        return self.at.said("why_text_waits", "quiet_hours", **what)

    @property
    def _zone(self) -> str:
        return self.at.turn.timezone

    def _says(self, reason: Reason, message: str) -> bool:
        named = message in reason.detail.get("template", "").split(", ") and self.question.pathway in ("", reason.pathway)
        return named or reason.key == message

    def of_referral(self, referral: str) -> Told:
        key = referral.partition("/")[0] if "#" in referral else ""
        stands = list(self.at.person())
        for pathway in self.pathways():
            for service in pathway.services.values():
                if service.kind == "referral" and (service.name == referral or key):
                    told = list(self.at.referral(pathway, service))
                    stands += [one for one in told if not key or one.key == key]
        happened = [
            one
            for one in self.at.reasons
            if (key and (one.key == key or one.key.startswith(f"{key}/"))) or (not key and one.service == referral)
        ]
        if not stands:
            closed = bool(key and happened)
            code = "why_referral_closed" if closed else "why_no_such_referral"
            stands.append(self.at.said(code, "closed" if closed else "no_such_referral", service="" if key else referral))
        return stands, happened, []

    def of_everything(self, ahead: Sequence[Planned]) -> Told:
        stands = list(self.at.person())
        for pathway in self.pathways():
            for service in pathway.services.values():
                if service.kind == "referral" and not any(one.service == service.name for one in self.at.state.referrals.values()):
                    continue
                if service.kind == "refill" and not self.at.state.supplies:
                    continue
                stands += self.at.service(pathway, service)
        stands += self.at.texts()
        if not stands:
            stands.append(self.at.said("why_on_no_pathway", "nothing_to_follow"))
        recent = self.at.now - timedelta(days=30)
        return stands, [one for one in self.at.reasons if one.held_back and one.at >= recent], list(ahead)
