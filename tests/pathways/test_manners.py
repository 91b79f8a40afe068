"""A text to a patient can be answered as it says, is calm, and is written in every language that the others are."""

from __future__ import annotations

import pytest

from pathways.language import library, load
from pathways.language.manners import longest, remarks
from pathways.language.segments import segments
from pathways.language.wording import in_language, shipped_frames

FRAMES = shipped_frames()
EMPTY = "pathway: p\ntitle: {en: P}\nbasis: b\nenrol_when: age > 1\ntags: [red]\ndecisions: {}\ntables: {}\nservices: {}\n"
SHIPPED = [
    (name, message, language, text)
    for name, loaded in library().items()
    for message, texts in loaded.wording.messages.get(name, {}).items()
    for language, text in texts.items()
]


def said(text: str) -> list[str]:
    return [remark.what for remark in remarks(text, FRAMES)]


@pytest.mark.parametrize(
    ("text", "digit"),
    [
        ("reply 3 for a taxi.", "3"),
        ("reply 1 yes, 2 no, 3 later.", "3"),
        ("reply with 1 or 4.", "4"),
        ("text us 5.", "5"),
        ("reply HELP for help.", "HELP"),
        ("press 9 to hear it.", "9"),
        ("responda 1 si viene o 3 si no.", "3"),
        ("conteste con 7.", "7"),
        ("请回复3改期。", "3"),
        ("回覆1確認，5取消。", "5"),
        ("能来请回复1，要改期请回复4。", "4"),
    ],
)
def test_an_answer_that_nobody_reads_is_not_asked_for(text: str, digit: str) -> None:
    broken = [remark for remark in remarks(text, FRAMES) if remark.broken]
    assert [repr(digit) in remark.what for remark in broken] == [True]
    assert text[broken[0].start :].startswith(digit)


@pytest.mark.parametrize(
    "text",
    [
        "reply 1 if you will come, 2 for another day.",
        "reply YES or call {{ phone }}.",
        "reply within 3 days.",
        "reply 2, 3 days before at the latest.",
        "we reply to every text. Room 3 is on floor 4.",
        "please come to room 7, floor 2.",
        "reply {{ code }} to confirm.",
        "responda 1 si viene, 2 para otra fecha.",
        "请回复1，要改期请回复2。",
        "come on 2025-03-17 at 10:30.",
        "come on 17/03/2025.",
        "the clinic at 12 High Street has moved.",
        "the DMV form is not needed.",
        "open 24/7... for you.",
        "please come (today).",
        "{{ place }} opens at 8.",
        "您能来吗？",
    ],
)
def test_nothing_is_said_of_a_text_that_is_in_order(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("call 022-2855 0100.", "is the same for every place"),
        ("call +1 (555) 555-0100 now.", "is the same for every place"),
        ("if unwell, call 911.", "is the same for every place"),
        ("请拨打120。", "is the same for every place"),
        ("llame al 112.", "is the same for every place"),
        ("come TODAY please.", "'TODAY' is shouting"),
        ("come today!!", "'!!' is shouting"),
        ("快来！！", "is shouting"),
        ("come today,.", "one sign too many"),
        ("请来，。", "one sign too many"),
        ("come today .", "has a space before it"),
        ("come today", "does not end as a sentence"),
        ("请今天来", "does not end as a sentence"),
        ("Dear patient, come today.", "greets"),
        ("您好，请今天来。", "greets"),
        ("come today. Reply STOP to end.", "by the frame already"),
        ("请今天来。回复TD退订。", "by the frame already"),
    ],
)
def test_what_reads_badly_is_said(text: str, what: str) -> None:
    assert any(what in one for one in said(text)), said(text)


def test_a_promise_that_is_not_kept_is_an_error_and_what_reads_badly_a_warning_each_in_its_place() -> None:
    problems = load(EMPTY + "messages:\n  m:\n    en: come TODAY or reply 3.\n", file="p.yaml").problems
    found = {(p.name, p.severity, p.at.line, p.at.column) for p in problems if p.name in ("BadMessage", "OddMessage")}
    assert found == {("BadMessage", "error", 11, 29), ("OddMessage", "warning", 11, 14)}


