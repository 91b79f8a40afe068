"""Signing in at an OpenID provider: off to it, and back with a code.

Rule 1: what the browser carries meanwhile is sealed, in a cookie of its own, for ten minutes, and works once.
Rule 2: who the provider names is signed in as the account that is linked to that name; nobody becomes an account by signing in.
Rule 3: every sign-in is in the audit log.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import IntegrityError

from api.console.desk import COOKIE, first_page
from api.console.pages.signing_in import A_DAY
from api.console.render import html
from api.depends import Parts, caller_of
from api.oidc.provider import AGAIN, Begun, NotSignedIn, OpenId, OpenIdProvider, Person
from api.parts import ApiParts
from api.problems import Problem
from api.signing import device_in
from api.smart.addresses import NoAddress, base_of
from api.trail import trail_of
from records.clock import system_time
from records.smart import used_before
from records.subjects import Subjects
from records.vault import WrongKey

log = logging.getLogger(__name__)
router = APIRouter(prefix="/auth/oidc", include_in_schema=False)

START, CALLBACK = "/auth/oidc/start", "/auth/oidc/callback"
PATHS = frozenset({START, CALLBACK})  # answer anybody
CARRIED = "cairn_oidc"  # the cookie that is carried to the provider and back
LASTS = timedelta(minutes=10)
_PURPOSE = "openid sign-ins"

Said = Annotated[str | None, Query(max_length=4000)]


@router.get("/start")
async def start(request: Request, parts: Parts) -> Response:
    """Off to the provider."""
    try:
        openid, base = _openid(parts), base_of(request, parts)
        begun = Begun.fresh()
        address = await openid.address(begun, base + CALLBACK)
    except NoAddress as unknown:
        return _refused(NotSignedIn("no_address", f"Nobody can sign in here so: {unknown}.", 503))
    except NotSignedIn as not_in:
        return _refused(not_in)
    answer = RedirectResponse(address, 303)
    carried = parts.vault.keeper(_PURPOSE).seal(
        "cookie", asdict(begun) | {"issuer": openid.provider.issuer, "until": (system_time() + LASTS).timestamp()}
    )
    answer.set_cookie(
        CARRIED,
        base64.urlsafe_b64encode(carried).decode(),
        max_age=int(LASTS.total_seconds()),
        path="/auth/oidc",
        httponly=True,
        samesite="lax",  # it must come along when the provider sends the browser back
        secure=base.startswith("https:"),
    )
    return answer


@router.get("/callback")
async def callback(
    request: Request, parts: Parts, state: Said = None, code: Said = None, iss: Said = None, error: Said = None
) -> Response:
    """Back from the provider."""
    try:
        openid, base = _openid(parts), base_of(request, parts)
        begun = await _carried(request, parts, openid.provider.issuer, state)
        await openid.came_from_here(iss)
        if error or not code:
            raise NotSignedIn("provider_refused", "Your sign-in service did not sign you in. " + AGAIN, 403)
        person = await openid.person(code, begun, base + CALLBACK)
        key, linked = await _signed_in(parts, openid.provider, person, device_in(request))
    except NoAddress as unknown:
        return _refused(NotSignedIn("no_address", f"Nobody can sign in here so: {unknown}.", 503))
    except NotSignedIn as not_in:
        return _refused(not_in)
    try:
        caller = await caller_of(parts, key)
    except Problem:
        return _refused(NotSignedIn("no_place", "Your account's place is no more. Ask an administrator of Cairn.", 403))
    trail = trail_of(request)
    await trail.begins(request, caller, "auth.sign_in", looks=True)
    trail.record = f"{caller.id} linked by e-mail" if linked else caller.id
    # A page of ours that goes on, not a redirect: the cookie is sent by no way that began on another site.
    answer = html("signed_in.html", to=first_page(caller))
    secure = base.startswith("https:")
    answer.set_cookie(COOKIE, key, max_age=A_DAY, httponly=True, samesite="strict", secure=secure)
    answer.delete_cookie(CARRIED, path="/auth/oidc")
    return answer


async def _carried(request: Request, parts: ApiParts, issuer: str, state: str | None) -> Begun:
    """What this browser began, once. Raises NotSignedIn."""
    try:
        sealed = base64.b64decode(request.cookies.get(CARRIED, ""), altchars=b"-_", validate=True)
        told: dict[str, Any] = parts.vault.keeper(_PURPOSE).open("cookie", sealed)
    except (binascii.Error, ValueError, WrongKey):
        raise NotSignedIn("not_begun_here", "This sign-in was not begun in this browser, or long ago. " + AGAIN) from None
    begun = Begun(told["state"], told["nonce"], told["verifier"])
    if not state or not hmac.compare_digest(state.encode(errors="replace"), begun.state.encode()) or told["issuer"] != issuer:
        raise NotSignedIn("wrong_state", "This sign-in was not begun in this browser, or long ago. " + AGAIN)
    now = system_time()
    if told["until"] <= now.timestamp():
        raise NotSignedIn("too_late", "Your sign-in took too long. " + AGAIN)
    async with parts.database.begin() as session:
        if await used_before(session, f"openid:{issuer}", begun.state, now + LASTS):
            raise NotSignedIn("used_before", "This sign-in was used before. " + AGAIN)
    return begun


async def _signed_in(parts: ApiParts, provider: OpenIdProvider, person: Person, device: str) -> tuple[str, bool]:
    """A token, and whether the account was linked just now. Raises NotSignedIn."""
    linked = False
    try:
        async with parts.database.begin() as session:
            subjects = Subjects(session)
            account = await subjects.account(person.issuer, person.subject)
            if account is None and provider.link_by_email and person.email is not None:
                account = await subjects.link_by_email(person.issuer, person.subject, person.email)
                linked = account is not None
            if account is not None and not account.disabled:
                key, row = subjects.sign_in(account)
                row.device = device[:60]
                return key, linked
    except IntegrityError:  # they signed in twice at the same moment, and the other one linked them
        raise NotSignedIn("linked_meanwhile") from None
    if account is not None:
        raise NotSignedIn("disabled", "Your account here is closed. Ask an administrator of Cairn to open it.", 403)
    raise NotSignedIn(
        "unknown",
        f"You are signed in at {provider.called}, but no account here is linked to that. Ask an administrator of Cairn to link "
        f"yours to the subject {person.subject} of {person.issuer}.",
        403,
    )


def _openid(parts: ApiParts) -> OpenId:
    if parts.openid is None:
        raise NotSignedIn("not_set_up", "Nobody signs in by OpenID Connect here: sign in with a key, or ask an administrator.", 404)
    return OpenId(parts.openid, parts.keysets)


def _refused(not_in: NotSignedIn) -> Response:
    log.warning("a sign-in by OpenID Connect was refused: %s", not_in.code)
    answer = html("problem.html", status=not_in.status, problem=Problem(not_in.status, str(not_in)))
    answer.delete_cookie(CARRIED, path="/auth/oidc")
    return answer
