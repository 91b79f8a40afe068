"""Coming in and going out, what goes wrong shown as a page, and a sign-in that ends while somebody writes.

Rule 1: whatever was wrong with a login, a password or a code looks alike.
Rule 2: what somebody had typed when their sign-in ended comes back to the same person, or to nobody; until then it is in the page
        that asks them to sign in, sealed: never in a cookie, and never kept here.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from api import problems
from api.console.amiss import as_pages, page_of
from api.console.desk import COOKIE, N_, first_page, only_sets_up, pages_of, signed_in
from api.console.forms import CSRF, MOST_FIELDS, Form, csrf_token, is_ours, read_form
from api.console.languages import COOKIE as LANGUAGE
from api.console.languages import LANGUAGES, translations
from api.console.render import THEME, THEMES, Reader, html
from api.depends import Parts, caller_of, parts_of
from api.parts import ApiParts
from api.problems import Problem
from api.signing import device_in, done, refused, sign_ins, source_in
from api.trail import trail_of
from records.accounts import Crowded
from records.callers import Caller, Keys
from records.clock import system_time
from records.sign_in_limits import TooManyTries
from records.sign_ins import CodeNeeded
from records.vault import WrongKey

A_DAY = 86400  # seconds; the cookie outlives the sign-in, so that whose form it was is still known
A_YEAR = 365 * A_DAY
LONGEST_KEPT, KEPT_FOR = 100_000, 12 * 3600  # characters of a form; seconds
MACHINES = ("/api/", "/cds-services", "/auth/", "/fhir")  # what is asked for there is answered as a problem, never as a page
WRONG = N_("This does not let you in. Look at what you wrote; after several tries, wait a quarter of an hour.")
TOO_MANY = N_("Too many tries have failed from where you are. Wait a quarter of an hour; then try again.")
BUSY = N_("Many people sign in just now. Try again in a moment.")
ASKED = frozenset({"asked", "ended", "kept", "wrong"})  # why somebody is asked who they are
_KEPT = "kept forms"

router = APIRouter(include_in_schema=False)


def handle(app: FastAPI) -> None:
    """Answer what goes wrong on a page with a page."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        if request.url.path.startswith(MACHINES):
            return problems.answer(problem.status, problem.detail, problem.faults)
        if problem.status == 401:
            return await _asked_to_sign_in(request, parts_of(request))
        caller = await signed_in(request, parts_of(request))
        if caller is not None and only_sets_up(caller) and problem.status == 403:
            return RedirectResponse(first_page(caller), 303)
        return page_of(request, problem, caller)

    as_pages(app, MACHINES)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        """Every route in one table; the whole description is in /openapi.json."""
        return html("docs.html", paths=app.openapi()["paths"])


@router.get("/")
async def sign_in_or_work(request: Request, parts: Parts, key: str | None = None, to: str = "/") -> Response:
    """``/?key=...`` signs in; the key leaves the address at once. ``to``: where a link leads besides."""
    caller = await caller_of(parts, request.cookies.get(COOKIE) if key is None else key)
    going = RedirectResponse(first_page(caller) if _local(to) == "/" or only_sets_up(caller) else _local(to), 303)
    return going if key is None else keep_cookie(going, request, parts, key)


@router.post("/sign-in")
async def sign_in(request: Request, parts: Parts) -> Response:
    """By login and password, then by a code where one is asked for; or by a key."""
    form = await read_form(request)
    came = await _came_in(request, parts, form)
    if isinstance(came, NotIn):
        return _sign_in_page(request, parts, form, came)
    caller, key = came
    if (kept := _kept_for(parts, caller, form.text("kept"))) is not None:
        shown = {"caller": caller, "pages": pages_of(caller), "csrf": csrf_token(key), **kept}
        return keep_cookie(html("kept_form.html", reader=Reader.of(request), **shown), request, parts, key)
    to = _local(form.text("to"))
    to = first_page(caller) if to == "/" or only_sets_up(caller) else to
    return keep_cookie(RedirectResponse(to, 303), request, parts, key)


