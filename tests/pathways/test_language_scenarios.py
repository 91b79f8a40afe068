"""Scenarios are read as a nurse would tell them."""

from __future__ import annotations

from datetime import date, time
from typing import get_args

from pathways.language import library, load_stories
from pathways.language.scenarios import (
    Action,
    Answer,
    Call,
    Dispensed,
    Home,
    Lab,
    LifeChange,
    Nothing,
    Postponed,
    ReferralNews,
    Visit,
)

STORY = """\
stories:
  - name: a long winter
    patient:
      born: 1960-01-01
      sex: female
      conditions: [hypertension]
      timezone: Europe/Madrid
      language: es
      carer: true
      medicines: [{name: amlodipine, days_supply: 30, last_fill: 2025-01-01}]
      last_done: {follow_up: 2024-12-01}
      known: {sbp: {value: 150, on: 2024-12-01}}
    enrolled: 2025-01-05
    steps:
      - {day: 1, at: "02:00", home: {sbp: 190, dbp: 100}, expect: {row: HTN-H1, decision: URGENT_AT_HOME, tasks: [urgent_call]}}
      - on: 2025-01-10
        visit: {sbp: 128, dbp: 78, rest: normal}
        expect: {due: {follow_up: 2025-04-10, medicine: null}, sent: [visit_soon]}
      - {lab: {service: annual_exam, readings: {sbp: 130}}}
      - {call: {outcome: no_answer}}
      - {done: annual_exam}
      - {dispensed: {medicine: amlodipine, days: 30}}
      - {stock_out: {medicine: amlodipine}}
      - {answer: 1}
      - {referral: {stage: booked, day: 2025-02-01}}
      - {confirm: false}
      - {day: 60, hospitalised: true, expect: {status: in_hospital, reach: reachable, tag: null}}
      - {day: 70, discharged: true}
      - {day: 80, nothing: true}
      - {day: 90, expect: {tag: green}}
      - {postponed: {task: phone_call, until: 2025-01-20, reason: no_answer}}
      - {handed_over: {task: phone_call, to: doctor}}
      - {dispensed: {medicine: amlodipine, days: 10, part: true}}
"""


def test_everything_that_can_happen_to_a_patient_can_be_told() -> None:
    stories = load_stories(STORY, file="s.yaml", pathways=library().pathways())
    assert [str(p) for p in stories.problems] == []
    (story,) = stories.scenarios
    patient, steps = story.patient, story.steps
    assert (patient.timezone, patient.language, patient.carer, patient.known["sbp"].value) == ("Europe/Madrid", "es", True, 150.0)
    assert [step.on for step in steps][:4] == [date(2025, 1, 6), date(2025, 1, 10), date(2025, 1, 10), date(2025, 1, 10)]
    assert steps[0].at == time(2, 0)
    assert isinstance(steps[0].action, Home)
    assert isinstance(steps[2].action, Lab)
    assert steps[3].action == Call("no_answer")
    assert steps[5].action == Dispensed("amlodipine", 30)
    assert steps[7].action == Answer("1")
    assert steps[8].action == ReferralNews("booked", date(2025, 2, 1))
    assert steps[10].action == LifeChange("hospitalised")
    assert steps[12].action == steps[13].action == Nothing()
    assert steps[14].action == Postponed("phone_call", date(2025, 1, 20), "no_answer")
    assert steps[16].action == Dispensed("amlodipine", 10, part=True)
    assert steps[1].expect.due == {"follow_up": date(2025, 4, 10), "medicine": None}
    assert "tag" in steps[10].expect.given
    assert steps[10].expect.tag is None
    assert {type(step.action) for step in steps} == set(get_args(Action))


def test_rest_normal_fills_in_what_was_asked_and_denied_but_never_a_number() -> None:
    pathway = library()["hypertension"].pathway
    assert pathway is not None
    stories = load_stories(STORY, file="s.yaml", pathways=library().pathways())
    visit = stories.scenarios[0].steps[1].action
    assert isinstance(visit, Visit)
    complete = visit.readings.complete({name: pathway.readings[name] for name in pathway.services["follow_up"].collects})
    assert (complete["adr"], complete["symptoms"], complete["sbp"]) == (False, (), 128.0)
    assert "sbp" not in type(visit.readings)({}, rest_normal=True).complete(pathway.readings)


def test_a_story_that_cannot_be_played_is_refused_with_its_place() -> None:
    changes = {
        "home: {sbp: 190": ("home: {spb: 190", "s.yaml:15:38: no reading or value called 'spb'; did you mean 'sbp'?"),
        "done: annual_exam": ("done: anual_exam", "no service called 'anual_exam'; did you mean 'annual_exam'?"),
        "sent: [visit_soon]": ("send: [visit_soon]", "unknown key 'send'; did you mean 'sent'?"),
        "rest: normal": ("rest: usual", "'rest' can only be normal"),
        "Europe/Madrid": ("Europe/Madird", "'Europe/Madird' is not a time zone"),
        "born: 1960": ("born: 2026", "the patient is enrolled before birth"),
        "day: 60": ("day: 6.5", "a number is not a number of days"),
        "stories:": ("story:", "'stories' is missing"),
    }
    for old, (new, what) in changes.items():
        problems = [str(p) for p in load_stories(STORY.replace(old, new), file="s.yaml", pathways=library().pathways()).problems]
        assert any(what in one for one in problems), (new, problems)
    assert load_stories("- a\n- b: 1", file="s.yaml", pathways={}).problems
    assert load_stories("[", file="s.yaml", pathways={}).problems
