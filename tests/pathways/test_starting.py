"""A new pathway passes the check before anybody has changed a word."""

from __future__ import annotations

import pytest

from pathways.language.diagnostics import check
from pathways.language.starting import BadName, new_document


@pytest.mark.parametrize("name", ["chronic_pain", "asthma2", "hypertension"])
def test_a_new_document_passes_the_check_with_its_scenarios_and_without_a_warning(name: str) -> None:
    checked = check(new_document(name))
    assert (checked.pathway, checked.diagnostics) == (name, ())
    assert checked.scenarios == 3


@pytest.mark.parametrize("name", ["", "x", "Chronic", "no", "true", "null", "a-b", "1st", "x" * 41, "{{NAME}}"])
def test_a_name_that_no_pathway_may_have_is_refused_with_what_would_be_right(name: str) -> None:
    with pytest.raises(BadName, match="use 2 to 40 small letters"):
        new_document(name)
