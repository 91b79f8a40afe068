"""What a coordinator gets wrong in the first hour is said with its place and with what would be right, once."""

from __future__ import annotations

import pytest

from pathways.language import library
from pathways.language.diagnostics import check
from pathways.language.starting import new_document
from pathways.language.units import SHARED, is_unit

BEGUN = new_document("chronic_pain")


def said(old: str, new: str) -> list[str]:
    assert BEGUN.count(old) >= 1, old
    return [f"{one.line}: {one.severity} {one.what}; {one.remedy}" for one in check(BEGUN.replace(old, new, 1)).diagnostics]


@pytest.mark.parametrize(
    ("old", "new", "first"),
    [
        ("raised || unwell", "raised or unwell", "69: error 'or' has no meaning in a condition; write ||"),
        ("raised || unwell", "raised AND unwell", "69: error 'AND' has no meaning in a condition; write &&"),
        ("raised || unwell", "raised & unwell", "69: error '&' has no meaning in a condition; write &&"),
        ("raised || unwell", "not raised", "69: error "),
        ("sbp >= 140", "sbp = 140", "14: error '=' has no meaning in a condition; write == to ask"),
        ("sbp >= 140", "sbp ≥ 140", "14: error '≥' has no meaning in a condition; write >="),
        ("sbp >= 140", "sbp => 140", "14: error '=>' has no meaning in a condition; write >="),
        ("sbp >= 140", "sbp >= 140,5", "14: error ',' has no meaning in a condition; write a decimal point"),
        ("sbp >= 140", "sbp >=", "14: error the condition breaks off"),
        ("sbp >= 140", "140 <= sbp < 180", "14: error '<' follows upon another comparison; write each by itself"),
        ("sbp >= 140", 'sbp >= "140"', "14: error 'sbp' is a number, \"140\" is a text; the two are never equal, greater or less"),
        (
            "sbp >= 140",
            'conditions == "asthma"',
            "14: error '==' does not go with list(string) and string; ask whether it is in the list",
        ),
        ("raised || unwell", "sbp", "69: error 'sbp' is a number, and a condition wants yes or no; compare it"),
        ("raised || unwell", "raised || sbp", "69: error 'sbp' is a number, and a condition wants yes or no; compare it"),
        ("raised: sbp >= 140", "raised: raised || sbp > 140", "14: error 'raised' needs itself; work one of them out"),
        (
            "raised: sbp >= 140",
            "raised: sbp > 140 || high\n  high: raised",
            "14: error 'raised' and 'high' go round in a circle",
        ),
        (
            "raised: sbp >= 140",
            "raised: high\n  high: sbp > 140",
            "14: error 'high' is used before it is worked out; write 'high' fur",
        ),
        ('"mm[Hg]"', "mmHg", "10: error no unit called 'mmHg'; write \"mm[Hg]\""),
        ('"mm[Hg]"', "mmol/Ll", "10: error no unit called 'mmol/Ll'; did you mean 'mmol/L'?"),
        ('"mm[Hg]"', "kPa", "10: warning 'sbp' is in mm[Hg] in other pathways, and one measurement serves all"),
        (' unit: "mm[Hg]",', "", "10: warning nobody is told in which unit 'sbp' is; add unit: \"mm[Hg]\""),
        ("refer: {service: to_hospital, urgency: routine_up}", "alert: on_call", "53: warning service 'to_hospital' is not used"),
        ("    tag: yellow", "\ttag: yellow", "21: error a tab stands where the line is indented; indent with spaces"),
        ("zh-Hans: 感觉不适}}", "zh-Hans: 感觉不适}", "13: error a { is opened and not closed; it was opened in line 11"),
        (
            "  to_hospital:\n    kind",
            "  nothing:\n  to_hospital:\n    kind",
            "53: error nothing stands under 'nothing'; fill it in, or r",
        ),
        ("plausible: [50, 300]", "plausible: [300, 50]", "10: error the range is upside down; write the lowest first: [50, 300]"),
        ("[red, yellow, green]", "[red，yellow，green]", "16: error 'red，yellow，green' is not a short name; write commas,"),
        ("visit: {sbp: 128", "visit: {sbp: 1280", "98: error nobody could record sbp 1280: it lies between 50 and 300; correct"),
        (BEGUN, "- pathway: x\n", "1: error a pathway is written as keys with values, and this is a list; start with"),
    ],
)
def test_each_mistake_is_said_where_it_is_with_its_remedy_and_nothing_that_only_follows(old: str, new: str, first: str) -> None:
    found = said(old, new)
    found = [one for one in found if "what the scenario expects" not in one]  # what a scenario expects follows from its readings
    assert len(found) == 1, found
    assert found[0].startswith(first), found


def test_what_is_sound_is_left_alone_yes_no_answers_choices_and_grids() -> None:
    for document in library().values():
        assert [str(one) for one in document.problems] == []


def test_a_reading_that_pathways_share_has_one_unit_which_the_check_knows() -> None:
    units = {
        (reading.name, reading.unit)
        for document in library().values()
        if document.pathway
        for reading in document.pathway.readings.values()
        if reading.kind == "number" and reading.unit
    }
    assert all(is_unit(unit) for _, unit in units)
    assert {name: unit for name, unit in units if name in SHARED} == dict(SHARED)


@pytest.mark.parametrize(
    "unit", ["mm[Hg]", "mL/min/{1.73_m2}", "/min", "10*9/L", "m[IU]/L", "kg.m-2", "{score}", "1", "ng/mL", "mg/mmol"]
)
def test_units_of_laboratories_are_taken(unit: str) -> None:
    assert is_unit(unit)


@pytest.mark.parametrize("unit", ["", "mmHg", "mmHgg", "kg/", "bpm", "percent", "mg//L", "m[", "{}", "mmol L", "xg"])
def test_what_is_no_unit_is_not_taken(unit: str) -> None:
    assert not is_unit(unit)
