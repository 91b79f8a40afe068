"""What no probe gets into, or no page shows, each with its reason. What is not here is a fault."""

from __future__ import annotations

REFERS = "names something that there is, or is one of a few words"
SHAPED = "a number, a secret, a day or an address, which has to be written as one"
ENDED = "asks for a stage, a pause or a rollout that the network is not left in; its words are tried in a form"
#: Fields of the API that take no probe, by their name (for one operation: with it).
TAKES_NONE = {
    **dict.fromkeys(
        ("place", "parent", "organisation", "pharmacy", "network", "redirect_to", "role", "pathway", "channel"), REFERS
    ),
    **dict.fromkeys(
        ("care_team", "key", "outcome", "scopes.0", "languages.0", "channels.0", "conditions.0", "part", "accept.0"), REFERS
    ),
    **dict.fromkeys(
        ("readings.symptoms.0", "services.annual_exam", "services.blood_pressure", "country", "pathways.0", "done.0"), REFERS
    ),
    **dict.fromkeys(("phone", "carer_phone", "on_call_phone", "emergency_number", "code", "timezone", "calendar"), SHAPED),
    **dict.fromkeys(("url", "jwks_url", "issuer", "token", "login", "password", "old", "new", "opens", "closes"), SHAPED),
    **dict.fromkeys(("limits.emergency.requested.remind", "limits.emergency.requested.within"), SHAPED),
    "id": "of an event whose stage the network is not left in, or of a place: " + SHAPED,
    "POST /advice-services name": SHAPED,
    "POST /refills/{refill_id}/propose-substitute medicine": REFERS,
    **dict.fromkeys(("POST /refills/{refill_id}/clear word", "POST /pathways/{name}/versions/{version}/retire why"), ENDED),
    **dict.fromkeys(("POST /rollouts/{rollout_id}/rollback why", "POST /rollouts/{rollout_id}/stop why"), ENDED),
    "PATCH /holds/{hold_id} reason": "only where another field is changed, too",
}
#: Forms that are found and not sent; forms into which no text gets; by the beginning of what they are known as.
STAGE = "a step of a stage that somebody else's form has ended meanwhile; the same words are told by the API"
NUMBERS = "what is typed is a number"
FORMS = {
    "post /inbox/referrals/*/answer": STAGE,
    "post /inbox/refills/*/": STAGE,
    "post /today/tasks/*/": STAGE,
    "post /pathways/hypertension/drafts/*/": STAGE,
    "post /patients/*/call": NUMBERS,
    "post /patients/*/visit": NUMBERS,
    "post /patients/*/corrections": NUMBERS,
    "post /admin/limits": NUMBERS,
    "post /admin/connections/pushes/new": SHAPED,
    "post /admin/holidays/take-over": REFERS,
    "post /pathways/hypertension/drafts/* show=": "those who only read send nothing",
    "post /pathways/hypertension/rollouts/*/back": ENDED,
    "post /sign-in": "says neither who nor why",
}
#: What is taken and shown on no page: by the field's name, or with its operation or form.
EVENT = "how whoever tells something knows it again; stands in no page"
NOT_SHOWN = {
    "id": EVENT,
    "SMS id": EVENT,
    "SMS 1": "nobody's number: not kept with anybody",
    **dict.fromkeys(("identifier", "identifier_system", "national_id"), "is shown cut, or to be found by"),
    **dict.fromkeys(("family", "given", "country", "state"), "is part of what a FHIR client reads"),
    **dict.fromkeys(
        ("carer_name", "timezone", "language", "care_team", "phone", "carer_phone"), "is kept, or replaced where it cannot be used"
    ),
    **dict.fromkeys(("POST /holds/preview medicine", "POST /holds/preview reason"), "keeps nothing"),
    "POST /patients/{patient_id}/services service": "a service that no pathway has changes nothing",
    "POST /refills/{refill_id}/dispense word": "is kept where the checks of medicines ask for one",
    **dict.fromkeys(("password", "code", "login"), "is a secret"),
}
