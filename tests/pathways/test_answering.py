"""What a patient's answer brings about: a value that cannot be is asked for again, once, and then a person asks."""

from __future__ import annotations

from datetime import date, time, timedelta

from texting import Texted

from pathways.engine import events
from pathways.engine.commands import SendMessage

ON = date(2025, 3, 4)


def _unclear(patient: Texted, on: date, at: time) -> None:
    patient.happens(events.AnswerReceived, patient.moment(on, at), kind="unclear")


def _asked(patient: Texted) -> list[SendMessage]:
    return [said for _, _, said in patient.sent if [part.template for part in said.parts] == ["ask_again"]]


def _to_read(patient: Texted) -> int:
    return sum(task.kind == "read_answer" for task in patient.state.tasks.values())


def test_a_value_that_cannot_be_is_asked_for_again_at_once_also_late_in_the_evening() -> None:
    patient = Texted.enrolled()
    _unclear(patient, ON, time(23, 10))
    (said,) = _asked(patient)
    assert said.to == "patient"
    assert not said.urgent
    assert said.not_after == patient.moment(ON, time(23, 10)) + timedelta(hours=2)
    assert _to_read(patient) == 0


def test_a_second_one_on_the_same_day_is_for_a_person_and_the_next_day_it_is_asked_again() -> None:
    patient = Texted.enrolled()
    _unclear(patient, ON, time(9))
    _unclear(patient, ON, time(9, 5))
    _unclear(patient, ON, time(9, 6))
    assert (len(_asked(patient)), _to_read(patient)) == (1, 1)
    _unclear(patient, ON + timedelta(days=1), time(9))
    assert len(_asked(patient)) == 2


def test_who_wants_no_texts_is_asked_by_a_person() -> None:
    patient = Texted.enrolled()
    patient.happens(events.AnswerReceived, patient.moment(ON, time(8)), kind="stop")
    _unclear(patient, ON, time(9))
    assert (len(_asked(patient)), _to_read(patient)) == (0, 1)


def test_who_lies_in_hospital_is_not_asked_by_text() -> None:
    patient = Texted.enrolled()
    patient.happens(events.Hospitalised, patient.moment(ON, time(8)))
    _unclear(patient, ON, time(9))
    assert (len(_asked(patient)), _to_read(patient)) == (0, 1)


def test_asking_again_is_no_routine_text_of_the_week() -> None:
    patient = Texted.enrolled()
    before = patient.state.texted
    _unclear(patient, ON, time(9))
    assert patient.state.texted == before


def test_after_stop_what_is_due_becomes_a_call_and_care_goes_on() -> None:
    patient = Texted.enrolled()
    patient.happens(events.AnswerReceived, patient.moment(ON, time(8)), kind="stop")
    patient.until(patient.moment(ON + timedelta(days=100), time(8)))
    assert not [said for at, _, said in patient.sent if said.to == "patient" and at > patient.moment(ON, time(8))]
    assert "called_instead" in {reason.code for reason in patient.reasons if reason.held_back == "opted_out"}
    assert patient.state.life == "active"
    patient.happens(events.AnswerReceived, patient.moment(ON + timedelta(days=100), time(9)), kind="start")
    assert not patient.state.opted_out
