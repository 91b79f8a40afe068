"""A document is checked as a coordinator would want: all errors at once, each with its place and its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from pathways.language import Loaded, library, load, report
from pathways.language.catalogue import LIBRARY

HYPERTENSION = (LIBRARY / "hypertension.yaml").read_text(encoding="utf-8")

SMALL = """\
pathway: foot_care
title: {en: Foot care}
basis: made up for a test
enrol_when: '"foot_trouble" in conditions'
readings:
  pulse: {unit: "/min", plausible: [20, 250], label: {en: beats}}
  wound: {yes_no: true, label: {en: open wound}}
values:
  fast: pulse > 100
tags: [red, green]
decisions:
  SEND: {title: {en: send on}, tag: red, within: 2 weeks, refer: {service: clinic, urgency: soon}}
  STAY: {title: {en: stay}, tag: green, within: 6 months}
  ASK: {title: {en: ask}, open_task: {kind: ask_again, by: doctor, within: 3 days}, send: come_now}
services:
  visits:
    kind: follow_up
    title: {en: visit}
    every: {red: 15 days, green: 90 days}
    book: {red: 3 days before, green: 10 days before}
    collects: [pulse, wound]
    decide: assess
    remind:
      - {when: 3 days before, send: come_back}
      - {when: same day, send: come_back}
    if_missed:
      - {after: 7 days, open_task: {kind: phone_call, by: health_manager}}
      - {after: 21 days, mark: unreachable, again: 30 days}
  clinic:
    kind: referral
    title: {en: clinic}
    to: clinic
    answer_within: {soon: 4 hours}
    says: {booked: come_back}
tables:
  assess:
    - {row: F1, when: wound || fast, then: SEND, because: {en: wound}, basis: product, cites: page 3}
    - {row: F2, when: "!wound && !fast", then: STAY, because: {en: fine}, basis: product}
    - {row: F3, incomplete: true, then: ASK, because: {en: not told}, basis: product}
messages:
  come_back: {en: "please come on {{ day }} to {{ place }}."}
  come_now: {en: please come back to us.}
scenarios:
  - name: a wound goes to the clinic
    patient: {born: 1960-01-01, sex: male, conditions: [foot_trouble]}
    enrolled: 2025-01-01
    steps:
      - {day: 0, visit: {wound: true}, expect: {row: F1}}
      - {day: 14, visit: {pulse: 70, rest: normal}, expect: {row: F2}}
      - {day: 100, visit: {pulse: 70}, expect: {row: F3}}
"""


def read(text: str) -> Loaded:
    return load(text, file="foot.yaml")


def said(old: str, new: str) -> list[str]:
    """The errors, without the file's name, after one change to the small document."""
    assert SMALL.count(old) >= 1
    return [str(p).removeprefix("foot.yaml:") for p in read(SMALL.replace(old, new, 1)).errors]


def test_a_sound_document_has_neither_errors_nor_warnings() -> None:
    loaded = read(SMALL)
    assert report(loaded.problems) == "no errors, no warnings"
    pathway = loaded.pathway
    assert pathway is not None
    assert pathway.decisions["SEND"].within == 14
    assert (pathway.decisions["STAY"].within, pathway.decisions["STAY"].months) == (182, 6)
    visits = pathway.services["visits"]
    assert (visits.every.on("red"), visits.every.on("green"), visits.every.on(None)) == (15, 90, 15)
    assert (visits.early.on("green"), [r.offset for r in visits.remind]) == (10, [-3, 0])
    assert [(m.after.on("red"), m.mark, m.again) for m in visits.if_missed] == [(7, None, None), (21, "unreachable", 30)]
    assert pathway.services["clinic"].answer_within["soon"].total_seconds() == 4 * 3600
    assert pathway.tables["assess"].rows[0].cites == "page 3"


def test_the_same_text_is_the_same_version_whatever_the_line_ends() -> None:
    one, other = read(SMALL).pathway, read(SMALL.replace("\n", "\r\n")).pathway
    changed = read(SMALL.replace("page 3", "page 4")).pathway
    assert one is not None
    assert other is not None
    assert changed is not None
    assert one.version == other.version != changed.version
    assert len(one.version) == 16


