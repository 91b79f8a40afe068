"""A change of a pathway is told in the words of care: all of it, and nothing else."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathways.engine.conditions import Expression
from pathways.engine.plan import AskSpec, ByTag, Decision, Escalation, Given, Pathway, ReferSpec, Reminder, Service, Table, TaskSpec
from pathways.language import Loaded, load_published
from pathways.language.catalogue import LIBRARY
from pathways.language.differ import _TEXTS, ELSEWHERE, SPECIAL, Difference, differences
from pathways.language.differ_words import phrases

SHIPPED = load_published((LIBRARY / "hypertension.yaml").read_text("utf-8"), file="hypertension")
OTHER = Expression("something == 1", frozenset({"something"}), b"", None)
#: What a field may hold that is empty in the pathways at hand.
SAMPLES: Mapping[str, Any] = {
    "Reading.unit": "mm",
    "Reading.plausible": (1.0, 2.0),
    "Reading.loinc": ("1-1",),
    "Reading.choices": ("one",),
    "Reading.also_in": {"mmol/L": 2.0},
    "Decision.tag": "red",
    "Decision.within": 5,
    "Decision.refer": ReferSpec("to_hospital", "emergency"),
    "Decision.open_tasks": (TaskSpec("phone_call", "doctor"),),
    "Decision.send": "visit_soon",
    "Decision.alert": "on_call",
    "Decision.advise": {"metformin": "stop"},
    "Decision.ask": AskSpec("risk_model"),
    "ReferSpec.confirm": "doctor",
    "Row.when": OTHER,
    "Row.cites": "somebody",
    "Table.gives": {"stage": Given(OTHER)},
    "Service.when": OTHER,
    "Service.collects": ("sbp",),
    "Service.decide": "followup",
    "Service.at_enrolment": "followup",
    "Service.remind": (Reminder(-1, "visit_soon"),),
    "Service.if_missed": (Escalation(ByTag(always=3), mark="unreachable"),),
    "Service.send": "visit_soon",
    "Service.medicines": ("water",),
    "Service.answer_within": {"emergency": timedelta(hours=1)},
    "Service.says": {"ready": "visit_soon"},
    "Escalation.open_task": TaskSpec("phone_call", "doctor"),
    "Escalation.send": "visit_soon",
    "Escalation.mark": "unreachable",
    "Escalation.again": 9,
    "Pathway.home_readings": "at_home",
}


def _text() -> str:
    assert SHIPPED.document is not None
    return SHIPPED.document.text


def _edited(*changes: tuple[str, str]) -> Loaded:
    text = _text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return load_published(text, file="edited")


def _told(*changes: tuple[str, str], language: str = "en") -> list[str]:
    return [one.sentence for one in differences(SHIPPED, _edited(*changes), language)]


#: Edits of the shipped text, and how each is told.
CHANGES = [
    ("red: 15 days, yellow", "red: 10 days, yellow", "red: every 15 days becomes every 10 days"),
    ("every: 365 days", "every: 180 days", "every 365 days becomes every 180 days"),
    (
        "      - {when: 3 days before, send: visit_soon}",
        "      - {when: 3 days before, send: visit_soon}\n      - {when: 1 day before, send: visit_soon}",
        "new reminder 1 day before: visit_soon",
    ),
    ("{when: 7 days before, send", "{when: 5 days before, send", "reminder exam_soon: 7 days before becomes 5 days before"),
    ("      - {when: same day, send: visit_today}\n", "", "no reminder on the day itself any more: visit_today"),
    (
        "sbp >= 180 || dbp >= 110\n      then: EMERG",
        "sbp >= 170 || dbp >= 110\n      then: EMERG",
        "HTN-E1: sbp >= 180 becomes sbp >= 170 (now when `sbp >= 170 || dbp >= 110`)",
    ),
    (
        "when: adr\n",
        "when: adr || new_complication\n",
        "HTN-A2: now also when `new_complication` (now when `adr || new_complication`)",
    ),
    (
        "when: uncontrolled\n",
        "when: uncontrolled && !adr\n",
        "HTN-A1: now only when also `! adr` (now when `uncontrolled && !adr`)",
    ),
    ("when: adr_hard_to_control\n", "when: adr\n", "HTN-R2: when `adr_hard_to_control` becomes when `adr`"),
    ("emergency: 4 hours", "emergency: 36 hours", "silence is accepted for emergency: 4 hours becomes 36 hours"),
    ("amlodipine, nifedipine", "amlodipine", "medicines: no longer nifedipine"),
    ("worse_complication]\n    decide", "worse_complication, bmi]\n    decide", "collects: also body mass index (bmi)"),
    (
        "home_visit, by: health_manager, within: 7 days",
        "home_visit, by: doctor, within: 7 days",
        "task home_visit: done by the health manager becomes done by the doctor",
    ),
    ("tag: green\n    within: 90 days", "tag: yellow\n    within: 90 days", "tag green becomes tag yellow"),
    ("within: 6 months", "within: 5 months", "seen again within 6 months becomes seen again within 5 months"),
    (
        "home_readings: at_home\n",
        "",
        "readings sent from home go through at_home becomes readings sent from home go through no table",
    ),
    (
        'en: "we expect you today. If you cannot come, please reply 2."',
        'en: "come today to {{ place }}."',
        "in en: “we expect you today. If you cannot come, please reply 2.” becomes “come today to {{ place }}.”",
    ),
    (
        "urgent: true",
        "urgent: false",
        "sent at any hour, outside every cap becomes sent at decent hours, within the weekly cap",
    ),
    (
        "age >= 35 &&",
        "age >= 30 &&",
        'age >= 35 becomes age >= 30 (now people are enrolled when `age >= 30 && "hypertension" in conditions`)',
    ),
    ("title: {en: Hypertension,", "title: {en: Pressure,", "title: en “Hypertension” becomes “Pressure”"),
]


def test_changes_are_told_in_the_words_of_care() -> None:
    told = _told(*((old, new) for old, new, _ in CHANGES))
    assert sorted(told) == sorted(sentence for _, _, sentence in CHANGES)


def test_another_name_is_told_as_a_name() -> None:
    assert _told(("  annual_exam:", "  yearly:")) == ["annual_exam is called yearly now and is otherwise as it was"]


def test_what_comes_and_goes_is_told_by_what_it_does() -> None:
    row = """    - row: HTN-A2
      when: adr
      then: ADJUST_AND_RECHECK
      because: {en: an adverse drug reaction, zh-Hans: 出现药物不良反应}
      basis: spec
