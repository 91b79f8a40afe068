"""A text costs what the networks charge for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathways.language.segments import GSM_BASIC, GSM_EXTENSION, outside_gsm, segments


def test_the_default_alphabet_has_127_characters_and_an_escape() -> None:
    assert len(GSM_BASIC) == 127
    assert len(GSM_EXTENSION) == 10
    assert not GSM_BASIC & GSM_EXTENSION


@pytest.mark.parametrize(
    ("text", "encoding", "units", "count"),
    [
        ("", "GSM-7", 0, 0),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("a" * 159 + "€", "GSM-7", 161, 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),  # the euro does not fit in the first part, nor the rest in two
        ("复" * 70, "UCS-2", 70, 1),
        ("复" * 71, "UCS-2", 71, 2),
        ("复" * 134, "UCS-2", 134, 2),
        ("复" * 135, "UCS-2", 135, 3),
        ("😀" * 35, "UCS-2", 70, 1),
        ("复" * 66 + "😀" + "复" * 66, "UCS-2", 134, 3),
        ("mañana a las 9: responda 1 o 2", "GSM-7", 30, 1),
        ("el próximo día", "UCS-2", 14, 1),  # ó and í are outside the alphabet
        ("ç", "UCS-2", 1, 1),
        ("Ç à é", "GSM-7", 5, 1),
    ],
)
def test_a_text_is_charged_by_its_alphabet_and_length(text: str, encoding: str, units: int, count: int) -> None:
    counted = segments(text)

    assert (counted.encoding, counted.units, counted.count) == (encoding, units, count)


def test_an_author_learns_which_characters_make_a_text_dear() -> None:
    assert outside_gsm("el próximo día") == {"ó", "í"}


@given(st.text(max_size=400))
def test_a_longer_text_never_costs_less(text: str) -> None:
    assert segments(text + "a").count >= segments(text).count
