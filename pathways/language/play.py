"""A story is played: one patient through the engine, day by day, as patient, nurse, clinic and pharmacy would see it.

Rule 1: it is the engine of the live patient that plays; nothing is imitated but the people outside.
Rule 2: time moves from one due moment to the next; no clock is read.
Rule 3: nothing is shown that has no reason, and what was held back is shown too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, cast

from pathways.engine import State, events, next_due
from pathways.engine.assess import facts
from pathways.engine.calendar import at_local, zone
from pathways.engine.events import AnyEvent, Event, Fill, Known
from pathways.engine.plan import Plan
from pathways.engine.state import Person
from pathways.forecast.bookings import steps
from pathways.language import scenarios as told
from pathways.language.catalogue import Loaded, library, load, load_stories
from pathways.language.document import Document, Steps
from pathways.language.errors import BadScenario, PathwayError, report
from pathways.language.expectations import unmet
from pathways.language.narrate import Line, Narrator
from pathways.language.scenarios import Scenario, Step
from pathways.language.wording import Wording

MIDDAY = time(12, 0)
EVENING = time(20, 0)  # where only time passes, the day's texts have gone out

_LIFE: Mapping[str, type[Event]] = {
    "died": events.Died,
    "hospitalised": events.Hospitalised,
    "discharged": events.Discharged,
    "paused": events.Paused,
    "resumed": events.Resumed,
    "moved_away": events.MovedAway,
    "withdrawn": events.Withdrawn,
}
_ANSWERS = {"1": "confirm", "2": "another_day", "stop": "stop", "td": "stop", "start": "start"}


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that was not met. ``place``: the step in its document."""

    scenario: str
    place: Steps
    what: str


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a story: lines in order of time, expectations not met, the rows that decided, the state at the end."""

    name: str
    lines: tuple[Line, ...]
    failures: tuple[Failure, ...]
    rows: frozenset[str]
    state: State


@dataclass
class Player:
    """One patient being played. ``between`` is laid between any two steps (a test serialises there)."""

    plan: Plan
    timezone: str
    narrator: Narrator
    patient: str = "story"
    between: Callable[[State], State] = lambda state: state
    lines: list[Line] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        self.state = State(self.patient)

    def moment(self, on: date, at: time | None = None) -> datetime:
        """UTC moment of a local time; never before the story's present, so that steps of one day keep their order."""
        wanted = at_local(on, at or MIDDAY, self.timezone)
        return wanted if self.state.clock is None else max(wanted, self.state.clock)

    def wait(self, until: datetime) -> None:
        """Let time pass, from one due moment to the next."""
        while (due := next_due(self.plan, self.state)) is not None and due <= until:
            self._take(events.DueReached(id=self._id(), at=due, learnt=due))

    def happens(self, event: type[Event], on: date, at: time | None = None, **what: Any) -> None:
        """``event`` happens, and is learnt, on this local day."""
        moment = self.moment(on, at)
        self.wait(moment)
        self._take(cast(AnyEvent, event(id=self._id(), at=moment, learnt=moment, **what)))

    def tell(self, *said: Line) -> None:
        self.lines.extend(said)

    def _id(self) -> str:
        self._count += 1
        return f"event-{self._count}"

    def _take(self, event: AnyEvent) -> None:
        for taken in steps(self.plan, self.state, event, between=self.between):
            outcome = taken.outcome
            self.state = outcome.state
            now = taken.event.learnt.astimezone(zone(self.timezone))
            self.tell(*self.narrator.event(now, taken.event), *self.narrator.outcome(now, outcome))
            self.rows.extend(reason.row for reason in outcome.reasons if reason.row)
            self.sent.extend(self.narrator.templates(outcome))


