"""Real exports of a synthetic hospital: hundreds of entries, other units, other codes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from records.intake import Intake, Refused, read_path


def exports() -> Path | None:
    """The folder CAIRN_SYNTHEA names, else a data/synthea folder beside the repository."""
    if named := os.environ.get("CAIRN_SYNTHEA"):
        return Path(named) if Path(named).is_dir() else None
    return next(iter(sorted(Path(__file__).parents[3].glob("*/data/synthea"))), None)


FOLDER = exports()
needs_exports = pytest.mark.skipif(FOLDER is None, reason="no Synthea exports: set CAIRN_SYNTHEA to a folder of them")


@pytest.fixture(scope="module")
def people() -> dict[str, Intake]:
    assert FOLDER is not None
    found = list(read_path(FOLDER))
    assert not [one for one in found if isinstance(one, Refused) and one.source.endswith(".json")]
    return {one.name.full: one for one in found if isinstance(one, Intake)}


@needs_exports
def test_everybody_in_the_exports_comes_through_with_what_a_pathway_needs(people: dict[str, Intake]) -> None:
    assert len(people) == 5
    for one in people.values():
        assert one.identifiers[0].system == "http://hospital.smarthealthit.org"
        assert not any("us-ssn" in identifier.system for identifier in one.identifiers)
        assert (one.timezone, one.language) == ("America/New_York", "en")
        assert {"sbp", "dbp", "weight", "height", "bmi"} <= {reading.name for reading in one.readings}
        assert one.visits == tuple(sorted(one.visits, reverse=True))
        assert one.medicines
        assert one.services_done["annual_exam"].year >= 2020
        assert any("Claim" in note.what for note in one.notes)


@needs_exports
def test_their_conditions_are_in_our_words(people: dict[str, Intake]) -> None:
    assert {name: sorted(one.conditions) for name, one in people.items()} == {
        "Elsy Bechtelar": ["hypertension", "obesity"],
        "Emery Purdy": ["hypertension", "obesity", "type2_diabetes"],
        "Marlin Kuphal": ["hypertension"],
        "Martina Murazik": ["copd", "heart_failure", "stroke"],
        "Morris Lockman": ["hypertension", "prediabetes", "type2_diabetes"],
    }


@needs_exports
def test_their_glucose_in_mg_is_in_mmol_and_not_taken_for_fasting(people: dict[str, Intake]) -> None:
    glucose = [reading for one in people.values() for reading in one.readings if reading.name == "other_glucose"]
    assert glucose
    assert all(reading.original_unit == "mg/dL" and 3 < reading.value < 15 for reading in glucose)
    assert not any(reading.name == "fpg" for one in people.values() for reading in one.readings)


@needs_exports
def test_phones_that_cannot_exist_are_kept_as_written(people: dict[str, Intake]) -> None:
    assert all(phone.number is None and phone.raw.startswith("555-") for one in people.values() for phone in one.phones)
