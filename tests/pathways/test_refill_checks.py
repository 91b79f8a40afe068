"""No refill is asked for that the checks hold, nobody who is held is forgotten, and a substitute is a doctor's word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plans import MONDAY, plan, task, tasks, told, written_and_read

from pathways.engine import State, events, next_due, step
from pathways.engine.adherence import fills_in, kept_up
from pathways.engine.commands import CancelRefill, RequestRefill
from pathways.engine.events import AnyEvent, Fill
from pathways.engine.plan import Plan
from pathways.engine.step import Outcome
from pathways.forecast.bookings import steps
from pathways.language.catalogue import library
from pathways.language.medicines import read_classes, read_medicines, read_substitutes, shipped_checks
from pathways.language.narrate import Narrator
from pathways.language.play import Player
from pathways.serial import dump_command, load_command

FILLS = (Fill("metformin", date(2025, 2, 20), 30),)  # until 21 March; asked for on the fifteenth
BOTH: Mapping[str, Any] = {"pathways": ("hypertension", "type2_diabetes"), "conditions": ("hypertension", "type2_diabetes")}
ASKED = date(2025, 3, 16)


def following() -> Plan:
    return replace(plan(), checks=shipped_checks())


class Recorded(Player):
    """A player that keeps what came of each step."""

    outcomes: list[Outcome]

    def _take(self, event: AnyEvent) -> None:
        self.outcomes = getattr(self, "outcomes", [])
        for taken in steps(self.plan, self.state, event, between=self.between):
            self.state = taken.outcome.state
            self.outcomes.append(taken.outcome)
            self.tell(*self.narrator.outcome(taken.event.learnt, taken.outcome))
            self.sent.extend(self.narrator.templates(taken.outcome))


def enrolled(plan_: Plan, **known: Any) -> Recorded:
    """On Monday 3 March 2025 in Shanghai at eight."""
    player = Recorded(plan_, "Asia/Shanghai", Narrator(plan(), None, "en"), between=written_and_read)
    player.happens(events.Enrolled, MONDAY, time(8, 0), born=date(1975, 4, 1), timezone="Asia/Shanghai", **known)
    return player


def somebody(egfr: float, *, fills: tuple[Fill, ...] = FILLS, **known: Any) -> Recorded:
    """With diabetes and high pressure, and a filtration rate of last week."""
    rate = events.Known(egfr, MONDAY - timedelta(days=7))
    return enrolled(following(), fills=fills, readings={"egfr": rate}, **{**BOTH, **known})


def requests(player: Recorded) -> list[RequestRefill]:
    return [command for outcome in player.outcomes for command in outcome.commands if isinstance(command, RequestRefill)]


def test_what_is_blocked_waits_with_its_row_and_source_and_a_doctor_who_stops_it_ends_it() -> None:
    player = somebody(28.0)
    player.wait(player.moment(ASKED))
    assert requests(player) == []
    assert player.state.supplies["metformin"].stage == "held"
    (reason,) = [one for outcome in player.outcomes for one in outcome.reasons if one.code == "refill_held"]
    assert (reason.row, reason.decision, "FDA" in reason.cites) == ("MED-M1", "block", True)
    assert "medicine_delayed" in player.sent  # the patient is not left without a word
    player.happens(events.TaskClosed, ASKED + timedelta(days=1), task=task(player, "refill_held"), outcome="stopped")
    assert not player.state.supplies
    assert "refill_held" not in tasks(player)


def test_a_task_that_was_closed_without_a_decision_comes_again_and_a_better_reading_lets_it_go() -> None:
    player = somebody(28.0)
    player.wait(player.moment(ASKED))
    player.happens(events.TaskClosed, ASKED + timedelta(days=1), task=task(player, "refill_held"))
    assert "refill_held" in tasks(player)
    player.happens(events.ReadingReceived, ASKED + timedelta(days=2), readings={"egfr": 60.0}, source="laboratory")
    assert "refill_held" not in tasks(player)
    assert [one.check for one in requests(player)] == ["go"]


def test_what_a_doctor_allows_goes_with_its_warning_and_is_not_held_again_for_the_same() -> None:
    player = somebody(28.0)
    player.wait(player.moment(ASKED))
    player.happens(events.TaskClosed, ASKED, time(12), task=task(player, "refill_held"), outcome="go_on")
    (asked,) = requests(player)
    assert (asked.check, [(one.row, one.word) for one in asked.warnings]) == ("warn", [("MED-M1", "block")])
    assert load_command(dump_command(asked)) == asked
    player.happens(events.Dispensed, ASKED + timedelta(days=2), fill=Fill("metformin", ASKED + timedelta(days=2), 30))
    player.wait(player.moment(date(2025, 4, 20)))
    assert [one.check for one in requests(player)] == ["warn", "warn"]


def test_two_medicines_of_one_class_hold_each_other_and_no_third() -> None:
    fills = tuple(Fill(name, date(2025, 2, 20), 30) for name in ("amlodipine", "felodipine", "losartan"))
    player = somebody(80.0, fills=fills)
    player.wait(player.moment(ASKED))
    assert [one.medicine for one in requests(player)] == ["losartan"]
    assert {name for name, supply in player.state.supplies.items() if supply.stage == "held"} == {"amlodipine", "felodipine"}


def test_a_payer_who_does_not_pay_is_the_pharmacists_to_settle() -> None:
    both = {name: pathway for name, pathway in library().pathways().items() if name in ("hypertension", "obesity")}
    fills = (Fill("semaglutide", date(2025, 2, 20), 28),)
    player = enrolled(
        Plan(both, checks=shipped_checks()), pathways=tuple(both), conditions=("hypertension", "obesity"), fills=fills
    )
    player.wait(player.moment(ASKED))
    (asked,) = requests(player)
    assert (asked.check, [one.word for one in asked.warnings]) == ("ask_pharmacist", ["insurance_deny"])


def test_a_substitute_is_checked_decided_by_a_doctor_and_taken_from_then_on() -> None:
    fills = (Fill("enalapril", date(2025, 2, 20), 30),)
    player = somebody(80.0, fills=fills)
    player.wait(player.moment(ASKED))
    (asked,) = requests(player)
    player.happens(events.RefillMoved, ASKED, time(12), refill=asked.refill, stage="substitute_proposed", substitute="lisinopril")
    assert "approve_substitute" in tasks(player)
    player.happens(events.TaskClosed, ASKED, time(13), task=task(player, "approve_substitute"))  # nothing was decided
    assert "approve_substitute" in tasks(player)
    player.happens(events.SubstituteDecided, ASKED, time(14), refill=asked.refill, approved=True)
    assert "approve_substitute" not in tasks(player)
    (supply,) = player.state.supplies.values()
    assert (supply.medicine, supply.instead_of, supply.stage, supply.refill) == (
        "lisinopril",
        "enalapril",
        "received",
        asked.refill,
    )
    player.happens(events.Dispensed, ASKED + timedelta(days=2), fill=Fill("lisinopril", ASKED + timedelta(days=2), 30))
    assert player.state.supplies["lisinopril"].ends == date(2025, 4, 20)
    assert "lisinopril" in told(player)


def test_substitutes_are_known_medicines_of_one_class_and_use() -> None:
    medicines, _ = read_medicines()
    for name, others in read_substitutes().items():
        for other in others:
            one, two = medicines[name].atc, medicines[other].atc
            # Thiazides and the thiazide-like are two classes of one use (low-ceiling diuretics).
            assert one[:5] == two[:5] or {one[:4], two[:4]} == {"C03A", "C03B"}, (name, other)
            assert name in read_substitutes()[other], (name, other)


def test_days_are_counted_by_medicine_and_by_class_without_what_never_happened() -> None:
    at = datetime(2025, 1, 1, tzinfo=UTC)

    def dispensed(id_: str, medicine: str, on: date, days: int) -> events.Dispensed:
        return events.Dispensed(id=id_, at=at, learnt=at, fill=Fill(medicine, on, days))

    log: list[AnyEvent] = [
        dispensed("a", "metformin", date(2018, 1, 1), 90),
        dispensed("b", "glipizide", date(2018, 4, 1), 90),
        dispensed("c", "metformin", date(2018, 9, 1), 90),
        events.Corrected(id="d", at=at, learnt=at, corrects="c", void=True),
    ]
    medicines, _ = read_medicines()
    codes = {name: one.atc for name, one in medicines.items()}
    kept = {one.of: one for one in kept_up(fills_in(log), codes, read_classes(), date(2018, 12, 31))}
    together = kept["diabetes_medicines"]  # PQA's own example: 180 days of 365
    assert (together.covered.covered_days, together.covered.period_days, together.judged) == (180, 365, True)
    assert (kept["metformin"].covered.covered_days, kept["metformin"].judged) == (90, False)
    assert kept_up(fills_in(log), codes, read_classes(), date(2020, 1, 1)) == ()


def _key(state: State, what: str) -> str:
    if what == "refill":
        return next((one.refill for one in state.supplies.values() if one.refill), "refill#1")
    return next((key for key, one in state.tasks.items() if one.kind in ("refill_held", "approve_substitute")), "task#1")


_HAPPENS = st.one_of(
    st.sampled_from([20.0, 40.0, 70.0]).map(
        lambda rate: lambda state, on: (events.ReadingReceived, {"readings": {"egfr": rate}, "source": "laboratory"})
    ),
    st.sampled_from(["received", "ready", "out_of_stock", "refused", "nowhere", "cleared"]).map(
        lambda stage: lambda state, on: (events.RefillMoved, {"refill": _key(state, "refill"), "stage": stage})
    ),
    st.sampled_from(["felodipine", "metformin", "losartan", "water"]).map(
        lambda other: (
            lambda state, on: (
                events.RefillMoved,
                {"refill": _key(state, "refill"), "stage": "substitute_proposed", "substitute": other},
            )
        )
    ),
    st.booleans().map(lambda yes: lambda state, on: (events.SubstituteDecided, {"refill": _key(state, "refill"), "approved": yes})),
    st.tuples(st.sampled_from(["metformin", "amlodipine", "felodipine"]), st.booleans()).map(
        lambda out: lambda state, on: (events.Dispensed, {"fill": Fill(out[0], on, 30), "part": out[1]})
    ),
    st.sampled_from(["done", "go_on", "stopped"]).map(
        lambda outcome: lambda state, on: (events.TaskClosed, {"task": _key(state, "task"), "outcome": outcome})
    ),
)


@settings(max_examples=25, derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(1, 40), _HAPPENS), min_size=1, max_size=10))
def test_whatever_comes_nothing_held_is_forgotten_and_no_request_is_left_with_a_pharmacy_in_vain(life: list[Any]) -> None:
    following_, at = following(), datetime(2025, 3, 3, 2, tzinfo=UTC)
    fills = (*FILLS, Fill("amlodipine", date(2025, 2, 20), 30))
    first = events.Enrolled(id="e", at=at, learnt=at, born=date(1960, 1, 1), timezone="Asia/Shanghai", fills=fills, **BOTH)
    outcome = step(following_, State("p"), first)
    asked: dict[str, str] = {}
    for number, (days, happens) in enumerate(life):
        at += timedelta(days=days)
        cls, what = happens(outcome.state, at.date())
        outcome = step(following_, outcome.state, cls(id=f"h{number}", at=at, learnt=at, **what))
        state = outcome.state
        for command in outcome.commands:
            if isinstance(command, RequestRefill):
                asked[command.refill] = command.medicine
            elif isinstance(command, CancelRefill):
                asked.pop(command.refill, None)
        about = {(one.kind, one.about) for one in state.tasks.values()}
        for supply in state.supplies.values():
            assert supply.stage != "held" or (supply.refill is None and ("refill_held", supply.key) in about)
            assert supply.stage != "substitute_proposed" or ("approve_substitute", supply.refill) in about
        assert all(reason.code != "does_not_settle" for reason in outcome.reasons)
        assert next_due(following_, state) is not None
        keys = [one.refill for one in state.supplies.values() if one.refill is not None]
        assert len(keys) == len(set(keys))
