"""Random lives on random pathways that are edited at random: what no change of version may bring about."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

from edits import Edit, Edited, edited, edits
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from strategies import Move, Taken, live, lives, shipped_plan

from pathways.engine import Outcome, State, events, next_due, step
from pathways.engine.commands import CloseTask, Command, ReleaseVisit, RetractMessage
from pathways.engine.moving import classify
from pathways.engine.plan import Plan
from pathways.serial import dump_command, dump_reason, dump_state, load_command, load_reason, load_state

some = settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
changes = st.lists(edits, min_size=1, max_size=5)
NAMES = ("hypertension", "type2_diabetes")


@cache
def two() -> Plan:
    """Two of the pathways that we ship: what the lives are led on."""
    plan = shipped_plan()
    return replace(plan, pathways={name: plan.pathways[name] for name in NAMES})


def with_versions(*versions: Edited) -> Plan:
    plan = two()
    return replace(plan, versions={one.version: one for v in versions for one in (v.old, v.new)})


def move(plan: Plan, state: State, to: Edited, *, back: bool = False, policy: str = "now", after: int = 0) -> Outcome:
    """Move there, or back again, ``after`` so many days."""
    assert state.clock is not None
    replacing = to.replacing.back() if back else to.replacing
    came_from, version = (to.new.version, to.old.version) if back else (to.old.version, to.new.version)
    at = state.clock + timedelta(days=after)
    event = events.VersionMoved(
        id=f"rollout/{version}/{at}",
        at=at,
        learnt=at,
        pathway=to.new.name,
        came_from=came_from,
        to=version,
        services=replacing.services,
        tags=replacing.tags,
        policy=policy,  # type: ignore[arg-type]
    )
    return step(plan, state, event)


def dues(state: State) -> dict[tuple[str, str], date]:
    return {(name, service): one.due for name, course in state.courses.items() for service, one in course.services.items()}


def after_a_life(life: list[Move], name: str) -> State:
    """The last state of a life in which this pathway was followed."""
    states = [taken.outcome.state for taken in live(life, plan=two())]
    followed = [one for one in states if name in one.courses and one.life in ("active", "paused", "in_hospital")]
    assume(followed)
    return followed[-1]


@some
@given(lives, changes, st.sampled_from(NAMES))
def test_no_service_that_is_due_is_lost_by_any_edit(life: list[Move], made: list[Edit], name: str) -> None:
    state, to = after_a_life(life, name), edited(two().pathways[name], made, "v2")
    fit = classify(to.old, to.new, state, to.replacing)
    outcome = move(with_versions(to), state, to)
    before, after = state.courses[name], outcome.state.courses[name]
    assert after.version == "v2"
    said = {reason.service for reason in outcome.reasons if reason.code == "service_set_aside"}
    for service, was in before.services.items():
        called = to.services.get(service, service)
        if service in said:
            assert any(one.due == was.due for key, one in after.set_aside.items() if key.partition("@")[0] == service)
        else:
            assert called in after.services
            moved = {r.detail["to"] for r in outcome.reasons if r.code == "due_moved" and (r.pathway, r.service) == (name, called)}
            assert after.services[called].due == was.due or after.services[called].due.isoformat() in moved
            assert was.due <= after.services[called].due or after.services[called].due > before_day(state)
    lost = {key for key in before.services if key in said and to.services.get(key) != "" and key not in to.new.services}
    assert not lost or fit.fit == "needs_person" or all(to.old.services[key].kind == "message" for key in lost)
    assert fit.fit != "clean" or not (set(to.services) & set(before.services))


def before_day(state: State) -> date:
    assert state.clock is not None
    return state.clock.date() - timedelta(days=1)


@some
@given(lives, changes, st.sampled_from(NAMES))
def test_going_there_and_straight_back_leaves_the_due_days_where_they_were(life: list[Move], made: list[Edit], name: str) -> None:
    state, to = after_a_life(life, name), edited(two().pathways[name], made, "v2")
    plan = with_versions(to)
    there = move(plan, state, to)
    back = move(plan, load_state(dump_state(there.state)), to, back=True)
    assert dues(back.state) == dues(state)
    assert {name: course.tag for name, course in back.state.courses.items()} == {
        name: course.tag for name, course in state.courses.items()
    }
    again = move(plan, back.state, to)
    assert dues(again.state) == dues(there.state)
    coming = move(plan, state, to, policy="safe_point").state
    assert coming.courses[name].coming == "v2" or dues(coming) == dues(there.state)
    if coming.courses[name].coming:
        assert dues(coming) == dues(state)
        assert move(plan, coming, to, back=True).state.courses == state.courses
    assert back.state.supplies.keys() == state.supplies.keys()
    assert back.state.referrals.keys() == state.referrals.keys()


class Story:
    """Shown in few words: a whole plan in a failure's text helps nobody."""

    def __init__(self, plan: Plan, life: list[Move]) -> None:
        self.plan, self.life = plan, life

    def __repr__(self) -> str:
        return f"a life of {len(self.life)} moves over {len(self.plan.versions)} versions"


@st.composite
def travelled(draw: st.DrawFn) -> Story:
    """A life in which versions come and go, now and at safe points."""
    versions = {name: [two().pathways[name]] for name in NAMES}
    ways: list[Edited] = []
    for number in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(NAMES))
        ways.append(edited(versions[name][-1], draw(changes), f"{name}-{number}"))
        versions[name].append(ways[-1].new)
    life = list(draw(lives))
    for _ in range(draw(st.integers(1, 5))):
        way, back = draw(st.sampled_from(ways)), draw(st.booleans())
        policy = draw(st.sampled_from(["now", "now", "safe_point"]))
        life.insert(draw(st.integers(1, len(life))), _journey(way, back, policy, draw(st.integers(0, 40))))
    return Story(with_versions(*ways), life)


def _journey(way: Edited, back: bool, policy: str, after: int) -> Move:
    replacing = way.replacing.back() if back else way.replacing
    fields = {
        "pathway": way.new.name,
        "came_from": way.new.version if back else way.old.version,
        "to": way.old.version if back else way.new.version,
        "services": replacing.services,
        "tags": replacing.tags,
        "policy": policy,
    }
    return Move(timedelta(days=after), timedelta(), lambda _: (events.VersionMoved, fields))


@some
@given(travelled())
def test_no_life_through_versions_can_raise_go_on_without_end_or_use_a_key_twice(story: Story) -> None:
    plan = story.plan
    made: list[Command] = []
    for taken in live(story.life, plan=plan):
        outcome = taken.outcome
        made += outcome.commands
        assert all(reason.code != "does_not_settle" for reason in outcome.reasons)
        due = next_due(plan, outcome.state)
        assert due is None or due > max(taken.event.learnt, taken.before.clock or taken.event.learnt)
        assert due is not None or outcome.state.life != "active" or not outcome.state.courses or not followed(plan, taken)
        assert load_state(dump_state(outcome.state)) == outcome.state
        assert tuple(load_command(dump_command(c)) for c in outcome.commands) == outcome.commands
        assert tuple(load_reason(dump_reason(r)) for r in outcome.reasons) == outcome.reasons
    undo = (CloseTask, ReleaseVisit, RetractMessage)
    assert not [key for key, often in Counter(c.key for c in made if not isinstance(c, undo)).items() if often > 1]
    closed = Counter((type(c), c.key) for c in made if isinstance(c, CloseTask | ReleaseVisit))
    assert not [key for key, often in closed.items() if often > 1]


def followed(plan: Plan, taken: Taken) -> bool:
    """Whether any pathway of the patient has something that recurs."""
    return any(course.services for course in taken.outcome.state.courses.values())
