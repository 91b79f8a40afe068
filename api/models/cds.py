"""CDS Hooks 2.0: what a record system sends, and the cards it gets.

Rule: what a client of CDS Hooks may add (extensions, fields of later versions) is let pass and not read.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from api.models.access import Role, Where
from api.models.base import Model, Moment, Name, example, page_of
from api.models.places import Next

ZONE = "2025-03-03T01:00:00Z"
_CARD_ID = "6fa3a5a0-93ab-4b7c-9a1f-9d5f7c2f0a11"
_PATIENT = {"resourceType": "Patient", "id": "1288992", "birthDate": "1958-04-02", "gender": "male"}
_ORDER = {
    "resourceType": "MedicationRequest",
    "id": "draft-1",
    "status": "draft",
    "intent": "order",
    "subject": {"reference": "Patient/1288992"},
    "medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": "A10BA02"}], "text": "metformin 500 mg"},
}
_ASKED: dict[str, Any] = {
    "hook": "order-sign",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "context": {
        "userId": "Practitioner/123",
        "patientId": "1288992",
        "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": _ORDER}]},
    },
    "prefetch": {"patient": _PATIENT},
}
_REASON = {"system": "urn:cairn:cds", "code": "will-monitor", "display": "Will monitor"}
_CARD: dict[str, Any] = {
    "uuid": _CARD_ID,
    "summary": "Not to be given: metformin 500 mg: contraindicated below a filtration rate of 30",
    "detail": "**Not to be given**: contraindicated below a filtration rate of 30.\n\nRead: filtration rate 29.",
    "indicator": "critical",
    "source": {
        "label": "Cairn medication checks: FDA Drug Safety Communication 2016",
        "topic": {"system": "urn:cairn:cds", "code": "MED-M1", "display": "contraindicated below a filtration rate of 30"},
    },
    "overrideReasons": [_REASON],
}
_SERVICE: dict[str, Any] = {
    "hook": "patient-view",
    "id": "cairn-patient-view",
    "title": "Cairn: how the patient stands",
    "description": "Risk tag, what is overdue, the next screening, and why.",
    "prefetch": {"patient": "Patient/{{context.patientId}}"},
    "usageRequirements": "The patient is found by an identifier that they were enrolled with.",
}
_CLIENT: dict[str, Any] = {
    "name": "record system of the District Hospital",
    "role": "clinic",
    "place": "hospital-1",
    "issuer": "https://ehr.hospital.example",
    "jwks_url": "https://ehr.hospital.example/jwks.json",
}


class Cds(Model):
    """Written as CDS Hooks writes: ``hookInstance`` for ``hook_instance``."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Asks(Cds, json_schema_extra=example(**_ASKED)):
    """One call of a hook."""

    model_config = ConfigDict(extra="ignore")
    hook: Annotated[str, Field(max_length=60)]
    hook_instance: Annotated[str, Field(min_length=1, max_length=100)]
    fhir_server: Annotated[str | None, Field(max_length=500)] = None
    context: dict[str, Any]
    prefetch: dict[str, Any] | None = None


class Code(Cds, json_schema_extra=example(**_REASON)):
    """A code of a code system."""

    system: str | None = None
    code: str
    display: str | None = None


class OverrideReason(Cds, json_schema_extra=example(**_REASON)):
    """Why somebody may go on although a card advises against it."""

    system: str
    code: str
    display: str


class Source(Cds, json_schema_extra=example(**_CARD["source"])):
    """Where a card comes from; ``topic``: the row behind it."""

    label: str
    topic: Code


class Link(Cds, json_schema_extra=example(label="Open in Cairn", url="https://cairn.example/patients/9f0c", type="absolute")):
    """Where to read on."""

    label: str
    url: str
    type: Literal["absolute", "smart"]


class Action(
    Cds, json_schema_extra=example(type="delete", description="Leave out naproxen", resourceId="MedicationRequest/draft-1")
):
    """One change of what is being written."""

    type: Literal["create", "delete"]
    description: str
    resource: dict[str, Any] | None = None
    resource_id: str | None = None


