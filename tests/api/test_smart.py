"""A hospital's record system signs in by its own keys, gets what it is registered for and no more, and nobody else does."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from api.depends import caller_of
from api.problems import Problem
from api.smart.routes import ASSERTION_TYPE, CONFIGURATION
from api.smart.scopes import allows, granted, merged
from records.clock import system_time
from records.database import Database
from records.smart import SmartClients, new_token, opened_token, used_before
from records.tables import SmartClient
from records.vault import Vault
from tests.api.conftest import Network
from tests.api.elsewhere import Elsewhere, Pair, assertion_claims, elsewhere, key_set, pair
from tests.api.serving import served

NODE = Path(__file__).parents[1] / "node"
AUD = "https://cairn.example/auth/token"
SCOPES = ["system/Task.rus", "system/ServiceRequest.rs", "system/Patient.read"]
SYSTEM = {"name": "hospital system", "role": "clinic", "place": "hospital-1", "scopes": SCOPES}


@pytest.fixture
async def away() -> AsyncIterator[Elsewhere]:
    async with elsewhere() as server:
        yield server


async def _registered(network: Network, key: str = "administrator", **body: Any) -> dict[str, Any]:
    keys = {} if "jwks_url" in body else {"jwks": key_set(pair("RS384"), pair("ES384"))}
    answer = await network.post("/smart-clients", {**SYSTEM, **keys, **body}, key)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def _asked(http: httpx.AsyncClient, assertion: str, scope: str = "system/Task.rs", **form: str) -> httpx.Response:
    body = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    return await http.post("/auth/token", data={**body, "scope": scope, **form})


def _signed(client: str, by: Pair | None = None, aud: str = AUD, header: dict[str, Any] | None = None, **claims: Any) -> str:
    return (by or pair("ES384")).signed(assertion_claims(client, aud, **claims), **(header or {}))


async def _changed(network: Network, client: dict[str, Any], **body: Any) -> httpx.Response:
    headers = {"Authorization": "Bearer administrator", "If-Match": f'"{client["version"]}"'}
    said = {"name": client["name"], "scopes": client["scopes"], **body}
    return await network.http.put(f"/api/v1/smart-clients/{client['id']}", json=said, headers=headers)


async def test_a_record_system_finds_out_where_to_sign_in_and_does_over_a_real_connection(
    network: Network, away: Elsewhere
) -> None:
    network.parts.keysets.within = ("127.0.0.1",)
    object.__setattr__(network.parts, "public_url", "")  # on the loopback it is known by its own address
    away.answers["/jwks.json"] = (200, key_set(pair("RS384"), pair("ES384")))
    clients = [await _registered(network), await _registered(network, jwks_url=f"{away.url}/jwks.json")]
    async with served(network.parts) as server, httpx.AsyncClient(base_url=server.url) as http:
        found = (await http.get(CONFIGURATION)).json()
        assert found["token_endpoint"] == f"{server.url}/auth/token"
        assert found["token_endpoint_auth_signing_alg_values_supported"] == ["RS384", "ES384"]
        assert "system/*.rs" in found["scopes_supported"]
        for client, alg in ((client, alg) for client in clients for alg in ("RS384", "ES384")):
            answer = await _asked(http, _signed(client["id"], pair(alg), found["token_endpoint"]), "system/Task.read")
            assert answer.status_code == 200, answer.text
            told = answer.json()
            assert (told["token_type"], told["expires_in"], told["scope"]) == ("bearer", 300, "system/Task.read")
            assert answer.headers["cache-control"] == "no-store"
            signed = {"Authorization": f"Bearer {told['access_token']}"}
            bundle = await http.get("/fhir/Task", headers=signed)
            assert (bundle.status_code, bundle.json()["resourceType"]) == (200, "Bundle"), bundle.text
            assert (await http.get("/fhir/ServiceRequest", headers=signed)).status_code == 403
            assert (await http.put("/fhir/Task/x", json={"resourceType": "Task", "id": "x"}, headers=signed)).status_code == 403
    caller = await caller_of(network.parts, told["access_token"])
    assert (caller.id, caller.role, caller.place) == (clients[1]["id"], "clinic", "hospital-1")
    assert caller.scope.covers_place("hospital-1")
    assert not caller.scope.covers_place("hospital-2")
    strange = await network.http.get(CONFIGURATION)  # cairn.test: whoever calls does not choose what we are called
    assert (strange.status_code, "CAIRN_PUBLIC_URL" in strange.text) == (503, True)
    assert (await _asked(network.http, _signed(clients[0]["id"], aud="http://cairn.test/auth/token"))).status_code == 503


async def test_clients_that_we_did_not_write_sign_in_without_being_told_about_us(network: Network) -> None:
    object.__setattr__(network.parts, "public_url", "")
    client = await _registered(network)
    node = _node()
    async with served(network.parts) as server:
        for alg in ("RS384", "ES384"):
            given = {"base": f"{server.url}/fhir", "client": client["id"], "alg": alg, "kid": pair(alg).kid}
            key = pair(alg).private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            ran = await asyncio.create_subprocess_exec(
                node, str(NODE / "smart_sign_in.mjs"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            out, _ = await ran.communicate(json.dumps({**given, "key": key}).encode())
            assert ran.returncode == 0
            said = json.loads(out)
            assert said.pop("twice"), "an assertion was taken twice"
            right = {"tokenUrl": f"{server.url}/auth/token", "first": "", "tasks": "Bundle", "again": "Bundle", "beyond": 403}
            assert said == right


def _node() -> str:
    """Node, where it and the clients are there. On CI their absence fails the test, elsewhere it skips it."""
    found = shutil.which("node")
    if found is not None and (NODE / "node_modules/@medplum/core").is_dir() and (NODE / "node_modules/fhir-kit-client").is_dir():
        return found
    missing = "Node and the clients are not there; get them with: npm ci --ignore-scripts --prefix tests/node"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def _hostile(client: str) -> dict[str, tuple[str, str]]:
    """By what is wrong: an assertion, and what its refusal says."""
    now, rs, es, other = int(time.time()), pair("RS384"), pair("ES384"), pair("ES384", "stranger")
    claims = assertion_claims(client, AUD)
    # What a careless library would take: a public key as the secret of an HMAC. PyJWT does not sign so; it is signed by hand.
    by_hmac = jwt.PyJWS().encode(json.dumps(claims).encode(), b"x" * 48, algorithm="HS384", headers={"kid": rs.kid})
    head, body, _ = by_hmac.split(".")
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA384).sign(f"{head}.{body}".encode(), rs.pem)
    forged = f"{head}.{body}.{jwt.utils.base64url_encode(signature).decode()}"
    return {
        "expired": (_signed(client, exp=now - 1), "expired"),
        "too long": (_signed(client, exp=now + 3600), "five minutes"),
        "for a time to come": (_signed(client, nbf=now + 200), "clock"),
        "for another server": (_signed(client, aud="https://other.example/auth/token"), AUD),
        "no jti": (_signed(client, jti=None), "jti"),
        "empty jti": (_signed(client, jti=""), "jti"),
        "no exp": (_signed(client, exp=None), "exp"),
        "odd exp": (_signed(client, exp="soon"), "cannot be read"),
        "endless exp": (_signed(client, exp=1e300), "cannot be read"),
        "sub is another": (_signed(client, sub="other"), "client_id"),
        "unknown client": (_signed("nobody"), "administrator"),
        "a client id of another world": (_signed("\u5b57\x00" * 30), "administrator"),
        "a client id that no database keeps": (_signed("\x00"), "administrator"),
        "a stranger's key of our name": (_signed(client, Pair(es.kid, "ES384", other.private)), "signature"),
        "unknown kid": (_signed(client, other), "publish"),
        "no kid": (jwt.encode(claims, es.private, "ES384"), "kid"),
        "alg none": (jwt.encode(claims, None, algorithm="none", headers={"kid": rs.kid}), "RS384 or ES384"),
        "HS384 by the public key": (forged, "RS384 or ES384"),
        "the right key, another algorithm": (jwt.encode(claims, rs.private, "RS256", headers={"kid": rs.kid}), "RS384 or ES384"),
        "keys from elsewhere": (_signed(client, header={"jku": "https://evil.example/jwks.json"}), "jku"),
        "no JWT": ("x.y.z", "JWT"),
        "very long": ("x" * 20_000, "JWT"),
    }


async def test_nobody_signs_in_by_an_assertion_that_is_not_exactly_right(network: Network, caplog: Any) -> None:
    client = (await _registered(network))["id"]
    for what, (assertion, says) in _hostile(client).items():
        answer = await _asked(network.http, assertion)
        assert (answer.status_code, answer.json().get("error")) == (401, "invalid_client"), what
        assert says in answer.json()["error_description"], what
        assert assertion not in caplog.text
    right = _signed(client)
    for what, form, error in (
        ("another grant", {"grant_type": "password"}, "unsupported_grant_type"),
        ("another kind of assertion", {"client_assertion_type": "saml"}, "invalid_request"),
        ("no assertion", {"client_assertion": ""}, "invalid_request"),
        ("another client", {"client_id": "other"}, "invalid_client"),
        ("a scope beyond", {"scope": "system/Observation.cruds"}, "invalid_scope"),
    ):
        answer = await _asked(network.http, right, **form)
        assert (answer.status_code in (400, 401), answer.json()["error"]) == (True, error), what
        assert answer.json()["error_description"]
    twice = await network.http.post("/auth/token", content="scope=a&scope=b", headers={"Content-Type": ASSERTION_TYPE})
    assert twice.json()["error"] == "invalid_request"


async def test_an_assertion_is_taken_once_also_by_two_at_the_same_moment(network: Network) -> None:
    client = (await _registered(network))["id"]
    once = _signed(client)
    answers = await asyncio.gather(*(_asked(network.http, once) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]
    assert "jti" in (await _asked(network.http, once)).json()["error_description"]
    assert (await _asked(network.http, _signed(client))).status_code == 200


async def test_of_two_transactions_one_uses_an_assertion(database: Database) -> None:
    soon = system_time() + timedelta(minutes=5)

    async def use(issuer: str, jti: str = "a") -> bool:
        async with database.begin() as session:
            return await used_before(session, issuer, jti, soon)

    assert sorted(await asyncio.gather(*(use("one") for _ in range(4)))) == [False, True, True, True]
    assert not await use("two")
    assert not await use("one", "b" * 5000)


async def test_what_is_granted_is_what_is_asked_and_registered(network: Network) -> None:
    client = (await _registered(network))["id"]
    for asked, given in (
        ("system/Task.rs", "system/Task.rs"),
        ("system/Task.cruds", "system/Task.rus"),
        ("system/*.rs", "system/Task.rs system/ServiceRequest.rs system/Patient.rs"),
        ("system/*.read system/Task.write openid", "system/Task.rs system/ServiceRequest.rs system/Patient.rs system/Task.u"),
        ("", " ".join(sorted(SCOPES))),
    ):
        answer = await _asked(network.http, _signed(client), asked)
        assert answer.status_code == 200, answer.text
        assert set(answer.json()["scope"].split()) == set(given.split()), asked
    for asked in (
        "system/Observation.rs",
        "patient/Task.rs",
        "system/Task.rs?status=x",
        "system/Task.sr",
        "system/Task.",
        "x" * 900,
    ):
        assert (await _asked(network.http, _signed(client), asked)).json()["error"] == "invalid_scope", asked


def test_scopes_are_read_as_written_and_never_as_more() -> None:
    assert allows(None, "Task", "d")
    assert not allows([], "Task", "r")
    assert allows(["system/*.rs"], "Task", "s")
    assert not allows(["system/*.rs"], "Task", "c")
    assert allows(["system/Task.write"], "Task", "c")
    assert not allows(["system/Task.write"], "Task", "r")
    assert not allows(["user/Task.rs", "system/Task.rs?x=y", "system/Tasks", "system/Task.rr"], "Task", "r")
    assert granted(["system/*.r", "system/Task.cu"], ["system/*.cruds"]) == ["system/*.r", "system/Task.cu"]
    assert merged(["system/Task.s", "system/*.r", "system/Task.read", "system/Task.cu"]) == ["system/*.r", "system/Task.crus"]
    assert granted(["system/*.*"], ["system/Task.write"]) == ["system/Task.write"]


async def test_a_token_opens_nothing_beside_fhir_and_nobody_makes_one(network: Network) -> None:
    client = (await _registered(network))["id"]
    token = (await _asked(network.http, _signed(client))).json()["access_token"]
    for path in ("/referrals", "/me", "/changes"):
        refused = await network.get(path, token)
        assert (refused.status_code, "/fhir" in refused.json()["detail"]) == (403, True), path
    assert (await network.http.get("/today", headers={"Cookie": f"cairn_key={token}"})).status_code == 403
    strange = new_token(Vault(bytes(32)), SmartClient(id=client, version=1), ["system/*.cruds"], now=system_time())
    old = new_token(network.parts.vault, SmartClient(id=client, version=1), SCOPES, now=system_time() - timedelta(seconds=301))
    for wrong in (strange, old, token[:-2], token + "AAAA", "cairnsmart_", "cairnsmart_\u5b57", "cairnsmart_" + "A" * 9000):
        with pytest.raises(Problem, match="401"):
            await caller_of(network.parts, wrong)
    assert opened_token(network.parts.vault, old) is not None


async def test_a_revoked_system_is_out_at_once_and_a_changed_one_signs_in_anew(network: Network) -> None:
    client = await _registered(network)
    token = (await _asked(network.http, _signed(client["id"]))).json()["access_token"]
    await caller_of(network.parts, token)
    assert (await _changed(network, {**client, "version": 7}, jwks=key_set(pair("ES384")))).status_code == 412
    changed = await _changed(network, client, jwks=key_set(pair("ES384", "new")), scopes=["system/Task.r"])
    assert (changed.status_code, changed.json()["version"], changed.headers["etag"]) == (200, 2, '"2"')
    with pytest.raises(Problem, match="401"):
        await caller_of(network.parts, token)
    assert (await _asked(network.http, _signed(client["id"]))).status_code == 401
    answer = await _asked(network.http, _signed(client["id"], pair("ES384", "new")))
    assert answer.json()["scope"] == "system/Task.r"
    await caller_of(network.parts, answer.json()["access_token"])
    address, key = f"/api/v1/smart-clients/{client['id']}", {"Authorization": "Bearer administrator"}
    assert (await network.http.delete(address, headers=key)).status_code == 204
    with pytest.raises(Problem, match="401"):
        await caller_of(network.parts, answer.json()["access_token"])
    assert (await _asked(network.http, _signed(client["id"], pair("ES384", "new")))).status_code == 401
    assert (await network.http.get(address, headers=key)).json()["revoked"]
    assert (await _changed(network, {**client, "version": 3}, jwks=key_set(pair("ES384")))).status_code == 409


async def test_keys_at_an_address_are_kept_rotated_and_never_fetched_at_the_will_of_a_stranger(
    network: Network, away: Elsewhere
) -> None:
    keysets, moment = network.parts.keysets, [1000.0]
    keysets.within, keysets.seconds = ("127.0.0.1",), lambda: moment[0]
    away.answers["/jwks.json"] = (200, key_set(pair("ES384")))
    client = (await _registered(network, jwks_url=f"{away.url}/jwks.json"))["id"]

    async def status(by: Pair) -> int:
        return (await _asked(network.http, _signed(client, by))).status_code

    assert [await status(pair("ES384")) for _ in range(3)] == [200, 200, 200]
    assert away.count("/jwks.json") == 1
    away.answers["/jwks.json"] = (200, key_set(pair("ES384", "new"), pair("ES384")))
    moment[0] += 61
    assert [await status(pair("ES384", "new")), await status(pair("ES384"))] == [200, 200]  # unknown: looked for at once
    assert [await status(pair("ES384", "stranger")) for _ in range(5)] == [401] * 5
    assert away.count("/jwks.json") == 2  # once a minute at the most
    away.answers["/jwks.json"] = (200, key_set(pair("ES384", "new")))
    moment[0] += 601
    assert [await status(pair("ES384")), await status(pair("ES384", "new"))] == [401, 200]  # withdrawn
    away.answers["/jwks.json"] = (503, {})
    moment[0] += 601
    assert await status(pair("ES384", "new")) == 200  # away for a while
    moment[0] += 3600
    assert await status(pair("ES384", "new")) == 401


async def test_a_key_set_that_cannot_be_used_says_so_and_is_not_asked_for_again_at_once(network: Network, away: Elsewhere) -> None:
    keysets, moment = network.parts.keysets, [1000.0]
    keysets.within, keysets.seconds = ("127.0.0.1",), lambda: moment[0]
    client = (await _registered(network, jwks_url=f"{away.url}/jwks.json"))["id"]
    for answer, says in (
        ((302, {}), "302"),
        ((200, b"<html>"), "no JSON"),
        ((200, b"[" * 100_000), "no JSON"),
        ((200, []), "no JSON object"),
        ((200, b" " * 300_000), "too_long"),
        ((200, {"keys": "none"}), "no key"),
        ((200, {"keys": [pair("ES384").secret]}), "private"),
        ((200, {"keys": [{"kty": "EC", "crv": "P-384", "kid": "ES384-one", "x": 7, "y": []}]}), "no key"),
    ):
        moment[0] += 4000
        away.answers["/jwks.json"] = answer
        refused = await _asked(network.http, _signed(client))
        assert (refused.status_code, says in refused.json()["error_description"]) == (401, True), (says, refused.text)
        before = away.count("/jwks.json")
        await asyncio.gather(*(_asked(network.http, _signed(client)) for _ in range(3)))
        assert away.count("/jwks.json") == before
    keysets.within = ()
    moment[0] += 4000
    assert "not_allowed" in (await _asked(network.http, _signed(client))).text


BAD: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"jwks": {"keys": [pair("ES384").secret]}}, "jwks", "private"),
    ({"jwks": {"keys": []}}, "jwks", "no keys"),
    ({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "x"}]}}, "jwks", "private"),
    ({"jwks": {"keys": [{**pair("ES384").public, "use": "enc"}]}}, "jwks", "ES384"),
    ({"jwks": {"keys": [{**pair("ES384").public, "kid": ""}]}}, "jwks", "kid"),
    ({"jwks": {"keys": [pair("ES384").public, pair("ES384").public]}}, "jwks", "kid"),
    ({"jwks": key_set(pair("ES384")), "jwks_url": "https://h.example/jwks"}, "jwks", "one of the two"),
    ({}, "jwks", "one of the two"),
    ({"jwks_url": "http://h.example/jwks"}, "jwks_url", "not encrypted"),
    ({"jwks_url": "https://10.0.0.8/jwks"}, "jwks_url", "our own network"),
    ({"jwks_url": "https://h.example/jwks", "scopes": ["patient/*.rs"]}, "scopes", "system/Task.rs"),
    ({"jwks_url": "https://h.example/jwks", "scopes": ["system/Taks.rs"]}, "scopes", "Task"),
    ({"jwks_url": "https://h.example/jwks", "role": "administrator", "place": "*"}, "role", "clinic"),
    ({"jwks_url": "https://h.example/jwks", "place": "pharmacy-1"}, "place", "hospital"),
)


async def test_a_system_that_does_not_fit_is_not_registered_and_the_remedy_is_said(network: Network) -> None:
    for body, field, says in BAD:
        refused = await network.post("/smart-clients", {**SYSTEM, **body}, "administrator")
        fault = refused.json()["errors"][0]
        assert (refused.status_code, fault["field"]) == (422, field), says
        assert says in fault["reason"] + fault["remedy"]
        assert pair("ES384").secret["d"] not in refused.text


async def test_who_registers_and_who_signed_in_is_written_down(network: Network) -> None:
    client = await _registered(network)
    assert (await network.post("/smart-clients", {**SYSTEM, "jwks": client["jwks"]}, "hospital-1")).status_code == 403
    assert (await network.get(f"/smart-clients/{client['id']}", "administrator")).json() == client
    assert client["id"] in (await network.get("/smart-clients", "administrator")).text
    await _asked(network.http, _signed(client["id"]))
    entries = (await network.get("/audit", "auditor")).json()["items"]
    found = {(entry["action"], entry["who"], entry["role"], entry["status"]) for entry in entries}
    assert ("auth.token", client["id"], "clinic", 200) in found
    assert ("keys.manage", "key-administrator", "administrator", 201) in found
    again = [await network.post("/smart-clients", {**SYSTEM, "jwks": client["jwks"]}, "administrator", Idempotency_Key="k")
             for _ in range(2)]  # fmt: skip
    assert again[0].json() == again[1].json()
    async with network.parts.database.reading() as session:
        assert await SmartClients(session).registered("x" * 60) is None