@router.get("/session")
async def session_of(request: Request, parts: Parts) -> Response:
    """Who is signed in, and what their forms carry: asked by a page before it sends one."""
    caller = await signed_in(request, parts)
    if caller is None:
        return JSONResponse({}, 401)
    return JSONResponse({"who": caller.id, "csrf": csrf_token(request.cookies.get(COOKIE, ""))})


@router.post("/session")
async def sign_in_again(request: Request, parts: Parts) -> Response:
    """Signing in from within a page, so that what is on it stays."""
    form = await read_form(request)
    came = await _came_in(request, parts, form)
    if isinstance(came, NotIn):
        return JSONResponse({"step": came.step, "fault": came.told(Reader.of(request))}, came.status)
    caller, key = came
    return keep_cookie(JSONResponse({"who": caller.id, "csrf": csrf_token(key)}), request, parts, key)


@router.get("/sign-out")
async def signed_out(request: Request, parts: Parts) -> Response:
    """Ends nothing: signing out is a form, so that no other site does it."""
    return _sign_in_page(request, parts)


@router.post("/sign-out")
async def sign_out(request: Request, parts: Parts) -> Response:
    """The cookie is forgotten, and whoever signed in with an account is so no more; a key is a tool's, and stays."""
    key, form = request.cookies.get(COOKIE, ""), await read_form(request)
    caller = await signed_in(request, parts)
    if caller is not None:
        if not is_ours(request, form, key):
            raise Problem(403, "This form is not from a page that was shown to you. Go back, reload the page, and send it again.")
        await trail_of(request).begins(request, caller, "self.change", record=f"{caller.id} signs out")
        async with parts.database.begin() as session:
            await Keys(session).end_sign_in(key)
        parts.keys.forget()
    page = _sign_in_page(request, parts, said="out")
    page.delete_cookie(COOKIE)
    page.headers["Clear-Site-Data"] = '"storage"'
    return page


@router.get("/reading")
async def reading(request: Request, language: str = "", theme: str = "", to: str = "/") -> Response:
    """Another language or theme, kept in this browser."""
    response = RedirectResponse(_local(to), 303)
    if language in LANGUAGES:
        response.set_cookie(LANGUAGE, language, max_age=A_YEAR, samesite="lax")
    if theme in THEMES:
        response.set_cookie(THEME, theme, max_age=A_YEAR, samesite="lax")
    elif theme == "auto":
        response.delete_cookie(THEME)
    return response


def keep_cookie(response: Response, request: Request, parts: ApiParts, key: str) -> Response:
    """The browser holds the sign-in, where no script reads it and no other site sends it."""
    secure = request.url.scheme == "https"
    if parts.trust_forwarded:
        secure = secure or request.headers.get("x-forwarded-proto", "").rpartition(",")[2].strip() == "https"
    if parts.public_url.startswith("https:"):
        secure = secure or request.url.hostname == urlsplit(parts.public_url).hostname
    response.set_cookie(COOKIE, key, max_age=A_DAY, httponly=True, samesite="strict", secure=secure)
    return response


@dataclass(frozen=True, slots=True)
class NotIn:
    """Somebody is not in yet. ``step``: sealed, where a code is asked for next; ``text``: what to tell them."""

    status: int
    text: str = ""
    step: str = ""

    def told(self, reader: Reader) -> str:
        return translations(reader.language).gettext(self.text) if self.text else ""


