"""A search finds what it names and nothing else: dates by their prefixes, codes by their systems, pages without gap or repeat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.fhir.kinds import Filter, Param, Query, Ref, Span, Token, Value
from api.fhir.matching import holds, page
from api.fhir.required_codes import wrong_codes
from records.pages import BadCursor

DAY = datetime(2025, 3, 4, tzinfo=UTC)
DATE, TOKEN, STRING, REFERENCE = (Param(type_, "") for type_ in ("date", "token", "string", "reference"))


def finds(resource: dict[str, Any], param: Param, where: str, *values: Value, modifier: str = "") -> bool:
    return holds(resource, Filter("it", modifier, values), param, (where,))


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("eq", {"2025-03-04", "2025-03-04T09:00:00.000Z"}),
        ("ne", {"2025-03-03", "2025-03-05T00:00:00.000Z", "period"}),
        ("gt", {"2025-03-05T00:00:00.000Z", "period"}),
        ("ge", {"2025-03-04", "2025-03-04T09:00:00.000Z", "2025-03-05T00:00:00.000Z", "period"}),
        ("lt", {"2025-03-03", "period"}),
        ("le", {"2025-03-03", "2025-03-04", "2025-03-04T09:00:00.000Z", "period"}),
        ("sa", {"2025-03-05T00:00:00.000Z"}),
        ("eb", {"2025-03-03"}),
    ],
)
def test_a_day_is_found_by_the_prefixes_of_r4(prefix: str, found: set[str]) -> None:
    days = ("2025-03-03", "2025-03-04", "2025-03-04T09:00:00.000Z", "2025-03-05T00:00:00.000Z")
    shown: dict[str, Any] = {day: {"on": day} for day in days} | {"period": {"on": {"start": "2025-03-03", "end": "2025-03-08"}}}
    asked = Span(prefix, DAY, DAY + timedelta(days=1))
    assert {name for name, resource in shown.items() if finds(resource, DATE, "on", asked)} == found


def test_a_code_is_found_with_its_system_without_one_and_not_under_anothers() -> None:
    coded = {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}, {"code": "bare"}]}, "status": "final"}
    assert finds(coded, TOKEN, "code", Token(None, "8480-6"))
    assert finds(coded, TOKEN, "code", Token("http://loinc.org", ""))
    assert finds(coded, TOKEN, "code", Token("", "bare"))
    assert not finds(coded, TOKEN, "code", Token("http://snomed.info/sct", "8480-6"))
    assert not finds(coded, TOKEN, "code", Token("", "8480-6"))
    assert finds(coded, TOKEN, "code", Token(None, "other"), Token(None, "bare"))  # any of them
    assert finds(coded, TOKEN, "status", Token(None, "amended"), modifier="not")
    assert finds(coded, TOKEN, "medium", Token(None, "true"), modifier="missing")
    assert not finds(coded, TOKEN, "status", Token(None, "true"), modifier="missing")
    assert finds({"active": True}, TOKEN, "active", Token(None, "true"))
    phone = {"telecom": [{"system": "phone", "value": "+861"}], "identifier": [{"system": "urn:x", "value": "7"}]}
    assert finds(phone, TOKEN, "identifier", Token("urn:x", "7"))
    assert not finds(phone, TOKEN, "identifier", Token("urn:y", "7"))
    assert finds({"name": "Überweisung"}, STRING, "name", "uber")
    assert not finds({"name": "Überweisung"}, STRING, "name", "uber", modifier="exact")
    target = {"target": [{"reference": "Task/a/_history/3"}], "follows": ["urn:p|1"]}
    assert finds(target, REFERENCE, "target", Ref("Task", "a"))
    assert finds(target, REFERENCE, "target", Ref("", "a"))
    assert not finds(target, REFERENCE, "target", Ref("ServiceRequest", "a"))
    assert finds(target, REFERENCE, "follows", Ref("", "urn:p"))
    assert not finds(target, REFERENCE, "follows", Ref("", "urn:p|2"))


@pytest.mark.parametrize("descending", [False, True])
def test_pages_go_on_behind_the_last_one_even_when_it_is_gone_by_then(descending: bool) -> None:
    shown = [
        {"id": f"{n:02}", "meta": {"lastUpdated": f"2025-03-0{1 + n % 3}T00:00:00.000Z"}, "status": "final"} for n in range(10)
    ]
    query = Query(sort=(("_lastUpdated", descending),), count=3)
    seen: list[str] = []
    after: str | None = None
    while True:
        found = page(shown, Query(query.filters, query.sort, query.count, after), {}, {}, "_id")
        assert (found.total is None) == (after is not None)
        seen += [one["id"] for one in found.resources]
        shown = [one for one in shown if one["id"] not in seen[-1:]]  # the last of the page is deleted
        after = found.next
        if after is None:
            break
    assert sorted(seen) == [f"{n:02}" for n in range(10)]
    with pytest.raises(BadCursor):
        page(shown, Query(sort=query.sort, after="bm90aGluZw"), {}, {}, "_id")


def test_a_code_that_r4_does_not_know_is_named_with_its_place_wherever_it_stands() -> None:
    resource = {
        "resourceType": "Task",
        "status": "started",
        "intent": "order",
        "identifier": [{"use": "official"}, {"use": "our-own"}],
        "extension": [{"url": "urn:x", "valueContactPoint": {"system": "pigeon"}}],
        "contained": [{"resourceType": "Observation", "status": "final", "component": [{"valueQuantity": {"comparator": "~"}}]}],
    }
    assert [(one.expression, one.code) for one in wrong_codes(resource)] == [
        ("Task.status", "started"),
        ("Task.identifier[1].use", "our-own"),
        ("Task.extension[0].valueContactPoint.system", "pigeon"),
        ("Task.contained[0].component[0].valueQuantity.comparator", "~"),
    ]
    assert "in-progress" in wrong_codes(resource)[0].allowed
    assert wrong_codes({"resourceType": "Spaceship", "status": "x"}) == []
