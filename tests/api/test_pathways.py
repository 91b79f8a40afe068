"""Publishing a pathway: checked whole, kept for good, never over a colleague's head. Here one person may publish alone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from api.app import create_app
from api.checker import LARGEST, Busy, Checker
from pathways.language import library
from records.database import Database
from records.pathways import PublishedPathways
from tests.api.conftest import Network
from tests.api.small import SMALL, otherwise

SHIPPED = library()["hypertension"]


@pytest.fixture(name="network")
async def _one_person_publishes(network: Network) -> AsyncIterator[Network]:
    """An installation that asks for no second person."""
    async with otherwise(network, four_eyes=False) as alone:
        yield alone


def _text() -> str:
    assert SHIPPED.document is not None
    return SHIPPED.document.text


def _edited(note: str = "edited") -> str:
    return f"{SMALL}\n# {note}\n"


async def _send(network: Network, path: str, text: str | bytes, key: str = "coordinator", **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    signed = {"Authorization": f"Bearer {key}", "Content-Type": "application/yaml", **sent}
    return await network.http.post(f"/api/v1/pathways{path}", content=text, headers=signed)


async def _current(network: Network) -> str:
    return (await network.get("/pathways/hypertension")).headers["etag"]


async def test_a_definition_is_checked_with_every_place_and_remedy_and_nothing_is_stored(network: Network) -> None:
    good = (await _send(network, "/check", f"{_text()}\n# edited\n")).json()
    assert (good["clean"], good["pathway"]) == (True, "hypertension")
    assert good["version"] != _version()
    wrong = _text().replace("send: visit_soon", "send: visit_son").replace("tags: [red", "tgas: [red")
    bad = (await _send(network, "/check", wrong)).json()
    assert (bad["clean"], bad["version"]) == (False, None)
    errors = [one for one in bad["diagnostics"] if one["severity"] == "error"]
    unknown = next(one for one in errors if one["kind"] == "UnknownMessage")
    assert unknown["line"] == 1 + wrong[: wrong.index("visit_son")].count("\n")
    assert (unknown["what"], unknown["remedy"]) == ("no message called 'visit_son'", "did you mean 'visit_soon'?")
    assert len(errors) > 1  # all at once
    assert len((await network.get("/pathways/hypertension/versions")).json()["items"]) == 1


def _version() -> str:
    assert SHIPPED.pathway is not None
    return SHIPPED.pathway.version


async def test_a_scenario_that_does_not_hold_keeps_a_definition_from_being_published(network: Network) -> None:
    unmet = SMALL.replace("expect: {row: S-1, tag: red", "expect: {row: S-1, tag: green", 1)
    assert unmet != SMALL
    answer = await _send(network, "/hypertension/versions", unmet, If_Match=await _current(network))
    assert answer.status_code == 422
    assert answer.json()["detail"] == "This definition has errors; nothing was published."
    assert all(fault["field"].startswith("line ") and fault["remedy"] for fault in answer.json()["errors"])


async def test_a_published_version_is_followed_by_new_enrolments_and_by_nobody_who_is_enrolled(network: Network) -> None:
    before = await network.enrol()
    text = f"{_text()}\n# edited\n"
    answer = await _send(network, "/hypertension/versions", text, "approver", If_Match=await _current(network))
    assert answer.status_code == 201, answer.text
    published = answer.json()
    assert (published["current"], published["new"], published["published_by"]) == (True, True, "key-approver")
    assert "stay on the version" in published["note"]
    assert answer.headers["etag"] == await _current(network) == f'"{published["version"]}"'
    after = await network.enrol(identifier="A-2")
    assert await _followed(network, before) == _version()
    assert await _followed(network, after) == published["version"]
    text = await network.get(f"/pathways/hypertension/versions/{_version()}")
    assert (text.text, text.headers["content-type"]) == (_text(), "application/yaml")
    versions = (await network.get("/pathways/hypertension/versions")).json()["items"]
    assert {one["version"]: one["current"] for one in versions} == {published["version"]: True, _version(): False}
    assert published["version"] in {one["version"] for one in (await network.get("/pathways")).json()["items"]}


async def _followed(network: Network, patient: str) -> str:
    lines = (await network.get(f"/patients/{patient}/timeline")).json()["items"]
    return str(next(line["version"] for line in lines if line["version"]))


async def test_a_version_is_taken_back_and_comes_again(network: Network) -> None:
    first = await _current(network)
    new = (await _send(network, "/hypertension/versions", _edited(), If_Match=first)).json()["version"]
    back = f"/hypertension/versions/{_version()}/make-current"
    assert (await _send(network, back, "")).status_code == 428
    assert (await _send(network, back, "", If_Match=first)).status_code == 412
    answer = await _send(network, back, "", If_Match=f'"{new}"')
    assert (answer.status_code, answer.json()["version"], answer.json()["new"]) == (200, _version(), False)
    assert (await _send(network, back, "", If_Match=f'"{new}"')).status_code == 200  # told twice
    again = await _send(network, "/hypertension/versions", _edited(), If_Match=first)
    assert (again.status_code, again.json()["version"], again.json()["current"]) == (200, new, True)
    told = await _send(network, f"{back}?why=too+many+visits", "", If_Match=f'"{new}"')
    assert told.status_code == 200
    deeds = (await network.get("/pathways/hypertension/deeds")).json()["items"]
    by = {"did": "made_current", "version": _version(), "by": "key-coordinator"}
    assert {**deeds[0], **by, "why": "too many visits"} == deeds[0]
    assert [deed["did"] for deed in deeds] == ["made_current", "published", "made_current", "published"]
    assert (await _send(network, "/hypertension/versions/0000/make-current", "", If_Match=first)).status_code == 404


async def test_two_coordinators_do_not_overwrite_each_other(network: Network) -> None:
    read = await _current(network)
    assert (await _send(network, "/hypertension/versions", _edited())).status_code == 428
    answers = await asyncio.gather(
        _send(network, "/hypertension/versions", _edited("one"), If_Match=read),
        _send(network, "/hypertension/versions", _edited("two"), "approver", If_Match=read),
    )
    assert sorted(answer.status_code for answer in answers) == [201, 412]
    assert len((await network.get("/pathways/hypertension/versions")).json()["items"]) == 2


async def test_the_same_text_twice_is_one_version(network: Network) -> None:
    read = await _current(network)
    first = await _send(network, "/hypertension/versions", _edited(), If_Match=read)
    second = await _send(network, "/hypertension/versions", _edited(), If_Match=read)  # the answer was lost on its way
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["version"] == first.json()["version"]
    assert len((await network.get("/pathways/hypertension/versions")).json()["items"]) == 2


async def test_a_definition_is_published_under_its_own_name(network: Network) -> None:
    answer = await _send(network, "/asthma/versions", _edited())
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "pathway")
    renamed = _edited().replace("pathway: hypertension", "pathway: pressure", 1)
    answer = await _send(network, "/pressure/versions", renamed)  # there is no version yet that could be overwritten
    assert (answer.status_code, answer.json()["pathway"]) == (201, "pressure"), answer.text


@pytest.mark.parametrize("key", ["manager", "administrator", "auditor", "hospital-1"])
async def test_only_coordinators_and_approvers_publish(network: Network, key: str) -> None:
    assert (await _send(network, "/hypertension/versions", _edited(), key)).status_code == 403
    assert (await _send(network, "/check", _edited(), key)).status_code == 403


async def test_what_is_missing_is_not_found(network: Network) -> None:
    for path in ("/pathways/none", "/pathways/none/versions", "/pathways/hypertension/versions/0000"):
        assert (await network.get(path)).status_code == 404
    assert (await network.get(f"/pathways/type2_diabetes/versions/{_version()}")).status_code == 404


async def test_a_definition_that_is_too_long_or_no_text_is_refused_unread(network: Network) -> None:
    assert (await _send(network, "/check", b"a" * (LARGEST + 1))).status_code == 413
    answer = await _send(network, "/check", b"\xff\xfe")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body")
    for text in (b"", b"a: &a [*a, *a]", b"\x00", b"- 1", b"pathway: x\npathway: y"):
        answer = await _send(network, "/check", text)
        assert (answer.status_code, answer.json()["clean"]) == (200, False), text
        assert answer.json()["diagnostics"]


async def test_a_definition_that_takes_for_ever_is_given_up_while_others_are_answered(network: Network) -> None:
    hung = Checker(seconds=1.0, command=(sys.executable, "-c", "while True: pass"))
    parts = replace(network.parts, checker=hung)
    transport = httpx.ASGITransport(app=create_app(parts))
    async with httpx.AsyncClient(transport=transport, base_url="http://cairn.test") as http:
        signed = {"Authorization": "Bearer coordinator"}
        checking = asyncio.create_task(http.post("/api/v1/pathways/check", content="x: 1", headers=signed))
        assert (await http.get("/api/v1/pathways", headers=signed)).status_code == 200
        assert not checking.done()
        answer = (await checking).json()
    (found,) = answer["diagnostics"]
    assert (answer["clean"], found["kind"]) == (False, "NotChecked")
    assert "longer than 1 seconds" in found["what"]


async def test_a_checker_that_dies_is_an_error_of_the_document_and_too_many_are_told_to_wait(network: Network) -> None:
    died = Checker(command=(sys.executable, "-c", "raise SystemExit(9)"))
    assert not (await died.check("x: 1")).clean
    full = Checker(most_waiting=0)
    with pytest.raises(Busy):
        await full.check("x: 1")
    parts = replace(network.parts, checker=full)
    transport = httpx.ASGITransport(app=create_app(parts))
    async with httpx.AsyncClient(transport=transport, base_url="http://cairn.test") as http:
        answer = await http.post("/api/v1/pathways/check", content="x: 1", headers={"Authorization": "Bearer coordinator"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_one_process_checks_one_text_after_the_other_and_another_takes_its_place_when_it_is_gone() -> None:
    checker = Checker()
    await checker.awake()
    process = await checker._process()
    try:
        assert (await checker.check(SMALL)).clean
        for wrong in ("pathway: x", SMALL.replace("kind: follow_up", "kind: nothing")):
            assert not (await checker.check(wrong)).clean
        assert await checker._process() is process, "what one text left behind is gone with the child that checked it"
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        assert (await checker.check(SMALL + "# again")).clean
        assert await checker._process() is not process
    finally:
        await checker.end()


async def test_a_text_that_needs_too_much_memory_ends_its_own_child_and_nothing_else() -> None:
    tight = Checker(command=(sys.executable, "-c", "import api.checking as checking; checking.MEMORY = 1; checking.main()"))
    process = await tight._process()
    try:
        for text in (SMALL, SMALL + "# again"):
            (found,) = (await tight.check(text)).diagnostics
            assert (found.kind, "more memory" in found.what) == ("NotChecked", True)
        assert await tight._process() is process
    finally:
        await tight.end()


async def test_one_version_is_current_whichever_database(database: Database) -> None:
    at = datetime(2025, 3, 3, tzinfo=UTC)

    async def publish(version: str) -> None:
        async with database.begin() as session:
            published = PublishedPathways(session)
            await published.take_turns("asthma")
            await published.publish("asthma", version, "text", by="key", at=at)

    await asyncio.gather(*(publish(f"v{n}") for n in range(5)))
    async with database.reading() as session:
        published = PublishedPathways(session)
        assert len(await published.all_current()) == 1
        first = await published.versions("asthma", limit=3)
        rest = await published.versions("asthma", limit=3, after=first.next)
        assert ([one.version for one in (*first.items, *rest.items)], rest.next) == (["v4", "v3", "v2", "v1", "v0"], None)
        assert await published.one("hypertension", "v1") is None


async def test_a_version_is_retired_once_nobody_is_on_it_and_followed_by_nobody_again(network: Network) -> None:
    await network.enrol()
    first = await _current(network)
    old, why = f"/hypertension/versions/{_version()}", {"why": "two visits a year are too few"}
    held = await network.post(f"/pathways{old}/retire", why, "coordinator")
    assert (held.status_code, held.json()["detail"][:34]) == (409, "New enrolments follow this version")
    new = (await _send(network, "/hypertension/versions", _edited(), If_Match=first)).json()["version"]
    held = await network.post(f"/pathways{old}/retire", why, "coordinator")
    assert (held.status_code, held.json()["detail"]) == (
        409,
        "1 patient is on this version. Roll another one out to them first.",
    )
    later = (await _send(network, "/hypertension/versions", _edited("later"), If_Match=f'"{new}"')).json()["version"]
    assert (await network.post(f"/pathways/hypertension/versions/{new}/retire", {}, "coordinator")).status_code == 422
    retired = await network.post(f"/pathways/hypertension/versions/{new}/retire", why, "coordinator")
    assert (retired.status_code, retired.json()["retired"]) == (200, "2025-03-03T01:00:00Z")
    again = await network.post(f"/pathways/hypertension/versions/{new}/retire", why, "coordinator")
    assert (again.status_code, again.json()) == (200, retired.json())
    for path, text in ((f"/hypertension/versions/{new}/make-current", ""), ("/hypertension/versions", _edited())):
        answer = await _send(network, path, text, If_Match=f'"{later}"')
        assert (answer.status_code, "was retired" in answer.json()["detail"]) == (409, True)
    assert (await network.post("/pathways/hypertension/versions/none/retire", why, "coordinator")).status_code == 404
    assert (await network.post(f"/pathways{old}/retire", why, "manager")).status_code == 403
    deeds = (await network.get("/pathways/hypertension/deeds")).json()["items"]
    assert [(deed["did"], deed["version"]) for deed in deeds] == [("retired", new), ("published", later), ("published", new)]


async def test_what_a_version_changes_is_told_in_the_words_of_care(network: Network) -> None:
    first = await _send(network, "/hypertension/versions", SMALL, If_Match=await _current(network))
    old, sooner = first.json()["version"], SMALL.replace("red: 15 days", "red: 10 days")
    new = (await _send(network, "/hypertension/versions", sooner, If_Match=first.headers["etag"])).json()["version"]
    path = f"/pathways/hypertension/versions/{new}/diff"
    told = (await network.get(path, against=old[:6])).json()
    assert (told["old"], told["new"], told["note"]) == (old, new, "")
    assert told["changes"] == [
        {"area": "service", "name": "follow_up", "kind": "changed", "sentence": "red: every 15 days becomes every 10 days"}
    ]
    chinese = (await network.get(path, against=old, lang="zh-Hans")).json()["changes"]
    assert [one["sentence"] for one in chinese] == ["红：每15天一次改为每10天一次"]
    same = (await network.get(path)).json()
    assert (same["changes"], same["note"][:15]) == ([], "Nothing changes")
    for missing in ("ffffffff", old[:2]):
        assert (await network.get(path, against=missing)).status_code == 404
    assert (await network.get("/pathways/hypertension/versions/none/diff")).status_code == 404


async def test_the_deeds_of_a_pathway_come_in_pages(network: Network) -> None:
    read = await _current(network)
    for note in ("one", "two", "three"):
        read = (await _send(network, "/hypertension/versions", _edited(note), If_Match=read)).headers["etag"]
    first = (await network.get("/pathways/hypertension/deeds", limit=2)).json()
    rest = (await network.get("/pathways/hypertension/deeds", limit=2, after=first["next"])).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    assert (await network.get("/pathways/hypertension/deeds", after="x")).status_code == 422
    assert (await network.get("/pathways/none/deeds")).status_code == 404
