"""What is stored comes back as it was, or is refused with its place."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from plans import patient

from pathways.engine import events
from pathways.engine.state import SCHEMA
from pathways.serial import OldSchema, Unreadable, dump_event, dump_state, load_event, load_state

NOW = datetime(2025, 3, 3, 9, tzinfo=UTC)
VISIT = events.VisitCompleted(
    id="v", at=NOW, learnt=NOW, readings={"one": 1.0, "yes": True, "no": False, "word": "5", "words": ("a", "b"), "none": ()}
)


def test_yes_is_not_one_and_a_number_stays_a_number() -> None:
    again = load_event(json.loads(json.dumps(dump_event(VISIT))))
    assert isinstance(again, events.VisitCompleted)
    assert {name: (type(value), value) for name, value in again.readings.items()} == {
        name: (type(value), value) for name, value in VISIT.readings.items()
    }
    assert again == VISIT


def test_a_moment_in_another_offset_comes_back_in_utc() -> None:
    again = load_event(dump_event(VISIT) | {"at": "2025-03-03T17:00:00+08:00"})
    assert again.at == NOW
    assert again.at.tzinfo is UTC


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"type": "visit"}, "use one of: advice_failed, advice_given, answer_received"),
        ({"at": "2025-03-03T09:00:00"}, "need a time zone"),
        ({"reading": {}}, "reading: Unexpected keyword argument"),
        ({"readings": {"sbp": None}}, "readings.sbp"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(broken: dict[str, object], says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        load_event(dump_event(VISIT) | broken)


def test_a_snapshot_of_another_shape_is_to_be_folded_again() -> None:
    snapshot = json.loads(dump_state(patient().state))
    with pytest.raises(OldSchema) as old:
        load_state(json.dumps(snapshot | {"schema": SCHEMA + 1}).encode())
    assert (old.value.found, old.value.wanted) == (SCHEMA + 1, SCHEMA)
    for broken in (b"{", b"[]", b'{"schema": "1"}'):
        with pytest.raises(Unreadable, match="refold it"):
            load_state(broken)