async def _came_in(request: Request, parts: ApiParts, form: Form) -> tuple[Caller, str] | NotIn:
    """Who signed in and with what; or why not."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "This form is not from a page of ours. Open the sign-in page, and sign in there.")
    source, device, step = source_in(request, parts), device_in(request), form.text("step")
    try:
        if form.text("key"):
            key = form.text("key")
            return await caller_of(parts, key), key
        if step:
            made = await sign_ins(parts).with_code(_bytes(step), form.text("code"), source=source, device=device)
        else:
            made = await sign_ins(parts).sign_in(
                form.text("login")[:100], form.raw("password")[:1000], source=source, device=device
            )
    except CodeNeeded as needed:
        return NotIn(200, "", base64.urlsafe_b64encode(needed.carried).decode())
    except TooManyTries:
        return NotIn(429, TOO_MANY)
    except Crowded:
        return NotIn(503, BUSY)
    except (Problem, WrongKey):
        made = None
    if made is None:
        await refused(request, parts, form.text("login")[:100])
        return NotIn(401, WRONG, step)
    caller = await caller_of(parts, made[0])
    await done(request, caller)
    return caller, made[0]


def _sign_in_page(
    request: Request,
    parts: ApiParts,
    form: Form | None = None,
    not_in: NotIn | None = None,
    *,
    said: str = "",
    to: str = "/",
    kept: str = "",
) -> Response:
    """The page that asks who it is. ``said``: why; ``to``: where to afterwards; ``kept``: the form that waits for it."""
    sent, why = form or Form(), not_in or NotIn(401 if said in ASKED else 200)
    return html(
        "code.html" if why.step else "sign_in.html",
        status=why.status,
        reader=Reader.of(request),
        headers={"Retry-After": str(TooManyTries.seconds)} if why.status == 429 else None,
        said=said,
        to=_local(sent.text("to") or to),
        kept=sent.text("kept") or kept,
        failed=why.text,
        step=why.step,
        form=form,
        provider=parts.openid,
    )


async def _asked_to_sign_in(request: Request, parts: ApiParts) -> Response:
    """The sign-in page in place of another; what was sent to that one goes along."""
    url, kept = request.url, ""
    tried = url.path == "/" and "key" in request.query_params  # on other pages a key is a task's
    to = url.path + (f"?{url.query}" if url.query else "") if request.method == "GET" and not tried else "/"
    if request.method == "POST":
        kept = await _keep(request, parts)
    ended = bool(request.cookies.get(COOKIE)) and not tried
    said = "kept" if kept else "ended" if ended else "wrong" if tried else "asked"
    page = _sign_in_page(request, parts, said=said, to=to, kept=kept)
    if request.headers.get("hx-request") == "true":  # a part of a page is not the place to sign in
        page.headers["HX-Refresh"] = "true"
    return page


async def _keep(request: Request, parts: ApiParts) -> str:
    """The form that was sent, sealed for whoever's sign-in has ended; nothing where that is not known."""
    body = await request.body()
    if len(body) > LONGEST_KEPT or "urlencoded" not in request.headers.get("content-type", "urlencoded"):
        return ""
    async with parts.database.reading() as session:
        row = await Keys(session).of_account(request.cookies.get(COOKIE, ""))
    if row is None:
        return ""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    told = {
        "who": row.account_id,
        "path": path,
        "body": body.decode("utf-8", "replace"),
        "until": system_time().timestamp() + KEPT_FOR,
    }
    return base64.urlsafe_b64encode(parts.vault.keeper(_KEPT).seal("form", told)).decode()


def _kept_for(parts: ApiParts, caller: Caller, sealed: str) -> dict[str, Any] | None:
    """What the same person had typed: where it goes, and its fields."""
    if not sealed:
        return None
    try:
        told = parts.vault.keeper(_KEPT).open("form", _bytes(sealed))
        if told["who"] != caller.id or told["until"] <= system_time().timestamp():
            return None
        fields = parse_qsl(told["body"], keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except (WrongKey, ValueError, KeyError):
        return None
    return {"action": _local(told["path"]), "fields": [(name, value) for name, value in fields if name != CSRF]}


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise WrongKey("this is not ours") from None


def _local(path: str) -> str:
    """An address of ours, and no other site's."""
    return path if path.isprintable() and "\\" not in path and path.startswith("/") and not path.startswith("//") else "/"
