"""What a step means to the people in it, in plain words: who experiences what, and why.

Rule 1: every row that decided is named, with what it read and whom it cites.
Rule 2: what was held back is told like what was done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime

from pathways.engine import commands, events
from pathways.engine.commands import Reason
from pathways.engine.events import AnyEvent, Event
from pathways.engine.plan import Plan
from pathways.engine.step import Outcome
from pathways.language.wording import NoWording, Wording, in_language

#: Reasons told elsewhere (by a command, or by the event itself) or of no interest to a reader.
_SILENT = frozenset(
    {
        *("task_opened", "task_already_open", "task_closed", "message_sent", "on_call_told"),
        *("task_postponed", "task_handed_over"),
        *("enrolled", "called", "answered", "person_changed", "visit_booked"),
    }
)
_WHO: Mapping[type[Event], str] = {
    events.VisitCompleted: "patient",
    events.ReadingReceived: "patient",
    events.AnswerReceived: "patient",
    events.CallMade: "nurse",
    events.TaskClosed: "nurse",
    events.TaskPostponed: "nurse",
    events.TaskHandedOver: "nurse",
    events.ReferralDecided: "doctor",
    events.ReferralMoved: "clinic",
    events.RefillMoved: "pharmacy",
    events.SubstituteDecided: "doctor",
    events.Dispensed: "pharmacy",
}
_UNTOLD = {"part": False, "attempt": 0, "substitute": ""}  # what is so as a rule is not told
_ROLE = {"health_manager": "nurse", "on_call": "on call"}


@dataclass(frozen=True, slots=True)
class Line:
    """At local time ``at``, ``who`` experiences ``what``, because of ``why``."""

    at: datetime
    who: str
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Narrator:
    """Tells steps; texts are worded where a ``wording`` is at hand, else named."""

    plan: Plan
    wording: Wording | None
    language: str

    def event(self, now: datetime, event: AnyEvent) -> Iterator[Line]:
        """What happened; the passing of time tells itself."""
        if isinstance(event, events.DueReached | events.VisitBooked):
            return
        own = {one.name for one in fields(Event)}
        given = {one.name: getattr(event, one.name) for one in fields(event) if one.name not in own}
        given = {name: value for name, value in given.items() if name not in _UNTOLD or value != _UNTOLD[name]}
        told = ", ".join(f"{name} {_plain(value)}" for name, value in given.items() if value not in (None, (), "") and value != {})
        name = _words(type(event).__name__)
        ours = isinstance(event, events.ReferralMoved) and event.stage in ("more_given", "cancelled", "abort_asked")
        who = "nurse" if ours else _WHO.get(type(event), "record")
        yield Line(now, who, f"{name}: {told}" if told else name)

    def outcome(self, now: datetime, outcome: Outcome) -> Iterator[Line]:
        """What came of it."""
        for reason in outcome.reasons:
            if reason.row and reason.code != "referral_requested":
                yield Line(now, "record", _decided(reason), self._because(reason) if reason.decision else "")
        by_key = {reason.key: reason for reason in outcome.reasons if reason.key}
        for command in outcome.commands:
            yield from self._command(now, command, by_key.get(command.key))
        for reason in outcome.reasons:
            if reason.code == "visit_booked" and not reason.held_back:
                yield Line(now, "nurse", f"visit booked for {_day(date.fromisoformat(reason.detail['day']))}")
            elif not reason.row and reason.code not in _SILENT:
                yield Line(now, "record", self._plain_reason(reason))

    def templates(self, outcome: Outcome) -> list[str]:
        """The messages that went to the patient or the carer, by name."""
        sent = [c for c in outcome.commands if isinstance(c, commands.SendMessage) and c.to == "patient"]
        sent = sent or [c for c in outcome.commands if isinstance(c, commands.SendMessage) and c.to == "carer"]
        return [part.template for command in sent for part in command.parts]

    def _command(self, now: datetime, command: commands.Command, reason: Reason | None) -> Iterator[Line]:
        match command:
            case commands.SendMessage(to="on_call"):
                yield Line(now, "on call", "told at once that something is urgent", "a row or an answer asks for it")
            case commands.SendMessage():
                names = ", ".join(part.template for part in command.parts)
                yield Line(now, command.to, f'text "{self._text(command)}"', f"{names}{', urgent' if command.urgent else ''}")
            case commands.OpenTask():
                who = _ROLE.get(command.by, command.by)
                asks = f" for {', '.join(command.collects)}" if command.collects else ""
                due = f"by {_day(command.due)}"
                yield Line(
                    now, who, f"task {_words(command.kind)}{asks}, {due}{', urgent' if command.urgent else ''}", command.service
                )
            case commands.CloseTask():
                yield Line(now, "nurse", f"task {_words(_kind(command.key))} is closed", _words(command.why))
            case commands.RequestReferral():
                read = _read(command.inputs)
                yield Line(
                    now,
                    "clinic",
                    f"asked as place {command.attempt} to see the patient, {_words(command.urgency)}",
                    f"{command.row} {read}",
                )
            case commands.RemindPlace():
                yield Line(now, "clinic", "is reminded of the referral", f"not a word since {command.since:%Y-%m-%d %H:%M} UTC")
            case commands.CancelReferral():
                yield Line(now, "clinic", "need not see the patient any more", _words(command.why))
            case commands.RequestRefill():
                what = f"asked as pharmacy {command.attempt} for {command.medicine}"
                yield Line(now, "pharmacy", what, f"first day without: {_day(command.runs_out)}")
            case commands.CancelRefill():
                yield Line(now, "pharmacy", "need not prepare it any more", _words(command.why))
            case commands.AskAdvice():
                yield Line(now, "record", f"{_words(command.service)} is asked for advice", "nothing waits for it")
            case commands.ReleaseVisit():
                yield Line(now, "nurse", "the day kept for the visit is free again")
            case commands.RetractMessage():
                yield Line(now, "patient", "is not told what was planned", _words(command.why))
            case commands.BookVisit():
                pass  # told once it is booked

    def _text(self, command: commands.SendMessage) -> str:
        if self.wording is None:
            return "; ".join(f"{part.template}{f' {part.day}' if part.day else ''}" for part in command.parts)
        samples = {name: in_language(texts, self.language)[0] for name, texts in self.wording.frames.variables.items()}
        of_pathways = [part for part in command.parts if part.pathway]  # what the network adds is not of this wording
        parts = [
            (part.pathway, part.template, samples | ({"day": part.day.isoformat()} if part.day else {}))
            for part in of_pathways or command.parts
        ]
        try:
            return self.wording.render(parts, self.language, samples.get("sender", "Cairn"), "")
        except NoWording:
            return ", ".join(part.template for part in command.parts)

    def _because(self, reason: Reason) -> str:
        told = in_language(reason.because, self.language) or _words(reason.code)
        read = _read(reason.inputs)
        missing = f"; missing: {', '.join(reason.missing)}" if reason.missing else ""
        return f"{told}{f'; {read}' if read else ''}{missing}{f' [{reason.cites}]' if reason.cites else ''}"

    def _plain_reason(self, reason: Reason) -> str:
        about = " ".join(part for part in (reason.service, _detail(reason.detail, of=reason.service)) if part)
        held = f", held back: {_words(reason.held_back)}" if reason.held_back else ""
        return f"{_words(reason.code)}{f' ({about})' if about else ''}{held}"


def _decided(reason: Reason) -> str:
    tag = f", tag {reason.detail['tag']}" if "tag" in reason.detail else ""
    if reason.code == "tag_changed":
        return f"tag changes from {reason.detail['from'] or 'none'} to {reason.detail['to']}"
    return f"{_words(reason.code)}: {reason.row} {reason.decision}".rstrip() + tag


def _read(inputs: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in inputs.items())


def _detail(detail: Mapping[str, str], *, of: str = "") -> str:
    return ", ".join(value if name == of else f"{name} {value}" for name, value in detail.items())


def _plain(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case date():
            return value.isoformat()
        case events.Known():
            return f"{_plain(value.value)} on {value.on}"
        case events.Fill():
            return f"{value.medicine}, {value.days} days from {value.on}"
        case Mapping():
            return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
        case tuple():
            return " + ".join(_plain(one) for one in value) or "none"
        case _:
            return str(value)


def _kind(key: str) -> str:
    return key.removeprefix("task/").partition("#")[0]


def _words(code: str) -> str:
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in code)
    return spaced.strip().replace("_", " ")


def _day(day: date) -> str:
    return f"{day.strftime('%a')} {day.isoformat()}"
