"""What patients really text back, in four languages, and how it is understood."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from activities import answers
from activities.answers import read_answer
from pathways.language import source

TABLE: dict[str, list[dict[str, Any]]] = yaml.safe_load(Path(__file__).with_name("answers_table.yaml").read_text(encoding="utf-8"))
LANGUAGES = sorted({row["in"] for rows in TABLE.values() for row in rows})
WORDS = source.shipped(Path(answers.__file__).with_name("answers.yaml"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_is_taken_as_it_was_meant_or_left_to_a_person(language: str) -> None:
    wrong = []
    for kind, rows in TABLE.items():
        for row in (row for row in rows if row["in"] == language):
            answer = read_answer(row["says"], language=language)
            again = kind == "unclear" or row.get("again", False)
            read = (answer.kind, dict(answer.readings), list(answer.danger), answer.ask_again, answer.more)
            meant = (kind, row.get("readings", {}), row.get("danger", []), again, row.get("more", False))
            if read != meant:
                wrong.append(f"{row['says']!r}: meant {meant}, read {read}")
    assert not wrong, "\n".join(wrong)


def test_the_table_is_worth_its_name() -> None:
    languages = Counter(row["in"] for rows in TABLE.values() for row in rows)
    assert languages.total() >= 150
    assert all(languages[one] >= 25 for one in ("en", "zh-Hans", "zh-Hant", "es"))


def _cries() -> list[tuple[str, str]]:
    """Each way to say each sign: every phrase, and every word of a pair with the first of the others."""
    found = []
    for sign, ways in WORDS["danger"].items():
        for way in ways:
            if not isinstance(way, dict):
                found += [(sign, phrase) for phrase in way]
                continue
            words, others = way["words"], way.get("and") or way["then"]
            found += [(sign, f"{word} {others[0]}") for word in words] + [(sign, f"{words[0]} {other}") for other in others]
            found += [(sign, f"{other} {words[0]}") for other in others] if "and" in way else []
    return found


@pytest.mark.parametrize("sign", list(WORDS["danger"]))
def test_every_danger_word_is_heard_within_a_sentence(sign: str) -> None:
    unheard = []
    for phrase in (phrase for of, phrase in _cries() if of == sign):
        for said in (phrase, phrase.upper(), f"hola, {phrase}!", f"我{phrase}了", f"STOP {phrase} 150/95"):
            answer = read_answer(said, language="en")
            if answer.kind != "danger" or sign not in answer.danger:
                unheard.append(said)
    assert not unheard


def test_every_word_for_stop_ends_the_texts() -> None:
    for word in WORDS["stop"]["whole"]:
        read = {read_answer(said, language="en").kind for said in (word, word.upper(), f" {word}. ", f"{word}!")}
        assert read == {"stop"}, word


@given(st.text(max_size=200), st.sampled_from(["en", "zh-Hans", "zh-Hant", "es", "fr"]))
def test_no_text_is_too_strange_to_read(text: str, language: str) -> None:
    read_answer(text, language=language)