def play(
    scenario: Scenario,
    plan: Plan,
    *,
    wording: Wording | None = None,
    between: Callable[[State], State] = lambda state: state,
) -> Played:
    """Play ``scenario`` on those pathways of ``plan`` that the patient matches (on all where none matches)."""
    person = scenario.patient
    player = Player(plan, person.timezone, Narrator(plan, wording, person.language), between=between)
    player.happens(events.Enrolled, scenario.enrolled, time(8, 0), **_enrolment(scenario, plan))
    failures: list[Failure] = []
    for number, one in enumerate(scenario.steps):
        if number:
            player.sent.clear()
        problem = _do(player, one)
        for what in [problem] if problem else unmet(player.plan, player.state, player.rows, player.sent, one.expect):
            failures.append(Failure(scenario.name, one.place, what))
    return Played(scenario.name, tuple(player.lines), tuple(failures), frozenset(player.rows), player.state)


def played_scenarios(loaded: Loaded) -> list[Played]:
    """What came of each of the scenarios inside a document, in their order; none of a document with an error."""
    if loaded.pathway is None:
        return []
    plan = Plan({loaded.pathway.name: loaded.pathway})
    return [play(scenario, plan, wording=loaded.wording) for scenario in loaded.scenarios]


def otherwise(loaded: Loaded, played: Iterable[Played]) -> list[PathwayError]:
    """What came otherwise than expected, each with its place."""
    if loaded.document is None:
        return []
    return [_located(failure, loaded.document) for one in played for failure in one.failures]


def run_scenarios(loaded: Loaded) -> list[PathwayError]:
    """Play the scenarios inside a document; what came otherwise than expected, each with its place."""
    return otherwise(loaded, played_scenarios(loaded))


def rows_reached(loaded: Loaded) -> frozenset[str]:
    """The ids of all rows that decide in a document's own scenarios."""
    if loaded.pathway is None:
        return frozenset()
    plan = Plan({loaded.pathway.name: loaded.pathway})
    return frozenset[str]().union(*(play(scenario, plan).rows for scenario in loaded.scenarios))


def play_story(pathway: str, file: Path) -> int:
    """Print the stories of ``file`` as they go on ``pathway`` (a shipped one's name, or a file): 0, or 1 if any is otherwise."""
    path = Path(pathway)
    loaded = library().get(pathway) or (load(path, file=str(path)) if path.is_file() else None)
    if loaded is None or loaded.pathway is None:
        known = ", ".join(sorted(library()))
        print(report(loaded.errors) if loaded else f"{pathway}: neither a shipped pathway nor a file; use one of: {known}")
        return 1
    plan = Plan({loaded.pathway.name: loaded.pathway})
    stories = load_stories(file, file=str(file), pathways=plan.pathways)
    if stories.problems:
        print(report(stories.problems))
    played = [play(scenario, plan, wording=loaded.wording) for scenario in stories.scenarios]
    for one in played:
        print(render(one))
    bad = any(problem.severity == "error" for problem in stories.problems)
    return int(bad or any(one.failures for one in played))


def _located(failure: Failure, document: Document) -> PathwayError:
    what = f"{failure.scenario}: {failure.what}"
    return BadScenario(what, at=document.at(*failure.place), remedy="mend the row, or what the scenario expects")


def render(played: Played) -> str:
    """The story for a nurse to read: day, hour, who, what, why."""
    text = [played.name, "=" * len(played.name)]
    day: date | None = None
    for line in played.lines:
        if line.at.date() != day:
            day = line.at.date()
            text += ["", f"{day.isoformat()} {day.strftime('%a')}"]
        text.append(f"  {line.at.strftime('%H:%M')}  {line.who:<9} {line.what}")
        if line.why:
            text.append(f"{'':18} why: {line.why}")
    text += ["", "Expectations: all met." if not played.failures else "Expectations not met:"]
    text += [f"  {failure.what}" for failure in played.failures]
    return "\n".join(text) + "\n"


def matching(plan: Plan, patient: told.Patient, on: date) -> tuple[str, ...]:
    """The pathways whose enrolment condition holds for ``patient``; all where none does."""
    person = Person(patient.born, patient.sex, patient.conditions, patient.timezone)
    held = [name for name, pathway in plan.pathways.items() if pathway.enrol_when.holds(facts(pathway, person, None, {}, on=on))]
    return tuple(held or plan.pathways)


