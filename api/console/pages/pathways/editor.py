"""A draft in its editor: read, saved by whoever read it last, checked, discarded.

Rule 1: what was typed is never lost: a save that is refused shows it again, beside what somebody else saved meanwhile.
Rule 2: a save is checked at once, so that a draft without errors stands as checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from api.checker import Checked
from api.console.desk import Desk, at
from api.console.forms import fresh_key
from api.console.pages.pathways.showing import OPEN, STATUSES, TABS, count, draft_of, looked_at, panel, tab_of
from api.console.pages.pathways.showing import typed as as_typed
from api.console.pages.pathways.windows import kept
from api.depends import Parts
from api.drafting import edited
from api.editing import etag
from api.models.pathways import DiagnosticOut
from api.parts import ApiParts
from api.problems import Problem
from api.routes.authoring import SCHEMA
from api.routes.drafts import check_draft, discard_draft
from records.clock import system_time
from records.pathways import PublishedPathways, Version
from records.tables import DraftWindow
from records.windows import Windows

router = APIRouter(include_in_schema=False)
Reads = Annotated[Desk, at("pathways.read")]
Drafting = Annotated[Desk, at("pathways.draft")]
AROUND = 3  # lines that are shown around a difference


@router.get("/pathways/{name}/drafts/{draft_id}")
async def draft_page(
    desk: Reads,
    parts: Parts,
    name: str,
    draft_id: str,
    show: Annotated[str, Query(max_length=20)] = "",
    typed: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Its text, and beside it what it would mean; checked only where somebody without a script asks for it (``show``).

    ``typed``: the window in which the reader typed something and did not save it, to go on with that.
    """
    draft = await draft_of(parts, name, draft_id)
    if edits(desk, draft):
        await parts.checker.awake()  # the page is there before anything is typed
    mine = await _not_saved(desk, parts, draft, typed or None)
    if typed and mine is not None and edits(desk, draft):
        if mine.edit != draft["edit"]:
            return _both(desk, draft, mine, status=200)
        return await _shown(desk, parts, draft, text=mine.typed, window=mine.window_id)
    found = await looked_at(parts, draft["text"]) if show else None
    return await _shown(desk, parts, draft, show=show, found=found, mine=mine)


@router.post("/pathways/{name}/drafts/{draft_id}")
async def save_draft(desk: Drafting, parts: Parts, name: str, draft_id: str) -> Response:
    """Save (``do`` save) and check, or check only (``do`` check). A script that asks for JSON is told how the draft stands."""
    draft = await draft_of(parts, name, draft_id)
    form = desk.form
    by_script = "application/json" in desk.request.headers.get("accept", "")
    try:
        text = as_typed(form)
        if form.text("do") == "check":
            found = await looked_at(parts, text)
            return await _shown(desk, parts, draft, text=text, show=form.text("show"), found=found)
        if not _arrived_before(desk, draft, text):
            await edited(parts, desk.caller, draft_id, text, if_match=form.text("read") or None)
    except Problem as problem:
        if by_script or problem.status not in (409, 412, 422):
            raise
        if problem.status != 412:
            sent = form.values.get("text", ("",))[0]
            return await _shown(desk, parts, draft, text=sent, problem=problem, show=form.text("show"))
        draft = await draft_of(parts, name, draft_id)
        return _both(desk, draft, await kept(desk, parts, draft, as_typed(form)))
    await _saved(desk, parts, draft_id)
    clean, said = await _checked(desk, parts, draft_id)
    if by_script:
        saved = await draft_of(parts, name, draft_id)
        shown = {
            "read": etag(saved["edit"]),
            "status": saved["status"],
            "standing": _standing(desk, saved),
            "clean": clean,
            "said": said,
        }
        return JSONResponse(shown)
    return desk.go(
        f"/pathways/{name}/drafts/{draft_id}" + (f"?show={tab_of(form.text('show'))}" if form.text("show") else ""), "draft_saved"
    )


@router.get("/pathways/{name}/drafts/{draft_id}/discard")
async def discard_page(desk: Drafting, parts: Parts, name: str, draft_id: str) -> Response:
    """Whether it is meant."""
    return desk.html("pathways/discard.html", draft=await draft_of(parts, name, draft_id))


@router.post("/pathways/{name}/drafts/{draft_id}/discard")
async def discard(desk: Drafting, parts: Parts, name: str, draft_id: str) -> Response:
    """It will not be published; its text stays."""
    await draft_of(parts, name, draft_id)
    await discard_draft(desk.caller, parts, draft_id, desk.form.text("why")[:2000])
    current, _ = await _current(parts, name)
    return desk.go(f"/pathways/{name}" if current is not None else "/pathways", "draft_discarded")


def edits(desk: Desk, draft: dict[str, Any]) -> bool:
    """Whether the reader may write in it."""
    return desk.may("pathways.draft") and draft["status"] in OPEN


