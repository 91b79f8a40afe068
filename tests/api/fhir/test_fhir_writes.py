"""A record system writes at the FHIR door: what it says is what REST would have said, and nothing else gets in."""

from __future__ import annotations

from typing import Any

import httpx

from tests.api.conftest import Network
from tests.api.test_changes import referred

BUSINESS, SAID = "urn:cairn:business-status", "urn:cairn:said"


async def fhir(
    network: Network, method: str, path: str, body: Any = None, key: str = "hospital-1", media: str = "", **headers: str
) -> httpx.Response:
    """A request at the door; headers with _ for -."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent |= {"Authorization": f"Bearer {key}"} | ({"Content-Type": media} if media else {})
    return await network.http.request(method, f"/fhir/{path}", json=body, headers=sent)


def business(code: str) -> dict[str, Any]:
    return {"coding": [{"system": BUSINESS, "code": code}]}


def output(kind: str, text: str) -> dict[str, Any]:
    return {"type": {"coding": [{"system": SAID, "code": kind}]}, "valueString": text}


async def merges(network: Network, task: str, key: str = "hospital-1", **changes: Any) -> httpx.Response:
    """As fhirpy patches: a plain object."""
    return await fhir(network, "PATCH", f"Task/{task}", changes, key)


def why(answer: httpx.Response) -> str:
    assert answer.json()["resourceType"] == "OperationOutcome", answer.text
    return " ".join(issue["diagnostics"] for issue in answer.json()["issue"])


async def test_a_hospital_works_a_referral_off_as_tasks_and_rest_says_the_same(network: Network) -> None:
    id_ = await referred(network, 1)
    task = (await fhir(network, "GET", f"Task/{id_}")).json()
    assert task["status"] == "requested"

    put = await fhir(network, "PUT", f"Task/{id_}", task | {"status": "received"}, If_Match=f'W/"{task["meta"]["versionId"]}"')
    assert (put.status_code, put.json()["status"], put.headers["etag"]) == (200, "received", 'W/"2"'), put.text
    stale = await fhir(network, "PUT", f"Task/{id_}", task | {"status": "accepted"}, If_Match='W/"1"')
    assert (stale.status_code, "changed since" in why(stale)) == (412, True)
    operations = [
        {"op": "test", "path": "/meta/versionId", "value": "1"},
        {"op": "replace", "path": "/status", "value": "accepted"},
    ]
    stale = await fhir(network, "PATCH", f"Task/{id_}", operations, media="application/json-patch+json")
    assert stale.status_code == 412
    operations[0]["value"] = "2"
    accepted = await fhir(network, "PATCH", f"Task/{id_}", operations, media="application/json-patch+json")
    assert (accepted.status_code, accepted.json()["status"]) == (200, "accepted"), accepted.text

    asks = await merges(network, id_, businessStatus=business("more-asked"), note=[{"text": "Which medicines?"}])
    assert (asks.status_code, asks.json()["status"]) == (200, "accepted"), asks.text  # no status goes backwards
    replies = await merges(network, id_, "manager", note=[{"text": "Amlodipine."}])
    assert replies.status_code == 200, replies.text
    booked = await merges(network, id_, businessStatus=business("booked"), executionPeriod={"start": "2025-03-05T22:00:00Z"})
    assert booked.status_code == 200, booked.text
    seen = (await network.get(f"/referrals/{id_}", "manager")).json()
    assert (seen["stage"], seen["day"]) == ("booked", "2025-03-06")  # six in the morning, where the patient lives

    early = await merges(network, id_, status="completed", output=[output("report", "treated")])
    assert (early.status_code, "in-progress" in why(early)) == (422, True)
    assert (await merges(network, id_, status="in-progress")).status_code == 200
    bare = await merges(network, id_, status="completed")
    assert (bare.status_code, bare.json()["issue"][0]["expression"]) == (422, ["Task.output"])
    contained = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "code": {"text": "x"},
        "conclusion": "Seen.\nWell.",
    }
    done = await merges(
        network,
        id_,
        status="completed",
        contained=[contained],
        output=[{"type": {"text": "report"}, "valueReference": {"reference": "#r"}}],
    )
    assert (done.status_code, done.json()["status"]) == (200, "completed"), done.text
    seen = (await network.get(f"/referrals/{id_}", "manager")).json()
    assert (seen["stage"], seen["report"]) == ("completed", "Seen.\nWell.")
    assert [line["kind"] for line in seen["thread"]] == ["question", "reply", "report"]
    again = await merges(network, id_, status="completed")
    assert (again.status_code, again.headers["etag"]) == (200, done.headers["etag"])  # nothing differs, nothing happens
    history = (await fhir(network, "GET", f"Task/{id_}/_history")).json()
    assert [one["resource"]["status"] for one in history["entry"]] == [
        "completed", "in-progress", "accepted", "accepted", "accepted", "accepted", "received", "requested",
    ]  # fmt: skip


async def test_what_may_not_change_is_refused_and_named_and_nothing_is_quoted_back(network: Network) -> None:
    id_ = await referred(network, 1)
    task = (await fhir(network, "GET", f"Task/{id_}")).json()
    other = await fhir(network, "PUT", f"Task/{id_}", task | {"priority": "stat" if task["priority"] != "stat" else "asap"})
    assert (other.status_code, other.json()["issue"][0]["expression"]) == (422, ["Task.priority"])
    assert "statusReason" in why(other)  # what may change
    for changes, says in (
        ({"status": "rejected"}, "statusReason"),
        ({"status": "on-hold"}, "received"),
        ({"status": "completed"}, "accepted"),
        ({"status": "received", "businessStatus": business("more-asked")}, "Task.note"),
        ({"status": "accepted", "note": [{"text": "hello"}]}, "Task.note"),
        ({"businessStatus": business("booked")}, "executionPeriod"),
        ({"businessStatus": business("nonsense")}, "more-asked"),
        ({"description": None}, "description"),
        ({"id": "another"}, "id"),
        ({"status": "Geheim王", "surprise": 1}, "Task.surprise"),
        ({"status": "frobnicated"}, "in-progress"),
        ({"executionPeriod": {"start": "soon, 王秀英"}}, "dateTime"),
        ({"status": "cancelled"}, "rejects"),
    ):
        answer = await merges(network, id_, **changes)
        assert (answer.status_code in (403, 422), says in why(answer)) == (True, True), (changes, answer.text)
        assert "王" not in answer.text
    for method, path, body, media, status in (
        ("PATCH", f"Task/{id_}", {"status": "accepted"}, "text/plain", 415),
        ("PATCH", f"Task/{id_}", "accepted", "application/merge-patch+json", 400),
        ("PATCH", f"Task/{id_}", [{"op": "add", "path": "/nowhere/0", "value": 1}], "application/json-patch+json", 422),
        ("PATCH", f"Task/{id_}", [{"op": "copy", "from": "/status"}], "application/json-patch+json", 422),
        ("PATCH", f"Task/{id_}", [{"op": "test", "path": "/status", "value": "x"}], "application/json-patch+json", 422),
        ("PATCH", f"Task/{id_}", [{"op": "test", "path": "/status", "value": "x"}] * 101, "application/json-patch+json", 422),
        ("PUT", f"Task/{id_}", [], "application/json", 400),
        ("PUT", f"Task/{id_}", {"resourceType": "Patient"}, "application/json", 400),
        ("PUT", f"Task/{id_}", {"resourceType": "Task", "id": "x"}, "application/json", 400),
        ("PUT", "Task/none-such", task | {"id": "none-such"}, "application/json", 404),
        ("POST", "Task", {k: v for k, v in task.items() if k != "id"}, "application/json", 403),
        ("DELETE", f"Task/{id_}", None, "application/json", 405),
        ("POST", "Nope", {}, "application/json", 404),
    ):
        answer = await fhir(network, method, path, body, media=media)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        assert answer.json()["resourceType"] == "OperationOutcome"
    foreign = await merges(network, id_, "hospital-2", status="received")
    assert foreign.status_code == 404
    assert (await network.get(f"/referrals/{id_}", "hospital-1")).json()["stage"] == "requested"


async def test_a_referral_is_rejected_cancelled_before_it_begins_and_aborted_after(network: Network) -> None:
    id_ = await referred(network, 1)
    rejected = await merges(network, id_, status="rejected", statusReason={"text": "no bed"})
    assert (rejected.status_code, rejected.json()["statusReason"]["text"]) == (200, "no bed"), rejected.text
    late = await merges(network, id_, status="accepted")
    assert (late.status_code, "Nothing more comes of it" in why(late)) == (422, True)

    (second,) = (await network.get("/referrals", "hospital-2")).json()["items"]
    assert (await merges(network, second["id"], "hospital-2", status="accepted")).status_code == 200
    assert (await merges(network, second["id"], "hospital-2", status="in-progress")).status_code == 200
    abort = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "abort"}]},
        "focus": {"reference": f"Task/{second['id']}"},
        "statusReason": {"text": "moved away"},
    }
    assert (await fhir(network, "POST", "Task", abort, "hospital-2")).status_code == 403
    made = await fhir(network, "POST", "Task", abort, "manager")
    assert (made.status_code, made.json()["id"], made.json()["status"]) == (201, f"{second['id']}-abort", "requested"), made.text
    assert (await fhir(network, "GET", f"Task/{second['id']}-abort", key="hospital-1")).status_code == 404
    seen = (await fhir(network, "GET", f"Task/{second['id']}", key="hospital-2")).json()
    assert seen["statusReason"]["coding"][0]["code"] == "abort-asked"
    stopped = await merges(network, second["id"], "hospital-2", status="failed")
    assert (stopped.status_code, stopped.json()["status"]) == (200, "failed"), stopped.text
    assert (await network.get(f"/referrals/{second['id']}", "manager")).json()["stage"] == "aborted"

    aborted = await fhir(network, "GET", f"Task/{second['id']}-abort", key="hospital-2")
    assert aborted.json()["status"] == "completed", aborted.text

    third, fourth = await referred(network, 2), await referred(network, 3)
    gone = await merges(network, third, "doctor", status="cancelled", statusReason={"text": "better"})
    assert (gone.status_code, gone.json()["status"]) == (200, "cancelled"), gone.text
    order = (await fhir(network, "GET", f"ServiceRequest/{fourth}", key="doctor")).json()
    assert (await fhir(network, "PUT", f"ServiceRequest/{fourth}", order | {"status": "revoked"}, "hospital-1")).status_code == 403
    other = await fhir(network, "PATCH", f"ServiceRequest/{fourth}", {"priority": "asap"}, "doctor")
    assert (other.status_code, "revoked" in why(other)) == (422, True)
    revoked = await fhir(network, "PUT", f"ServiceRequest/{fourth}", order | {"status": "revoked"}, "doctor")
    assert (revoked.status_code, revoked.json()["status"]) == (200, "revoked"), revoked.text


async def test_the_same_request_with_one_idempotency_key_is_one(network: Network) -> None:
    id_ = await referred(network, 1)
    first = await fhir(network, "PATCH", f"Task/{id_}", {"status": "received"}, Idempotency_Key="k")
    await merges(network, id_, status="accepted")
    again = await fhir(network, "PATCH", f"Task/{id_}", {"status": "received"}, Idempotency_Key="k")
    assert (first.status_code, again.status_code, again.json()["status"]) == (200, 200, "accepted")
    other = await fhir(network, "PATCH", f"Task/{id_}", {"status": "in-progress"}, Idempotency_Key="k")
    assert (other.status_code, "Idempotency-Key" in why(other)) == (422, True)


async def test_a_team_claims_finishes_and_puts_off_its_own_work(network: Network) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/calls", {"outcome": "refused"})
    (work,) = (await fhir(network, "GET", f"Task?patient={patient}&status=requested", key="manager")).json()["entry"]
    id_ = work["resource"]["id"]
    off = await merges(
        network, id_, "manager", executionPeriod={"start": "2025-03-10"}, statusReason={"coding": [{"code": "no_answer"}]}
    )
    assert off.status_code == 200, off.text
    claimed = await merges(network, id_, "manager", status="in-progress")
    assert (claimed.status_code, claimed.json()["owner"]["reference"]) == (200, "Practitioner/key-manager"), claimed.text
    taken = await merges(network, id_, "doctor", owner={"reference": "Practitioner/key-doctor"})
    assert taken.status_code == 200  # in progress already: nobody's claim is overwritten
    assert taken.json()["owner"]["reference"] == "Practitioner/key-manager"
    done = await merges(network, id_, "manager", status="completed", output=[output("outcome", "reached")])
    assert (done.status_code, done.json()["status"]) == (200, "completed"), done.text
    items = (await network.get("/tasks", status="done")).json()["items"]
    assert [one["outcome"] for one in items] == ["reached"]