def _enrolment(scenario: Scenario, plan: Plan) -> dict[str, Any]:
    person = scenario.patient
    follow_ups = {s.name for p in plan.pathways.values() for s in p.services.values() if s.kind == "follow_up"}
    visits = [day for name, day in person.last_done.items() if name in follow_ups]
    return {
        "pathways": matching(plan, person, scenario.enrolled),
        "born": person.born,
        "sex": person.sex,
        "conditions": person.conditions,
        "timezone": person.timezone,
        "carer": person.carer,
        "last_visit": max(visits, default=None),
        "readings": {name: Known(known.value, known.on) for name, known in person.known.items()},
        "done": {name: day for name, day in person.last_done.items() if name not in follow_ups},
        "fills": tuple(Fill(m.name, m.last_fill, m.days_supply) for m in person.medicines),
    }


def _do(player: Player, one: Step) -> str:
    """Let the step happen; what is wrong where it cannot."""
    on, at, action, state = one.on, one.at, one.action, player.state
    if not isinstance(action, told.Nothing):
        player.wait(player.moment(on, at))
        state = player.state
    match action:
        case told.Visit():
            player.happens(events.VisitCompleted, on, at, readings=_complete(player.plan, action.readings))
        case told.Home():
            player.happens(events.ReadingReceived, on, at, readings=dict(action.readings.given), source="home")
        case told.Lab(readings=readings, service=None):
            player.happens(events.ReadingReceived, on, at, readings=dict(readings.given), source="laboratory")
        case told.Lab():
            player.happens(events.ServiceCompleted, on, at, service=action.service, readings=dict(action.readings.given))
        case told.Call():
            player.happens(events.CallMade, on, at, outcome=action.outcome)
        case told.Done():
            player.happens(events.ServiceCompleted, on, at, service=action.service)
        case told.Dispensed():
            player.happens(events.Dispensed, on, at, fill=Fill(action.medicine, on, action.days), part=action.part)
        case told.StockOut():
            supply = state.supplies.get(action.medicine)
            if supply is None or supply.refill is None:
                return f"stock_out: no refill of {action.medicine} was asked for by {on}"
            player.happens(events.RefillMoved, on, at, refill=supply.refill, stage="out_of_stock")
        case told.Answer():
            player.happens(events.AnswerReceived, on, at, kind=_ANSWERS.get(action.text.strip().lower(), "text"))
        case told.ReferralNews():
            if not state.referrals:
                return f"referral: none is open on {on}"
            key = list(state.referrals)[-1]
            player.happens(events.ReferralMoved, on, at, referral=key, stage=action.stage, day=action.day)
        case told.Confirmed():
            waiting = [key for key, referral in state.referrals.items() if referral.stage == "to_confirm"]
            if not waiting:
                return f"confirm: no referral waits for a clinician on {on}"
            player.happens(events.ReferralDecided, on, at, referral=waiting[0], approved=action.yes)
        case told.Postponed() | told.HandedOver():
            task = next((key for key, task in state.tasks.items() if task.kind == action.task), None)
            if task is None:
                return f"task: no {action.task} is open on {on}"
            if isinstance(action, told.Postponed):
                player.happens(events.TaskPostponed, on, at, task=task, until=action.until, reason=action.reason)
            else:
                player.happens(events.TaskHandedOver, on, at, task=task, to=action.to)
        case told.LifeChange():
            player.happens(_LIFE[action.what], on, at)
        case told.Nothing():
            player.wait(player.moment(on, at or EVENING))
    return ""


def _complete(plan: Plan, readings: told.Readings) -> dict[str, events.Value]:
    known = {name: reading for pathway in plan.pathways.values() for name, reading in pathway.readings.items()}
    return readings.complete(known)
