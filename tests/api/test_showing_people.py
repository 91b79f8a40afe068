"""What a person's page tells beside the API: the band a plan aims at, the days without medicine, the tag's spells."""

from __future__ import annotations

from datetime import UTC, date, datetime

from api.showing.supply import spans
from api.showing.tags import bands
from api.showing.targets import targets
from pathways.engine.commands import Reason
from pathways.engine.events import Fill
from pathways.engine.plan import Plan
from pathways.engine.state import Course, Person, State
from pathways.language import library
from records.timeline import Line

TODAY = date(2025, 3, 3)
SHIPPED = library().pathways()


def test_the_band_is_what_this_persons_own_rows_aim_at_and_an_emergency_is_no_aim() -> None:
    def aim(born: int, *names: str) -> dict[str, str]:
        plan = Plan({name: SHIPPED[name] for name in names})
        found = targets(plan, Person(date(born, 1, 1), "female", names), frozenset({"sbp", "fpg", "symptoms", "never"}), TODAY)
        return {name: f"{one.said}{'' if one.is_aim else ' (limit)'}" for name, one in found.items()}

    assert aim(1985, "hypertension") == {"sbp": "< 140"}
    assert aim(1950, "hypertension") == {"sbp": "< 150"}
    assert aim(1950, "type2_diabetes") == {"fpg": "> 3.9, < 7", "sbp": "< 180 (limit)"}
    both = aim(1950, "hypertension", "type2_diabetes")
    assert both == {"sbp": "< 140", "fpg": "> 3.9, < 7"}  # with diabetes the lower aim holds at any age


def test_an_early_fill_is_used_when_the_earlier_one_ends_and_a_gap_is_told_until_today() -> None:
    fills = [Fill("amlodipine", date(2025, 1, 1), 30), Fill("amlodipine", date(2025, 1, 21), 10), Fill("x", date(2025, 2, 15), 10)]
    told = [(one.first.isoformat(), one.last.isoformat(), one.lacking) for one in spans(fills, date(2025, 1, 5), TODAY)]
    assert told == [
        ("2025-01-05", "2025-02-09", False),
        ("2025-02-10", "2025-02-14", True),
        ("2025-02-15", "2025-02-24", False),
        ("2025-02-25", "2025-03-03", True),
    ]


def test_a_tag_that_was_put_right_on_its_day_never_stood_and_the_spells_join_without_a_gap() -> None:
    def said(day: int, code: str, row: str = "", **detail: str) -> Line:
        at = datetime(2025, 1, day, 3, tzinfo=UTC)
        return Line(day, Reason(at, code, pathway="hypertension", row=row, detail=detail))

    lines = [
        said(1, "tag_at_enrolment", "HTN-N1"),
        said(5, "tag_changed", "HTN-E1", **{"from": "green", "to": "red"}),
        said(5, "tag_changed", "HTN-A1", **{"from": "red", "to": "yellow"}),
        said(9, "tag_changed", "HTN-C1", **{"from": "yellow", "to": "green"}),
    ]
    state = State("p", courses={"hypertension": Course(SHIPPED["hypertension"].version, tag="green")})
    (band,) = bands(lines, Plan({"hypertension": SHIPPED["hypertension"]}), state, "Asia/Shanghai", "en")
    assert [(one.tag, one.since.day, one.until and one.until.day, one.row) for one in band.spells] == [
        ("green", 1, 5, "HTN-N1"),
        ("yellow", 5, 9, "HTN-A1"),
        ("green", 9, None, "HTN-C1"),
    ]
    assert band.spells[-1].because == "controlled"
