"""Where changes are pushed: a receiver is named, its secret shown once, and it is let rest, told again or left.

Rule: a secret is in the answer to the form that made it, and nowhere else.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form, made
from api.console.pages.admin.asking import Ask, asked, page, places_to_choose, refused
from api.console.pages.admin.connecting import BACK, sure, valued
from api.depends import Session
from api.editing import etag
from api.models.webhooks import NewWebhook, SecretIn, WebhookChange, WebhookIn
from api.problems import Problem, not_found
from api.routes import webhooks

router = APIRouter(include_in_schema=False)
Pushes = Annotated[Desk, at("hooks.manage")]  # a place manages its own through the API
NOTICES["pushed_again"] = N_("What failed is pushed again.")
ADDRESS = Ask("url", N_("Address that takes the changes"), "url", required=True, attributes={"maxlength": 500})
KINDS = Ask("kinds", N_("Of what"), "select", "", choices=(("", "everything"), ("referral", "referral"), ("refill", "refill")))
GRACE = Ask(
    "grace_hours",
    N_("Hours for which the old secret signs too"),
    "number",
    "24",
    required=True,
    attributes={"min": 0, "max": 744},
)
ENDS_PUSH = N_("Nothing is pushed there any more, and what waits for it is dropped. Nothing is lost here.")


@router.get("/admin/connections/pushes/new")
async def new_push(desk: Pushes, session: Session) -> Response:
    """An empty form."""
    return await _push_form(desk, session)


@router.post("/admin/connections/pushes/new")
async def add_push(desk: Pushes) -> Response:
    """The secret is shown this once."""
    form = desk.form
    try:
        sent = made(WebhookIn, url=form.text("url"), place=form.text("place"), kinds=_chosen(form))
        return _once(desk, await webhooks.add_webhook(desk.caller, desk.writing(), sent, Response()))
    except Problem as problem:
        told = (
            form.refused(Problem(422, desk.say(N_("There is no such place among yours."))))
            if problem.status == 404
            else refused(desk, problem)
        )
        async with desk.parts.database.reading() as session:
            return await _push_form(desk, session, form=told)


@router.get("/admin/connections/pushes/{webhook_id}/{deed}")
async def before_push_deed(desk: Pushes, session: Session, webhook_id: str, deed: str) -> Response:
    """What it does."""
    return await _push_deed(desk, session, webhook_id, deed)


@router.post("/admin/connections/pushes/{webhook_id}/{deed}")
async def do_push(desk: Pushes, webhook_id: str, deed: str) -> Response:
    """Another address or a rest, another secret, once more, or no more."""
    form, said = desk.form, "saved"
    try:
        match deed:
            case "change":
                sent = made(WebhookChange, url=form.text("url"), kinds=_chosen(form), status=form.text("status"))
                await webhooks.change_webhook(desk.caller, desk.writing(), webhook_id, sent, Response())
            case "secret":
                hours = made(SecretIn, grace_hours=form.text("grace_hours"))
                return _once(desk, await webhooks.replace_secret(desk.caller, desk.writing(), webhook_id, hours))
            case "again":
                await webhooks.push_again(desk.caller, desk.writing(), webhook_id)
                said = "pushed_again"
            case "delete":
                await webhooks.delete_webhook(desk.caller, desk.writing(), webhook_id)
            case _:
                raise not_found()
    except Problem as problem:
        told = refused(desk, problem)
        async with desk.parts.database.reading() as session:
            return await _push_deed(desk, session, webhook_id, deed, form=told)
    return desk.go(BACK, said=said)


def _chosen(form: Form) -> list[str]:
    return [form.text("kinds")] if form.text("kinds") else []


def _once(desk: Desk, hook: NewWebhook) -> Response:
    return page(desk, "secret.html", kind="secret", about=hook.url, login="", secret=hook.secret, back=BACK)


async def _push_form(desk: Desk, session: AsyncSession, *, form: Form | None = None) -> Response:
    places = await places_to_choose(session, desk, teams=False, kinds=("hospital", "pharmacy"))
    place = Ask("place", N_("Hospital or pharmacy"), required=True, listed=True, choices=places)
    says = [desk.say(N_("What changes from now on is pushed. You are shown the secret that it is signed with, once."))]
    title, status = desk.say(N_("Have changes pushed")), 422 if form else 200
    return asked(desk, title, (place, ADDRESS, KINDS), back=BACK, button=title, says=says, form=form, status=status)


async def _push_deed(desk: Desk, session: AsyncSession, webhook_id: str, deed: str, *, form: Form | None = None) -> Response:
    one = await webhooks.read_webhook(desk.caller, session, webhook_id, Response())
    status, read = 422 if form else 200, etag(one.version)
    match deed:
        case "change":
            choices = (("active", "active"), ("paused", "paused"))
            standing = "paused" if one.status == "paused" else "active"
            fields = (
                valued(ADDRESS, one.url),
                valued(KINDS, one.kinds[0] if one.kinds else ""),
                Ask("status", N_("Standing"), "select", standing, choices=choices),
            )
            title = desk.say(N_("Change it, or let it rest"))
            says = [desk.say(N_("What waits goes to the new address at once."))]
            return asked(desk, title, fields, back=BACK, read=read, says=says, form=form, status=status)
        case "secret":
            title = desk.say(N_("Another secret"))
            says = [desk.say(N_("You are shown it once. Both sign for the hours that you name."))]
            return asked(desk, title, (GRACE,), back=BACK, button=title, says=says, form=form, status=status, about=one.url)
        case "again":
            title = desk.say(N_("Push again what failed?"))
            says = [desk.say(N_("With the same ids, so that whoever took one already can tell."))]
            return asked(desk, title, (), back=BACK, button=desk.say(N_("Push again")), says=says, form=form, about=one.url)
        case "delete":
            return sure(desk, N_("Push no more?"), N_("Push no more"), ENDS_PUSH, one.url)
    raise not_found()
