"""Where somebody who is signed in sits: who they are, how they read, what pages they may open, and how their forms come in.

Rule 1: a page shows what the API shows to the same caller; the session is in a cookie that no script reads and no other site sends.
Rule 2: a form that changes something comes from a page of ours that was shown to the same session (``csrf``), or is refused.
Rule 3: an address holds opaque ids only: no name and no phone number. A search is the exception; it is in no log.
Rule 4: what saves works without script; scripts make it quicker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.console.forms import Form, csrf_token, is_ours, read_form
from api.console.languages import N_ as N_
from api.console.languages import area_of, translations
from api.console.refusals import told
from api.console.render import Reader, html
from api.depends import Allowed, caller_of, parts_of
from api.parts import ApiParts
from api.problems import Problem
from api.rights import has
from api.writing import Writing
from records.callers import Caller
from records.sign_ins import ONLY_SETTING_UP

COOKIE = "cairn_key"
SAID = "cairn_said"  # what the next page says once: the key of a notice
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
NOT_OURS = "This form is not from a page that was shown to you since you signed in. Go back, reload the page, and send it again."


#: What the next page says once, by key. A page adds its own with ``|=`` where it is defined.
NOTICES: dict[str, str] = {
    "saved": N_("Saved."),
    "stored_not_acted_on": N_("Saved. What follows from it comes in a little while: the clockwork is away for the moment."),
}


@dataclass(frozen=True, slots=True)
class Page:
    """An entry of the navigation. ``right``: who sees it; ``path``: where it leads; ``icon``: in ``parts/icons.html``."""

    right: str
    path: str
    title: str
    icon: str


#: In the order in which they are shown; the first that somebody may open is their first page.
NAVIGATION: tuple[Page, ...] = (
    Page("worklist.read", "/today", N_("Today"), "today"),
    Page("patients.read", "/patients", N_("Patients"), "people"),
    Page("referrals.answer", "/inbox", N_("Inbox"), "inbox"),
    Page("refills.answer", "/inbox", N_("Inbox"), "inbox"),
    Page("refills.decide", "/inbox", N_("Inbox"), "inbox"),
    Page("pathways.read", "/pathways", N_("Pathways"), "pathways"),
    Page("overview.read", "/overview", N_("Overview"), "overview"),
    Page("holidays.write", "/admin", N_("Administration"), "admin"),
    Page("audit.read", "/admin/audit", N_("Audit log"), "audit"),
    Page("sandbox.use", "/phones", N_("Phones"), "phone"),
)
#: Roles whose day begins elsewhere than with the first page that they may open.
BEGINS: Mapping[str, str] = {
    "coordinator": "/pathways",
    "supervisor": "/overview",
    "administrator": "/admin",
    "approver": "/pathways",
    "auditor": "/admin/audit",
}


@dataclass(frozen=True)
class Desk:
    """``form``: what was sent, where something was; ``key``: the session's."""

    request: Request
    parts: ApiParts
    caller: Caller
    reader: Reader
    key: str
    form: Form = field(default_factory=Form)

    @property
    def language(self) -> str:
        return self.reader.language

    @property
    def within(self) -> bool:
        """Whether a script asks for a part of a page (htmx), rather than a browser for a page."""
        return self.request.headers.get("hx-request") == "true"

    def may(self, right: str) -> bool:
        return has(self.caller, right)

    def say(self, text: str) -> str:
        """A text of ours in the reader's language."""
        return translations(self.language, area_of(self.request.url.path.removeprefix("/") + "/")).gettext(text)

    def refused(self, problem: Problem) -> Form:
        """The form with what was wrong, in the reader's language where it is known there."""
        form = self.form.refused(problem)
        return Form(form.values, {name: told(what, self.language) for name, what in form.faults.items()})

    def pages(self) -> list[Page]:
        """What the caller may open, each address once."""
        return pages_of(self.caller)

    def html(
        self, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, styles: str = "", **shown: Any
    ) -> HTMLResponse:
        """The page, or a part of it."""
        said = self.request.cookies.get(SAID, "")
        made = html(
            template,
            status=status,
            reader=self.reader,
            headers=headers,
            styles=styles,
            caller=self.caller,
            pages=self.pages(),
            path=self.request.url.path,
            csrf=csrf_token(self.key),
            notice=NOTICES.get(said, ""),
            provider=self.parts.openid,
            desk=self,
            **shown,
        )
        if said and not self.within:
            made.delete_cookie(SAID)
        return made

    def go(self, path: str, said: str = "") -> Response:
        """To another page. ``said``: the key of what that page says once, in ``NOTICES``."""
        answer: Response = RedirectResponse(path, 303)
        if self.within:
            answer = Response(status_code=204, headers={"HX-Redirect": path})
        if said:
            answer.set_cookie(SAID, said, max_age=60, httponly=True, samesite="strict")
        return answer

    def writing(self) -> Writing:
        """What stores the form: once, however often it is sent, and only where nobody was quicker (its field ``read``)."""
        form, path = self.form, self.request.url.path
        given = f"console/{form.once}" if form.once else None
        asked = sha256(f"{path} {form.fingerprint}".encode()).hexdigest()
        return Writing(self.parts, self.caller.id, given, asked, form.text("read") or None, self.caller.scope)


def pages_of(caller: Caller) -> list[Page]:
    """What the caller may open, each address once."""
    found: dict[str, Page] = {}
    for page in NAVIGATION:
        if has(caller, page.right):
            found.setdefault(page.path, page)
    return list(found.values())


def only_sets_up(caller: Caller) -> bool:
    """Whether somebody must set up a second factor before they may do anything else."""
    return caller.rights == ONLY_SETTING_UP and caller.id != caller.key_id


def first_page(caller: Caller) -> str:
    """Where somebody's day begins."""
    if only_sets_up(caller):
        return "/me/second-factor"
    open_to = [page.path for page in pages_of(caller)]
    begins = BEGINS.get(caller.role, "")
    return begins if begins in open_to else open_to[0] if open_to else "/me"


@dataclass(frozen=True)
class AtDesk(Allowed):
    """Lets people in who have this right, by the cookie that signing in left, and reads the form that they send."""

    async def __call__(self, request: Request, parts: Annotated[ApiParts, Depends(parts_of)]) -> Desk:  # type: ignore[override]
        caller = await super().__call__(request, parts)
        key = request.cookies.get(COOKIE, "")
        desk = Desk(request, parts, caller, Reader.of(request), key)
        if request.method in SAFE:
            return desk
        form = await read_form(request)
        if not is_ours(request, form, key):
            raise Problem(403, NOT_OURS)
        return replace(desk, form=form)

    def shown(self, request: Request) -> str | None:
        return request.cookies.get(COOKIE)


def at(right: str, *, looks: bool = False) -> Any:
    """What a page's ``desk`` depends on: somebody signed in who has ``right``. ``looks``: as for ``may``."""
    return Depends(AtDesk(right, looks))


async def signed_in(request: Request, parts: ApiParts) -> Caller | None:
    """Who is signed in, where anybody is: for pages that answer anybody."""
    try:
        return await caller_of(parts, request.cookies.get(COOKIE), attended=False)
    except Problem:
        return None
