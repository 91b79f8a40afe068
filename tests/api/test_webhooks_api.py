"""A hospital has its changes pushed: it says where to, sees what failed, lets it go again, and nobody else sees any of it."""

from __future__ import annotations

from typing import Any

import pytest

from records.tables import WebhookDelivery
from records.vault import Vault, WrongKey
from records.webhooks import Webhooks
from tests.api.conftest import Network
from tests.api.test_changes import referred

URL = "https://hospital.example/cairn"


async def _made(network: Network, **more: Any) -> dict[str, Any]:
    answer = await network.post("/webhooks", {"url": URL, **more}, "hospital-1")
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def _sent(network: Network, method: str, path: str, body: Any = None, key: str = "hospital-1", **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await network.http.request(method, f"/api/v1{path}", json=body, headers={"Authorization": f"Bearer {key}", **sent})


async def test_the_secret_is_shown_once_and_kept_sealed(network: Network) -> None:
    made = await _made(network)
    assert made["secret"].startswith("whsec_")
    assert (made["place"], made["status"], made["waiting"], made["failed"]) == ("hospital-1", "active", 0, 0)
    read = (await network.get(f"/webhooks/{made['id']}", "hospital-1")).json()
    assert "secret" not in read
    (listed,) = (await network.get("/webhooks", "hospital-1")).json()["items"]
    assert listed == read


async def test_the_same_request_makes_one_webhook(network: Network) -> None:
    assert (await network.post("/webhooks", {"url": URL}, "hospital-1", Idempotency_Key="k")).status_code == 201
    assert (await network.post("/webhooks", {"url": URL}, "hospital-1", Idempotency_Key="k")).status_code == 409
    assert len((await network.get("/webhooks", "hospital-1")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://hospital.example/cairn", "not encrypted"),
        ("https://10.0.0.8/x", "our own network"),
        ("hospital.example", "address"),
    ],
)
async def test_an_address_that_cannot_be_used_is_refused_with_what_to_do(network: Network, url: str, says: str) -> None:
    answer = await network.post("/webhooks", {"url": url}, "hospital-1")
    assert answer.status_code == 422
    assert says in answer.text


async def test_another_place_sees_nothing_of_it(network: Network) -> None:
    made = await _made(network)
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/secret"), ("GET", "/pushes"), ("POST", "/again")):
        body = {"url": URL} if method == "PUT" else None
        answer = await _sent(network, method, f"/webhooks/{made['id']}{path}", body, "hospital-2")
        assert answer.status_code == 404, (method, path)
    assert (await network.post("/webhooks", {"url": URL, "place": "hospital-1"}, "hospital-2")).status_code == 404
    assert (await network.get("/webhooks", "manager")).status_code == 403


async def test_two_who_change_it_do_not_overwrite_each_other(network: Network) -> None:
    made = await _made(network)
    path, body = f"/webhooks/{made['id']}", {"url": URL + "/2", "status": "paused"}
    assert (await _sent(network, "PUT", path, body)).status_code == 428
    changed = await _sent(network, "PUT", path, body, If_Match='"1"')
    assert (changed.json()["url"], changed.json()["status"], changed.headers["etag"]) == (URL + "/2", "paused", '"2"')
    assert (await _sent(network, "PUT", path, body, If_Match='"1"')).status_code == 412


async def test_a_secret_is_replaced_and_the_old_one_signs_until_its_grace_is_over(network: Network) -> None:
    made = await _made(network)
    newer = await _sent(network, "POST", f"/webhooks/{made['id']}/secret", {"grace_hours": 2})
    assert newer.status_code == 201
    assert newer.json()["secret"] not in ("", made["secret"])


async def test_what_failed_is_listed_and_goes_again(network: Network) -> None:
    made = await _made(network)
    await referred(network, 1)
    parts = network.parts
    async with parts.database.begin() as session:
        now = await parts.clock.now(session)
        hook = await Webhooks(session).one(made["id"])
        assert hook is not None
        assert await Webhooks(session).fan_out(hook, now=now) == 1
        await session.flush()
        delivery = await session.get_one(WebhookDelivery, (hook.id, 1))
        delivery.status, delivery.tries, delivery.answer, delivery.reason = "failed", 9, 422, "refused"
    (push,) = (await network.get(f"/webhooks/{made['id']}/pushes", "hospital-1", status="failed")).json()["items"]
    assert (push["n"], push["kind"], push["stage"], push["answer"]) == (1, "referral", "requested", 422)
    assert (await network.get(f"/webhooks/{made['id']}", "hospital-1")).json()["failed"] == 1
    again = await _sent(network, "POST", f"/webhooks/{made['id']}/again")
    assert again.json() == {"pushes": 1}
    assert (await network.get(f"/webhooks/{made['id']}", "hospital-1")).json()["waiting"] == 1
    assert (await _sent(network, "POST", f"/webhooks/{made['id']}/again?n=99")).status_code == 404


async def test_a_webhook_that_is_deleted_is_gone_with_what_waited(network: Network) -> None:
    made = await _made(network)
    assert (await _sent(network, "DELETE", f"/webhooks/{made['id']}")).status_code == 204
    assert (await network.get(f"/webhooks/{made['id']}", "hospital-1")).status_code == 404


def test_secrets_of_two_webhooks_are_sealed_apart() -> None:
    keeper = Vault(bytes(32)).keeper("webhooks")
    assert keeper.open("one", keeper.seal("one", {"a": 1})) == {"a": 1}
    with pytest.raises(WrongKey):
        keeper.open("two", keeper.seal("one", {"a": 1}))
