"""Who the patients are is drawn from the seed and from themselves, never from the process that plays them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from workers.play.agenda import Agenda
from workers.play.bodies import Asked, Body
from workers.play.dice import Dice
from workers.play.people import FATES, Character, Habit, cast
from workers.play.places import Pharmacy
from workers.play.scene import Scene
from workers.play.tally import Tally

YEAR = [date(2025, 3, 3) + timedelta(days=n) for n in range(365)]


def somebody(habit: Habit = "reliable", **other: Any) -> Character:
    return Character(
        **{"who": "Ada/1960-01-01", "habit": habit, "control": "good", "texts": False, "fate": None, "dice": Dice(1), **other}
    )


def records(number: int) -> list[dict[str, Any]]:
    return [{"id": f"p{n}", "name": f"Person {n}", "born": "1960-01-01"} for n in range(number)]


def test_the_same_community_is_cast_the_same_whatever_ids_a_new_database_gives() -> None:
    again = [{**record, "id": record["id"].upper()} for record in reversed(records(60))]
    first, second = cast(records(60), Dice(1)), cast(again, Dice(1))
    assert {c.who: c for c in first.values()} == {c.who: c for c in second.values()}
    assert cast(records(60), Dice(2)) != first


def test_each_fate_befalls_one_of_sixty() -> None:
    fates = [c.fate for c in cast(records(60), Dice(1)).values() if c.fate is not None]
    assert sorted(fates) == sorted(FATES)


def test_a_few_people_can_be_cast_too() -> None:
    assert len(cast(records(3), Dice(1))) == 3
    assert cast([], Dice(1)) == {}


def test_who_disappears_is_gone_for_months_and_is_there_again() -> None:
    for seed in range(20):
        person = somebody("vanishing", dice=Dice(seed))
        gone = [day for day in YEAR if person.gone(day)]
        assert 60 <= len(gone) < 360
        assert not any(person.takes_the_phone(datetime(day.year, day.month, day.day, 2, tzinfo=UTC)) for day in gone)
        assert not any((came := person.comes(day, promised=True)) and person.gone(came) for day in gone)


def test_some_who_disappeared_are_found_by_a_search_and_some_never() -> None:
    found = [
        any(p.gone(day) and p.found_by_search(day) for day in YEAR) for s in range(40) if (p := somebody("vanishing", dice=Dice(s)))
    ]
    assert 10 < sum(found) < 40


def test_reliable_people_mostly_come_on_the_day() -> None:
    days = [somebody().comes(day, promised=False) for day in YEAR]
    assert sum(came == day for came, day in zip(days, YEAR, strict=True)) > 300


def test_forgetful_people_come_more_often_once_they_have_promised() -> None:
    person = somebody("forgetful")
    promised = sum(person.comes(day, promised=True) == day for day in YEAR)
    assert promised > sum(person.comes(day, promised=False) == day for day in YEAR) + 100


def test_a_wrong_number_is_right_once_it_was_put_right() -> None:
    person = somebody(fate="wrong_number")
    assert person.wrong_number("+8613800000001")
    assert not person.wrong_number("+8613800000007")


ASKED = [
    Asked("sbp", "number"),
    Asked("dbp", "number"),
    Asked("symptoms", "choices", ("vomiting", "sweating")),
    Asked("adr", "yes_no"),
]


def test_what_is_asked_is_measured_in_its_own_kind() -> None:
    found = Body(somebody(), date(2025, 5, 5), {}).measured(ASKED, forgetting=False)
    assert set(found) == {"sbp", "dbp", "symptoms", "adr"}
    assert isinstance(found["sbp"], float)
    assert isinstance(found["symptoms"], list)
    assert isinstance(found["adr"], bool)


def test_a_reading_is_now_and_then_forgotten() -> None:
    missing = [day for day in YEAR if len(Body(somebody(), day, {}).measured(ASKED)) < len(ASKED)]
    assert 3 < len(missing) < 40


def test_values_wander_between_the_tags_and_ease_when_the_medicine_is_changed() -> None:
    person = somebody(control="poor")
    walk: list[float] = []
    for day in YEAR[::14]:
        walk.append(Body(person, day, {"sbp": walk[-1]} if walk else {}).number("sbp"))
    assert min(walk) < 140 < max(walk)
    eased = [Body(person, day, {"sbp": 145}, eased=3).number("sbp") for day in YEAR]
    assert sum(eased) < sum(Body(person, day, {"sbp": 145}).number("sbp") for day in YEAR)


def test_a_reading_that_nobody_here_can_measure_is_left_as_it_was_known() -> None:
    found = Body(somebody(), date(2025, 5, 5), {"ferritin": 80}).measured([Asked("ferritin", "number"), Asked("zinc", "number")])
    assert found == {"ferritin": 80}


def test_what_is_asked_for_is_read_from_names_or_from_kinds_with_choices() -> None:
    assert Asked.read("sbp") == Asked("sbp", "number")
    assert Asked.read({"name": "symptoms", "kind": "choices", "choices": ["a"], "label": "x"}) == Asked(
        "symptoms", "choices", ("a",)
    )


async def test_what_is_planned_twice_is_done_once_and_in_order() -> None:
    done: list[str] = []

    def act(name: str) -> Any:
        async def do() -> None:
            done.append(name)

        return do

    agenda, at = Agenda(), datetime(2025, 3, 3, tzinfo=UTC)
    assert agenda.plan(at + timedelta(hours=2), "second", act("second"), whom="p1")
    assert agenda.plan(at + timedelta(hours=1), "first", act("first"), whom="p1")
    assert not agenda.plan(at, "first", act("first"))
    assert agenda.next() == at + timedelta(hours=1)
    assert await agenda.do(at) == 0
    assert await agenda.do(at + timedelta(hours=2)) == 2
    assert done == ["first", "second"]
    assert agenda.next() is None


def test_only_the_first_pharmacy_runs_out_and_only_for_a_month() -> None:
    scene = Scene(None, Dice(1), datetime(2025, 3, 3, tzinfo=UTC))  # type: ignore[arg-type]
    medicines = [f"medicine {n}" for n in range(10)]
    first = Pharmacy(scene, None, "pharmacy-1", "key", first=True)  # type: ignore[arg-type]
    second = Pharmacy(scene, None, "pharmacy-2", "key", first=False)  # type: ignore[arg-type]
    dry = {day.month for day in YEAR for medicine in medicines if not first.has(medicine, day)}
    assert len(dry) == 1
    assert all(second.has(medicine, day) for day in YEAR for medicine in medicines)


@pytest.fixture
def tally() -> Tally:
    tally = Tally()
    tally.text("+1", "message/2025-03-03/patient", "hello", earlier=True)
    tally.text("+1", "message/2025-03-10/patient", "hello")
    tally.text("+2", "message/2025-03-10/patient", "hello")
    for what in ("visits due", "visits due", "visits done", "answers", "lost"):
        tally.count(what)
    return tally


def test_a_week_is_one_line_and_the_next_begins_anew(tally: Tally) -> None:
    people = [{"tag": "red", "life": "active"}, {"tag": "green", "life": "active"}, {"tag": "red", "life": "died"}]
    line = tally.close_week(date(2025, 3, 12), people)
    assert line == (
        "2025-W11  visits due 2 done 1  SMS 2 (answers 1)  referrals 0 asked 0 closed  refills 0 asked 0 dispensed  "
        "red 1 yellow 0 green 1  lost 1 found 0"
    )
    assert "SMS 0" in tally.close_week(date(2025, 3, 19), people)


def test_the_same_text_with_the_same_key_on_one_phone_is_a_duplicate(tally: Tally) -> None:
    assert tally.duplicates == 0
    tally.text("+1", "message/2025-03-10/patient", "hello")
    assert tally.duplicates == 1
    assert "mean 2.0, most 3" in "\n".join(tally.summary([{"life": "active"}], ["+1", "+2"]))
    assert "duplicates 1" in "\n".join(tally.summary([{"life": "active"}], ["+1", "+2"]))


def test_a_clinician_on_call_who_hears_of_two_patients_got_no_duplicate(tally: Tally) -> None:
    for _ in range(2):
        tally.text("+3", "message/2025-03-10/on_call#1", "something urgent waits")
    assert tally.duplicates == 0
