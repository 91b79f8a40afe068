"""A draft is tried on a population: the same engine, the same luck, and what differs is the draft's doing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

import pytest

from pathways.engine import State, events, next_due, step
from pathways.engine.events import Fill, Known
from pathways.engine.plan import Plan
from pathways.engine.turn import Ahead
from pathways.forecast.behaviour import FEWEST, Behaviour
from pathways.forecast.bookings import TeamCalendar, WorkingDays, booked
from pathways.forecast.health import Everybody, Health
from pathways.forecast.luck import Luck
from pathways.forecast.outlook import Sums, Whom, outlook
from pathways.forecast.population import Forecaster
from pathways.forecast.sample import MEASURES, WORLDS, Asked, Part, PartDone, Sampled
from pathways.forecast.sharing import follow_all
from pathways.language import library, load_published
from pathways.serial import dump_state

NOW = datetime(2025, 3, 3, 1, tzinfo=UTC)  # nine o'clock in Shanghai, a Monday
WEEKS = 12
MANY = 6


def edited(*changes: tuple[str, str]) -> tuple[str, str]:
    """The shipped hypertension pathway with another text: version and text."""
    shipped = library()["hypertension"].document
    assert shipped is not None
    text = shipped.text
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    loaded = load_published(text, file="draft")
    assert loaded.pathway is not None
    return loaded.pathway.version, text


DENSER = (("green: 90 days}", "green: 45 days}"), ("    within: 90 days\n", "    within: 45 days\n"))


@cache
def people(n: int) -> tuple[Sampled, ...]:
    """Some who joined within the last month, and have a day for their next visit."""
    chance, plan, calendar = Random(1), Plan({"hypertension": hypertension()}), TeamCalendar(20)
    return tuple(_sampled(k, chance, plan, calendar) for k in range(n))


def hypertension() -> Any:
    return library().pathways()["hypertension"]


def _sampled(k: int, chance: Random, plan: Plan, calendar: TeamCalendar) -> Sampled:
    at = NOW - timedelta(days=chance.randint(1, 30))
    known = {"sbp": Known(float(chance.randint(115, 165)), at.date()), "dbp": Known(float(chance.randint(65, 95)), at.date())}
    joined = events.Enrolled(
        id="e",
        at=at,
        learnt=at,
        pathways=("hypertension",),
        born=date(1960, 4, 1),
        conditions=("hypertension",),
        timezone="Asia/Shanghai",
        readings=known,
        last_visit=at.date(),
        fills=(Fill("amlodipine", at.date(), 30),),
    )
    outcome = step(plan, State(f"p{k:03}"), joined)
    state = outcome.state
    for taken in booked(plan, state, outcome.commands, at, find_day=calendar.book):
        state = taken.outcome.state
    return Sampled(state.patient, "en", {"hypertension": hypertension().version}, dump_state(state), batch=k % 10)


def asked(draft: tuple[str, str], **more: Any) -> Asked:
    shipped = library()["hypertension"].document
    assert shipped is not None
    texts = {hypertension().version: shipped.text, draft[0]: draft[1]}
    return Asked("hypertension", draft[0], texts, NOW, weeks=WEEKS, **more)


def tried(draft: tuple[str, str], n: int = MANY, *, patients: int = 0, capacity: int = 20, **more: Any) -> PartDone:
    part = Part("team-1", patients or n, capacity, WorkingDays(), people(n))
    return Forecaster(asked(draft, **more)).follow(part)


def total(done: PartDone, world: str, measure: str) -> int:
    return sum(sum(weeks) for (of, _, name), weeks in done.counts.items() if (of, name) == (world, measure))


@cache
def denser() -> PartDone:
    return tried(edited(*DENSER))


def test_a_draft_that_changes_nothing_changes_nothing_for_anybody() -> None:
    done = tried(edited(("# worst first", "# the worst first")))
    assert done.sizes.total() == MANY
    for measure in MEASURES:
        assert total(done, "present", measure) == total(done, "draft", measure)
    assert total(done, "present", "visits") > 0
    for one in done.moved:
        assert (one.tag_before, one.end_before, one.day_before) == (one.tag_after, one.end_after, one.day_after)
        assert one.fit == "clean"


def test_the_same_seed_gives_the_same_forecast_and_another_seed_another() -> None:
    again, other = tried(edited(*DENSER)), tried(edited(*DENSER), seed=2)
    assert again == denser()
    assert other.counts != denser().counts


def test_denser_visits_are_more_visits_and_sooner_contacts() -> None:
    done = denser()
    assert total(done, "draft", "visits") > total(done, "present", "visits")
    assert total(done, "draft", "sms") > total(done, "present", "sms")
    assert any(one.day_after < one.day_before for one in done.moved if one.day_after and one.day_before)
    assert all(one.day_after <= one.day_before for one in done.moved if one.day_after and one.day_before)
    assert not done.unsettled


def test_the_version_that_people_are_on_does_as_well_beside_one_draft_as_beside_another() -> None:
    other = tried(edited(DENSER[0]))
    for measure in MEASURES:
        assert total(denser(), "present", measure) == total(other, "present", measure)


def test_each_of_a_sample_stands_for_several_in_the_teams_calendar() -> None:
    crowded = tried(edited(*DENSER), patients=2000, capacity=1)
    for world in WORLDS:
        assert total(crowded, world, "visits") > 0


def test_who_cannot_be_followed_is_counted() -> None:
    shipped = people(MANY)
    gone = replace(shipped[0], versions={"hypertension": "no such version"})
    broken = replace(shipped[1], state=b"{}")
    died = replace(
        shipped[2], untaken=(b'{"type": "died", "id": "d", "at": "2025-03-03T00:00:00Z", "learnt": "2025-03-03T00:00:00Z"}',)
    )
    part = Part("team-1", 4, 20, WorkingDays(), (gone, broken, died, shipped[3]))
    done = Forecaster(asked(edited(*DENSER))).follow(part)
    assert done.left_out == Counter({"version_does_not_compile": 1, "snapshot_unreadable": 1, "not_followed": 1})
    assert done.sizes.total() == 1


def test_a_snapshot_of_an_older_shape_is_folded_from_the_log() -> None:
    """An installation that was just upgraded has nothing else."""
    at = NOW - timedelta(days=3)
    joined = b'{"type": "enrolled", "id": "e", "at": "%s", "learnt": "%s", "pathways": ["hypertension"], "born": "1960-04-01"}'
    moment = at.isoformat().replace("+00:00", "Z").encode()
    old = Sampled(
        "p", "en", {"hypertension": hypertension().version}, b'{"schema": 0}', log=(joined % (moment, moment),), last_step=at
    )
    done = Forecaster(asked(edited(*DENSER))).follow(Part("team-1", 1, 20, WorkingDays(), (old,)))
    assert not done.left_out
    assert total(done, "present", "visits") >= 1


async def test_what_it_comes_to_does_not_depend_on_who_computes() -> None:
    async def parts() -> Any:
        for begin in (0, 2):
            yield Part("team-1", 4, 20, WorkingDays(), people(MANY)[begin : begin + 2])

    alone, shared = Sums(), Sums()
    async for done in follow_all(asked(edited(*DENSER)), parts(), processes=0):
        alone.add(done)
    async for done in follow_all(asked(edited(*DENSER)), parts(), processes=1):
        shared.add(done)
    assert shown(alone) == shown(shared)


def shown(sums: Sums, patients: int = MANY, capacity: int = 20) -> dict[str, Any]:
    return outlook(
        sums,
        [Whom("team-1", patients, capacity)],
        pathway="hypertension",
        version="draft",
        since=NOW.date(),
        weeks=WEEKS,
        seed=1,
        behaviour=Behaviour(),
        sms_cost=0.5,
        against={"old": patients},
    )


def test_the_sample_is_scaled_up_to_everybody_with_a_range() -> None:
    sums = Sums()
    sums.add(denser())
    few, many = shown(sums), shown(sums, 100 * MANY)
    visits = many["measures"]["visits"]
    assert visits["draft"]["low"] <= visits["draft"]["median"] <= visits["draft"]["high"]
    assert visits["draft"]["median"] == pytest.approx(100 * few["measures"]["visits"]["draft"]["median"])
    assert len(visits["weekly"]["draft"]) == WEEKS
    cost, segments = many["measures"]["sms_cost"], many["measures"]["segments"]
    assert cost["present"]["median"] == pytest.approx(segments["present"]["median"] / 2)
    assert many["contacts"]["sooner"]["patients"] == 100 * many["contacts"]["sooner"]["sampled"] > 0
    days = [abs(one["days"]) for one in many["contacts"]["people"]]
    assert days == sorted(days, reverse=True)


def test_a_team_without_room_is_named_with_its_weeks() -> None:
    sums = Sums()
    sums.add(denser())
    (roomy,), (crowded,) = shown(sums)["teams"], shown(sums, 100 * MANY, capacity=1)["teams"]
    assert roomy["over_capacity"] == {"present": [], "draft": []}
    weeks = crowded["over_capacity"]["draft"]
    assert weeks
    assert all(week["over"] == week["visits"] - week["room"] > 0 and week["room"] == 5 for week in weeks)
    assert len(weeks) >= len(crowded["over_capacity"]["present"])


def test_what_own_records_tell_comes_before_an_assumption_where_there_is_enough_of_it() -> None:
    assumed = Behaviour()
    measured = assumed.with_measured({"answers_call": (0.42, FEWEST), "late": (0.9, FEWEST - 1), "supply_days": (28.0, 300)})
    assert (measured.answers_call, measured.late, measured.supply_days) == (0.42, assumed.late, 28)
    told = {one.name: one for one in measured.parameters()}
    assert (told["answers_call"].n, told["late"].n) == (FEWEST, 0)
    assert told["answers_call"].source != told["late"].source


def test_health_goes_its_own_way_however_often_somebody_looks() -> None:
    def health() -> Health:
        known = {"sbp": Known(150.0, NOW.date())}
        return Health(Luck(1, "p"), Behaviour(), Everybody.of([known], {"dbp": [80.0, 90.0]}), known, NOW.date())

    often, seldom, pathway = health(), health(), hypertension()
    day = NOW.date() + timedelta(days=300)
    for n in range(0, 300, 10):
        often.measured(pathway, ("sbp", "dbp"), NOW.date() + timedelta(days=n))
    assert often.measured(pathway, ("sbp", "dbp", "adr"), day) == seldom.measured(pathway, ("sbp", "dbp", "adr"), day)
    assert set(seldom.measured(pathway, ("sbp", "dbp", "bmi"), day)) == {"sbp", "dbp"}, "what nobody has is not made up"


def test_what_is_kept_of_the_agenda_from_step_to_step_changes_no_step() -> None:
    plan, kept = Plan({"hypertension": hypertension()}), Ahead()
    with_it, without = State("p"), State("p")
    joined = events.Enrolled(id="e", at=NOW, learnt=NOW, pathways=("hypertension",), timezone="Asia/Shanghai", tag="red")
    event: Any = joined
    for n in range(40):
        one, other = step(plan, with_it, event, kept), step(plan, without, event)
        assert one == other
        with_it, without = one.state, other.state
        due = next_due(plan, with_it, kept)
        assert due == next_due(plan, without)
        assert due is not None
        if n % 7 == 6:
            event = events.VisitCompleted(id=f"v{n}", at=due, learnt=due, readings={"sbp": 130.0, "dbp": 80.0})
        else:
            event = events.DueReached(id=f"d{n}", at=due, learnt=due)
