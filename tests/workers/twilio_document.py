"""Twilio's own OpenAPI document, and what it says of an answer. It comes by npm; nothing here installs anything."""

from __future__ import annotations

import json
import os
import re
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

NODE = Path(__file__).parents[1] / "node"
DOCUMENT = NODE / "node_modules/@twilio/cli-core/src/services/twilio-api/twilio_api_v2010.json"
PRISM = NODE / "node_modules/.bin/prism"
LIST, ONE = "/2010-04-01/Accounts/{AccountSid}/Messages.json", "/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json"
MEDIA = "/2010-04-01/Accounts/{AccountSid}/Messages/{MessageSid}/Media.json"
BALANCE = "/2010-04-01/Accounts/{AccountSid}/Balance.json"
PATHS = (LIST, ONE, MEDIA, BALANCE)

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time-rfc-2822", raises=(TypeError, ValueError))
def _rfc_2822(text: object) -> bool:
    return not isinstance(text, str) or parsedate_to_datetime(text).tzinfo is not None


@FORMATS.checks("phone-number")
def _phone(text: object) -> bool:
    return not isinstance(text, str) or re.fullmatch(r"(whatsapp:)?\+[1-9]\d{6,14}", text) is not None


@FORMATS.checks("currency")
def _currency(text: object) -> bool:
    return not isinstance(text, str) or re.fullmatch("[A-Za-z]{3}", text) is not None


@FORMATS.checks("uri")
def _uri(text: object) -> bool:
    return not isinstance(text, str) or re.fullmatch(r"(https?://[^\s/]+)?/\S*", text) is not None


def needed(file: Path) -> Path:
    """``file``, where npm has brought it. On CI its absence fails the test, elsewhere it skips it."""
    if file.exists():
        return file
    missing = f"{file.name} is not there; get it with: npm ci --ignore-scripts --prefix tests/node"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@cache
def document() -> dict[str, Any]:
    """The parts of the document that speak of messages."""
    whole = json.loads(needed(DOCUMENT).read_text("utf-8"))
    return whole | {"paths": {path: whole["paths"][path] for path in PATHS}}


@cache
def refusal_schema() -> dict[str, Any]:
    """The document describes the shape of a refusal at one operation only; every refusal has it."""
    whole = json.loads(needed(DOCUMENT).read_text("utf-8"))
    answer = whole["paths"]["/2010-04-01/Accounts/{Sid}.json"]["post"]["responses"]["409"]
    schema = answer["content"]["application/json"]["schema"]
    return {**schema, "required": sorted(schema["properties"]), "additionalProperties": False}


def as_json_schema(said: Any) -> Any:
    """A schema of OpenAPI 3.0 in JSON Schema: ``nullable`` is a type of its own there."""
    if isinstance(said, list):
        return [as_json_schema(one) for one in said]
    if not isinstance(said, dict):
        return said
    schema = {name: as_json_schema(one) for name, one in said.items() if name not in ("nullable", "example")}
    if said.get("nullable") is True and isinstance(said.get("type"), str):
        schema["type"] = [said["type"], "null"]
    return schema


@cache
def _components() -> dict[str, Any]:
    return {"schemas": {name: as_json_schema(schema) for name, schema in document()["components"]["schemas"].items()}}


def faults_of(schema: Any, value: Any) -> list[str]:
    """What of ``value`` is not as the schema says."""
    validator = Draft7Validator({**as_json_schema(schema), "components": _components()}, format_checker=FORMATS)
    return [f"{'/'.join(str(part) for part in error.absolute_path)}: {error.message}" for error in validator.iter_errors(value)]


def answer_faults(path: str, verb: str, status: int, body: Any) -> list[str]:
    """What of an answer to ``verb`` at ``path`` is not as Twilio's document says."""
    operation = document()["paths"][path][verb.lower()]
    if status >= 400:
        return faults_of(refusal_schema(), body)
    if str(status) not in operation["responses"]:
        return [f"the document has no {status} for {operation['operationId']}"]
    content = operation["responses"][str(status)].get("content")
    if content is None:
        return [] if body is None else ["a body where there is none"]
    schema = content["application/json"]["schema"]
    return faults_of(schema, body) + _not_exactly(schema, body)


def _not_exactly(schema: dict[str, Any], body: Any) -> list[str]:
    """The document asks for no field; the real provider sends every one, and none besides."""
    if "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    fields = set(schema["properties"])
    odd = [f"{name} is missing" for name in fields - set(body)] + [f"{name} is unknown" for name in set(body) - fields]
    for name, one in schema["properties"].items():
        if one.get("type") == "array" and "$ref" in one["items"]:
            odd += [fault for item in body.get(name, []) for fault in _not_exactly(one["items"], item)]
    return odd


def request_faults(path: str, verb: str, *, query: dict[str, Any], form: dict[str, Any]) -> list[str]:
    """What of a request is not as the document says; only the names, types and enumerations that it has."""
    operation = document()["paths"][path][verb.lower()]
    named = {one["name"]: one["schema"] for one in operation.get("parameters", []) if one["in"] == "query"}
    asked = operation.get("requestBody", {}).get("content", {}).get("application/x-www-form-urlencoded", {}).get("schema", {})
    faults = [f"{name} is unknown" for name in [*(set(query) - set(named)), *(set(form) - set(asked.get("properties", {})))]]
    faults += [f"{name} is missing" for name in asked.get("required", []) if name not in form]
    for name, value in {**query, **form}.items():
        schema = named.get(name) or asked.get("properties", {}).get(name)
        if schema is not None:
            typed = int(value) if schema.get("type") == "integer" and str(value).lstrip("-").isdigit() else value
            faults += [f"{name}: {fault}" for fault in faults_of(schema, typed)]
    return faults
