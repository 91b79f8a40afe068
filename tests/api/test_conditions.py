"""A diagnosis that comes after enrolment puts a patient on its pathway, and one that was wrong takes them off; nobody is lost."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from records.patients import Patients
from records.tables import Enrolment, EventRow
from tests.api.conftest import WANG, WELL, Network
from tests.api.test_changes import referred

BOTH = ["hypertension", "type2_diabetes"]


async def _pinned(network: Network, patient: str) -> dict[str, str]:
    async with network.parts.database.reading() as session:
        rows = await session.execute(select(Enrolment.pathway, Enrolment.version).where(Enrolment.patient_id == patient))
        return dict(tuple(row) for row in rows)


async def _conditions(network: Network, patient: str) -> tuple[str, ...]:
    async with network.parts.database.reading() as session:
        people = Patients(session, network.parts.vault)
        found = await people.get(patient)
        assert found is not None
        return (await people.profile(found)).conditions


async def _lines(network: Network, patient: str) -> list[dict[str, Any]]:
    return list((await network.get(f"/patients/{patient}/timeline")).json()["items"])


async def test_who_becomes_diabetic_after_enrolment_is_put_on_that_pathway_and_is_told_what_is_due(network: Network) -> None:
    patient = await network.enrol()
    before = (await network.get(f"/patients/{patient}")).headers["ETag"]
    body = {"conditions": ["hypertension", "E11"], "id": "told-once"}
    would = await network.post(f"/patients/{patient}/conditions/preview", body)
    assert would.status_code == 200, would.text
    assert {one["pathway"] for one in would.json()["dues"]} == set(BOTH)
    assert {"joined_pathway", "first_due"} <= {one["code"] for one in would.json()["reasons"]}
    assert (await network.get(f"/patients/{patient}")).headers["ETag"] == before  # nothing was stored
    assert set(await _pinned(network, patient)) == {"hypertension"}

    stale = await network.post(f"/patients/{patient}/conditions", body, If_Match='"0.team-1"')
    assert stale.status_code == 412
    answer = await network.post(f"/patients/{patient}/conditions", body, If_Match=before)
    told = answer.json()
    assert (answer.status_code, told["acted_on"], told["conditions"], told["pathways"]) == (200, True, BOTH, BOTH), answer.text
    assert {"type2_diabetes.follow_up", "hypertension.follow_up"} <= {due["service"] for due in told["due"]}
    assert await _conditions(network, patient) == tuple(BOTH)
    shown = (await network.get(f"/patients/{patient}")).json()
    assert shown["pathways"] == BOTH
    assert {f"{one['pathway']}.{one['service']}" for one in shown["services"]} == {due["service"] for due in told["due"]}
    again = await network.post(f"/patients/{patient}/conditions", body)
    assert (again.status_code, again.json()["event_id"]) == (200, "")  # all that is known already
    async with network.parts.database.reading() as session:
        kinds = await session.scalars(select(EventRow.kind).where(EventRow.patient_id == patient))
        assert list(kinds).count("pathways_changed") == 1


async def test_a_pathway_that_they_are_on_ends_only_where_it_is_left_out_by_name(network: Network) -> None:
    patient = await network.enrol(conditions=BOTH)
    kept = (await network.post(f"/patients/{patient}/conditions", {"conditions": ["type2_diabetes"]})).json()
    assert kept["pathways"] == BOTH
    assert any("hypertension goes on" in note for note in kept["notes"])
    only = {"conditions": ["type2_diabetes"], "pathways": ["type2_diabetes"]}
    ended = (await network.post(f"/patients/{patient}/conditions", only)).json()
    assert (ended["pathways"], ended["notes"]) == (["type2_diabetes"], [])
    assert all(due["service"].startswith("type2_diabetes.") for due in ended["due"])
    codes = [(line["code"], line["pathway"]) for line in await _lines(network, patient)]
    assert ("left_pathway", "hypertension") in codes
    # What is told late of the time before is followed by the pathway that they were on then: nothing raises, nothing comes back.
    late = await network.post(f"/patients/{patient}/visits", {"readings": WELL, "at": "2025-03-01T02:00:00Z"})
    assert (late.status_code, late.json()["acted_on"]) == (200, True)
    assert set(await _pinned(network, patient)) == {"type2_diabetes"}
    back = (await network.post(f"/patients/{patient}/conditions", {"conditions": BOTH})).json()
    assert back["pathways"] == BOTH


async def test_a_referral_goes_on_when_its_pathway_is_left_and_its_other_work_ends(network: Network) -> None:
    referral = await referred(network, 1)
    patient = str((await network.get(f"/referrals/{referral}", "manager")).json()["patient"]["id"])
    assert (await network.post(f"/patients/{patient}/conditions", {"conditions": BOTH})).json()["pathways"] == BOTH
    only = {"conditions": ["type2_diabetes"], "pathways": ["type2_diabetes"]}
    assert (await network.post(f"/patients/{patient}/conditions", only)).json()["acted_on"]
    refused = await network.post(f"/referrals/{referral}/refuse", {"reason": "no bed"}, "hospital-1")
    assert refused.status_code == 200, refused.text
    shown = (await network.get(f"/patients/{patient}")).json()
    assert [one["stage"] for one in shown["referrals"]] == ["requested"]  # at the next place: a hospital, as the pathway has it
    tasks = (await network.get("/tasks", patient=patient)).json()["items"]
    assert not [task for task in tasks if task["pathway"] == "hypertension" and not (task["about"] or "").startswith("referral")]


async def test_who_is_on_no_pathway_any_more_is_laid_before_the_care_team_until_one_is_chosen(network: Network) -> None:
    patient = await network.enrol()
    told = await network.post(f"/patients/{patient}/conditions", {"conditions": [], "pathways": []})
    assert (told.json()["pathways"], told.json()["due"]) == ([], []), told.text
    (task,) = [one for one in (await network.get("/tasks")).json()["items"] if one["kind"] == "choose_pathway"]
    assert (task["due"], task["patient"]["id"]) == ("2025-03-10", patient)
    assert (await network.get(f"/patients/{patient}")).json()["pathways"] == []
    known = (await network.post("/patients", WANG)).json()  # sent once more, by a roster that knows what they have
    assert (known["status"], any("/conditions" in note for note in known["notes"])) == ("already_enrolled", True)
    chosen = (await network.post(f"/patients/{patient}/conditions", {"conditions": ["高血压"]})).json()
    assert (chosen["pathways"], bool(chosen["due"])) == (["hypertension"], True)
    assert "choose_pathway" not in [one["kind"] for one in (await network.get("/tasks")).json()["items"]]
    (closed,) = (await network.get("/tasks", kind="choose_pathway", status="not_needed")).json()["items"]
    assert (closed["id"], closed["outcome"]) == (task["id"], "pathway_chosen")


async def test_a_word_or_a_pathway_that_is_not_known_is_named_and_changes_nothing(network: Network) -> None:
    patient = await network.enrol()
    for body, field in (
        ({"conditions": ["hypertension", "the vapours"]}, "body.conditions.1"),
        ({"conditions": ["hypertension"], "pathways": ["hypertension", "gout"]}, "body.pathways.1"),
    ):
        for path in ("conditions", "conditions/preview"):
            answer = await network.post(f"/patients/{patient}/{path}", body)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
            assert "vapours" not in answer.text
    assert (await network.post(f"/patients/{patient}/conditions", {"conditions": []}, "other-manager")).status_code == 404
    await network.post(f"/patients/{patient}/died")
    for path in ("conditions", "conditions/preview"):
        assert (await network.post(f"/patients/{patient}/{path}", {"conditions": BOTH})).status_code == 409
    assert set(await _pinned(network, patient)) == {"hypertension"}


async def test_a_diagnosis_is_safe_while_temporal_is_away_and_the_answer_says_what_will_be_due(network: Network) -> None:
    patient = await network.enrol()
    network.waker.away = True
    there = (await network.post(f"/patients/{patient}/conditions", {"conditions": BOTH}, Idempotency_Key="k")).json()
    again = (await network.post(f"/patients/{patient}/conditions", {"conditions": BOTH}, Idempotency_Key="k")).json()
    assert (there["acted_on"], there["pathways"], there["event_id"]) == (False, BOTH, again["event_id"])
    gone = (await network.post(f"/patients/{patient}/conditions", {"conditions": BOTH, "pathways": ["hypertension"]})).json()
    assert {due["service"].partition(".")[0] for due in there["due"]} == set(BOTH)
    assert {due["service"].partition(".")[0] for due in gone["due"]} == {"hypertension"}
    network.waker.away = False
    assert await network.parts.keeping.wake_due() == 1
    shown = (await network.get(f"/patients/{patient}")).json()
    assert ({one["pathway"] for one in shown["services"]}, shown["pathways"]) == ({"hypertension"}, ["hypertension"])
    codes = [line["code"] for line in await _lines(network, patient)]
    assert ("unknown_pathway" in codes, codes.count("joined_pathway"), codes.count("left_pathway")) == (False, 1, 1)
    told = (await network.get(f"/patients/{patient}/events")).json()["items"]
    assert [one["kind"] for one in told[:2]] == ["pathways_changed", "pathways_changed"]
