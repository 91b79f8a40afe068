"""A page's words are looked up when its template is read, and say what they said."""

from __future__ import annotations

import pytest

from api.console.languages import FRAME, LANGUAGES, translations
from api.console.render import environment


def shown(template: str, language: str, **given: object) -> str:
    return environment(language, FRAME).from_string(template).render(language=language, **given)


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_stand_in_the_readers_language_wherever_a_template_says_them(language: str) -> None:
    save = translations(language).gettext("Save")
    assert shown('{{ _("Save") }}', language) == save
    assert shown('{% macro button(label) %}<b title="{{ label }}">{% endmacro %}{{ button(_("Save")) }}', language) == (
        f'<b title="{save}">'
    )
    assert shown('{{ {"save": _("Save")}.get(what, what) }}', language, what="save") == save
    assert shown('{{ _("Save") if saves else "" }}{{ "(" ~ _("Save") ~ ")" }}', language, saves=True) == f"{save}({save})"


def test_a_text_of_ours_is_markup_and_what_is_put_into_it_is_not() -> None:
    assert shown('{{ _("50 %% & <b>more</b>") }}', "en") == "50 % & <b>more</b>"
    assert shown('{{ _("for %(who)s", who=name) }}', "en", name="<script>") == "for &lt;script&gt;"
    assert shown("{{ _(what) }}", "es", what="Save") == translations("es").gettext("Save")
