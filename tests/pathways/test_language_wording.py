"""A text reaches the patient in their language and tells a stranger nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pathways.language import load
from pathways.language.privacy import Forbidden, shipped_medicines
from pathways.language.segments import segments
from pathways.language.wording import NotPlain, NoWording, Wording, in_language, shipped_frames, variables

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


@pytest.mark.parametrize(
    ("tag", "gets"),
    [
        ("en", "en"), ("en-GB", "en"), ("en-US", "en"), ("EN", "en"),
        ("es", "es"), ("es-MX", "es"), ("es-419", "es"), ("es_US", "es"), ("ES-es", "es"),
        ("zh", "zh-Hans"), ("zh-CN", "zh-Hans"), ("zh-SG", "zh-Hans"), ("zh-MY", "zh-Hans"), ("zh_CN", "zh-Hans"),
        ("zh-Hans", "zh-Hans"),
        ("zh-Hans-HK", "zh-Hans"), ("cmn", "zh-Hans"), ("zh-cmn-Hans-CN", "zh-Hans"),
        ("zh-TW", "zh-Hant"), ("zh-HK", "zh-Hant"), ("zh-MO", "zh-Hant"), ("zh_tw", "zh-Hant"), ("zh-Hant", "zh-Hant"),
        ("zh-Hant-CN", "zh-Hant"), ("ZH-HANT-TW", "zh-Hant"), ("yue", "zh-Hant"), ("yue-HK", "zh-Hant"),
        ("pt", "en"), ("pt-BR", "en"), ("fr-CA", "en"), ("vi", "en"), ("", "en"), ("-", "en"), ("zhx", "en"), ("x-zh", "en"),
    ],
)  # fmt: skip
def test_every_reader_gets_the_nearest_language_we_write_by_one_rule(tag: str, gets: str) -> None:
    assert FRAMES.nearest(tag) == gets
    texts = {language: language for language in FRAMES.languages}
    assert in_language(texts, tag) == gets  # screens, timelines and reasons
    wording = Wording({"one": {"soon": {language: f"[{language}]." for language in texts}}}, FRAMES)
    assert f"[{gets}]" in wording.render([("one", "soon", {})], tag, "N", "Ann")  # texts
    assert set(FRAMES.order(tag)) >= FRAMES.languages.keys()


def test_where_a_text_is_not_there_the_next_language_is_the_one_best_understood() -> None:
    assert [one for one in FRAMES.order("zh-TW") if one != "zh-TW"] == ["zh-Hant", "zh-Hans", "en", "es"]
    assert [one for one in FRAMES.order("zh-CN") if one != "zh-CN"] == ["zh-Hans", "zh-Hant", "en", "es"]
    assert [one for one in FRAMES.order("es-MX") if one != "es-MX"] == ["es", "en", "zh-Hans", "zh-Hant"]
    assert in_language({"zh-Hans": "简", "en": "e"}, "zh-HK") == "简"
    assert in_language({"zh-Hans": "简"}, "es") == "简"
    assert in_language({}, "es") == ""


def test_the_day_is_written_in_the_language_that_the_text_is_in() -> None:
    assert WORDING.spoken([("two", "ready")], "es") == "en"
    assert WORDING.spoken([("one", "soon")], "zh-TW") == "zh-Hans"


def test_how_to_answer_is_said_once_when_messages_of_a_day_become_one() -> None:
    bodies = ["your check is due by May 2. To arrange a day, reply 2.", "your test is due by May 9. To arrange a day, reply 2."]
    text = WORDING.frame(bodies, "en", "N", "Ann")
    assert text == "N: Ann, your check is due by May 2. Your test is due by May 9. To arrange a day, reply 2. Reply STOP to end."
    text = WORDING.frame(["请做体检。要约时间请回复2。", "请做检验。要约时间请回复2。"], "zh-Hans", "N", "")
    assert text == "【N】请做体检。请做检验。要约时间请回复2。回复TD退订。"


def test_a_text_without_the_number_to_call_is_not_sent() -> None:
    wording = Wording({"one": {"gap": {"en": "please call {{ phone }}."}}}, FRAMES)
    with pytest.raises(NoWording, match="phone"):
        wording.render([("one", "gap", {"phone": " "})], "en", "N", "Ann")
    assert wording.render([("one", "gap", {"phone": "5", "hospital": ""})], "en", "N", "").startswith("N: please call 5.")


def test_a_clinician_on_call_is_not_asked_to_stop_the_alarms() -> None:
    assert WORDING.frame(["look."], "en", "N", "", stop=False) == "N: look."


def test_an_accent_that_would_cost_two_more_sms_is_left_out_and_a_name_in_another_script_is_not() -> None:
    text = WORDING.frame(["su cita es el 17 de marzo. Responda 1 si viene, 2 para otra fecha."], "es", "Clínica del Río", "María")
    assert text.startswith("Clinica del Rio: Maria, ")
    assert segments(text).count == 1
    assert WORDING.frame(["le esperamos."], "es", "Río", "María").startswith("Río: María, ")  # one SMS either way
    assert "O'Brien’" not in WORDING.frame(["x " * 50], "en", "N", "O’Brien")
    assert "王" in WORDING.frame(["x " * 50], "en", "N", "王")


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
        "su tension arterial",
        "Cáncer",
        "DIÁLISIS",
        "your result is too high",
        "检查结果异常",
        "指标偏高",
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
        "please come to Highfield House, 12 High Street, Stepney; mind the step",
        "Centro de Salud Alto de San Juan, mañana a las 10",
        "Kidneyham, Strokestown and Aidsworth are places",
        "请到高新区卫生院三楼,低楼层有电梯。",
        "Reply 2 for another day, 1 if you will come.",
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
