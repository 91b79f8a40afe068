"""Cases that people write down are decided by the tables that look after patients, and nothing in them is quietly passed over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathways.engine.plan import Pathway
from pathways.language import library, load
from pathways.language.decide import CannotDecide, decide, decide_file

CONTROLLED: dict[str, Any] = {
    "age": 50,
    "sbp": 128,
    "dbp": 78,
    "symptoms": [],
    "pregnant_or_lactating": False,
    "other_disease_cannot_handle": False,
    "adr": False,
    "adr_hard_to_control": False,
    "new_complication": False,
    "worse_complication": False,
}
UNDATED = {"due_on_or_before": None, "referral_followup_within_days": None}
GREEN = {"id": "C1", "row": "HTN-C1", "decision": "ROUTINE", "tag": "green", "interval_days": 90, "referral": None, **UNDATED}


@pytest.fixture(scope="module")
def hypertension() -> Pathway:
    pathway = library()["hypertension"].pathway
    assert pathway is not None
    return pathway


def case(name: str = "C1", /, **inputs: Any) -> dict[str, Any]:
    return {"id": name, "inputs": {**CONTROLLED, **inputs}}


def rows(answers: Iterator[dict[str, object]]) -> list[object]:
    return [answer["row"] for answer in answers]


def test_an_answer_says_row_decision_tag_days_and_referral(hypertension: Pathway) -> None:
    (answer,) = decide(hypertension, [case(sbp=185)])

    assert list(answer.items()) == [
        ("id", "C1"),
        ("row", "HTN-E1"),
        ("decision", "EMERGENCY_REFERRAL"),
        ("tag", "red"),
        ("interval_days", 14),  # the row's own two weeks, not the fifteen days of a red tag
        ("referral", "emergency"),
        ("due_on_or_before", None),  # the case tells no day
        ("referral_followup_within_days", 14),
    ]


@pytest.mark.parametrize("name", ["visit_date", "sample_date"])
def test_the_next_day_is_counted_from_the_day_of_the_case(hypertension: Pathway, name: str) -> None:
    (answer,) = decide(hypertension, [case(**{name: "2025-03-03"})])

    assert (answer["interval_days"], answer["due_on_or_before"]) == (90, "2025-06-01")


def test_what_a_case_expects_is_never_looked_at(hypertension: Pathway) -> None:
    told = {**case(), "rule_row": "HTN-E1", "expected": {"decision": "REFER_UP", "tag": "red"}, "why": "a trap"}

    assert list(decide(hypertension, [told])) == [GREEN]


def test_missing_readings_leave_tag_and_day_as_they_are(hypertension: Pathway) -> None:
    (answer,) = decide(hypertension, [case(sbp=None)])

    assert answer == {
        "id": "C1",
        "row": "HTN-X1",
        "decision": "DATA_INCOMPLETE",
        "tag": None,
        "interval_days": None,
        "referral": None,
        **UNDATED,
    }


def test_left_out_and_null_are_both_missing(hypertension: Pathway) -> None:
    left_out = {name: value for name, value in CONTROLLED.items() if name != "dbp"}

    assert rows(decide(hypertension, [case(dbp=None), {"id": "C2", "inputs": left_out}])) == ["HTN-X1", "HTN-X1"]


@pytest.mark.parametrize("section", ["followup", "visits of March", ""])
def test_cases_without_a_table_of_their_name_are_follow_ups(hypertension: Pathway, section: str) -> None:
    assert list(decide(hypertension, {section: [case()]})) == [GREEN]


def test_a_section_named_like_a_table_goes_through_that_table(hypertension: Pathway) -> None:
    screened = {"id": "S1", "inputs": {"age": 40, "readings": [[142, 85], [140, 88], [150, 91]], "non_same_day": True}}
    joined = {"id": "N1", "inputs": {"sbp": 185}}

    answers = list(decide(hypertension, {"screening": [screened], "at_enrolment": [joined], "followup": [case()]}))

    assert [answer["row"] for answer in answers] == ["HS-3", "HTN-N1", "HTN-C1"]
    assert answers[0]["referral"] == "routine_up"


def test_what_stands_beside_the_sections_is_left_alone(hypertension: Pathway) -> None:
    assert list(decide(hypertension, {"source": "written by hand", "version": 3, "followup": [case()]})) == [GREEN]


@pytest.mark.parametrize("name", ["prev_uncontrolled", "prev_followup_uncontrolled"])
@pytest.mark.parametrize(("before", "row"), [(True, "HTN-R3"), (False, "HTN-A1"), (None, "HTN-A1")])
def test_what_was_true_at_the_previous_follow_up_is_told_by_its_name(
    hypertension: Pathway, name: str, before: bool | None, row: str
) -> None:
    assert rows(decide(hypertension, [case(sbp=150, **{name: before})])) == [row]


def test_a_value_given_comes_before_one_worked_out(hypertension: Pathway) -> None:
    conditions = ["hypertension", "type2_diabetes"]

    worked_out = case(age=70, sbp=145, conditions=conditions)
    given_instead = case(age=70, sbp=145, conditions=conditions, diabetes=False)
    unknown = case(age=70, sbp=145, conditions=None)

    assert rows(decide(hypertension, [worked_out, given_instead, unknown])) == ["HTN-A1", "HTN-C1", "HTN-X1"]


def test_an_input_that_the_pathway_does_not_have_is_told_once(hypertension: Pathway) -> None:
    told: list[str] = []

    answers = list(decide(hypertension, [case("C1", spb=190), case("C2", spb=200)], complain=told.append))

    assert [answer["id"] for answer in answers] == ["C1", "C2"]
    assert told == ["case 1 (C1): hypertension has no input 'spb', it was not used; did you mean 'sbp'?"]


@pytest.mark.parametrize(
    ("name", "written", "said"),
    [
        ("sbp", "high", 'sbp is "high", not a number; write for example 128, or null when it is missing'),
        ("sbp", True, "sbp is true, not a number; write for example 128, or null when it is missing"),
        ("sbp", [120], "sbp is [120], not a number; write for example 128, or null when it is missing"),
        ("sbp", float("nan"), "sbp is NaN, not a number; write for example 128, or null when it is missing"),
        ("adr", "no", 'adr is "no", not yes or no; write true, false, or null when it is missing'),
        ("adr", 0, "adr is 0, not yes or no; write true, false, or null when it is missing"),
        (
            "symptoms",
            "eye_pain",
            'symptoms is "eye_pain", not a list of words; write for example ["one", "two"], or [] when there is none',
        ),
        ("symptoms", ["eyepain"], "symptoms is \"eyepain\", not a word it may have; did you mean 'eye_pain'?"),
        ("age", "fifty", 'age is "fifty", not a number; write for example 128, or null when it is missing'),
        ("sex", "w", 'sex is "w", not a word it may have; use one of: f, female, m, male, other, unknown'),
        ("visit_date", "3.3.2025", 'visit_date is "3.3.2025", not a day; write for example 2025-03-03'),
        ("visit_date", "9999-12-31", 'visit_date is "9999-12-31", not a day; write for example 2025-03-03'),
        ("sample_date", 20250303, "sample_date is 20250303, not a day; write for example 2025-03-03"),
        ("tag", "blue", 'tag is "blue", not a word it may have; use one of: green, red, yellow'),
        ("diabetes", "yes", 'diabetes is "yes", not yes or no; write true, false, or null when it is missing'),
        ("prev_uncontrolled", 1, "prev_uncontrolled is 1, not yes or no; write true, false, or null when it is missing"),
        ("readings", 120, "readings is 120, not a list of measurements; write for example [[142, 85], [138, 84]]"),
        ("readings", [["x", 80]], 'readings is "x", not a number; write for example 128, or null when it is missing'),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_with_its_case_and_the_others_go_on(
    hypertension: Pathway, name: str, written: object, said: str
) -> None:
    told: list[str] = []

    answers = list(decide(hypertension, {"followup": [case("C0", **{name: written}), case("C1")]}, complain=told.append))

    assert told == [f"followup case 1 (C0): {said}"]
    assert answers == [GREEN]


def test_a_value_that_can_hardly_be_true_is_decided_on_and_told(hypertension: Pathway) -> None:
    told: list[str] = []

    assert rows(decide(hypertension, [case(sbp=1280)], complain=told.append)) == ["HTN-E1"]
    assert told == ["case 1 (C1): sbp 1280 can hardly be true (50 to 300), it was decided on as written"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("C0", 'case 1: a case needs an "id"; write {"id": "C1", "inputs": {...}}'),
        ({"inputs": {}}, 'case 1: a case needs an "id"; write {"id": "C1", "inputs": {...}}'),
        ({"id": "C0"}, 'case 1 (C0): "inputs" are missing; write {"id": "C1", "inputs": {"age": 50, ...}}'),
        ({"id": "C0", "inputs": [1]}, 'case 1 (C0): "inputs" are missing; write {"id": "C1", "inputs": {"age": 50, ...}}'),
    ],
)
def test_what_is_not_a_case_is_told_with_its_place_and_the_others_go_on(hypertension: Pathway, written: object, said: str) -> None:
    told: list[str] = []

    assert list(decide(hypertension, [written, case()], complain=told.append)) == [GREEN]
    assert told == [said]


def test_without_anybody_to_tell_it_goes_to_stderr(hypertension: Pathway, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(decide(hypertension, [case("C0", sbp="high"), case()])) == [GREEN]

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == 'case 1 (C0): sbp is "high", not a number; write for example 128, or null when it is missing\n'


def test_a_file_gives_one_line_for_each_case(tmp_path: Path) -> None:
    file = tmp_path / "march.json"
    file.write_text(json.dumps({"followup": [case("张三"), case("C2", sbp="?"), case("C3", sbp=150)]}), "utf-8")
    told: list[str] = []

    lines = list(decide_file("hypertension", file, told.append))

    assert lines[0] == json.dumps({**GREEN, "id": "张三"}, ensure_ascii=False)
    assert lines[0].startswith('{"id": "张三", "row": "HTN-C1", "decision": "ROUTINE", "tag": "green", "interval_days": 90, ')
    assert [json.loads(line)["id"] for line in lines] == ["张三", "C3"]
    assert told == ['march.json: followup case 2 (C2): sbp is "?", not a number; write for example 128, or null when it is missing']


def test_a_pathway_may_be_a_file_of_the_coordinators_own(tmp_path: Path) -> None:
    file, cases = tmp_path / "ours.yaml", tmp_path / "cases.json"
    shipped = library()["hypertension"].document
    assert shipped is not None
    file.write_text(shipped.text.replace("when: sbp >= 180 ||", "when: sbp >= 170 ||", 1), "utf-8")
    cases.write_text(json.dumps([case(sbp=175)]), "utf-8")

    (line,) = decide_file(file, cases)

    assert json.loads(line)["row"] == "HTN-E1"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b'[{"id": "C1",}]', "cases.json:1:14: this is not JSON"),
        (b"\xff\xfe", "cases.json: the text is not UTF-8; save the file as UTF-8"),
        (b"3", "these are no cases; write a list"),
        (None, "no cases to read: No such file or directory; check the name of the file"),
    ],
)
def test_a_file_that_holds_no_cases_is_refused_in_one_sentence(tmp_path: Path, written: bytes | None, said: str) -> None:
    file = tmp_path / "cases.json"
    if written is not None:
        file.write_bytes(written)

    with pytest.raises(CannotDecide) as refused:
        list(decide_file("hypertension", file))

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_pathway_that_is_not_there_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(CannotDecide, match="no pathway and no file called 'hypertenson'; did you mean 'hypertension'"):
        list(decide_file("hypertenson", tmp_path / "cases.json"))


def test_a_pathway_with_errors_decides_nothing() -> None:
    shipped = library()["hypertension"].document
    assert shipped is not None
    broken = load(shipped.text.replace("sbp >= 180", "spb >= 180", 1), file="ours.yaml")

    with pytest.raises(CannotDecide, match=r"the pathway has errors:\nours\.yaml:"):
        list(decide(broken, [case()]))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
NAMES = [*CONTROLLED, "readings", "non_same_day", "bmi", "sex", "tag", "conditions", "medicines", "diabetes", "prev_uncontrolled"]


@settings(max_examples=150, deadline=None)
@given(
    section=st.sampled_from(["followup", "screening", "at_home"]), odd=st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=5)
)
def test_whatever_stands_in_a_case_the_next_one_is_decided(section: str, odd: dict[str, Any]) -> None:
    pathway = library()["hypertension"].pathway
    assert pathway is not None
    told: list[str] = []

    answers = list(decide(pathway, {section: [case("odd", **odd)], "": [case()]}, complain=told.append))

    assert answers[-1] == GREEN
    assert len(answers) == 2 or told
