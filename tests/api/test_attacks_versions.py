"""Somebody tries what they may not with drafts, rollouts, forecasts and corrections."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, func, select, update

from activities.rollouts import RolloutActivities
from api.forecaster import Forecaster
from pathways.language import library, load
from records.database import Database
from records.drafts import version_of
from records.pathways import PublishedPathways
from records.tables import EventRow, ForecastRow, LeaseRow, PathwayDeed, PathwayVersion, Rollout, TimelineRow
from records.vault import Vault
from tests.api.conftest import EMERGENCY, START, WELL, Network, a_network
from tests.api.small import SMALL, otherwise
from tests.api.test_network_places import a_key
from workflows.contract import RollOn

SOONER = SMALL.replace("red: 15 days", "red: 10 days")
SHIPPED = library()["hypertension"].document
assert SHIPPED is not None
RENAMED = SHIPPED.text.replace("  annual_exam:", "  yearly_check:")
NEW = version_of(RENAMED)
ROLLOUTS = f"/pathways/hypertension/versions/{NEW}/rollouts"
GOOD = "four words nobody guesses"


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Network]:
    """The network over each kind of database."""
    async with a_network(database, tmp_path) as network:
        yield network


async def _drafting(network: Network) -> None:
    async with network.parts.database.begin() as session:
        await PublishedPathways(session).publish("hypertension", version_of(SMALL), SMALL, by="", at=START)
        await session.execute(delete(PathwayDeed))


async def _with_a_version(network: Network) -> tuple[str, str]:
    """A version with a renamed service; somebody of team-1 and somebody of team-3 who follow the shipped one."""
    assert load(RENAMED, file="renamed").pathway is not None
    async with network.parts.database.begin() as session:
        session.add(PathwayVersion(pathway="hypertension", version=NEW, text=RENAMED, published=START, current=False))
    mine = await network.enrol(identifier="B-1", phone="+8613812345671")
    answer = await network.post("/patients", _person("team-3"), "foreign-manager")
    assert answer.status_code == 201, answer.text
    return mine, str(answer.json()["patient_id"])


def _person(team: str) -> dict[str, Any]:
    return {
        "identifier": "B-2", "name": "Li Na", "born": "1960-05-01", "phone": "+8613812345672", "conditions": ["hypertension"],
        "last_visit": "2025-02-20", "readings": {"sbp": 132, "dbp": 82}, "care_team": team,
    }  # fmt: skip


async def _send(network: Network, method: str, path: str, text: str, key: str, **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    signed = {"Authorization": f"Bearer {key}", "Content-Type": "application/yaml", **sent}
    return await network.http.request(method, f"/api/v1{path}", content=text, headers=signed)


async def _begun(network: Network, key: str = "coordinator", query: str = "", **headers: str) -> str:
    answer = await _send(network, "POST", f"/pathways/hypertension/drafts{query}", SOONER, key, **headers)
    assert answer.status_code == 201, answer.text
    return f"/drafts/{answer.json()['id']}"


async def test_nobody_approves_their_own_draft_from_another_sign_in(network: Network) -> None:
    async with otherwise(network) as small:
        await _drafting(small)
        who = {"login": "anna", "role": "coordinator", "place": "*", "password": GOOD}
        assert (await small.post("/accounts", who, "administrator")).status_code == 201
        sessions = [await small.post("/sessions", {"login": "anna", "password": GOOD}, "") for _ in range(2)]
        first, second = (answer.json()["token"] for answer in sessions)
        assert first != second
        draft = await _begun(small, first)
        assert (await small.post(f"{draft}/check", key=first)).status_code == 200
        assert (await small.post(f"{draft}/approve", {}, second, If_Match="*")).status_code == 403
        assert (await small.post(f"{draft}/publish", {}, second, If_Match="*")).status_code == 409


async def test_somebody_of_one_centre_drafts_and_checks_but_approves_nothing_that_every_team_follows(network: Network) -> None:
    async with otherwise(network) as small:
        await _drafting(small)
        centre = await a_key(small, "one-centre", "coordinator", "centre-1")
        draft = await _begun(small)
        assert (await small.post(f"{draft}/check", key=centre)).status_code == 200
        assert (await small.post(f"{draft}/approve", {}, centre, If_Match="*")).status_code == 403
        approver = await a_key(small, "approves-there", "approver", "centre-1")
        assert (await small.post(f"{draft}/approve", {}, approver, If_Match="*")).status_code == 403
        assert (await small.get(draft)).json()["status"] == "checked"


async def test_what_is_published_is_what_was_approved_however_an_edit_and_the_approval_meet(place: Network) -> None:
    async with otherwise(place) as small:
        await _drafting(small)
        for n in range(3):
            draft = await _begun(small)
            await small.post(f"{draft}/check", key="coordinator")
            worse = f"{SMALL.replace('red: 15 days', 'red: 60 days')}\n# {n}\n"
            await asyncio.gather(
                small.post(f"{draft}/approve", {}, "approver", If_Match='"1"'),
                _send(small, "PUT", draft, worse, "coordinator", If_Match='"1"'),
                small.post(f"{draft}/publish", {}, "coordinator", If_Match='"1"'),
                small.post(f"{draft}/publish", {}, "coordinator", If_Match='"2"'),
            )
            texts = (await small.get("/pathways/hypertension")).text
            assert "60 days" not in texts
            stands = (await small.get(draft)).json()
            assert (stands["status"], stands["approved_by"]) in (("draft", ""), ("published", "key-approver"))
            await small.http.delete(f"/api/v1{draft}", headers={"Authorization": "Bearer coordinator"})


async def test_one_key_of_a_request_begins_one_draft_and_not_another_one(network: Network) -> None:
    async with otherwise(network) as small:
        await _drafting(small)
        key = {"Idempotency_Key": "k1"}
        assert await _begun(small, query="?why=ten+days", **key) == await _begun(small, query="?why=ten+days", **key)
        other = await _send(small, "POST", "/pathways/hypertension/drafts?why=nine+days", SOONER, "coordinator", **key)
        assert other.status_code == 422, "the former draft would be taken for this one"


async def test_a_text_without_end_or_with_no_end_of_brackets_is_refused_as_a_draft(network: Network) -> None:
    async with otherwise(network) as small:
        await _drafting(small)
        at = "/pathways/hypertension/drafts"
        assert (await _send(small, "POST", at, "a" * 300_000, "coordinator")).status_code == 413
        draft = await _begun(small)
        assert (await _send(small, "PUT", draft, "a" * 300_000, "coordinator", If_Match="*")).status_code == 413
        assert (await _send(small, "POST", at, "a\x00b", "coordinator")).status_code == 422
        unnamed = await _send(small, "POST", "/pathways/another/drafts?from_version=", "a\x00b", "coordinator")
        assert unnamed.status_code == 422
        assert (await _send(small, "POST", f"{at}?why={'x' * 2001}", SOONER, "coordinator")).status_code == 422
        nested = await _send(small, "POST", "/pathways/hypertension/forecasts", "[" * 100_000, "coordinator")
        assert nested.status_code == 422
        many = {"why": "as agreed", "services": {f"s{n}": None for n in range(101)}}
        assert (await small.post(ROLLOUTS, many, "coordinator")).status_code == 422


async def test_two_who_begin_a_rollout_at_once_begin_one(place: Network) -> None:
    await _with_a_version(place)
    body = {"why": "as agreed", "policy": "now", "services": {"annual_exam": "yearly_check"}}
    keys = ["a", "a", "b"]
    answers = await asyncio.gather(*(place.post(ROLLOUTS, body, "coordinator", Idempotency_Key=key) for key in keys))
    assert {answer.status_code for answer in answers} <= {202, 409}
    async with place.parts.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Rollout)) == 1
        rollout = (await session.scalars(select(Rollout.id))).one()
    back = [place.post(f"/rollouts/{rollout}/rollback", {"why": "after all"}, "coordinator") for _ in range(2)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*back)) == [202, 409]
    async with place.parts.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Rollout)) == 2


async def test_a_centres_coordinator_sees_in_a_rollout_nobody_but_their_own(network: Network) -> None:
    mine, theirs = await _with_a_version(network)
    centre = await a_key(network, "one-centre", "coordinator", "centre-1")
    preview = (await network.post(f"{ROLLOUTS}/preview", {"policy": "now"}, centre)).json()
    assert (preview["enrolled"], preview["looked_at"]) == (1, 1)
    body = {"why": "as agreed", "policy": "now"}
    assert (await network.post(ROLLOUTS, body, centre)).status_code == 403
    rollout = (await network.post(ROLLOUTS, body, "coordinator")).json()["id"]
    parts = network.parts
    rolls = RolloutActivities(parts.database, parts.vault, parts.plans, parts.clock, network.waker)
    while not (await rolls.roll_on(RollOn(rollout))).over:
        pass
    listed = (await network.get(f"/rollouts/{rollout}/patients", centre)).json()["items"]
    assert [one["patient_id"] for one in listed] == [mine]
    progress = (await network.get(f"/rollouts/{rollout}", centre)).json()
    assert (progress["looked_at"], progress["statuses"]) == (1, {"left": 1})
    stays = {"decision": "stay", "why": "replaced"}
    foreign = await network.post(f"/rollouts/{rollout}/patients/{theirs}", stays, centre)
    missing = await network.post(f"/rollouts/{rollout}/patients/nobody", stays, centre)
    assert (foreign.status_code, foreign.json()["detail"]) == (404, missing.json()["detail"])
    assert (await network.post(f"/rollouts/{rollout}/patients/{mine}", stays, centre)).status_code == 200
    for action in ("pause", "resume", "stop", "rollback"):
        assert (await network.post(f"/rollouts/{rollout}/{action}", {"why": "because"}, centre)).status_code == 403


async def test_anothers_patient_is_neither_explained_nor_listed_nor_put_right(network: Network) -> None:
    _, theirs = await _with_a_version(network)
    visit = (await network.post(f"/patients/{theirs}/visits", {"readings": WELL}, "foreign-manager")).json()["event_id"]
    right = {"readings": {"sbp": 120}}
    for path in ("why", "events"):
        assert (await network.get(f"/patients/{theirs}/{path}", "manager")).status_code == 404, path
    assert (await network.post(f"/patients/{theirs}/events/{visit}/corrections", right, "manager")).status_code == 404
    assert (await network.post(f"/patients/{theirs}/events/{visit}/corrections", right, "supervisor")).status_code == 403


@pytest.mark.parametrize(
    "shape", ["../../{theirs}/events/{event}", "{event}/", "/{event}", "{event}/corrections", "%2e%2e/{event}", "visit%2Fx"]
)
async def test_no_event_is_reached_by_the_shape_of_an_address(network: Network, shape: str) -> None:
    mine, theirs = await _with_a_version(network)
    event = (await network.post(f"/patients/{theirs}/visits", {"readings": EMERGENCY}, "foreign-manager")).json()["event_id"]
    at = f"/patients/{mine}/events/{shape.format(theirs=theirs, event=event)}/corrections"
    answer = await network.post(at, {"void": True}, "manager")
    assert answer.status_code == 404, answer.text
    assert (await network.post(f"/patients/{mine}/events/{'x' * 121}/corrections", {"void": True})).status_code == 422
    async with network.parts.database.reading() as session:
        assert not list(await session.scalars(select(EventRow.event_id).where(EventRow.kind == "corrected")))


async def test_a_forecast_that_is_refused_leaves_nothing_behind(network: Network) -> None:
    async with otherwise(network) as small:
        object.__setattr__(small.parts, "forecaster", Forecaster(most=1, command=(sys.executable, "-c", "pass")))
        at = "/pathways/hypertension/forecasts"
        assert (await _send(small, "POST", at, SOONER, "coordinator")).status_code == 202
        await small.parts.forecaster.settled()
        async with small.parts.database.begin() as session:  # as if it were still computing
            await session.execute(update(ForecastRow).values(status="running"))
        for _ in range(3):
            assert (await _send(small, "POST", at, SOONER, "coordinator")).status_code == 503
        async with small.parts.database.reading() as session:
            assert await session.scalar(select(func.count()).select_from(LeaseRow)) == 1


class _StillMaking(Forecaster):
    async def begin(self, database: Database, vault: Vault, forecast: str) -> None:
        pass


async def test_however_many_ask_at_once_no_more_forecasts_are_made_than_the_machine_bears(place: Network) -> None:
    async with otherwise(place) as small:
        object.__setattr__(small.parts, "forecaster", _StillMaking(most=2))
        asked = [_send(small, "POST", "/pathways/hypertension/forecasts", SOONER, "coordinator") for _ in range(8)]
        assert sorted(answer.status_code for answer in await asyncio.gather(*asked)) == [202] * 2 + [503] * 6


async def test_what_a_rollout_and_a_correction_keep_in_the_clear_names_nobody_and_nothing_measured(network: Network) -> None:
    mine, _ = await _with_a_version(network)
    told = (await network.post(f"/patients/{mine}/visits", {"readings": {**WELL, "sbp": 137}})).json()
    await network.post(f"/patients/{mine}/events/{told['event_id']}/corrections", {"readings": {"sbp": 139}})
    rollout = (await network.post(ROLLOUTS, {"why": "as agreed", "policy": "now"}, "coordinator")).json()["id"]
    parts = network.parts
    rolls = RolloutActivities(parts.database, parts.vault, parts.plans, parts.clock, network.waker)
    rolled = [await rolls.roll_on(RollOn(rollout)) for _ in range(3)]
    kept = [repr(rolled)]
    async with network.parts.database.reading() as session:
        for table in ("rollout_patient", "pathway_deed", "rollout"):
            rows = await session.execute(select("*").select_from(PathwayDeed.metadata.tables[table]))
            kept += [repr(tuple(row)) for row in rows]
        for row in (*await session.scalars(select(EventRow)), *await session.scalars(select(TimelineRow))):
            kept.append(repr({name: value for name, value in vars(row).items() if isinstance(value, str)}))
    named = [re.compile(re.escape(personal)) for personal in ("王秀英", "Li Na", "13812345671", "sbp")]
    measured = [
        re.compile(rf"(?<![0-9a-f.:]){value}(?![0-9a-f.:])") for value in (137, 139)
    ]  # not within an id, a hash or a moment
    for personal in (*named, *measured):
        assert not [line for line in kept if personal.search(line)], personal
