"""What somebody types into a field for a number is taken for a number, or refused where it stands."""

from __future__ import annotations

import pytest

from api.console.forms import Form
from api.problems import Problem


@pytest.mark.parametrize("typed", ["nan", "inf", "-inf", "1e999", "12O", "1 2"])
def test_what_is_no_number_is_refused_at_its_field(typed: str) -> None:
    with pytest.raises(Problem) as refused:
        Form({"days": (typed,)}).number("days")
    assert [fault.field for fault in refused.value.faults] == ["days"]


@pytest.mark.parametrize(("typed", "number"), [("12", 12), (" 7,5 ", 7.5), ("\uff11\uff12", 12)])
def test_a_number_is_read_as_people_write_it(typed: str, number: float) -> None:
    """With a comma, and with the wide digits of a Chinese keyboard."""
    assert Form({"days": (typed,)}).number("days") == number
