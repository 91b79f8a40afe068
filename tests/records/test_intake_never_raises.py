"""Whatever is sent, nothing raises and nothing is our fault."""

from __future__ import annotations

import copy
import json
from datetime import date
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.intake import Intake, Refused, read_bundle, read_roster
from records.intake.bundle import UNFORESEEN
from workers.sample.bundles import bundle_of
from workers.sample.invented import Inventor

QUICK = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "Patient",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-12:00",
            "2025-02-30",
            "\ud800",
            "\x00",
            "mg/dL",
            10**400,
            1e308,
        ]
    )
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6
)


def a_sound_bundle() -> dict[str, Any]:
    import random

    inventor = Inventor(random.Random(3), date(2026, 1, 5))
    people = [inventor.person() for _ in range(8)]
    full = max(people, key=lambda one: (bool(one.carer), len(one.medicines) + len(one.checkups)))
    return bundle_of(full, random.Random(4))


SOUND = a_sound_bundle()


def places_in(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(deeper for key, child in inside for deeper in places_in(child, (*path, key)))]


PLACES = places_in(SOUND)[1:]


def no_fault_of_ours(found: list[Intake | Refused]) -> None:
    for one in found:
        assert not (isinstance(one, Refused) and UNFORESEEN in one.what), one


@QUICK
@given(st.lists(st.tuples(st.sampled_from(PLACES), anything), min_size=1, max_size=6))
def test_no_change_to_a_bundle_can_raise(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    changed = copy.deepcopy(SOUND)
    for path, value in changes:
        node: Any = changed
        try:
            for key in path[:-1]:
                node = node[key]
            node[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
    found = list(read_bundle(json.dumps(changed), "changed.json", on=date(2026, 1, 5)))
    assert found
    no_fault_of_ours(found)
    for one in found:
        if isinstance(one, Intake):
            assert one.identifiers
            # What goes to a database must be text that can be written.
            f"{one.name.full}{one.identifiers}{[note.what for note in one.notes]}".encode()
            assert all(reading.at.tzinfo for reading in one.readings)


@QUICK
@given(st.integers(min_value=0), st.binary(max_size=4))
def test_no_break_in_a_file_can_raise(at: int, inserted: bytes) -> None:
    whole = json.dumps(SOUND).encode()
    at %= len(whole)
    no_fault_of_ours(list(read_bundle(whole[:at] + inserted + whole[at + 3 :], "broken.json")))
    no_fault_of_ours(list(read_bundle(whole[:at], "cut.json")))


@QUICK
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_no_file_at_all_can_raise(content: bytes) -> None:
    no_fault_of_ours(list(read_bundle(content, "any")))
    list(read_roster(content, "any"))


HEADER = "identifier,born,name,sex,phone,timezone,conditions,bp,fpg,hba1c,last_visit,medicines,died,tag,country,eye_screening"


@QUICK
@given(
    st.lists(
        st.text(max_size=14)
        | st.sampled_from(["1950-01-01", "٣", "²", "1e5", '"', "2025年1月32日", "a:b:c", "145/92", "Asia/..", "/"]),
        max_size=18,
    )
)
def test_no_row_can_raise(cells: list[str]) -> None:
    list(read_roster(f"{HEADER}\nP1,1950-01-01,{','.join(cells)}\n", "roster.csv", on=date(2026, 1, 5)))
    list(read_roster(f"{HEADER}\n{','.join(cells)}\n", "roster.csv"))
