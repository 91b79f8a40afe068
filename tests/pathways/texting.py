"""A patient whose texts are looked at: what went out when, by which clock, and what did not and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from plans import plan, written_and_read

from pathways.engine import State, events, next_due
from pathways.engine.calendar import at_local
from pathways.engine.commands import Reason, RetractMessage, SendMessage
from pathways.engine.plan import ContactRules, Plan
from pathways.forecast.bookings import steps

MOST = 3_000


def by(**rules: Any) -> Plan:
    """The shipped pathways under other rules of contact."""
    return replace(plan(), contact=replace(ContactRules(), **rules))


@dataclass
class Texted:
    """One patient, led from due moment to due moment, the state serialised between any two steps."""

    plan: Plan
    zone: str = "Asia/Shanghai"
    state: State = field(default_factory=lambda: State("p-1"))
    sent: list[tuple[datetime, str, SendMessage]] = field(default_factory=list)  # with the zone they live in then
    retracted: list[RetractMessage] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)

    @classmethod
    def enrolled(cls, following: Plan | None = None, on: date = date(2025, 3, 3), **known: Any) -> Texted:
        """Somebody with hypertension, enrolled at eight in the morning where they live."""
        zone = known.get("timezone", "Asia/Shanghai")
        one = cls(following or plan(), zone)
        enrolment = {"pathways": ("hypertension",), "born": date(1975, 4, 1), "timezone": zone, **known}
        one.happens(events.Enrolled, at_local(on, time(8), zone), **enrolment)
        return one

    def moment(self, on: date, at: time) -> datetime:
        """When it is ``at`` where they live."""
        return at_local(on, at, self.zone)

    def until(self, moment: datetime) -> None:
        """Let time pass."""
        for _ in range(MOST):
            due = next_due(self.plan, self.state)
            if due is None or due > moment:
                return
            self.take(events.DueReached(id=f"due/{due}", at=due, learnt=due))
        raise AssertionError("time does not pass")

    def happens(self, event: type[events.Event], moment: datetime, **what: Any) -> None:
        """``event`` happens, and is learnt, at ``moment``."""
        self.until(moment)
        self.take(event(id=f"{event.__name__}/{moment}", at=moment, learnt=moment, **what))  # type: ignore[arg-type]

    def take(self, event: events.AnyEvent) -> None:
        for taken in steps(self.plan, self.state, event, between=written_and_read):
            self.state = taken.outcome.state
            self.zone = self.state.person.timezone
            for command in taken.outcome.commands:
                if isinstance(command, SendMessage):
                    self.sent.append((taken.event.learnt, self.zone, command))
                elif isinstance(command, RetractMessage):
                    self.retracted.append(command)
            self.reasons += taken.outcome.reasons

    # --- what came of it
    def told(self, template: str) -> list[datetime]:
        """When this text went out, by the patient's clock of then."""
        return [
            moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            for moment, zone, message in self.sent
            for part in message.parts
            if part.template == template and message.to == "patient"
        ]

    def why_not(self, template: str) -> list[str]:
        """What held this text back, each time that it was not sent."""
        named = [reason for reason in self.reasons if template in reason.detail.get("template", "").split(", ")]
        return [reason.held_back for reason in named if reason.code in ("not_sent", "called_instead")]

    def fails(self, template: str, reason: str, moment: datetime) -> None:
        """The last message with this text is told of as not arrived."""
        of = [message for _, _, message in self.sent if any(part.template == template for part in message.parts)]
        self.happens(events.MessageFailed, moment, key=of[-1].key, reason=reason, to=of[-1].to)

    def counted(self) -> Counter[tuple[str, str, date | None, str | None]]:
        """How often each thing was said to the patient."""
        messages = [message for _, _, message in self.sent if message.to == "patient"]
        return Counter((part.pathway, part.template, part.day, part.about) for one in messages for part in one.parts)


def is_decent(moment: datetime, zone: str, rules: ContactRules) -> bool:
    """Told by the clock on the wall, without the engine."""
    local = moment.astimezone(UTC).astimezone(ZoneInfo(zone))
    quiet = local.weekday() in rules.quiet_weekdays or local.date() in rules.quiet_dates
    return rules.opens <= local.time() < rules.closes and not quiet
