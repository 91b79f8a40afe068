"""A doctor is asked to look at the medicines once for each thing that is found, whenever it becomes known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from pathways.engine import State, events
from pathways.engine.commands import OpenTask
from pathways.engine.events import AnyEvent, Fill
from pathways.engine.plan import Plan
from pathways.engine.refold import refold
from pathways.engine.step import Outcome, step
from pathways.language import library
from pathways.language.medicines import shipped_checks

BEGIN = datetime(2025, 3, 3, 9, tzinfo=UTC)


def plan() -> Plan:
    both = {name: pathway for name, pathway in library().pathways().items() if name in ("hypertension", "type2_diabetes")}
    return Plan(both, checks=shipped_checks())


def told(outcome: Outcome) -> list[tuple[str, str]]:
    return [(reason.row, reason.held_back) for reason in outcome.reasons if reason.code == "medicine_finding"]


def reviews(outcome: Outcome) -> list[OpenTask]:
    return [command for command in outcome.commands if isinstance(command, OpenTask) and command.kind == "medication_review"]


class Patient:
    """Somebody with both conditions, and what comes of each event."""

    def __init__(self) -> None:
        self.plan, self.state, self.n = plan(), State("p1"), 0
        self.log: list[AnyEvent] = []
        self.then(
            events.Enrolled(id="e", at=BEGIN, learnt=BEGIN, pathways=("hypertension", "type2_diabetes"), born=date(1960, 1, 1),
                            conditions=("hypertension", "type2_diabetes")),
        )  # fmt: skip

    def then(self, event: AnyEvent) -> Outcome:
        outcome = step(self.plan, self.state, event)
        self.state = outcome.state
        self.log.append(event)
        return outcome

    def dispensed(self, medicine: str, day: int) -> Outcome:
        self.n += 1
        at = BEGIN + timedelta(days=day)
        fill = Fill(medicine, at.date(), 30)
        return self.then(events.Dispensed(id=f"d{self.n}", at=at, learnt=at, fill=fill))

    def results(self, day: int, **readings: float) -> Outcome:
        self.n += 1
        at = BEGIN + timedelta(days=day)
        return self.then(events.ReadingReceived(id=f"r{self.n}", at=at, learnt=at, readings=readings, source="laboratory"))


def test_two_medicines_that_do_not_go_together_are_a_task_for_a_doctor_once() -> None:
    patient = Patient()
    assert told(patient.dispensed("enalapril", 1)) == []

    found = patient.dispensed("valsartan", 2)
    again = patient.dispensed("enalapril", 25)

    assert told(found) == [("MED-R2", "")]
    (task,) = reviews(found)
    assert (task.by, task.due) == ("doctor", date(2025, 3, 6))
    (reason,) = [reason for reason in found.reasons if reason.code == "medicine_finding"]
    assert (reason.key, reason.decision, reason.detail["medicines"]) == (task.key, "block", "enalapril, valsartan")
    assert reason.cites
    assert (told(again), reviews(again)) == ([], [])


def test_a_laboratory_result_that_forbids_a_medicine_is_acted_on() -> None:
    patient = Patient()

    unknown = patient.dispensed("metformin", 1)
    fine = patient.results(10, egfr=72.0)
    low = patient.results(100, egfr=28.0)

    assert (told(unknown), reviews(unknown)) == ([("MED-M7", "readings_missing")], [])
    assert told(fine) == []
    assert told(low) == [("MED-M1", "")]
    assert len(reviews(low)) == 1


def test_what_went_away_and_comes_back_is_told_again() -> None:
    patient = Patient()
    patient.dispensed("metformin", 1)
    patient.results(2, egfr=40.0)

    assert told(patient.results(30, egfr=50.0)) == []
    assert told(patient.results(60, egfr=41.0)) == [("MED-M3", "")]


def test_a_medicine_that_no_pathway_looks_after_is_checked_when_it_is_handed_out() -> None:
    patient = Patient()
    patient.dispensed("bisoprolol", 1)

    assert told(patient.dispensed("verapamil", 2)) == [("MED-H1", "")]


def test_a_supply_that_ended_long_ago_is_not_taken_any_more() -> None:
    patient = Patient()
    patient.dispensed("enalapril", 1)

    assert told(patient.dispensed("valsartan", 130)) == []


def test_a_result_that_is_told_late_is_acted_on_as_if_it_had_been_known_in_time() -> None:
    patient = Patient()
    patient.dispensed("metformin", 1)
    patient.results(30, egfr=72.0)
    at, learnt = BEGIN + timedelta(days=20), BEGIN + timedelta(days=40)
    late = events.ReadingReceived(id="late", at=at, learnt=learnt, readings={"egfr": 28.0}, source="laboratory")
    corrected = events.Corrected(id="c", at=learnt, learnt=learnt, corrects="r2", readings={"egfr": 27.0})

    by_the_past = refold(patient.plan, patient.state, patient.log, [late])
    by_the_last = refold(patient.plan, patient.state, patient.log, [corrected])

    assert told(by_the_past) == [("MED-M1", "")]
    assert len(reviews(by_the_past)) == 1  # a later value says otherwise; a doctor still sees that there was such a one
    assert by_the_past.state.medicine_findings == ()
    assert len(reviews(by_the_last)) == 1
    assert "MED-M1" in by_the_last.state.medicine_findings


def test_without_checks_in_the_plan_nothing_is_looked_at() -> None:
    patient = Patient()
    patient.plan = replace(patient.plan, checks=None)
    patient.dispensed("enalapril", 1)

    assert told(patient.dispensed("valsartan", 2)) == []


def test_who_comes_back_with_the_same_medicines_is_looked_at_again() -> None:
    patient = Patient()
    patient.dispensed("enalapril", 1)
    patient.dispensed("valsartan", 2)
    left, back = BEGIN + timedelta(days=3), BEGIN + timedelta(days=5)
    patient.then(events.Withdrawn(id="w", at=left, learnt=left))

    fills = (Fill("enalapril", BEGIN.date(), 30), Fill("valsartan", BEGIN.date(), 30))
    returned = events.Enrolled(id="e2", at=back, learnt=back, pathways=("hypertension",), born=date(1960, 1, 1), fills=fills)

    assert [task.kind for task in reviews(patient.then(returned))] == ["medication_review"]
