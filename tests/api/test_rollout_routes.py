"""Rollouts through the API: seen before they begin, begun once, watched, held up, taken back; each with its deed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from activities.rollouts import RolloutActivities
from pathways.language import library, load
from records.pathways import PublishedPathways
from records.tables import PathwayVersion, Rollout
from tests.api.conftest import START, WELL, Network
from workflows.contract import RolledOn, RollOn

SHIPPED = library()["hypertension"]
assert SHIPPED.document is not None
assert SHIPPED.pathway is not None
OLD = SHIPPED.pathway.version
TEXT = SHIPPED.document.text.replace("  annual_exam:", "  yearly_check:")
CHANGED = load(TEXT, file="changed").pathway
assert CHANGED is not None
NEW = CHANGED.version
MAPPED = {"annual_exam": "yearly_check"}
AT = f"/pathways/hypertension/versions/{NEW}/rollouts"


@pytest.fixture
async def published(network: Network) -> Network:
    """A version that renames a service is published; the shipped one is current, and three people follow it."""
    async with network.parts.database.begin() as session:
        row = {"version": NEW, "text": TEXT, "published": START, "current": False}
        session.add(PathwayVersion(pathway="hypertension", **row))
    for n, team in enumerate(("team-1", "team-1", "team-3")):
        key = "manager" if team == "team-1" else "foreign-manager"
        answer = await network.post("/patients", {**_person(n), "care_team": team}, key)
        assert answer.status_code == 201, answer.text
    return network


def _person(n: int) -> dict[str, Any]:
    return {
        "identifier": f"A-{n}",
        "name": f"Person {n}",
        "born": "1960-05-01",
        "phone": f"+861381234567{n}",
        "conditions": ["hypertension"],
        "last_visit": "2025-02-20",
        "readings": {"sbp": 132, "dbp": 82},
    }


async def _ask(network: Network, path: str, body: Any, key: str = "coordinator", **headers: str) -> httpx.Response:
    return await network.post(path, body, key, **headers)


async def _start(network: Network, **body: Any) -> dict[str, Any]:
    answer = await _ask(network, AT, {"why": "as agreed", "policy": "now", "services": MAPPED, **body})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def _roll(network: Network, rollout: str) -> RolledOn:
    """What the workflow does: batch after batch, until it is over or waits."""
    parts = network.parts
    rolls = RolloutActivities(parts.database, parts.vault, parts.plans, parts.clock, network.waker)
    while True:
        rolled = await rolls.roll_on(RollOn(rollout))
        if rolled.over or rolled.summary in ("paused", "sms_limit"):
            return rolled


async def test_a_rollout_is_looked_at_before_it_is_begun_and_nobody_counts_as_opened(published: Network) -> None:
    found = await _ask(published, f"{AT}/preview", {"policy": "now"})
    assert found.status_code == 200, found.text
    assert (found.json()["enrolled"], found.json()["looked_at"]) == (3, 3)
    assert found.json()["codes"] == {"service_gone_while_due": 3}
    mapped = (await _ask(published, f"{AT}/preview", {"services": MAPPED}, "approver")).json()
    assert mapped["fits"] == {"mapped": 3}
    assert "rollouts." not in (await published.get("/audit", "auditor", limit=200)).text
    assert (await published.get("/rollouts", "coordinator")).json()["items"] == []


async def test_begun_once_for_one_key_it_moves_everybody_and_says_how_far_it_has_come(published: Network) -> None:
    body = {"why": "as agreed", "policy": "now", "services": MAPPED, "batch": 2, "pause_s": 0}
    first = await _ask(published, AT, body, Idempotency_Key="k1")
    again = await _ask(published, AT, body, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (202, 202), first.text
    rollout = first.json()["id"]
    assert again.json()["id"] == rollout
    assert (first.json()["told"], first.json()["ahead"], first.json()["former"]) == (False, 3, OLD)
    other = await _ask(published, AT, body)
    assert (other.status_code, rollout in other.json()["detail"]) == (409, True)
    assert (await published.get("/pathways/hypertension")) is not None
    assert (await published.get("/pathways/hypertension")).headers["etag"] == f'"{NEW}"'
    assert (await _roll(published, rollout)).over
    progress = (await published.get(f"/rollouts/{rollout}", "supervisor")).json()
    assert (progress["status"], progress["statuses"], progress["fits"]) == ("done", {"moved": 3}, {"mapped": 3})
    assert progress["versions"] == {NEW: 3}
    listed = (await published.get("/rollouts", "approver", pathway="hypertension", status="done")).json()["items"]
    assert [one["id"] for one in listed] == [rollout]
    deeds = (await published.get("/pathways/hypertension/deeds", "auditor")).json()["items"]
    said = [(deed["did"], deed["by"], deed["why"], deed["about"]) for deed in deeds]
    assert said == [(did, "key-coordinator", "as agreed", rollout) for did in ("rollout_started", "made_current")]


async def test_it_is_paused_resumed_stopped_and_taken_back_and_each_says_why(published: Network) -> None:
    rollout = (await _start(published, batch=2))["id"]
    assert (await _ask(published, f"/rollouts/{rollout}/pause", {})).status_code == 422  # without a why
    paused = await _ask(published, f"/rollouts/{rollout}/pause", {"why": "the line is down"})
    assert (paused.status_code, paused.json()["status"]) == (200, "paused")
    assert (await _ask(published, f"/rollouts/{rollout}/pause", {"why": "again"})).status_code == 409
    assert (await _roll(published, rollout)).summary == "paused"
    stale = await _ask(published, f"/rollouts/{rollout}/resume", {"why": "it is up"}, If_Match='"1"')
    assert stale.status_code == 412
    assert (await _ask(published, f"/rollouts/{rollout}/resume", {"why": "it is up"})).status_code == 200
    await _roll(published, rollout)
    back = await _ask(published, f"/rollouts/{rollout}/rollback", {"why": "too many calls"})
    assert (back.status_code, back.json()["undoes"]) == (202, rollout), back.text
    assert (await _roll(published, back.json()["id"])).over
    undone = (await published.get(f"/rollouts/{back.json()['id']}", "coordinator")).json()
    assert (undone["statuses"], undone["versions"]) == ({"moved": 3}, {OLD: 3})
    assert (await published.get(f"/rollouts/{rollout}", "coordinator")).json()["undone_by"] == back.json()["id"]
    assert (await published.get("/pathways/hypertension")).headers["etag"] == f'"{OLD}"'
    assert (await _ask(published, f"/rollouts/{rollout}/rollback", {"why": "once more"})).status_code == 409
    deeds = (await published.get("/pathways/hypertension/deeds", "auditor")).json()["items"]
    assert [deed["did"] for deed in deeds if deed["did"].startswith("roll")] == [
        "rolled_back",
        "rollout_resumed",
        "rollout_paused",
        "rollout_started",
    ]


async def test_whoever_reads_the_timeline_is_told_whose_rollout_moved_the_patient_and_who_took_it_back(published: Network) -> None:
    patient = (await published.get("/patients")).json()["items"][0]["id"]
    forth = (await _start(published))["id"]
    await _roll(published, forth)
    async with published.parts.database.begin() as session:
        (await session.get_one(Rollout, forth)).started = datetime(2025, 3, 1, 22, tzinfo=UTC)
    back = (await _ask(published, f"/rollouts/{forth}/rollback", {"why": "too many calls"})).json()["id"]
    await _roll(published, back)
    texts: dict[str, list[str]] = {}
    for language in ("en", "es", "zh-Hans", "zh-Hant"):
        lines = (await published.get(f"/patients/{patient}/timeline", language=language)).json()["items"]
        moves = [line for line in lines if line["rollout"]]
        assert [(line["code"], line["rollout"], line["because"]) for line in moves] == [
            ("version_changed", forth, "as agreed"),
            ("version_changed", back, "too many calls"),
        ]
        texts[language] = [line["text"] for line in moves]
    happened = (await published.get(f"/patients/{patient}/why", day="2025-03-03")).json()["happened"]
    assert texts["en"][1].replace("hyper", "Hyper", 1) in [line["text"] for line in happened]
    assert texts == {
        "en": [
            "hypertension moved to another version: coordinator began a rollout on 1 Mar 2025",
            "hypertension moved back to the version before: coordinator took the rollout of 1 Mar 2025 back on 3 Mar 2025",
        ],
        "es": [
            "hipertensión pasó a otra versión: coordinator empezó un despliegue el 1 mar 2025",
            "hipertensión volvió a la versión anterior: coordinator revirtió el 3 mar 2025 el despliegue del 1 mar 2025",
        ],
        "zh-Hans": [
            "高血压更换版本：coordinator于2025年3月1日开始推行",
            "高血压退回之前的版本：coordinator于2025年3月3日撤回了2025年3月1日的推行",
        ],
        "zh-Hant": [
            "高血壓更換版本：coordinator於2025年3月1日開始推行",
            "高血壓退回之前的版本：coordinator於2025年3月3日撤回了2025年3月1日的推行",
        ],
    }


async def test_who_was_left_is_listed_to_their_own_team_and_decided_about_one_by_one(published: Network) -> None:
    rollout = (await _start(published, services={}))["id"]
    assert (await _roll(published, rollout)).over
    mine = (await published.get(f"/rollouts/{rollout}/patients", "doctor", status="left")).json()["items"]
    assert [(one["status"], one["codes"]) for one in mine] == [("left", ["service_gone_while_due"])] * 2
    theirs = (await published.get(f"/rollouts/{rollout}/patients", "foreign-manager")).json()["items"]
    assert len(theirs) == 1
    everybody = await published.get(f"/rollouts/{rollout}/patients", "coordinator", limit=2)
    assert len(everybody.json()["items"]) == 2
    rest = await published.get(f"/rollouts/{rollout}/patients", "coordinator", after=everybody.json()["next"])
    assert (len(rest.json()["items"]), rest.json()["next"]) == (1, None)
    assert (await published.get(f"/rollouts/{rollout}/patients", "supervisor")).status_code == 403

    moves, stays = (one["patient_id"] for one in mine)
    at = f"/rollouts/{rollout}/patients"
    held = await _ask(published, f"{at}/{moves}", {"decision": "move", "why": "replaced"})
    assert (held.status_code, "service_gone_while_due" in held.json()["detail"]) == (409, True)
    moved = await _ask(published, f"{at}/{moves}", {"decision": "move", "services": MAPPED, "why": "replaced"})
    assert moved.status_code == 200, moved.text
    assert moved.json()["acted_on"]
    assert (await _ask(published, f"{at}/{stays}", {"decision": "stay", "why": "patient_wishes"})).status_code == 200
    assert (await _ask(published, f"{at}/{stays}", {"decision": "move", "why": "replaced"}, "doctor")).status_code == 403
    assert (await _ask(published, f"{at}/nobody", {"decision": "stay", "why": "replaced"})).status_code == 404
    assert (await _ask(published, f"/rollouts/x/patients/{stays}", {"decision": "stay", "why": "replaced"})).status_code == 409
    lines = (await published.get(f"/patients/{moves}/timeline")).json()["items"]
    assert "version_changed" in {line["code"] for line in lines}
    visit = await published.post(f"/patients/{moves}/visits", {"readings": WELL})
    assert visit.status_code in (200, 201), visit.text


async def test_what_cannot_be_is_refused_with_its_remedy(published: Network) -> None:
    missing = await _ask(published, "/pathways/hypertension/versions/0000/rollouts", {"why": "as agreed"})
    assert missing.status_code == 404
    wrong = await _ask(published, AT, {"why": "as agreed", "services": {"exam": "yearly_check", "annual_exam": "check"}})
    assert wrong.status_code == 422
    assert [fault["field"] for fault in wrong.json()["errors"]] == ["body.services.exam", "body.services.annual_exam"]
    assert (await _ask(published, AT, {"why": "as agreed"}, "approver")).status_code == 403
    async with published.parts.database.begin() as session:
        await PublishedPathways(session).retire("hypertension", NEW, by="anna", at=START, why="wrong")
    retired = await _ask(published, AT, {"why": "as agreed", "services": MAPPED})
    assert (retired.status_code, "retired" in retired.json()["detail"]) == (409, True)
    looked_at = await _ask(published, f"{AT}/preview", {"services": MAPPED})
    assert (looked_at.status_code, "retired" in looked_at.json()["detail"]) == (409, True)
    assert (await published.get("/rollouts/nothing", "coordinator")).status_code == 404
    assert (await _ask(published, "/rollouts/nothing/pause", {"why": "because"})).status_code == 404
    assert (await _ask(published, "/rollouts/nothing/rollback", {"why": "because"})).status_code == 404
