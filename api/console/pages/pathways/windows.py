"""Windows in which a draft is open: who else is here, what was saved meanwhile, and what was typed and is not saved.

Rule 1: what is typed is kept for its author a moment after they stop typing, and offered when they come back; it is no edit, so
        that a draft that a colleague has approved stays approved until somebody saves.
Rule 2: whoever has a draft open is told of a newer text before they write on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import fresh_key
from api.console.pages.pathways.showing import OPEN, STATUSES, draft_of, typed
from api.depends import Parts, now_of
from api.editing import etag
from api.parts import ApiParts
from api.problems import Problem
from records.callers import names_of
from records.clock import system_time
from records.tables import DraftWindow
from records.windows import Other, Windows

router = APIRouter(include_in_schema=False)
Drafting = Annotated[Desk, at("pathways.draft", looks=True)]

NOTICES |= {"typing_forgotten": N_("Thrown away. The draft is as it was saved.")}


@router.post("/pathways/{name}/drafts/{draft_id}/here")
async def here(desk: Drafting, parts: Parts, name: str, draft_id: str) -> Response:
    """A window speaks (``do``): it is open, ``typed`` (with ``text``), ``leave``, or ``forget``; it hears how the draft stands."""
    draft, form = await draft_of(parts, name, draft_id), desk.form
    window, did = form.text("window")[:40], form.text("do")
    if draft["status"] not in OPEN and did != "forget":
        return JSONResponse({"read": form.text("read"), "closed": True})
    text = typed(form) if did == "typed" else None
    if not window and did != "forget":
        raise Problem(422, "This cannot be kept as it is.")
    others: Sequence[Other] = ()
    names: dict[str, str] = {}
    async with parts.database.begin() as session:
        windows = Windows(session, draft_id, system_time())
        if did == "leave":
            await windows.close(desk.caller.id, window)
        elif did == "forget":
            await windows.forget(desk.caller.id, window)
        else:
            edit = edit_of(form.text("read"), draft["edit"])
            await windows.open(desk.caller.id, window, edit=edit, typed=text, at=await now_of(parts, session))
            others = await windows.others(desk.caller.id, window)
            names = await names_of(session, [one.by for one in others])
    if did == "forget" and "application/json" not in desk.request.headers.get("accept", ""):
        return desk.go(f"/pathways/{name}/drafts/{draft_id}", "typing_forgotten")
    said: dict[str, Any] = {
        "read": etag(draft["edit"]),
        "others": _part(desk, "pathways/others.html", others=told_of(desk, others, names)),
        "standing": _part(desk, "pathways/standing.html", draft=draft, statuses=STATUSES),
        "who": draft["last_writer_name"],
    }
    if form.text("read") != said["read"]:
        said["text"] = draft["text"]
    return JSONResponse(said)


def told_of(desk: Desk, others: Sequence[Other], names: dict[str, str]) -> list[tuple[str, bool]]:
    """Each person once: what they are called (empty: the reader), and whether they have something that is not saved."""
    typing: dict[str, bool] = {}
    for one in others:
        typing[one.by] = typing.get(one.by, False) or one.typing
    return [("" if by == desk.caller.id else names.get(by) or desk.say("Somebody"), writes) for by, writes in typing.items()]


async def kept(desk: Desk, parts: ApiParts, draft: dict[str, Any], text: str) -> DraftWindow:
    """``text``, which could not be saved, kept for its author in the window that sent it."""
    window, began = desk.form.text("window")[:40] or fresh_key(), edit_of(desk.form.text("read"), draft["edit"])
    async with parts.database.begin() as session:
        windows, now = Windows(session, draft["id"], system_time()), await now_of(parts, session)
        await windows.open(desk.caller.id, window, edit=began, typed=text, at=now)
    return DraftWindow(window_id=window, edit=began, typed=text, kept=now)


def edit_of(read: str, now: int) -> int:
    """The edit that a window says it has read; it cannot have read one that is still to come."""
    digits = read.strip().strip('"')
    return min(int(digits), now) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0


def _part(desk: Desk, template: str, **shown: Any) -> str:
    return bytes(desk.html(template, **shown).body).decode()