class Suggestion(
    Cds,
    json_schema_extra=example(
        label="losartan instead",
        uuid="0d3f1b1e-6a0c-4c53-9f2c-3b8e2f3c1d10",
        actions=[{"type": "delete", "description": "Leave out enalapril", "resourceId": "MedicationRequest/draft-1"}],
    ),
):
    """Something that can be taken over with one click: all of its actions."""

    label: str
    uuid: str
    actions: list[Action]


class Card(Cds, json_schema_extra=example(**_CARD)):
    """One card. ``indicator``: info, warning or critical."""

    uuid: str
    summary: Annotated[str, Field(max_length=139)]
    detail: str
    indicator: str
    source: Source
    suggestions: list[Suggestion] | None = None
    selection_behavior: Literal["at-most-one"] | None = None
    override_reasons: list[OverrideReason] | None = None
    links: list[Link] | None = None


class Cards(Cds, json_schema_extra=example(cards=[_CARD])):
    """What there is to say; nothing where there is nothing."""

    cards: list[Card]


class HookService(Cds, json_schema_extra=example(**_SERVICE)):
    """One service. ``prefetch``: what is to be sent along, as queries of the caller's own FHIR server."""

    hook: str
    id: str
    title: str
    description: str
    prefetch: dict[str, str]
    usage_requirements: str


class Discovery(Cds, json_schema_extra=example(services=[_SERVICE])):
    """The services that there are."""

    services: list[HookService]


class Reason(Cds, json_schema_extra=example(reason=_REASON)):
    """Why a card was overridden. A comment of the user's is not kept: it may be about a person."""

    model_config = ConfigDict(extra="ignore")
    reason: dict[str, Any] | None = None


class Outcome(Cds, json_schema_extra=example(card=_CARD_ID, outcome="overridden", overrideReason={"reason": _REASON})):
    """What became of one card."""

    model_config = ConfigDict(extra="ignore")
    card: Annotated[str, Field(max_length=100)]
    outcome: Literal["accepted", "overridden"]
    override_reason: Reason | None = None


class Feedback(Cds, json_schema_extra=example(feedback=[{"card": _CARD_ID, "outcome": "accepted"}])):
    """What became of cards."""

    model_config = ConfigDict(extra="ignore")
    feedback: Annotated[list[Outcome], Field(max_length=200)]


class FeedbackTaken(Cds, json_schema_extra=example(cards=1)):
    """How many of them are known here."""

    cards: int


class ClientIn(Model, json_schema_extra=example(**_CLIENT)):
    """A record system that may call, by tokens that it signs. ``jwks`` (public keys) or ``jwks_url``, where they are found."""

    name: Name
    role: Role
    place: Where
    issuer: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[!-~]+$")]
    jwks: dict[str, Any] | None = None
    jwks_url: Annotated[str | None, Field(max_length=500, pattern=r"^[!-~]+$")] = None


class ClientOut(Model, json_schema_extra=example(id="4be1a7c0ffee0001", **_CLIENT, jwks=None, created=ZONE, revoked=None)):
    """A record system as it is registered."""

    id: str
    name: str
    role: str
    place: str
    issuer: str
    jwks: dict[str, Any] | None
    jwks_url: str | None
    created: Moment
    revoked: Moment | None


class ClientPage(Model, json_schema_extra=page_of(ClientOut)):
    """Clients by id."""

    items: list[ClientOut]
    next: Next


_COUNT = {"service": "cairn-order-sign", "row": "MED-M1", "outcome": "overridden", "reason": "will-monitor", "cards": 3}


class CountOut(Model, json_schema_extra=example(**_COUNT)):
    """How many cards of a row came to this. ``outcome``: shown (nothing was told), accepted or overridden."""

    service: str
    row: str
    outcome: str
    reason: str
    cards: int


class CountsOut(Model, json_schema_extra=example(since=ZONE, items=[_COUNT])):
    """What became of the cards that were shown ``since``."""

    since: Moment
    items: list[CountOut]
