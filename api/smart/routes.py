"""Where record systems sign in: what we can do, and a token for a signed assertion.

Rule 1: what goes wrong is said as OAuth has it (RFC 6749, 5.2), with what would be right.
Rule 2: a token is given once for an assertion, lasts five minutes, and holds no more than what is registered.
Rule 3: every token that is given is in the audit log; what was refused is in the log, by its code, and nothing that was sent.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api.depends import Parts
from api.fhir.registry import KINDS
from api.parts import ApiParts
from api.rights import ROLES
from api.smart.addresses import NoAddress, base_of
from api.smart.assertions import ALGORITHMS, LARGEST, Assertions, Refused
from api.smart.scopes import granted, merged, read
from api.trail import NOT_KEPT, trail_of
from records.audit import NotWrittenDown
from records.smart import LASTS, SmartClients, new_token

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)

TOKEN_PATH = "/auth/token"
CONFIGURATION = "/fhir/.well-known/smart-configuration"
PATHS = frozenset({TOKEN_PATH, CONFIGURATION})  # answer anybody
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: What the interactions of the door are called in a scope.
LETTER = {"create": "c", "read": "r", "vread": "r", "history-instance": "r", "update": "u", "patch": "u", "search-type": "s"}


@router.get(CONFIGURATION)
async def configuration(request: Request, parts: Parts) -> Response:
    """What record systems find out for themselves."""
    try:
        base = base_of(request, parts)
    except NoAddress as unknown:
        return _oauth(Refused("temporarily_unavailable", str(unknown), 503))
    told = {
        "token_endpoint": base + TOKEN_PATH,
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": ["system/*.rs", *(f"system/{name}.{letters_of(name)}" for name in sorted(KINDS))],
        "code_challenge_methods_supported": ["S256"],  # must be there, also where nobody signs in by a code
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    }
    return JSONResponse(told, headers={"Access-Control-Allow-Origin": "*"})


@router.post(TOKEN_PATH)
async def token(request: Request, parts: Parts) -> Response:
    """A token for a client's assertion."""
    try:
        return JSONResponse(await _given(request, parts), headers={"Pragma": "no-cache"})
    except NoAddress as unknown:
        return _oauth(Refused("temporarily_unavailable", str(unknown), 503))
    except NotWrittenDown:
        return _oauth(Refused("temporarily_unavailable", NOT_KEPT, 503))
    except Refused as refused:
        log.warning("a token was refused: %s", refused.error)
        return _oauth(refused)


async def _given(request: Request, parts: ApiParts) -> dict[str, Any]:
    """Raises Refused, NoAddress, NotWrittenDown."""
    form = await _form(request)
    if form.get("grant_type") != "client_credentials":
        raise Refused("unsupported_grant_type", "grant_type must be client_credentials: see SMART Backend Services")
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise Refused("invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}")
    assertion = form.get("client_assertion", "")
    if not assertion:
        raise Refused("invalid_request", "client_assertion is missing; send a JWT that your private key has signed")
    audience = base_of(request, parts) + TOKEN_PATH
    proven = await Assertions(parts.database, parts.keysets).proven(
        assertion, audience=audience, client_id=form.get("client_id") or None
    )
    async with parts.database.begin() as session:
        clients = SmartClients(session)
        client = await proven.take(clients)
        asked = form.get("scope", "").split() or client.scopes
        scopes = granted(client.scopes, asked)
        shown = new_token(parts.vault, client, merged(scopes), now=clients.now()) if scopes else ""
        registered, version = " ".join(client.scopes), client.version
    caller = await _caller(parts, shown)
    if caller is None:
        if not shown:
            raise Refused("invalid_scope", _remedy(asked, registered))
        raise Refused("unauthorized_client", "this client's place or role is no more; ask an administrator of Cairn")
    trail = trail_of(request)
    await trail.begins(request, caller, "auth.token", looks=True)
    trail.record = f"{caller.id} version {version}"
    return {"access_token": shown, "token_type": "bearer", "expires_in": int(LASTS.total_seconds()), "scope": " ".join(scopes)}


async def _caller(parts: ApiParts, shown: str) -> Any:
    async with parts.database.reading() as session:
        caller = await SmartClients(session).caller(parts.vault, shown)
    return caller if caller is not None and caller.role in ROLES else None


async def _form(request: Request) -> dict[str, str]:
    """Raises Refused."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refused("invalid_request", "send a form: Content-Type must be application/x-www-form-urlencoded")
    body = await request.body()
    if len(body) > 2 * LARGEST:
        raise Refused("invalid_request", "this is longer than any request for a token")
    try:
        found = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise Refused("invalid_request", "the form cannot be read; encode it as application/x-www-form-urlencoded") from None
    if any(len(values) > 1 for values in found.values()):
        raise Refused("invalid_request", "a parameter is there twice; send each once")
    return {name: values[0] for name, values in found.items()}


def _remedy(asked: list[str], registered: str) -> str:
    if not any(read(one) for one in asked):
        return f"no scope can be read; write them as system/Task.rs or system/Task.read. Registered are: {registered}"
    return f"nothing of the scope is registered for this client; ask for some of: {registered}"


def letters_of(name: str) -> str:
    """What can be done here with resources of this type, as a scope says it."""
    found = {LETTER[one] for one in KINDS[name].interactions}
    return "".join(one for one in "cruds" if one in found)


def _oauth(refused: Refused) -> Response:
    body = {"error": refused.error, "error_description": refused.description}
    headers = {"Pragma": "no-cache"} | ({"Retry-After": "30"} if refused.status == 503 else {})
    return JSONResponse(body, refused.status, headers)
