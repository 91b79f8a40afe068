"""A row is called unreachable only when it is, whatever readings are missing."""

from __future__ import annotations

import math
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathways.engine.assess import assess, facts
from pathways.engine.state import Person
from pathways.language import load
from pathways.language.errors import NeverReached

HEAD = """\
pathway: p
title: {en: P}
basis: b
enrol_when: age > 3
readings:
  x: {label: {en: ex}}
  y: {label: {en: why}}
  o: {optional: true, label: {en: oh}}
  f: {yes_no: true, label: {en: ef}}
  g: {optional: true, yes_no: true, label: {en: gee}}
  c: {choices: [m, n], label: {en: cee}}
values:
  v: 'x >= (f ? 5 : 3)'
  w: v || o > 2
tags: [red]
decisions: {D: {title: {en: d}}, E: {title: {en: e}}}
services: {}
messages: {}
tables:
  t:
"""


def rows(*conditions: str) -> str:
    quoted = [condition.replace("'", "''") for condition in conditions]
    body = [
        f"    - {{row: R{n}, when: '{q}', then: {'DE'[n % 2]}, because: {{en: x}}, basis: b}}\n" for n, q in enumerate(quoted, 1)
    ]
    return HEAD + "".join(body) + "    - {row: X, incomplete: true, then: D, because: {en: x}, basis: b}\n"


def unreached(*conditions: str) -> list[str]:
    loaded = load(rows(*conditions), file="p.yaml")
    others = [str(e) for e in loaded.errors if not isinstance(e, NeverReached)]
    assert others == []
    return [e.what.split()[1] for e in loaded.errors]


@pytest.mark.parametrize(
    ("conditions", "never"),
    [
        (("x > 5", "x > 5"), ["R2"]),
        (("x > 5", "5 < x && f"), ["R2"]),
        (("true", "f"), ["R2"]),
        (("f && !f", "f"), ["R1"]),
        (("false",), ["R1"]),
        (("x >= 5", "x < 5", "x > 2 && f"), ["R3"]),
        (("x >= 5", "y > 1", "x < 5 && y < 9"), []),
        (("x >= 5 || x < 5", "y > 1 && x < 3"), ["R2"]),
        (("v", "x >= 5 && f"), ["R2"]),
        (("v", "x >= 4 && !f"), ["R2"]),
        (("v", "x >= 4"), []),
        (("w", "o == 3.0"), ["R2"]),
        (("!(x >= 5)", "x < 4"), ["R2"]),
        (("o < 5", "!(o >= 5)"), []),
        (("!(o >= 5)", "o < 5"), ["R2"]),
        (("c.size() > 0", "c.size() >= 1 && f"), ["R2"]),
        (("c.size() >= 1", "c.size() > 0 && f"), []),
        (("c.size() > 0", "c.size() > 2"), ["R2"]),
        (('"m" in c || "n" in c', '"n" in c && x > 1'), ["R2"]),
        (("f == true", "f"), ["R2"]),
        (("f", "!f", "f != true"), []),
        (('sex == "female" || age > 9', 'sex in ["female"] && age > 3'), ["R2"]),
        (("x + y > 9", "x + y > 10"), ["R2"]),
        (("previous.v == true", "previous.v && x > 1"), ["R2"]),
        (("x > -1.0", "x > 0"), ["R2"]),
        (("c.exists(k, k == \"m\")", "f"), []),
        (("!(f && x > 3)", "!f"), ["R2"]),
    ],
)  # fmt: skip
def test_rows_that_an_earlier_one_always_answers_for_are_named(conditions: tuple[str, ...], never: list[str]) -> None:
    assert unreached(*conditions) == never


def test_a_document_that_grows_without_end_is_checked_in_time() -> None:
    values = "".join(f"  v{n}: v{n - 1} && v{n - 1} || x > {n}\n" for n in range(1, 40))
    text = rows("v39", "v39 && f", "v38 || v37").replace("  w: v", "  v0: v\n" + values + "  w: v")
    assert load(text, file="p.yaml").document is not None


atoms = st.sampled_from(
    ["x > 1", "x >= 2", "x == 2", "x != 2", "1 < y", "y <= 3", "o > 1", "o != 2", "f", "g", "f == false", "v", "w",
     '"m" in c', "c.size() > 0", "(x > 1 ? f : g)", "true", "x > (g ? 1 : 2)", "age > 40", 'sex == "female"']
)  # fmt: skip
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        inner.map("!({})".format),
        st.tuples(inner, inner).map(lambda two: f"({two[0]} && {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]} || {two[1]})"),
    ),
    max_leaves=4,
)
numbers = st.sampled_from([None, 0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 9.0])
yes_no = st.sampled_from([None, True, False])
known = st.fixed_dictionaries(
    {"x": numbers, "y": numbers, "o": numbers, "f": yes_no, "g": yes_no, "c": st.sampled_from([None, (), ("m",), ("m", "n")])}
)


@settings(max_examples=100, deadline=None)
@given(table=st.lists(conditions, min_size=2, max_size=4), patients=st.lists(known, min_size=1, max_size=25))
def test_no_patient_ever_meets_a_row_that_was_called_unreachable(table: list[str], patients: list[dict[str, object]]) -> None:
    loaded = load(rows(*table), file="p.yaml")
    never = {e.what.split()[1] for e in loaded.errors if isinstance(e, NeverReached)}
    if not never:
        return
    pathway = load_anyway(table)
    for readings in patients:
        for person in (Person(), Person(born=date(1960, 1, 1), sex="female"), Person(born=date(2000, 1, 1), sex="male")):
            told = {name: value for name, value in readings.items() if value is not None}
            asked = facts(pathway, person, None, told, on=date(2025, 1, 1))  # type: ignore[arg-type]
            assert not any(isinstance(v, float) and math.isinf(v) for v in asked.values())
            answer = assess(pathway, pathway.tables["t"], asked)
            assert answer.row is None or answer.row.id not in never


def load_anyway(table: list[str]):  # type: ignore[no-untyped-def]
    """The compiled pathway although a row of it is refused."""
    from pathways.language.compile import compile_pathway
    from pathways.language.source import read

    return compile_pathway(read(rows(*table), file="p.yaml"))[0]
