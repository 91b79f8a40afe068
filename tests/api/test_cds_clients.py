"""A record system signs each call of a hook: what it was registered for opens; what was made up or kept does not."""

from __future__ import annotations

import base64
import dataclasses
import hmac
import json
import re
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select

from api.app import create_app
from records.clock import system_time
from records.tables import AuditRow
from tests.api.asking_hooks import ISSUER, Signer, asked, bundle, call, medicine, person
from tests.api.conftest import Network
from tests.api.serving import served

VIEW = "cairn-patient-view"
CLIENT = {"name": "record system", "role": "clinic", "place": "hospital-1", "issuer": ISSUER}


async def _registered(network: Network, signer: Signer, **more: Any) -> dict[str, Any]:
    answer = await network.post("/hook-clients", {**CLIENT, "jwks": signer.jwks, **more}, "administrator")
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def _status(network: Network, token: str, service: str = VIEW) -> tuple[int, str]:
    answer = await call(network.http, service, asked("patient-view", patientId="x"), token)
    return answer.status_code, answer.json().get("detail", "")


@pytest.mark.parametrize("alg", ["ES384", "RS384"])
async def test_a_registered_record_system_is_answered_and_written_down_by_name(network: Network, alg: str) -> None:
    signer = Signer(alg)
    client = await _registered(network, signer)
    patient = await network.enrol()
    answer = await call(network.http, VIEW, asked("patient-view", patientId=patient), signer.token(VIEW))
    assert (answer.status_code, len(answer.json()["cards"])) == (200, 1)
    async with network.parts.database.reading() as session:
        (row,) = await session.scalars(select(AuditRow).where(AuditRow.who == client["id"]))
        assert (row.role, row.place, row.action, row.patients) == ("clinic", "hospital-1", "hooks.call", [patient])
    told = {"feedback": [{"card": answer.json()["cards"][0]["uuid"], "outcome": "accepted"}]}
    for where in (VIEW, f"{VIEW}/feedback"):  # either is meant by clients that there are
        sent = await call(network.http, f"{VIEW}/feedback", told, signer.token(where))
        assert (sent.status_code, sent.json()) == (200, {"cards": 1})


async def test_a_token_that_is_not_what_it_must_be_opens_nothing(network: Network) -> None:
    signer, other = Signer(), Signer()
    await _registered(network, signer)
    now = int(system_time().timestamp())
    public = signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    once = signer.token(VIEW)
    assert (await _status(network, once))[0] == 200
    hostile = {
        "was used before": once,
        "expired": signer.token(VIEW, exp=now - 120, iat=now - 400),
        "longer than an hour": signer.token(VIEW, exp=now + 86400),
        "aud is not this service": signer.token("cairn-order-sign"),
        "issued in the future": signer.token(VIEW, iat=now + 600),
        "issuer is not registered": signer.token(VIEW, iss="https://elsewhere.example"),
        "signature does not fit": other.token(VIEW),
        "lacks one of": signer.token(VIEW, jti=None),
        "jti is no text": signer.token(VIEW, jti=""),
        "no key": Signer(kid="another").token(VIEW),
        "no kid": jwt.encode(signer.claims(VIEW), signer.key, algorithm="ES384"),
        "algorithm": _by_hand({"alg": "none", "typ": "JWT", "kid": "key-1"}, signer.claims(VIEW), b""),
        "algorithm ": _hs256(signer.claims(VIEW), public),
        "no token that can be read": "a.b.c",
        "known here": "not-a-token",
    }
    for says, token in hostile.items():
        status, detail = await _status(network, token)
        assert (status, says.strip() in detail) == (401, True), f"{says}: {status} {detail}"
        assert token not in detail


def _by_hand(header: dict[str, Any], claims: dict[str, Any], signature: bytes) -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _hs256(claims: dict[str, Any], secret: bytes) -> str:
    """Signed with the public key as a shared secret, which the library itself would not do."""
    unsigned = _by_hand({"alg": "HS256", "typ": "JWT", "kid": "key-1"}, claims, b"").removesuffix(".")
    signature = hmac.digest(secret, unsigned.encode(), "sha256")
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


