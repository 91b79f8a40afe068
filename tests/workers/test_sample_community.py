"""The sample community is what it says it is, and reading it in brings what it promises."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from records.intake import Intake, Refused, read_path
from workers.sample import RECORD_SYSTEM, Community, make_community

ON = date(2026, 1, 5)


@pytest.fixture(scope="module")
def community(tmp_path_factory: pytest.TempPathFactory) -> Community:
    return make_community(tmp_path_factory.mktemp("community"), on=ON)


@pytest.fixture(scope="module")
def found(community: Community) -> list[Intake | Refused]:
    return list(read_path(community.folder, on=ON))


@pytest.fixture(scope="module")
def intakes(found: list[Intake | Refused]) -> list[Intake]:
    return [one for one in found if isinstance(one, Intake)]


def record_of(intake: Intake) -> str:
    assert intake.identifiers[0].system == RECORD_SYSTEM
    return intake.identifiers[0].value


def test_reading_it_in_brings_exactly_the_people_and_refusals_it_promises(
    community: Community, found: list[Intake | Refused], intakes: list[Intake]
) -> None:
    assert len(intakes) == community.intakes
    records = Counter(record_of(one) for one in intakes)
    assert set(records) == community.enrollable | {community.died, community.too_young}
    assert len(community.enrollable) == 60
    assert [record for record, times in records.items() if times > 1] == [community.sent_twice]
    refused = sorted((one for one in found if isinstance(one, Refused)), key=lambda one: one.source)
    assert len(refused) == len(community.refusals)
    for one, expected in zip(refused, community.refusals, strict=True):
        assert one.source == expected.source
        assert one.place.startswith(expected.place)
        assert expected.what in one.what


def test_everybody_but_the_one_with_a_strange_unit_is_understood_completely(community: Community, intakes: list[Intake]) -> None:
    assert {record_of(one): len(one.notes) for one in intakes if one.notes} == {community.strange_unit: 1}


def test_what_was_invented_is_what_is_read(community: Community, intakes: list[Intake]) -> None:
    invented = {one.record: one for one in community.people}
    for intake in intakes:
        person = invented[record_of(intake)]
        assert intake.name.full == person.full_name
        assert (intake.born, intake.died, intake.sex) == (person.born, person.died, person.sex)
        assert (intake.timezone, intake.language) == (person.region.zone, person.region.language)
        assert intake.conditions == person.conditions
        assert [phone.number for phone in intake.phones] == [person.phone, *([person.carer[1]] if person.carer else [])]
        assert intake.visits[:1] == tuple(checkup.on for checkup in person.checkups[:1])
        assert {(m.name, m.last_fill) for m in intake.medicines} == {(m.name, m.filled) for m in person.medicines}
        newest = {name: next((r.value for r in intake.readings if r.name == name), None) for name in ("sbp", "fpg", "temperature")}
        if person.checkups and intake.identifiers[0].value != community.strange_unit:
            last = person.checkups[0]
            assert newest["sbp"] == last.sbp
            assert newest["fpg"] == pytest.approx(last.fpg)
            assert newest["temperature"] == pytest.approx(last.temperature)


def test_it_has_every_kind_of_person_the_demonstration_is_about(community: Community, intakes: list[Intake]) -> None:
    people = [one for one in community.people if one.record in community.enrollable]
    assert {one.region.zone for one in people} >= {"Asia/Shanghai", "Asia/Urumqi", "America/New_York", "Europe/Madrid"}
    assert {one.region.language for one in people} == {"zh-Hans", "zh-Hant", "en", "es"}
    assert {one.band for one in people} == {"red", "yellow", "green"}
    assert any({"hypertension", "type2_diabetes"} <= one.conditions for one in people)
    assert any("chronic_kidney_disease" in one.conditions for one in people)
    assert any(one.carer for one in people)
    assert any(not one.checkups for one in people)
    assert all((ON - one.checkups[0].on).days <= 92 for one in people if one.checkups)
    assert {"mg/dL", "mmol/L", "[degF]", "Cel"} <= {reading.original_unit for one in intakes for reading in one.readings}
    assert len({one.phone for one in people}) == len(people)


def test_one_seed_is_one_community_and_another_is_another(tmp_path: Path) -> None:
    def written(folder: str, seed: int) -> dict[str, bytes]:
        made = make_community(tmp_path / folder, patients=12, seed=seed, on=ON)
        return {file.name: file.read_bytes() for file in made.folder.iterdir()}

    assert written("a", 7) == written("b", 7)
    assert written("a", 7) != written("c", 8)


@pytest.mark.parametrize(("patients", "seed"), [(6, 1), (7, 2), (20, 3), (150, 4)])
def test_any_size_and_seed_keeps_its_promises(tmp_path: Path, patients: int, seed: int) -> None:
    made = make_community(tmp_path, patients=patients, seed=seed, on=date(2025, 3, 1))
    found = list(read_path(tmp_path, on=date(2025, 3, 1)))
    assert len(made.enrollable) == patients
    assert sum(isinstance(one, Intake) for one in found) == made.intakes
    assert sum(isinstance(one, Refused) for one in found) == len(made.refusals)
    assert {record_of(one) for one in found if isinstance(one, Intake) and one.notes} == {made.strange_unit}


def test_a_smaller_community_replaces_a_larger_one_in_its_folder(tmp_path: Path) -> None:
    make_community(tmp_path, patients=20, on=ON)
    made = make_community(tmp_path, patients=6, on=ON)
    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in (*made.bundles, made.roster)}