def test_a_message_without_a_language_that_others_have_is_a_warning() -> None:
    text = EMPTY + "messages:\n  a: {en: come., es: venga.}\n  b: {en: go., zh-Hant: 去。}\n"
    problems = [p for p in load(text, file="p.yaml").problems if p.name == "LacksLanguage"]
    assert [p.what for p in problems] == [
        "message 'a' has no text in zh-Hant, as others have",
        "message 'b' has no text in es, as others have",
    ]
    assert {p.severity for p in problems} == {"warning"}


@pytest.mark.parametrize(
    ("text", "sent", "lacking"),
    [
        ("come on {{ day }}.", "decisions: {D: {title: {en: d}, send: m}}", "{{ day }}"),
        ("fetch it at {{ pharmacy }}.", "decisions: {D: {title: {en: d}, send: m}}", "{{ pharmacy }}"),
        ("{{ hospital }} waits.", "decisions: {D: {title: {en: d}, send: m}}", "{{ hospital }}"),
        ("your code is {{ code }}.", "decisions: {D: {title: {en: d}, send: m}}", "{{ code }}"),
        ("call {{ phone }}, {{ first_name }}, or come to {{ place }}.", "decisions: {D: {title: {en: d}, send: m}}", ""),
        (
            "{{ hospital }} on {{ day }}.",
            "services: {r: {kind: referral, title: {en: r}, to: hospital, answer_within: {urgent: 1 day}, says: {booked: m}}}",
            "",
        ),
        (
            "{{ hospital }} on {{ day }}.",
            "services: {r: {kind: referral, title: {en: r}, to: hospital, answer_within: {urgent: 1 day}, says: {requested: m}}}",
            "{{ day }}",
        ),
    ],
)
def test_a_text_that_could_never_be_filled_where_it_is_sent_is_an_error(text: str, sent: str, lacking: str) -> None:
    section = sent.split(":")[0]
    empty = "".join(line for line in EMPTY.splitlines(keepends=True) if not line.startswith(f"{section}:"))
    problems = load(empty + f'{sent}\nmessages: {{m: {{en: "{text}"}}}}\n', file="p.yaml").problems
    found = [p.what for p in problems if "is not known where" in p.what]
    assert [lacking in one for one in found] == ([True] if lacking else []), [str(p) for p in problems]


def test_the_length_is_warned_of_with_what_makes_it_dear() -> None:
    text = EMPTY + f"messages: {{m: {{en: '{'日 word ' * 12}.'}}}}\n"
    (problem,) = [p for p in load(text, file="p.yaml").problems if p.name == "TooLong"]
    assert "UCS-2" in problem.what
    assert "do without 日" in problem.remedy


def test_everything_shipped_is_written_in_every_language_within_one_sms_even_with_long_names() -> None:
    assert len(SHIPPED) > 200
    for name, message, language, text in SHIPPED:
        assert segments(longest(text, language, FRAMES)).count == 1, (name, message, language)
        assert said(text) == [], (name, message, language)
    written: dict[tuple[str, str], set[str]] = {(name, message): set() for name, message, *_ in SHIPPED}
    for name, message, language, _ in SHIPPED:
        written[name, message].add(language)
    assert {tuple(sorted(languages)) for languages in written.values()} == {tuple(sorted(FRAMES.languages))}


def test_one_message_reads_the_same_in_every_pathway_so_that_it_is_said_once_for_all() -> None:
    words: dict[tuple[str, str], set[str]] = {}
    for _, message, language, text in SHIPPED:
        words.setdefault((message, language), set()).add(text)
    assert {key: texts for key, texts in words.items() if len(texts) > 1} == {}


def test_what_stands_for_a_language_that_is_missing_is_never_nothing() -> None:
    assert in_language({"es": "hola"}, "pt") == "hola"