async def test_the_last_word_on_a_client_is_the_administrators(network: Network) -> None:
    signer = Signer()
    client = await _registered(network, signer)
    again = await network.post("/hook-clients", {**CLIENT, "jwks": signer.jwks}, "administrator")
    assert (again.status_code, "registered already" in again.json()["detail"]) == (409, True)
    (listed,) = (await network.get("/hook-clients", "administrator")).json()["items"]
    assert listed == client
    gone = await network.http.delete(f"/api/v1/hook-clients/{client['id']}", headers={"Authorization": "Bearer administrator"})
    assert gone.status_code == 204
    assert (await _status(network, signer.token(VIEW)))[0] == 401
    await _registered(network, signer)  # the issuer is free again
    assert (await _status(network, signer.token(VIEW)))[0] == 200


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"jwks": None}, "one is needed"),
        ({"jwks_url": "https://ehr.example/jwks"}, "exclude each other"),
        ({"jwks": None, "jwks_url": "http://10.0.0.1/jwks"}, "encrypted"),
        ({"jwks": {"keys": []}}, "holds no keys"),
        ({"role": "pharmacy", "place": "pharmacy-1"}, "may not call hooks"),
        ({"role": "doctor"}, "stands at"),
    ],
)
async def test_a_client_that_could_not_call_is_not_registered(network: Network, changed: dict[str, Any], says: str) -> None:
    answer = await network.post("/hook-clients", {**CLIENT, "jwks": Signer().jwks, **changed}, "administrator")
    assert (answer.status_code, says in answer.text) == (422, True), answer.text


async def test_a_browser_of_another_origin_calls_only_where_the_operator_said_so(network: Network) -> None:
    asks = {
        "Origin": "https://ehr.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    parts = dataclasses.replace(network.parts, cds_origins=("https://ehr.example",))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(parts)), base_url="http://cairn.test") as http:
        allowed = await http.options(f"/cds-services/{VIEW}", headers=asks)
        assert allowed.headers["access-control-allow-origin"] == "https://ehr.example"
        assert (await http.get("/cds-services", headers=asks)).headers["access-control-allow-origin"] == "https://ehr.example"
        for address, origin in (("/cds-services", "https://else.example"), ("/api/v1/me", "https://ehr.example")):
            answer = await http.get(address, headers={**asks, "Origin": origin})
            assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-origin" not in (await network.http.get("/cds-services", headers=asks)).headers


async def test_a_client_that_we_did_not_write_asks_every_service_over_a_socket(network: Network) -> None:
    """Only what the discovery says is used: hooks, ids, and what is to be sent along."""
    signer = Signer("RS384")
    await _registered(network, signer)
    await network.enrol(readings={"sbp": 132, "dbp": 82, "egfr": 28}, measured_on="2025-02-20")
    here = person(identifier=[{"system": "urn:cairn:roster", "value": "A-1"}])
    records = {"Patient": here, "MedicationRequest": bundle([]), "Condition": bundle([]), "Observation": bundle([])}
    draft = medicine("metformin 500 mg", "d1")
    said = {}
    async with served(network.parts) as server, httpx.AsyncClient(base_url=server.url) as http:
        for service in (await http.get("/cds-services")).json()["services"]:
            prefetch = {key: records[re.split(r"[/?]", query)[0]] for key, query in service["prefetch"].items()}
            body = asked(service["hook"], drafts=[draft], prefetch=prefetch, selections=["MedicationRequest/d1"])
            answer = await call(http, service["id"], body, signer.token(service["id"]))
            assert answer.status_code == 200, answer.text
            said[service["hook"]] = [(card["indicator"], card["source"]["topic"]["code"]) for card in answer.json()["cards"]]
    assert said == {
        "patient-view": [("info", "HTN-N3")],
        "order-select": [("critical", "MED-M1")],
        "order-sign": [("critical", "MED-M1")],
    }
