"""What recording something would decide, and the twelve months ahead; both look, and leave nothing behind."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from records.tables import AuditRow, Base
from tests.api.conftest import EMERGENCY, WELL, Network


async def _rows(network: Network) -> dict[str, int]:
    async with network.parts.database.reading() as session:
        tables = [table for table in Base.metadata.sorted_tables if not table.name.startswith("audit")]
        return {table.name: (await session.scalar(select(func.count()).select_from(table))) or 0 for table in tables}


async def test_a_visit_is_previewed_in_the_words_that_the_timeline_then_has(network: Network) -> None:
    patient = await network.enrol()
    seen = (await network.post(f"/patients/{patient}/visits/preview", {"readings": EMERGENCY})).json()
    assert seen["tags"] == [{"pathway": "hypertension", "before": "green", "after": "red"}]
    (task,) = seen["opened"]
    assert (task["kind"], task["by"], task["urgent"], task["what"]) == (
        "confirm_referral",
        "doctor",
        True,
        "Approve or decline the referral",
    )
    (referral,) = seen["referrals"]
    assert (referral["urgency"], referral["waits"]) == ("emergency", True)
    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    written = [line["text"] for line in (await network.get(f"/patients/{patient}/timeline")).json()["items"]]
    decided = [line["text"] for line in seen["reasons"] if line["code"] == "decided"]
    assert decided
    assert set(decided) <= set(written)
    assert (await network.get(f"/patients/{patient}")).json()["tag"] == "red"


@pytest.mark.parametrize(
    ("what", "body", "code"),
    [
        ("visits", {"readings": WELL}, "decided"),
        ("readings", {"readings": {"sbp": 200, "dbp": 120}, "source": "home"}, "home_reading"),
        ("services", {"service": "annual_exam", "readings": {"bmi": 24}}, "service_done"),
    ],
)
async def test_a_preview_stores_nothing_but_that_somebody_looked(network: Network, what: str, body: Any, code: str) -> None:
    patient = await network.enrol()
    before, etag = await _rows(network), (await network.get(f"/patients/{patient}")).headers["etag"]
    answer = await network.post(f"/patients/{patient}/{what}/preview", body, Idempotency_Key="once")
    assert answer.status_code == 200, answer.text
    assert code in {line["code"] for line in answer.json()["reasons"]}
    assert await _rows(network) == before
    assert (await network.get(f"/patients/{patient}")).headers["etag"] == etag
    async with network.parts.database.reading() as session:
        looked = list(await session.scalars(select(AuditRow).where(AuditRow.action == "patients.record")))
    assert [(row.status, row.patients) for row in looked] == [(200, [patient])]


async def test_a_preview_answers_while_temporal_is_away_and_counts_what_was_told_meanwhile(network: Network) -> None:
    patient = await network.enrol()
    network.waker.away = True
    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    seen = (await network.post(f"/patients/{patient}/visits/preview", {"readings": WELL})).json()
    assert seen["tags"][0]["before"] == "red"  # the visit that no step has taken yet
    assert (await network.get(f"/patients/{patient}")).json()["tag"] == "green"


async def test_somebody_enrolled_a_moment_ago_is_previewed_and_planned_for(network: Network) -> None:
    network.waker.away = True
    patient = await network.enrol()
    seen = (await network.post(f"/patients/{patient}/visits/preview", {"readings": WELL})).json()
    assert (seen["life_before"], seen["tags"][0]["after"]) == ("active", "green")
    plan = (await network.get(f"/patients/{patient}/plan")).json()
    assert {"visit", "refill"} <= {one["kind"] for one in plan["items"]}


async def test_a_preview_of_a_foreign_patient_or_of_tomorrow_is_refused(network: Network) -> None:
    patient = await network.enrol()
    path = f"/patients/{patient}/visits/preview"
    assert (await network.post(path, {"readings": WELL}, "other-manager")).status_code == 404
    assert (await network.post(path, {"readings": WELL}, "hospital-1")).status_code == 403
    answer = await network.post(path, {"readings": WELL, "at": "2025-03-09T09:00:00Z"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "at")


async def test_the_year_ahead_is_told_in_the_readers_language_with_what_it_assumes(network: Network) -> None:
    patient = await network.enrol()
    plan = (await network.get(f"/patients/{patient}/plan")).json()
    assert (plan["since"], plan["until"], plan["more"]) == ("2025-03-03", "2026-03-03", 0)
    assert plan["assuming"].startswith("What lies ahead if all goes to plan: the patient comes on the booked day")
    days = [one["day"] for one in plan["items"]]
    assert days == sorted(days)
    assert plan["since"] <= days[0] <= days[-1] <= plan["until"]
    visits = [one for one in plan["items"] if one["kind"] == "visit"]
    assert 4 <= len(visits) <= 5  # every three months
    assert visits[0]["why"] == "this day is booked"
    assert visits[0]["day"] == (await network.get(f"/patients/{patient}")).json()["visit_day"]
    assert {"sbp", "dbp"} <= set(visits[0]["collects"])
    refills = [one for one in plan["items"] if one["kind"] == "refill"]
    assert 11 <= len(refills) <= 13  # fills of thirty days
    assert refills[0]["what"] == "Refill: amlodipine"
    chinese = (await network.get(f"/patients/{patient}/plan", language="zh-Hans")).json()
    assert [one["day"] for one in chinese["items"]] == days
    assert next(one for one in chinese["items"] if one["kind"] == "visit")["why"] == "已预约此日"
    assert all(one["what"] and one["why"] for one in (*plan["items"], *chinese["items"]))


async def test_nothing_is_planned_for_somebody_who_has_died(network: Network) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/died")
    assert (await network.get(f"/patients/{patient}/plan")).json()["items"] == []
    assert (await network.get(f"/patients/{patient}/plan", "other-manager")).status_code == 404


async def test_texts_are_paged_newest_first_with_what_became_of_each(network: Network) -> None:
    patient = await network.enrol(readings={"sbp": 150, "dbp": 95})
    for words in ("bp 151/96", "thank you", "STOP", "START"):
        await network.post("/sandbox/replies", {"from": "+8613812345678", "text": words}, "gateway")
    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})  # the clinician on call is told
    whole = (await network.get(f"/patients/{patient}/messages", limit=200)).json()["items"]
    assert len(whole) >= 5
    assert [one["at"] for one in whole] == sorted((one["at"] for one in whole), reverse=True)
    assert {(one["direction"], one["status"], one["settled"] is None) for one in whole} == {
        ("in", "received", True),
        ("out", "handed", False),
    }
    found, after = [], None
    while True:
        page = (await network.get(f"/patients/{patient}/messages", limit=2, **({"after": after} if after else {}))).json()
        found += page["items"]
        if (after := page["next"]) is None:
            break
    assert found == whole
    assert (await network.get(f"/patients/{patient}/messages", after="bm9uc2Vuc2U")).status_code == 422
