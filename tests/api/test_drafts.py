"""A draft becomes a version only as the text that a second person approved, and nobody's work is overwritten on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import delete

from api.checker import Checker
from records.callers import hashed
from records.drafts import version_of
from records.pathways import PublishedPathways
from records.tables import ApiKey, PathwayDeed
from tests.api.conftest import START, Network
from tests.api.small import SMALL, otherwise

SOONER = SMALL.replace("red: 15 days", "red: 10 days")
BROKEN = SOONER.replace("send: visit_soon", "send: visit_son")
WHY = {"why": "the county asks for ten days"}
BASE = version_of(SMALL)


@pytest.fixture(name="network")
async def _small(network: Network) -> AsyncIterator[Network]:
    """The small definition is what new enrolments follow."""
    async with network.parts.database.begin() as session:
        await PublishedPathways(session).publish("hypertension", BASE, SMALL, by="", at=START)
        await session.execute(delete(PathwayDeed))
    async with otherwise(network) as small:
        yield small


async def _call(
    network: Network, method: str, path: str, text: str = "", key: str = "coordinator", **headers: str
) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    signed = {"Authorization": f"Bearer {key}", "Content-Type": "application/yaml", **sent}
    return await network.http.request(method, f"/api/v1{path}", content=text, headers=signed)


async def _begun(network: Network, text: str = SOONER) -> str:
    answer = await _call(network, "POST", "/pathways/hypertension/drafts?why=ten+days", text)
    assert answer.status_code == 201, answer.text
    return f"/drafts/{answer.json()['id']}"


async def _edited(network: Network, draft: str, text: str, read: int, key: str = "coordinator") -> httpx.Response:
    return await _call(network, "PUT", f"{draft}?why=again", text, key, If_Match=f'"{read}"')


async def _status(network: Network, draft: str) -> str:
    return str((await network.get(draft)).json()["status"])


async def test_a_draft_is_checked_approved_by_a_colleague_and_published_as_it_was_approved(network: Network) -> None:
    direct = await _call(network, "POST", "/pathways/hypertension/versions", SOONER, If_Match="*")
    assert (direct.status_code, "POST /pathways/{name}/drafts" in direct.json()["detail"]) == (409, True)
    draft = await _begun(network)
    read = await network.get(draft)
    shown = read.json()
    assert (shown["status"], shown["author"], shown["text"], read.headers["etag"]) == ("draft", "key-coordinator", SOONER, '"1"')
    assert shown["based_on"] == BASE
    assert {one["kind"] for one in shown["diagnostics"]} == {"NotTried"}  # to be thought about
    early = await network.post(f"{draft}/approve", WHY, "approver", If_Match='"1"')
    assert (early.status_code, "Check it" in early.json()["detail"]) == (409, True)
    checked = await _call(network, "POST", f"{draft}/check")
    assert (checked.status_code, checked.json()["clean"], await _status(network, draft)) == (200, True, "checked")
    alone = await network.post(f"{draft}/publish", WHY, "approver", If_Match='"1"')
    assert (alone.status_code, "second person" in alone.json()["detail"]) == (409, True)
    own = await network.post(f"{draft}/approve", WHY, "coordinator", If_Match='"1"')
    assert (own.status_code, "Ask a colleague" in own.json()["detail"]) == (403, True)
    assert (await network.post(f"{draft}/approve", WHY, "approver")).status_code == 428
    approved = await network.post(f"{draft}/approve", WHY, "approver", If_Match='"1"')
    assert (approved.status_code, approved.json()["approved_by"]) == (200, "key-approver"), approved.text
    published = await network.post(f"{draft}/publish", WHY, "coordinator", If_Match='"1"')
    assert published.status_code == 200, published.text
    version = published.json()
    assert (version["version"], version["current"], version["new"]) == (shown["version"], True, True)
    assert (version["approved_by"], version["published_by"], version["why"]) == ("key-approver", "key-coordinator", WHY["why"])
    assert (await network.get("/pathways/hypertension")).text == SOONER
    again = await network.post(f"{draft}/publish", WHY, "coordinator", If_Match='"1"')
    assert (again.status_code, again.json()["new"]) == (200, False)
    deeds = (await network.get("/pathways/hypertension/deeds")).json()["items"]
    assert [(deed["did"], deed["by"], deed["why"]) for deed in deeds] == [
        ("published", "key-coordinator", WHY["why"]),
        ("approved", "key-approver", WHY["why"]),
        ("checked", "key-coordinator", ""),
        ("drafted", "key-coordinator", "ten days"),
    ]
    assert {deed["about"] for deed in deeds} == {draft.removeprefix("/drafts/")}
    for closed in ("check", "approve", "discard"):
        method, path = ("DELETE", draft) if closed == "discard" else ("POST", f"{draft}/{closed}")
        answer = await _call(network, method, path, "", "coordinator", If_Match='"1"')
        assert (answer.status_code, "published" in answer.json()["detail"]) == (409, True), closed


async def test_an_edit_takes_check_and_approval_back_and_its_writer_does_not_approve(network: Network) -> None:
    second = await _colleague(network)
    draft = await _begun(network)
    await _call(network, "POST", f"{draft}/check")
    await network.post(f"{draft}/approve", WHY, second, If_Match='"1"')
    edited = await _edited(network, draft, SOONER + "\n# a note\n", 1, second)
    assert (edited.status_code, edited.json()["status"], edited.json()["approved_by"]) == (200, "draft", "")
    assert (edited.headers["etag"], edited.json()["last_writer"]) == ('"2"', "key-colleague")
    assert (await network.post(f"{draft}/publish", WHY, "coordinator", If_Match='"2"')).status_code == 409
    await _call(network, "POST", f"{draft}/check")
    for key in ("coordinator", second):  # the author, and who edited it last
        assert (await network.post(f"{draft}/approve", WHY, key, If_Match='"2"')).status_code == 403
    assert (await network.post(f"{draft}/approve", WHY, "approver", If_Match='"1"')).status_code == 412  # read before the edit
    assert (await network.post(f"{draft}/approve", WHY, "approver", If_Match='"2"')).status_code == 200
    sent_back = await network.post(f"{draft}/send-back", {"why": "nine days"}, "approver")
    assert (sent_back.status_code, sent_back.json()["status"], sent_back.json()["approved_by"]) == (200, "draft", "")
    assert (await network.post(f"{draft}/send-back", {}, "approver")).status_code == 422


async def _colleague(network: Network) -> str:
    async with network.parts.database.begin() as session:
        key = ApiKey(hash=hashed("colleague"), id="key-colleague", name="c", role="coordinator", place="*", created=START)
        session.add(key)
    return "colleague"


async def test_a_draft_and_its_deeds_say_who_by_name(network: Network) -> None:
    second = await network.post("/keys", {"name": "Wang, care programme", "role": "coordinator", "place": "*"}, "administrator")
    draft = await _begun(network)
    edited = (await _edited(network, draft, SOONER + "\n", 1, second.json()["key"])).json()
    assert (edited["author_name"], edited["last_writer_name"]) == ("coordinator", "Wang, care programme")
    await network.post(f"{draft}/check", None, "coordinator")
    approved = (await _call(network, "POST", f"{draft}/approve", key="approver", If_Match='"2"')).json()
    assert (approved["approved_by"], approved["approved_by_name"]) == ("key-approver", "approver")
    (listed,) = (await network.get("/pathways/hypertension/drafts")).json()["items"]
    assert (listed["author_name"], listed["approved_by_name"]) == ("coordinator", "approver")
    deeds = (await network.get("/pathways/hypertension/deeds")).json()["items"]
    assert [(deed["did"], deed["by_name"]) for deed in deeds] == [
        ("approved", "approver"),
        ("checked", "coordinator"),
        ("edited", "Wang, care programme"),
        ("drafted", "coordinator"),
    ]


async def test_two_coordinators_do_not_overwrite_each_others_drafts(network: Network) -> None:
    draft = await _begun(network)
    assert (await _call(network, "PUT", draft, SOONER)).status_code == 428
    answers = await asyncio.gather(*(_edited(network, draft, f"{SOONER}\n# {n}\n", 1) for n in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert (await network.get(draft)).json()["edit"] == 2


async def test_a_draft_does_not_overwrite_what_was_published_since_it_was_begun(network: Network) -> None:
    first, second = await _begun(network), await _begun(network, SMALL.replace("green: 90 days", "green: 80 days"))
    for draft in (first, second):
        await _call(network, "POST", f"{draft}/check")
        await network.post(f"{draft}/approve", WHY, "approver", If_Match='"1"')
    version = (await network.post(f"{first}/publish", WHY, "coordinator", If_Match='"1"')).json()["version"]
    late = await network.post(f"{second}/publish", WHY, "coordinator", If_Match='"1"')
    assert (late.status_code, f"based_on={version}" in late.json()["detail"]) == (409, True)
    told = [one["sentence"] for one in (await network.get(f"{second}/diff")).json()["changes"]]
    assert told == ["red: every 10 days becomes every 15 days", "green: every 90 days becomes every 80 days"]
    both = SOONER.replace("green: 90 days", "green: 80 days")
    edited = await _call(network, "PUT", f"{second}?based_on={version[:8]}", both, If_Match='"1"')
    assert edited.json()["based_on"] == version
    await _call(network, "POST", f"{second}/check")
    await network.post(f"{second}/approve", WHY, "approver", If_Match='"2"')
    assert (await network.post(f"{second}/publish", WHY, "coordinator", If_Match='"2"')).status_code == 200


async def test_a_draft_with_errors_is_kept_told_and_never_approved(network: Network) -> None:
    draft = await _begun(network, BROKEN)
    shown = (await network.get(draft)).json()
    assert [one["kind"] for one in shown["diagnostics"] if one["severity"] == "error"] == ["UnknownMessage"]
    checked = await _call(network, "POST", f"{draft}/check")
    assert (checked.json()["clean"], await _status(network, draft)) == (False, "draft")
    assert (await network.post(f"{draft}/approve", WHY, "approver", If_Match='"1"')).status_code == 409
    refused = await network.get(f"{draft}/diff")
    assert (refused.status_code, refused.json()["errors"][0]["remedy"]) == (409, "did you mean 'visit_soon'?")
    assert (await _call(network, "POST", "/pathways/hypertension/drafts", "")).status_code == 422
    for wrong in ("\x00", " ", "\ud800"):
        content = wrong.encode("utf-8", "surrogatepass")
        signed = {"Authorization": "Bearer coordinator"}
        answer = await network.http.post("/api/v1/pathways/hypertension/drafts", content=content, headers=signed)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body")


async def test_a_draft_of_another_name_is_not_checked_off(network: Network) -> None:
    answer = await _call(network, "POST", "/pathways/pressure/drafts", SOONER)
    draft = f"/drafts/{answer.json()['id']}"
    assert answer.json()["based_on"] == ""
    checked = await _call(network, "POST", f"{draft}/check")
    assert (checked.status_code, await _status(network, draft)) == (409, "draft")
    renamed = SOONER.replace("pathway: hypertension", "pathway: pressure", 1)
    await _edited(network, draft, renamed, 1)
    assert (await _call(network, "POST", f"{draft}/check")).json()["clean"]
    assert "is new" in (await network.get(f"{draft}/diff")).json()["note"]
    await network.post(f"{draft}/approve", WHY, "approver", If_Match='"2"')
    assert (await network.post(f"{draft}/publish", None, "approver", If_Match='"2"')).json()["pathway"] == "pressure"


async def test_a_draft_begins_from_a_version_is_listed_and_discarded(network: Network) -> None:
    sent = {"Idempotency_Key": "d-1"}
    answers = [await _call(network, "POST", f"/pathways/hypertension/drafts?from_version={BASE[:6]}", **sent) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    draft = answers[0].json()
    assert (draft["id"], draft["text"], draft["version"]) == (answers[1].json()["id"], SMALL, BASE)
    assert (await _call(network, "POST", "/pathways/hypertension/drafts?from_version=ffff")).status_code == 404
    both = await _call(network, "POST", f"/pathways/hypertension/drafts?from_version={BASE}", SOONER)
    assert both.status_code == 422, "a text that was sent is not thrown away silently"
    other = await _begun(network)
    first = (await network.get("/pathways/hypertension/drafts", limit=1)).json()
    rest = (await network.get("/pathways/hypertension/drafts", limit=1, after=first["next"])).json()
    assert {first["items"][0]["id"], rest["items"][0]["id"]} == {draft["id"], other.removeprefix("/drafts/")}
    assert (await network.get("/pathways/hypertension/drafts", after="x")).status_code == 422
    for _ in range(2):
        assert (await _call(network, "DELETE", f"{other}?why=not+needed")).status_code == 204
    discarded = (await network.get("/pathways/hypertension/drafts", status="discarded")).json()["items"]
    assert [one["id"] for one in discarded] == [other.removeprefix("/drafts/")]
    assert (await _edited(network, other, SOONER, 1)).status_code == 409
    assert (await network.get("/drafts/none")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("POST", "/pathways/hypertension/drafts", "manager"),
        ("POST", "/pathways/hypertension/drafts", "approver"),
        ("POST", "/drafts/x/approve", "doctor"),
        ("POST", "/drafts/x/send-back", "supervisor"),
        ("POST", "/drafts/x/publish", "manager"),
        ("DELETE", "/drafts/x", "approver"),
        ("GET", "/drafts/x", "hospital-1"),
    ],
)
async def test_only_coordinators_write_and_only_approvers_approve(network: Network, method: str, path: str, key: str) -> None:
    assert (await _call(network, method, path, SOONER, key)).status_code == 403


async def test_one_person_publishes_a_checked_draft_where_no_second_one_is_asked(network: Network) -> None:
    async with otherwise(network, four_eyes=False) as alone:
        draft = await _begun(alone)
        assert (await alone.post(f"{draft}/publish", WHY, "coordinator", If_Match='"1"')).status_code == 409  # not checked
        await _call(alone, "POST", f"{draft}/check")
        published = await alone.post(f"{draft}/publish", WHY, "coordinator", If_Match='"1"')
        assert (published.status_code, published.json()["approved_by"]) == (200, "")


async def test_a_draft_is_read_although_nothing_can_be_checked_just_now(network: Network) -> None:
    draft = await _begun(network)
    async with otherwise(network, checker=Checker(most_waiting=0)) as busy:
        shown = (await busy.get(draft)).json()
        assert (shown["text"], shown["diagnostics"]) == (SOONER, None)
        assert (await _call(busy, "POST", f"{draft}/check")).status_code == 503
