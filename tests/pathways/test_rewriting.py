"""A table that is edited as a table stays the document that its author wrote: comments, quotes and all."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathways.drawing.outline import outline
from pathways.language.catalogue import LIBRARY
from pathways.language.diagnostics import examined
from pathways.language.rewriting import NotRewritten, Tables
from pathways.language.source import read

HYPERTENSION = (LIBRARY / "hypertension.yaml").read_text("utf-8")
DOCUMENT = """\
# about the whole
tables:
  first:   # about the table
    # about the emergency
    - row: A-1
      when: "sbp >= 180"   # about the limit
      then: HIGH
      because: {en: too high}
    - {row: A-2, when: 'sbp < 180', then: FINE, because: {en: "fine"}}
    - row: A-X
      incomplete: true
      then: NONE
      because:
        en: missing
  bracketed: [{row: B-1, when: a, then: HIGH}, {row: B-2, when: b, then: FINE}]
tags: [red]
"""


def changed(before: str, after: str) -> list[str]:
    """Lines that went and that came."""
    return [line for line in difflib.ndiff(before.split("\n"), after.split("\n")) if line[0] in "+-"]


def test_one_cell_changes_one_place_and_keeps_its_quotes_and_comments() -> None:
    tables = Tables(DOCUMENT)
    assert changed(DOCUMENT, tables.set_cell("first", 0, "when", 'sbp >= 185 && "ckd" in conditions')) == [
        '-       when: "sbp >= 180"   # about the limit',
        "+       when: 'sbp >= 185 && \"ckd\" in conditions'   # about the limit",
    ]
    assert changed(DOCUMENT, tables.set_cell("first", 0, "because.zh-Hans", "过高")) == [
        "-       because: {en: too high}",
        "+       because: {en: too high, zh-Hans: 过高}",
    ]
    assert changed(DOCUMENT, tables.set_cell("first", 2, "because.es", "falta: dato # nuevo")) == [
        '+         es: "falta: dato # nuevo"'
    ]
    assert changed(DOCUMENT, tables.set_cell("first", 0, "basis", "spec")) == ["+       basis: spec"]
    assert "{row: A-2, when: 'sbp < 180', then: LOW," in tables.set_cell("first", 1, "then", "LOW")
    assert '{row: B-2, when: "c, d", then: FINE}]' in tables.set_cell("bracketed", 1, "when", "c, d")


def test_rows_come_go_and_move_with_the_comments_above_them() -> None:
    tables = Tables(DOCUMENT)
    moved = tables.move_row("first", 0, 1)
    assert moved.index("A-2") < moved.index("# about the emergency") < moved.index("A-1")
    assert Tables(moved).move_row("first", 1, -1) == DOCUMENT
    added = tables.add_row("first", 0)
    assert [row["row"] for row in read(added, file="x").data["tables"]["first"]] == ["A-1", "A-1b", "A-2", "A-X"]
    assert "# about the emergency" not in tables.delete_row("first", 0)
    assert Tables(added).delete_row("first", 1) == DOCUMENT


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t.set_cell("first", 0, "when", "  "), "cannot be empty"),
        (lambda t: t.set_cell("first", 2, "when", "true"), "has no condition"),
        (lambda t: t.set_cell("first", 9, "when", "a"), "not there any more"),
        (lambda t: t.set_cell("first", 0, "colour", "a"), "no cell called"),
        (lambda t: t.set_cell("none", 0, "when", "a"), "no table called"),
        (lambda t: t.add_row("first", 2), "stays the last one"),
        (lambda t: t.move_row("first", 1, 1), "stays the last one"),
        (lambda t: t.move_row("first", 0, -1), "at the end"),
        (lambda t: t.delete_row("bracketed", 0), "lines of its own"),
        (lambda t: Tables("tables: {a: [").set_cell("a", 0, "when", "b"), "first problem"),
    ],
)
def test_what_cannot_be_written_says_why(change: Callable[[Tables], str], why: str) -> None:
    with pytest.raises(NotRewritten, match=why):
        change(Tables(DOCUMENT))


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=200), st.sampled_from(["when", "basis", "because.en", "because.es"]), st.integers(0, 10))
def test_whatever_is_typed_into_a_cell_is_what_the_text_says_or_nothing_is_changed(value: str, cell: str, row: int) -> None:
    try:
        written = Tables(HYPERTENSION).set_cell("followup", row, cell, value)
    except NotRewritten:
        return
    name, _, language = cell.partition(".")
    found = read(written, file="x").data["tables"]["followup"][row][name]
    assert (found[language] if language else found) == " ".join(value.split())
    assert written.count("#") >= HYPERTENSION.count("#"), "its comments are there"


def test_what_a_page_shows_of_a_document_is_made_of_what_is_sound() -> None:
    whole = examined(HYPERTENSION, file="x")
    shown = outline(whole.loaded, whole.played)
    assert json.loads(json.dumps(shown))["names"]["rows"][0] == "HTN-E1"
    assert [(one["tag"], one["visits"]) for one in shown["calendar"]] == [("red", 24), ("yellow", 12), ("green", 4)]
    assert ("row:HTN-E1", "decision:EMERGENCY_REFERRAL") in shown["map"]["edges"]
    assert all(one["played"] and not one["failures"] for one in shown["scenarios"])
    (text,) = (one for one in shown["messages"][0]["texts"] if one["language"] == "zh-Hant")
    assert (text["segments"], text["encoding"]) == (1, "UCS-2")
    broken = examined(HYPERTENSION.replace("decide: followup", "decide: nowhere"), file="x")
    shown = outline(broken.loaded, broken.played)
    assert (shown["calendar"], shown["map"]) == (None, None)
    assert len(shown["tables"]) == 4
    assert not any(one["played"] for one in shown["scenarios"])
    for odd in (
        "",
        "[",
        "tables: 3",
        "tables: {a: [1, {row: [2]}]}",
        "pathway: x\nmessages: {a: {en: '{{ 1 }}'}, b: 2}",
        "tags: {a: 1}",
    ):
        unsound = examined(odd, file="x")
        json.dumps(outline(unsound.loaded, unsound.played))
