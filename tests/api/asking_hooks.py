"""A record system as the tests of CDS Hooks play it: what it sends, and how it signs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from records.clock import system_time

ISSUER = "https://ehr.hospital.example"
LOINC = "http://loinc.org"
CODES = {"egfr": ("33914-3", "mL/min/{1.73_m2}"), "potassium": ("2823-3", "mmol/L")}


def medicine(name: str, id_: str, *, status: str = "draft", reason: str = "", **more: Any) -> dict[str, Any]:
    """A MedicationRequest as record systems write it."""
    return {
        "resourceType": "MedicationRequest", "id": id_, "status": status, "intent": "order",
        "subject": {"reference": "Patient/1288992"}, "medicationCodeableConcept": {"text": name},
        **({"reasonCode": [{"text": reason}]} if reason else {}), **more,
    }  # fmt: skip


def bundle(resources: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


def observation(name: str, value: float, day: str) -> dict[str, Any]:
    code, unit = CODES[name]
    return {
        "resourceType": "Observation", "status": "final", "code": {"coding": [{"system": LOINC, "code": code}]},
        "effectiveDateTime": day, "valueQuantity": {"value": value, "unit": unit, "code": unit},
    }  # fmt: skip


def person(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "1288992", "gender": "female", "birthDate": "1960-05-01", **more}


def asked(hook: str, *, drafts: Iterable[dict[str, Any]] = (), prefetch: Any = None, **context: Any) -> dict[str, Any]:
    """The body of a call."""
    told: dict[str, Any] = {"userId": "Practitioner/1", "patientId": "1288992", **context}
    if hook != "patient-view":
        told["draftOrders"] = bundle(drafts)
    body = {"hook": hook, "hookInstance": str(uuid4()), "fhirServer": "https://ehr.hospital.example/fhir", "context": told}
    return {**body, "prefetch": prefetch} if prefetch is not None else body


@dataclass
class Signer:
    """Signs as a record system does. ``alg``: RS384 or ES384."""

    alg: str = "ES384"
    kid: str = "key-1"
    issuer: str = ISSUER
    key: Any = field(init=False)

    def __post_init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048) if self.alg.startswith("RS") else ec.generate_private_key(ec.SECP384R1())

    @property
    def jwks(self) -> dict[str, Any]:
        made = (RSAAlgorithm if self.alg.startswith("RS") else ECAlgorithm).to_jwk(self.key.public_key())
        return {"keys": [{**json.loads(made), "kid": self.kid, "use": "sig", "alg": self.alg}]}

    def claims(self, service: str, **changed: Any) -> dict[str, Any]:
        now = int(system_time().timestamp())
        claims = {
            "iss": self.issuer, "aud": f"https://cairn.example/cds-services/{service}", "iat": now,
            "exp": now + int(timedelta(minutes=5).total_seconds()), "jti": uuid4().hex,
        }  # fmt: skip
        return {name: value for name, value in {**claims, **changed}.items() if value is not None}

    def token(self, service: str, **changed: Any) -> str:
        return jwt.encode(self.claims(service, **changed), self.key, algorithm=self.alg, headers={"kid": self.kid})


async def call(http: httpx.AsyncClient, service: str, body: Any, key: str, **headers: str) -> httpx.Response:
    return await http.post(f"/cds-services/{service}", json=body, headers={"Authorization": f"Bearer {key}", **headers})
