"""Nobody meets English on a page that is not in English."""

from __future__ import annotations

import pytest

from tests.console.catalogues import TRANSLATED, areas, catalogue, missing


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_word_of_every_page_is_there_in_every_language(language: str) -> None:
    without = {area: lacking for area in areas() if (lacking := missing(area, language))}
    assert without == {}


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_fills_in_what_the_english_fills_in(language: str) -> None:
    for area in areas():
        _, known = catalogue(area, language)
        for one in known:
            assert [str(fault) for fault in one.check(known)] == [], (area, one.id)
