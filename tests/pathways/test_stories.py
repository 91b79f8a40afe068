"""Golden stories: one patient each, told as patient, nurse, clinic and pharmacy would see it.

The state is written down and read back between any two events. ``--update-golden`` tells them anew; read the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, time
from pathlib import Path

import pytest
from plans import CALM, follow_up, patient, plan, tasks, written_and_read

from pathways.engine import events
from pathways.language.catalogue import library, load_stories
from pathways.language.play import Played, Player, play, render

STORIES = Path(__file__).parent / "stories"
Golden = Callable[[str, str], None]


@pytest.mark.parametrize("name", sorted(file.stem for file in STORIES.glob("*.yaml")))
def test_the_story_goes_as_it_was_told(name: str, golden: Golden) -> None:
    stories = load_stories(STORIES / f"{name}.yaml", file=f"{name}.yaml", pathways=plan().pathways)
    assert not [str(problem) for problem in stories.problems]
    (scenario,) = stories.scenarios
    wording = next(iter(library().values())).wording
    for one in library().values():
        wording = wording | one.wording
    played = play(scenario, plan(), wording=wording, between=written_and_read)
    golden(name, render(played))
    assert not [failure.what for failure in played.failures]


def written(player: Player, name: str) -> str:
    return render(Played(name, tuple(player.lines), (), frozenset(player.rows), player.state))


def test_who_has_no_phone_is_reached_through_the_carer(golden: Golden) -> None:
    player = patient(phone=False, carer=True)
    player.wait(player.moment(date(2025, 3, 15), time(20, 0)))
    assert player.sent == ["visit_soon"]
    assert [line.who for line in player.lines if line.what.startswith("text")] == ["carer"]
    golden("carer_only", written(player, "only the carer has a phone"))


def test_a_pause_ends_on_the_day_that_was_said(golden: Golden) -> None:
    player = patient()
    player.happens(events.Paused, date(2025, 3, 10), until=date(2025, 4, 1))
    player.wait(player.moment(date(2025, 3, 31), time(20, 0)))
    assert player.sent == []
    assert player.state.life == "paused"
    player.wait(player.moment(date(2025, 4, 1), time(20, 0)))
    assert player.state.life == "active"
    assert follow_up(player).due == date(2025, 4, 8)
    golden("paused_until", written(player, "paused until the first of April"))


def test_readings_that_a_visit_lacked_decide_as_of_the_visit(golden: Golden) -> None:
    player = patient()
    player.happens(events.VisitCompleted, date(2025, 3, 12), readings={n: v for n, v in CALM.items() if n != "sbp"})
    assert tasks(player) == ["complete_readings"]
    player.happens(events.ReadingReceived, date(2025, 3, 15), readings={"sbp": 126.0}, source="staff")
    assert tasks(player) == []
    assert follow_up(player).due == date(2025, 6, 10)
    golden("completed_later", written(player, "the missing reading comes from the nurse"))


def test_a_day_agreed_on_the_phone_is_reminded_of_and_no_rebooking_moves_it(golden: Golden) -> None:
    player = patient()
    player.wait(player.moment(date(2025, 3, 24), time(20, 0)))
    assert tasks(player) == ["phone_call"]
    player.happens(events.CallMade, date(2025, 3, 25), outcome="reached", day=date(2025, 3, 30))
    assert tasks(player) == []
    player.sent.clear()
    player.wait(player.moment(date(2025, 3, 30), time(20, 0)))
    assert player.sent == ["visit_soon", "visit_today"]
    assert follow_up(player).day == date(2025, 3, 30)
    golden("agreed_day", written(player, "missed, called, and another day agreed"))


def test_routine_texts_stop_at_the_weekly_cap_and_say_so(golden: Golden) -> None:
    player = patient()
    player.plan = replace(player.plan, contact=replace(player.plan.contact, weekly_cap=1))
    player.wait(player.moment(date(2025, 3, 17), time(20, 0)))
    assert player.sent == ["visit_soon"]
    golden("weekly_cap", written(player, "one routine text a week"))