def test_the_shipped_pathways_have_no_errors() -> None:
    assert "hypertension" in library()
    for name, loaded in library().items():
        assert loaded.errors == (), f"{name}: {report(loaded.problems)}"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("within: 2 weeks", "within: 3 month s", "12:50: '3 month s' is not a length of time; write 3 months"),
        ("within: 2 weeks", "within: 14", "12:50: a number is not a length of time in days; write for example 15 days"),
        ("cites: page 3", "sites: page 3", "unknown key 'sites'; did you mean 'cites'?"),
        ("mark: unreachable", "mark: lost", "'lost' is not a mark; use one of: unreachable"),
        ("send: come_back}\n      -", "send: com_back}\n      -", "no message called 'com_back'; did you mean 'come_back'?"),
        ("wound || fast", "wuond || fast", "37:23: no reading or value called 'wuond'; did you mean 'wound'?"),
        ("wound || fast", "wound ||", "the condition breaks off"),
        ("wound || fast", "pulse + 3", "a condition is answered by yes or no, this gives a number"),
        ('pulse > 100', 'pulse > "a" + 3', "'+' does not go with string and int"),
        ("fast: pulse", "age: pulse", "'age' is a word of the language; choose another name"),
        ("pulse > 100", "pulse > 1000", "pulse is compared with 1000, but lies between 20 and 250"),
        ("then: STAY", "then: STEY", "no decision called 'STEY'; did you mean 'STAY'?"),
        ("decide: assess", "decide: asses", "no table called 'asses'; did you mean 'assess'?"),
        ("collects: [pulse", "collects: [puls", "no reading or value called 'puls'; did you mean 'pulse'?"),
        ("service: clinic", "service: visits", "no service called 'visits'; use one of: clinic"),
        ("urgency: soon", "urgency: now", "'clinic' does not say how long an answer may take when the urgency is 'now'"),
        ("tag: red", "tag: rad", "no tag called 'rad'; did you mean 'red'?"),
        ("{red: 15 days, green", "{rad: 15 days, green", "no tag called 'rad'"),
        ("{red: 15 days, green: 90 days}", "{red: 15 days}", "no time for tag green"),
        ("by: doctor", "by: docter", "'docter' is not somebody who does the work"),
        ("says: {booked", "says: {boked", "unknown key 'boked'; did you mean 'booked'?"),
        ("row: F2, when", "row: F1, when", "two rows are called 'F1'; choose another; the first is in line 37"),
        ("then: STAY, because: {en: fine}, ", "then: STAY, ", "'because' is missing"),
        ("basis: made up for a test\n", "", "1:1: 'basis' is missing"),
        (', basis: product}\n    - {row: F3, incomplete: true', '}\n    - {row: F3, incomplete: true', "'basis' is missing"),
        ("row: F3, incomplete: true", 'row: F3, when: "age > 3 || true"', "no row for missing readings"),
        ("title: {en: Foot care}", "title: {en: Foot care, zh-Hans: 足}", "message 'come_back' has no text in zh-Hans"),
        ("title: {en: Foot care}", "title: {en: Foot care}\nlanguages: [en, fr]", "no frame for texts in 'fr'"),
        ("plausible: [20, 250]", "plausible: [250, 20]", "the range is upside down"),
        ("wound: {yes_no: true, ", "wound: {yes_no: true, unit: cm, ", "'unit' is for numbers"),
        ("label: {en: open wound}", "optional: true", "'wound' is optional and nobody is told"),
        ("when: same day", "when: 3 days before", "two reminders on one day; keep one, or move it"),
        ("when: same day", "when: 20 days before", "comes before the visit that it follows (15 days)"),
        ("after: 21 days", "after: 2 days", "this comes before the one above it"),
        ("again: 30 days", "again: 0 days", "again every 0 days would never end"),
        ("{{ day }}", "{{ dya }}", "no variable for a message called 'dya'; did you mean 'day'?"),
        ("{{ day }}", "{{ day", "the braces {{ }} do not match"),
        ("{{ day }}", "{{ day * 9 }}", "more than a name stands between the braces"),
        ("{{ day }}", "http://x.example", "a link stands in the text"),
        ("please come", "your beats: come", "the word 'beats' tells a stranger"),
        ("enrolled: 2025-01-01", "enrolled: 2025-13-01", "'2025-13-01' is not a date"),
        ("day: 14", "on: 2024-12-01", "2024-12-01 is before 2025-01-01, where the story already is"),
        ("expect: {row: F2}", "expect: {row: F9}", "no row called 'F9'"),
        ("visit: {wound: true}", "visit: {wound: 1}", "'wound' does not fit what is measured; write true or false"),
        ("visit: {wound: true}", "visit: {wound: true}, call: {outcome: reached}", "two things happen in one step"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place_and_remedy(old: str, new: str, what: str) -> None:
    found = said(old, new)
    assert any(what in one for one in found), found


def test_all_errors_come_at_once_and_in_order() -> None:
    text = (
        SMALL.replace("within: 2 weeks", "within: 2 week s").replace("then: STAY", "then: STEY").replace("{{ day }}", "{{ dya }}")
    )
    found = read(text).errors
    assert [e.name for e in found] == ["BadDuration", "UnknownDecision", "UnknownVariable"]
    assert [e.at for e in found] == sorted(e.at for e in found)


def test_an_ill_shaped_part_causes_no_errors_elsewhere() -> None:
    assert len(said('unit: "/min"', "unti: x")) == 1
    assert len(said("title: {en: send on}, ", "")) == 1
    assert len(said("kind: referral", "kind: refral")) == 1


def test_what_nothing_uses_and_no_scenario_tries_is_a_warning() -> None:
    text = (
        SMALL.replace("send: come_now}\nservices", "send: other}\nservices")
        .replace("  come_now: {en: please come back to us.}\n", "")
        .replace("expect: {row: F3}", "nothing: true")
        .replace("visit: {pulse: 70}, nothing", "nothing")
    )
    loaded = read(text.replace("messages:\n", "messages:\n  other: {en: come today.}\n  idle: {en: come today.}\n"))
    assert [(p.name, p.severity) for p in loaded.problems] == [("NotTried", "warning"), ("NotUsed", "warning")]
    assert loaded.pathway is not None
    assert report(loaded.problems).endswith("no errors, 2 warnings")


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("", "1:1", "the document is empty"),
        ("a: b: c", "1:5", 'a ": " stands inside a text'),
        ("a:\n\t- b", "2:1", "a tab"),
        ("a: 1\nb: 2\na: 3", "3:1", "'a' is written twice; keep one; the first is in line 1"),
        ("a: &x [1]\nb: *x", "1:4", "anchors"),
        ("a: !adr", "1:4", "tags (!) are not used here"),
        ("? [a]\n: b", "1:3", "a list or mapping stands where a key should"),
        ("a: 1\n---\nb: 2", "2:1", "a second document starts here"),
        ("[" * 5000, "1:26", "nested too deeply"),
        ("a: \x07", "1:4", "a sign that no text may hold"),
        ("a: \ud800", "1:4", "a sign that no text may hold"),
        ("a: 'b", "1:6", "a quotation mark is opened and not closed"),
        ("x: " + "a" * 1_000_001, "1:1", "the document is larger than 1 MB"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(text: str, place: str, what: str) -> None:
    first = load(text, file="x.yaml").problems[0]
    assert str(first).startswith(f"x.yaml:{place}: {what}"), str(first)


def test_a_list_is_no_pathway_and_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert load("- a", file="x.yaml").problems
    assert "no file to read" in str(load(tmp_path / "none.yaml", file="none.yaml").problems[0])
    (tmp_path / "latin.yaml").write_bytes("a: 1\nb: über".encode("latin-1"))
    assert str(load(tmp_path / "latin.yaml", file="latin.yaml").problems[0]).startswith("latin.yaml:2:4: the text is not UTF-8")


def test_an_error_inside_a_block_of_text_is_found_on_its_own_line() -> None:
    text = SMALL.replace("fast: pulse > 100", "fast: |\n    pulse > 100\n    || puls > 3")
    assert [str(e.at) for e in read(text).errors] == ["foot.yaml:11:8"]
