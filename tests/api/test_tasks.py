"""Tasks are claimed, put off, handed over and finished; lists of them neither skip nor repeat meanwhile."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from records.database import Database
from records.tables import EventRow, TaskRow
from tests.api.conftest import EMERGENCY, START, Network, a_network

TODAY = START.date()


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Network]:
    """The network over each kind of database."""
    async with a_network(database, tmp_path) as network:
        yield network


async def opened(
    network: Network, patient: str, *, count: int = 1, due: date = TODAY, team: str = "team-1", **more: Any
) -> list[str]:
    """Tasks of a patient, opened for this test; answers their keys."""
    keys = [f"task/{more.get('kind', 'phone_call')}/{due}#{n}" for n in range(count)]
    async with network.parts.database.begin() as session:
        for n, key in enumerate(keys):
            row = {"kind": "phone_call", "by": "health_manager", "urgent": False, **more}
            session.add(
                TaskRow(
                    patient_id=patient,
                    key=key,
                    care_team_id=team,
                    pathway="hypertension",
                    service="follow_up",
                    due=due + timedelta(days=n),
                    status="open",
                    opened=START,
                    **row,
                )
            )
    return keys


async def asked(network: Network, patient: str, key: str, by: str = "manager") -> httpx.Response:
    signed = {"Authorization": f"Bearer {by}"}
    return await network.http.get(f"/api/v1/tasks/{patient}", params={"key": key}, headers=signed)


async def one(network: Network, patient: str, key: str, by: str = "manager") -> dict[str, Any]:
    answer = await asked(network, patient, key, by)
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
    found: dict[str, Any] = answer.json()
    return found


async def events_of(network: Network, kind: str) -> int:
    async with network.parts.database.reading() as session:
        return (await session.scalar(select(func.count()).select_from(EventRow).where(EventRow.kind == kind))) or 0


async def test_who_claims_a_task_has_it_and_another_is_told_who(network: Network) -> None:
    patient = await network.enrol()
    (key,) = await opened(network, patient)
    claimed = await network.post(f"/tasks/{patient}/claim", {"key": key})
    assert claimed.status_code == 200, claimed.text
    assert claimed.json()["claimed_by"] == {"id": "key-manager", "name": "manager"}
    assert claimed.headers["etag"] == '"2"'
    again = await network.post(f"/tasks/{patient}/claim", {"key": key})
    assert (again.status_code, again.headers["etag"]) == (200, '"2"'), "told twice is claimed once"
    late = await network.post(f"/tasks/{patient}/claim", {"key": key}, "doctor")
    assert late.status_code == 409
    assert "claimed by manager" in late.json()["detail"]
    assert (await network.post(f"/tasks/{patient}/release", {"key": key}, "doctor")).status_code == 409
    taken = await network.post(f"/tasks/{patient}/claim", {"key": key, "take_over": True}, "doctor")
    assert taken.json()["claimed_by"]["name"] == "doctor"
    given_back = await network.post(f"/tasks/{patient}/release", {"key": key}, "doctor")
    assert given_back.json()["claimed_by"] is None
    assert (await network.post(f"/tasks/{patient}/release", {"key": key}, "manager")).status_code == 200, "nothing to give back"


async def test_a_claim_is_no_part_of_the_patients_story(network: Network) -> None:
    patient = await network.enrol()
    (key,) = await opened(network, patient)
    before = (await network.get(f"/patients/{patient}")).headers["etag"]
    await network.post(f"/tasks/{patient}/claim", {"key": key})
    assert (await network.get(f"/patients/{patient}")).headers["etag"] == before


async def test_a_task_may_be_finished_by_another_than_who_claimed_it_and_it_is_noted(network: Network) -> None:
    patient = await network.enrol()
    (key,) = await opened(network, patient)
    await network.post(f"/tasks/{patient}/claim", {"key": key})
    assert (await network.post(f"/tasks/{patient}/complete", {"key": key}, "doctor")).status_code == 200
    found = await one(network, patient, key)
    assert (found["status"], found["claimed_by"]["name"]) == ("done", "manager")
    (move,) = found["history"]
    assert (move["what"], move["who"], move["claimed_by"], move["outcome"]) == ("completed", "doctor", "manager", "done")
    assert (await network.post(f"/tasks/{patient}/claim", {"key": key})).status_code == 409


async def test_a_task_that_was_put_off_comes_back_on_its_day_and_is_due_as_it_was(network: Network) -> None:
    patient = await network.enrol()
    (key,) = await opened(network, patient)
    until = TODAY + timedelta(days=4)
    body = {"key": key, "until": until.isoformat(), "reason": "patient_away", "note": "with her son until Friday"}
    answer = await network.post(f"/tasks/{patient}/postpone", body)
    assert (answer.status_code, answer.json()["acted_on"]) == (200, True), answer.text

    async def listed(on: date) -> list[str]:
        work = (await network.get("/worklist", on=on.isoformat())).json()
        return [task["key"] for task in work["tasks"] if task["key"] == key]

    assert await listed(TODAY) == await listed(until - timedelta(days=1)) == []
    assert await listed(until) == [key]
    found = await one(network, patient, key)
    assert (found["due"], found["postponed_to"], found["status"]) == (TODAY.isoformat(), until.isoformat(), "open")
    (move,) = found["history"]
    assert (move["who"], move["reason"], move["note"]) == ("manager", "patient_away", "with her son until Friday")
    stored = await events_of(network, "task_postponed")
    assert stored == 1
    async with network.parts.database.reading() as session:
        row = await session.get_one(TaskRow, (patient, key))
        assert b"with her son" not in (row.sealed or b"")


async def test_nothing_urgent_is_put_off_and_nothing_for_ever(network: Network) -> None:
    patient = await network.enrol()
    (urgent,) = await opened(network, patient, kind="urgent_call", urgent=True)
    (plain,) = await opened(network, patient)
    path, reason = f"/tasks/{patient}/postpone", {"reason": "no_time"}
    tomorrow = (TODAY + timedelta(days=1)).isoformat()
    assert (await network.post(path, {"key": urgent, "until": tomorrow, **reason})).status_code == 409
    for until in (TODAY, TODAY - timedelta(days=3), TODAY + timedelta(days=91)):
        answer = await network.post(path, {"key": plain, "until": until.isoformat(), **reason})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "until"), answer.text
    assert (await network.post(path, {"key": plain, "until": tomorrow, "reason": "lazy"})).status_code == 422
    assert await events_of(network, "task_postponed") == 0


async def test_a_task_is_handed_over_to_the_doctor_and_told_twice_it_is_handed_over_once(network: Network) -> None:
    patient = await network.enrol()
    (key,) = await opened(network, patient)
    await network.post(f"/tasks/{patient}/claim", {"key": key})
    body = {"key": key, "to": "doctor", "reason": "clinical_question"}
    for _ in range(2):
        assert (await network.post(f"/tasks/{patient}/hand-over", body)).status_code == 200
    found = await one(network, patient, key)
    assert (found["by"], found["claimed_by"], found["version"]) == ("doctor", None, 3)
    assert await events_of(network, "task_handed_over") == 1
    doctors = (await network.get("/tasks", by="doctor")).json()["items"]
    assert [task["key"] for task in doctors] == [key]


async def test_a_referral_that_waits_for_a_doctor_is_handed_to_nobody_else(network: Network) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    (task,) = (await network.get("/tasks", kind="confirm_referral")).json()["items"]
    body = {"key": task["key"], "to": "health_manager", "reason": "no_time"}
    assert (await network.post(f"/tasks/{patient}/hand-over", body, "doctor")).status_code == 409


async def test_who_decides_on_an_old_reading_of_a_task_is_told_to_read_it_again(network: Network) -> None:
    patient = await network.enrol()
    (key,) = await opened(network, patient)
    etag = (await asked(network, patient, key)).headers["etag"]
    await network.post(f"/tasks/{patient}/claim", {"key": key}, "doctor", If_Match=etag)
    until = (TODAY + timedelta(days=2)).isoformat()
    for action, body in (
        ("claim", {"key": key, "take_over": True}),
        ("complete", {"key": key}),
        ("postpone", {"key": key, "until": until, "reason": "other"}),
        ("hand-over", {"key": key, "to": "doctor", "reason": "other"}),
    ):
        answer = await network.post(f"/tasks/{patient}/{action}", body, If_Match=etag)
        assert answer.status_code == 412, (action, answer.text)
    fresh = (await asked(network, patient, key)).headers["etag"]
    assert (await network.post(f"/tasks/{patient}/complete", {"key": key}, If_Match=fresh)).status_code == 200
    assert (await network.post(f"/tasks/{patient}/complete", {"key": key}, If_Match=fresh)).status_code == 200, "told twice"
    assert await events_of(network, "task_closed") == 1


async def test_the_same_request_sent_again_with_its_key_is_carried_out_once(network: Network) -> None:
    patient = await network.enrol()
    (key,) = await opened(network, patient)
    body = {"key": key, "until": (TODAY + timedelta(days=2)).isoformat(), "reason": "no_answer"}
    for _ in range(2):
        assert (await network.post(f"/tasks/{patient}/postpone", body, Idempotency_Key="once")).status_code == 200
    other = await network.post(f"/tasks/{patient}/postpone", {**body, "reason": "other"}, Idempotency_Key="once")
    assert other.status_code == 422
    assert await events_of(network, "task_postponed") == 1
    for by in ("manager", "doctor"):
        await network.post(f"/tasks/{patient}/claim", {"key": key, "take_over": True}, by, Idempotency_Key="mine")
    await network.post(f"/tasks/{patient}/claim", {"key": key, "take_over": True}, Idempotency_Key="mine")
    assert (await one(network, patient, key))["claimed_by"]["name"] == "doctor", "a late repetition takes nothing from anybody"


async def test_a_foreign_task_looks_like_a_missing_one_whatever_is_done_with_it(network: Network) -> None:
    patient = await network.enrol()
    (key,) = await opened(network, patient)
    until = (TODAY + timedelta(days=2)).isoformat()
    assert (await asked(network, patient, key, "other-manager")).status_code == 404
    assert (await network.get("/tasks", "other-manager", team="team-1")).status_code == 404
    for action, body in (
        ("claim", {"key": key}),
        ("release", {"key": key}),
        ("complete", {"key": key}),
        ("postpone", {"key": key, "until": until, "reason": "other"}),
        ("hand-over", {"key": key, "to": "doctor", "reason": "other"}),
    ):
        for by, wanted in (("other-manager", 404), ("foreign-manager", 404), ("supervisor", 403), ("hospital-1", 403)):
            assert (await network.post(f"/tasks/{patient}/{action}", body, by)).status_code == wanted, (action, by)
        missing = await network.post(f"/tasks/{patient}/{action}", {**body, "key": "task/none#1"})
        assert missing.status_code == 404, action
    assert (await one(network, patient, key))["version"] == 1


async def test_tasks_are_looked_for_by_whose_they_are_and_by_when_they_are_due(place: Network) -> None:
    patient = await place.enrol()
    mine, other, free = await opened(place, patient, count=3, due=TODAY - timedelta(days=1))
    await place.post(f"/tasks/{patient}/claim", {"key": mine})
    await place.post(f"/tasks/{patient}/claim", {"key": other}, "doctor")

    async def found(by: str = "manager", **query: Any) -> set[str]:
        answer = await place.get("/tasks", by, **query)
        assert answer.status_code == 200, answer.text
        return {task["key"] for task in answer.json()["items"]}

    assert await found(claimed="me") == {mine}
    assert await found("doctor", claimed="me") == {other}
    assert await found(claimed="nobody") == {free}
    assert await found(overdue="true") == {mine}
    assert await found(due_until=TODAY.isoformat()) == {mine, other}
    assert await found("coordinator", team="team-1", claimed="nobody", kind="phone_call") == {free}
    assert await found("coordinator", team="team-2") == set()
    assert (await place.get("/tasks", claimed="you")).status_code == 422


@pytest.mark.parametrize("seed", range(3))
async def test_pages_neither_skip_nor_repeat_while_tasks_are_worked_on_under_the_reader(place: Network, seed: int) -> None:
    """Somebody reads page by page; between any two pages others finish, put off, claim and hand over tasks."""
    dice = random.Random(seed)
    patients = [await place.enrol(identifier=f"A-{n}", phone=f"+86138123456{n:02d}") for n in range(3)]
    tasks = {
        (patient, key)
        for patient in patients
        for n in range(4)
        for key in await opened(place, patient, count=3, due=TODAY + timedelta(days=dice.randrange(6)), kind=f"kind_{n}")
    }
    for status in ("any", "open"):
        waiting, seen, after = sorted(tasks), list[tuple[str, str]](), ""
        dice.shuffle(waiting)
        while True:
            query: dict[str, Any] = {"status": status, "limit": dice.randrange(1, 6)} | ({"after": after} if after else {})
            page = (await place.get("/tasks", **query)).json()
            seen += [(task["patient"]["id"], task["key"]) for task in page["items"]]
            if page["next"] is None:
                break
            after = page["next"]
            for _ in range(dice.randrange(3)):
                await _work_on(place, dice, *waiting.pop())
        assert len(seen) == len(set(seen)), "none is shown twice"
        assert set(seen) >= (tasks if status == "any" else tasks - await _closed(place)), "none that stays is skipped"


async def _work_on(place: Network, dice: random.Random, patient: str, key: str) -> None:
    until = (TODAY + timedelta(days=dice.randrange(1, 60))).isoformat()
    action, body = dice.choice(
        [
            ("complete", {"key": key}),
            ("postpone", {"key": key, "until": until, "reason": "other"}),
            ("claim", {"key": key, "take_over": True}),
            ("hand-over", {"key": key, "to": "doctor", "reason": "other"}),
        ]
    )
    answer = await place.post(f"/tasks/{patient}/{action}", body)
    assert answer.status_code in (200, 409), answer.text


async def _closed(place: Network) -> set[tuple[str, str]]:
    async with place.parts.database.reading() as session:
        rows = await session.execute(select(TaskRow.patient_id, TaskRow.key).where(TaskRow.status != "open"))
        return {(patient, key) for patient, key in rows}
