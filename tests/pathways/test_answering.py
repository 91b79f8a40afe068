"""What a patient's answer brings about: a value that cannot be is asked for again, once, and then a person asks."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
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


def _open(patient: Texted) -> set[str]:
    return {task.kind for task in patient.state.tasks.values()}


def _templates(patient: Texted, since: datetime) -> list[tuple[str, str]]:
    return [(said.to, part.template) for at, _, said in patient.sent if at >= since for part in said.parts]


def test_who_cries_for_help_at_night_is_told_at_once_that_they_are_heard_and_not_with_each_word_they_write() -> None:
    patient, night = Texted.enrolled(), time(3)
    patient.happens(events.AnswerReceived, patient.moment(ON, night), kind="danger")
    assert _templates(patient, patient.moment(ON, night)) == [("on_call", "on_call_alert"), ("patient", "danger_heard")]
    patient.happens(events.AnswerReceived, patient.moment(ON, time(3, 5)), kind="danger")
    assert _templates(patient, patient.moment(ON, time(3, 1))) == [("on_call", "on_call_alert")]


def test_who_has_said_stop_and_cries_for_help_is_called_and_not_texted() -> None:
    patient = Texted.enrolled()
    patient.happens(events.AnswerReceived, patient.moment(ON, time(8)), kind="stop")
    patient.happens(events.AnswerReceived, patient.moment(ON, time(9)), kind="danger")
    assert _templates(patient, patient.moment(ON, time(9))) == [("on_call", "on_call_alert")]
    assert "urgent_call" in _open(patient)


@pytest.mark.parametrize("left", [events.Withdrawn, events.MovedAway, events.Died])
def test_a_cry_for_help_is_heard_also_from_the_phone_of_somebody_who_has_left(left: type[events.AnyEvent]) -> None:
    patient = Texted.enrolled()
    patient.happens(left, patient.moment(ON, time(8)))
    patient.happens(events.AnswerReceived, patient.moment(ON, time(9)), kind="danger")
    assert "urgent_call" in _open(patient)
    assert [said.to for at, _, said in patient.sent if at >= patient.moment(ON, time(9))] == ["on_call"]


@pytest.mark.parametrize("kind", ["text", "reading", "another_day"])
def test_what_somebody_who_has_left_writes_to_us_is_read_and_they_are_not_texted(kind: str) -> None:
    patient = Texted.enrolled()
    patient.happens(events.Withdrawn, patient.moment(ON, time(8)))
    patient.happens(events.AnswerReceived, patient.moment(ON, time(9)), kind=kind, readings={"sbp": 150.0, "dbp": 95.0})
    assert _open(patient) == {"read_answer"}
    assert not [said for at, _, said in patient.sent if at >= patient.moment(ON, time(8))]


def test_a_reading_that_no_pathway_of_theirs_looks_at_is_read_by_a_person() -> None:
    patient = Texted.enrolled()
    patient.happens(events.AnswerReceived, patient.moment(ON, time(9)), kind="reading", readings={"sbp": 130.0, "dbp": 80.0})
    assert _to_read(patient) == 0
    patient.happens(events.AnswerReceived, patient.moment(ON, time(10)), kind="reading", readings={"spo2": 85.0})
    assert _to_read(patient) == 1


def test_a_carers_stop_ends_the_carers_texts_and_not_the_patients() -> None:
    patient = Texted.enrolled(carer=True)
    patient.happens(events.AnswerReceived, patient.moment(ON, time(9)), kind="stop", by="carer")
    assert (patient.state.opted_out, patient.state.carer) == (False, False)
    patient.happens(events.AnswerReceived, patient.moment(ON, time(10)), kind="start", by="carer")
    assert patient.state.carer


def test_a_carers_start_does_not_take_back_the_patients_own_stop() -> None:
    patient = Texted.enrolled(carer=True)
    patient.happens(events.AnswerReceived, patient.moment(ON, time(8)), kind="stop")
    patient.happens(events.AnswerReceived, patient.moment(ON, time(9)), kind="start", by="carer")
    assert patient.state.opted_out


def test_who_has_only_the_carers_phone_is_stopped_by_it() -> None:
    patient = Texted.enrolled(carer=True, phone=False)
    patient.happens(events.AnswerReceived, patient.moment(ON, time(9)), kind="stop", by="carer")
    assert patient.state.opted_out