"""
    gone = "row is gone: HTN-A2: when `adr`, then ADJUST_AND_RECHECK"
    assert _told((row, "")) == [gone]
    back = differences(_edited((row, "")), SHIPPED)
    expected = "new row: HTN-A2: when `adr`, then ADJUST_AND_RECHECK"
    assert back == (Difference("table", "followup", "added", expected),)


def test_the_order_of_rows_decides_and_is_told() -> None:
    pathway = _pathway(SHIPPED)
    table = pathway.tables["at_home"]
    turned = replace(pathway, tables={**pathway.tables, "at_home": Table(table.name, tuple(reversed(table.rows)))})
    (told,) = differences(SHIPPED, replace(SHIPPED, pathway=turned))
    assert told.sentence == "the rows are asked: now in the order HTN-H4, HTN-H3, HTN-H2, HTN-H1"


def test_a_change_is_told_in_every_language_of_the_console() -> None:
    change = ("red: 15 days, yellow", "red: 10 days, yellow")
    assert _told(change, language="zh-Hans") == ["红：每15天一次改为每10天一次"]
    assert _told(change, language="zh-Hant") == ["紅：每15天一次改為每10天一次"]
    assert _told(change, language="es") == ["rojo: cada 15 días pasa a cada 10 días"]
    missing = [phrase for phrase, texts in phrases().items() if set(texts) != {"en", "zh-Hans", "zh-Hant", "es"}]
    assert not missing
    filled = {phrase: {frozenset(re.findall(r"{\w+}", text)) for text in texts.values()} for phrase, texts in phrases().items()}
    assert [phrase for phrase, parts in filled.items() if len(parts) > 1] == []


def test_what_the_care_would_not_notice_is_not_told() -> None:
    commented = _text().replace("services:\n", "# a comment\nservices:\n").replace("sbp >= 160 || dbp", "sbp >= 160  ||  dbp")
    assert differences(SHIPPED, load_published(commented, file="a")) == ()
    without = load_published(_text()[: _text().index("\nscenarios:")], file="a")
    assert differences(SHIPPED, without) == ()
    assert differences(SHIPPED, SHIPPED) == ()


def test_what_has_errors_is_not_compared() -> None:
    with pytest.raises(ValueError, match="mend its errors"):
        differences(SHIPPED, load_published("pathway: x", file="x"))


def _pathway(loaded: Loaded) -> Pathway:
    assert loaded.pathway is not None
    return loaded.pathway


def _classes(cls: Any, found: list[Any] | None = None) -> list[Any]:
    """Every dataclass that a compiled pathway is made of."""
    found = [] if found is None else found
    if cls in found or cls is Expression or cls is ByTag or not is_dataclass(cls):
        return found
    found.append(cls)
    for hint in get_type_hints(cls).values():
        for part in _parts(hint):
            _classes(part, found)
    return found


def _parts(hint: Any) -> Iterator[Any]:
    if get_origin(hint) is None:
        yield hint
    for part in get_args(hint):
        yield from _parts(part)


def _is_nested(hint: Any) -> bool:
    """Whether a field holds one thing whose own fields are told."""
    alone = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return any(is_dataclass(part) and part not in (Expression, ByTag) for part in alone)


def test_every_field_of_a_compiled_pathway_has_its_words() -> None:
    classes = _classes(Pathway)
    assert len(classes) >= 11
    silent = []
    for cls in classes:
        hints = get_type_hints(cls)
        for one in fields(cls):
            key = f"{cls.__name__}.{one.name}"
            has_words = any(phrase == key or phrase.startswith(f"{key}.") for phrase in phrases())
            told = has_words or key in SPECIAL or (cls, one.name) in _TEXTS | ELSEWHERE or _is_nested(hints[one.name])
            if not told and cls is not Reminder:
                silent.append(key)
    assert not silent, f"say in pathways/language/differ.yaml how these change: {silent}"
    assert {one.name for one in fields(Reminder)} == {"offset", "send"}, "differ_services.reminders tells these two"


Edit = tuple[tuple[Any, ...], Any]  # where, and what stands there then


def _other(key: str, value: Any) -> Any:
    """Another value of this kind."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str() if value:
            return f"{value}x"
        case timedelta():
            return value + timedelta(hours=1)
        case Expression():
            return OTHER
        case ByTag():
            return ByTag(always=value.on(None) + 400)
        case frozenset():
            return value | {"visit_soon"}
        case (float() as low, float() as high):
            return (low + 1, high)
        case tuple() if value:
            return value[1:]
        case Mapping() if value and isinstance(next(iter(value.values())), str):
            return {**value, "xx": "something"}
        case Mapping() if value:
            return dict(list(value.items())[1:])
        case _:
            return SAMPLES.get(key, {"xx": "something"} if isinstance(value, Mapping) else "x")