def _arrived_before(desk: Desk, draft: dict[str, Any], text: str) -> bool:
    """Whether this very text was saved by its sender already: only the answer was lost."""
    return draft["status"] in OPEN and draft["text"] == text and draft["last_writer"] == desk.caller.id


async def _not_saved(desk: Desk, parts: ApiParts, draft: dict[str, Any], window: str | None) -> DraftWindow | None:
    """What the reader typed into this draft and did not save."""
    if not desk.may("pathways.draft"):
        return None
    async with parts.database.reading() as session:
        mine = await Windows(session, draft["id"], system_time()).typed(desk.caller.id, window)
    return mine if mine is not None and mine.typed != draft["text"] else None


async def _saved(desk: Desk, parts: ApiParts, draft_id: str) -> None:
    """What was typed in this window is the draft's text now."""
    if window := desk.form.text("window")[:40]:
        async with parts.database.begin() as session:
            await Windows(session, draft_id, system_time()).forget(desk.caller.id, window)


async def _checked(desk: Desk, parts: ApiParts, draft_id: str) -> tuple[bool, str]:
    """Whether what was just saved has no errors, and what to say where it cannot be told: the save stands in any case."""
    try:
        return (await check_draft(desk.caller, parts, draft_id, Response())).clean, ""
    except Problem as problem:
        return False, problem.detail


async def _current(parts: ApiParts, name: str) -> tuple[Version | None, dict[str, Mapping[str, str]]]:
    """The version in force, and what it is called."""
    async with parts.database.reading() as session:
        current = await PublishedPathways(session).current(name)
        found = await parts.plans.versions(session, [current.version]) if current is not None else {}
    return current, {one.name: one.title for one in found.values()}


def _standing(desk: Desk, draft: dict[str, Any]) -> str:
    """The line that says how the draft stands."""
    made = desk.html("pathways/standing.html", draft=draft, statuses=STATUSES)
    return bytes(made.body).decode()


async def _shown(
    desk: Desk,
    parts: ApiParts,
    draft: dict[str, Any],
    *,
    text: str | None = None,
    show: str = "",
    found: Checked | None = None,
    problem: Problem | None = None,
    window: str = "",
    mine: DraftWindow | None = None,
) -> Response:
    """``text``: as it was typed, where it was not saved, in ``window``; ``mine``: what the reader typed once, to be offered."""
    tab, nonce = tab_of(show), fresh_key()
    current, titles = await _current(parts, draft["pathway"])
    writes = edits(desk, draft)
    outline = found.outline if found is not None else {}
    diagnostics = (
        [DiagnosticOut(**{name: getattr(one, name) for name in DiagnosticOut.model_fields}) for one in found.diagnostics]
        if found
        else []
    )
    return desk.html(
        "pathways/editor.html",
        status=problem.status if problem else 200,
        styles=nonce,
        draft=draft,
        text=draft["text"] if text is None else text,
        typed=text is not None and text != draft["text"],
        read=desk.form.text("read") or etag(draft["edit"]),
        current=current,
        titles=titles,
        found=found,
        diagnostics=diagnostics,
        counted=count(diagnostics),
        form=desk.form.refused(problem) if problem else desk.form,
        statuses=STATUSES,
        all_tabs=TABS,
        schema=SCHEMA,
        clean=found.clean if found is not None else None,
        window=window,
        mine=mine,
        **panel(desk, outline, tab, edits=writes, stale=found is not None and outline.get("calendar") is None),
    )


def _both(desk: Desk, draft: dict[str, Any], window: DraftWindow, *, status: int = 412) -> Response:
    """What somebody else saved meanwhile beside what was typed: nothing of either is lost."""
    mine = window.typed or ""
    sides = list(side_by_side(draft["text"], mine))
    nonce = fresh_key()
    shown: dict[str, Any] = {"draft": draft, "mine": mine, "sides": sides, "read": etag(draft["edit"]), "form": desk.form}
    return desk.html("pathways/both.html", status=status, styles=nonce, window=window.window_id, began=etag(window.edit), **shown)


def side_by_side(theirs: str, mine: str) -> Iterator[tuple[int, str, int, str, bool]]:
    """Rows of a comparison: line and text of ``theirs``, line and text of ``mine`` (0: no line), and whether they differ.

    What is the same on both sides is shown only around what is not; a row of two zeros stands for what is left out.
    """
    left, right = theirs.split("\n"), mine.split("\n")
    matcher = (
        SequenceMatcher(None, left, right, autojunk=False) if len(left) + len(right) < 4000 else SequenceMatcher(None, left, right)
    )
    for number, group in enumerate(matcher.get_grouped_opcodes(AROUND)):
        if number:
            yield 0, "", 0, "", False
        for code, a, b, c, d in group:
            for step in range(max(b - a, d - c)):
                at, there = a + step, c + step
                yield (
                    at + 1 if at < b else 0,
                    left[at] if at < b else "",
                    there + 1 if there < d else 0,
                    right[there] if there < d else "",
                    code != "equal",
                )
