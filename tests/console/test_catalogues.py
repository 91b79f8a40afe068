"""Nobody meets English on a page that is not in English."""

from __future__ import annotations

import pytest

from api.console.languages import translations
from api.console.render import environment
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


def test_where_areas_mean_something_else_by_the_same_english_each_says_its_own() -> None:
    assert translations("zh-Hans", "pathways").gettext("Row") == "行"
    assert [translations("es", area).gettext("Done") for area in ("inbox", "today")] == ["Terminadas", "Hecho"]
    said = environment("es", "inbox").from_string("{{ _('Done') }} {{ gettext('Done') }}").render()
    assert said == "Terminadas Terminadas", "read once or asked each time"
