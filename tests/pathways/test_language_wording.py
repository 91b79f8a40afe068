"""A text reaches the patient in their language and tells a stranger nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pathways.language import load
from pathways.language.privacy import Forbidden, shipped_medicines
from pathways.language.segments import segments
from pathways.language.wording import NotPlain, NoWording, Wording, shipped_frames, variables

FRAMES = shipped_frames()
FORBIDDEN = Forbidden([*FRAMES.forbidden, *shipped_medicines()])
WORDING = Wording(
    {
        "one": {"soon": {"en": "your visit is on {{ day }}.", "zh-Hans": "请于{{ day }}复诊。"}},
        "two": {"ready": {"en": "your prescription is ready at {{ pharmacy }}."}},
    },
    FRAMES,
)


def test_a_text_names_the_sender_greets_and_says_how_to_stop() -> None:
    text = WORDING.render([("one", "soon", {"day": "17 March"})], "en", "Northfield", "Ann")
    assert text == "Northfield: Ann, your visit is on 17 March. Reply STOP to end."
    text = WORDING.render([("one", "soon", {"day": "3月17日"})], "zh-Hans", "咸水沽社区卫生", "王女士")
    assert text == "【咸水沽社区卫生】王女士，请于3月17日复诊。回复TD退订。"


def test_two_messages_of_one_day_become_one_text_in_one_language() -> None:
    parts = [("one", "soon", {"day": "17 March"}), ("two", "ready", {"pharmacy": "Sol"})]
    expected = "N: your visit is on 17 March. Your prescription is ready at Sol. Reply STOP to end."
    assert WORDING.render(parts, "en", "N", "") == expected
    assert WORDING.render(parts, "zh-Hans", "N", "") == expected


def test_a_reader_of_another_script_gets_the_nearest_language() -> None:
    assert "复诊" in WORDING.render([("one", "soon", {"day": "x"})], "zh-Hant", "N", "王")
    assert "your visit" in WORDING.render([("one", "soon", {"day": "x"})], "es", "N", "Ana")
    assert "your visit" in WORDING.render([("one", "soon", {"day": "x"})], "xx", "N", "Ana")


def test_a_text_that_cannot_be_filled_is_refused_and_never_sent_half() -> None:
    with pytest.raises(NoWording):
        WORDING.render([("one", "soon", {})], "en", "N", "Ann")
    with pytest.raises(NoWording):
        WORDING.render([("one", "later", {"day": "x"})], "en", "N", "Ann")
    with pytest.raises(NoWording):
        WORDING.render([], "en", "N", "Ann")


def test_what_a_patient_is_called_is_never_read_as_a_template() -> None:
    text = WORDING.render([("one", "soon", {"day": "{{ 7 * 7 }}"})], "en", "N", "{% if %}")
    assert "{{ 7 * 7 }}" in text
    assert "{% if %}" in text


@pytest.mark.parametrize(
    "text",
    [
        "{{ day",
        "{{ 'x' * 999999999 }}",
        "{% for x in range(9) %}{% endfor %}",
        "{{ day.__class__ }}",
        "{{ day | upper }}",
        "{# x #}",
        "{{ f() }}",
    ],
)
def test_a_body_holds_nothing_but_names_between_braces(text: str) -> None:
    with pytest.raises(NotPlain):
        variables(text)


@pytest.mark.parametrize(
    "text",
    [
        "please come for a BP measure and medicines.",
        "your Blood-Pressure is due.",
        "about your ＢＰ",
        "your kid\u200bney check",
        "take your Amlodipine",
        "your statins are ready",
        "您的血糖偏高,请来复查。",
        "您的二甲双胍还剩7天,请续方。",
        "您的血 压",
        "已为您转诊",
        "su tensión arterial",
        "you had 150/95 last time",
        "it was 7.8 mmol/L",
        "take 5mg daily",
        "体重 70千克",
    ],
)
def test_a_text_that_names_a_disease_a_value_or_a_medicine_is_refused(text: str) -> None:
    assert list(FORBIDDEN.findings(text)) != []


@pytest.mark.parametrize(
    "text",
    [
        "Tomorrow is your medical clinic day. Please drink your morning drug dose before coming to the clinic.",
        "【咸水沽社区卫生】王女士,您预约3月17日上午9点到中心复诊,请带就诊卡。回复1确认,2改期,TD退订。",
        "see you at 10:30, room 12, open 24/7",
        "the subplot of a webpage, dbpedia, bpx",
        "your prescription is ready, call 555 0100",
    ],
)
def test_a_text_that_tells_nothing_is_accepted(text: str) -> None:
    assert list(FORBIDDEN.findings(text)) == []


@pytest.mark.skipif("CAIRN_CLINICAL_CASES" not in os.environ, reason="set CAIRN_CLINICAL_CASES to a folder of cases_*.json")
def test_the_published_privacy_cases_come_out_as_expected() -> None:
    cases = json.loads((Path(os.environ["CAIRN_CLINICAL_CASES"]) / "cases_sms_privacy.json").read_text("utf-8"))["cases"]
    found = {case["id"]: "reject" if list(FORBIDDEN.findings(case["text"])) else "accept" for case in cases}
    assert found == {case["id"]: case["expected"] for case in cases}


def test_a_text_that_costs_more_than_it_should_is_a_warning_with_the_count() -> None:
    text = "pathway: p\ntitle: {en: P}\nbasis: b\nenrol_when: age > 1\ntags: [red]\ndecisions: {}\ntables: {}\nservices: {}\n"
    problems = load(text + f"messages: {{m: {{en: '{'word ' * 40}'}}}}\n", file="p.yaml").problems
    assert any(p.name == "TooLong" and "this is 2 SMS" in p.what for p in problems)


def test_every_variable_has_a_usual_and_a_long_sample_in_every_language_and_no_frame_costs_much() -> None:
    for name, samples in FRAMES.variables.items():
        assert samples.keys() == FRAMES.languages.keys(), name
    for language, sender in FRAMES.senders.items():
        empty = Wording({}, FRAMES).frame(["."], language, sender, FRAMES.long_sample("first_name", language))
        assert segments(empty).count == 1
        assert segments(empty).encoding == ("UCS-2" if language.startswith("zh") else "GSM-7")
