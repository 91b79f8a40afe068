"""Late and corrected data, over lives at random: what is told late counts as if it had been known in time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from late import Lived, day_for, dues, lived
from strategies import BEGIN, Move, calm, lives, pressures, shipped_plan

from pathways.engine import State, calendar, events, next_due
from pathways.engine.commands import CloseTask, ReleaseVisit, RetractMessage, SendMessage
from pathways.engine.events import AnyEvent, Corrected, Fill
from pathways.engine.refold import fold, in_order
from pathways.engine.visits import OVERDUE_AT_ENROLMENT

quick = settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

ZONE = "Asia/Shanghai"
measured = st.one_of(pressures, pressures.map(lambda some: {**calm, **some}), pressures.map(lambda some: {**calm, **some}))


def _visit(readings: dict[str, Any]) -> Any:
    return lambda when, day: events.VisitCompleted(**when, readings=readings)


def _readings(readings: dict[str, Any], source: Any) -> Any:
    return lambda when, day: events.ReadingReceived(**when, readings=readings, source=source)


def _service(name: str, readings: dict[str, Any]) -> Any:
    return lambda when, day: events.ServiceCompleted(**when, service=name, readings=readings)


def _fill(medicine: str, days: int) -> Any:
    return lambda when, day: events.Dispensed(**when, fill=Fill(medicine, day, days))


def _call(outcome: Any) -> Any:
    return lambda when, day: events.CallMade(**when, outcome=outcome)


visits = st.builds(_visit, measured)
facts = st.one_of(
    visits,
    visits,
    visits,
    st.builds(_readings, measured, st.sampled_from(["home", "laboratory", "staff"])),
    st.builds(_service, st.just("annual_exam"), pressures),
    st.builds(_fill, st.sampled_from(["amlodipine", "metformin"]), st.sampled_from([14, 30])),
    st.builds(_call, st.sampled_from(["reached", "no_answer", "refused"])),
)
enrolled = events.Enrolled(
    id="enrolled",
    at=BEGIN,
    learnt=BEGIN,
    pathways=("hypertension", "type2_diabetes"),
    born=date(1950, 2, 28),
    conditions=("hypertension", "type2_diabetes"),
    timezone=ZONE,
    fills=(Fill("amlodipine", date(2025, 1, 2), 30),),
)


def _story(made: list[tuple[int, Any]]) -> list[AnyEvent]:
    """Facts, each so many days after the one before, at five in the afternoon where the patient lives, told at once."""
    at = BEGIN.replace(hour=9)
    story: list[AnyEvent] = [enrolled]
    for number, (days, make) in enumerate(made):
        at += timedelta(days=days)
        story.append(make({"id": f"e{number}", "at": at, "learnt": at}, calendar.local_day(at, ZONE)))
    return story


stories = st.lists(st.tuples(st.integers(1, 24), facts), min_size=2, max_size=7).map(_story)


def _end(story: list[AnyEvent], days: int) -> AnyEvent:
    moment = story[-1].learnt + timedelta(days=days)
    return events.DueReached(id="end", at=moment, learnt=moment)


@quick
@given(stories, st.data(), st.integers(1, 12))
def test_what_is_told_late_counts_as_if_it_had_been_known_in_time(story: list[AnyEvent], data: st.DataObject, days: int) -> None:
    place = data.draw(st.integers(1, len(story) - 1))
    end = _end(story, days)
    in_time = lived(shipped_plan(), [*story, end])
    told = [*story[:place], *story[place + 1 :], replace(story[place], learnt=end.learnt)]
    late = lived(shipped_plan(), [*told, end])
    _stands_alike(late, in_time)


@quick
@given(stories, st.data(), st.integers(1, 12), measured)
def test_a_value_put_right_counts_as_if_it_had_been_right_at_once(
    story: list[AnyEvent], data: st.DataObject, days: int, slip: dict[str, Any]
) -> None:
    places = [n for n, event in enumerate(story) if isinstance(event, events.VisitCompleted)]
    assume(places)
    place = data.draw(st.sampled_from(places))
    right = story[place]
    assert isinstance(right, events.VisitCompleted)
    end = _end(story, days)
    in_time = lived(shipped_plan(), [*story, end])
    wrong = replace(right, readings={**right.readings, **{n: v for n, v in slip.items() if n in right.readings}})
    put_right = Corrected(id="c1", at=end.at, learnt=end.learnt, corrects=right.id, readings=right.readings)
    corrected = lived(shipped_plan(), [*story[:place], wrong, *story[place + 1 :], put_right, end])
    _stands_alike(corrected, in_time)


@quick
@given(stories, st.data(), st.integers(1, 12))
def test_what_never_happened_leaves_no_trace_in_what_is_due(story: list[AnyEvent], data: st.DataObject, days: int) -> None:
    place = data.draw(st.integers(1, len(story) - 1))
    end = _end(story, days)
    without = lived(shipped_plan(), [*story[:place], *story[place + 1 :], end])
    void = Corrected(id="c1", at=end.at, learnt=end.learnt, corrects=story[place].id, void=True)
    _stands_alike(lived(shipped_plan(), [*story, void, end]), without)


def _stands_alike(late: Lived, in_time: Lived) -> None:
    is_, ought = late.state, in_time.state
    for name, course in ought.courses.items():
        other = is_.courses[name]
        assert (other.tag, other.row, other.previous, other.preceding) == (
            course.tag,
            course.row,
            course.previous,
            course.preceding,
        )
        assert (other.decided_on, other.begun, other.begun_on) == (course.decided_on, course.begun, course.begun_on)
    assert is_.readings == ought.readings
    assert {m: s.ends for m, s in is_.supplies.items()} == {m: s.ends for m, s in ought.supplies.items()}
    assert ought.clock is not None
    today = calendar.local_day(ought.clock, ZONE)
    for key, due in dues(ought).items():
        assert dues(is_)[key] == due or (due <= today and dues(is_)[key] <= today + timedelta(days=OVERDUE_AT_ENROLMENT))
    _nothing_is_doubled(late)


def _nothing_is_doubled(life: Lived) -> None:
    undo = CloseTask | ReleaseVisit | RetractMessage
    made = Counter(command.key for command in life.commands if not isinstance(command, undo))
    assert not [key for key, often in made.items() if often > 1]
    undone = Counter((type(c), c.key) for c in life.commands if isinstance(c, CloseTask | ReleaseVisit))
    assert not [key for key, often in undone.items() if often > 1]


def _told(life: list[Move], lateness: list[int]) -> Lived:
    """A life with everything odd in it, where each third thing or so is told late."""
    led, now = Lived(shipped_plan()), BEGIN
    for number, move in enumerate(life):
        now += min(move.after, timedelta(days=90))
        late = timedelta(days=lateness[number % len(lateness)])
        cls, fields = move.make(led.state)
        led.tell(cls(id=f"e{number}", at=now - late, learnt=now, **fields))
    return led


@quick
@given(lives, st.lists(st.sampled_from([0, 0, 1, 5, 30]), min_size=3, max_size=5), st.data())
def test_no_late_fact_and_no_correction_can_raise_or_double_anything(
    life: list[Move], lateness: list[int], data: st.DataObject
) -> None:
    led = _told(life, lateness)
    now = (led.state.clock or BEGIN) + timedelta(days=1)
    for number in range(3):
        wrong = data.draw(st.sampled_from([event.id for event in led.told] + ["no such event"]))
        void = data.draw(st.booleans())
        readings: dict[str, Any] = {} if void else data.draw(pressures)
        led.tell(Corrected(id=f"c{number}", at=now, learnt=now, corrects=wrong, void=void, readings=readings))
        now += timedelta(days=data.draw(st.integers(0, 20)))
        led.until(now)
    assert all(reason.code != "does_not_settle" for reason in led.reasons)
    due = next_due(shipped_plan(), led.state)
    assert due is None or led.state.clock is None or due > led.state.clock
    _nothing_is_doubled(led)


@quick
@given(lives)
def test_a_log_in_which_nothing_came_late_folds_exactly_as_it_was_lived(life: list[Move]) -> None:
    led = _told([replace(move, after=max(move.after, timedelta(hours=1))) for move in life], [0])
    assume(not led.refolds and not any(isinstance(event, events.Dispensed) for event in led.told))
    assert in_order(led.told) == led.told
    assert led.state.clock is not None
    folded = fold(shipped_plan(), "p-1", led.told, until=led.state.clock, day_for=day_for)
    assert folded == led.state


def test_an_event_told_before_anybody_is_enrolled_waits_for_the_enrolment() -> None:
    early = datetime(2025, 1, 1, 9, tzinfo=UTC)
    readings: dict[str, Any] = dict(calm)
    visit = events.VisitCompleted(id="v", at=early, learnt=BEGIN + timedelta(days=3), readings=readings)
    ordered = in_order([enrolled, visit])
    assert [event.id for event in ordered] == ["enrolled", "v"]
    assert ordered[1].learnt == BEGIN
    assert lived(shipped_plan(), [enrolled, visit]).state.life == "active"


def test_a_text_is_never_sent_for_a_day_that_is_past() -> None:
    story = _story([(9, _visit(calm)), (20, _visit({**calm, "sbp": 185.0}))])
    end = _end(story, 9)
    late = lived(shipped_plan(), [*story[:1], story[2], replace(story[1], learnt=end.learnt), end])
    sent = [command for command in late.commands if isinstance(command, SendMessage)]
    assert all(command.not_after >= BEGIN for command in sent)
    assert State("p-1").told == ()
