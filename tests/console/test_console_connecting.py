"""Record systems and receivers are connected from the browser: secrets are shown once, and what ends something says so first."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from tests.api.conftest import Network
from tests.console.test_console_gate import sends

ADMIN = "administrator"
BACK = "/admin/connections"


async def listed(network: Network) -> str:
    """The page of connections."""
    return (await network.http.get(BACK, headers={"Cookie": f"cairn_key={ADMIN}"})).text


def a_key_set() -> str:
    """Public keys of somebody."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from jwt.algorithms import RSAAlgorithm

    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return json.dumps({"keys": [{**json.loads(RSAAlgorithm.to_jwk(public)), "kid": "k1", "use": "sig", "alg": "RS384"}]})


async def test_a_record_system_is_registered_gets_other_scopes_and_is_taken_back(network: Network) -> None:
    form = {"name": "District <b>EMR</b>", "role": "clinic", "place": "hospital-1", "scopes": "system/Task.rs"}
    wrong = await sends(network, f"{BACK}/smart/new", ADMIN, **form, jwks="{not json")
    assert (wrong.status_code, "This is not JSON" in wrong.text) == (422, True)
    neither = await sends(network, f"{BACK}/smart/new", ADMIN, **form)
    assert (neither.status_code, 'value="system/Task.rs"' in neither.text) == (422, True), "what was typed is kept"
    keys = a_key_set()
    for _ in range(2):
        assert (await sends(network, f"{BACK}/smart/new", ADMIN, **form, jwks=keys, once="a")).status_code == 303
    (client,) = (await network.get("/smart-clients", ADMIN)).json()["items"]
    shown = await listed(network)
    assert (client["id"] in shown, "<b>EMR" in shown) == (True, False)
    path = f"{BACK}/smart/{client['id']}"
    other = {"name": "EMR", "scopes": "system/Task.rs system/Patient.rs", "jwks": keys}
    assert (await sends(network, f"{path}/change", ADMIN, **other, read='"1"')).status_code == 303
    assert (await sends(network, f"{path}/change", ADMIN, **other, read='"1"')).status_code == 422, "somebody was quicker"
    before = await network.http.get(f"{path}/revoke", headers={"Cookie": f"cairn_key={ADMIN}"})
    assert "It signs in no more" in before.text
    assert (await sends(network, f"{path}/revoke", ADMIN)).status_code == 303
    assert (await network.get("/smart-clients", ADMIN)).json()["items"][0]["revoked"]
    asks = {"name": "Ward EMR", "role": "doctor", "place": "team-1", "issuer": "https://emr.example", "jwks": keys}
    assert (await sends(network, f"{BACK}/hooks/new", ADMIN, **asks)).status_code == 303
    (hook,) = (await network.get("/hook-clients", ADMIN)).json()["items"]
    assert (await sends(network, f"{BACK}/hooks/{hook['id']}/revoke", ADMIN)).status_code == 303
    assert (await network.get("/hook-clients", ADMIN)).json()["items"][0]["revoked"]


async def test_a_webhooks_secret_is_shown_once_and_replaced(network: Network) -> None:
    form = {"url": "https://receiver.example/cairn", "place": "hospital-1", "kinds": "referral"}

    def secret_in(shown: httpx.Response) -> str:
        (secret,) = re.findall(r'id="secret">(whsec_[^<]+)<', shown.text)
        return str(secret)

    secret = secret_in(await sends(network, f"{BACK}/pushes/new", ADMIN, **form, once="a"))
    again = await sends(network, f"{BACK}/pushes/new", ADMIN, **form, once="a")
    assert (again.status_code, secret in again.text) == (422, False), "sent twice, made once, and not shown again"
    assert secret not in await listed(network)
    (hook,) = (await network.get("/webhooks", ADMIN)).json()["items"]
    path = f"{BACK}/pushes/{hook['id']}"
    for deed, says in (("secret", "Both sign"), ("change", "What waits"), ("again", "same ids"), ("delete", "Nothing is lost")):
        assert says in (await network.http.get(f"{path}/{deed}", headers={"Cookie": f"cairn_key={ADMIN}"})).text, deed
    assert secret_in(await sends(network, f"{path}/secret", ADMIN, grace_hours="2")) != secret
    rest = {"url": form["url"], "kinds": "", "status": "paused", "read": '"2"'}
    assert (await sends(network, f"{path}/change", ADMIN, **rest)).status_code == 303
    paused = (await network.get("/webhooks", ADMIN)).json()["items"][0]
    assert (paused["status"], paused["kinds"]) == ("paused", [])
    assert (await sends(network, f"{path}/again", ADMIN)).status_code == 303
    assert (await sends(network, f"{path}/delete", "hospital-1")).status_code == 403
    assert (await sends(network, f"{path}/delete", ADMIN)).status_code == 303
    assert (await network.get("/webhooks", ADMIN)).json()["items"] == []
    nowhere = await sends(network, f"{BACK}/pushes/new", ADMIN, **{**form, "place": "hospital-9"})
    assert (nowhere.status_code, "no such place" in nowhere.text) == (422, True)


@pytest.mark.parametrize("key", ["administrator", "coordinator"])
async def test_what_a_pharmacy_lacks_is_said_for_it_and_it_has_it_again(network: Network, key: str) -> None:
    said = {"pharmacy": "pharmacy-1", "medicine": "Amlodipine", "until": "2025-03-20"}
    assert (await sends(network, "/admin/stock", key, **said)).status_code == 303
    (row,) = (await network.get("/stock", "pharmacy-1")).json()["items"]
    assert (row["available"], row["until"]) == (False, "2025-03-20")
    page = await network.http.get("/admin/stock", headers={"Cookie": f"cairn_key={key}"})
    assert "It is there again" in page.text
    assert (await sends(network, "/admin/stock", key, pharmacy="pharmacy-1", medicine="amlodipine", there="yes")).status_code == 303
    assert (await network.get("/stock", "pharmacy-1")).json()["items"][0]["available"] is True
    odd = await sends(network, "/admin/stock", key, pharmacy="hospital-1", medicine="<b>x")
    assert (odd.status_code, "no such place" in odd.text, "<b>x" in odd.text) == (422, True, False)
