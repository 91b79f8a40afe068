"""A record system finds its work: every Task that is its own, none of anybody else's, and none twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial

import fhirkit
import pytest
import pytest_asyncio

from api.fhir.required_codes import wrong_codes
from api.fhir.transitions import NEXT, REFERRAL, REFILL
from records import referrals, refills
from records.database import Database, migrate
from tests.api.conftest import Network, a_network
from tests.api.fhir.asked_much import Json, ask, asks_much, every
from tests.api.test_changes import referred

pytestmark = pytest.mark.asyncio(loop_scope="module")
shared = pytest_asyncio.fixture(scope="module", loop_scope="module")

ENDS = ("completed", "rejected", "cancelled", "failed")
PEOPLE = ("hospital-1", "pharmacy-1", "manager", "coordinator")


@shared
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    """Nothing here changes what is stored."""
    folder = tmp_path_factory.mktemp("search")
    database = Database.open(f"sqlite+aiosqlite:///{folder / 'cairn.db'}")
    await migrate(database)
    async with a_network(database, folder) as network:
        await asks_much(network)
        yield network
    await database.close()


def ids(resources: list[Json]) -> list[str]:
    return [one["id"] for one in resources]


async def test_page_by_page_nothing_is_skipped_and_nothing_comes_twice_in_every_order_for_every_caller(place: Network) -> None:
    for key in PEOPLE:
        whole = await every(place, "Task?_count=500", key)
        for count, sort, by in (
            (3, "", "authoredOn"), (7, "-authored-on", "authoredOn"),
            (11, "_lastUpdated", "lastModified"), (8, "-modified", "lastModified"),
        ):  # fmt: skip
            paged = await every(place, f"Task?_count={count}" + (f"&_sort={sort}" if sort else ""), key)
            moments = [one[by] for one in paged]
            assert moments == sorted(moments, reverse=sort.startswith("-")), (key, sort)
            assert sorted(ids(paged)) == sorted(set(ids(whole))), (key, sort)
        total = (await ask(place, "Task?_summary=count", key)).json()["total"]
        assert total == len(whole) == (await ask(place, "Task?_count=2", key)).json()["total"]


async def test_everybody_finds_what_rest_shows_them_and_nothing_more(place: Network) -> None:
    lists = {"hospital-1": ("/referrals",), "pharmacy-1": ("/refills",), "coordinator": ("/referrals", "/refills", "/tasks")}
    lists |= dict.fromkeys(("manager", "centre-manager", "other-manager"), lists["coordinator"])
    for key, paths in lists.items():
        by_rest = []
        for path in paths:
            every_status = {"status": "any"} if path == "/tasks" else {}
            by_rest += (await place.get(path, key, limit=200, **every_status)).json()["items"]
        assert len(await every(place, "Task?_count=500", key)) == len(by_rest) > 0, key
    for key in ("supervisor", "auditor", "administrator", "gateway", "approver"):
        assert (await ask(place, "Task", key)).status_code == 403
    (hers,) = await every(place, "Task?_id=r01", "hospital-1")
    assert hers["for"]["display"] == "王秀英"
    for key, foreign in (
        ("hospital-1", "r00"),
        ("hospital-1", "s00"),
        ("pharmacy-1", "r01"),
        ("manager", "r01"),
        ("hospital-1", "no"),
    ):
        for path in (f"Task/{foreign}", f"Task/{foreign}/_history", f"Task/{foreign}/_history/1"):
            answer = await ask(place, path, key)
            assert (answer.status_code, answer.json().get("issue", [{}])[0].get("code")) == (404, "not-found"), (
                key,
                path,
                answer.text,
            )


def coded(task: Json, element: str) -> set[str]:
    found = task.get(element, [])
    return {one["code"] for some in (found if isinstance(found, list) else [found]) for one in some.get("coding", ())}


def owner(task: Json) -> str:
    return str(task["owner"]["reference"])


def authored(task: Json) -> str:
    return str(task["authoredOn"])


def _is(element: str, value: str, task: Json) -> bool:
    return bool(task[element] == value)


Holds = Callable[[Json], bool]
ASKED: dict[str, Holds] = {
    **{f"status={status}": partial(_is, "status", status) for status in (*NEXT, *ENDS)},
    "status=requested,received": lambda t: t["status"] in ("requested", "received"),
    "status=http://hl7.org/fhir/task-status|accepted": lambda t: t["status"] == "accepted",
    "status=urn:other|accepted": lambda t: False,
    "status:not=completed": lambda t: t["status"] != "completed",
    "status:not=completed&status:not=accepted": lambda t: t["status"] not in ("completed", "accepted"),
    "status=accepted&business-status=booked": lambda t: t["status"] == "accepted" and "booked" in coded(t, "businessStatus"),
    "business-status=urn:cairn:business-status|more-asked": lambda t: "more-asked" in coded(t, "businessStatus"),
    "business-status:not=more-asked&status=received": lambda t: t["status"] == "received"
    and "more-asked" not in coded(t, "businessStatus"),
    "code=fulfill": lambda t: "fulfill" in coded(t, "code"),
    "code=phone_call,home_visit": lambda t: bool(coded(t, "code") & {"phone_call", "home_visit"}),
    "code=urn:cairn:task-kind|": lambda t: "fulfill" not in coded(t, "code"),
    "code:not=fulfill": lambda t: "fulfill" not in coded(t, "code"),
    "owner=Organization/hospital-1": lambda t: owner(t) == "Organization/hospital-1",
    "owner:Organization=hospital-1": lambda t: owner(t) == "Organization/hospital-1",
    "owner=https://cairn.example/fhir/Organization/pharmacy-2": lambda t: owner(t) == "Organization/pharmacy-2",
    "owner=Practitioner/key-manager": lambda t: owner(t) == "Practitioner/key-manager",
    "owner=Organization/team-2": lambda t: owner(t) == "Organization/team-2",
    "requester=Organization/centre-1": lambda t: True,
    "requester=Organization/centre-2": lambda t: False,
    "performer=doctor": lambda t: "doctor" in coded(t, "performerType"),
    "priority=stat": lambda t: t["priority"] == "stat",
    "priority=urgent": lambda t: t["priority"] == "urgent",
    "priority=routine,stat": lambda t: t["priority"] in ("routine", "stat"),
    "priority:not=routine": lambda t: t["priority"] != "routine",
    "intent=order": lambda t: True,
    "intent=plan": lambda t: False,
    "focus=ServiceRequest/r07": lambda t: t["id"] == "r07",
    "based-on=MedicationRequest/s03": lambda t: t["id"] == "s03",
    "identifier=urn:cairn:request|r09": lambda t: t["id"] == "r09",
    "identifier=r09,s01": lambda t: t["id"] in ("r09", "s01"),
    "_id=r01,s02,nobody": lambda t: t["id"] in ("r01", "s02"),
    "part-of=Task/r01": lambda t: False,
    "encounter=Encounter/1": lambda t: False,
    "period=2025-03-11": lambda t: t.get("executionPeriod", {}).get("start") == "2025-03-11",
    "period=ge2025-03-11": lambda t: t.get("executionPeriod", {}).get("start", "") >= "2025-03-11",
    "period=lt2025-03-11": lambda t: "" < t.get("executionPeriod", {}).get("start", "") < "2025-03-11",
    "authored-on=gt2025-03-03T01:03:00Z": lambda t: authored(t) > "2025-03-03T01:03:00.999Z",
    "authored-on=le2025-03-03T01:03:00Z": lambda t: authored(t) <= "2025-03-03T01:03:00.999Z",
    "authored-on=2025-03-03T01:02": lambda t: authored(t).startswith("2025-03-03T01:02"),
    "authored-on=ne2025-03-03T01:02Z": lambda t: not authored(t).startswith("2025-03-03T01:02"),
    "authored-on=2025-03-03": lambda t: True,
    "authored-on=2025-03": lambda t: True,
    "authored-on=2024": lambda t: False,
    "authored-on=ge2025-03-03T09:02:00%2B08:00&authored-on=lt2025-03-03T09:04:00%2B08:00": lambda t: "T01:02"
    <= authored(t)[10:16]
    < "T01:04",
    "_lastUpdated=gt2025-03-03T03:00:00Z": lambda t: t["meta"]["lastUpdated"] > "2025-03-03T03:00:00.999Z",
    "modified=sa2025-03-03T03:00:00Z&status=accepted": lambda t: t["lastModified"] > "2025-03-03T03:00:00.999Z"
    and t["status"] == "accepted",
}  # fmt: skip


async def test_every_parameter_finds_what_the_resources_themselves_say(place: Network) -> None:
    for key in ("hospital-1", "coordinator"):
        whole = await every(place, "Task?_count=500", key)
        a_patient = whole[0]["for"]["reference"]
        group = next(one["groupIdentifier"] for one in whole if "groupIdentifier" in one)
        more: dict[str, Holds] = {
            f"patient={a_patient}": lambda t, p=a_patient: t["for"]["reference"] == p,  # type: ignore[misc]
            f"subject:Patient={a_patient.partition('/')[2]}": lambda t, p=a_patient: t["for"]["reference"] == p,  # type: ignore[misc]
            f"group-identifier={group['system']}|{group['value']}": lambda t, g=group: t.get("groupIdentifier") == g,  # type: ignore[misc]
        }
        found_something = 0
        for query, holds in {**ASKED, **more}.items():
            found = await every(place, f"Task?{query}&_count=40", key)
            assert sorted(ids(found)) == sorted(one["id"] for one in whole if holds(one)), (key, query)
            found_something += bool(found)
        assert found_something > 20, key
    for one in whole:
        if "." in one["id"]:
            assert ids(await every(place, f"Task?_id={one['id']}", key)) == [one["id"]]
            assert one["performerType"]


async def test_a_search_may_be_posted_as_a_form_with_more_in_the_address(place: Network) -> None:
    signed = {"Authorization": "Bearer hospital-1"}
    posted = await place.http.post(
        "/fhir/Task/_search?_count=3", data={"status": "accepted", "_sort": "-_lastUpdated"}, headers=signed
    )
    got = await ask(place, "Task?_count=3&status=accepted&_sort=-_lastUpdated", "hospital-1")
    assert ids([e["resource"] for e in posted.json()["entry"]]) == ids([e["resource"] for e in got.json()["entry"]])
    assert len(posted.json()["entry"]) == 3
    assert [link["relation"] for link in posted.json()["link"]] == ["self", "next"]


REFUSED = {
    "Task?color=red": (400, "color", "business-status"),
    "Task?patient.colour=x": (400, "colour", "is searched by"),
    "Task?owner.name=x": (400, "owner.name", "is searched by"),
    "Task?status:exact=x": (400, "status:exact", "not"),
    "Task?_sort=status": (400, "_sort", "authored-on"),
    "Task?_include=Task:location": (400, "_include", "Task:owner"),
    "Task?_count=many": (400, "_count", "number"),
    "Task?_total=all": (400, "_total", "accurate"),
    "Task?_lastUpdated=yesterday": (400, "_lastUpdated", "2025-03-03T09:00:00Z"),
    "Task?authored-on=2025-02-30": (400, "authored-on", "calendar"),
    "Task?owner=Location/x": (400, "owner", "Organization"),
    "Task?owner=http://elsewhere.example/fhir/Organization/hospital-1": (400, "owner", "may refer"),
    "Task?_cursor=x.y": (400, "_cursor", "next link"),
    "Task?_cursor=9": (400, "_cursor", "next link"),
    "Task/r01/_history/9": (404, "", "version"),
    "Task/r01/$do": (404, "", "metadata"),
    "Task/_history": (404, "", "among yours"),
    "Encounter": (404, "", "Task"),
    "": (404, "", "metadata"),
    "Task?_format=xml": (406, "", "application/fhir+json"),
}


async def test_what_cannot_be_meant_is_refused_with_the_remedy_and_nothing_of_it_is_quoted(place: Network) -> None:
    for path, (status, where, remedy) in REFUSED.items():
        answer = await ask(place, path, "hospital-1")
        issue = answer.json()["issue"][0]
        assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome"), (path, answer.text)
        assert remedy in issue["diagnostics"], (path, issue)
        assert issue.get("expression", [""])[0] == where, (path, issue)
        assert "yesterday" not in answer.text
        assert "elsewhere" not in answer.text
        assert answer.headers["content-type"].startswith("application/fhir+json")
    lenient = (await ask(place, "Task?color=red&_count=1", "hospital-1", Prefer="handling=lenient")).json()
    assert lenient["link"][0]["url"].endswith("/fhir/Task?_count=1")
    assert lenient["entry"][-1]["search"]["mode"] == "outcome"
    for headers, status in (
        ({"Accept": "application/fhir+xml"}, 406),
        ({"Accept": "application/json"}, 200),
        ({"Accept": "text/html"}, 406),
    ):
        assert (await ask(place, "Task/r01", "hospital-1", **headers)).status_code == status
    assert (
        (await ask(place, "Task/r01", "hospital-1", Accept="application/json"))
        .headers["content-type"]
        .startswith("application/json")
    )
    nobody = await ask(place, "Task", "cairn_wrong")
    assert (nobody.status_code, nobody.json()["issue"][0]["code"], nobody.headers["www-authenticate"]) == (401, "login", "Bearer")
    text = await place.http.post(
        "/fhir/Task", content=b"<Task/>", headers={"Authorization": "Bearer hospital-1", "Content-Type": "text/xml"}
    )
    assert (text.status_code, "application/fhir+json" in text.text) == (415, True)
    for body in (b"{", b'{"a": "\\ud800"}', b'{"a": NaN}', b"[" * 100_000, b'{"a": 1' + b"0" * 400 + b"}", b"\xff"):
        odd = await place.http.put("/fhir/Task/r01", content=body, headers={"Authorization": "Bearer hospital-1"})
        assert odd.status_code == 400, (body[:20], odd.text)
    signed = {"Authorization": "Bearer hospital-1"}
    for path, content, status in (("Task/r01", b" " * 1_100_000, 413), ("Task/%00", b"", 404)):
        early = await place.http.put(f"/fhir/{path}", content=content, headers=signed)
        assert (early.status_code, early.json()["resourceType"]) == (status, "OperationOutcome")
    taken = await place.http.request("TRACE", "/fhir/Task", headers={"Authorization": "Bearer hospital-1"})
    assert taken.status_code == 405
    assert (await place.http.head("/fhir/Task/r01", headers={"Authorization": "Bearer hospital-1"})).content == b""


async def test_a_search_brings_the_orders_the_people_and_the_tasks_that_belong_to_it(place: Network) -> None:
    answer = (await ask(place, "Task?_include=Task:focus&_include=Task:patient&status=accepted", "hospital-1")).json()
    modes = {(one["resource"]["resourceType"], one["search"]["mode"]) for one in answer["entry"]}
    assert {("Task", "match"), ("ServiceRequest", "include")} <= modes
    tasks = [one["resource"] for one in answer["entry"] if one["search"]["mode"] == "match"]
    orders = [one["resource"] for one in answer["entry"] if one["resource"]["resourceType"] == "ServiceRequest"]
    assert sorted(ids(tasks)) == sorted(ids(orders))
    assert all(one["status"] == "active" for one in orders)
    orders = await every(place, "ServiceRequest?_count=4", "hospital-1")
    back = (await ask(place, "ServiceRequest?_count=100&_revinclude=Task:focus", "hospital-1")).json()
    assert len([one for one in back["entry"] if one["resource"]["resourceType"] == "Task"]) == len(orders) == back["total"]
    asked: dict[str, Holds] = {
        "status=active": lambda o: o["status"] == "active",
        "status:not=active": lambda o: o["status"] != "active",
        "status=revoked&priority=stat": lambda o: o["status"] == "revoked" and o["priority"] == "stat",
        "occurrence=2025-03-10": lambda o: o.get("occurrenceDateTime") == "2025-03-10",
        "authored=ge2025-03-03T01:05:00Z": lambda o: o["authoredOn"] >= "2025-03-03T01:05",
        "performer=Organization/hospital-1": lambda o: True,
        "requester=Organization/centre-2": lambda o: False,
        "code=http://snomed.info/sct|3457005": lambda o: True,
        f"requisition={orders[0]['requisition']['value']}": lambda o: o["requisition"] == orders[0]["requisition"],
    }
    for query, holds in asked.items():
        assert sorted(ids(await every(place, f"ServiceRequest?{query}", "hospital-1"))) == sorted(
            ids([o for o in orders if holds(o)])
        ), query
    inside = orders[0]["contained"]
    assert inside[0]["valueQuantity"]["value"] == 182
    assert [f"#{one['id']}" for one in inside] == [one["reference"] for one in orders[0]["supportingInfo"]]
    part = (await ask(place, "Task?_elements=owner&_count=1", "hospital-1")).json()["entry"][0]["resource"]
    assert {"owner", "status", "intent"} <= part.keys()
    assert "for" not in part
    assert part["meta"]["tag"][0]["code"] == "SUBSETTED"


async def test_all_that_is_shown_is_r4_by_shape_and_by_code(place: Network) -> None:
    shown = [(await ask(place, "metadata", "")).json()]
    for key in ("coordinator", "hospital-1", "pharmacy-1"):
        for type_ in ("Task", "ServiceRequest"):
            answer = await ask(place, f"{type_}?_count=500", key)
            if answer.status_code == 200:
                shown += [answer.json(), *(one["resource"] for one in answer.json().get("entry", ()))]
    shown += [(await ask(place, "Task/r01/_history", "hospital-1")).json(), (await ask(place, "Task?x=1")).json()]
    assert len(shown) > 100
    for one in shown:
        faults = [fault for fault in fhirkit.validate(one) if fault.severity == "error"]
        assert (faults, wrong_codes(one)) == ([], []), (one["resourceType"], one.get("id"))
    for task in shown:
        if task["resourceType"] == "Task":
            assert not coded(task, "businessStatus") & {*NEXT, *ENDS}


async def test_what_the_door_says_of_itself_is_so(place: Network) -> None:
    answer = await place.http.get("/fhir/metadata")
    strict = pytest.importorskip("fhirclient.models.capabilitystatement")
    said = strict.CapabilityStatement(answer.json()).as_json()  # strict: it raises for what is no CapabilityStatement
    (rest,) = said["rest"]
    types = {one["type"]: one for one in rest["resource"]}
    assert said["fhirVersion"] == "4.0.1"
    assert rest["security"]["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    for type_ in ("Task", "ServiceRequest"):
        for param in types[type_]["searchParam"]:
            value = {"date": "2025", "token": "x", "reference": "", "string": "x"}[param["type"]]
            found = await ask(place, f"{type_}?{param['name']}={value}&_count=1")
            assert found.status_code == 200, (type_, param["name"], found.text)
        for include in types[type_]["searchInclude"]:
            assert (await ask(place, f"{type_}?_include={include}&_count=1")).status_code == 200
        for revinclude in types[type_].get("searchRevInclude", ()):
            assert (await ask(place, f"{type_}?_revinclude={revinclude}&_count=1")).status_code == 200
        assert {"read", "vread", "search-type", "history-instance"} <= {one["code"] for one in types[type_]["interaction"]}
    assert {"encounter", "group-identifier", "performer", "part-of", "period"} <= {p["name"] for p in types["Task"]["searchParam"]}


async def test_every_stage_that_rest_knows_has_a_status() -> None:
    assert {*referrals.OPEN, *referrals.CLOSED, *referrals.MOVES} - {"more_asked"} <= REFERRAL.keys()
    assert {*refills.OPEN, *refills.MOVES} <= REFILL.keys()


async def test_versions_are_what_was_and_a_poll_sees_every_edit(place: Network) -> None:
    """Last, since it changes something."""
    id_ = await referred(place, 9)
    first = await ask(place, f"Task/{id_}", "hospital-1")
    assert (first.headers["etag"], first.json()["status"]) == ('W/"1"', "requested")
    assert (await ask(place, f"Task/{id_}", "hospital-1", If_None_Match='W/"1"')).status_code == 304
    await place.move_to("2025-03-03T02:00:00Z")
    await place.post(f"/referrals/{id_}/accept", key="hospital-1")
    await place.post(f"/referrals/{id_}/ask-more", {"question": "Which medicines?"}, "hospital-1")
    now = (await ask(place, f"Task/{id_}", "hospital-1")).json()
    assert (now["status"], coded(now, "businessStatus")) == ("accepted", {"more-asked"})
    latest = int(now["meta"]["versionId"])
    assert now["note"][0]["text"] == "Which medicines?"
    for type_ in ("Task", "ServiceRequest"):
        versions = (await ask(place, f"{type_}/{id_}/_history", "hospital-1")).json()
        assert [one["resource"]["meta"]["versionId"] for one in versions["entry"]] == [str(n) for n in range(latest, 0, -1)]
        then = (await ask(place, f"{type_}/{id_}/_history/1", "hospital-1")).json()
        assert then == (first.json() if type_ == "Task" else versions["entry"][-1]["resource"])
    since = "2025-03-03T01:30:00Z"
    assert ids(await every(place, f"Task?_lastUpdated=gt{since}&_sort=_lastUpdated&code=fulfill", "hospital-1"))[0] == id_
    before = {one["id"]: one["meta"]["versionId"] for one in await every(place, "Task?code=phone_call&status=requested", "manager")}
    (work,) = [one for one in await every(place, "Task?code=phone_call&status=requested&_count=1", "manager")][:1]
    patient = work["for"]["reference"].partition("/")[2]
    rows = (await place.get("/tasks", "manager", kind="phone_call", claimed="nobody")).json()["items"]
    key = next(row["key"] for row in rows if row["patient"]["id"] == patient)
    await place.move_to("2025-03-03T04:00:00Z")
    await place.post(f"/tasks/{patient}/claim", {"key": key}, "manager")
    (claimed,) = await every(place, "Task?_lastUpdated=gt2025-03-03T03:30:00Z&code=phone_call", "manager")
    assert (claimed["status"], owner(claimed)) == ("in-progress", "Practitioner/key-manager")
    assert int(claimed["meta"]["versionId"]) == int(before[claimed["id"]]) + 1
