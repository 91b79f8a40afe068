"""What the network itself texts holds by the same rules as any pathway's texts, and is answered as it says."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from activities.answers import read_answer
from activities.rendering import network_wording, written
from pathways.language.manners import longest, remarks
from pathways.language.privacy import Forbidden, forbidden_words
from pathways.language.segments import segments
from pathways.language.wording import Wording, fill, shipped_frames, variables
from records.patients import Profile

FRAMES = shipped_frames()
FORBIDDEN = Forbidden(forbidden_words(FRAMES))
TEXTS = [(name, language, text) for name, texts in network_wording().messages[""].items() for language, text in texts.items()]
KINDS = {"1": "confirm", "2": "another_day", "YES": "confirm", "OK": "confirm", "SI": "confirm", "START": "start", "ALTA": "start"}


def test_every_text_is_there_in_every_language() -> None:
    for name, texts in network_wording().messages[""].items():
        assert texts.keys() == FRAMES.languages.keys(), name


@pytest.mark.parametrize(("name", "language", "text"), TEXTS, ids=[f"{name}-{language}" for name, language, _ in TEXTS])
def test_a_text_gives_nothing_away_promises_nothing_and_fits_one_sms_with_usual_names(name: str, language: str, text: str) -> None:
    assert variables(text) <= FRAMES.variables.keys()
    assert list(FORBIDDEN.findings(text)) == []
    assert [remark.what for remark in remarks(text, FRAMES)] == []
    usual = {variable: FRAMES.sample(variable, language) for variable in FRAMES.variables}
    whole = Wording({}, FRAMES).frame([fill(text, usual)], language, usual["place"], usual["first_name"])
    assert segments(whole).count == 1
    assert segments(longest(text, language, FRAMES)).count <= 2


def test_every_answer_that_a_text_may_ask_for_is_read_as_it_says() -> None:
    for answer in FRAMES.answers:
        for language in FRAMES.languages:
            assert read_answer(answer, language=language).kind == KINDS.get(answer, "stop"), answer


def test_every_frame_says_how_to_stop_with_a_word_that_stops() -> None:
    words = {"en": "STOP", "es": "ALTO", "zh-Hans": "TD", "zh-Hant": "TD"}
    for language, frame in FRAMES.languages.items():
        assert words[language] in frame.stop
        assert read_answer(words[language], language=language).kind == "stop"


def test_lengths_are_counted_with_the_longest_day_there_is() -> None:
    for language in FRAMES.languages:
        days = [written(date(2024, 1, 1) + timedelta(days=number), language) for number in range(366)]
        assert max(map(len, days)) <= len(FRAMES.long_sample("day", language)), language
        assert FRAMES.sample("day", language) in days


@pytest.mark.parametrize(
    ("profile", "language", "called"),
    [
        (Profile("王", "秀英", "王秀英", sex="female"), "zh-Hans", "王女士"),
        (Profile("歐陽", "志強", "歐陽志強", sex="male"), "zh-Hant", "歐陽先生"),
        (Profile("王", "秀英", "王秀英"), "zh-Hans", "秀英"),
        (Profile("Smith", "Ann", "Ann Smith", sex="female"), "zh-Hans", "Ann"),
        (Profile("Smith", "Ann", "Ann Smith", sex="female"), "en", "Ann"),
        (Profile(shown="Ann Smith", sex="female"), "en", ""),
    ],
)
def test_a_patient_is_addressed_as_one_is_in_their_language_and_never_by_the_whole_name(
    profile: Profile, language: str, called: str
) -> None:
    assert profile.called(language) == called