def _edits(what: Any, where: tuple[Any, ...] = ()) -> Iterator[Edit]:
    """Every single edit that a coordinator could make of a compiled pathway, one place at a time."""
    if is_dataclass(what) and not isinstance(what, Expression | ByTag):
        for one in fields(what):
            if (type(what), one.name) in ELSEWHERE:
                continue
            value = getattr(what, one.name)
            yield (*where, one.name), _other(f"{type(what).__name__}.{one.name}", value)
            yield from _edits(value, (*where, one.name))
    elif isinstance(what, Mapping):
        for name, value in what.items():
            if is_dataclass(value):
                yield from [((*where, name), OTHER)] if isinstance(value, Expression) else _edits(value, (*where, name))
    elif isinstance(what, tuple):
        for number, value in enumerate(what):
            yield from _edits(value, (*where, number))


def _with(what: Any, where: tuple[Any, ...], value: Any) -> Any:
    if not where:
        return value
    first, rest = where[0], where[1:]
    if isinstance(what, Mapping):
        return {**what, first: _with(what[first], rest, value)} if first in what else what
    if isinstance(what, tuple):
        return tuple(_with(one, rest, value) if n == first else one for n, one in enumerate(what))
    return replace(what, **{first: _with(getattr(what, first), rest, value)}) if what is not None else what


def _rich() -> Pathway:
    """The shipped pathway with a table that gives values, so that there is something of everything."""
    pathway = _pathway(SHIPPED)
    table = replace(pathway.tables["followup"], gives={"stage": Given(pathway.values["ckd"])})
    decision = replace(pathway.decisions["ROUTINE"], send="visit_soon")
    return replace(pathway, tables={**pathway.tables, "followup": table}, decisions={**pathway.decisions, "ROUTINE": decision})


RICH = _rich()
EDITS = list(_edits(RICH))


def test_every_single_edit_of_a_pathway_is_told() -> None:
    before = replace(SHIPPED, pathway=RICH)
    kinds = {where[-1] for where, _ in EDITS if isinstance(where[-1], str)}
    expected = {one.name for cls in (Pathway, Service, Decision, ReferSpec, TaskSpec, Escalation, Given) for one in fields(cls)}
    assert expected - {"name", "version", "months"} <= kinds | {"name"}
    assert len(EDITS) > 500
    untold = []
    for where, value in EDITS:
        edited = _with(RICH, where, value)
        told = differences(before, replace(SHIPPED, pathway=edited))
        if not told or not all(one.sentence and "{" not in one.sentence.replace("{{", "") for one in told):
            untold.append((where, told))
    assert not untold


@given(st.lists(st.sampled_from(EDITS), min_size=1, max_size=4), st.sampled_from(["en", "zh-Hans", "fr"]))
def test_any_edits_are_told_and_none_are_where_nothing_differs(edits: list[Edit], language: str) -> None:
    edited = RICH
    for where, value in edits:
        try:
            edited = _with(edited, where, value)
        except (AttributeError, KeyError, TypeError):
            continue  # an edit before took its place away
    before, after = replace(SHIPPED, pathway=RICH), replace(SHIPPED, pathway=edited)
    for old, new in ((before, after), (after, before)):
        told = differences(old, new, language)
        assert bool(told) == (edited != RICH)
        assert len({(one.area, one.name, one.sentence) for one in told}) == len(told)
    assert differences(after, after, language) == ()


@given(st.lists(st.tuples(st.sampled_from(["visit_soon", "visit_today", "new_one"]), st.text(max_size=9)), max_size=4))
def test_a_changed_wording_is_told(changes: list[tuple[str, str]]) -> None:
    name = _pathway(SHIPPED).name
    before = SHIPPED.wording.messages[name]
    after = {**before, **{message: {**before.get(message, {}), "en": text} for message, text in changes}}
    worded = replace(SHIPPED, wording=replace(SHIPPED.wording, messages={name: after}))
    told = differences(SHIPPED, worded)
    assert {one.name for one in told} == {message for message in after if after[message] != before.get(message)}
