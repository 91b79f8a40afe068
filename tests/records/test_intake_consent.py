"""What a hospital was told about texts is not asked again: a no in its record is a no here."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from records.intake import Intake, read_bundle
from tests.records.test_intake_bundle import patient

Json = dict[str, Any]
TODAY = date(2026, 2, 1)
SMS = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/contact-point-system", "code": "sms"}]}
SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}


def consent(provision: Json | None = None, **changed: Any) -> Json:
    base = {"resourceType": "Consent", "status": "active", "scope": SCOPE, "patient": {"reference": "Patient/1"}}
    return {**base, "dateTime": "2026-01-05", **({"provision": provision} if provision is not None else {}), **changed}


def texts(*consents: Json) -> bool | None:
    entries = [{"resource": one} for one in (patient(), *consents)]
    (person,) = read_bundle(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}), "h.json", on=TODAY)
    assert isinstance(person, Intake)
    assert person.texts_source == "hospital"
    return person.texts


@pytest.mark.parametrize(
    ("provision", "changed", "agreed"),
    [
        ({"type": "deny", "code": [SMS]}, {}, False),
        ({"type": "permit", "code": [SMS]}, {}, True),
        ({"type": "permit", "provision": [{"type": "deny", "code": [SMS]}]}, {}, False),
        ({"type": "deny", "provision": [{"type": "permit", "code": [{"text": "SMS reminders"}]}]}, {}, True),
        ({"type": "deny"}, {"category": [{"text": "短信通知"}]}, False),
        (None, {"category": [{"text": "Consent to text messages"}]}, True),
        (None, {"category": [{"text": "Consent to text messages"}], "status": "rejected"}, False),
        ({"type": "permit", "code": [SMS]}, {"status": "rejected"}, False),
        ({"type": "deny", "code": [SMS]}, {"status": "inactive"}, None),
        ({"type": "deny", "code": [SMS]}, {"status": "entered-in-error"}, None),
        ({"type": "deny", "code": [SMS], "period": {"end": "2025-12-31"}}, {}, None),
        ({"type": "permit", "code": [SMS], "period": {"end": "2026-12-31"}}, {}, True),
        ({"type": "deny", "class": [{"code": "sms"}]}, {}, False),
        ({"type": "deny", "code": [{"text": "research"}]}, {}, None),
        ({"type": "deny"}, {}, None),
        ({"type": 7, "provision": "odd", "code": "odd"}, {"category": 3, "dateTime": []}, None),
    ],
)
def test_a_consent_that_speaks_of_texts_counts_as_it_says(provision: Json | None, changed: Json, agreed: bool | None) -> None:
    assert texts(consent(provision, **changed)) is agreed


def test_the_newest_word_counts_and_of_two_of_one_day_the_no() -> None:
    yes, no = consent({"type": "permit", "code": [SMS]}), consent({"type": "deny", "code": [SMS]})
    assert texts(yes, no) is False
    assert texts(no, {**yes, "dateTime": "2026-01-06"}) is True
    assert texts({**no, "dateTime": "2025-01-06"}, yes) is True


def test_a_bundle_without_one_says_nothing() -> None:
    assert texts() is None
